"""A block that lets the code of the whole face decide how what the inters hand over looks: the G-block of the field."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from understudy.model.layers import LeakyRectifier, Noise, convolution
from understudy.settings.network import StyleSettings

__all__ = ["StyleBlock"]

_SLOPE = 0.2


class StyleBlock(nn.Module):
    """Restyles features: (B, width, H, W) and codes (B, code) -> (B, width, H, W).

    A convolution, and two rounds of adaptive instance normalisation (Huang and Belongie, "Arbitrary Style Transfer in
    Real-time", 2017, eq. 8), the style made of the code by dense layers and noise mixed in while training (Karras et
    al., "A Style-Based Generator Architecture", 2019, figure 1). Normalised in float32 even under autocast.

    Args:
        settings: Depth and width of the style, and noise.
        width: Channels in and out.
        code: Numbers of a code.
    """

    def __init__(self, settings: StyleSettings, width: int, code: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for number in range(settings.depth):
            layers.append(_linear(code, settings.width))
            if number < settings.depth - 1:
                layers.append(LeakyRectifier(_SLOPE))
            code = settings.width
        self.style = nn.Sequential(*layers)
        self.entry = convolution(width, width)
        self.noise = Noise(settings.noise)
        self.first = _Round(settings, width, refine=False)
        self.second = _Round(settings, width, refine=True)

    def forward(self, features: Tensor, code: Tensor) -> Tensor:
        """The features in the style of the codes."""
        style = self.style(code)
        restyled: Tensor = self.second(self.first(self.noise(self.entry(features)), style), style)
        return restyled


class _Round(nn.Module):
    def __init__(self, settings: StyleSettings, width: int, *, refine: bool) -> None:
        super().__init__()
        self.gain, self.offset = _linear(settings.width, width), _linear(settings.width, width)
        self.noise = Noise(settings.noise)
        self.mixed = convolution(width, width, side=1)
        with torch.no_grad():
            self.mixed.weight.mul_(math.sqrt(0.1))
        self.refine: nn.Module = convolution(width, width) if refine else nn.Identity()

    def forward(self, features: Tensor, style: Tensor) -> Tensor:
        mixed = self.mixed(self.noise(features))
        plain = functional.instance_norm(self.refine(features).float())
        gain, offset = (layer(style).float()[..., None, None] for layer in (self.gain, self.offset))
        restyled = (plain * (1.0 + gain) + offset).to(mixed.dtype) + mixed
        return functional.leaky_relu(restyled, _SLOPE)


def _linear(width_in: int, width_out: int) -> nn.Linear:
    layer = nn.Linear(width_in, width_out)
    nn.init.normal_(layer.weight, std=1.0 / math.sqrt(width_in))
    nn.init.zeros_(layer.bias)
    return layer
