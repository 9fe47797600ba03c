"""Alignment as a property of the shot: solved once over a whole track, not frame by frame."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from understudy.errors import WriteError
from understudy.faces.alignment import (
    ANCHOR_LANDMARKS,
    STABLE_LANDMARKS,
    alignment_from_motion,
    fit_alignment,
    fit_motion,
    template,
)
from understudy.faces.face import Alignment, Face
from understudy.faces.forehead import with_steady_forehead
from understudy.faces.head_shape import head_poses
from understudy.faces.settle import PASSES, Settled, settled_landmarks
from understudy.faces.settled_file import digest_of, read_settled, write_settled
from understudy.faces.skin import SKIN_LANDMARKS, OnFrame, go_on
from understudy.faces.smooth import smoothed
from understudy.faces.track import LONGEST_GAP, Track
from understudy.geometry import (
    Transform,
    apply_transform,
    compose,
    fit_similarity,
    inverse,
    square_pixels_from_plate,
)

__all__ = ["aligned_track", "anchored", "looks_at", "measure_track"]

_LOST = 0.5
"""Share of its stable landmarks that must be seen for a face to say where it lies; below, the track does."""

_NOISE, _LANDMARK_NOISE, _POSE_NOISE = 0.004, 0.01, 2.0
"""Most that settled places, sizes and rolls err by from frame to frame (in sides of the square, logarithms, radians), a
landmark in the square, and a pose in degrees. What is more is movement, as in photographs that follow each other."""

_AHEAD, _LEAST_COUNT = 15.0, 1e-6
"""Degrees of yaw or pitch within which a face counts for where its track lies in the square, and what all others do."""

_IRISES = ((slice(468, 473), (33, 133)), (slice(473, 478), (362, 263)))
"""Landmarks of an iris, and the corners of its eye."""

_Floats = npt.NDArray[np.float64]


def aligned_track(track: Track, pixel_aspect: float = 1.0, kept_in: Path | None = None) -> tuple[Alignment, ...]:
    """A track's alignments, steady over time, one for each frame from its first face to its last, ascending.

    Steps, each over all frames at once. Landmarks are settled by the motion of the skin that was measured between
    frames (`settled_landmarks`). Each frame's alignment is fitted to them (`fit_motion`), and position, size and roll
    are smoothed by as much as their own noise asks for (`smoothed`), the landmarks then within the aligned square; what
    is covered counts less. Frames without a face, at most 11 in a row, and those whose face is covered, are filled in
    from the frames around. Last, the forehead's edge is held on the skull (`with_steady_forehead`), and the whole track
    moved in the square (`anchored`).

    Across a cut, a longer gap, or where the main person's track was lost and found again, nothing is carried.

    Args:
        track: With or without views; without, landmarks alone say how the face moves.
        pixel_aspect: Of the plate.
        kept_in: A folder for the settled landmarks, which take 0.2 s of one core for each frame; None keeps nothing.
    """
    moved = [one for run in _runs(track) for one in _aligned_run(run, pixel_aspect, kept_in)]
    return anchored(with_steady_forehead(moved))


def measure_track(track: Track, pixel_aspect: float, kept_in: Path, on_frame: OnFrame) -> bool:
    """Does now what takes long in `aligned_track`, and keeps it for then; False when it was stopped.

    Args:
        track: As there.
        pixel_aspect: Of the plate.
        kept_in: A folder for the settled landmarks.
        on_frame: Called `looks_at(track)` times, fewer where something is kept already.
    """
    return all(_settled(run, _in_view(run, pixel_aspect), kept_in, on_frame) is not None for run in _runs(track))


def looks_at(track: Track) -> int:
    """How often frames are looked at to measure a track."""
    return PASSES * len(track.faces)


def _runs(track: Track) -> list[list[Face]]:
    """The parts of a track that are one movement."""
    runs: list[list[Face]] = [[face] for face in track.faces[:1]]
    for before, face in pairwise(track.faces):
        if face.frame in track.starts or face.frame - before.frame > LONGEST_GAP:
            runs.append([])
        runs[-1].append(face)
    return runs


def _aligned_run(run: Sequence[Face], pixel_aspect: float, kept_in: Path | None) -> list[Alignment]:
    landmarks, belief = _landmarks_and_belief(run, pixel_aspect, kept_in)
    numbers = np.array([face.frame for face in run])
    rows = numbers - numbers[0]
    certainty = np.zeros(rows[-1] + 1)
    certainty[rows] = np.where(belief < _LOST, 0, belief**2)  # a hand draws the landmarks beside it along
    if not certainty.any():
        certainty[rows] = 1.0
    poses = np.zeros((len(certainty), 3))
    poses[rows] = _poses(run, landmarks, certainty[rows], pixel_aspect)
    poses = smoothed(poses, certainty, np.full(3, _POSE_NOISE))
    placements = np.zeros((len(certainty), 4))
    placements[rows] = [
        _placement(fit_motion(points, pixel_aspect, *_turned(pose)[:2]), pixel_aspect)
        for points, pose in zip(landmarks, poses[rows], strict=True)
    ]
    placements[rows, 3] = np.unwrap(placements[rows, 3])
    side = math.exp(float(np.median(placements[rows, 2])))
    steady = smoothed(placements, certainty, _NOISE * np.array([side, side, 1.0, 1.0]))
    transforms = [_transform(values, pixel_aspect) for values in steady]
    shapes = np.zeros((len(certainty), landmarks.shape[1] * 2))
    for row, points in zip(rows, landmarks, strict=True):
        shapes[row] = apply_transform(transforms[row], points).ravel()
    shapes = smoothed(shapes, certainty, np.full(shapes.shape[1], _LANDMARK_NOISE))
    confidence = _confidence(certainty, rows, belief * [face.score for face in run])
    return [
        Alignment(
            frame=int(numbers[0]) + row,
            aligned_from_plate=transform,
            landmarks_plate=apply_transform(inverse(transform), shapes[row].reshape(-1, 2)),
            confidence=float(confidence[row]),
            pose=_turned(poses[row]),
            is_filled=bool(certainty[row] == 0),
        )
        for row, transform in enumerate(transforms)
    ]


def anchored(alignments: Sequence[Alignment]) -> tuple[Alignment, ...]:
    """A track's alignments with one similarity put behind all of them, which brings the anchors onto the template.

    It is the mean of what each frame's anchors ask for beside what they would in an average head that is turned so
    (`alignment_from_motion`), above all of frames that look ahead. So eyes and nose of all performers come to the same
    place, whichever way they look, and how they move there is untouched.

    Args:
        alignments: Of one track, by `fit_motion`.
    """
    if not alignments:
        return ()
    placements, counts = [], []
    for one in alignments:
        anchors = apply_transform(one.aligned_from_plate, one.landmarks_plate[list(ANCHOR_LANDMARKS)])
        expected = alignment_from_motion(*one.pose[:2])
        placements.append(_placement(compose(inverse(expected), fit_similarity(anchors, template())), 1.0))
        turned = (one.pose[0] ** 2 + one.pose[1] ** 2) / _AHEAD**2
        counts.append(_LEAST_COUNT if one.is_filled else _LEAST_COUNT + math.exp(-turned / 2))
    beside = _transform(np.average(np.array(placements), axis=0, weights=counts), 1.0)
    return tuple(replace(one, aligned_from_plate=compose(beside, one.aligned_from_plate)) for one in alignments)


def _landmarks_and_belief(run: Sequence[Face], pixel_aspect: float, kept_in: Path | None) -> tuple[_Floats, _Floats]:
    """Landmarks (N, 478, 2) in plate pixels, and how much of the stable ones is to be believed (N,)."""
    found = np.array([face.landmarks_plate for face in run])
    to_view = [_to_view(face, pixel_aspect) for face in run]
    settled = _settled(run, _in_view(run, pixel_aspect), kept_in)
    if settled is None:
        raise RuntimeError("nobody stops it here")
    landmarks = found.copy()
    for row, (to, points) in enumerate(zip(to_view, settled.landmarks_view, strict=True)):
        landmarks[row, :SKIN_LANDMARKS] = apply_transform(inverse(to), points)
    for iris, corners in _IRISES:
        moved = (landmarks - found)[:, corners].mean(axis=1)
        landmarks[:, iris] += moved[:, None]
    return landmarks, settled.belief[:, list(STABLE_LANDMARKS)].mean(axis=1)


def _in_view(run: Sequence[Face], pixel_aspect: float) -> _Floats:
    """The skin's landmarks (N, 468, 2) as they were found, in pixels of each frame's own view."""
    return np.array(
        [apply_transform(_to_view(face, pixel_aspect), face.landmarks_plate[:SKIN_LANDMARKS]) for face in run]
    )


def _settled(run: Sequence[Face], in_view: _Floats, kept_in: Path | None, on_frame: OnFrame = go_on) -> Settled | None:
    """As it was kept, or measured and then kept where a folder is named and there was something to measure.

    None when it was stopped.
    """
    views = [face.view for face in run]
    if kept_in is None or len(run) < 2 or not any(views):
        return settled_landmarks(views, in_view, on_frame)
    digest = digest_of(run)
    kept = read_settled(kept_in, digest)
    if kept is not None and kept.landmarks_view.shape == in_view.shape and kept.belief.shape == in_view.shape[:2]:
        return kept
    settled = settled_landmarks(views, in_view, on_frame)
    if settled is None:
        return None
    settled = settled.rounded()
    with contextlib.suppress(WriteError):  # whoever may only read the project measures again next time
        write_settled(kept_in, digest, settled)
    return settled


def _poses(run: Sequence[Face], landmarks: _Floats, certainty: _Floats, pixel_aspect: float) -> _Floats:
    """(N, 3) degrees, without jumps by whole turns."""
    square_from_plate = square_pixels_from_plate(pixel_aspect)
    in_square = np.array([apply_transform(square_from_plate, points) for points in landmarks])
    depths = np.array([face.depths for face in run], np.float64)
    return np.asarray(np.unwrap(head_poses(in_square, depths, certainty), axis=0, period=360))


def _to_view(face: Face, pixel_aspect: float) -> Transform:
    return face.view.view_from_plate if face.view else fit_alignment(face.landmarks_plate, pixel_aspect)


def _turned(angles: _Floats) -> tuple[float, float, float]:
    """Yaw, pitch and roll in -180..180 degrees."""
    yaw, pitch, roll = ((float(angle) + 180) % 360 - 180 for angle in angles)
    return yaw, pitch, roll


def _confidence(certainty: _Floats, rows: npt.NDArray[np.int_], of_found: _Floats) -> _Floats:
    """(N,): of found frames their own, where they count; filled ones have half of the nearest's, and less further away.

    Args:
        certainty: (N,) 0 in filled frames.
        rows: (M,) the found frames among them.
        of_found: (M,) the detector's score times how much of the face is seen.
    """
    places = np.arange(len(certainty))
    known = places[certainty > 0]
    own = np.zeros(len(certainty))
    own[rows] = of_found
    nearest = known[np.abs(places[:, None] - known).argmin(axis=1)]
    far = np.abs(places - nearest)
    return np.asarray(np.where(far == 0, own, 0.5 * own[nearest] * np.maximum(0, 1 - far / (LONGEST_GAP + 1))))


def _placement(aligned_from_plate: Transform, pixel_aspect: float) -> _Floats:
    """(4,): middle of the square in square plate pixels, logarithm of its side, roll in radians."""
    linear = aligned_from_plate[:, :2] @ np.diag([1 / pixel_aspect, 1.0])
    scale = math.sqrt(abs(float(np.linalg.det(linear))))
    middle = np.linalg.solve(linear, np.array([0.5, 0.5]) - aligned_from_plate[:, 2])
    return np.array([middle[0], middle[1], -math.log(scale), math.atan2(linear[1, 0], linear[0, 0])])


def _transform(placement: _Floats, pixel_aspect: float) -> Transform:
    """`aligned_from_plate` of a placement; inverse of `_placement`."""
    x, y, log_side, roll = placement
    scale = math.exp(-log_side)
    linear = scale * np.array([[math.cos(roll), -math.sin(roll)], [math.sin(roll), math.cos(roll)]])
    shift = np.array([0.5, 0.5]) - linear @ np.array([x, y])
    return np.column_stack([linear @ np.diag([pixel_aspect, 1.0]), shift])
