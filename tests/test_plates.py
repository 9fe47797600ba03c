from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from understudy.errors import BrokenFrameError, MissingFrameError, PlateError, SettingsError, WriteError
from understudy.plates import (
    Frame,
    carried_attributes,
    find_sequence,
    format_frames,
    parse_frames,
    read_frame,
    read_header,
    write_frame,
)


def test_a_frame_comes_back_from_disk_as_it_was(tmp_path: Path, frame: Frame) -> None:
    write_frame(tmp_path / "a.exr", frame)
    back = read_frame(tmp_path / "a.exr")
    assert (back.data_window, back.display_window) == (frame.data_window, frame.display_window)
    np.testing.assert_array_equal(back.channel("depth.Z"), frame.channel("depth.Z"))
    np.testing.assert_array_equal(back.rgb(), frame.rgb().astype(np.float16).astype(np.float32))
    assert back.float_channels == frozenset(["depth.Z"])


def test_timecode_rate_and_reel_carry_over_and_stale_colour_does_not(tmp_path: Path, frame: Frame) -> None:
    tagged = replace(frame, metadata={**frame.metadata, "smpte:TimeCode": "10:11:12:13"})
    write_frame(tmp_path / "a.exr", tagged)
    carried = carried_attributes(read_frame(tmp_path / "a.exr"))
    write_frame(tmp_path / "b.exr", replace(frame, metadata=carried))
    back = read_header(tmp_path / "b.exr").metadata
    assert back["FramesPerSecond"] == (24, 1)
    assert back["reelName"] == "A001"
    assert back["smpte:TimeCode"] == read_header(tmp_path / "a.exr").metadata["smpte:TimeCode"]
    assert "chromaticities" not in back


def test_values_beyond_half_become_its_largest_and_nothing_becomes_infinite(tmp_path: Path) -> None:
    write_frame(tmp_path / "a.exr", Frame.of(np.full((2, 2, 3), 1e6)))
    assert read_frame(tmp_path / "a.exr").pixels.max() == 65504


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


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path, frame: Frame, monkeypatch) -> None:
    path = tmp_path / "a.exr"
    write_frame(path, frame)
    before = path.read_bytes()

    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("understudy.plates._check_written", full_disk)
    with pytest.raises(WriteError, match=r"a\.exr.*No space left"):
        write_frame(path, frame)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_one_sentence(tmp_path: Path, frame: Frame, monkeypatch) -> None:
    monkeypatch.setattr("understudy.durable._part_beside", lambda path: path.with_name(".a.part.exr"))
    (tmp_path / ".a.part.exr").symlink_to("/dev/full")
    with pytest.raises(WriteError, match=r"a\.exr cannot be written"):
        write_frame(tmp_path / "a.exr", frame)
    assert not (tmp_path / "a.exr").exists()
