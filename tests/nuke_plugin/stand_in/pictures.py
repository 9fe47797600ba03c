"""Pictures between nodes: planes by channel inside a box, black outside, in a format."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from understudy.geometry import Box
from understudy.plates import Frame

__all__ = ["RGBA", "Picture", "Plane", "channel_list", "frame_of_picture", "picture_of_frame"]

Plane = npt.NDArray[np.float32]
RGBA = ("rgba.red", "rgba.green", "rgba.blue", "rgba.alpha")

_EXR_NAMES = {"R": "red", "G": "green", "B": "blue", "A": "alpha"}
_NUKE_NAMES = {name: letter for letter, name in _EXR_NAMES.items()}


@dataclass(frozen=True, eq=False)
class Picture:
    """What a node gives at a frame.

    Attributes:
        planes: (H, W) float32 of `box` by channel, such as "rgba.red".
        box: Where there are pixels, rows top down, counted from the format's top left.
        size: Width and height of the format.
        pixel_aspect: Width of a pixel over its height.
        metadata: Attributes of the file.
        frames: First and last frame.
    """

    planes: Mapping[str, Plane]
    box: Box
    size: tuple[int, int]
    pixel_aspect: float = 1.0
    metadata: Mapping[str, Any] = field(default_factory=dict)
    frames: tuple[int, int] = (1, 1)

    def plane(self, name: str, box: Box | None = None) -> Plane:
        """(H, W) of a channel in a box, black where there is none."""
        box = box or self.box
        plane = np.zeros((box.height, box.width), np.float32)
        shared = box.intersect(self.box)
        if name in self.planes and not shared.is_empty:
            plane[shared.slices(box)] = self.planes[name][shared.slices(self.box)]
        return plane

    def layer(self, names: Iterable[str] = RGBA, box: Box | None = None) -> Plane:
        """(H, W, C) of channels in a box."""
        return np.dstack([self.plane(name, box) for name in names])

    def grown(self, box: Box) -> Picture:
        """The same with pixels, perhaps black ones, in another box."""
        return replace(self, box=box, planes={name: self.plane(name, box) for name in self.planes})

    def with_planes(self, planes: Mapping[str, Plane]) -> Picture:
        """The same with some planes replaced or added."""
        return replace(self, planes={**self.planes, **planes})


def union(first: Box, second: Box) -> Box:
    """The smallest box around two, of which an empty one counts nothing."""
    if first.is_empty or second.is_empty:
        return second if first.is_empty else first
    return Box(
        min(first.left, second.left),
        min(first.top, second.top),
        max(first.right, second.right),
        max(first.bottom, second.bottom),
    )


def channel_list(text: str, there: Iterable[str]) -> list[str]:
    """Channels that a knob such as `rgb`, `alpha`, `face` or `rgba.red rgba.green` means, of those that are there."""
    names: list[str] = []
    for word in text.replace("{", " ").replace("}", " ").split():
        if word in {"none"} or word.startswith("-"):
            continue
        if word == "all":
            names += list(there)
        elif word in {"rgb", "rgba", "alpha"}:
            names += {"rgb": RGBA[:3], "rgba": RGBA, "alpha": RGBA[3:]}[word]
        elif "." in word:
            names.append(word)
        else:
            names += [name for name in there if name.startswith(f"{word}.")]
    return list(dict.fromkeys(names))


def nuke_name(channel: str) -> str:
    """Nuke's name of an EXR's channel."""
    layer, _, letter = channel.rpartition(".")
    return f"{layer or 'rgba'}.{_EXR_NAMES.get(letter, letter)}"


def exr_name(channel: str) -> str:
    """The EXR's name of Nuke's channel."""
    layer, _, name = channel.rpartition(".")
    letter = _NUKE_NAMES.get(name, name)
    return letter if layer == "rgba" else f"{layer}.{letter}"


def picture_of_frame(frame: Frame, frames: tuple[int, int]) -> Picture:
    """A file's picture as a Read gives it: Nuke counts from the display window's corner."""
    left, top = frame.display_window.left, frame.display_window.top
    box = frame.data_window
    return Picture(
        {nuke_name(name): np.ascontiguousarray(frame.pixels[..., index]) for index, name in enumerate(frame.channels)},
        Box(box.left - left, box.top - top, box.right - left, box.bottom - top),
        (frame.display_window.width, frame.display_window.height),
        frame.pixel_aspect,
        dict(frame.metadata),
        frames,
    )


def frame_of_picture(picture: Picture, channels: list[str], is_float: bool, metadata: Mapping[str, Any]) -> Frame:
    """What a Write puts into a file."""
    box = picture.box if not picture.box.is_empty else Box(0, 0, 1, 1)
    names = tuple(exr_name(channel) for channel in channels)
    return Frame(
        picture.layer(channels, box),
        names,
        box,
        Box(0, 0, *picture.size),
        picture.pixel_aspect,
        dict(metadata),
        float_channels=frozenset(names if is_float else ()),
    )
