from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from understudy.faces.alignment import ANCHOR_LANDMARKS, STABLE_LANDMARKS, align_face, template
from understudy.faces.assignment import NOTHING_SAID
from understudy.faces.face import Alignment, Face, FoundFrame, append_found_frame
from understudy.faces.faceset import CropRecord
from understudy.faces.track import link_tracks
from understudy.geometry import Transform
from understudy.monitor import quality
from understudy.monitor.gpu import parse_gpus
from understudy.monitor.quality import CropIndex, FoundFaces, crop_jitter, describe_crops, describe_shot

LANDMARKS = np.zeros((478, 2))


def placed(left: float, top: float = 50.0, side: float = 256.0) -> Transform:
    """The square of `side` plate pixels whose corner is at left, top."""
    return np.array([[1 / side, 0, -left / side], [0, 1 / side, -top / side]])


def alignment(frame: int, left: float, side: float = 256.0) -> Alignment:
    return Alignment(frame, placed(left, side=side), LANDMARKS, 0.9, (12.3, -4.0, 0.0))


def face(frame: int, left: float, score: float = 0.8) -> Face:
    landmarks = np.full((478, 2), (left + 128.0, 178.0))
    aligned = (*STABLE_LANDMARKS, *ANCHOR_LANDMARKS)
    landmarks[list(aligned)] = np.array([left, 50.0]) + 256.0 * template(aligned)
    landmarks[0], landmarks[1] = (left, 50.0), (left + 256.0, 306.0)
    return Face(frame, landmarks, np.zeros(478, np.float32), score)


def record(frame: int, left: float, shot: str = "sh010") -> CropRecord:
    return CropRecord(shot, alignment(frame, left), 256.0, (0.2, 0.2, 0.2), "stamp")


def test_even_movement_is_no_jitter() -> None:
    jitter = crop_jitter({frame: alignment(frame, 3.0 * frame) for frame in range(1001, 1006)})
    assert list(jitter) == [1002, 1003, 1004]
    assert max(jitter.values()) < 1e-6


def test_jitter_is_told_in_pixels_of_a_1024_crop() -> None:
    lefts = {1001: 0.0, 1002: 0.0, 1003: 1.0, 1004: 0.0, 1005: 0.0}
    jitter = crop_jitter({frame: alignment(frame, left) for frame, left in lefts.items()})
    assert jitter[1003] == pytest.approx(2 * 1.0 * 1024 / 256)
    assert jitter[1002] == pytest.approx(1.0 * 1024 / 256)


def test_growing_and_shrinking_is_jitter_of_the_corners() -> None:
    middle = {1001: 256.0, 1002: 258.0, 1003: 256.0}
    jitter = crop_jitter({frame: alignment(frame, -side / 2, side) for frame, side in middle.items()})
    # corners' bends: x -2 and +2 for left and right, y 0 above and -4 below
    assert jitter[1002] == pytest.approx(math.sqrt((4 + 4 + 20 + 20) / 4) * 1024 / 258)


def test_a_hole_has_no_jitter_around_it() -> None:
    assert crop_jitter({frame: alignment(frame, 0.0) for frame in (1001, 1002, 1004, 1005)}) == {}


def test_a_shot_is_told_frame_by_frame() -> None:
    found = {frame: FoundFrame(frame, (face(frame, 2.0 * frame),), "s") for frame in range(1, 6)}
    found[4] = FoundFrame(4, (), "s")
    columns = describe_shot(found, {2: record(2, 4.0)})
    assert columns["frames"] == [1, 2, 3, 4, 5]
    assert columns["faces"] == [1, 1, 1, 0, 1]
    assert columns["cropped"] == [False, True, False, False, False]
    assert columns["score"] == [0.8, 0.9, 0.8, None, 0.8]
    assert columns["native"] == [256.0, 256.0, 256.0, None, 256.0]
    assert columns["jitter_found"][1] == pytest.approx(0, abs=1e-3)


