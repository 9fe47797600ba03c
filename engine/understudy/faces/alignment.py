"""Where a face lies: from landmarks to the unit square in which all faces look alike."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from understudy.faces.face import Alignment, Face
from understudy.faces.head_shape import head_poses
from understudy.faces.sight import Sight
from understudy.faces.view import look_at
from understudy.geometry import (
    Points,
    Transform,
    apply_transform,
    compose,
    fit_similarity,
    inverse,
    scale_of,
    square_pixels_from_plate,
)

__all__ = [
    "ANCHOR_LANDMARKS",
    "FACE_HEIGHT",
    "STABLE_LANDMARKS",
    "align_face",
    "alignment_from_motion",
    "fit_alignment",
    "fit_motion",
    "head_in_square",
    "head_pose",
    "is_template",
    "native_px",
    "square_from_head",
    "template",
    "with_view",
]

FACE_HEIGHT = 0.72
"""Forehead (landmark 10) to chin (152) of a face at rest, as a share of the model's square.

The rest is for an open jaw, for hair and for the random shifts of training."""

_CENTIMETRES = 15.33
_MIDDLE_Y = -0.6
"""Height in the head's own centimetres that comes to the square's middle: of what a face spans at rest.

So mattes seldom come to the border, where they fade: over 960 frames of 40 synthetic performers their outline lies in
that border (4 % of the square) with the forehead in one of 20, with the chin in one of 25
(docs/decisions/0014-alignment-of-a-shot.md)."""

_FAR, _MOST_TURNED = (36.0, 44.0), 80.0
"""Degrees between which a face that turns ceases to grow by its stable landmarks alone; and up to which poses are
believed."""

_SAME = 1e-4
"""A tenth of a pixel of a crop of 1024: what files round templates by is less."""

_HEAD: dict[int, tuple[float, float, float]] = {
    130: (-4.635, 2.593, 3.049),
    359: (4.635, 2.593, 3.049),
    226: (-5.09, 2.414, 2.8),
    446: (5.09, 2.414, 2.8),
    33: (-4.445, 2.66, 3.17),
    263: (4.445, 2.66, 3.17),
    25: (-4.466, 2.267, 3.297),
    255: (4.466, 2.267, 3.297),
    23: (-3.168, 1.93, 4.005),
    253: (3.168, 1.93, 4.005),
    229: (-3.948, 1.576, 3.712),
    449: (3.948, 1.576, 3.712),
    230: (-3.185, 1.578, 3.963),
    450: (3.185, 1.578, 3.963),
    104: (-4.399, 5.963, 3.534),
    333: (4.399, 5.963, 3.534),
    110: (-4.208, 2.063, 3.554),
    339: (4.208, 2.063, 3.554),
    24: (-3.736, 1.966, 3.831),
    254: (3.736, 1.966, 3.831),
    22: (-2.554, 1.982, 4.048),
    252: (2.554, 1.982, 4.048),
    231: (-2.473, 1.618, 4.087),
    451: (2.473, 1.618, 4.087),
    232: (-1.87, 1.848, 4.096),
    452: (1.87, 1.848, 4.096),
    119: (-3.273, 0.922, 4.124),
    348: (3.273, 0.922, 4.124),
    118: (-4.426, 0.791, 3.858),
    347: (4.426, 0.791, 3.858),
    188: (-0.929, 2.026, 5.2),
    412: (0.929, 2.026, 5.2),
    168: (0.0, 3.293, 5.283),
    6: (0.0, 2.604, 5.754),
    2: (0.0, -1.328, 6.132),
    133: (-1.674, 2.569, 3.714),
    362: (1.674, 2.569, 3.714),
    98: (-1.455, -1.299, 5.331),
    327: (1.455, -1.299, 5.331),
}
"""Landmark: x to the picture's right, y up, z towards the camera, in centimetres of an average head."""

_BY_WEIGHT: dict[float, tuple[int, ...]] = {
    1.0: (130, 359, 226, 446),
    0.5: (33, 263, 25, 255, 23, 253, 229, 449, 230, 450, 104, 333),
    0.25: (110, 339, 24, 254, 22, 252, 231, 451, 232, 452, 119, 348, 118, 347, 188, 412, 168, 6, 2),
}

