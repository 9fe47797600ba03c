"""The training space's curve: its constants, the only place where they stand, and what follows from them.

    code = SLOPE * log2(x + TOE) + OFFSET        for x >= 0
    code = ZERO_CODE + ZERO_SLOPE * x            for x < 0, the tangent at 0

which is the same as ZERO_CODE + SLOPE * log2(1 + x / TOE), the way in which float32 is most exact near black.

x is scene-linear light on AP1 primaries, after the gains of the shot. OCIO evaluates it in `training_space`, PyTorch in
`training.codes`; a test holds the two together. Why this curve: docs/decisions/0002-training-space.md.
"""

from __future__ import annotations

import math

__all__ = ["LARGEST_KEPT", "OFFSET", "SLOPE", "SMALLEST_KEPT", "TOE", "ZERO_CODE", "ZERO_SLOPE", "light_from_code"]

SLOPE = 0.0715897142
"""Code for each stop, where the light is far above the toe."""

OFFSET = 0.5704423511
"""Code of 1 - TOE; puts grey (0.18) at 0.40 and 64 at 1.0."""

TOE = 0.012
"""Light that is added before the logarithm: below it the curve runs nearly straight into zero."""

ZERO_CODE = SLOPE * math.log2(TOE) + OFFSET
"""Code of no light, 0.1136."""

ZERO_SLOPE = SLOPE / (TOE * math.log(2.0))
"""Code for each unit of light at 0 and below, 8.607."""

SMALLEST_KEPT = -0.5
"""Smallest code that is kept for learning, and that a trained model is shown."""

LARGEST_KEPT = 1.5
"""Largest code that is kept for learning, and that a trained model is shown."""


def light_from_code(code: float) -> float:
    """The light, after the gains, that a code stands for: in double precision, for limits and tables."""
    if code < ZERO_CODE:
        return (code - ZERO_CODE) / ZERO_SLOPE
    return float(2.0 ** ((code - OFFSET) / SLOPE) - TOE)
