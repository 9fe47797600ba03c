"""Cuts: where a picture does not go on from the frame before, told by a coarse grid of light."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from understudy.color import luminance

__all__ = ["frame_look", "is_cut", "look_change"]

_ROWS, _COLUMNS = 6, 8
_SAMPLES = 24
_DARKEST = -20.0
_FLOOR, _DARKNESS = 0.06, 0.001
"""Of the frame's middle light, and of light itself: what is darker is noise, whose stops say nothing of the picture."""

_CUT_STOPS = 0.72
"""Between six pairs of photographs the change is 0.8 to 1.5 stops; that of a pan by a tenth of the frame in one frame,
of a dark body over a quarter of it, or of a step a quarter nearer, is below 0.7 (decision 0011)."""


def frame_look(pixels: npt.NDArray[np.float32]) -> tuple[float, ...]:
    """How a frame looks from afar: the mean light of 6 rows of 8 cells, in stops (the logarithm to base 2).

    Args:
        pixels: (H, W, 3) float32 RGB, AP1 scene-linear, unbounded, without NaN or infinities.
    """
    rows, columns = (
        ((np.arange(cells * _SAMPLES) + 0.5) * size / (cells * _SAMPLES)).astype(np.intp)
        for cells, size in ((_ROWS, pixels.shape[0]), (_COLUMNS, pixels.shape[1]))
    )
    light = luminance(pixels[rows[:, None], columns[None, :]]).astype(np.float64)
    cells = light.reshape(_ROWS, _SAMPLES, _COLUMNS, _SAMPLES).mean(axis=(1, 3))
    return tuple(np.round(np.log2(np.maximum(cells, 2.0**_DARKEST)), 2).ravel().tolist())


def look_change(before: Sequence[float], after: Sequence[float]) -> float:
    """How much one look differs from another, in stops: the mean over the cells, less what changes all alike.

    0 where either is empty, and so not known.
    """
    if not before or len(before) != len(after):
        return 0.0
    change = _relative(after) - _relative(before)
    return float(np.abs(change - np.median(change)).mean())


def is_cut(before: Sequence[float], after: Sequence[float]) -> bool:
    """True when one frame's look does not go on from another's.

    Args:
        before: `frame_look` of a frame; empty when it is not known, and then nothing is a cut.
        after: Of the next frame that was searched.
    """
    return look_change(before, after) > _CUT_STOPS


def _relative(look: Sequence[float]) -> npt.NDArray[np.float64]:
    """Stops from the frame's middle light, with the darkest held up."""
    light = np.exp2(np.asarray(look, np.float64)) + _DARKNESS
    return np.asarray(np.log2(light / np.median(light) + _FLOOR))
