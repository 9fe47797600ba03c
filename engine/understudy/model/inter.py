"""The part between encoder and decoders: presses a face into few numbers, in which both identities must meet."""

from __future__ import annotations

import math

from torch import Tensor, nn
from torch.nn import functional

from understudy.model.layers import ResidualBlock, convolution
from understudy.model.norms import ChannelNorm, unit_length
from understudy.model.scaling import scaled
from understudy.model.upsamplers import Entry, build_levels, build_upsampler
from understudy.settings.network import InterSettings, ModelSettings

__all__ = ["ConvolutionalInter", "DenseInter", "FaceCode", "Inter", "build_inter"]


class FaceCode(nn.Module):
    """The numbers that a face is pressed into: (B, width_in, side, side) -> (B, code).

    The layer that presses, where it counts as part of the encoder.

    Args:
        settings: Pool, code and its norm.
        width_in: Channels of the encoder's last level.
        side: Of the encoder's last level, in pixels.
    """

    def __init__(self, settings: InterSettings, width_in: int, side: int) -> None:
        super().__init__()
        self.settings = settings
        self.press = nn.Linear(_numbers_in(settings, width_in, side), settings.code)
        _begin_linear(self.press)
        self.norm = _code_norm(settings)

    def forward(self, features: Tensor) -> Tensor:
        """The codes of every face of the batch."""
        code: Tensor = self.norm(self.press(_pooled(features, self.settings)))
        return unit_length(code) if self.settings.code_norm == "length" else code


class DenseInter(nn.Module):
    """One code for the whole face: (B, width_in, side_in, side_in) -> (B, width_out, side, side) enlarged.

    What is pressed through a vector loses its place in the picture, and with it most of the identity's shape; pose,
    expression and light remain, because the decoders need them. By default the code is scaled to length sqrt(code), so
    that no identity can hide in how long it is.

    Args:
        settings: Of the whole network.
        width_in: Channels of the encoder's last level.
        side_in: Of the encoder's last level, in pixels.
    """

    def __init__(self, settings: ModelSettings, width_in: int, side_in: int) -> None:
        super().__init__()
        inter = self.settings = settings.inter
        self.width, self.side = inter.width, settings.code_side
        width = _numbers_in(inter, width_in, side_in)
        dense: list[nn.Linear] = []
        if inter.code_in_encoder:
            width = inter.code
        elif inter.code:
            self.press = nn.Linear(width, inter.code)
            dense.append(self.press)
            width = inter.code
        self.norm = nn.Identity() if inter.code_in_encoder else _code_norm(inter)
        self.hidden = nn.ModuleList()
        for hidden in inter.hidden:
            self.hidden.append(nn.Linear(width, hidden))
            width = hidden
        dense += [layer for layer in self.hidden if isinstance(layer, nn.Linear)]
        if inter.unfold:
            self.unfold = nn.Linear(width, inter.width * self.side**2)
            dense.append(self.unfold)
        for layer in dense:
            _begin_linear(layer)
        self.blocks = nn.Sequential(*(ResidualBlock(inter.width) for _ in range(inter.blocks)))
        self.enlarge, self.width_out = _enlarger(settings)

    def forward(self, features: Tensor) -> Tensor:
        """What both decoders paint from, of the encoder's features, or of codes where the encoder makes them."""
        code = features
        if not self.settings.code_in_encoder:
            code = _pooled(features, self.settings)
            if self.settings.code:
                code = self.norm(self.press(code))
                code = unit_length(code) if self.settings.code_norm == "length" else code
        for layer in self.hidden:
            code = functional.leaky_relu(layer(code), self.settings.slope)
        unfolded = self.unfold(code) if self.settings.unfold else code
        return _raised(self, unfolded.view(-1, self.width, self.side, self.side), self.settings)


class ConvolutionalInter(nn.Module):
    """A code for every place: (B, width_in, side_in, side_in) -> (B, width_out, side, side) enlarged.

    Keeps where things are: sharper and better lit than the dense kind, but more of the target identity's shape stays.
    Normalised codes lose most of what tells the identities apart: Ulyanov et al., "Instance Normalization", 2016,
    eq. 4; content apart from style: Huang et al., "Multimodal Unsupervised Image-to-Image Translation", 2018.

    Args:
        settings: Of the whole network.
        width_in: Channels of the encoder's last level.
    """

    def __init__(self, settings: ModelSettings, width_in: int) -> None:
        super().__init__()
        inter = self.settings = settings.inter
        self.press = convolution(width_in, inter.code, side=1)
        self.unfold = convolution(inter.code, inter.width)
        self.blocks = nn.Sequential(*(ResidualBlock(inter.width) for _ in range(inter.blocks)))
        self.enlarge, self.width_out = _enlarger(settings)

    def forward(self, features: Tensor) -> Tensor:
        """What both decoders paint from."""
        code = self.press(scaled(features, self.settings.side))
        if self.settings.normalise:
            code = functional.instance_norm(code)
        return _raised(self, self.unfold(code), self.settings)


Inter = DenseInter | ConvolutionalInter


def build_inter(settings: ModelSettings, width_in: int, side_in: int) -> Inter:
    """The inter that a preset describes; `width_out` says how many channels it has.

    Args:
        settings: Of the whole network.
        width_in: Channels of the encoder's last level.
        side_in: Of the encoder's last level, in pixels.
    """
    if settings.inter.kind == "dense":
        return DenseInter(settings, width_in, side_in)
    return ConvolutionalInter(settings, width_in)


def _raised(inter: Inter, unfolded: Tensor, settings: InterSettings) -> Tensor:
    """The unfolded code, stretched, refined, and enlarged by all levels that the inter has."""
    if settings.stretch > 1:
        unfolded = functional.interpolate(unfolded, scale_factor=settings.stretch, mode="bilinear", align_corners=False)
    raised: Tensor = inter.enlarge(inter.blocks(functional.leaky_relu(unfolded, settings.slope)))
    return raised


def _enlarger(settings: ModelSettings) -> tuple[nn.Sequential, int]:
    """The levels of an inter, and then those of the decoder that it shares; and the channels that they hand over."""
    inter, decoder = settings.inter, settings.decoder
    width, levels = inter.width, list[nn.Module]()
    if inter.entry:
        levels.append(Entry(width, inter.entry, decoder.slope))
        width = inter.entry
    for next_width in inter.levels:
        levels.append(build_upsampler(inter.upsampler, width, next_width, inter.slope))
        width = next_width
    levels += build_levels(decoder, decoder.inter_widths(), width)
    return nn.Sequential(*levels), (decoder.inter_widths() or (width,))[-1]


def _numbers_in(settings: InterSettings, width_in: int, side: int) -> int:
    return width_in * (side**2 if settings.pool == "none" else 1)


def _pooled(features: Tensor, settings: InterSettings) -> Tensor:
    """(B, C, h, w) -> (B, C), or all numbers in one vector."""
    if settings.pool == "average":
        return features.mean(dim=(2, 3))
    return features.amax(dim=(2, 3)) if settings.pool == "max" else features.flatten(1)


def _code_norm(settings: InterSettings) -> nn.Module:
    if settings.code and settings.code_norm in ("layer", "rms"):
        return ChannelNorm(settings.code, centre=settings.code_norm == "layer")
    return nn.Identity()


def _begin_linear(layer: nn.Linear) -> None:
    nn.init.normal_(layer.weight, std=1.0 / math.sqrt(layer.in_features))
    nn.init.zeros_(layer.bias)
