"""What this machine has of the things that Understudy needs."""

from __future__ import annotations

import ctypes.util
import importlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Literal

import torch
from packaging.requirements import Requirement

from understudy import __version__
from understudy.client import connect
from understudy.color import DEFAULT_CONFIG, ColorConfig
from understudy.endpoint import checked_folder, runtime_folder
from understudy.errors import EngineError, UnderstudyError
from understudy.faces.detect import FaceFinder
from understudy.jobs.check import Check
from understudy.settings.project import ProjectFolder

__all__ = ["examine"]

_SYSTEM_LIBRARIES = {"GL": "libgl1", "EGL": "libegl1", "GLESv2": "libgles2"}
_LEAST_FREE_GIB = 1.0
_FEW_FREE_GIB = 20.0
_DRIVER_SECONDS = 10.0


def examine(here: Path = Path()) -> tuple[Check, ...]:
    """Looks at versions, libraries, GPU, colour, face finder, engine and disk. Nothing is started or changed.

    Args:
        here: The folder whose disk and project are looked at.
    """
    looks: tuple[Callable[[], Iterator[Check]], ...] = (
        _python,
        _versions,
        _gpu,
        lambda: _colour(here),
        _plates,
        _system_libraries,
        _face_finder,
        _engine,
        _runtime,
        lambda: _space(here),
    )
    return tuple(check for look in looks for check in look())


def _python() -> Iterator[Check]:
    python = platform.python_version()
    known = sys.version_info[:2] in ((3, 11), (3, 12))
    yield Check("understudy", __version__, "ok")
    yield Check("python", python, "ok" if known else "fault", "" if known else "Use Python 3.11 or 3.12.")


def _versions() -> Iterator[Check]:
    """The versions of what the package names, each against its pin; what is well is told on one line."""
    try:
        pins = [Requirement(text) for text in requires("understudy") or ()]
    except PackageNotFoundError:
        yield Check("libraries", "not checked: understudy runs from its sources", "note", "pip install --editable .")
        return
    needed = [pin for pin in pins if pin.marker is None or pin.marker.evaluate({"extra": ""})]
    well: list[str] = []
    for pin in needed:
        try:
            have = version(pin.name)
        except PackageNotFoundError:
            yield Check(pin.name, f"not installed; {pin} is needed", "fault", f"pip install '{pin}'")
            continue
        if pin.specifier.contains(have, prereleases=True):
            well.append(f"{pin.name} {have}")
        else:
            yield Check(pin.name, f"{have}, but {pin} is needed", "fault", f"pip install '{pin}'")
    yield Check("libraries", ", ".join(well), "ok")


def _gpu() -> Iterator[Check]:
    """The driver, PyTorch's build, and each device; no GPU is no fault."""
    build = torch.version.cuda or torch.version.hip
    driver = _driver_version()
    yield Check("torch", f"{torch.__version__}, {'built for ' + build if build else 'built without GPU support'}", "ok")
    slow = f"{torch.get_num_threads()} processor threads; training is slow without a GPU"
    if torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            free, total = torch.cuda.mem_get_info(number)
            memory = f"{free / 2**30:.1f} of {total / 2**30:.1f} GiB free"
            yield Check(f"cuda:{number}", f"{torch.cuda.get_device_name(number)}, {memory}, driver {driver}", "ok")
    elif driver and not build:
        yield Check("GPU", f"driver {driver}, which this torch cannot use", "note", "Install torch built for your GPU.")
    elif driver:
        cure = f"Update the driver to one for CUDA {build}, or check CUDA_VISIBLE_DEVICES."
        yield Check("GPU", f"driver {driver}, but torch finds no device", "note", cure)
    else:
        yield Check("GPU", f"none: {slow}", "note")


