"""Boxes, windows and transforms: every coordinate conversion, each beside its inverse.

Conventions, here and everywhere:

- Points are x then y, in pixels, y down; the centre of the first pixel is (0.5, 0.5).
- Boxes are half-open: `right` and `bottom` are the first coordinates outside.
- A transform is named to_from: `crop_from_plate` takes plate points to crop points, and
  `compose(crop_from_aligned, aligned_from_plate)` reads as its names cancel.

OpenEXR includes the maximum of a window, and Nuke counts y upwards: both are converted here and nowhere else.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = [
    "Box",
    "Points",
    "Transform",
    "apply_transform",
    "bounds_of_points",
    "box_from_inclusive",
    "compose",
    "crop_from_aligned",
    "crop_side",
    "fit_similarity",
    "inclusive_from_box",
    "inverse",
    "painted_from_crop",
    "scale_of",
    "square_pixels_from_plate",
    "st_from_points",
    "points_from_st",
    "y_down_from_y_up",
    "y_up_from_y_down",
]

Points = npt.NDArray[np.float64]
"""(N, 2) float64, x then y."""

Transform = npt.NDArray[np.float64]
"""(2, 3) float64: an affine map of column points, `matrix[:, :2] @ point + matrix[:, 2]`."""


@dataclass(frozen=True)
class Box:
    """A half-open rectangle of whole pixels, y down.

    Attributes:
        left: First column inside.
        top: First row inside.
        right: First column outside.
        bottom: First row outside.
    """

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Columns inside; 0 when empty."""
        return max(0, self.right - self.left)

    @property
    def height(self) -> int:
        """Rows inside; 0 when empty."""
        return max(0, self.bottom - self.top)

    @property
    def is_empty(self) -> bool:
        """True when no pixel is inside."""
        return self.width == 0 or self.height == 0

    def intersect(self, other: Box) -> Box:
        """The pixels in both boxes; may be empty."""
        return Box(
            max(self.left, other.left),
            max(self.top, other.top),
            min(self.right, other.right),
            min(self.bottom, other.bottom),
        )

    def grown(self, pixels: int) -> Box:
        """This box with `pixels` more on each side."""
        return Box(self.left - pixels, self.top - pixels, self.right + pixels, self.bottom + pixels)

    def slices(self, inside: Box) -> tuple[slice, slice]:
        """Rows and columns of this box in an array whose first pixel is the corner of `inside`."""
        return (
            slice(self.top - inside.top, self.bottom - inside.top),
            slice(self.left - inside.left, self.right - inside.left),
        )


def box_from_inclusive(left: int, top: int, last_column: int, last_row: int) -> Box:
    """A box from OpenEXR's window, whose maximum is inside."""
    return Box(left, top, last_column + 1, last_row + 1)


def inclusive_from_box(box: Box) -> tuple[int, int, int, int]:
    """OpenEXR's window (xMin, yMin, xMax, yMax) of a box; inverse of `box_from_inclusive`."""
    return box.left, box.top, box.right - 1, box.bottom - 1


def y_up_from_y_down(points: Points, display_window: Box) -> Points:
    """Nuke's and Fusion's points (origin at the bottom left of the display window) from ours."""
    flipped = np.array(points, dtype=np.float64)
    flipped[..., 0] -= display_window.left
    flipped[..., 1] = display_window.bottom - flipped[..., 1]
    return flipped


def y_down_from_y_up(points: Points, display_window: Box) -> Points:
    """Our points from Nuke's and Fusion's; inverse of `y_up_from_y_down`."""
    flipped = np.array(points, dtype=np.float64)
    flipped[..., 0] += display_window.left
    flipped[..., 1] = display_window.bottom - flipped[..., 1]
    return flipped


def st_from_points(points: Points, display_window: Box) -> Points:
    """ST coordinates (0..1, origin bottom left, as Nuke's STMap reads them) of plate points."""
    up = y_up_from_y_down(points, display_window)
    return up / (display_window.width, display_window.height)


def points_from_st(st: Points, display_window: Box) -> Points:
    """Plate points of ST coordinates; inverse of `st_from_points`."""
    up = np.asarray(st, dtype=np.float64) * (display_window.width, display_window.height)
    return y_down_from_y_up(up, display_window)


