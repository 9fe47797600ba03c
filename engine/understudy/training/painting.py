"""What a network paints while it trains: the one place where training asks the model for its outputs."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from understudy.model.swap_model import Description, Identity, SwapModel

__all__ = ["Painting", "painting_of"]


class Painting(NamedTuple):
    """What a network has painted of one batch.

    Attributes:
        scales: (B, 3, h, w) float32, training space, coarse to fine; the last is the picture.
        matte: (B, 1, H, W) float32, 0..1; None when the network predicts none.
    """

    scales: tuple[Tensor, ...]
    matte: Tensor | None = None


def painting_of(model: SwapModel, described: Description, identity: Identity) -> Painting:
    """All that a network paints of one identity's faces.

    Args:
        model: Whose decoder paints.
        described: What `describe` returned.
        identity: Whose decoder.
    """
    scales, matte = model.paint_all(described, identity)
    return Painting(tuple(scales), matte)
