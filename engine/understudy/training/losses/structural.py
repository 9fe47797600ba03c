"""Structural similarity, at one scale and at several."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["ms_ssim_loss", "ssim_loss", "structural_similarity"]

_WINDOW = 11
_EDGE = _WINDOW // 2
_SIGMA = 1.5
_RANGE = 0.5
"""Codes of one face span about this much; it sets what SSIM takes for noise."""

_SMALL_MEAN, _SMALL_SPREAD = (0.01 * _RANGE) ** 2, (0.03 * _RANGE) ** 2

_PIXELS_AT_ONCE = 1 << 18
"""How large a strip is compared at once: 256 rows of one face of 1024 px. What is computed on the way
then takes about 100 MiB, and stays near a processor, which so compares a face in half the time."""

_SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Of the five scales, finest first: Wang et al. 2003, section 3.2."""

_LEAST = 1e-4
"""What a negative similarity counts as, where it is raised to a broken power."""


def structural_similarity(first: Tensor, second: Tensor, *, with_luminance: bool = True) -> Tensor:
    """SSIM at every pixel, (B, C, H, W), at most 1; it has no gradient.

    Wang et al., "Image quality assessment: from error visibility to structural similarity", 2004, eq. 13, with a
    Gaussian window of 11 x 11, sigma 1.5, K1 = 0.01, K2 = 0.03; edges are reflected.

    Args:
        first: (B, C, H, W) floating point, training space.
        second: The same.
        with_luminance: False leaves out the term of the means: contrast and structure alone.
    """
    strips = _strips(first, second, with_luminance=with_luminance)
    return torch.cat([strip.likeness() for _, strip in strips], dim=2)


def ssim_loss(painted: Tensor, wanted: Tensor, share: Tensor) -> Tensor:
    """1 - SSIM of each face: (B,) float32, 0..2. Only what was painted has a gradient.

    Args:
        painted: (B, 3, H, W) float32, training space.
        wanted: The same.
        share: (B, 1, H, W) float32: how much each pixel counts; sums to 1 for each face.
    """
    return _unlikeness(painted, wanted, share, with_luminance=True)


