"""What the parts of the network are made of: layers that halve a picture of features, refine it, or stir it."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from understudy.settings.network import BlockKind

__all__ = [
    "SLOPE",
    "Downsampler",
    "LeakyRectifier",
    "Noise",
    "ResidualBlock",
    "convolution",
    "even_convolution",
    "repeat_for_pixel_shuffle",
    "run_level",
]

SLOPE = 0.1
"""Slope of the leaky rectifiers below zero, where a preset does not say otherwise."""


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
    return _begun(layer)


def even_convolution(width_in: int, width_out: int, side: int = 4) -> nn.Conv2d:
    """A convolution with a kernel of even side, which takes `side - 1` pixels off the picture's side."""
    return _begun(nn.Conv2d(width_in, width_out, side))


def _begun(layer: nn.Conv2d) -> nn.Conv2d:
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


class LeakyRectifier(nn.Module):
    """Leaves what is above zero and multiplies what is below by the slope; any shape.

    Args:
        slope: 0..1.
    """

    def __init__(self, slope: float) -> None:
        super().__init__()
        self.slope = slope

    def forward(self, features: Tensor) -> Tensor:
        """The rectified features."""
        return functional.leaky_relu(features, self.slope)


class Downsampler(nn.Module):
    """Halves the side: (B, width_in, H, W) -> (B, width_out, H / 2, W / 2).

    Args:
        width_in: Channels in.
        width_out: Channels out.
        side: Of the kernel, in pixels; odd.
        slope: Of the rectifier.
    """

    def __init__(self, width_in: int, width_out: int, side: int = 3, slope: float = SLOPE) -> None:
        super().__init__()
        self.convolution = convolution(width_in, width_out, side, stride=2)
        self.slope = slope

    def forward(self, features: Tensor) -> Tensor:
        """The features at half the side."""
        return functional.leaky_relu(self.convolution(features), self.slope)


class ResidualBlock(nn.Module):
    """Refines features in place: (B, width, H, W) -> the same shape. Two convolutions beside a path that skips them.

    Without normalisation. The second convolution starts small, so that a new block changes little.

    Args:
        width: Channels in and out.
        kind: `before`: what is refined stays free of rectifiers (He et al., "Identity Mappings in Deep Residual
            Networks", 2016, eq. 3); `after`: it is rectified (He et al., "Deep Residual Learning", 2015, figure 2).
        slope: Of the rectifiers.
    """

    def __init__(self, width: int, kind: BlockKind = "before", slope: float = SLOPE) -> None:
        super().__init__()
        self.kind, self.slope = kind, slope
        self.first = convolution(width, width)
        self.second = convolution(width, width)
        with torch.no_grad():
            self.second.weight.mul_(math.sqrt(0.1))

    def forward(self, features: Tensor) -> Tensor:
        """The refined features."""
        if self.kind == "after":
            inner = functional.leaky_relu(self.first(features), self.slope)
            return functional.leaky_relu(features + self.second(inner), self.slope)
        inner = self.first(functional.leaky_relu(features, self.slope))
        refined: Tensor = features + self.second(functional.leaky_relu(inner, self.slope))
        return refined


class Noise(nn.Module):
    """Adds noise while training, from PyTorch's default generator; any shape.

    Args:
        spread: Standard deviation.
    """

    def __init__(self, spread: float) -> None:
        super().__init__()
        self.spread = spread

    def forward(self, features: Tensor) -> Tensor:
        """The noisy features; in evaluation mode, the features."""
        if not self.training:
            return features
        return features + torch.randn_like(features) * self.spread


def run_level(level: nn.Module, features: Tensor, *, twice: bool) -> Tensor:
    """What a level makes of features.

    Args:
        level: From one tensor to one tensor.
        features: Given to it.
        twice: Keep nothing of what it computes inside, and compute it again for the gradients: Chen et al., "Training
            Deep Nets with Sublinear Memory Cost", 2016. Numbers do not change.
    """
    if not (twice and level.training and torch.is_grad_enabled()):
        made: Tensor = level(features)
        return made
    stirs = any(isinstance(module, Noise) for module in level.modules())
    again: Tensor = checkpoint(level, features, use_reentrant=False, preserve_rng_state=stirs)
    return again
