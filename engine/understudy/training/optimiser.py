"""The optimiser: AdamW over named groups of weights, how far it steps, and how long a gradient may be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from understudy.errors import ModelFileError
from understudy.model.swap_model import SwapModel
from understudy.settings.training import TrainingSettings
from understudy.training.phases import part_modules

__all__ = ["build_optimizer", "gradient_limit", "load_memory", "memory_tensors", "set_rate"]

_MEMORY = ("step", "exp_avg", "exp_avg_sq")
_KEEP = "optimizer/"


def build_optimizer(model: SwapModel, settings: TrainingSettings) -> torch.optim.Optimizer:
    """AdamW (Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019), fused; `set_rate` sets its rate.

    Args:
        model: Whose weights learn; whether frozen at present or not.
        settings: Of the preset.
    """
    of_encoder = {id(weight) for module in part_modules(model, "encoder") for weight in module.parameters()}
    encoder = [weight for weight in model.parameters() if id(weight) in of_encoder]
    others = [weight for weight in model.parameters() if id(weight) not in of_encoder]
    groups = [{"params": encoder, "factor": settings.encoder_rate}, {"params": others, "factor": 1.0}]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=0.0,
        betas=(0.9, 0.99),
        weight_decay=settings.weight_decay,
        fused=True,
    )


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Sets how far the next step goes; the encoder's is that times its own factor."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["factor"]


def gradient_limit(settings: TrainingSettings, lengths: Sequence[float]) -> float:
    """The length to which the next gradient is shortened; infinite for none.

    `auto` is a percentile of the lengths before: Seetharaman et al., "AutoClip: Adaptive Gradient Clipping for Source
    Separation Networks", 2020, algorithm 1, over a bounded past and without the present gradient, whose length a device
    would have to be waited for.

    Args:
        settings: Of the phase.
        lengths: Of the gradients before, as they were.
    """
    if settings.clipping == "none":
        return float("inf")
    if settings.clipping == "norm" or not lengths:
        return settings.gradient_limit
    return float(np.percentile(lengths, settings.clip_percentile))


def memory_tensors(optimizer: torch.optim.Optimizer, model: nn.Module) -> dict[str, Tensor]:
    """What the optimiser remembers of each weight, by names that a file can hold; nothing of what never learned.

    Args:
        optimizer: Over the model's weights.
        model: Gives them their names.
    """
    tensors: dict[str, Tensor] = {}
    for name, weight in model.named_parameters():
        memory: Mapping[str, Tensor] = optimizer.state.get(weight, {})
        tensors |= {f"{_KEEP}{key}/{name}": value for key, value in memory.items()}
    return tensors


def load_memory(optimizer: torch.optim.Optimizer, model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Puts back what `memory_tensors` gave, whatever parts are frozen then or now.

    It goes through the optimiser's own `load_state_dict`, which brings it to the weights' device, but not to their
    order in memory: files hold rows, weights on a GPU lie channels last, and fused AdamW there wants both alike.

    Args:
        optimizer: Changed.
        model: Gives the weights their names.
        tensors: Those of a checkpoint; others among them are not looked at.

    Raises:
        ModelFileError: The memory of a weight has another shape than the weight.
    """
    in_order = [weight for group in optimizer.param_groups for weight in group["params"]]
    number_of = {id(weight): number for number, weight in enumerate(in_order)}
    state: dict[int, dict[str, Tensor]] = {}
    for name, weight in model.named_parameters():
        memory = {key: tensors[f"{_KEEP}{key}/{name}"] for key in _MEMORY if f"{_KEEP}{key}/{name}" in tensors}
        if len(memory) < len(_MEMORY):
            continue
        if memory["exp_avg"].shape != weight.shape or memory["exp_avg_sq"].shape != weight.shape:
            raise ModelFileError(f"The checkpoint's memory of '{name}' has another shape. Train another model.")
        alike = {key: _laid_out_as(weight, value) if value.dim() else value for key, value in memory.items()}
        state[number_of[id(weight)]] = alike
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def _laid_out_as(weight: Tensor, values: Tensor) -> Tensor:
    """The values, on their own device, with the strides of a weight of the same shape."""
    return torch.empty_strided(weight.shape, weight.stride(), dtype=values.dtype, device=values.device).copy_(values)
