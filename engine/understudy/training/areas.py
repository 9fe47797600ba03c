"""Where eyes and mouth lie in a crop, from its landmarks, so that a loss can look there more closely."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from understudy.faces.face import Alignment
from understudy.geometry import Points, apply_transform, compose, crop_from_aligned, crop_side

__all__ = ["AREAS", "area_maps"]

_EYES = (
    (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246),
    (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466),
)
_MOUTH = ((61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185),)
"""Landmarks round the lids, and round the lips, in the order of the outline."""

AREAS = (_EYES, _MOUTH)
"""Outlines of each of the two maps."""

_FEATHER = 0.03
"""How far a map reaches beyond its outlines, as a share of the model's square: lids, lashes and the lips' edge."""


def area_maps(alignment: Alignment, size: int, margin: float, side: int) -> npt.NDArray[np.uint8]:
    """(side, side, 2) uint8 over the crop: eyes, and mouth; 255 inside, falling to 0 at `_FEATHER` outside.

    Args:
        alignment: Of the face.
        size: Side of the model's square, in pixels of the crop.
        margin: What the crop shows beyond it on each side, as a share of `size`.
        side: Of the maps, which may be smaller than the crop.
    """
    crop_from_plate = compose(crop_from_aligned(size, margin), alignment.aligned_from_plate)
    landmarks = apply_transform(crop_from_plate, alignment.landmarks_plate) * (side / crop_side(size, margin))
    reach = _FEATHER * size * side / crop_side(size, margin)
    maps = np.zeros((side, side, len(AREAS)), np.float32)
    for number, outlines in enumerate(AREAS):
        for outline in outlines:
            _draw(maps[..., number], landmarks[list(outline)], reach)
    return (maps * 255.0 + 0.5).astype(np.uint8)


def _draw(picture: npt.NDArray[np.float32], outline: Points, reach: float) -> None:
    """Adds a filled outline (N, 2), in pixels, with a feather of `reach` pixels, to a picture."""
    low = np.floor(outline.min(axis=0) - reach).clip(0, picture.shape[0]).astype(int)
    high = np.ceil(outline.max(axis=0) + reach).clip(0, picture.shape[0]).astype(int)
    x, y = np.meshgrid(np.arange(low[0], high[0]) + 0.5, np.arange(low[1], high[1]) + 0.5)
    nearest, inside = np.full(x.shape, np.inf), np.zeros(x.shape, bool)
    for start, end in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        way = end - start
        share = ((x - start[0]) * way[0] + (y - start[1]) * way[1]) / max(float(way @ way), 1e-12)
        share = share.clip(0.0, 1.0)
        nearest = np.minimum(nearest, np.hypot(x - start[0] - share * way[0], y - start[1] - share * way[1]))
        # a ray to the right crosses the outline an odd number of times from inside
        crosses = (start[1] > y) != (end[1] > y)
        rise = way[1] if way[1] else 1.0
        inside ^= crosses & (x < start[0] + (y - start[1]) / rise * way[0])
    coverage = np.where(inside, 1.0, (1.0 - nearest / reach).clip(0.0, 1.0))
    window = picture[low[1] : high[1], low[0] : high[0]]
    np.maximum(window, coverage, out=window, casting="same_kind")
