"""Which devices this machine has to work on, without loading PyTorch into the engine."""

from __future__ import annotations

import ctypes
import subprocess
import sys

__all__ = ["find_devices"]

_DRIVERS = ("libcuda.so.1", "nvcuda.dll", "libamdhip64.so", "amdhip64.dll")
_COUNT = "import torch; print('devices', torch.cuda.device_count())"
_TIMEOUT_S = 120


def find_devices() -> tuple[str, ...]:
    """Every CUDA device that PyTorch can use, "cuda:0" first; ("cpu",) when there is none.

    PyTorch takes seconds to load. So it is asked, in a process of its own, only when a driver is there at all.
    """
    count = _cuda_devices() if any(_loads(name) for name in _DRIVERS) else 0
    return tuple(f"cuda:{number}" for number in range(count)) or ("cpu",)


def _loads(name: str) -> bool:
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def _cuda_devices() -> int:
    command = [sys.executable, "-P", "-c", _COUNT]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)  # noqa: S603
        words = answer.stdout.split()
        return int(words[words.index("devices") + 1])
    except (OSError, ValueError, IndexError, subprocess.SubprocessError):
        return 0
