"""The cache of crops: made once, whole or not at all, and never out of date."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from understudy.errors import WriteError
from understudy.training import crop_cache
from understudy.training.crop_cache import CachedCrops, Row, cached_crops


class Maker:
    """Makes rows of one number each and remembers which."""

    def __init__(self, keys: str) -> None:
        self.keys = keys
        self.made: list[str] = []

    def __call__(self, number: int) -> Row:
        self.made.append(self.keys[number])
        value = ord(self.keys[number])
        codes = np.full((8, 8, 3), 257 * value, np.uint16)
        return Row(codes, np.full((8, 8), value, np.uint8), np.full((2, 2, 2), value, np.uint8))


Cache = Callable[..., tuple[CachedCrops | None, list[str]]]


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    """Rows of these letters from the cache in `tmp_path`, and which of them had to be made."""

    def go(keys: str, part: str = "training", on_row: Callable[[int], bool] = lambda _: True, side: int = 8) -> object:
        maker = Maker(keys)
        return cached_crops(tmp_path, part, side, list(keys), maker, on_row), maker.made

    return go  # type: ignore[return-value]


def names(folder: Path) -> list[str]:
    return sorted(path.name.rpartition("-")[0] for path in folder.iterdir())


def letters(crops: CachedCrops | None) -> str:
    assert crops is not None
    assert np.array_equal(crops.codes[:, 0, 0, 0] // 257, crops.mattes[:, 0, 0])
    assert np.array_equal(crops.areas[:, 0, 0, 0], crops.mattes[:, 0, 0])
    return "".join(chr(value) for value in crops.mattes[:, 7, 7])


def test_rows_are_made_once_and_mapped_into_memory(cache: Cache) -> None:
    first, made = cache("abc")
    again, made_again = cache("abc")
    assert (letters(first), made, letters(again), made_again) == ("abc", ["a", "b", "c"], "abc", [])
    assert again is not None and isinstance(again.codes, np.memmap) and not again.codes.flags.writeable


def test_only_new_rows_are_made_and_the_old_cache_goes(cache: Cache, tmp_path: Path) -> None:
    cache("abc")
    crops, made = cache("xcbd")
    assert (letters(crops), made) == ("xcbd", ["x", "d"])
    assert names(tmp_path) == ["training-8"]


def test_each_part_and_side_has_a_cache_of_its_own(cache: Cache, tmp_path: Path) -> None:
    cache("abc")
    held_out, made = cache("b", part="held-out")
    assert (letters(held_out), made) == ("b", [])
    cache("abc", side=16)
    assert names(tmp_path) == ["held-out-8", "training-16", "training-8"]


def test_what_was_stopped_leaves_nothing_behind(cache: Cache, tmp_path: Path) -> None:
    assert cache("abc", on_row=lambda done: done < 2) == (None, ["a", "b"])
    assert not list(tmp_path.iterdir())


def test_what_was_broken_off_keeps_the_last_cache(cache: Cache, tmp_path: Path) -> None:
    cache("abc")

    def broken(done: int) -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache("abcd", on_row=broken)
    assert names(tmp_path) == ["training-8"]
    assert cache("abc")[1] == []


@pytest.mark.parametrize("name", ["codes.npy", "mattes.npy", "areas.npy", "index.json"])
def test_a_damaged_cache_is_made_anew(cache: Cache, tmp_path: Path, name: str) -> None:
    cache("abc")
    path = next(tmp_path.iterdir()) / name
    path.write_bytes(path.read_bytes()[:-5])
    crops, made = cache("abc")
    assert (letters(crops), made) == ("abc", ["a", "b", "c"])


def test_a_cache_that_another_process_has_finished_first_is_taken(cache: Cache, tmp_path: Path) -> None:
    cache("abc")
    finished = next(tmp_path.iterdir())
    aside = tmp_path.parent / f"{tmp_path.name}-aside"
    finished.rename(aside)

    def other_process(done: int) -> bool:
        if done == 3:
            shutil.copytree(aside, finished)
        return True

    crops, _ = cache("abc", on_row=other_process)
    assert letters(crops) == "abc" and names(tmp_path) == ["training-8"]


def test_a_disk_without_room_is_told_before_the_work(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crop_cache.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1, 1, 1))
    with pytest.raises(WriteError, match=r"cache of 3 crops needs 0\.0 GiB.*Make room and train again"):
        cache("abc")


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(WriteError, match=r"cache cannot be written: .*make room, or get the right to write there"):
        cached_crops(tmp_path / "cache", "training", 8, ["a"], Maker("a"), lambda _: True)
