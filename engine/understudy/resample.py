"""Takes pixels from one frame of reference to another, once, at exact sub-pixel positions."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from understudy.geometry import Box, Transform, apply_transform, bounds_of_points, scale_of

__all__ = ["resample", "source_region"]

_REACH = 12
"""Pixels after which a spline no longer feels its neighbours: 0.27 to the 12th is 1e-7."""

_KNEE = 0.1
"""Scene-linear value about which interpolation passes from linear to logarithmic."""

_MOST_OVERSHOOT = 0.17
"""A quarter of a stop, where interpolation is logarithmic; a hundredth and a half of light, where it is linear."""

_Pixels = npt.NDArray[np.float32]


def source_region(source_from_target: Transform, target: Box, available: Box) -> Box:
    """The part of `available` that `resample` reads for the `target` pixels; empty when they do not meet."""
    corners = [
        (target.left, target.top),
        (target.right, target.top),
        (target.left, target.bottom),
        (target.right, target.bottom),
    ]
    return bounds_of_points(apply_transform(source_from_target, corners)).grown(_REACH).intersect(available)


def resample(
    pixels: _Pixels, window: Box, source_from_target: Transform, target: Box, order: int = 3, most_samples: int = 64
) -> _Pixels:
    """The picture as seen in the target's frame of reference.

    Cubic spline interpolation (Unser, "Splines: a perfect fit for signal and image processing", IEEE Signal Processing
    Magazine 1999) at exact positions, of asinh(pixels / 0.1): smooth through zero, and logarithmic for highlights, so
    that a value of 200 beside skin does not ring. What swings beyond the 3x3 pixels around is held to a quarter of a
    stop. Where a target pixel covers two source pixels or more on each axis, all of them are averaged, in linear light.
    Beyond the window the border pixel is repeated.

    Cubic convolution, which PyTorch and OpenCV have, is much further from the plate when a crop is put back
    (docs/decisions/0003-resampling.md), and OpenCV's warps round positions to 1/32 pixel.

    Args:
        pixels: (H, W, C) float32, scene-linear, unbounded.
        window: Where `pixels` lie in the source's frame of reference.
        source_from_target: Transform of points.
        target: The pixels to make.
        order: Of the spline; 1 interpolates linearly, for pictures that only a detector sees.
        most_samples: On each axis of a target pixel.

    Returns:
        (target.height, target.width, C) float32, scene-linear.
    """
    samples = max(1, min(most_samples, math.floor(scale_of(source_from_target) + 0.05)))
    steps_x = target.left + (np.arange(target.width * samples) + 0.5) / samples
    steps_y = target.top + (np.arange(target.height * samples) + 0.5) / samples
    (xx, xy, x0), (yx, yy, y0) = source_from_target
    columns = xx * steps_x[None, :] + xy * steps_y[:, None] + (x0 - window.left - 0.5)
    rows = yx * steps_x[None, :] + yy * steps_y[:, None] + (y0 - window.top - 0.5)
    sampled_of = _splined if order > 1 else _linear
    planes = [_reduced(sampled_of(pixels[..., plane], rows, columns), samples) for plane in range(pixels.shape[2])]
    return np.ascontiguousarray(np.stack(planes, axis=2))


def _linear(plane: _Pixels, rows: npt.NDArray[np.float64], columns: npt.NDArray[np.float64]) -> _Pixels:
    return np.asarray(ndimage.map_coordinates(plane, (rows, columns), np.float32, order=1, mode="nearest"), np.float32)


def _splined(plane: _Pixels, rows: npt.NDArray[np.float64], columns: npt.NDArray[np.float64]) -> _Pixels:
    """One channel at these positions, scene-linear in and out."""
    codes = np.arcsinh(plane / np.float32(_KNEE))
    sampled = ndimage.map_coordinates(codes, (rows, columns), np.float32, order=3, mode="nearest")
    nearest_row = np.clip(np.rint(rows), 0, plane.shape[0] - 1).astype(np.intp)
    nearest_column = np.clip(np.rint(columns), 0, plane.shape[1] - 1).astype(np.intp)
    low = ndimage.minimum_filter(codes, 3, mode="nearest")[nearest_row, nearest_column]
    high = ndimage.maximum_filter(codes, 3, mode="nearest")[nearest_row, nearest_column]
    slack = np.minimum((high - low) / 4, np.float32(_MOST_OVERSHOOT))
    return np.asarray(np.sinh(np.clip(sampled, low - slack, high + slack)) * np.float32(_KNEE), np.float32)


def _reduced(plane: _Pixels, samples: int) -> _Pixels:
    """Means of blocks of samples x samples pixels."""
    if samples == 1:
        return plane
    height, width = plane.shape
    blocks = plane.reshape(height // samples, samples, width // samples, samples)
    return np.asarray(blocks.mean(axis=(1, 3)), np.float32)
