"""What each class of nodes does to pictures.

From Foundry's reference guide and its public NDK examples. FilterErode and Blur are approximations: a box for the one,
a gaussian with a third of the size for the other.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from tests.nuke_plugin.stand_in.expressions import ExpressionError, parse_expression
from tests.nuke_plugin.stand_in.pictures import RGBA, Picture, Plane, channel_list, union
from tests.nuke_plugin.stand_in.strict import fail

if TYPE_CHECKING:
    from tests.nuke_plugin.stand_in.nodes import Node

__all__ = ["OPERATIONS", "NodeError"]

_LUMINANCE = np.array([0.2125, 0.7154, 0.0721], np.float32)
_ONE = np.float32(1)


class NodeError(Exception):
    """Nuke would show an error on the node."""


def _text(node: Node, name: str) -> str:
    return str(node._knob(name)._held)


def _color(node: Node, name: str, index: int, frame: int) -> np.float32:
    knob: Any = node._knob(name)
    return np.float32(knob._at(index, frame))


def _channels(node: Node, picture: Picture) -> list[str]:
    return channel_list(_text(node, "channels"), sorted(picture.planes))


def _is_plain(node: Node, frame: int) -> None:
    """Fails for what this evaluator leaves out: masks, and mixes of a single input."""
    for name in ("maskChannelInput", "unpremult"):
        if name in node._knobs and _text(node, name) != "none":
            fail(f"{node._name}: this evaluator does not know {name}")
    if "mix" in node._knobs and node._kind != "Merge2" and node._number("mix", frame) != 1:
        fail(f"{node._name}: this evaluator does not know mix on {node._kind}")


def _merge2(node: Node, inputs: list[Picture], frame: int) -> Picture:
    below, above = inputs[0], inputs[1]
    if len(inputs) > 2 or _text(node, "also_merge") != "none":
        fail(f"{node._name}: this evaluator does not know masks and also_merge on Merge2")
    chosen = node._knob("bbox").value()
    box = {"union": union(below.box, above.box), "B": below.box, "A": above.box}.get(chosen)
    if box is None:
        fail(f"{node._name}: this evaluator does not know bbox {chosen}")
    operation = _MERGES.get(node._knob("operation").value())
    if operation is None:
        fail(f"{node._name}: this evaluator does not know {node._knob('operation').value()}")
    alpha, under_alpha = above.plane("rgba.alpha", box), below.plane("rgba.alpha", box)
    mix = np.float32(node._number("mix", frame))
    planes = dict(below.grown(box).planes)
    with np.errstate(invalid="ignore", over="ignore"):
        for name in RGBA:
            front, back = above.plane(name, box), below.plane(name, box)
            merged = operation(front, back, alpha, under_alpha)
            planes[name] = merged if mix == 1 else back + (merged - back) * mix
    size = below.size if below.size[0] else above.size
    return replace(below, planes=planes, box=box, size=size)


_MERGES: dict[str, Callable[[Plane, Plane, Plane, Plane], Plane]] = {
    "over": lambda a, b, alpha, _: a + b * (_ONE - alpha),
    "stencil": lambda a, b, alpha, _: b * (_ONE - alpha),
    "mask": lambda a, b, alpha, _: b * alpha,
    "in": lambda a, b, _, under: a * under,
    "out": lambda a, b, _, under: a * (_ONE - under),
    "plus": lambda a, b, *_: a + b,
    "multiply": lambda a, b, *_: a * b,
    "min": lambda a, b, *_: np.minimum(a, b),
    "max": lambda a, b, *_: np.maximum(a, b),
    "copy": lambda a, *_: a,
}


def _copy(node: Node, inputs: list[Picture], _: int) -> Picture:
    below, above = inputs[0], inputs[1]
    chosen = node._knob("bbox").value()
    box = {"union": union(below.box, above.box), "B": below.box, "A": above.box}.get(chosen, below.box)
    planes = dict(below.grown(box).planes)
    for index in range(4):
        source, target = _text(node, f"from{index}"), _text(node, f"to{index}")
        if "none" not in {source, target}:
            planes[target] = above.plane(source, box)
    return replace(below, planes=planes, box=box)


def _shuffle(node: Node, inputs: list[Picture], _: int) -> Picture:
    picture = inputs[0]
    layer, target = _text(node, "in"), _text(node, "out")
    planes = {}
    for name in ("red", "green", "blue", "alpha"):
        chosen = node._knob(name).value()
        constant = {"black": 0.0, "white": 1.0}.get(chosen)
        held = picture.plane(f"{layer}.{chosen}")
        planes[f"{target}.{name}"] = held if constant is None else np.full_like(held, constant)
    return picture.with_planes(planes)


def _premult(node: Node, inputs: list[Picture], _: int) -> Picture:
    picture = inputs[0]
    alpha = picture.plane(_text(node, "alpha"))
    return picture.with_planes({name: picture.plane(name) * alpha for name in _channels(node, picture)})


def _unpremult(node: Node, inputs: list[Picture], _: int) -> Picture:
    picture = inputs[0]
    alpha = picture.plane(_text(node, "alpha"))
    with np.errstate(divide="ignore", invalid="ignore"):
        divided = {
            name: np.where(alpha == 0, plane := picture.plane(name), plane / alpha).astype(np.float32)
            for name in _channels(node, picture)
        }
    return picture.with_planes(divided)


def _multiply(node: Node, inputs: list[Picture], frame: int) -> Picture:
    picture = inputs[0]
    return picture.with_planes(
        {
            name: picture.plane(name) * _color(node, "value", min(index, 3), frame)
            for index, name in enumerate(_channels(node, picture))
        }
    )


def _expression(node: Node, inputs: list[Picture], frame: int) -> Picture:
    picture = inputs[0]
    shorts = dict(zip("rgba", RGBA, strict=True))

    def named(name: str) -> Any:
        channel = shorts.get(name, name)
        if channel in picture.planes or channel in RGBA or _is_layer(node, channel):
            return picture.plane(channel)
        return np.float32(node._value_named(name, frame))

    planes = {}
    for index in range(4):
        text = _text(node, f"expr{index}")
        parsed = parse_expression(text)
        value = parsed.value(named, lambda tcl: float(node._tcl(frame).eval(tcl)))
        for channel in channel_list(_text(node, f"channel{index}"), ()):
            planes[channel] = np.broadcast_to(value, picture.plane(channel).shape).astype(np.float32)
    return picture.with_planes(planes)


def _is_layer(node: Node, channel: str) -> bool:
    """Whether the script has declared a channel, so that it is black where a picture has not got it."""
    group = node._parent
    while group is not None:
        if channel in group._layers:
            return True
        group = group._parent
    return False


def _filter_erode(node: Node, inputs: list[Picture], frame: int) -> Picture:
    picture = inputs[0]
    knob: Any = node._knob("size")
    wide, high = knob._at(0, frame), knob._at(1, frame)
    if wide == 0 and high == 0:
        return picture
    if (wide < 0) != (high < 0):
        fail(f"{node._name}: this evaluator erodes in both directions or in none")
    reach = math.ceil(max(abs(wide), abs(high)))
    box = picture.box.grown(reach) if wide < 0 else picture.box
    kernel = np.ones((2 * round(abs(high)) + 1, 2 * round(abs(wide)) + 1), np.uint8)
    operation = cv2.erode if wide > 0 else cv2.dilate
    grown = picture.grown(box)
    return grown.with_planes(
        {
            name: operation(grown.plane(name), kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0)
            for name in _channels(node, picture)
        }
    )


def _blur(node: Node, inputs: list[Picture], frame: int) -> Picture:
    picture = inputs[0]
    knob: Any = node._knob("size")
    wide, high = knob._at(0, frame), knob._at(1, frame)
    if wide <= 0 and high <= 0:
        return picture
    reach = math.ceil(max(wide, high))
    box = picture.box.grown(reach)
    grown = picture.grown(box)
    side = 2 * reach + 1
    blurred = {
        name: cv2.GaussianBlur(
            grown.plane(name), (side, side), max(wide, 1e-6) / 3, None, max(high, 1e-6) / 3, cv2.BORDER_CONSTANT
        )
        for name in _channels(node, picture)
    }
    return grown.with_planes(blurred)


def _grade(node: Node, inputs: list[Picture], frame: int) -> Picture:
    picture = inputs[0]
    planes = {}
    for index, name in enumerate(_channels(node, picture)):
        black, white, lift, gain, multiply, add, gamma = (
            _color(node, knob, min(index, 3), frame)
            for knob in ("blackpoint", "whitepoint", "black", "white", "multiply", "add", "gamma")
        )
        slope = multiply * (gain - lift) / (white - black)
        offset = add + lift - slope * black
        value = picture.plane(name) * slope + offset
        planes[name] = _with_gamma(value, gamma)
        if node._number("black_clamp", frame):
            planes[name] = np.maximum(planes[name], np.float32(0))
        if node._number("white_clamp", frame):
            planes[name] = np.minimum(planes[name], _ONE)
    return picture.with_planes(planes)


def _with_gamma(value: Plane, gamma: np.float32) -> Plane:
    """A power below 1, a straight line above, and nothing below 0, as the NDK's example of a Grade does."""
    if gamma == 1:
        return value
    power = _ONE / gamma
    bright = _ONE + (value - _ONE) * power
    return np.where(value <= 0, value, np.where(value < 1, np.maximum(value, 0) ** power, bright)).astype(np.float32)


