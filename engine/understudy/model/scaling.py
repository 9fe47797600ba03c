"""Pictures at another size, as encoders and inters need them."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

__all__ = ["scaled"]


def scaled(pictures: Tensor, side: int) -> Tensor:
    """Pictures (B, C, S, S) at another side, without aliasing: by means of blocks where it divides S, else bilinearly.

    Args:
        pictures: Of any range.
        side: The side wanted, in pixels; 0 returns them as they are.
    """
    present = pictures.shape[-1]
    if side in (0, present):
        return pictures
    if present % side == 0:
        return functional.avg_pool2d(pictures, present // side)
    return functional.interpolate(
        pictures, size=(side, side), mode="bilinear", align_corners=False, antialias=side < present
    )
