"""The part that paints a face; one for each of the two identities."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.amp.autocast_mode import is_autocast_available
from torch.nn import functional

from understudy.model.layers import SLOPE, ResidualBlock, Upsampler, convolution, repeat_for_pixel_shuffle
from understudy.settings.network import DecoderSettings

__all__ = ["Decoder"]


class Decoder(nn.Module):
    """Paints: (B, width_in, side, side) -> (B, 3, side * grow, side * grow) float32 centred codes, unbounded.

    The last layer is linear and runs in float32 even under autocast: half-precision codes band.

    Args:
        settings: Upsampler, widths, blocks and head. `grow` is the head times 2 for every level.
        width_in: Channels that the inter hands over.
    """

    def __init__(self, settings: DecoderSettings, width_in: int) -> None:
        super().__init__()
        levels: list[nn.Module] = []
        width = width_in
        for next_width in settings.widths:
            blocks = [ResidualBlock(next_width) for _ in range(settings.blocks)]
            levels.append(nn.Sequential(Upsampler(width, next_width, settings.upsampler), *blocks))
            width = next_width
        self.levels = nn.Sequential(*levels)
        self.head_side = settings.head
        self.head = convolution(width, 3 * settings.head**2)
        repeat_for_pixel_shuffle(self.head, settings.head)

    def forward(self, features: Tensor) -> Tensor:
        """The painted faces."""
        painted = self.levels(features)
        kind = painted.device.type
        with torch.autocast(kind if is_autocast_available(kind) else "cpu", enabled=False):
            codes = self.head(functional.leaky_relu(painted.float(), SLOPE))
        return functional.pixel_shuffle(codes, self.head_side)
