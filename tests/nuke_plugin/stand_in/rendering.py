"""A small evaluator of node graphs: files in, files out, and what Nuke asks of a node between."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.nuke_plugin.stand_in.frames import Format, Info
from tests.nuke_plugin.stand_in.operations import OPERATIONS, NodeError
from tests.nuke_plugin.stand_in.pictures import Picture, channel_list, frame_of_picture, picture_of_frame
from tests.nuke_plugin.stand_in.strict import fail
from understudy.color import DEFAULT_CONFIG, ColorConfig
from understudy.errors import UnderstudyError
from understudy.geometry import Box
from understudy.plates import read_frame, read_header, write_frame

if TYPE_CHECKING:
    from tests.nuke_plugin.stand_in.nodes import Node

__all__ = [
    "NodeError",
    "bbox_of",
    "format_of",
    "metadata_of",
    "picture_of",
    "range_of",
    "sample_of",
    "write_picture",
]

_PASSES = {"Dot", "Output", "NoOp", "Write", "Viewer"}
_MOVES = {"CornerPin2D", "Tracker4", "Transform"}  # keep the format, and are not computed
_NO_PICTURE = {"StickyNote", "BackdropNode"}
_TAGS = {
    "no metadata": (),
    "default metadata": ("smpte:TimeCode", "FramesPerSecond", "smpte:KeyCode"),
}


def picture_of(node: Node, frame: int) -> Picture:
    """What a node gives at a frame.

    Raises:
        NodeError: Nuke would show an error on a node.
    """
    return _Evaluation(frame).picture(node)


class _Evaluation:
    """One frame; every node is computed once."""

    def __init__(self, frame: int) -> None:
        self.frame = frame
        self.done: dict[int, Picture] = {}

    def picture(self, node: Node | None) -> Picture:
        if node is None:
            return Picture({}, Box(0, 0, 0, 0), (0, 0))
        if id(node) not in self.done:
            self.done[id(node)] = self._computed(node)
        return self.done[id(node)]

    def _computed(self, node: Node) -> Picture:
        kind = node._kind
        if kind in _NO_PICTURE:
            fail(f"{kind} {node._name} has no picture")
        if kind in _PASSES or (node._inputs and node._number("disable", self.frame)):
            return self.picture(node._inputs[0] if node._inputs else None)
        if kind == "Group":
            group: Any = node
            output = group._output()
            if output is None:
                raise NodeError(f"{node._name}: no Output")
            return self.picture(output)
        if kind == "Input":
            return self._input(node)
        if kind == "Read":
            return _read(node, self.frame)
        if kind == "Constant":
            return self._constant(node)
        if kind == "Switch":
            which = int(node._number("which", self.frame))
            return self.picture(node._inputs[which] if 0 <= which < len(node._inputs) else None)
        if kind not in OPERATIONS:
            fail(f"This evaluator does not compute {kind} ({node._name})")
        inputs = [self.picture(upstream) for upstream in node._inputs]
        return OPERATIONS[kind](node, inputs, self.frame)

    def _input(self, node: Node) -> Picture:
        group = node._parent
        index = int(node._number("number", self.frame))
        assert group is not None
        upstream = group._inputs[index] if index < len(group._inputs) else None
        if upstream is None:
            size = node._host.format_named("")
            return Picture({}, Box(0, 0, 0, 0), (size.width(), size.height()), size.pixelAspect())
        return self.picture(upstream)

    def _constant(self, node: Node) -> Picture:
        size = node._host.format_named(str(node._knob("format")._held))
        box = Box(0, 0, size.width(), size.height())
        knob: Any = node._knob("color")
        planes = {
            name: np.full((box.height, box.width), knob._at(index, self.frame), np.float32)
            for index, name in enumerate(channel_list(str(node._knob("channels")._held), ()))
        }
        return Picture(planes, box, (box.width, box.height), size.pixelAspect())


def _read(node: Node, frame: int) -> Picture:
    path, asked = _file_at(node, frame)
    frames = int(node._number("first", frame)), int(node._number("last", frame))
    on_error = node._knob("on_error").value()
    if path is None:
        return _black_file(node, frames)
    try:
        held = read_frame(path)
    except UnderstudyError as error:
        if on_error == "black" and str(node._knob("file")._held):
            return _black_file(node, frames)
        raise NodeError(f"{node._name}: {error} (frame {asked})") from error
    return _in_working_space(node, picture_of_frame(held, frames))


def _file_at(node: Node, frame: int) -> tuple[Path | None, int]:
    """The file of a frame, by the rules of `before` and `after`; None for black."""
    knob: Any = node._knob("file")
    first, last = int(node._number("first", frame)), int(node._number("last", frame))
    if not knob._evaluated(frame):
        raise NodeError(f"{node._name}: no file")
    if frame < first or frame > last:
        mode = node._knob("before" if frame < first else "after").value()
        if mode == "black":
            return None, frame
        if mode != "hold":
            fail(f"{node._name}: this evaluator does not know '{mode}'")
        frame = min(max(frame, first), last)
    return Path(knob._numbered(frame)), frame


def _black_file(node: Node, frames: tuple[int, int]) -> Picture:
    """Black in the format of the sequence, as far as a frame of it is there."""
    knob: Any = node._knob("file")
    for number in range(frames[0], min(frames[1], frames[0] + 1000) + 1):
        path = Path(knob._numbered(number))
        if path.is_file():
            header = read_header(path)
            window = header.display_window
            size = (window.width, window.height)
            return Picture({}, Box(0, 0, 0, 0), size, header.pixel_aspect, frames=frames)
    script = node._host.format_named("")
    return Picture({}, Box(0, 0, 0, 0), (script.width(), script.height()), script.pixelAspect(), frames=frames)


def _in_working_space(node: Node, picture: Picture) -> Picture:
    """The picture as the Read's colourspace brings it into ACEScg, which is this evaluator's working space."""
    space = node._knob("colorspace").value()
    if node._number("raw", 0) or space in {"default", "scene_linear", "ACEScg"}:
        return picture
    names = ("rgba.red", "rgba.green", "rgba.blue")
    color = ColorConfig.load(DEFAULT_CONFIG)
    light = color.converted(np.ascontiguousarray(picture.layer(names)), space, "ACEScg")
    return picture.with_planes({name: np.ascontiguousarray(light[..., index]) for index, name in enumerate(names)})


def write_picture(write: Node, frame: int, path: Path) -> None:
    """Writes what a Write renders: EXR of the channels that it names."""
    if write._knob("file_type").value() not in {"exr", ""} or path.suffix != ".exr":
        fail(f"{write._name}: this evaluator writes EXR only, not {path.name}")
    picture = picture_of(write, frame)
    channels = channel_list(str(write._knob("channels")._held), sorted(picture.planes))
    if not write._number("raw", frame) and write._knob("colorspace").value() != "default":
        fail(f"{write._name}: this evaluator writes raw only")
    tags = _TAGS.get(str(write._knob("metadata").value()))
    kept = {name: value for name, value in picture.metadata.items() if tags is None or name in tags}
    is_float = write._knob("datatype").value() == "32 bit float"
    write_frame(path, frame_of_picture(picture, channels, is_float, kept))


def format_of(node: Node, frame: int) -> Format:
    """The format of what a node gives; the script's where it gives nothing."""
    while node._kind in _MOVES and node._inputs and node._inputs[0] is not None:
        node = node._inputs[0]
    if node._kind in _MOVES:
        return node._host.format_named("")
    picture = picture_of(node, frame)
    width, height = picture.size
    if not width:
        return node._host.format_named("")
    return Format(width, height, 0, 0, width, height, picture.pixel_aspect)


