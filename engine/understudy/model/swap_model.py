"""The whole network: one encoder and one inter that both identities share, and a decoder for each of the two."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from understudy.model.decoder import Decoder
from understudy.model.encoder import Encoder
from understudy.model.inter import build_inter
from understudy.settings.network import ModelSettings

__all__ = ["Description", "Identity", "SwapModel", "build_model"]

Identity = Literal["target", "source"]
"""Whose decoder paints: the target identity's (the face in the plate) or the source identity's (the face put in)."""

_CENTRE = 0.4
_SPREAD = 0.2
"""Codes of faces lie about a normalised middle grey; the network works on (code - centre) / spread."""


class Description(NamedTuple):
    """What both decoders paint from.

    Attributes:
        features: (B, C, side, side), of the inter, with the underpainting's blocks as the last channels.
        underpainting: (B, 3, S, S) float32 centred codes: the crop, smoothed until only its light is left.
    """

    features: Tensor
    underpainting: Tensor

    def split(self, count: int) -> tuple[Description, Description]:
        """The first `count` faces of the batch, and the rest."""
        first = Description(self.features[:count], self.underpainting[:count])
        return first, Description(self.features[count:], self.underpainting[count:])


class SwapModel(nn.Module):
    """Sees a face of either identity and paints it as one of the two.

    A target identity's face, painted by the source identity's decoder, is the swap: both identities are described by
    one encoder, and each decoder knows only one face to paint from a description.

    Args:
        settings: Sizes of all parts.
    """

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.settings = settings
        if settings.kind == "identity":
            return
        side = settings.size // (settings.encoder.stem * 2 ** len(settings.encoder.widths))
        width = settings.inter.width + (3 if settings.underpainting else 0)
        self.encoder = Encoder(settings.encoder)
        self.inter = build_inter(settings.inter, settings.encoder.widths[-1], side)
        self.target = Decoder(settings.decoder, width)
        self.source = Decoder(settings.decoder, width)

    def forward(self, codes: Tensor, identity: Identity) -> Tensor:
        """The faces as `identity`.

        Args:
            codes: (B, 3, S, S) float32 RGB, unbounded, training space.
            identity: Whose decoder paints.

        Returns:
            (B, 3, S, S) float32 RGB, unbounded, training space; of the kind `identity`, the input itself.
        """
        if self.settings.kind == "identity":
            return codes
        return self.paint(self.describe(codes), identity)

    def describe(self, codes: Tensor) -> Description:
        """What both decoders paint from, of codes (B, 3, S, S)."""
        centred = (codes - _CENTRE) / _SPREAD
        features = self.inter(self.encoder(centred))
        if not self.settings.underpainting:
            return Description(features, torch.zeros_like(centred))
        blocks = functional.adaptive_avg_pool2d(centred, self.settings.underpainting)
        underpainting = functional.interpolate(blocks, codes.shape[2:], mode="bicubic", align_corners=False)
        light = functional.adaptive_avg_pool2d(underpainting, features.shape[2:])
        return Description(torch.cat([features, light.to(features.dtype)], dim=1), underpainting)

    def paint(self, described: Description, identity: Identity) -> Tensor:
        """Codes (B, 3, S, S) float32 of what `describe` returned, by this identity's decoder."""
        decoder = self.target if identity == "target" else self.source
        codes: Tensor = (decoder(described.features) + described.underpainting) * _SPREAD + _CENTRE
        return codes


def build_model(settings: ModelSettings) -> SwapModel:
    """A new network with random weights, on PyTorch's default device and drawn from its default generator."""
    return SwapModel(settings)
