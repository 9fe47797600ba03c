"""What a network costs, found without building it: weights, arithmetic, and the memory that a forward pass keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from understudy.model.live_tensors import LiveTensors
from understudy.model.swap_model import SwapModel, build_model
from understudy.model.weightless import weightless_tensors
from understudy.settings.network import ModelSettings

__all__ = ["ModelCost", "model_cost"]


@dataclass(frozen=True)
class ModelCost:
    """What a network costs.

    Attributes:
        parts: Parameters of each part, by its name; what two parts share counts for the first.
        gflop: Thousand million additions and multiplications for one face, there and painted by one decoder.
        kept_fp32: Bytes that one face keeps from its forward pass until the backward pass, with what is painted.
        kept_bf16: The same when the network computes in bf16 inside.
    """

    parts: Mapping[str, int]
    gflop: float
    kept_fp32: int
    kept_bf16: int

    @property
    def parameters(self) -> int:
        """Of all parts together."""
        return sum(self.parts.values())

    def to_json(self) -> dict[str, Any]:
        """Plain values by the names of the attributes, and the sum of the parameters."""
        return asdict(self) | {"parameters": self.parameters}


def model_cost(settings: ModelSettings) -> ModelCost:
    """The cost of the network that these settings describe; remembered for as long as the process lives.

    Args:
        settings: Of the preset. What its outer levels do not keep, because they are computed twice, does not count.
    """
    return _model_cost(settings.model_dump_json())


@lru_cache(maxsize=256)
def _model_cost(settings_json: str) -> ModelCost:
    settings = ModelSettings.model_validate_json(settings_json)
    with weightless_tensors():
        model = build_model(settings)
        parts: dict[str, int] = {}
        counted: set[int] = set()
        for name, parameter in model.named_parameters():
            if id(parameter) not in counted:
                counted.add(id(parameter))
                part = name.partition(".")[0]
                parts[part] = parts.get(part, 0) + parameter.numel()
        # two faces, because norms over a batch refuse a single one
        with FlopCounterMode(display=False) as counter:
            kept_fp32 = _kept(model, 2, half=False) // 2
        # weights in bf16 are kept as well, but once for all faces
        kept_bf16 = _kept(model, 3, half=True) - _kept(model, 2, half=True)
        return ModelCost(parts, counter.get_total_flops() / 2e9, kept_fp32, kept_bf16)


def _kept(model: SwapModel, faces: int, *, half: bool) -> int:
    """Bytes that a forward pass of so many faces leaves behind, their own pixels not counted."""
    size = model.settings.size
    codes = torch.empty(faces, 3, size, size)
    with LiveTensors() as live, torch.autocast("cpu", torch.bfloat16, enabled=half):
        painted = model(codes, "source")
    kept: int = live.live
    del painted
    return kept