def square_pixels_from_plate(pixel_aspect: float) -> Transform:
    """Takes plate points to points in square pixels; an anamorphic plate (2.0) becomes twice as wide."""
    return np.array([[pixel_aspect, 0.0, 0.0], [0.0, 1.0, 0.0]])


def crop_side(size: int, margin: float = 0.0) -> int:
    """Side in pixels of a crop: the model's square and the margin on both sides.

    Args:
        size: Side of the model's square in pixels.
        margin: What the crop shows beyond it on each side, as a share of `size`.
    """
    return round(size * (1 + 2 * margin))


def crop_from_aligned(size: int, margin: float = 0.0) -> Transform:
    """Takes the unit square of an alignment to the pixels of a crop.

    Args:
        size: Side of the unit square in crop pixels: the model's size.
        margin: What the crop shows beyond the square on each side, as a share of `size`.

    Returns:
        The transform. The crop's own side is `crop_side(size, margin)`.
    """
    border = (crop_side(size, margin) - size) / 2
    return np.array([[size, 0.0, border], [0.0, size, border]])


def painted_from_crop(size: int, scale: float) -> Transform:
    """Takes pixels of a crop to those of a painted picture that is drawn `scale` times as large, middle on middle.

    Args:
        size: Side of both, in pixels.
        scale: 1 changes nothing; below 1 the picture is drawn smaller.
    """
    return np.array([[1 / scale, 0.0, size / 2 * (1 - 1 / scale)], [0.0, 1 / scale, size / 2 * (1 - 1 / scale)]])


def apply_transform(to_from: Transform, points: npt.ArrayLike) -> Points:
    """The points (N, 2) after the transform."""
    array = np.asarray(points, dtype=np.float64)
    return np.asarray(array @ to_from[:, :2].T + to_from[:, 2])


def compose(*transforms: Transform) -> Transform:
    """One transform from several, applied last to first: `compose(c_from_b, b_from_a)` is `c_from_a`."""
    whole = np.eye(3)
    for transform in transforms:
        whole = whole @ np.vstack([transform, (0.0, 0.0, 1.0)])
    return np.asarray(whole[:2])


def inverse(to_from: Transform) -> Transform:
    """The transform that goes back: `inverse(crop_from_plate)` is `plate_from_crop`."""
    return np.asarray(np.linalg.inv(np.vstack([to_from, (0.0, 0.0, 1.0)]))[:2], np.float64)


def scale_of(to_from: Transform) -> float:
    """How many `to` pixels one `from` pixel spans: the square root of the area's growth."""
    return math.sqrt(abs(float(np.linalg.det(to_from[:, :2]))))


def fit_similarity(from_points: Points, to_points: Points, weights: npt.ArrayLike | None = None) -> Transform:
    """The rotation, even scale and shift that take `from_points` closest to `to_points`.

    Weighted least squares in closed form: Umeyama, "Least-squares estimation of transformation parameters between
    two point patterns", PAMI 1991, equations 40 to 42; no mirroring.

    Args:
        from_points: (N, 2), N >= 2.
        to_points: (N, 2), in the same order.
        weights: (N,) not negative; equal when None.
    """
    weight = np.ones(len(from_points)) if weights is None else np.asarray(weights, dtype=np.float64)
    weight = weight / weight.sum()
    from_mean, to_mean = weight @ from_points, weight @ to_points
    from_centred, to_centred = from_points - from_mean, to_points - to_mean
    covariance = (to_centred * weight[:, None]).T @ from_centred
    left, singular, right = np.linalg.svd(covariance)
    sign = np.array([1.0, 1.0 if np.linalg.det(left @ right) > 0 else -1.0])
    rotation = left @ np.diag(sign) @ right
    variance = float(weight @ (from_centred**2).sum(axis=1))
    scale = float(singular @ sign) / max(variance, 1e-12)
    linear = scale * rotation
    return np.column_stack([linear, to_mean - linear @ from_mean])


def bounds_of_points(points: Points | Sequence[Sequence[float]]) -> Box:
    """The smallest box of whole pixels that holds all points."""
    array = np.asarray(points, dtype=np.float64)
    low, high = np.floor(array.min(axis=0)), np.ceil(array.max(axis=0))
    return Box(int(low[0]), int(low[1]), int(high[0]), int(high[1]))