def test_a_shot_is_told_of_the_identity_that_is_looked_at() -> None:
    found = {frame: FoundFrame(frame, (face(frame, 0.0), face(frame, 900.0, 0.3)), "s") for frame in range(1, 4)}
    tracks = link_tracks(found)
    (right,) = (track.number for track in tracks if track.faces[0].box[0] == 900)
    said = NOTHING_SAID.with_assigned(tracks, {right: "ben"})
    for identity, score in (("ben", 0.3), ("anna", 0.8), ("", 0.8)):
        assert describe_shot(found, {}, identity=identity, assignments=said)["score"] == [score] * 3


def test_found_faces_are_read_as_they_come(tmp_path: Path) -> None:
    path = tmp_path / "faces.jsonl"
    watched = FoundFaces(path)
    assert watched.read() == {}
    append_found_frame(path, FoundFrame(1002, (face(1002, 0.0),), "s"))
    append_found_frame(path, FoundFrame(1001, (), "s"))
    assert [(frame, len(one.faces)) for frame, one in watched.read().items()] == [(1001, 0), (1002, 1)]
    append_found_frame(path, FoundFrame(1001, (face(1001, 0.0),), "t"))
    assert len(watched.read()[1001].faces) == 1


def test_a_reader_s_version_changes_with_what_it_reads(tmp_path: Path) -> None:
    path = tmp_path / "faces.jsonl"
    watched = FoundFaces(path)
    versions = []
    for frame in (1001, None, 1002):
        if frame is not None:
            append_found_frame(path, FoundFrame(frame, (), "s"))
        watched.read()
        versions.append(watched.version)
    assert versions[0] == versions[1] < versions[2]


def test_each_face_is_aligned_once_while_the_shot_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    aligned: list[int] = []

    def counted(one: Face, pixel_aspect: float) -> Alignment:
        aligned.append(one.frame)
        return align_face(one, pixel_aspect)

    monkeypatch.setattr(quality, "align_face", counted)
    path = tmp_path / "faces.jsonl"
    watched = FoundFaces(path)
    for frame in range(1001, 1006):
        append_found_frame(path, FoundFrame(frame, (face(frame, 3.0 * frame),), "s"))
        found = watched.read()
        assert describe_shot(found, {}, watched.align) == describe_shot(found, {}, align_face)
    assert aligned == list(range(1001, 1006))
    wide = watched.align(found[1001].faces[0], 2.0)
    assert wide.aligned_from_plate[0, 0] != watched.align(found[1001].faces[0], 1.0).aligned_from_plate[0, 0]


def test_crops_are_read_as_they_come_and_dropped_when_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "crops.jsonl"
    lines = [json.dumps(record(frame, 0.0).to_json()) + "\n" for frame in (1001, 1002)]
    path.write_text("".join(lines))
    watched = CropIndex(path)
    assert list(watched.read()) == [("sh010", 1001), ("sh010", 1002)]
    (tmp_path / "new").write_text(lines[1])
    (tmp_path / "new").replace(path)
    records = watched.read()
    assert list(records) == [("sh010", 1002)]
    assert describe_crops(records) == {
        "shots": ["sh010"],
        "frames": [1002],
        "native": [256.0],
        "yaw": [12.3],
        "pitch": [-4.0],
    }


def test_the_test_s_faces_are_aligned_as_they_are_placed() -> None:
    np.testing.assert_allclose(align_face(face(1, 30.0)).aligned_from_plate, placed(30.0), atol=1e-9)


def test_gpus_are_read_from_the_driver_s_lines() -> None:
    text = "0, NVIDIA RTX A5000, 1024, 24564, 7\n1, NVIDIA T4, 3, 15360, [N/A]\nno GPU here\n"
    first, second = parse_gpus(text)
    assert (first.name, first.used_mib, first.total_mib, first.busy_percent) == ("NVIDIA RTX A5000", 1024, 24564, 7)
    assert (second.index, second.busy_percent) == (1, None)
