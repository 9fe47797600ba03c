"""Mattes from landmarks: where the face is, softly and for certain."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from understudy.geometry import Box, Points, Transform, apply_transform, compose, inverse, scale_of

__all__ = ["FACE_OVAL", "Mattes", "draw_mattes"]

FACE_OVAL: tuple[int, ...] = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)
"""Landmarks around the face, from the top of the forehead clockwise in the picture."""

_OUTSIDE = 0.01
_INSIDE = 0.05
_CORE = 0.06
_BORDER = 0.04

Matte = npt.NDArray[np.float32]
"""(H, W) float32, 0..1."""


@dataclass(frozen=True, eq=False)
class Mattes:
    """The mattes of one face over some pixels.

    Attributes:
        soft: (H, W) float32 0..1: coverage, 0 outside the face and 1 inside, with a wide feather between.
        core: (H, W) float32 0..1: solid inside, where `soft` is 1.
    """

    soft: Matte
    core: Matte

    @property
    def edge(self) -> Matte:
        """(H, W) float32 0..1: 1 where `soft` is a half, 0 where it is 0 or 1."""
        return 4 * self.soft * (1 - self.soft)


def draw_mattes(landmarks_plate: Points, aligned_from_plate: Transform, to_plate: Transform, box: Box) -> Mattes:
    """The mattes of a face, drawn at the resolution in which they are needed.

    The feather runs from 1 % of the square outside the face oval to 5 % inside. Near the border of the square, beyond
    which the model sees nothing, the matte fades out.

    Args:
        landmarks_plate: (478, 2) plate pixels.
        aligned_from_plate: The face's alignment.
        to_plate: Takes the pixels to draw to plate pixels: `plate_from_crop`, or the identity for the plate itself.
        box: The pixels to draw.

    Returns:
        Mattes of shape (box.height, box.width).
    """
    aligned_from_pixels = compose(aligned_from_plate, to_plate)
    pixels_per_square = 1 / scale_of(aligned_from_pixels)
    oval = apply_transform(inverse(to_plate), landmarks_plate[list(FACE_OVAL)]) - (box.left, box.top)
    oval_distance = _signed_distance(oval, box) / pixels_per_square
    border = _ramp(0.0, _BORDER, _border_distance(aligned_from_pixels, box))
    return Mattes(
        soft=_ramp(-_OUTSIDE, _INSIDE, oval_distance) * border,
        core=_ramp(_INSIDE, _CORE, oval_distance) * (border == 1),
    )


def _ramp(start: float, end: float, values: Matte) -> Matte:
    """(H, W) float32: 0 up to `start`, 1 from `end`, the cubic 3t^2 - 2t^3 between."""
    t = np.clip((values - np.float32(start)) / np.float32(end - start), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def _signed_distance(polygon: Points, box: Box) -> Matte:
    """(H, W) float32: distance in pixels of each pixel's centre to the polygon, positive inside.

    Drawn twice as large where the face is small, because OpenCV's distances count whole pixels.
    """
    finer = max(1, min(4, round(1024 / max(box.width, box.height, 1))))
    shape = (box.height * finer, box.width * finer)
    inside = np.zeros(shape, np.uint8)
    fixed = np.round((polygon * finer - 0.5) * 16).astype(np.int32)
    cv2.fillPoly(inside, [fixed], 1, lineType=cv2.LINE_8, shift=4)
    if not inside.any():
        return np.full((box.height, box.width), -1e6, np.float32)
    within = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    without = cv2.distanceTransform(1 - inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    signed = np.where(inside > 0, within - 0.5, 0.5 - without).astype(np.float32)
    blocks = signed.reshape(box.height, finer, box.width, finer).mean(axis=(1, 3), dtype=np.float32)
    return np.asarray(blocks / finer, np.float32)


def _border_distance(aligned_from_pixels: Transform, box: Box) -> Matte:
    """(H, W) float32: distance of each pixel's centre to the nearest border of the unit square, in its sides."""
    x = (np.arange(box.left, box.right) + 0.5)[None, :]
    y = (np.arange(box.top, box.bottom) + 0.5)[:, None]
    (xx, xy, x0), (yx, yy, y0) = aligned_from_pixels
    across, down = xx * x + xy * y + x0, yx * x + yy * y + y0
    return np.asarray(np.minimum(0.5 - np.abs(across - 0.5), 0.5 - np.abs(down - 0.5)), np.float32)
