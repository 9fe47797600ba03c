"""How good the faces of a shot and of a faceset are, frame by frame, from what is on disk."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from understudy.faces.alignment import align_face, native_px
from understudy.faces.assignment import NOTHING_SAID, Assignments, tracks_of
from understudy.faces.face import Alignment, Face, FoundFrame
from understudy.faces.faceset import CropRecord
from understudy.faces.track import link_tracks
from understudy.geometry import Transform, apply_transform, inverse
from understudy.monitor.growing import GrowingFile

__all__ = ["CropIndex", "FoundFaces", "crop_jitter", "describe_crops", "describe_shot"]

_CROP_SIDE = 1024.0
_SQUARE = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])


class FoundFaces:
    """A shot's `faces.jsonl`, read as it grows, and what was worked out of it before.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._file = GrowingFile(path)
        self._found: dict[int, FoundFrame] = {}
        self._aligned: WeakKeyDictionary[Face, tuple[float, Alignment]] = WeakKeyDictionary()
        self._lock = threading.Lock()
        self.version = 0
        """Changes with what `read` returns."""

    def read(self) -> dict[int, FoundFrame]:
        """The frames searched so far, ascending; the last line of a frame counts."""
        with self._lock:
            is_new, lines = self._file.read_new()
            if is_new:
                self._found = {}
            self.version += bool(is_new or lines)
            for line in lines:
                with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
                    one = FoundFrame.from_json(json.loads(line))
                    self._found[one.frame] = one
            return dict(sorted(self._found.items()))

    def align(self, face: Face, pixel_aspect: float) -> Alignment:
        """As `align_face`, worked out once for each face that `read` returned, however often the file grows."""
        known = self._aligned.get(face)
        if known is None or known[0] != pixel_aspect:
            known = self._aligned[face] = pixel_aspect, align_face(face, pixel_aspect)
        return known[1]


class CropIndex:
    """A faceset's `crops.jsonl`, read as it grows.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._file = GrowingFile(path)
        self._records: dict[tuple[str, int], CropRecord] = {}
        self._lock = threading.Lock()
        self.version = 0
        """Changes with what `read` returns."""

    def read(self) -> dict[tuple[str, int], CropRecord]:
        """The crops so far, by shot and frame."""
        with self._lock:
            is_new, lines = self._file.read_new()
            if is_new:
                self._records = {}
            self.version += bool(is_new or lines)
            for line in lines:
                with contextlib.suppress(ValueError, KeyError, TypeError):
                    record = CropRecord.from_json(json.loads(line))
                    self._records[record.key] = record
            return dict(sorted(self._records.items()))


def describe_shot(
    found: dict[int, FoundFrame],
    records: dict[int, CropRecord],
    align: Callable[[Face, float], Alignment] = align_face,
    identity: str = "",
    assignments: Assignments = NOTHING_SAID,
) -> dict[str, Any]:
    """A shot as columns, one value for each frame that was searched; None where a frame has no face.

    Args:
        found: The faces found.
        records: The shot's crops by frame; empty before there are any.
        align: How a face lies in its plate; `FoundFaces.align` for a shot that grows.
        identity: Whose crops they are; empty before there are any.
        assignments: Whose the shot's faces are, as far as somebody has said.
    """
    cropped = {number: record.alignment for number, record in records.items()}
    aspect = _pixel_aspect(cropped)
    tracks = tracks_of(identity or None, link_tracks(found, assignments.cuts), assignments)
    detected = {face.frame: align(face, aspect) for track in reversed(tracks) for face in track.faces}
    frames = list(found)
    known = {number: cropped.get(number, detected.get(number)) for number in frames}
    scores = {number: known_one.confidence for number, known_one in known.items() if known_one is not None}
    sizes = {
        number: native_px(known_one.aligned_from_plate) for number, known_one in known.items() if known_one is not None
    }
    return {
        "frames": frames,
        "faces": [len(found[number].faces) for number in frames],
        "cropped": [number in cropped for number in frames],
        "score": _column(frames, scores, 4),
        "native": _column(frames, sizes, 1),
        "jitter": _column(frames, crop_jitter(cropped), 3),
        "jitter_found": _column(frames, crop_jitter(detected), 3),
    }


def describe_crops(records: dict[tuple[str, int], CropRecord]) -> dict[str, Any]:
    """Crops as columns: shot, frame, size in the plate, head pose."""
    rows = list(records.values())
    return {
        "shots": [record.shot for record in rows],
        "frames": [record.frame for record in rows],
        "native": [round(record.native_px, 1) for record in rows],
        "yaw": [round(record.alignment.pose[0], 1) for record in rows],
        "pitch": [round(record.alignment.pose[1], 1) for record in rows],
    }


def crop_jitter(alignments: dict[int, Alignment]) -> dict[int, float]:
    """How far the crop's corners depart from even movement, by frame, in pixels of a crop of 1024.

    It is the second difference of the corners' places in the plate over three consecutive frames (root of the mean
    square of the four), brought to the crop's scale. A frame without both neighbours has none. Real acceleration of the
    head counts as well: what stands out from its surroundings is what to look at.
    """
    corners = {
        number: apply_transform(inverse(alignment.aligned_from_plate), _SQUARE)
        for number, alignment in alignments.items()
    }
    jitter: dict[int, float] = {}
    for number, corner in corners.items():
        if number - 1 in corners and number + 1 in corners:
            bend = corners[number - 1] - 2 * corner + corners[number + 1]
            plate_px = float(np.sqrt((bend**2).sum(axis=1).mean()))
            jitter[number] = plate_px * _CROP_SIDE / native_px(alignments[number].aligned_from_plate)
    return jitter


def _pixel_aspect(alignments: dict[int, Alignment]) -> float:
    """Of the plate, from a crop's alignment, whose axes are equally long in square pixels; 1 when there is none."""
    for alignment in alignments.values():
        axes: npt.NDArray[np.float64] = np.linalg.norm(_linear(alignment.aligned_from_plate), axis=0)
        return round(float(axes[0] / axes[1]), 6)
    return 1.0


def _linear(transform: Transform) -> npt.NDArray[np.float64]:
    return np.asarray(transform[:, :2], np.float64)


def _column(frames: list[int], values: dict[int, float], digits: int) -> list[float | None]:
    return [round(values[number], digits) if number in values else None for number in frames]
