"""What this machine has of the things that Understudy needs."""

from __future__ import annotations

import importlib
import platform
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import torch

from understudy import __version__
from understudy.color import DEFAULT_CONFIG, ColorConfig
from understudy.errors import UnderstudyError
from understudy.faces.detect import FaceFinder
from understudy.model.device import chosen_device

__all__ = ["Check", "examine"]


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: What.
        found: What was found, or what to do.
        is_well: True when nothing needs to be done.
    """

    name: str
    found: str
    is_well: bool


def examine() -> tuple[Check, ...]:
    """Looks at Python, libraries, device, face finder, colour config and free space."""
    python = platform.python_version()
    return (
        Check("understudy", __version__, is_well=True),
        Check("python", python, sys.version_info[:2] in ((3, 11), (3, 12))),
        *(_library(name) for name in ("OpenImageIO", "PyOpenColorIO", "mediapipe", "torch", "safetensors", "fileseq")),
        _device(),
        _colour(),
        _face_finder(),
        _space(),
    )


def _library(name: str) -> Check:
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        return Check(name, f"cannot be loaded: {error}", is_well=False)
    return Check(name, str(getattr(module, "__version__", "loaded")), is_well=True)


def _device() -> Check:
    device = chosen_device()
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        text = f"{torch.cuda.get_device_name(device)}, {free / 2**30:.1f} of {total / 2**30:.1f} GiB free"
        return Check("device", text, is_well=True)
    return Check(
        "device", f"{device.type}, {torch.get_num_threads()} threads; training is slow without a GPU", is_well=True
    )


def _colour() -> Check:
    try:
        config = ColorConfig.load(None)
        return Check("OCIO config", f"{DEFAULT_CONFIG}, working space {config.working}", is_well=True)
    except UnderstudyError as error:
        return Check("OCIO config", error.message, is_well=False)


def _face_finder() -> Check:
    try:
        with FaceFinder():
            return Check("face finder", "starts", is_well=True)
    except UnderstudyError as error:
        return Check("face finder", error.message, is_well=False)


def _space() -> Check:
    free = shutil.disk_usage(Path()).free / 2**30
    return Check("free space here", f"{free:.1f} GiB", free > 1)
