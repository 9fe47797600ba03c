"""Losses that compare pixel by pixel.

Each takes painted and wanted faces (B, 3, H, W) float32, training space, and `share` (B, 1, H, W) float32, which
says how much each pixel counts and sums to 1 for each face, and returns (B,) float32. Differences are counted in tenths
of the code range.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["TENTH", "charbonnier_loss", "l1_loss", "l2_loss", "log_cosh_loss"]

TENTH = 10.0
"""Tenths in one unit of code."""

_ROUND = 0.01
"""Tenths within which Charbonnier's loss is round: 0.001 of the code range, as for pictures of 0..1."""


def l1_loss(painted: Tensor, wanted: Tensor, share: Tensor) -> Tensor:
    """The mean absolute difference of each face."""
    return TENTH * ((painted - wanted).abs().mean(dim=1, keepdim=True) * share).sum(dim=(1, 2, 3))


def l2_loss(painted: Tensor, wanted: Tensor, share: Tensor) -> Tensor:
    """The mean squared difference of each face."""
    return _shared((TENTH * (painted - wanted)).square(), share)


def log_cosh_loss(painted: Tensor, wanted: Tensor, share: Tensor) -> Tensor:
    """The mean of log(cosh(difference)) of each face, computed so that no difference is too large for it.

    log cosh x = |x| + log(1 + exp(-2 |x|)) - log 2.
    """
    length = (TENTH * (painted - wanted)).abs()
    return _shared(length + functional.softplus(-2.0 * length) - math.log(2.0), share)


def charbonnier_loss(painted: Tensor, wanted: Tensor, share: Tensor) -> Tensor:
    """The mean of sqrt(difference^2 + e^2) - e of each face.

    Charbonnier et al., "Two deterministic half-quadratic regularization algorithms for computed imaging", 1994, as used
    for pictures by Lai et al., "Deep Laplacian Pyramid Networks for Fast and Accurate Super-Resolution", 2017, eq. 2; e
    is taken off, so that a perfect face costs nothing.
    """
    difference = TENTH * (painted - wanted)
    return _shared(torch.sqrt(difference.square() + _ROUND**2) - _ROUND, share)


def _shared(costs: Tensor, share: Tensor) -> Tensor:
    return (costs.mean(dim=1, keepdim=True) * share).sum(dim=(1, 2, 3))
