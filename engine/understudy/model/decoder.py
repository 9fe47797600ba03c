"""The part that paints a face; one for each of the two identities, or one for both."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.amp.autocast_mode import is_autocast_available
from torch.nn import functional

from understudy.model.codes import centred_from_codes
from understudy.model.haar import pixels_from_haar
from understudy.model.layers import convolution, repeat_for_pixel_shuffle, run_level
from understudy.model.upsamplers import build_levels, build_upsampler
from understudy.settings.network import DecoderSettings

__all__ = ["Decoder", "PaintedScales"]


class PaintedScales(NamedTuple):
    """What a decoder paints at once.

    Attributes:
        scales: (B, 3, s, s) float32, coarse to fine; the last has the crop's side, each other half of the next.
        matte: (B, 1, S, S) float32, 0..1; None where none is predicted, or wanted.
    """

    scales: tuple[Tensor, ...]
    matte: Tensor | None


class Decoder(nn.Module):
    """Paints: (B, width_in, side, side) -> (B, 3, side * grow, side * grow) float32 centred codes.

    The last layers run in float32 even under autocast: half-precision codes band. By default the output is linear,
    because codes have no bounds: a highlight of 64 is code 1, one of 256 is 1.14, and what lies below black is less
    than 0.11. A sigmoid, as the field has it for its 8-bit pictures, is given headroom for that, and learns slowly near
    its ends.

    Args:
        settings: Upsampler, widths, blocks, head, outputs and matte. `grow` is the head times 2 for every level.
        width_in: Channels that the inter hands over.
        checkpoint_levels: How many of the last levels are computed twice while training.
    """

    def __init__(self, settings: DecoderSettings, width_in: int, checkpoint_levels: int = 0) -> None:
        super().__init__()
        self.settings, self.checkpoint_levels = settings, checkpoint_levels
        widths = settings.own_widths()
        self.levels = nn.Sequential(*build_levels(settings, widths, width_in))
        self.head = self._head(widths[-1], 3, settings.head)
        coarse = widths[len(widths) - settings.outputs : -1]
        self.coarse_heads = nn.ModuleList(self._head(width, 3, settings.head) for width in coarse)
        if settings.matte:
            self.matte_levels = nn.Sequential()
            width = width_in if settings.matte_widths else widths[-1]
            for next_width in settings.matte_widths:
                self.matte_levels.append(build_upsampler(settings.upsampler, width, next_width, settings.slope))
                width = next_width
            self.matte_head = self._head(width, 1, settings.matte_head)

    def forward(self, features: Tensor, *, every_scale: bool = False, with_matte: bool = False) -> PaintedScales:
        """The painted faces.

        Args:
            features: Of the inter.
            every_scale: Paint all sizes, for training; otherwise the last only.
            with_matte: Predict the matte, where the decoder has one.
        """
        painted, levels, scales = features, len(self.levels), list[Tensor]()
        first_head = levels - 1 - len(self.coarse_heads)
        for number, level in enumerate(self.levels):
            painted = run_level(level, painted, twice=number >= levels - self.checkpoint_levels)
            is_last = number == levels - 1
            if is_last or (number >= first_head and (every_scale or self.settings.pyramid)):
                head = self.head if is_last else self.coarse_heads[number - first_head]
                scales.append(self._codes(head, painted, scales[-1] if self.settings.pyramid and scales else None))
        matte = self._matte(features, painted) if with_matte and self.settings.matte else None
        return PaintedScales(tuple(scales if every_scale else scales[-1:]), matte)

    def _head(self, width: int, colours: int, side: int) -> nn.Conv2d:
        head = convolution(width, colours * side**2, self.settings.head_kernel)
        if self.settings.head_kind == "shuffle":
            repeat_for_pixel_shuffle(head, side)
        return head

    def _codes(self, head: nn.Module, painted: Tensor, coarser: Tensor | None) -> Tensor:
        """Centred codes of one size."""
        with _exactly(painted):
            codes = self._pixels(head, painted, self.settings.head)
            if self.settings.output == "sigmoid":
                headroom = self.settings.headroom
                codes = centred_from_codes(torch.sigmoid(codes) * (1.0 + 2.0 * headroom) - headroom)
            if coarser is not None:
                codes = codes + functional.interpolate(coarser, scale_factor=2, mode="bilinear", align_corners=False)
        return codes

    def _matte(self, features: Tensor, painted: Tensor) -> Tensor:
        if self.settings.matte_widths:
            count, painted = len(self.matte_levels), features
            for number, level in enumerate(self.matte_levels):
                painted = run_level(level, painted, twice=number >= count - self.checkpoint_levels)
        with _exactly(painted):
            return torch.sigmoid(self._pixels(self.matte_head, painted, self.settings.matte_head))

    def _pixels(self, head: nn.Module, painted: Tensor, side: int) -> Tensor:
        exact = painted.float()
        if self.settings.block_kind == "before":
            exact = functional.leaky_relu(exact, self.settings.slope)
        blocks: Tensor = head(exact)
        if self.settings.head_kind == "haar" and side in (2, 4, 8):
            return pixels_from_haar(blocks, side)
        return functional.pixel_shuffle(blocks, side)


def _exactly(features: Tensor) -> torch.autocast:
    """Computes in the type that tensors have, whatever is on around it."""
    kind = features.device.type
    return torch.autocast(kind if is_autocast_available(kind) else "cpu", enabled=False)