ANCHOR_LANDMARKS: tuple[int, ...] = (33, 133, 362, 263, 168, 2, 98, 327)
"""The landmarks that say where a face lies: corners of the eyes, root and base of the nose.

They put the source identity's eyes and nose where the target identity's are."""

_WEIGHT = {landmark: weight for weight, landmarks in _BY_WEIGHT.items() for landmark in landmarks}

STABLE_LANDMARKS: tuple[int, ...] = tuple(_WEIGHT)
"""The landmarks that say how a face moves: about the outer corners of the eyes, along the rim of the bone below them,
at the temples, and down the nose.

Expression moves them least, and there landmarks slide on the skin least, or in ways that cancel; their weights were
chosen by that on eight synthetic performers and tested on six others (docs/decisions/0014-alignment-of-a-shot.md). Jaw,
lips, cheeks, brows and forehead are left out, so that a face does not slide in its crop when it talks or frowns."""

_WEIGHTS = tuple(_WEIGHT.values())


def template(landmarks: Sequence[int] = ANCHOR_LANDMARKS) -> Points:
    """(N, 2) float64: where landmarks of an average frontal face lie in the unit square; (8, 2) for the anchors."""
    return _head_in_square(landmarks, np.eye(3))


def is_template(values: Any) -> bool:
    """Whether values that a faceset or a snapshot carries are this version's `template`.

    Faces that were aligned by another one lie otherwise in their square: they must not be mixed.
    """
    try:
        other = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        return False
    return other.shape == template().shape and bool(np.abs(other - template()).max() < _SAME)


def fit_alignment(landmarks_plate: Points, pixel_aspect: float = 1.0) -> Transform:
    """`aligned_from_plate`: the similarity, in square pixels, that brings the anchors onto the template.

    Args:
        landmarks_plate: (478, 2) plate pixels.
        pixel_aspect: Of the plate.
    """
    square_from_plate = square_pixels_from_plate(pixel_aspect)
    anchors = apply_transform(square_from_plate, landmarks_plate[list(ANCHOR_LANDMARKS)])
    return compose(fit_similarity(anchors, template()), square_from_plate)


def fit_motion(landmarks_plate: Points, pixel_aspect: float = 1.0, yaw: float = 0.0, pitch: float = 0.0) -> Transform:
    """As `fit_alignment`, of the stable landmarks: steadier, about another place, and for each performer elsewhere.

    The landmarks lie side by side and shrink together as a head turns, so that by them alone a face would be drawn 1.6
    times as large at 60 degrees, its chin out of the square. From 40 degrees on it grows and moves as the anchors of an
    average head say, which lie above each other too: 1.3 times. Nearer to the front the error of the pose would do more
    harm: a degree is half a per cent of the size. Up to 36 degrees the pose has no part in it.

    Args:
        landmarks_plate: (478, 2) plate pixels.
        pixel_aspect: Of the plate.
        yaw: Degrees, as in `Alignment.pose`.
        pitch: Degrees.
    """
    square_from_plate = square_pixels_from_plate(pixel_aspect)
    stable = apply_transform(square_from_plate, landmarks_plate[list(STABLE_LANDMARKS)])
    return compose(_far_turn(yaw, pitch), compose(_fit_stable(stable), square_from_plate))


def alignment_from_motion(yaw: float, pitch: float) -> Transform:
    """What `fit_alignment` does beside `fit_motion` when an average head turns: a similarity of the unit square.

    The stable landmarks lie higher and deeper in a head than the anchors, and so turn about another place.

    Args:
        yaw: Degrees, as in `Alignment.pose`.
        pitch: Degrees.
    """
    return _anchors_beside_stable(_eased(yaw), _eased(pitch))


def _far_turn(yaw: float, pitch: float) -> Transform:
    """How otherwise a head is drawn that is turned far: a similarity of the unit square, none up to 36 degrees."""
    most_yaw, most_pitch = np.clip((yaw, pitch), -_MOST_TURNED, _MOST_TURNED).tolist()
    return compose(inverse(alignment_from_motion(yaw, pitch)), _anchors_beside_stable(most_yaw, most_pitch))


