"""How far painted faces are from the wanted ones, as one number for each face."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["FaceLoss", "structural_similarity"]

_WINDOW = 11
_SIGMA = 1.5
_RANGE = 0.5
"""Codes of one face span about this much; it sets what SSIM takes for noise."""


@dataclass(frozen=True)
class FaceLoss:
    """Masked SSIM and mean absolute error in training space.

    Attributes:
        ssim_weight: Of 1 - SSIM.
        l1_weight: Of the mean absolute error, in units of a tenth of the code range.
        outside_weight: Of the pixels outside the matte; inside it is 1.
    """

    ssim_weight: float
    l1_weight: float
    outside_weight: float

    def __call__(self, painted: Tensor, wanted: Tensor, matte: Tensor) -> Tensor:
        """The mean loss of a batch, a scalar.

        Args:
            painted: (B, 3, H, W) float32, training space.
            wanted: (B, 3, H, W) float32, training space.
            matte: (B, 1, H, W) float32, 0..1.
        """
        mask = self.outside_weight + (1.0 - self.outside_weight) * matte
        share = mask / mask.sum(dim=(2, 3), keepdim=True).clamp_min(1e-6)
        loss = 10.0 * self.l1_weight * ((painted - wanted).abs().mean(dim=1, keepdim=True) * share).sum(dim=(1, 2, 3))
        if self.ssim_weight > 0.0:
            unlike = (1.0 - structural_similarity(painted, wanted)).mean(dim=1, keepdim=True)
            loss = loss + self.ssim_weight * (unlike * share).sum(dim=(1, 2, 3))
        return loss.mean()


def structural_similarity(first: Tensor, second: Tensor) -> Tensor:
    """SSIM at every pixel, (B, 3, H, W), at most 1.

    Wang et al., "Image quality assessment: from error visibility to structural similarity", 2004, eq. 13, with a
    Gaussian window of 11 x 11, sigma 1.5, K1 = 0.01, K2 = 0.03; edges are reflected.

    Args:
        first: (B, 3, H, W) float32, training space.
        second: The same.
    """
    pictures = torch.cat([first, second, first * first, second * second, first * second], dim=1)
    mean_1, mean_2, square_1, square_2, product = _blurred(pictures).chunk(5, dim=1)
    small_1, small_2 = (0.01 * _RANGE) ** 2, (0.03 * _RANGE) ** 2
    variances = (square_1 - mean_1**2) + (square_2 - mean_2**2)
    covariance = product - mean_1 * mean_2
    above = (2.0 * mean_1 * mean_2 + small_1) * (2.0 * covariance + small_2)
    return above / ((mean_1**2 + mean_2**2 + small_1) * (variances + small_2))


def _blurred(pictures: Tensor) -> Tensor:
    places = torch.arange(_WINDOW, device=pictures.device, dtype=pictures.dtype) - _WINDOW // 2
    window = torch.exp(-(places**2) / (2.0 * _SIGMA**2))
    window = window / window.sum()
    channels, edge = pictures.shape[1], _WINDOW // 2
    # one plane at a time, so that no tensor core rounds what variances are the small difference of
    row, column = window.view(1, 1, 1, -1).repeat(channels, 1, 1, 1), window.view(1, 1, -1, 1).repeat(channels, 1, 1, 1)
    padded = functional.pad(pictures, (edge, edge, edge, edge), mode="reflect")
    return functional.conv2d(functional.conv2d(padded, row, groups=channels), column, groups=channels)
