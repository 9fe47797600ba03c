from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from understudy.errors import FaceError
from understudy.faces.face import Face, FoundFrame, append_found_frame, read_found_frames


def test_faces_come_back_from_disk(tmp_path: Path, face_at: Callable[..., Face]) -> None:
    path = tmp_path / "faces.jsonl"
    append_found_frame(path, FoundFrame(7, (face_at(7, 100, 100, 80),), "stamp"))
    append_found_frame(path, FoundFrame(3, (), "other", (-2.5, 0.25)))
    found = read_found_frames(path)
    assert list(found) == [3, 7]
    assert (found[3].look, found[7].look) == ((-2.5, 0.25), ())
    np.testing.assert_allclose(found[7].faces[0].landmarks_plate, face_at(7, 100, 100, 80).landmarks_plate, atol=5e-4)


def test_a_frame_that_was_searched_before_looks_were_kept_is_read(tmp_path: Path) -> None:
    path = tmp_path / "faces.jsonl"
    path.write_text('{"frame": 8, "stamp": "x", "faces": []}\n')
    assert read_found_frames(path)[8].look == ()


def test_the_last_line_of_a_frame_counts(tmp_path: Path) -> None:
    path = tmp_path / "faces.jsonl"
    append_found_frame(path, FoundFrame(7, (), "old"))
    append_found_frame(path, FoundFrame(7, (), "new"))
    assert read_found_frames(path)[7].stamp == "new"


def test_a_line_that_a_kill_cut_short_is_searched_again(tmp_path: Path) -> None:
    path = tmp_path / "faces.jsonl"
    append_found_frame(path, FoundFrame(7, (), "a"))
    path.write_bytes(path.read_bytes() + b'{"frame": 8, "stamp"')
    assert list(read_found_frames(path)) == [7]
    append_found_frame(path, FoundFrame(8, (), "b"))
    assert list(read_found_frames(path)) == [7, 8]


def test_a_damaged_line_names_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "faces.jsonl"
    path.write_text('{"frame": 8, "stamp": "x", "faces": [{}]}\n')
    with pytest.raises(FaceError, match=r"faces\.jsonl line 1 is damaged"):
        read_found_frames(path)
