"""All losses of one identity's painted faces, weighed and added."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor
from torch.nn import functional

from understudy.color.curve import OFFSET, SLOPE, TOE
from understudy.color.training_space import MIDDLE_GREY
from understudy.settings.training import LossSettings, TrainingSettings
from understudy.training.batches import Batch
from understudy.training.losses.detail import focal_frequency_loss, gradient_loss
from understudy.training.losses.kept_gradient import cost_of_each
from understudy.training.losses.mattes import matte_entropy_loss, matte_loss
from understudy.training.losses.pixels import charbonnier_loss, l1_loss, l2_loss, log_cosh_loss
from understudy.training.losses.structural import ms_ssim_loss, ssim_loss
from understudy.training.painting import Painting

__all__ = ["FaceLoss"]

_OF_PICTURES: Mapping[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = MappingProxyType(
    {
        "l1": l1_loss,
        "ssim": ssim_loss,
        "ms_ssim": ms_ssim_loss,
        "l2": l2_loss,
        "log_cosh": log_cosh_loss,
        "charbonnier": charbonnier_loss,
        "gradient": gradient_loss,
        "focal_frequency": focal_frequency_loss,
    }
)
_OF_MATTES: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = MappingProxyType(
    {"matte": matte_loss, "matte_entropy": matte_entropy_loss}
)

_HIGHLIGHTS_FROM = SLOPE * math.log2(2.0 * MIDDLE_GREY + TOE) + OFFSET
"""Code of one stop above grey."""

_HIGHLIGHTS_AT_MOST = 0.5


@dataclass(frozen=True)
class FaceLoss:
    """The loss of one identity's faces, in training space.

    Attributes:
        weights: Of each loss.
        outside_weight: Of the pixels outside the matte; inside it is 1.
        eyes_weight: What is added to that in the eyes, as a share of it.
        mouth_weight: The same in the mouth.
        highlights_weight: The same in the face's highlights, which `highlights_of` tells, but never more than half of
            what the whole face weighs without them: a face that is half in the sun has other things to learn.
    """

    weights: LossSettings
    outside_weight: float
    eyes_weight: float = 0.0
    mouth_weight: float = 0.0
    highlights_weight: float = 0.0

    @staticmethod
    def of(settings: TrainingSettings) -> FaceLoss:
        """The loss that a preset, or one of its phases, asks for."""
        return FaceLoss(
            settings.losses,
            settings.outside_weight,
            settings.eyes_weight,
            settings.mouth_weight,
            settings.highlights_weight,
        )

    def __call__(self, painting: Painting, batch: Batch) -> Tensor:
        """The mean loss of a batch, a scalar float32.

        Args:
            painting: What was painted.
            batch: What was wanted.
        """
        *coarse, fine = painting.scales
        weight = self.pixel_weights(batch)
        loss = self._of_pictures(fine, batch.wanted, weight)
        if self.weights.coarse > 0.0 and coarse:
            for picture in coarse:
                wanted, weights = (_averaged(map_, picture.shape[-2:]) for map_ in (batch.wanted, weight))
                loss = loss + self.weights.coarse / len(coarse) * self._of_pictures(picture, wanted, weights)
        if painting.matte is not None:
            for name, matte_cost in _OF_MATTES.items():
                if (factor := getattr(self.weights, name)) > 0.0:
                    loss = loss + factor * matte_cost(painting.matte, batch.matte)
        return loss.mean()

    def pixel_weights(self, batch: Batch) -> Tensor:
        """(B, 1, H, W) float32: what each pixel weighs, before the weights of a face are made to sum to 1."""
        weight = self.outside_weight + (1.0 - self.outside_weight) * batch.matte
        if batch.areas is not None:
            eyes, mouth = batch.areas[:, :1], batch.areas[:, 1:]
            weight = weight * (1.0 + self.eyes_weight * eyes + self.mouth_weight * mouth)
        if self.highlights_weight > 0.0:
            weight = weight + self._of_highlights(batch, weight)
        return weight

    def _of_highlights(self, batch: Batch, weight: Tensor) -> Tensor:
        """(B, 1, H, W) float32: what is added in highlights of the face to what its pixels weigh already."""
        added = self.highlights_weight * weight * batch.matte * highlights_of(batch.wanted)
        most = _HIGHLIGHTS_AT_MOST * weight.sum(dim=(2, 3), keepdim=True)
        return added * (most / added.sum(dim=(2, 3), keepdim=True).clamp_min(1e-6)).clamp(max=1.0)

    def _of_pictures(self, painted: Tensor, wanted: Tensor, weight: Tensor) -> Tensor:
        """(B,) float32, with a gradient to what was painted."""
        return cost_of_each(self._added, painted, wanted, weight)

    def _added(self, painted: Tensor, wanted: Tensor, weight: Tensor) -> Tensor:
        """(B,) float32."""
        share = weight / weight.sum(dim=(2, 3), keepdim=True).clamp_min(1e-6)
        weights: dict[str, float] = self.weights.model_dump()
        costs = [
            weights[name] * cost(painted, wanted, share) for name, cost in _OF_PICTURES.items() if weights[name] > 0.0
        ]
        return functools.reduce(torch.add, costs)


def highlights_of(wanted: Tensor) -> Tensor:
    """(B, 1, H, W) float32, 0..1: how much of a highlight each pixel is; 0 at one stop above grey, 1 at two.

    Args:
        wanted: (B, 3, H, W) float32, training space, in which the middle of a face is grey.
    """
    return ((wanted.mean(dim=1, keepdim=True) - _HIGHLIGHTS_FROM) / SLOPE).clamp(0.0, 1.0)


def _averaged(map_: Tensor, size: torch.Size) -> Tensor:
    return functional.adaptive_avg_pool2d(map_, (size[0], size[1]))
