"""A coarse matte brought to the plate's own edges."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

__all__ = ["guided_matte"]

_Picture = npt.NDArray[np.float32]

_NOISE = 0.01
"""Codes by which neighbouring pixels of one surface differ: grain, pores. Edges weaker than this do not guide."""


def guided_matte(coarse: _Picture, codes: _Picture, radius_px: int) -> _Picture:
    """A matte whose edges lie where the picture's do.

    In every window the matte is taken for a linear function of the picture's colours, fitted by least squares: He, Sun,
    Tang, "Guided image filtering", ECCV 2010, equations 18 and 19, with a guide of three colours. Where the picture is
    flat the matte is left, smoothed over the window.

    Args:
        coarse: (H, W) float32 0..1.
        codes: (H, W, 3) float32 training space of the same pixels.
        radius_px: Of the window: about as far as the edges of `coarse` err, in these pixels.

    Returns:
        (H, W) float32 0..1.
    """
    if radius_px < 1 or min(coarse.shape) < 2:
        return coarse
    guide = np.asarray(codes, np.float64) - 0.4  # about the mean, so that variances keep their digits
    matte = np.asarray(coarse, np.float64)
    mean, mean_matte = _means(guide, radius_px), _means(matte, radius_px)
    together = _means(guide * matte[..., None], radius_px) - mean * mean_matte[..., None]
    spread = np.empty((*matte.shape, 3, 3))
    for row in range(3):
        for column in range(row, 3):
            product = _means(guide[..., row] * guide[..., column], radius_px)
            spread[..., row, column] = product - mean[..., row] * mean[..., column]
            spread[..., column, row] = spread[..., row, column]
    spread += np.eye(3) * _NOISE**2
    slope = np.linalg.solve(spread, together[..., None])[..., 0]
    offset = mean_matte - (slope * mean).sum(axis=2)
    refined = (_means(slope, radius_px) * guide).sum(axis=2) + _means(offset, radius_px)
    return np.asarray(np.clip(refined, 0, 1), np.float32)


def _means(values: npt.NDArray[np.float64], radius_px: int) -> npt.NDArray[np.float64]:
    side = 2 * radius_px + 1
    return np.asarray(cv2.blur(values, (side, side), borderType=cv2.BORDER_REFLECT), np.float64)
