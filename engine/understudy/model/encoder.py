"""The part that sees a face; one for both identities, so that both are described in the same words."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from understudy.model.layers import Downsampler, ResidualBlock
from understudy.settings.network import EncoderSettings

__all__ = ["Encoder"]


class Encoder(nn.Module):
    """Features of a face: (B, 3, S, S) centred codes -> (B, widths[-1], S / shrink, S / shrink).

    Args:
        settings: Stem, widths and blocks. `shrink` is the stem times 2 for every level.
    """

    def __init__(self, settings: EncoderSettings) -> None:
        super().__init__()
        self.stem = settings.stem
        levels: list[nn.Module] = []
        width = 3 * settings.stem**2
        for next_width in settings.widths:
            blocks = [ResidualBlock(next_width) for _ in range(settings.blocks)]
            levels.append(nn.Sequential(Downsampler(width, next_width), *blocks))
            width = next_width
        self.levels = nn.Sequential(*levels)

    def forward(self, codes: Tensor) -> Tensor:
        """The features of every face of the batch."""
        features: Tensor = self.levels(functional.pixel_unshuffle(codes, self.stem))
        return features
