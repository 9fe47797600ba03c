from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from understudy.errors import BrokenFrameError, MissingFrameError, PlateError, SettingsError
from understudy.plates import Frame, find_sequence, read_frame, write_frame


@pytest.mark.parametrize("cut", [0.98, 0.5, 0.01, 0.0])
def test_a_truncated_frame_is_named(tmp_path: Path, cut: float) -> None:
    path = tmp_path / "a.exr"
    write_frame(path, Frame.of(np.random.default_rng(0).uniform(0, 1, (64, 64, 3))))
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * cut)])
    with pytest.raises(BrokenFrameError, match=r"a\.exr"):
        read_frame(path)


def test_a_picture_of_another_kind_under_an_exr_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.exr").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(64))
    with pytest.raises(BrokenFrameError, match=r"a\.exr"):
        read_frame(tmp_path / "a.exr")


def test_a_missing_file_and_an_unknown_ending_are_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFrameError, match=r"gone\.exr"):
        read_frame(tmp_path / "gone.exr")
    with pytest.raises(SettingsError, match=r"\.exr"):
        find_sequence(tmp_path / "movie.####.r3d")


def test_a_missing_channel_is_answered_with_those_that_exist(frame: Frame) -> None:
    with pytest.raises(PlateError, match=r"depth\.Z"):
        frame.rgb("beauty")
