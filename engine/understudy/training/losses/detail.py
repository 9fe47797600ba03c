"""Losses that look at fine detail: steps between pixels, and spectra."""

from __future__ import annotations

import torch
from torch import Tensor

from understudy.training.losses.pixels import TENTH

__all__ = ["focal_frequency_loss", "gradient_loss"]


def gradient_loss(painted: Tensor, wanted: Tensor, share: Tensor) -> Tensor:
    """The mean absolute difference of the steps to the right and down, of each face: (B,) float32.

    Mathieu et al., "Deep multi-scale video prediction beyond mean square error", 2016, eq. 6 with a power of 1; here
    the steps' signs count too, so that a step the wrong way is worse than none. A step weighs as its two pixels do.
    Counted in tenths of the code range.

    Args:
        painted: (B, 3, H, W) float32, training space.
        wanted: The same.
        share: (B, 1, H, W) float32: how much each pixel counts; sums to 1 for each face.
    """
    difference = TENTH * (painted - wanted)
    cost = torch.zeros_like(share[:, 0, 0, 0])
    for axis in (2, 3):
        steps = difference.diff(dim=axis).abs().mean(dim=1, keepdim=True)
        count = share.shape[axis]
        both = (share.narrow(axis, 0, count - 1) + share.narrow(axis, 1, count - 1)) / 2.0
        cost = cost + (steps * both).sum(dim=(1, 2, 3))
    return cost


def focal_frequency_loss(painted: Tensor, wanted: Tensor, share: Tensor) -> Tensor:
    """The mean squared difference of the spectra of each face, where each frequency weighs by how wrong it is: (B,).

    Jiang et al., "Focal Frequency Loss for Image Reconstruction and Synthesis", 2021: the distance of
    section 3.3 with the spectrum weight matrix |difference|^1, scaled to 0..1 and without a gradient of its own; the
    spectra are orthonormal. Faces are weighed by their pixels' shares before they are transformed, so that what lies
    outside the matte, and the crop's border, hardly count.

    Args:
        painted: (B, 3, H, W) float32, training space.
        wanted: The same.
        share: (B, 1, H, W) float32: how much each pixel counts; sums to 1 for each face.
    """
    height, width = painted.shape[-2:]
    # as the mean of squares over pixels would be: a pixel that counts as much as all others on average counts 1
    weighed = TENTH * (painted - wanted) * torch.sqrt(share * (height * width))
    spectrum = torch.view_as_real(torch.fft.rfft2(weighed, norm="ortho"))
    squares = spectrum.square().sum(dim=-1)
    focus = torch.sqrt(squares.detach())
    focus = focus / focus.amax(dim=(2, 3), keepdim=True).clamp_min(1e-12)
    # half of a real picture's spectrum mirrors the other: all but the first and, in even pictures, the last column
    mirrored = torch.full((focus.shape[-1],), 2.0, device=focus.device)
    mirrored[0] = 1.0
    if width % 2 == 0:
        mirrored[-1] = 1.0
    return (focus * squares * mirrored).sum(dim=(2, 3)).mean(dim=1) / (height * width)
