"""Where a face lies: from landmarks to the unit square in which all faces look alike."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from understudy.faces.face import Alignment, Face
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
    "FACE_HEIGHT",
    "STABLE_LANDMARKS",
    "align_face",
    "fit_alignment",
    "head_pose",
    "native_px",
    "template",
]

FACE_HEIGHT = 0.72
"""Forehead (landmark 10) to chin (152) of a face at rest, as a share of the model's square.

The rest is for an open jaw, for hair and for the random shifts of training."""

_CENTIMETRES = 15.33
_MIDDLE_Y = 0.25
"""Height in the head's own centimetres that comes to the square's middle: above the face's, for the jaw's sake."""

_STABLE: dict[int, tuple[float, float, float, float]] = {
    33: (-4.445, 2.660, 3.170, 1.0),
    133: (-1.674, 2.569, 3.714, 1.0),
    362: (1.674, 2.569, 3.714, 1.0),
    263: (4.445, 2.660, 3.170, 1.0),
    168: (0.0, 3.293, 5.283, 1.0),
    6: (0.0, 2.604, 5.754, 1.0),
    197: (0.0, 1.992, 6.307, 1.0),
    195: (0.0, 1.426, 6.900, 0.8),
    5: (0.0, 0.816, 7.508, 0.6),
    4: (0.0, 0.050, 7.798, 0.6),
    2: (0.0, -1.328, 6.132, 0.8),
    98: (-1.455, -1.299, 5.331, 0.6),
    327: (1.455, -1.299, 5.331, 0.6),
    70: (-5.682, 4.059, 2.933, 0.25),
    105: (-4.099, 5.061, 4.393, 0.25),
    107: (-1.444, 4.931, 5.292, 0.25),
    336: (1.444, 4.931, 5.292, 0.25),
    334: (4.099, 5.061, 4.393, 0.25),
    300: (5.682, 4.059, 2.933, 0.25),
}
"""Landmark: x to the picture's right, y up, z towards the camera in centimetres of an average head, and its weight.

Eye corners and the bridge of the nose move least with expression; brows move most and count least. Jaw, lips and cheeks
are left out, so that a face does not slide in its crop when it talks."""

STABLE_LANDMARKS: tuple[int, ...] = tuple(_STABLE)
"""The landmarks that alignment rests on."""


def template() -> Points:
    """(19, 2) float64: where the stable landmarks of an average frontal face lie in the unit square."""
    head = np.array([values[:2] for values in _STABLE.values()])
    scale = FACE_HEIGHT / _CENTIMETRES
    return np.column_stack([0.5 + head[:, 0] * scale, 0.5 - (head[:, 1] - _MIDDLE_Y) * scale])


def fit_alignment(landmarks_plate: Points, pixel_aspect: float = 1.0) -> Transform:
    """`aligned_from_plate`: the similarity, in square pixels, that brings the stable landmarks onto the template.

    Args:
        landmarks_plate: (478, 2) plate pixels.
        pixel_aspect: Of the plate.
    """
    square_from_plate = square_pixels_from_plate(pixel_aspect)
    stable = apply_transform(square_from_plate, landmarks_plate[list(STABLE_LANDMARKS)])
    return compose(fit_similarity(stable, template(), _weights()), square_from_plate)


def align_face(face: Face, pixel_aspect: float = 1.0) -> Alignment:
    """The alignment of one face on its own; `track.stabilise` makes it steady over a shot."""
    aligned_from_plate = fit_alignment(face.landmarks_plate, pixel_aspect)
    return Alignment(face.frame, aligned_from_plate, face.landmarks_plate, face.score, head_pose(face, pixel_aspect))


def native_px(aligned_from_plate: Transform) -> float:
    """How many plate pixels the model's square spans: the size below which a crop is enlarged, not sampled."""
    return scale_of(inverse(aligned_from_plate))


def head_pose(face: Face, pixel_aspect: float = 1.0) -> tuple[float, float, float]:
    """Yaw, pitch, roll in degrees, by fitting the average head to the landmarks and their rough depths.

    The rotation is the orthogonal Procrustes solution (Kabsch, "A solution for the best rotation to relate two sets of
    vectors", 1976).
    """
    chosen = list(STABLE_LANDMARKS)
    square = apply_transform(square_pixels_from_plate(pixel_aspect), face.landmarks_plate[chosen])
    seen = np.column_stack([square[:, 0], -square[:, 1], face.depths[chosen]])
    head = np.array([values[:3] for values in _STABLE.values()])
    weights = _weights() / _weights().sum()
    seen_centred, head_centred = seen - weights @ seen, head - weights @ head
    left, _, right = np.linalg.svd((seen_centred * weights[:, None]).T @ head_centred)
    rotation = left @ np.diag([1.0, 1.0, np.sign(np.linalg.det(left @ right))]) @ right
    yaw = math.degrees(math.atan2(rotation[0, 2], rotation[2, 2]))
    pitch = math.degrees(math.asin(max(-1.0, min(1.0, float(rotation[1, 2])))))
    roll = math.degrees(math.atan2(-rotation[1, 0], rotation[1, 1]))
    return yaw, pitch, roll


def _weights() -> npt.NDArray[np.float64]:
    return np.array([values[3] for values in _STABLE.values()])
