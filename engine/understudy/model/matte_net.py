"""The network of a shot's learned matte: a small U-Net that sees a crop and its drawn matte."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["MATTE_SIZE_STEP", "MatteNet"]

MATTE_SIZE_STEP = 32
"""The side of a crop must be a multiple of this."""

_WIDTHS = (24, 32, 48, 64)
_GROUPS = 8
_TRUST = 8.0
_GREY, _SPREAD = 0.4, 0.15


class MatteNet(nn.Module):
    """Coverage of the face in a crop, as logits.

    A U-Net (Ronneberger et al., "U-Net: convolutional networks for biomedical image segmentation", 2015) of 0.2 million
    weights over a crop that is folded by two. It answers with a correction of the drawn matte, so that a network that
    has learned nothing gives that matte back.
    """

    def __init__(self) -> None:
        super().__init__()
        self.first = _Block(4 * 6, _WIDTHS[0])
        self.down = nn.ModuleList(_Block(before, after, stride=2) for before, after in pairwise(_WIDTHS))
        self.middle = _Block(_WIDTHS[-1], _WIDTHS[-1], stride=2)
        self.up = nn.ModuleList(
            _Block(below + beside, beside)
            for below, beside in zip((_WIDTHS[-1], *_WIDTHS[:0:-1]), _WIDTHS[::-1], strict=True)
        )
        self.last = nn.Conv2d(_WIDTHS[0], 4, 3, padding=1, bias=False)
        nn.init.zeros_(self.last.weight)

    def forward(self, codes: Tensor, drawn: Tensor) -> Tensor:
        """Logits (B, 1, S, S) float32 of the face's coverage.

        Args:
            codes: (B, 3, S, S) float32 RGB, training space; S is a multiple of `MATTE_SIZE_STEP`.
            drawn: (B, 1, S, S) float32 0..1: the matte that the landmarks draw.
        """
        seen = torch.cat([(codes - _GREY) / _SPREAD, drawn * 2 - 1, _places(codes)], dim=1)
        features = self.first(functional.pixel_unshuffle(seen, 2))
        beside = [features]
        for down in self.down:
            features = down(features)
            beside.append(features)
        features = self.middle(features)
        for up, other in zip(self.up, reversed(beside), strict=True):
            features = functional.interpolate(features, scale_factor=2.0, mode="bilinear", align_corners=False)
            features = up(torch.cat([features, other], dim=1))
        correction = functional.pixel_shuffle(self.last(features).float(), 2)
        return correction + (drawn - 0.5) * _TRUST


class _Block(nn.Module):
    """Two convolutions, each normalised over groups of channels, with a way past the second."""

    def __init__(self, before: int, after: int, stride: int = 1) -> None:
        super().__init__()
        self.first = nn.Conv2d(before, after, 3, stride, padding=1, bias=False)
        self.first_norm = nn.GroupNorm(_GROUPS, after)
        self.second = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.second_norm = nn.GroupNorm(_GROUPS, after)

    def forward(self, features: Tensor) -> Tensor:
        """(B, after, H / stride, W / stride)."""
        features = functional.relu(self.first_norm(self.first(features)))
        return functional.relu(features + self.second_norm(self.second(features)))


def _places(codes: Tensor) -> Tensor:
    """(B, 2, S, S): x and y of each pixel, -1..1."""
    places = torch.linspace(-1, 1, codes.shape[-1], device=codes.device, dtype=codes.dtype)
    grid = torch.stack(torch.meshgrid(places, places, indexing="xy"))
    return grid.expand(codes.shape[0], -1, -1, -1)
