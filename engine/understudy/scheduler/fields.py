"""The fields that requests are made of: what a path, a name or a range of frames may be."""

from __future__ import annotations

from pathlib import PurePath
from typing import Annotated

from pydantic import AfterValidator, Field

from understudy.plates import parse_frames
from understudy.settings.memory_size import parse_memory
from understudy.settings.preset import preset_names
from understudy.settings.project import NOBODY, check_name

__all__ = [
    "AbsolutePath",
    "Assignee",
    "ConfigName",
    "FrameRange",
    "IdentityName",
    "Inspectable",
    "MOST_ITEMS",
    "MemorySize",
    "ModelName",
    "Overrides",
    "PresetName",
    "ShotName",
    "TrackNumber",
    "Word",
]

MOST_ITEMS = 100
"""Of a list in a request."""

_YAML = (".yaml", ".yml")
_CONFIGS = (".ocio", ".ocioz")


def _absolute(text: str) -> str:
    path = PurePath(text)
    if not path.is_absolute() or ".." in path.parts:
        raise ValueError("it must be an absolute path without '..'")
    return str(path)


def _preset(text: str) -> str:
    return _absolute(text) if PurePath(text).suffix in _YAML else text


def _inspectable(text: str) -> str:
    return text if text in preset_names() else _absolute(text)


def _config(text: str) -> str:
    """The engine's folder and environment are not the asker's."""
    is_path = PurePath(text).suffix in _CONFIGS or len(PurePath(text).parts) > 1
    if text.startswith("$"):
        raise ValueError("name the config itself; the engine has another environment")
    return _absolute(text) if is_path and not text.startswith("ocio://") else text


def _frames(text: str) -> str:
    parse_frames(text)
    return text


def _memory(text: str) -> str:
    parse_memory(text)
    return text


def _assignee(name: str) -> str:
    return name if name in ("", NOBODY) else check_name("identity", name)


def _named(kind: str) -> AfterValidator:
    return AfterValidator(lambda name: check_name(kind, name))


AbsolutePath = Annotated[str, Field(min_length=1), AfterValidator(_absolute)]
ShotName = Annotated[str, Field(max_length=64), _named("shot")]
IdentityName = Annotated[str, Field(max_length=64), _named("identity")]
ModelName = Annotated[str, Field(max_length=64), _named("model")]
PresetName = Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(_preset)]
Word = Annotated[str, Field(min_length=1, max_length=256)]
ConfigName = Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(_config)]
FrameRange = Annotated[str, Field(max_length=4000), AfterValidator(_frames)]
Overrides = Annotated[tuple[Annotated[str, Field(max_length=1024)], ...], Field(max_length=MOST_ITEMS)]
TrackNumber = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,5}$")]
FrameNumber = Annotated[str, Field(pattern=r"^-?[0-9]{1,8}$")]
Assignee = Annotated[str, Field(max_length=64), AfterValidator(_assignee)]
Inspectable = Annotated[str, Field(min_length=1), AfterValidator(_inspectable)]
MemorySize = Annotated[str, Field(max_length=32), AfterValidator(_memory)]
