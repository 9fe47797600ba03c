"""The part between encoder and decoders: presses a face into few numbers, in which both identities must meet."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from understudy.model.layers import SLOPE, ResidualBlock, convolution
from understudy.settings.network import InterSettings

__all__ = ["ConvolutionalInter", "DenseInter", "build_inter"]


class DenseInter(nn.Module):
    """One code for the whole face: (B, width_in, side, side) -> (B, settings.width, side, side).

    What is pressed through a vector loses its place in the picture, and with it most of the identity's shape; pose,
    expression and light remain, because the decoders need them. The code is scaled to length sqrt(code), so that no
    identity can hide in how long it is.

    Args:
        settings: Code, width and blocks.
        width_in: Channels of the encoder's last level.
        side: Of the encoder's last level, in pixels.
    """

    def __init__(self, settings: InterSettings, width_in: int, side: int) -> None:
        super().__init__()
        self.width, self.side = settings.width, side
        self.press = nn.Linear(width_in * side**2, settings.code)
        self.unfold = nn.Linear(settings.code, settings.width * side**2)
        for layer in (self.press, self.unfold):
            nn.init.normal_(layer.weight, std=1.0 / math.sqrt(layer.in_features))
            nn.init.zeros_(layer.bias)
        self.blocks = nn.Sequential(*(ResidualBlock(settings.width) for _ in range(settings.blocks)))

    def forward(self, features: Tensor) -> Tensor:
        """What both decoders paint from."""
        code = self.press(features.flatten(1))
        code = code * torch.rsqrt(code.float().square().mean(dim=1, keepdim=True) + 1e-6).to(code.dtype)
        unfolded = self.unfold(code).view(-1, self.width, self.side, self.side)
        painted: Tensor = self.blocks(functional.leaky_relu(unfolded, SLOPE))
        return painted


class ConvolutionalInter(nn.Module):
    """A code for every place: (B, width_in, side, side) -> (B, settings.width, side, side).

    Keeps where things are: sharper and better lit than the dense kind, but more of the target identity's shape stays.
    Normalised codes lose most of what tells the identities apart: Ulyanov et al., "Instance Normalization", 2016,
    eq. 4; content apart from style: Huang et al., "Multimodal Unsupervised Image-to-Image Translation", 2018.

    Args:
        settings: Code, width and blocks.
        width_in: Channels of the encoder's last level.
    """

    def __init__(self, settings: InterSettings, width_in: int) -> None:
        super().__init__()
        self.normalise = settings.normalise
        self.press = convolution(width_in, settings.code, side=1)
        self.unfold = convolution(settings.code, settings.width)
        self.blocks = nn.Sequential(*(ResidualBlock(settings.width) for _ in range(settings.blocks)))

    def forward(self, features: Tensor) -> Tensor:
        """What both decoders paint from."""
        code = self.press(features)
        if self.normalise:
            code = functional.instance_norm(code)
        painted: Tensor = self.blocks(functional.leaky_relu(self.unfold(code), SLOPE))
        return painted


def build_inter(settings: InterSettings, width_in: int, side: int) -> DenseInter | ConvolutionalInter:
    """The inter that a preset describes.

    Args:
        settings: Of the preset.
        width_in: Channels of the encoder's last level.
        side: Of the encoder's last level, in pixels.
    """
    if settings.kind == "dense":
        return DenseInter(settings, width_in, side)
    return ConvolutionalInter(settings, width_in)
