"""What the parts of the network are made of: blocks that halve, double or refine a picture of features.

No layer normalises over the picture: the level of a face is its exposure, and must come through.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["SLOPE", "Downsampler", "ResidualBlock", "Upsampler", "convolution", "repeat_for_pixel_shuffle"]

SLOPE = 0.1
"""Slope of the leaky rectifiers below zero."""


def convolution(width_in: int, width_out: int, side: int = 3, stride: int = 1) -> nn.Conv2d:
    """A convolution that keeps the side (stride 1) or divides it, with weights for leaky rectifiers.

    The weights keep the variance of the signal: He et al., "Delving Deep into Rectifiers", 2015, eq. 15.

    Args:
        width_in: Channels in.
        width_out: Channels out.
        side: Of the kernel, in pixels; odd.
        stride: What the picture's side is divided by.
    """
    layer = nn.Conv2d(width_in, width_out, side, stride=stride, padding=side // 2)
    nn.init.kaiming_normal_(layer.weight, a=SLOPE, nonlinearity="leaky_relu")
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def repeat_for_pixel_shuffle(layer: nn.Conv2d, side: int) -> None:
    """Makes the `side * side` pixels that a convolution paints at once start alike.

    A pixel shuffle then begins as nearest-neighbour enlargement, without a checkerboard: Aitken et al., "Checkerboard
    artifact free sub-pixel convolution", 2017.
    """
    with torch.no_grad():
        layer.weight.copy_(layer.weight[:: side * side].repeat_interleave(side * side, dim=0))


class Downsampler(nn.Module):
    """Halves the side: (B, width_in, H, W) -> (B, width_out, H / 2, W / 2).

    Args:
        width_in: Channels in.
        width_out: Channels out.
    """

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.convolution = convolution(width_in, width_out, stride=2)

    def forward(self, features: Tensor) -> Tensor:
        """The features at half the side."""
        return functional.leaky_relu(self.convolution(features), SLOPE)


class Upsampler(nn.Module):
    """Doubles the side: (B, width_in, H, W) -> (B, width_out, 2 H, 2 W).

    Args:
        width_in: Channels in.
        width_out: Channels out.
        kind: `pixel_shuffle` computes at the small side and unfolds channels into pixels (Shi et al., "Real-Time Single
            Image and Video Super-Resolution Using an Efficient Sub-Pixel CNN", 2016, eq. 4); `bilinear` enlarges first
            and is smoother.
    """

    def __init__(self, width_in: int, width_out: int, kind: Literal["pixel_shuffle", "bilinear"]) -> None:
        super().__init__()
        self.kind = kind
        self.convolution = convolution(width_in, width_out * 4 if kind == "pixel_shuffle" else width_out)
        if kind == "pixel_shuffle":
            repeat_for_pixel_shuffle(self.convolution, 2)

    def forward(self, features: Tensor) -> Tensor:
        """The features at twice the side."""
        if self.kind == "bilinear":
            features = functional.interpolate(features, scale_factor=2, mode="bilinear", align_corners=False)
            return functional.leaky_relu(self.convolution(features), SLOPE)
        return functional.pixel_shuffle(functional.leaky_relu(self.convolution(features), SLOPE), 2)


class ResidualBlock(nn.Module):
    """Refines features in place: (B, width, H, W) -> the same shape. Two convolutions beside a path that skips them.

    He et al., "Identity Mappings in Deep Residual Networks", 2016, eq. 3, without normalisation. The second convolution
    starts small, so that a new block changes little.

    Args:
        width: Channels in and out.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = convolution(width, width)
        self.second = convolution(width, width)
        with torch.no_grad():
            self.second.weight.mul_(math.sqrt(0.1))

    def forward(self, features: Tensor) -> Tensor:
        """The refined features."""
        inner = self.first(functional.leaky_relu(features, SLOPE))
        refined: Tensor = features + self.second(functional.leaky_relu(inner, SLOPE))
        return refined
