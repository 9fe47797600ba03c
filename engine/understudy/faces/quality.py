"""How good a face crop is: its sharpness, and how it looks from afar, by which near-duplicates are told."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from understudy.color import MIDDLE_GREY, luminance
from understudy.geometry import crop_side

__all__ = ["LOOK_SIDE", "STOPS_PER_LOOK", "Measures", "exposure_stops", "measure_crop"]

LOOK_SIDE = 16
"""Side of `Measures.look`: a face's light and pose are in it, its pores are not."""

STOPS_PER_LOOK = 4.0 / 127.0
"""Stops of light that one count of `Measures.look` stands for: it reaches four below the face's middle and above."""

_TOE = 1 / 32
"""Added to light over the face's middle before the logarithm: noise in black counts as little as it is seen."""

_BAND = 0.7
"""Sigma in pixels of the blur whose difference from the picture is its finest octave; twice of it gives the next."""

_SHARP = 0.9
"""The finest octave of a sharp face over the next: photographs and synthetic faces at their own size have 0.9 to 1.2,
enlarged one and a half times 0.8 to 0.9, twice 0.7, fourfold 0.5 (docs/facesets.md)."""

_FLAT, _STEEP = 0.5, 0.9
"""Detail is measured in the steepest tenth of the face (lids, lashes, nostrils, lips), noise in the flatter half."""

_SMALLEST_SIDE = 24
"""Pixels across below which a crop is not halved again: there is no face left to measure."""

Matte = npt.NDArray[np.float32]
"""(S, S) float32, 0..1."""


@dataclass(frozen=True, eq=False)
class Measures:
    """What is measured of a crop's pixels once, when it is made.

    Attributes:
        sharpness: 0..1: which share of the detail that the crop has room for is in it. 1: edges are as sharp as the
            crop's pixels; 0.5: as soft as if the crop had been enlarged twofold, whatever the reason (focus, motion,
            enlarging).
        look: (16, 16) uint8: the model's square, small, as log2 of light over the face's median; 128 is the median,
            and a count `STOPS_PER_LOOK`. The same face in another exposure has the same look.
    """

    sharpness: float
    look: npt.NDArray[np.uint8]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"sharpness": round(self.sharpness, 3), "look": base64.b64encode(self.look.tobytes()).decode()}

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> Measures | None:
        """What `to_json` wrote; None where it is missing, as in crops from before it was measured.

        Raises:
            ValueError, TypeError: The values are damaged.
        """
        if "sharpness" not in values or "look" not in values:
            return None
        try:
            look = np.frombuffer(base64.b64decode(values["look"], validate=True), np.uint8)
        except binascii.Error as error:
            raise ValueError("a look is base64") from error
        return Measures(float(values["sharpness"]), look.reshape(LOOK_SIDE, LOOK_SIDE))


def measure_crop(pixels: npt.NDArray[np.float32], matte: Matte, margin: float) -> Measures:
    """The measures of a crop.

    Args:
        pixels: (S, S, 3) float32 RGB, scene-linear AP1, unbounded.
        matte: (S, S) float32 0..1: where the face is; what lies outside counts for nothing in sharpness.
        margin: What the crop shows beyond the model's square on each side, as a share of the square.
    """
    light = luminance(pixels)
    inside = matte > 0.5
    if not inside.any():
        inside = np.ones_like(inside)
    middle = max(float(np.median(light[inside])), 1e-7)
    stops = np.log2(np.maximum(light / middle, 0.0) + _TOE).astype(np.float32)
    return Measures(_sharpness(stops, inside), _look(stops, margin))


def exposure_stops(face_rgb: tuple[float, float, float]) -> float:
    """Stops of a face's median colour (AP1, scene-linear) above middle grey; -24 for black."""
    level = float(luminance(np.array(face_rgb, np.float32)))
    return max(-24.0, math.log2(max(level, 1e-12) / MIDDLE_GREY))


def _look(stops: Matte, margin: float) -> npt.NDArray[np.uint8]:
    side = stops.shape[0]
    size = round(side / (1 + 2 * margin))
    border = (side - size) // 2 if crop_side(size, margin) == side else 0
    square = stops[border : side - border, border : side - border]
    small = cv2.resize(square, (LOOK_SIDE, LOOK_SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(np.clip(128.0 + small / STOPS_PER_LOOK, 0, 254.5) + 0.5).astype(np.uint8)


def _sharpness(stops: Matte, inside: npt.NDArray[np.bool_]) -> float:
    """See `Measures`: by how many halvings the picture becomes sharp, whole ones and the part of the last.

    A picture that was enlarged, or blurred, has little in its finest octave of space against the next one, and half the
    size has what the larger one lacked. Faces are alike enough for the ratio of the two to mean the same for all.
    """
    halvings, before = 0, math.nan
    while True:
        ratio = _octave_ratio(stops, inside)
        if ratio >= _SHARP or min(stops.shape) < 2 * _SMALLEST_SIDE:
            part = (_SHARP - before) / (ratio - before) if halvings and ratio > _SHARP else float(halvings > 0)
            return float(2.0 ** -(max(0, halvings - 1) + part))
        before, halvings = ratio, halvings + 1
        half = (stops.shape[1] // 2, stops.shape[0] // 2)
        stops = cv2.resize(stops, half, interpolation=cv2.INTER_AREA)
        inside = cv2.resize(inside.astype(np.uint8), half, interpolation=cv2.INTER_NEAREST) > 0


def _octave_ratio(stops: Matte, inside: npt.NDArray[np.bool_]) -> float:
    """Root mean square of the finest octave over that of the next, at edges, without noise; 0 without any detail."""
    smooth, smoother = cv2.GaussianBlur(stops, (0, 0), _BAND), cv2.GaussianBlur(stops, (0, 0), 2 * _BAND)
    fine, coarse = (stops - smooth)[inside], (smooth - smoother)[inside]
    across, down = cv2.Sobel(smoother, cv2.CV_32F, 1, 0, ksize=1), cv2.Sobel(smoother, cv2.CV_32F, 0, 1, ksize=1)
    slope = np.hypot(across[inside], down[inside])
    if not slope.size:
        return 0.0
    flat, steep = np.quantile(slope, (_FLAT, _STEEP))
    fine_energy, coarse_energy = (
        float((band[slope >= steep] ** 2).mean()) - float((band[slope <= flat] ** 2).mean()) for band in (fine, coarse)
    )
    return math.sqrt(max(0.0, fine_energy) / coarse_energy) if coarse_energy > 1e-9 else 0.0