def ms_ssim_loss(painted: Tensor, wanted: Tensor, share: Tensor) -> Tensor:
    """1 - MS-SSIM of each face: (B,) float32, 0..1. Only what was painted has a gradient.

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
        mean = share.sum(dim=(1, 2, 3)) - _unlikeness(painted, wanted, share, with_luminance=scale == count - 1)
        likeness = likeness * mean.clamp_min(_LEAST) ** weight
    return 1.0 - likeness


def _unlikeness(painted: Tensor, wanted: Tensor, share: Tensor, *, with_luminance: bool) -> Tensor:
    """1 - `structural_similarity`, averaged over channels and added by share over pixels: (B,).

    Only what was painted has a gradient.
    """
    if wanted.requires_grad or share.requires_grad:
        raise ValueError("only what was painted has a gradient")
    unlike: Tensor = _Unlikeness.apply(painted, wanted, share, with_luminance)  # type: ignore[no-untyped-call]
    return unlike


class _Unlikeness(torch.autograd.Function):
    """`_unlikeness`, of which plain operators would keep some 28 pictures of each face's size for the backward pass.

    The gradient is computed along with the value, whose moments it shares, and is all that is kept.
    """

    @staticmethod
    def forward(ctx: Any, painted: Tensor, wanted: Tensor, share: Tensor, with_luminance: bool) -> Tensor:
        """(B,), of arguments as of `_unlikeness`."""
        unlike, gradient = torch.zeros_like(share[:, 0, 0, 0]), None
        if ctx.needs_input_grad[0]:
            count, channels, height, width = painted.shape
            gradient = painted.new_zeros(count, channels, height + 2 * _EDGE, width + 2 * _EDGE)
        for rows, strip in _strips(painted, wanted, with_luminance=with_luminance):
            likeness, weight = strip.likeness(), share[:, :, rows]
            unlike += ((1.0 - likeness).mean(dim=1, keepdim=True) * weight).sum(dim=(1, 2, 3))
            if gradient is not None:
                reached = gradient[:, :, rows.start : rows.stop + 2 * _EDGE]
                reached += strip.gradient(likeness, weight / -painted.shape[1])
        if gradient is not None:
            ctx.save_for_backward(_folded(gradient))
        return unlike

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, cost: Tensor) -> tuple[Tensor, None, None, None]:
        """Gradients of the arguments, of that of the result, (B,)."""
        (gradient,) = ctx.saved_tensors
        return gradient * cost[:, None, None, None], None, None, None


class _Strip:
    """A strip of two pictures, and its moments under the window.

    Args:
        first: (B, C, H + 10, W + 10), training space: with what the window sees beyond the strip on each side.
        second: The same.
        window: (11,), sums to 1.
        with_luminance: Whether the means count.
    """

    def __init__(self, first: Tensor, second: Tensor, window: Tensor, with_luminance: bool) -> None:
        self.first, self.second, self.window, self.with_luminance = first, second, window, with_luminance
        pictures = torch.cat([first, second, first * first, second * second, first * second], dim=1)
        self.mean_1, self.mean_2, square_1, square_2, product = _windowed(pictures, window).chunk(5, dim=1)
        means = self.mean_1 * self.mean_2
        self.luminance = 2.0 * means + _SMALL_MEAN, self.mean_1**2 + self.mean_2**2 + _SMALL_MEAN
        variances = (square_1 - self.mean_1**2) + (square_2 - self.mean_2**2)
        self.contrast = 2.0 * (product - means) + _SMALL_SPREAD, variances + _SMALL_SPREAD

    def likeness(self) -> Tensor:
        """(B, C, H, W): SSIM, or its contrast and structure alone."""
        if not self.with_luminance:
            return self.contrast[0] / self.contrast[1]
        return self.luminance[0] * self.contrast[0] / (self.luminance[1] * self.contrast[1])

    def gradient(self, likeness: Tensor, weight: Tensor) -> Tensor:
        """Of the sum of weight times likeness, to the first picture: (B, C, H + 10, W + 10).

        SSIM is a function of five pictures under the window, of which mean, square and product hold the first picture;
        the gradient of each comes back through the window.

        Args:
            likeness: As `likeness` returned it.
            weight: (B, 1, H, W).
        """
        (light, lights), (joint, spreads) = self.luminance, self.contrast
        by_square = -weight * likeness / spreads
        if self.with_luminance:
            each = weight / (lights * spreads)
            by_product = 2.0 * each * light
            by_light = 2.0 * (self.mean_2 * joint * each - self.mean_1 * weight * likeness / lights)
        else:
            by_product, by_light = 2.0 * weight / spreads, torch.zeros_like(likeness)
        by_mean = by_light - self.mean_2 * by_product - 2.0 * self.mean_1 * by_square
        # the window is even: it leads back as it leads there
        back = _windowed(torch.cat([by_mean, by_square, by_product], dim=1), self.window, border=2 * _EDGE)
        by_mean, by_square, by_product = back.chunk(3, dim=1)
        return by_mean + 2.0 * self.first * by_square + self.second * by_product


def _strips(first: Tensor, second: Tensor, *, with_luminance: bool) -> Iterator[tuple[slice, _Strip]]:
    """Two pictures (B, C, H, W) strip by strip, each with the rows that it covers; their edges are reflected."""
    beyond = (_EDGE, _EDGE, _EDGE, _EDGE)
    first, second = (functional.pad(each.detach().contiguous(), beyond, mode="reflect") for each in (first, second))
    height, width = first.shape[2] - 2 * _EDGE, first.shape[3] - 2 * _EDGE
    places = torch.arange(_WINDOW, device=first.device, dtype=first.dtype) - _EDGE
    window = torch.exp(-(places**2) / (2.0 * _SIGMA**2))
    window = window / window.sum()
    step = max(1, _PIXELS_AT_ONCE // (len(first) * width))
    for top in range(0, height, step):
        rows = slice(top, min(top + step, height))
        seen = slice(rows.start, rows.stop + 2 * _EDGE)
        yield rows, _Strip(first[:, :, seen], second[:, :, seen], window, with_luminance)


def _windowed(pictures: Tensor, window: Tensor, border: int = 0) -> Tensor:
    """Pictures under a window wherever the whole of it lies in them, and in a black border as wide as this."""
    channels = pictures.shape[1]
    # one plane at a time, so that no tensor core rounds what variances are the small difference of
    row, column = window.view(1, 1, 1, -1).repeat(channels, 1, 1, 1), window.view(1, 1, -1, 1).repeat(channels, 1, 1, 1)
    across = functional.conv2d(pictures, row, groups=channels, padding=(0, border))
    return functional.conv2d(across, column, groups=channels, padding=(border, 0))


def _folded(gradient: Tensor) -> Tensor:
    """(B, C, H, W): what reaches beyond the edges of a picture, of (B, C, H + 10, W + 10), put where they reflect."""
    for axis in (2, 3):
        side = gradient.shape[axis] - 2 * _EDGE
        inside = gradient.narrow(axis, _EDGE, side).clone()
        inside.narrow(axis, 1, _EDGE).add_(gradient.narrow(axis, 0, _EDGE).flip(axis))
        inside.narrow(axis, side - _EDGE - 1, _EDGE).add_(gradient.narrow(axis, side + _EDGE, _EDGE).flip(axis))
        gradient = inside
    return gradient
