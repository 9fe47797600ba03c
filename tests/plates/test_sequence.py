from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from understudy.errors import MissingFrameError, SettingsError
from understudy.plates import Frame, find_sequence, format_frames, parse_frames, write_frame


@pytest.mark.parametrize("pattern", ["p.####.exr", "p.%04d.exr", "p.@@@@.exr"])
def test_a_sequence_with_a_hole_is_found(tmp_path: Path, pattern: str) -> None:
    for number in (1001, 1002, 1005):
        write_frame(tmp_path / f"p.{number}.exr", Frame.of(np.zeros((2, 2, 3))))
    plate = find_sequence(tmp_path / pattern)
    assert plate.numbers == (1001, 1002, 1005)
    with pytest.raises(MissingFrameError, match="1003-1004"):
        plate.check_frames(tuple(range(1001, 1006)))
    with pytest.raises(MissingFrameError, match="1003"):
        plate.path(1003)


def test_a_pattern_that_matches_nothing_is_answered_with_what_lies_beside(tmp_path: Path) -> None:
    write_frame(tmp_path / "shot.1001.exr", Frame.of(np.zeros((2, 2, 3))))
    with pytest.raises(MissingFrameError, match=r"shot\.####\.exr"):
        find_sequence(tmp_path / "shto.####.exr")


@pytest.mark.parametrize("text", ["1001-1010", "1001-1009x2,1020", "-5-3", "7"])
def test_frame_ranges_come_back(text: str) -> None:
    numbers = parse_frames(text)
    assert parse_frames(format_frames(numbers)) == numbers


@pytest.mark.parametrize("text", ["", "abc", "10-1", "1-10x0", "1-99999999"])
def test_nonsense_ranges_are_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="frame range"):
        parse_frames(text)
