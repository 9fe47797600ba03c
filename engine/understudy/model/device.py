"""Which device a model runs on."""

from __future__ import annotations

import torch

from understudy.errors import SettingsError

__all__ = ["chosen_device"]


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