def _driver_version() -> str:
    """Of the NVIDIA driver; empty when there is none."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ""
    command = [tool, "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=_DRIVER_SECONDS, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.stdout.strip().split("\n")[0]


def _colour(here: Path) -> Iterator[Check]:
    wanted, source = DEFAULT_CONFIG, "the default"
    try:
        if (here / "understudy.yaml").is_file():
            folder = ProjectFolder.open(here)
            beside = folder.path / folder.project.ocio
            wanted, source = str(beside) if beside.is_file() else folder.project.ocio, "this project's"
        config = ColorConfig.load(wanted)
    except UnderstudyError as error:
        yield Check("OCIO config", error.message, "fault", "Name a config that is there, in understudy.yaml.")
        return
    yield Check("OCIO config", f"{source}: {config.name}, working space {config.working}", "ok")
    own = os.environ.get("OCIO")
    if own:
        yield Check("$OCIO", f"{own}: not used; a project names its config in understudy.yaml", "note")


def _plates() -> Iterator[Check]:
    try:
        module = importlib.import_module("OpenImageIO")
        formats = str(module.get_string_attribute("format_list")).split(",")
    except (ImportError, AttributeError) as error:
        yield Check("OpenImageIO", f"cannot be loaded: {error}", "fault", "pip install --force-reinstall OpenImageIO")
        return
    missing = [name for name in ("dpx", "tiff", "png", "jpeg") if name not in formats]
    if missing:
        yield Check("OpenImageIO", f"does not read {', '.join(missing)}", "fault", "pip install OpenImageIO")
    else:
        yield Check("OpenImageIO", f"{module.VERSION_STRING} reads DPX, TIFF, PNG, JPEG", "ok")
    for name, package, reads in (("OpenEXR", "OpenEXR", "EXR"), ("PyAV", "av", "movies")):
        try:
            found = str(importlib.import_module(package).__version__)
            yield Check(name, f"{found} reads {reads}", "ok")
        except (ImportError, AttributeError) as error:
            yield Check(name, f"cannot be loaded: {error}", "fault", f"pip install --force-reinstall {package}")


def _system_libraries() -> Iterator[Check]:
    if sys.platform != "linux":
        return
    missing = [package for name, package in _SYSTEM_LIBRARIES.items() if ctypes.util.find_library(name) is None]
    if missing:
        cure = f"On Debian or Ubuntu: apt-get install {' '.join(missing)}"
        yield Check("system libraries", f"mediapipe needs {', '.join(missing)}", "fault", cure)
    else:
        yield Check("system libraries", ", ".join(_SYSTEM_LIBRARIES.values()), "ok")


def _face_finder() -> Iterator[Check]:
    try:
        with FaceFinder():
            yield Check("face finder", f"mediapipe {version('mediapipe')} starts", "ok")
    except (UnderstudyError, PackageNotFoundError) as error:
        yield Check("face finder", str(error), "fault", "pip install mediapipe==0.10.21, and see system libraries")


def _engine() -> Iterator[Check]:
    try:
        with connect() as engine:
            facts = engine.hello()
    except EngineError as error:
        is_fault = error.facts.get("reason") not in ("none", None)
        yield Check("engine", error.message, "fault" if is_fault else "note")
        return
    low, high = facts.protocol[0], facts.protocol[-1]
    text = f"{facts.version}, protocol {low} to {high}, process {facts.pid}, on {', '.join(facts.devices)}"
    if facts.version == __version__:
        yield Check("engine", text, "ok")
    else:
        yield Check(
            "engine", f"{text}; this command is {__version__}", "note", "understudy stop, then understudy serve"
        )


def _runtime() -> Iterator[Check]:
    folder = runtime_folder()
    try:
        checked_folder(folder)
        yield Check("runtime folder", f"{folder}, closed to others", "ok")
    except EngineError as error:
        if error.facts.get("reason") == "none":
            yield Check("runtime folder", f"{folder}: the engine makes it when it starts", "ok")
        else:
            yield Check("runtime folder", error.message, "fault")


def _space(here: Path) -> Iterator[Check]:
    free = shutil.disk_usage(here).free / 2**30
    state: Literal["ok", "note", "fault"] = "ok"
    if free < _FEW_FREE_GIB:
        state = "note" if free >= _LEAST_FREE_GIB else "fault"
    cure = "" if state == "ok" else "Make room: facesets, models and results of a shot take some GiB."
    yield Check("free space", f"{free:.1f} GiB in {here.absolute()}", state, cure)
