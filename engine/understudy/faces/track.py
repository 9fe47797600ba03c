"""Faces over time: links the faces of a shot into tracks and makes each track's alignment steady."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.signal import savgol_filter

from understudy.faces.alignment import align_face
from understudy.faces.cuts import is_cut
from understudy.faces.face import Alignment, Face, FoundFrame
from understudy.geometry import Transform, apply_transform, inverse

__all__ = ["Track", "aligned_track", "cut_frames", "link_tracks", "main_track", "stabilise"]

_LEAST_OVERLAP = 0.25
_LONGEST_GAP = 12
_REMEMBERED, _BELIEVED = 4, 6
"""Faces from which a track's speed is told, and frames for which it is believed: heads turn back."""

_WINDOW = 7
_ORDER = 2
_NOISE = 0.012
"""What landmarks err by, as a share of the square: larger departures from a smooth course are real movement."""

_Edges = tuple[float, float, float, float]
"""Left, top, right, bottom in plate pixels."""


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

    A face joins the track that is expected where it is: one whose last box, at most 12 frames ago, moved on as it
    moved before, overlaps it most; a track that stopped or turned is looked for where it was last. A face that
    overlaps none by a quarter (of the union) starts a new track, and so do all faces after a cut. Size is the sum of
    the boxes' heights over the frames.
    """
    tracks: list[list[Face]] = []
    open_tracks: list[list[Face]] = []
    cuts = set(cut_frames(found))
    for frame in sorted(found):
        open_tracks = [track for track in open_tracks if frame not in cuts and frame - track[-1].frame <= _LONGEST_GAP]
        started = [[face] for face in _joining_none(open_tracks, found[frame].faces)]
        tracks.extend(started)
        open_tracks.extend(started)
    ordered = sorted(tracks, key=lambda track: (-sum(face.box[3] - face.box[1] for face in track), track[0].frame))
    return tuple(Track(number, tuple(track)) for number, track in enumerate(ordered, start=1))


def cut_frames(found: Mapping[int, FoundFrame]) -> tuple[int, ...]:
    """The frames, ascending, whose picture does not go on from that of the frame searched before."""
    frames = sorted(found)
    return tuple(after for before, after in pairwise(frames) if is_cut(found[before].look, found[after].look))


def main_track(tracks: Sequence[Track]) -> Track | None:
    """The main person among these as one track: the largest, and of frames it lacks the faces of those that follow on.

    None when there is no track. A head that leaves the frame and returns, or turns fast, breaks tracks; as long as no
    second face is in the frame it is still the same person.

    Args:
        tracks: The largest first.
    """
    if not tracks:
        return None
    counts = Counter(face.frame for track in tracks for face in track.faces)
    faces = {face.frame: face for face in tracks[0].faces}
    for track in tracks[1:]:
        faces.update({face.frame: face for face in track.faces if counts[face.frame] == 1})
    return Track(tracks[0].number, tuple(faces[frame] for frame in sorted(faces)))


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


def _joining_none(tracks: Sequence[list[Face]], faces: Sequence[Face]) -> list[Face]:
    """Adds the faces of one frame to the tracks that they belong to; returns those that belong to none."""
    left = list(faces)
    for place in (_expected_box, _last_box):
        pairs = [(_union_overlap(place(track, face.frame), face.box), track, face) for track in tracks for face in left]
        for overlap, track, face in sorted(pairs, key=lambda pair: -pair[0]):
            if overlap >= _LEAST_OVERLAP and face in left and track[-1].frame != face.frame:
                track.append(face)
                left.remove(face)
    return left


def _last_box(track: Sequence[Face], _frame: int) -> _Edges:
    return track[-1].box


def _expected_box(track: Sequence[Face], frame: int) -> _Edges:
    """Where a track's face will be in a frame to come when it goes on at the speed of its last faces."""
    first, last = track[-_REMEMBERED:][0], track[-1]
    if first is last:
        return last.box
    ahead = min(frame - last.frame, _BELIEVED) / (last.frame - first.frame)
    x, y = (ahead * (last.box[low] + last.box[low + 2] - first.box[low] - first.box[low + 2]) / 2 for low in (0, 1))
    return last.box[0] + x, last.box[1] + y, last.box[2] + x, last.box[3] + y


def _union_overlap(one: _Edges, other: _Edges) -> float:
    """Shared area over the area of both together."""
    left, top = max(one[0], other[0]), max(one[1], other[1])
    right, bottom = min(one[2], other[2]), min(one[3], other[3])
    shared = max(0.0, right - left) * max(0.0, bottom - top)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return shared / max(areas - shared, 1e-9)