def bbox_of(node: Node, frame: int) -> Info:
    """Where a node has pixels, counted from the bottom left."""
    picture = picture_of(node, frame)
    box = picture.box
    return Info(box.left, picture.size[1] - box.bottom, box.width, box.height)


def range_of(node: Node, frame: int) -> tuple[int, int]:
    """First and last frame: a Read's own, else of all that is above; the script's where there is nothing."""
    found = _ranges(node, frame, set())
    if not found:
        root = node._host.root_node
        return int(root._number("first_frame", frame)), int(root._number("last_frame", frame))
    return min(first for first, _ in found), max(last for _, last in found)


def _ranges(node: Node | None, frame: int, seen: set[int]) -> list[tuple[int, int]]:
    if node is None or id(node) in seen:
        return []
    seen.add(id(node))
    if node._kind == "Read":
        return [(int(node._number("first", frame)), int(node._number("last", frame)))]
    above: list[Any] = list(node._inputs)
    if node._kind == "Group":
        group: Any = node
        above = [group._output()]
    elif node._kind == "Input" and node._parent is not None:
        index = int(node._number("number", frame))
        above = node._parent._inputs[index : index + 1]
    return [one for upstream in above for one in _ranges(upstream, frame, seen)]


def metadata_of(node: Node, frame: int) -> dict[str, Any]:
    """Metadata under Nuke's keys."""
    picture = picture_of(node, frame)
    facts: dict[str, Any] = {f"exr/{name}": value for name, value in picture.metadata.items()}
    read = _first_read(node, frame)
    if read is not None:
        facts["input/filename"] = str(_file_at(read, frame)[0])
        facts["input/width"], facts["input/height"] = picture.size
    rate = picture.metadata.get("FramesPerSecond")
    if isinstance(rate, tuple):
        facts["input/frame_rate"] = rate[0] / rate[1]
    if "smpte:TimeCode" in picture.metadata:
        facts["input/timecode"] = picture.metadata["smpte:TimeCode"]
    return facts


def _first_read(node: Node | None, frame: int) -> Node | None:
    while node is not None and node._kind != "Read":
        group: Any = node
        node = group._output() if node._kind == "Group" else (node._inputs[0] if node._inputs else None)
    return node


def sample_of(node: Node, channel: str, x: float, y: float, frame: int) -> float:
    """The value of the pixel at a point, counted from the bottom left."""
    picture = picture_of(node, frame)
    name = {"red": "rgba.red", "green": "rgba.green", "blue": "rgba.blue", "alpha": "rgba.alpha"}.get(channel, channel)
    left, top = int(x // 1), picture.size[1] - 1 - int(y // 1)
    return float(picture.plane(name, Box(left, top, left + 1, top + 1))[0, 0])
