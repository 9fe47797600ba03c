"""A small grey picture of a face, kept with its record, by which the motion of its skin is measured later.

Landmarks say where a face lies, with an error of several pixels in a crop of 1024; pictures say how it moved, to a
fraction of one. The plate is read once, when faces are searched for, so what its skin looks like is kept then.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from understudy.color import luminance
from understudy.faces.sight import Sight
from understudy.geometry import Box, Transform, compose, inverse
from understudy.resample import source_region

__all__ = ["VIEW_SIDE", "VIEW_SPAN", "FaceView", "look_at"]

VIEW_SIDE = 256
"""Pixels of a side. With 384, a shaken head errs by a tenth less, and following the skin costs 2.5 times as much."""

VIEW_SPAN = 0.74
"""What a side of a view spans, in sides of the model's square."""

_LEFT, _TOP = 0.13, 0.05
"""Where a view begins in the square: it reaches from ear to ear, and from below the hairline to below the mouth.

Skin of the forehead says more of how a head moves than chin and neck do: when a view begins at 0.13 instead, a free
head jitters by a tenth more (docs/decisions/0014-alignment-of-a-shot.md)."""

_DARKEST = 0.02
"""Share of the view's mean below which light is taken for black."""

_GRAIN = 0.05
"""Stops of contrast below which a view is not made more contrasty: there is nothing but noise."""

_SPREAD = 50.0
_DETAIL = 96
"""A view keeps what is smaller than this part of its side: spots, lines, lashes. Shading slides over a turning face:
with a part three times as large, landmarks slide on the skin by a third more."""

_QUALITY = 92


@dataclass(frozen=True, eq=False)
class FaceView:
    """How a face looks in its frame.

    Attributes:
        pixels: (256, 256) uint8, grey: logarithm of the luminance, evened out so that every part has middle 128 and the
            same contrast; light that changes slowly from place to place, or from frame to frame, is gone.
        view_from_plate: (2, 3) transform to the view's pixels.
    """

    pixels: npt.NDArray[np.uint8]
    view_from_plate: Transform

    def to_json(self) -> dict[str, Any]:
        """Plain values; the picture as JPEG, which is half a pixel value off on average."""
        _, packed = cv2.imencode(".jpg", self.pixels, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
        return {
            "jpeg": base64.b64encode(packed.tobytes()).decode("ascii"),
            "from_plate": [round(float(value), 9) for value in self.view_from_plate.ravel()],
        }

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> FaceView:
        """The view that `to_json` wrote.

        Raises:
            ValueError, KeyError, TypeError: The values are damaged.
        """
        try:
            packed = np.frombuffer(base64.b64decode(values["jpeg"], validate=True), np.uint8)
        except binascii.Error as error:
            raise ValueError("a view's picture is no base64") from error
        pixels = cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE) if len(packed) else None
        if pixels is None or pixels.shape != (VIEW_SIDE, VIEW_SIDE):
            raise ValueError("a view's picture is damaged")
        transform = np.asarray(values["from_plate"], np.float64).reshape(2, 3)
        return FaceView(np.asarray(pixels, np.uint8), transform)


def look_at(sight: Sight, aligned_from_plate: Transform) -> FaceView | None:
    """The view of a face; None when the face lies outside the frame.

    Args:
        sight: The frame.
        aligned_from_plate: The face's alignment on its own.
    """
    scale = VIEW_SIDE / VIEW_SPAN
    view_from_aligned = np.array([[scale, 0.0, -_LEFT * scale], [0.0, scale, -_TOP * scale]])
    view_from_plate = compose(view_from_aligned, aligned_from_plate)
    plate_from_view = inverse(view_from_plate)
    region = source_region(plate_from_view, Box(0, 0, VIEW_SIDE, VIEW_SIDE), sight.window)
    if region.width < 8 or region.height < 8:
        return None
    seen = sight.seen(compose(sight.square_from_plate, plate_from_view), VIEW_SIDE)
    return FaceView(_evened(luminance(seen)), view_from_plate)


def _evened(light: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Local mean and contrast taken out, as vision does: (256, 256) uint8 about 128."""
    bright = np.maximum(np.nan_to_num(light, posinf=0.0), 0)
    level = max(float(bright.mean()), 1e-6)
    stops = np.log2(bright / np.float32(level) + np.float32(_DARKEST))
    radius = VIEW_SIDE / _DETAIL
    detail = stops - cv2.GaussianBlur(stops, (0, 0), radius)
    contrast = np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), radius) + np.float32(_GRAIN**2))
    return np.asarray(np.clip(128 + _SPREAD * detail / contrast + 0.5, 0, 255), np.uint8)
