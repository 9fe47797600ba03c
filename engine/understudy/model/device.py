"""Which device a model runs on, with how long numbers, and how much memory it has left."""

from __future__ import annotations

from typing import Literal

import torch

from understudy.errors import SettingsError

__all__ = ["chosen_device", "computes_in_half", "free_memory"]


def chosen_device(name: str = "auto") -> torch.device:
    """The device of this name; "auto" is the first CUDA device, else the processor.

    Args:
        name: "auto", or a device of PyTorch such as "cpu" or "cuda:1".

    Raises:
        SettingsError: There is no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise SettingsError(f"There is no device '{name}' here. Use auto, cpu or cuda.", device=name) from error
    return device


def computes_in_half(device: torch.device, precision: Literal["auto", "bf16", "fp32"] = "auto") -> bool:
    """Whether a network that trains on this device computes in bf16 inside.

    Args:
        device: Where it trains.
        precision: "auto": on CUDA devices that have units for it, and not on a processor, where it is slower.
    """
    if precision == "auto":
        return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return precision == "bf16"


def free_memory(device: torch.device) -> int | None:
    """Bytes that are free on a CUDA device now, without what this process's allocator keeps; None for other devices."""
    if device.type != "cuda":
        return None
    return int(torch.cuda.mem_get_info(device)[0])
