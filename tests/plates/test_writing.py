from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from understudy.errors import WriteError
from understudy.plates import Frame, carried_attributes, read_frame, read_header, write_frame


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


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path, frame: Frame, monkeypatch) -> None:
    path = tmp_path / "a.exr"
    write_frame(path, frame)
    before = path.read_bytes()

    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("understudy.plates.writing._check_written", full_disk)
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


def test_what_cannot_be_encoded_is_one_sentence_and_leaves_nothing(tmp_path: Path, frame: Frame) -> None:
    with pytest.raises(WriteError, match=r"a\.exr cannot be encoded"):
        write_frame(tmp_path / "a.exr", replace(frame, channels=("R", "G", "B", "A", "")))
    assert list(tmp_path.iterdir()) == []
