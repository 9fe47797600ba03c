"""Structural similarity, at one scale and at several."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["ms_ssim_loss", "ssim_loss", "structural_similarity"]

_WINDOW = 11
_SIGMA = 1.5
_RANGE = 0.5
"""Codes of one face span about this much; it sets what SSIM takes for noise."""

_SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Of the five scales, finest first: Wang et al. 2003, section 3.2."""

_LEAST = 1e-4
"""What a negative similarity counts as, where it is raised to a broken power."""


def structural_similarity(first: Tensor, second: Tensor) -> Tensor:
    """SSIM at every pixel, (B, 3, H, W), at most 1.

    Wang et al., "Image quality assessment: from error visibility to structural similarity", 2004, eq. 13, with a
    Gaussian window of 11 x 11, sigma 1.5, K1 = 0.01, K2 = 0.03; edges are reflected.

    Args:
        first: (B, 3, H, W) float32, training space.
        second: The same.
    """
    luminance, contrast = _terms(first, second)
    return luminance[0] * contrast[0] / (luminance[1] * contrast[1])


def ssim_loss(painted: Tensor, wanted: Tensor, share: Tensor) -> Tensor:
    """1 - SSIM of each face: (B,) float32, 0..2.

    Args:
        painted: (B, 3, H, W) float32, training space.
        wanted: The same.
        share: (B, 1, H, W) float32: how much each pixel counts; sums to 1 for each face.
    """
    unlike = (1.0 - structural_similarity(painted, wanted)).mean(dim=1, keepdim=True)
    return (unlike * share).sum(dim=(1, 2, 3))


def ms_ssim_loss(painted: Tensor, wanted: Tensor, share: Tensor) -> Tensor:
    """1 - MS-SSIM of each face: (B,) float32, 0..1.

    Wang, Simoncelli, Bovik, "Multi-scale structural similarity for image quality assessment", 2003, eq. 7 with the
    weights of section 3.2: contrast and structure at every scale, luminance at the last. Pictures are halved by
    averages of 2 x 2. Where a side would become smaller than the window, the scales that are left share all the weight.

    Args:
        painted: (B, 3, H, W) float32, training space.
        wanted: The same.
        share: (B, 1, H, W) float32: how much each pixel counts; sums to 1 for each face.
    """
    smallest = min(painted.shape[-2:])
    count = max(1, sum(smallest >> scale >= _WINDOW for scale in range(len(_SCALE_WEIGHTS))))
    weights = [weight / sum(_SCALE_WEIGHTS[:count]) for weight in _SCALE_WEIGHTS[:count]]
    likeness = torch.ones_like(share[:, 0, 0, 0])
    for scale, weight in enumerate(weights):
        if scale:
            painted, wanted, share = (functional.avg_pool2d(picture, 2) for picture in (painted, wanted, share))
            share = share / share.sum(dim=(2, 3), keepdim=True).clamp_min(1e-12)
        luminance, contrast = _terms(painted, wanted)
        term = contrast[0] / contrast[1]
        if scale == count - 1:
            term = term * luminance[0] / luminance[1]
        mean = (term.mean(dim=1, keepdim=True) * share).sum(dim=(1, 2, 3))
        likeness = likeness * mean.clamp_min(_LEAST) ** weight
    return 1.0 - likeness


def _terms(first: Tensor, second: Tensor) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Numerator and denominator of SSIM's luminance term, and of its contrast and structure."""
    pictures = torch.cat([first, second, first * first, second * second, first * second], dim=1)
    mean_1, mean_2, square_1, square_2, product = _blurred(pictures).chunk(5, dim=1)
    small_1, small_2 = (0.01 * _RANGE) ** 2, (0.03 * _RANGE) ** 2
    variances = (square_1 - mean_1**2) + (square_2 - mean_2**2)
    covariance = product - mean_1 * mean_2
    luminance = 2.0 * mean_1 * mean_2 + small_1, mean_1**2 + mean_2**2 + small_1
    return luminance, (2.0 * covariance + small_2, variances + small_2)


def _blurred(pictures: Tensor) -> Tensor:
    places = torch.arange(_WINDOW, device=pictures.device, dtype=pictures.dtype) - _WINDOW // 2
    window = torch.exp(-(places**2) / (2.0 * _SIGMA**2))
    window = window / window.sum()
    channels, edge = pictures.shape[1], _WINDOW // 2
    # one plane at a time, so that no tensor core rounds what variances are the small difference of
    row, column = window.view(1, 1, 1, -1).repeat(channels, 1, 1, 1), window.view(1, 1, -1, 1).repeat(channels, 1, 1, 1)
    padded = functional.pad(pictures, (edge, edge, edge, edge), mode="reflect")
    return functional.conv2d(functional.conv2d(padded, row, groups=channels), column, groups=channels)
