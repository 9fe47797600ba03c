"""Soft steps: how an effect fades from nothing to full along a coordinate."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Floats", "smoothstep"]

Floats = npt.NDArray[np.floating[Any]]
"""Any array of floats; where the precision matters, the docstring states it."""


def smoothstep(start: float, end: float, values: Any) -> Any:
    """0 up to `start`, 1 from `end`, the cubic 3t^2 - 2t^3 between; `start` may be above `end`."""
    t = np.clip((values - start) / (end - start), 0, 1)
    return t * t * (3 - 2 * t)
