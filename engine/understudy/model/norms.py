"""What can normalise a picture of features. Ours do without.

The level of a face is its exposure, and must come through.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from understudy.settings.network import Norm

__all__ = ["ChannelNorm", "build_norm", "unit_length"]

_EPSILON = 1e-5
_GROUP = 8
"""Channels that a group has at least."""


class ChannelNorm(nn.Module):
    """Normalises the channels of each pixel, or of each vector, with learned gains: (B, C, ...) -> the same shape.

    In float32 even under autocast: squares of bf16 numbers say little.

    Args:
        width: Channels.
        centre: Take the mean out, too, and learn an offset: Ba et al., "Layer Normalization", 2016, eq. 4; without,
            Zhang and Sennrich, "Root Mean Square Layer Normalization", 2019, eq. 4.
    """

    def __init__(self, width: int, *, centre: bool) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(width))
        self.offset = nn.Parameter(torch.zeros(width)) if centre else None

    def forward(self, features: Tensor) -> Tensor:
        """The normalised features, of the same type."""
        shape = (-1,) + (1,) * (features.dim() - 2)
        exact = features.float()
        if self.offset is not None:
            exact = exact - exact.mean(dim=1, keepdim=True)
        exact = unit_length(exact, _EPSILON) * self.gain.view(shape)
        if self.offset is not None:
            exact = exact + self.offset.view(shape)
        return exact.to(features.dtype)


def build_norm(kind: Norm, width: int) -> nn.Module | None:
    """What normalises pictures of so many channels; None for `none`.

    `batch`: Ioffe and Szegedy, 2015; `instance`: Ulyanov et al., 2016; `group`: Wu and He, 2018.
    """
    if kind == "none":
        return None
    if kind == "batch":
        return nn.BatchNorm2d(width)
    if kind == "instance":
        return nn.InstanceNorm2d(width, affine=True)
    if kind == "group":
        return nn.GroupNorm(math.gcd(32, max(1, width // _GROUP)) if width % _GROUP == 0 else 1, width)
    return ChannelNorm(width, centre=kind == "layer")


def unit_length(features: Tensor, epsilon: float = 1e-6) -> Tensor:
    """Vectors (B, C, ...) scaled so that the mean of their squares over C is 1; computed in float32."""
    return features * torch.rsqrt(features.float().square().mean(dim=1, keepdim=True) + epsilon).to(features.dtype)
