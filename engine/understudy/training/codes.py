"""The training space in PyTorch: the same curve as `color.TrainingSpace`, where a gradient or the GPU needs it."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from understudy.color.curve import SLOPE, TOE, ZERO_CODE, ZERO_SLOPE

__all__ = ["codes_from_light", "light_from_codes", "relit"]

_SLOPE_E = SLOPE / math.log(2.0)


def codes_from_light(light: Tensor) -> Tensor:
    """Codes of scene-linear AP1 light to which the shot's gains were applied already.

    Args:
        light: Any shape, float32, unbounded.

    Returns:
        The same shape, float32, never clamped. Its gradient is that of the curve, below zero too.
    """
    logarithm = torch.log1p(light.clamp_min(0.0) / TOE) * _SLOPE_E + ZERO_CODE
    return torch.where(light < 0.0, light * ZERO_SLOPE + ZERO_CODE, logarithm)


def light_from_codes(codes: Tensor) -> Tensor:
    """Scene-linear AP1 light, gains still applied, of codes; inverse of `codes_from_light`."""
    power = torch.expm1((codes.clamp_min(ZERO_CODE) - ZERO_CODE) / _SLOPE_E) * TOE
    return torch.where(codes < ZERO_CODE, (codes - ZERO_CODE) / ZERO_SLOPE, power)


def relit(codes: Tensor, stops: Tensor) -> Tensor:
    """Codes of the same faces under more or less light: decoded to scene-linear, multiplied, encoded again.

    A gain that a shot's space has applied before the curve is only another factor, so it need not be known here.

    Args:
        codes: (B, 3, H, W) float32.
        stops: (B, 3, H, W) float32: by how much, in stops.
    """
    return codes_from_light(light_from_codes(codes) * torch.exp2(stops))
