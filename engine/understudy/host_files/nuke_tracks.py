"""Moving points out of Nuke's Tracker4, CornerPin2D and Transform, in pixels of the format, y up."""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from understudy.host_files.keys import Curve, MovingPoints, the_only_one, unreadable
from understudy.host_files.tcl_text import NukeNode, TclError, curve_of, nuke_nodes, words

__all__ = ["nuke_points"]

_CURE = "bake its keys (Curve Editor: Edit, Generate), or name a file with the node that follows the face"


def nuke_points(
    text: str, path: Path, frames: Sequence[int], size: tuple[int, int], pixel_aspect: float
) -> MovingPoints:
    """The points that the one moving node of a script moves.

    - Tracker4: each track that is enabled, by its name. A track with one key was never tracked and does not count.
    - CornerPin2D: the pins of the end that moves, `to` before `from`; `invert` makes no difference to where they lie.
    - Transform: the corners of the plate's format, moved as the node moves a picture; a size that it keeps is its word.

    Args:
        text: Of the script.
        path: Where it comes from, for messages.
        frames: That are asked for; others are left out.
        size: Width and height of the plate's format.
        pixel_aspect: Of the plate: a Transform turns in square pixels.

    Raises:
        SettingsError: The text is no script, or holds no such node, or several that move differently.
    """
    readers: Mapping[str, Callable[[NukeNode], MovingPoints | None]] = {
        "Tracker4": lambda node: _tracker(node, frames),
        "CornerPin2D": lambda node: _corner_pin(node, frames),
        "Transform": lambda node: _transform(node, frames, size, pixel_aspect),
    }
    found, useless = [], []
    try:
        nodes = [node for node in nuke_nodes(text) if node.kind in readers]
    except TclError as error:
        raise unreadable(path, f"{error}; save the nodes from Nuke again") from error
    if not nodes:
        raise unreadable(path, f"it holds no {', no '.join(readers)}; name a file with one that follows the face")
    for node in nodes:
        try:
            points = readers[node.kind](node)
        except TclError as error:
            useless.append(f"{node.title} has no keys of its own ({error})")
            continue
        if points:
            found.append(points)
        else:
            useless.append(f"{node.title} does not move")
    only = the_only_one(found, path)
    if only is None:
        raise unreadable(path, f"{', '.join(useless[:3])}; {_CURE}")
    return only


def _tracker(node: NukeNode, frames: Sequence[int]) -> MovingPoints | None:
    _, columns, rows = (words(node.knobs.get("tracks", "")) + ["", "", ""])[:3]
    names = [(words(column) + [""] * 4)[3] for column in words(columns)]
    points: dict[int, dict[str, tuple[float, float]]] = {}
    curves: list[Curve] = []
    for number, row in enumerate(words(rows), start=1):
        cells = dict(zip(names, words(row), strict=False))
        if not {"track_x", "track_y"} <= set(cells):
            raise TclError("its table of tracks is not as Nuke writes it")
        x, y, enabled = (curve_of(cells.get(name, "1")) for name in ("track_x", "track_y", "enable"))
        if not (x.moves or y.moves):
            continue
        curves += [x, y]
        name = f"{number} {cells.get('name', '')}".strip()  # two tracks may have one name
        for frame in frames:
            if enabled.held_at(frame) and (place := _place(x, y, frame)):
                points.setdefault(frame, {})[name] = place
    return MovingPoints(node.title, _span(curves), points) if curves else None


def _corner_pin(node: NukeNode, frames: Sequence[int]) -> MovingPoints | None:
    for end in ("to", "from"):
        pins = {
            f"{end}{pin}": _pair(node.knobs[f"{end}{pin}"])
            for pin in range(1, 5)
            if f"{end}{pin}" in node.knobs and node.knobs.get(f"enable{pin}", "true") not in ("false", "0")
        }
        curves = [curve for pin in pins.values() for curve in pin]
        if any(curve.moves for curve in curves):
            points = {
                frame: places
                for frame in frames
                if (places := {name: place for name, pin in pins.items() if (place := _place(*pin, frame))})
            }
            return MovingPoints(node.title, _span(curves), points)
    return None


def _transform(
    node: NukeNode, frames: Sequence[int], size: tuple[int, int], pixel_aspect: float
) -> MovingPoints | None:
    shift, centre = _pair(node.knobs.get("translate", "0")), _pair(node.knobs.get("center", "0"))
    scale, (roll, *_) = _pair(node.knobs.get("scale", "1")), _pair(node.knobs.get("rotate", "0"))
    curves = [*shift, *centre, *scale, roll]
    if not any(curve.moves for curve in curves):
        return None
    is_inverted = node.knobs.get("invert_matrix", "false") in ("true", "1")
    width, height = size
    corners = {
        "bottom left": 0j,
        "bottom right": width + 0j,
        "top right": complex(width, height),
        "top left": height * 1j,
    }
    points = {}
    for frame in frames:
        values = [curve.at(frame) for curve in curves]
        known = [value for value in values if value is not None]
        if len(known) == len(values):
            points[frame] = {
                name: _carried(corner, known, pixel_aspect, is_inverted) for name, corner in corners.items()
            }
    return MovingPoints(node.title, _span(curves), points)


def _carried(point: complex, values: Sequence[float], pixel_aspect: float, is_inverted: bool) -> tuple[float, float]:
    """Where a Transform carries a point of the picture.

    Args:
        point: x and y in pixels of the format.
        values: Shift x and y, centre x and y, scale x and y, roll in degrees against the clock.
        pixel_aspect: Of the plate.
        is_inverted: The node undoes the motion.
    """
    shift_x, shift_y, centre_x, centre_y, scale_x, scale_y, roll = values
    turn = cmath.exp(1j * math.radians(roll))
    shift, centre = complex(shift_x * pixel_aspect, shift_y), complex(centre_x * pixel_aspect, centre_y)
    arm = complex(point.real * pixel_aspect, point.imag) - centre
    if is_inverted:
        turned = (arm - shift) / turn
        moved = complex(turned.real / (scale_x or math.inf), turned.imag / (scale_y or math.inf))
    else:
        moved = turn * complex(arm.real * scale_x, arm.imag * scale_y) + shift
    moved += centre
    return moved.real / pixel_aspect, moved.imag


def _pair(text: str) -> tuple[Curve, Curve]:
    """The two curves of a knob's text; one alone stands for both."""
    parts = words(text)
    if len(parts) == 1 or (parts and parts[0] == "curve"):
        one = curve_of(parts[0] if len(parts) == 1 else text)
        return one, one
    if len(parts) != 2:
        raise TclError(f"'{text[:60]}' is no pair of numbers")
    return curve_of(parts[0]), curve_of(parts[1])


def _place(x: Curve, y: Curve, frame: int) -> tuple[float, float] | None:
    along, up = x.at(frame), y.at(frame)
    return None if along is None or up is None else (along, up)


def _span(curves: Sequence[Curve]) -> tuple[float, float]:
    times = [time for curve in curves if curve.moves for time in curve.times]
    return min(times), max(times)
