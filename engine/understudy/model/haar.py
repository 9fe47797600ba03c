"""Haar wavelets: an invertible way to fold the pixels of a block into channels, sorted by how fine their detail is.

Mallat, "A Theory for Multiresolution Signal Decomposition", 1989, with the filters of Haar, 1910. The blurred picture
is the mean of the block. Each octave of detail is given twice the weight of the coarser one, because the pictures of
nature hold half as much of it (Field, "Relations between the statistics of natural images", 1987), and a network learns
best from channels of like size.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["haar_from_pixels", "pixels_from_haar"]


def haar_from_pixels(pictures: Tensor, side: int) -> Tensor:
    """Wavelets of every block: (B, C, H, W) -> (B, C * side ** 2, H / side, W / side).

    Args:
        pictures: Of any range.
        side: Of the blocks, in pixels: 1, 2, 4 or 8.

    Returns:
        The blurred picture first, then the detail of each octave, coarse to fine; `pixels_from_haar` is the inverse.
    """
    blurred, fine = pictures, []
    while side > 1:
        weight, side = float(side), side // 2
        quarters = [blurred[..., row::2, column::2] for row in (0, 1) for column in (0, 1)]
        sums = [_signed_sum(quarters, signs) / 4.0 for signs in _SIGNS]
        blurred = sums[0]
        details = torch.cat(sums[1:], dim=1) * weight
        fine.append(functional.pixel_unshuffle(details, side) if side > 1 else details)
    return torch.cat([blurred, *reversed(fine)], dim=1)


def pixels_from_haar(wavelets: Tensor, side: int) -> Tensor:
    """Pixels of every block: (B, C * side ** 2, H, W) -> (B, C, H * side, W * side); undoes `haar_from_pixels`."""
    colours = wavelets.shape[1] // side**2
    blurred, place, octave = wavelets[:, :colours], colours, 1
    while octave < side:
        channels = 3 * colours * octave**2
        details = wavelets[:, place : place + channels]
        place += channels
        details = (functional.pixel_shuffle(details, octave) if octave > 1 else details) / (2.0 * octave)
        octave *= 2
        sums = [blurred, *torch.split(details, colours, dim=1)]
        quarters = torch.stack([_signed_sum(sums, signs) for signs in _SIGNS], dim=2)
        blurred = functional.pixel_shuffle(quarters.flatten(1, 2), 2)
    return blurred


_SIGNS = ((1, 1, 1, 1), (1, -1, 1, -1), (1, 1, -1, -1), (1, -1, -1, 1))
"""Mean, and differences along x, y and both, of the quarters (0, 0), (0, 1), (1, 0), (1, 1); its own inverse, times
4."""


def _signed_sum(parts: list[Tensor], signs: tuple[int, ...]) -> Tensor:
    total = parts[0] * signs[0]
    for part, sign in zip(parts[1:], signs[1:], strict=True):
        total = total + part if sign > 0 else total - part
    return total
