"""The outline of a face, from its landmarks: what a matte is drawn from."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from understudy.geometry import Points, Transform, apply_transform
from understudy.settings.matte import MatteSettings

__all__ = ["DEFAULT", "FACE_OVAL", "directions", "face_outline", "reach_of_hull"]

FACE_OVAL: tuple[int, ...] = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)
"""Landmarks around the face, from the top of the forehead clockwise in the picture."""

_SKIN = 468
"""Landmarks on the skin; those of the irises follow."""

_POINTS = 72

DEFAULT = MatteSettings()
"""What is drawn when nothing is said."""

_BEYOND_HULL = (0.33, -0.36, 1.17, -0.33, 0.53, 0.02, 0.03)
"""Per cent of the square by which a face goes beyond its landmarks' hull: a_0 + a_1 cos t + ... + a_6 cos 6t, where t
turns from straight up. Landmarks end below the hairline (by about 1) and above the underside of the chin (2), and lie
outside of the jaw (1). Means over exact mattes of the synthetic performers 1 to 10, by a script that was not
kept."""


def face_outline(landmarks_plate: Points, aligned_from_plate: Transform, settings: MatteSettings = DEFAULT) -> Points:
    """The closed outline of a face, where its matte is a half, before `settings.grow`.

    It is the hull of all landmarks of the skin, since the nearer cheek hides the oval's far side when a head turns,
    moved outwards by what landmarks are known to leave out and by what the settings add.

    Args:
        landmarks_plate: (478, 2) plate pixels.
        aligned_from_plate: The face's alignment.
        settings: `forehead` and `jaw` are used.

    Returns:
        (72, 2) float64 in the unit square, from straight up clockwise in the picture; a single place where the
        landmarks enclose no area.
    """
    landmarks = apply_transform(aligned_from_plate, landmarks_plate)
    middle = landmarks[list(FACE_OVAL)].mean(axis=0)
    turn = directions(_POINTS)
    up = np.cos(turn)
    beyond = sum(share * np.cos(order * turn) for order, share in enumerate(_BEYOND_HULL))
    beyond = beyond + settings.forehead * np.maximum(up, 0) ** 2 + settings.jaw * np.maximum(-up, 0) ** 2
    reach = reach_of_hull(landmarks[:_SKIN], middle, turn)
    reach = np.where(reach > 0, np.maximum(reach + beyond / 100, 0), 0)
    return np.asarray(middle + reach[:, None] * np.column_stack([np.sin(turn), -np.cos(turn)]))


def directions(count: int) -> npt.NDArray[np.float64]:
    """(count,) radians from straight up, clockwise in the picture, evenly round."""
    return np.arange(count) * (2 * np.pi / count)


def reach_of_hull(points: Points, middle: Points, turn: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(N,): how far the convex hull of points reaches from a place inside of it; 0 everywhere where it has no area.

    Args:
        points: (P, 2).
        middle: (2,) inside the hull.
        turn: (N,) directions, as `directions` counts them.
    """
    hull = cv2.convexHull(np.asarray(points - middle, np.float32), clockwise=False)[:, 0].astype(np.float64)
    ways = np.roll(hull, -1, axis=0) - hull
    outwards = np.column_stack([ways[:, 1], -ways[:, 0]])
    heights = (outwards * hull).sum(axis=1)
    signs = np.sign(heights.sum())
    if len(hull) < 3 or signs == 0:
        return np.zeros(len(turn))
    facing = signs * outwards @ np.vstack([np.sin(turn), -np.cos(turn)])
    with np.errstate(divide="ignore", invalid="ignore"):
        met = np.where(facing > 0, (signs * heights)[:, None] / facing, np.inf)
    return np.asarray(np.maximum(met.min(axis=0), 0), np.float64)
