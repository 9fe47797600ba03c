"""Half floats and back. OpenCV converts them four times faster than NumPy."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from understudy.plates.frame import Pixels

__all__ = ["as_float", "as_half"]


def as_float(values: npt.NDArray[Any]) -> Pixels:
    """float32 of half, float or unsigned integers: exact but for integers beyond 24 bits."""
    if values.dtype != np.float16:
        return np.ascontiguousarray(values, np.float32)
    packed = np.ascontiguousarray(values)
    flat = packed.view(np.int16).reshape(packed.shape[0], -1)
    return np.asarray(cv2.convertFp16(flat), np.float32).reshape(packed.shape)


def as_half(values: Pixels) -> npt.NDArray[np.float16]:
    """float16, rounded to the nearest even, of float32 (H, W) or (H, W, C)."""
    packed = np.ascontiguousarray(values, np.float32)
    flat = packed.reshape(packed.shape[0], -1)
    return np.asarray(cv2.convertFp16(flat)).view(np.float16).reshape(packed.shape)
