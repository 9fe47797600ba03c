"""Layers that double the side of a picture of features, and the levels that decoders are built of."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from understudy.model.layers import (
    SLOPE,
    Noise,
    ResidualBlock,
    convolution,
    even_convolution,
    repeat_for_pixel_shuffle,
)
from understudy.model.norms import build_norm
from understudy.settings.network import DecoderSettings, UpsamplerKind

__all__ = ["Entry", "build_levels", "build_upsampler"]


class Upsampler(nn.Module):
    """Doubles the side: (B, width_in, H, W) -> (B, width_out, 2 H, 2 W). One convolution.

    Args:
        width_in: Channels in.
        width_out: Channels out.
        kind: `pixel_shuffle` computes at the small side and unfolds channels into pixels (Shi et al., "Real-Time Single
            Image and Video Super-Resolution Using an Efficient Sub-Pixel CNN", 2016, eq. 4); `bilinear` and `nearest`
            enlarge first and are smoother (Odena et al., "Deconvolution and Checkerboard Artifacts", 2016).
        slope: Of the rectifier.
    """

    def __init__(self, width_in: int, width_out: int, kind: UpsamplerKind, slope: float = SLOPE) -> None:
        super().__init__()
        self.kind, self.slope = kind, slope
        self.convolution = convolution(width_in, width_out * 4 if kind == "pixel_shuffle" else width_out)
        if kind == "pixel_shuffle":
            repeat_for_pixel_shuffle(self.convolution, 2)

    def forward(self, features: Tensor) -> Tensor:
        """The features at twice the side."""
        if self.kind == "pixel_shuffle":
            return functional.pixel_shuffle(functional.leaky_relu(self.convolution(features), self.slope), 2)
        enlarged = _doubled(features) if self.kind == "bilinear" else functional.interpolate(features, scale_factor=2)
        return functional.leaky_relu(self.convolution(enlarged), self.slope)


class _TwoConvolutions(nn.Module):
    """Two convolutions, each with a rectifier.

    Args:
        first: The first.
        width: Channels of it and of the second, which is 3x3.
        slope: Of the rectifiers.
    """

    def __init__(self, first: nn.Module, width: int, slope: float) -> None:
        super().__init__()
        self.slope = slope
        self.first, self.second = first, convolution(width, width)

    def forward(self, features: Tensor) -> Tensor:
        """(B, width, H, W) of features at the side that the first convolution wants."""
        inner = functional.leaky_relu(self.first(features), self.slope)
        return functional.leaky_relu(self.second(inner), self.slope)


class DnyUpsampler(_TwoConvolutions):
    """Doubles the side: (B, width_in, H, W) -> (B, width_out, 2 H, 2 W).

    Bilinear, then two convolutions at the large side, as in the reference 1024 preset of the field, after Naruniec et
    al., "High-Resolution Neural Face Swapping for Visual Effects", 2020, figure 3.

    Args:
        width_in: Channels in.
        width_out: Channels out.
        slope: Of the rectifiers.
    """

    def __init__(self, width_in: int, width_out: int, slope: float) -> None:
        super().__init__(convolution(width_in, width_out), width_out, slope)

    def forward(self, features: Tensor) -> Tensor:
        """The features at twice the side."""
        return super().forward(_doubled(features))


class MixedUpsampler(nn.Module):
    """Doubles the side: (B, width_in, H, W) -> (B, width_out, 2 H, 2 W). Two ways at once.

    Args:
        width_in: Channels in.
        width_out: Channels out.
        kind: `hybrid` paints half of the channels by pixel shuffle, for detail, and enlarges the others bilinearly, for
            light; `fast` adds both up, each of all channels; `resize` adds a convolution of the enlarged picture and a
            transposed convolution (Dumoulin and Visin, "A guide to convolution arithmetic", 2016, section 4).
        slope: Of the rectifier.
    """

    def __init__(self, width_in: int, width_out: int, kind: UpsamplerKind, slope: float) -> None:
        super().__init__()
        self.kind, self.slope = kind, slope
        sharp = width_out // 2 if kind == "hybrid" else width_out
        smooth = width_out - sharp if kind == "hybrid" else width_out
        self.smooth = convolution(width_in, smooth)
        if kind == "resize":
            self.sharp: nn.Module = nn.ConvTranspose2d(width_in, sharp, 3, stride=2, padding=1, output_padding=1)
        else:
            shuffled = convolution(width_in, 4 * sharp)
            repeat_for_pixel_shuffle(shuffled, 2)
            self.sharp = nn.Sequential(shuffled, nn.PixelShuffle(2))

    def forward(self, features: Tensor) -> Tensor:
        """The features at twice the side."""
        if self.kind == "resize":
            smooth = self.smooth(_doubled(features))
        else:
            smooth = _doubled(self.smooth(features))  # a quarter of the arithmetic, and the channels mix linearly
        sharp = self.sharp(features)
        mixed = torch.cat([sharp, smooth], dim=1) if self.kind == "hybrid" else sharp + smooth
        return functional.leaky_relu(mixed, self.slope)


class Entry(_TwoConvolutions):
    """Spreads a small picture over its places: (B, width_in, H, W) -> (B, width_out, H, W).

    A 4x4 and a 3x3 convolution.

    Args:
        width_in: Channels in.
        width_out: Channels out.
        slope: Of the rectifiers.
    """

    def __init__(self, width_in: int, width_out: int, slope: float) -> None:
        super().__init__(even_convolution(width_in, width_out), width_out, slope)

    def forward(self, features: Tensor) -> Tensor:
        """The features at the same side."""
        return super().forward(functional.pad(features, (1, 2, 1, 2)))


def build_upsampler(kind: UpsamplerKind, width_in: int, width_out: int, slope: float = SLOPE) -> nn.Module:
    """The layer of this kind: (B, width_in, H, W) -> (B, width_out, 2 H, 2 W)."""
    if kind == "dny":
        return DnyUpsampler(width_in, width_out, slope)
    if kind in ("hybrid", "fast", "resize"):
        return MixedUpsampler(width_in, width_out, kind, slope)
    return Upsampler(width_in, width_out, kind, slope)


def build_levels(settings: DecoderSettings, widths: Sequence[int], width_in: int) -> list[nn.Module]:
    """Levels as a decoder has them, each of which doubles the side.

    Args:
        settings: Of the decoder: upsampler, norm, noise and blocks.
        widths: Channels of each level.
        width_in: Channels that the first is given.
    """
    levels: list[nn.Module] = []
    for number, width in enumerate(widths):
        # blocks draw their weights first: a seed gives the same network as ever
        count = 0 if settings.skip_last_block and number == len(widths) - 1 else settings.blocks
        blocks = [ResidualBlock(width, settings.block_kind, settings.slope) for _ in range(count)]
        level = [build_upsampler(settings.upsampler, width_in, width, settings.slope)]
        norm = build_norm(settings.norm, width)
        if norm is not None:
            level.append(norm)
        if settings.noise:
            level.append(Noise(settings.noise))
        levels.append(nn.Sequential(*level, *blocks))
        width_in = width
    return levels


def _doubled(features: Tensor) -> Tensor:
    return functional.interpolate(features, scale_factor=2, mode="bilinear", align_corners=False)