def _saturation(node: Node, inputs: list[Picture], frame: int) -> Picture:
    picture = inputs[0]
    if node._knob("mode").value() != "Rec 709":
        fail(f"{node._name}: this evaluator knows the mode Rec 709 only")
    amount = np.float32(node._number("saturation", frame))
    if amount == 1:
        return picture
    rgb = picture.layer(RGBA[:3])
    grey = rgb @ _LUMINANCE
    return picture.with_planes({name: grey + (picture.plane(name) - grey) * amount for name in RGBA[:3]})


def _remove(node: Node, inputs: list[Picture], _: int) -> Picture:
    picture = inputs[0]
    named = set(_channels(node, picture))
    keeps = node._knob("operation").value() == "keep"
    return replace(picture, planes={name: plane for name, plane in picture.planes.items() if (name in named) == keeps})


def _dissolve(node: Node, inputs: list[Picture], frame: int) -> Picture:
    below, above = inputs[0], inputs[1]
    amount = np.float32(node._number("which", frame))
    if amount in (0, 1):
        return above if amount else below
    box = union(below.box, above.box)
    names = below.planes.keys() | above.planes.keys()
    mixed = {name: below.plane(name, box) * (_ONE - amount) + above.plane(name, box) * amount for name in names}
    return replace(below, planes=mixed, box=box)


_COMPUTED: dict[str, Callable[[Any, list[Picture], int], Picture]] = {
    "Blur": _blur,
    "Copy": _copy,
    "Dissolve": _dissolve,
    "Expression": _expression,
    "FilterErode": _filter_erode,
    "Grade": _grade,
    "Merge2": _merge2,
    "Multiply": _multiply,
    "Premult": _premult,
    "Remove": _remove,
    "Saturation": _saturation,
    "Shuffle": _shuffle,
    "Unpremult": _unpremult,
}


def _checked(compute: Callable[[Any, list[Picture], int], Picture]) -> Callable[[Any, list[Picture], int], Picture]:
    def computed(node: Node, inputs: list[Picture], frame: int) -> Picture:
        _is_plain(node, frame)
        try:
            return compute(node, inputs, frame)
        except ExpressionError as error:
            raise NodeError(f"{node._name}: {error}") from error

    return computed


OPERATIONS = {kind: _checked(compute) for kind, compute in _COMPUTED.items()}
