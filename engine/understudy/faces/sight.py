"""A frame as the face networks may look at it: any square of it, at any turn, converted and shrunk no more than needed.

A 4K frame is shrunk first and converted then, so that hardly any of its pixels go through OCIO; only where a small
face is looked at closely are the frame's own pixels converted, and only those around it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from understudy.color import MIDDLE_GREY, luminance
from understudy.compiled import compiled
from understudy.geometry import (
    Box,
    Points,
    Transform,
    apply_transform,
    compose,
    inverse,
    scale_of,
    square_pixels_from_plate,
)
from understudy.plates import repaired
from understudy.resample import resample_roughly, source_region

__all__ = ["Sight", "exposed", "locally_exposed"]

Pixels = npt.NDArray[np.float32]
View = npt.NDArray[np.uint8]

_VIEW_HEIGHT = 640
"""Least side in pixels to which a frame is shrunk at once: the finest tiles of a search see no more of it."""

_LEAST_RATIO = 1.4
"""Pixels of a level for one of a view: with fewer, a finer level is sampled."""

_MOST_SAMPLES = 4
_BLURS_BEYOND, _FAR_BEYOND = (1 / 100, 1 / 12), 0.1
"""Standard deviations of the blur at the frame's border and far beyond it, and what is far, in sides of the view."""


