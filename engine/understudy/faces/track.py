"""Faces over time: links the faces of a shot into tracks and makes each track's alignment steady."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.signal import savgol_filter

from understudy.faces.alignment import align_face
from understudy.faces.face import Alignment, Face, FoundFrame
from understudy.geometry import Transform, apply_transform, inverse

__all__ = ["Track", "aligned_track", "largest_track", "link_tracks", "stabilise"]

_LEAST_OVERLAP = 0.25
_LONGEST_GAP = 12
_WINDOW = 7
_ORDER = 2
_NOISE = 0.012
"""What landmarks err by, as a share of the square: larger departures from a smooth course are real movement."""


@dataclass(frozen=True, eq=False)
class Track:
    """One person through a shot.

    Attributes:
        number: 1 for the largest track of the shot, 2 for the next.
        faces: At most one for each frame, ascending.
    """

    number: int
    faces: tuple[Face, ...]

    @property
    def frames(self) -> tuple[int, ...]:
        """Numbers of the frames in which the face was found."""
        return tuple(face.frame for face in self.faces)

    @property
    def height_px(self) -> float:
        """Median height of the landmarks' box, in plate pixels."""
        return float(np.median([face.box[3] - face.box[1] for face in self.faces]))


def link_tracks(found: Mapping[int, FoundFrame]) -> tuple[Track, ...]:
    """The shot's faces as tracks, the largest first.

    A face joins the track whose last box, at most 12 frames ago, it overlaps most; one that overlaps none by a quarter
    (of the union) starts a new track. Size is the sum of the boxes' heights over the frames.
    """
    tracks: list[list[Face]] = []
    for frame in sorted(found):
        open_tracks = [track for track in tracks if frame - track[-1].frame <= _LONGEST_GAP]
        pairs = sorted(
            (
                (_union_overlap(track[-1], face), index, track)
                for track in open_tracks
                for index, face in enumerate(found[frame].faces)
            ),
            key=lambda pair: -pair[0],
        )
        taken: set[int] = set()
        for overlap, index, track in pairs:
            if overlap >= _LEAST_OVERLAP and index not in taken and track[-1].frame != frame:
                track.append(found[frame].faces[index])
                taken.add(index)
        tracks.extend([face] for index, face in enumerate(found[frame].faces) if index not in taken)
    ordered = sorted(tracks, key=lambda track: (-sum(face.box[3] - face.box[1] for face in track), track[0].frame))
    return tuple(Track(number, tuple(track)) for number, track in enumerate(ordered, start=1))


def largest_track(found: Mapping[int, FoundFrame]) -> Track | None:
    """The shot's main person as one track: the largest track, and of frames it lacks the largest face.

    None when the shot has no face. A head that leaves the frame and returns, or turns fast, breaks tracks; as long as
    no second face is in the frame it is still the same person.
    """
    tracks = link_tracks(found)
    if not tracks:
        return None
    together = {face.frame for track in tracks for face in track.faces if len(found[face.frame].faces) > 1}
    faces = {face.frame: face for face in tracks[0].faces}
    for track in tracks[1:]:
        faces.update({face.frame: face for face in track.faces if face.frame not in faces | dict.fromkeys(together)})
    return Track(1, tuple(faces[frame] for frame in sorted(faces)))


def aligned_track(track: Track, pixel_aspect: float = 1.0) -> tuple[Alignment, ...]:
    """A track's alignments, steady over time, in the order of its faces."""
    return stabilise([align_face(face, pixel_aspect) for face in track.faces])


def stabilise(alignments: Sequence[Alignment]) -> tuple[Alignment, ...]:
    """The alignments with the landmarks' noise taken out and their movement kept.

    Position, size, roll and the aligned landmarks are fitted over 7 frames by a parabola (Savitzky and Golay,
    "Smoothing and differentiation of data by simplified least squares procedures", 1964), which has no lag. Where the
    fit departs from the measurement by more than landmarks err, the measurement stays: fast moves and cuts are kept.

    Args:
        alignments: Of one track, ascending by frame.
    """
    steady: list[Alignment] = []
    for run in _runs(alignments):
        steady.extend(_stabilised_run(run))
    return tuple(steady)


