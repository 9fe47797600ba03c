"""The head's own rigid shape, solved over a track, and its pose in each frame against that shape."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from understudy.geometry import Points

__all__ = ["head_poses"]

_NEUTRAL: dict[int, tuple[float, float, float, float]] = {
    168: (0.0, 3.256, 5.251, 2.0),
    8: (0.0, 4.024, 5.226, 2.0),
    162: (-6.689, 3.521, -0.803, 1.0),
    389: (6.689, 3.521, -0.803, 1.0),
    127: (-6.794, 2.070, -1.637, 1.0),
    356: (6.794, 2.070, -1.637, 1.0),
    234: (-6.735, 0.708, -1.945, 1.0),
    454: (6.735, 0.708, -1.945, 1.0),
}
"""Landmark: x to the picture's right, y up, z towards the camera in centimetres of an average head, and its weight.

The root of the nose and the temples before the ears. They say where a head looks and nothing of how long its nose or
chin is: a long nose looks like a raised head to whoever fits an average face."""

_RIGID_OVER = 2
_ROUNDS = 5

_Floats = npt.NDArray[np.float64]


def head_poses(landmarks_square: _Floats, depths: _Floats, certainty: _Floats) -> _Floats:
    """Yaw, pitch and roll (N, 3) in degrees: looking to the picture's right, up, and tilting clockwise are positive.

    Landmarks above the mouth with their depths are one rigid shape in all frames, found by generalised Procrustes
    analysis (Gower, "Generalized Procrustes analysis", 1975); a frame's rotation is the one that brings the shape onto
    it (Kabsch, "A solution for the best rotation to relate two sets of vectors", 1976). Zero is where the root of the
    nose and the temples lie as in an average head. So the pose means the same for two performers, to 1.7 degrees of
    pitch, and what moves in a face is no part of it.

    Args:
        landmarks_square: (N, 478, 2) square pixels.
        depths: (N, 478) square pixels towards the camera.
        certainty: (N,) not negative: what a frame counts for the shape; not all are 0.
    """
    heads = np.concatenate([landmarks_square * (1, -1), depths[..., None]], axis=2)
    rigid = _above_the_mouth(landmarks_square)
    seen = heads[:, rigid] - heads[:, rigid].mean(axis=1, keepdims=True)
    seen = seen / np.sqrt((seen**2).sum(axis=(1, 2), keepdims=True))
    shape = seen[int(np.argmax(certainty))]
    weights = np.ones(len(rigid))
    for _ in range(_ROUNDS):
        rotations = np.array([_rotation(head, shape, weights) for head in seen])
        shape = np.einsum("n,nki,nij->kj", certainty / certainty.sum(), seen, rotations)
    average = np.array([values[:3] for values in _NEUTRAL.values()])
    rows = [rigid.index(landmark) for landmark in _NEUTRAL]
    shape_from_head = _rotation(shape[rows], average, np.array([values[3] for values in _NEUTRAL.values()]))
    return np.array([_angles(rotation @ shape_from_head) for rotation in rotations])


def _above_the_mouth(landmarks_square: _Floats) -> list[int]:
    """Skin landmarks that do not lie lower than the base of the nose in a typical frame, measured along the nose."""
    root, base = landmarks_square[:, [168]], landmarks_square[:, [_RIGID_OVER]]
    along = base - root
    share = ((landmarks_square - root) * along).sum(axis=2) / np.maximum((along**2).sum(axis=2), 1e-9)
    typical = np.median(share[:, :468], axis=0)
    return sorted({*np.flatnonzero(typical <= 1.0).tolist(), *_NEUTRAL})


def _rotation(to_points: Points, from_points: Points, weights: _Floats) -> _Floats:
    """(3, 3): turns `from_points` (K, 3) onto `to_points`, both about their means."""
    shares = weights / weights.sum()
    to_centred, from_centred = to_points - shares @ to_points, from_points - shares @ from_points
    left, _, right = np.linalg.svd((to_centred * shares[:, None]).T @ from_centred)
    return np.asarray(left @ np.diag([1.0, 1.0, np.sign(np.linalg.det(left @ right))]) @ right)


def _angles(rotation: _Floats) -> tuple[float, float, float]:
    yaw = math.degrees(math.atan2(rotation[0, 2], rotation[2, 2]))
    pitch = math.degrees(math.asin(max(-1.0, min(1.0, float(rotation[1, 2])))))
    return yaw, pitch, math.degrees(math.atan2(-rotation[1, 0], rotation[1, 1]))
