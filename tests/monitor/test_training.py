from __future__ import annotations

import json
from pathlib import Path

import pytest

from understudy.errors import ProjectError
from understudy.monitor.growing import GrowingFile
from understudy.monitor.training import LossLog, PreviewKeeper

from .conftest import png, report


def add(path: Path, *lines: str) -> None:
    with path.open("a") as file:
        file.write("".join(lines))


def test_a_growing_file_gives_each_whole_line_once(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    growing = GrowingFile(path)
    assert growing.read_new() == (False, [])
    add(path, "one\ntw")
    assert growing.read_new() == (False, [b"one"])
    add(path, "o\nthree\n")
    assert growing.read_new() == (False, [b"two", b"three"])
    assert growing.read_new() == (False, [])


def test_a_file_that_was_written_anew_is_read_from_its_start(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    add(path, "one\ntwo\n")
    growing = GrowingFile(path)
    growing.read_new()
    (tmp_path / "new").write_text("three\nfour\nfive\n")
    (tmp_path / "new").replace(path)
    assert growing.read_new() == (True, [b"three", b"four", b"five"])


def test_only_new_reports_are_sent(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    add(path, report(10) + "\n", report(20) + "\n")
    log = LossLog(path)
    first = log.columns(0, 0)
    assert first["columns"]["iteration"] == [10, 20]
    add(path, report(30) + "\n", '{"iteration": 40, "lo')
    second = log.columns(first["generation"], first["next"])
    assert (second["whole"], second["columns"]["iteration"]) == (False, [30])
    assert second["columns"]["speed"] == [pytest.approx(5)]


def test_iterations_that_were_lost_in_a_kill_are_dropped(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    add(path, *(report(10 * number) + "\n" for number in range(1, 6)))
    log = LossLog(path)
    first = log.columns(0, 0)
    add(path, report(25, seconds=0.5) + "\n")
    second = log.columns(first["generation"], first["next"])
    assert second["whole"]
    assert second["columns"]["iteration"] == [10, 20, 25]
    assert second["columns"]["speed"][-1] is None  # the clock starts anew with each run


def test_long_logs_are_averaged_and_no_number_breaks_json(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    add(path, *(report(number) + "\n" for number in range(1, 9001)), report(9001).replace("0.001", "NaN") + "\n")
    columns = LossLog(path).columns(0, 0)
    assert columns["next"] == 9001
    assert 2000 < len(columns["columns"]["loss"]) <= 3000
    assert columns["columns"]["iteration"][0] == pytest.approx(2.5)
    json.dumps(columns, allow_nan=False)


def test_the_last_preview_is_kept_when_a_new_one_comes(tmp_path: Path) -> None:
    path, keeper = tmp_path / "preview.png", PreviewKeeper()
    assert keeper.look(path) == (None, None)
    pictures = [png((shade, 0, 0)) for shade in (10, 20, 30)]
    for picture in pictures:
        path.write_bytes(picture)
        now, before = keeper.look(path)
    assert now is not None
    assert before is not None
    assert (now.data, before.data) == (pictures[2], pictures[1])
    assert keeper.picture(path, before.id) == pictures[1]


def test_a_preview_that_is_only_touched_is_no_new_one(tmp_path: Path) -> None:
    path, keeper = tmp_path / "preview.png", PreviewKeeper()
    path.write_bytes(png((10, 0, 0)))
    keeper.look(path)
    path.write_bytes(png((10, 0, 0)))
    assert keeper.look(path)[1] is None


def test_what_is_no_picture_is_not_shown(tmp_path: Path) -> None:
    path, keeper = tmp_path / "preview.png", PreviewKeeper()
    path.write_bytes(b"secret")
    assert keeper.look(path) == (None, None)
    with pytest.raises(ProjectError):
        keeper.picture(path, "0" * 16)


def test_few_models_previews_are_kept(tmp_path: Path) -> None:
    keeper = PreviewKeeper()
    for number in range(12):
        path = tmp_path / f"{number}.png"
        path.write_bytes(png((number, 0, 0)))
        keeper.look(path)
    assert len(keeper._kept) == 8
