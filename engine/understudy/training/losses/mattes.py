"""Losses of a predicted matte.

Each takes predicted and drawn mattes (B, 1, H, W) float32, 0..1, and returns (B,) float32. Every pixel counts as much:
a matte is as wrong far outside the face as inside.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["matte_entropy_loss", "matte_loss"]

_LEAST = 1e-6


def matte_loss(predicted: Tensor, drawn: Tensor) -> Tensor:
    """The mean absolute difference, in tenths as other pixels are counted."""
    return 10.0 * (predicted - drawn).abs().mean(dim=(1, 2, 3))


def matte_entropy_loss(predicted: Tensor, drawn: Tensor) -> Tensor:
    """The mean cross-entropy; a drawn matte between 0 and 1 is a chance, so that its own entropy is taken off."""
    surely, drawn = predicted.clamp(_LEAST, 1.0 - _LEAST), drawn.clamp(0.0, 1.0)
    crossed = drawn * torch.log(surely) + (1.0 - drawn) * torch.log1p(-surely)
    own = torch.special.xlogy(drawn, drawn) + torch.special.xlogy(1.0 - drawn, 1.0 - drawn)
    entropy: Tensor = own - crossed
    return entropy.mean(dim=(1, 2, 3))