class Sight:
    """One frame; keeps what it has converted, for one thread.

    Args:
        pixels: (H, W, C) float32 RGB first, in the plate's own space, unbounded; may hold NaN and infinities.
        window: Where `pixels` lie in the plate.
        pixel_aspect: Of the plate.
        ap1_from_plate: Converts (h, w, 3) float32 of the plate's space to AP1, scene-linear; None when it is that.
    """

    def __init__(
        self,
        pixels: Pixels,
        window: Box,
        pixel_aspect: float = 1.0,
        ap1_from_plate: Callable[[Pixels], Pixels] | None = None,
    ) -> None:
        self.window = window
        self.square_from_plate = square_pixels_from_plate(pixel_aspect)
        self.plate_from_square = inverse(self.square_from_plate)
        self._pixels = pixels
        self._convert = ap1_from_plate or (lambda light: light)
        self._factor = max(1, min(window.width, window.height) // _VIEW_HEIGHT)
        self._levels = [self._shrunk()]
        self._near: tuple[Box, Pixels] = (Box(0, 0, 0, 0), self._levels[0])

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of the frame, in square pixels."""
        aspect = float(self.square_from_plate[0, 0])
        return self.window.left * aspect, self.window.top, self.window.right * aspect, self.window.bottom

    @property
    def shorter_side(self) -> float:
        """Of the frame, in square pixels."""
        left, top, right, bottom = self.bounds
        return min(right - left, bottom - top)

    def share_inside(self, points: Points) -> float:
        """How many of some points (N, 2), in square pixels, lie in the frame, as a share."""
        left, top, right, bottom = self.bounds
        is_inside = (points >= (left, top)).all(axis=1) & (points <= (right, bottom)).all(axis=1)
        return float(is_inside.mean())

    @property
    def overview(self) -> Pixels:
        """(h, w, 3) float32 AP1 scene-linear, finite: the frame, shrunk by a whole number to 640 rows or more."""
        return self._levels[0]

    def seen(self, square_from_view: Transform, side: int) -> Pixels:
        """A square of the frame, (side, side, 3) float32 AP1 scene-linear.

        Beyond the frame its border goes on, the more blurred the further: in the streaks of a border that is merely
        repeated, and before black or grey, half a face is lost more often and its landmarks lie further off.

        Args:
            square_from_view: Takes the view's pixels to the plate's, in square pixels.
            side: Of the view in pixels.
        """
        light = self._sampled(compose(self.plate_from_square, square_from_view), side)
        corners = apply_transform(square_from_view, [(0, 0), (side, 0), (0, side), (side, side)])
        if self.share_inside(corners) == 1:
            return light
        beyond = self._beyond(square_from_view, side)
        sharp, soft = (
            cv2.GaussianBlur(light, (0, 0), side * blur, borderType=cv2.BORDER_REPLICATE) for blur in _BLURS_BEYOND
        )
        far = np.minimum(beyond / _FAR_BEYOND, 1)
        return np.asarray(np.where(beyond > 0, sharp + far * (soft - sharp), light), np.float32)

    def _beyond(self, square_from_view: Transform, side: int) -> Pixels:
        """(side, side, 1) float32: how far beyond the frame each pixel of a view lies, in sides of the view; else 0."""
        steps = np.arange(side, dtype=np.float32) + np.float32(0.5)
        (a, b, shift_x), (c, d, shift_y) = square_from_view
        x, y = a * steps + b * steps[:, None] + shift_x, c * steps + d * steps[:, None] + shift_y
        left, top, right, bottom = self.bounds
        away = np.maximum(np.maximum(left - x, x - right), np.maximum(top - y, y - bottom))
        return np.asarray(np.maximum(away, 0) / (scale_of(square_from_view) * side), np.float32)[..., None]

    def _sampled(self, plate_from_view: Transform, side: int) -> Pixels:
        target = Box(0, 0, side, side)
        ratio = scale_of(plate_from_view)
        if self._factor > 1 and ratio < _LEAST_RATIO * self._factor:
            window, light = self._close(source_region(plate_from_view, target, self.window))
            if not window.is_empty:
                return resample_roughly(light, window, plate_from_view, target, _MOST_SAMPLES)
        level, factor = self._level(ratio)
        level_from_plate = np.array(
            [[1 / factor, 0.0, -self.window.left / factor], [0.0, 1 / factor, -self.window.top / factor]]
        )
        light = self._levels[level]
        window = Box(0, 0, light.shape[1], light.shape[0])
        return resample_roughly(light, window, compose(level_from_plate, plate_from_view), target, _MOST_SAMPLES)

    def _level(self, ratio: float) -> tuple[int, int]:
        """The coarsest level that is fine enough, and how many plate pixels one of its pixels is wide."""
        level = max(0, math.floor(math.log2(max(ratio / self._factor / _LEAST_RATIO, 1.0))))
        while len(self._levels) <= level:
            finer = self._levels[-1]
            if min(finer.shape[:2]) < 2:
                break
            self._levels.append(_shrunk_by(finer, 2))
        level = min(level, len(self._levels) - 1)
        return level, self._factor << level

    def _shrunk(self) -> Pixels:
        shrunk = _shrunk_by(self._pixels, self._factor)
        return repaired(self._convert(repaired(shrunk)[0]))[0]

    def _close(self, region: Box) -> tuple[Box, Pixels]:
        """The frame's own pixels of a region, converted, and some around: the next look is hardly elsewhere."""
        window, light = self._near
        if region.is_empty or (region.intersect(window) == region):
            return (window, light) if not region.is_empty else (region, light)
        window = region.grown(max(region.width, region.height) // 10).intersect(self.window)
        part = np.ascontiguousarray(self._pixels[window.slices(self.window)][..., :3])
        self._near = (window, repaired(self._convert(repaired(part)[0]))[0])
        return self._near


def exposed(light: Pixels) -> View:
    """A picture as a screen would show it, exposed for its middle, with a soft shoulder.

    The geometric mean of the middle half of its width and height becomes middle grey.

    Args:
        light: (H, W, 3) float32 AP1 scene-linear, finite.
    """
    height, width = light.shape[:2]
    inner = luminance(light[height // 4 : height - height // 4, width // 4 : width - width // 4])
    level = float(np.exp(np.log(np.maximum(inner, 1e-6)).mean()))
    return _on_screen(light * np.float32(MIDDLE_GREY / level))


def locally_exposed(light: Pixels) -> View:
    """A picture as a screen would show it, each part exposed for itself, so that no face is too dark or too bright.

    Args:
        light: (H, W, 3) float32 AP1 scene-linear, finite.
    """
    stops = np.log2(np.maximum(luminance(light), 1e-6))
    sigma = max(light.shape[:2]) / 12
    around = cv2.GaussianBlur(stops, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    return _on_screen(light * (np.float32(MIDDLE_GREY) * np.exp2(-around))[..., None])


def _on_screen(exposed_light: Pixels) -> View:
    """8-bit codes of light whose grey is 0.18."""
    light = np.maximum(exposed_light, 0)
    shouldered = light * (1 + light / 9) / (1 + light)
    codes = np.power(np.clip(shouldered, 0, 1), np.float32(1 / 2.2))
    return np.asarray(codes * 255 + 0.5, np.uint8)


def _shrunk_by(pixels: Pixels, factor: int) -> Pixels:
    """(H // factor, W // factor, 3): means of whole squares of pixels, without those that are no numbers."""
    height, width = max(1, pixels.shape[0] // factor), max(1, pixels.shape[1] // factor)
    out = np.empty((height, width, 3), np.float32)
    _fill_with_means_of_squares(pixels, factor, out)
    return out


@compiled
def _fill_with_means_of_squares(pixels: Pixels, factor: int, out: Pixels) -> None:
    """Fills `out` (h, w, 3) with means of factor x factor pixels; NaN where none of them is finite."""
    total = np.zeros((out.shape[1], 3), np.float32)
    share = np.float32(1 / factor**2)
    for y in range(out.shape[0]):
        total[:] = 0
        for j in range(y * factor, (y + 1) * factor):
            for x in range(out.shape[1]):
                for i in range(x * factor, (x + 1) * factor):
                    for lane in range(3):
                        total[x, lane] += pixels[j, i, lane]
        for x in range(out.shape[1]):
            for lane in range(3):
                mean = total[x, lane] * share
                if not np.isfinite(mean):
                    mean = _mean_of_numbers(pixels, y * factor, x * factor, factor, lane)
                out[y, x, lane] = mean


@compiled
def _mean_of_numbers(pixels: Pixels, top: int, left: int, factor: int, lane: int) -> np.float32:
    total, count = 0.0, 0
    for y in range(top, top + factor):
        for x in range(left, left + factor):
            value = pixels[y, x, lane]
            if np.isfinite(value):
                total += value
                count += 1
    return np.float32(total / count) if count else np.float32(np.nan)