def _stabilised_run(run: Sequence[Alignment]) -> list[Alignment]:
    if len(run) < 3:
        return list(run)
    placements = _smoothed(np.array([_placement(alignment) for alignment in run]))
    aspects = [_aspect(alignment.aligned_from_plate) for alignment in run]
    transforms = [_transform(values, aspect) for values, aspect in zip(placements, aspects, strict=True)]
    shapes = np.array(
        [
            apply_transform(transform, alignment.landmarks_plate)
            for transform, alignment in zip(transforms, run, strict=True)
        ]
    )
    steady_shapes = _smoothed(shapes.reshape(len(run), -1, 2))
    return [
        replace(
            alignment,
            aligned_from_plate=transform,
            landmarks_plate=apply_transform(inverse(transform), shape),
        )
        for alignment, transform, shape in zip(run, transforms, steady_shapes, strict=True)
    ]


def _smoothed(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Values (N, ..., D) along time; the D belong together, and are in shares of the square or logarithms."""
    window = min(_WINDOW, len(values) if len(values) % 2 else len(values) - 1)
    scale = np.ones(values.shape[-1])
    if values.ndim == 2:
        scale = np.array([1 / np.exp(np.median(values[:, 2]))] * 2 + [1.0, 1.0])
    fitted = savgol_filter(values, window, min(_ORDER, window - 1), axis=0)
    change = fitted - values
    distance = np.linalg.norm(change * scale, axis=-1, keepdims=True)
    kept = 1 / (1 + (distance / _NOISE) ** 4)
    return np.asarray(values + kept * change)


def _placement(alignment: Alignment) -> npt.NDArray[np.float64]:
    """(4,): middle of the square in square plate pixels, logarithm of its side, roll in radians."""
    linear = alignment.aligned_from_plate[:, :2] @ np.diag([1 / _aspect(alignment.aligned_from_plate), 1.0])
    scale = math.sqrt(abs(float(np.linalg.det(linear))))
    middle = np.linalg.solve(linear, np.array([0.5, 0.5]) - alignment.aligned_from_plate[:, 2])
    return np.array([middle[0], middle[1], -math.log(scale), math.atan2(linear[1, 0], linear[0, 0])])


def _transform(placement: npt.NDArray[np.float64], pixel_aspect: float) -> Transform:
    """`aligned_from_plate` of a placement; inverse of `_placement`."""
    x, y, log_side, roll = placement
    scale = math.exp(-log_side)
    linear = scale * np.array([[math.cos(roll), -math.sin(roll)], [math.sin(roll), math.cos(roll)]])
    shift = np.array([0.5, 0.5]) - linear @ np.array([x, y])
    return np.column_stack([linear @ np.diag([pixel_aspect, 1.0]), shift])


def _aspect(aligned_from_plate: Transform) -> float:
    """Pixel aspect of the plate: a similarity's columns are equally long in square pixels."""
    return float(np.linalg.norm(aligned_from_plate[:, 0]) / np.linalg.norm(aligned_from_plate[:, 1]))


def _runs(alignments: Sequence[Alignment]) -> list[list[Alignment]]:
    """Parts in which each frame follows the one before without a hole."""
    runs: list[list[Alignment]] = []
    for alignment in alignments:
        if runs and alignment.frame == runs[-1][-1].frame + 1:
            runs[-1].append(alignment)
        else:
            runs.append([alignment])
    return runs


def _union_overlap(one: Face, other: Face) -> float:
    left, top = max(one.box[0], other.box[0]), max(one.box[1], other.box[1])
    right, bottom = min(one.box[2], other.box[2]), min(one.box[3], other.box[3])
    shared = max(0.0, right - left) * max(0.0, bottom - top)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one.box, other.box))
    return shared / max(areas - shared, 1e-9)
