"""Takes pixels from one frame of reference to another, once, at exact sub-pixel positions."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from understudy.geometry import Box, Transform, apply_transform, bounds_of_points, scale_of
from understudy.splines import LANES, PAD, fill_coefficients, fill_from_spline, fill_low_passed, fill_with_means

__all__ = ["resample", "resample_roughly", "source_region"]

_KNEE = 0.1
"""Scene-linear value about which interpolation passes from linear to logarithmic."""

_MOST_OVERSHOOT = 0.17
"""Share of a value that interpolation may go beyond the pixels around: a quarter of a stop."""

_LOBES = 2
"""Of the low pass before a picture shrinks: Lanczos's window holds two zeros of the sinc on each side."""

_WIDTH = 0.9
"""Of the low pass, in target pixels. A picture that shrinks by less than a tenth is left alone, and with it a face
that is cropped near its native size; what passes above the target's Nyquist frequency is damped by half."""

_Pixels = npt.NDArray[np.float32]


def source_region(source_from_target: Transform, target: Box, available: Box) -> Box:
    """The part of `available` that `resample` reads for the `target` pixels; empty when they do not meet."""
    corners = [
        (target.left, target.top),
        (target.right, target.top),
        (target.left, target.bottom),
        (target.right, target.bottom),
    ]
    reach = PAD + math.ceil(_LOBES * max(_widths(source_from_target)))
    return bounds_of_points(apply_transform(source_from_target, corners)).grown(reach).intersect(available)


def resample(pixels: _Pixels, window: Box, source_from_target: Transform, target: Box) -> _Pixels:
    """The picture as seen in the target's frame of reference.

    Quintic spline interpolation (Unser, "Splines: a perfect fit for signal and image processing", IEEE Signal
    Processing Magazine 1999) at exact positions, of asinh(pixels / 0.1): smooth through zero, and logarithmic for
    highlights, so that a value of 200 beside skin does not ring. What swings beyond the 3x3 pixels around is held to a
    quarter of a stop. Where the picture shrinks, what the target's pixels cannot show is taken away before, in linear
    light, so that a highlight keeps its energy. Beyond the window the border pixel is repeated. Why so:
    docs/decisions/0003-resampling.md.

    Args:
        pixels: (H, W, C) float32, scene-linear, unbounded, finite.
        window: Where `pixels` lie in the source's frame of reference.
        source_from_target: Transform of points.
        target: The pixels to make.

    Returns:
        (target.height, target.width, C) float32, scene-linear.
    """
    indices = _indices(source_from_target, window, target)
    out = np.empty((target.height, target.width, pixels.shape[2]), np.float32)
    for first in range(0, pixels.shape[2], LANES):
        light = _without_finest(_lanes(pixels[..., first : first + LANES]), _widths(source_from_target))
        coefficients = np.empty((light.shape[0] + 2 * PAD, light.shape[1] + 2 * PAD, LANES), np.float32)
        fill_coefficients(light, np.float32(_KNEE), coefficients)
        count = min(LANES, pixels.shape[2] - first)
        part = out if count == pixels.shape[2] == LANES else np.empty((*out.shape[:2], LANES), np.float32)
        fill_from_spline(coefficients, light, np.float32(_KNEE), np.float32(_MOST_OVERSHOOT), indices, part)
        if part is not out:
            out[..., first : first + count] = part[..., :count]
    return out


def resample_roughly(
    pixels: _Pixels, window: Box, source_from_target: Transform, target: Box, most_samples: int = 64
) -> _Pixels:
    """As `resample`, quicker and softer, for pictures that only a detector sees: means of linear interpolations.

    Args:
        pixels: (H, W, C) float32.
        window: Where `pixels` lie in the source's frame of reference.
        source_from_target: Transform of points.
        target: The pixels to make.
        most_samples: On each axis of a target pixel.

    Returns:
        (target.height, target.width, C) float32.
    """
    samples = max(1, min(most_samples, math.floor(scale_of(source_from_target) + 0.05)))
    out = np.empty((target.height, target.width, pixels.shape[2]), np.float32)
    fill_with_means(np.ascontiguousarray(pixels), _indices(source_from_target, window, target, samples), samples, out)
    return out


def _indices(source_from_target: Transform, window: Box, target: Box, samples: int = 1) -> Transform:
    """From indices of the target's samples to indices of the source's pixels: the centres lie half a pixel further."""
    step = 1 / samples
    target_from_index = np.array([[step, 0.0, target.left + step / 2], [0.0, step, target.top + step / 2]])
    linear = source_from_target[:, :2]
    shift = linear @ target_from_index[:, 2] + source_from_target[:, 2] - (window.left + 0.5, window.top + 0.5)
    return np.ascontiguousarray(np.column_stack([linear * step, shift]), np.float64)


def _widths(source_from_target: Transform) -> tuple[float, float]:
    """Width of the low pass in source columns and rows; 1 where the picture needs none."""
    across, down = np.hypot(source_from_target[:, 0], source_from_target[:, 1]) * _WIDTH
    return max(1.0, float(across)), max(1.0, float(down))


def _lanes(pixels: _Pixels) -> _Pixels:
    """The pixels as the compiled loops want them: contiguous, with `LANES` channels and at least 3x3."""
    height, width, count = pixels.shape
    missing = (max(0, 3 - height), max(0, 3 - width), LANES - count)
    if any(missing):
        pixels = np.pad(pixels, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="edge")
        pixels = np.pad(pixels, ((0, 0), (0, 0), (0, missing[2])))
    return np.require(pixels, np.float32, ["C", "W"])


def _without_finest(light: _Pixels, widths: tuple[float, float]) -> _Pixels:
    """The picture without what a target pixel is too coarse for, held to the range of the pixels around.

    Sinc has lobes below zero: unheld, a lamp of 200 would be surrounded by negative light.
    """
    if max(widths) == 1:
        return light
    across, down = (_low_pass(width) for width in widths)
    columns, rows = (math.ceil(width) - 1 for width in widths)
    smooth = np.empty_like(light)
    fill_low_passed(light, across, down, (columns, rows), smooth)
    return smooth


def _low_pass(width: float) -> _Pixels:
    """(N,) float32: sinc of this width in Lanczos's window, of sum 1; nothing but its middle for a width of 1."""
    reach = math.ceil(_LOBES * width) - 1
    places = np.arange(-reach, reach + 1) / width
    taps = np.sinc(places) * np.sinc(places / _LOBES)
    return np.asarray(taps / taps.sum(), np.float32)