def _eased(angle: float) -> float:
    """The angle up to 36 degrees, then ever less of it, 40 from 44 on."""
    first, last = _FAR
    size = min(abs(angle), last)
    return math.copysign(size - max(size - first, 0.0) ** 2 / (2 * (last - first)), angle)


def _anchors_beside_stable(yaw: float, pitch: float) -> Transform:
    """What `fit_alignment` does beside the stable landmarks alone, in an average head that is turned so."""
    from_head = _from_head(yaw, pitch)
    anchors, stable = (_head_in_square(which, from_head) for which in (ANCHOR_LANDMARKS, STABLE_LANDMARKS))
    return compose(fit_similarity(anchors, template()), inverse(_fit_stable(stable)))


def _from_head(yaw: float, pitch: float) -> npt.NDArray[np.float64]:
    """(3, 3) that turns rows of head coordinates."""
    across, up = np.radians((yaw, pitch))
    about_x = np.array([[1, 0, 0], [0, np.cos(up), np.sin(up)], [0, -np.sin(up), np.cos(up)]])
    about_y = np.array([[np.cos(across), 0, np.sin(across)], [0, 1, 0], [-np.sin(across), 0, np.cos(across)]])
    return np.asarray((about_y @ about_x).T)


def head_in_square(head: npt.NDArray[np.float64]) -> Points:
    """(N, 2) float64 in the unit square of points (N, 3) of a head: x to the picture's right, y up, in centimetres."""
    scale = FACE_HEIGHT / _CENTIMETRES
    return np.column_stack([0.5 + head[:, 0] * scale, 0.5 - (head[:, 1] - _MIDDLE_Y) * scale])


def square_from_head(yaw: float, pitch: float) -> npt.NDArray[np.float64]:
    """(2, 4) float64: where a place on an average head lies in the square of `fit_motion` when the head is turned so.

    The last column is added to the product of the others with the place: x to the picture's right, y up, z towards the
    camera, in centimetres, from the head's own middle.

    Args:
        yaw: Degrees, as in `Alignment.pose`.
        pitch: Degrees.
    """
    from_head = _from_head(yaw, pitch)
    motion = compose(_far_turn(yaw, pitch), _fit_stable(_head_in_square(STABLE_LANDMARKS, from_head)))
    origin, *axes = apply_transform(motion, head_in_square(np.vstack([np.zeros(3), from_head])))
    return np.column_stack([*(axis - origin for axis in axes), origin])


def _head_in_square(landmarks: Sequence[int], rotation: npt.NDArray[np.float64]) -> Points:
    return head_in_square(np.array([_HEAD[landmark] for landmark in landmarks]) @ rotation)


def _fit_stable(points: Points) -> Transform:
    return fit_similarity(points, template(STABLE_LANDMARKS), _WEIGHTS)


def align_face(face: Face, pixel_aspect: float = 1.0) -> Alignment:
    """The alignment of one face on its own; `steady.aligned_track` solves it over a shot."""
    aligned_from_plate = fit_alignment(face.landmarks_plate, pixel_aspect)
    return Alignment(face.frame, aligned_from_plate, face.landmarks_plate, face.score, head_pose(face, pixel_aspect))


def with_view(face: Face, sight: Sight) -> Face:
    """The face with a view of it, by which `steady.aligned_track` measures how it moves.

    Args:
        face: As it was found.
        sight: Its frame.
    """
    pixel_aspect = float(sight.square_from_plate[0, 0])
    return replace(face, view=look_at(sight, fit_alignment(face.landmarks_plate, pixel_aspect)))


def native_px(aligned_from_plate: Transform) -> float:
    """How many plate pixels the model's square spans: the size below which a crop is enlarged, not sampled."""
    return scale_of(inverse(aligned_from_plate))


def head_pose(face: Face, pixel_aspect: float = 1.0) -> tuple[float, float, float]:
    """Yaw, pitch, roll in degrees of one face on its own (`head_shape.head_poses`)."""
    square = apply_transform(square_pixels_from_plate(pixel_aspect), face.landmarks_plate)
    yaw, pitch, roll = head_poses(square[None], face.depths[None].astype(np.float64), np.ones(1))[0]
    return float(yaw), float(pitch), float(roll)
