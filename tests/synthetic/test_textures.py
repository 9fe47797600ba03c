"""Painted identities on disk: data only, and never trusted to be whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from understudy.synthetic import textures
from understudy.synthetic.textures import FaceTextures, default_cache_folder

# Without the memory of this process, which would hide what is on disk.
load_textures = textures.load_textures.__wrapped__


@pytest.fixture
def painted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Seeds that were painted; painting itself is replaced by something quick."""
    seeds: list[int] = []

    def paint(seed: int) -> FaceTextures:
        seeds.append(seed)
        layer = np.full((4, 4), 0.25, np.float32)
        albedo = np.stack([layer] * 3, axis=-1)
        color = np.array([0.1, 0.2, 0.3])
        return FaceTextures(albedo, albedo, albedo[..., :2], layer, color, color, 0.6, is_bald=False)

    monkeypatch.setattr(textures, "paint_textures", paint)
    return seeds


def test_an_identity_is_painted_once(tmp_path: Path, painted: list[int]) -> None:
    first, second = load_textures(3, tmp_path), load_textures(3, tmp_path)
    assert painted == [3]
    for name, value in vars(first).items():
        np.testing.assert_array_equal(value, getattr(second, name))
        assert np.asarray(value).dtype == np.asarray(getattr(second, name)).dtype


def test_the_cache_is_read_without_pickle(tmp_path: Path, painted: list[int]) -> None:
    load_textures(3, tmp_path)
    (path,) = tmp_path.iterdir()
    with np.load(path, allow_pickle=False) as stored:
        assert set(stored) == set(FaceTextures.__dataclass_fields__)


def test_a_pickle_in_the_cache_is_not_opened(tmp_path: Path, painted: list[int]) -> None:
    load_textures(3, tmp_path)
    (path,) = tmp_path.iterdir()
    np.savez(path, **dict.fromkeys(FaceTextures.__dataclass_fields__, np.array([object()])))
    load_textures(3, tmp_path)
    assert painted == [3, 3]


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_cache_cut_short_is_painted_again(tmp_path: Path, painted: list[int], share: float) -> None:
    load_textures(3, tmp_path)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    load_textures(3, tmp_path)
    assert painted == [3, 3]
    load_textures(3, tmp_path)
    assert painted == [3, 3]


def test_a_folder_that_cannot_be_written_only_costs_time(tmp_path: Path, painted: list[int]) -> None:
    (tmp_path / "file").write_text("")
    load_textures(3, tmp_path / "file")
    load_textures(3, tmp_path / "file")
    assert painted == [3, 3]


def test_the_cache_lies_where_the_user_keeps_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache_folder() == tmp_path / "understudy" / "synthetic"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert default_cache_folder() == Path.home() / ".cache" / "understudy" / "synthetic"
