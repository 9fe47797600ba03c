"""Moving points out of Fusion's Tracker, in shares of the picture's width and height, y up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from understudy.host_files.keys import Curve, MovingPoints, the_only_one, unreadable
from understudy.host_files.lua_table import LuaError, LuaTable, read_lua_table

__all__ = ["fusion_points"]

_MOST_POINTS = 100
_CENTRE = 0.5
"""Points of a PolyPath's line are counted from the middle of the picture."""


def fusion_points(text: str, path: Path, frames: Sequence[int]) -> MovingPoints:
    """The points that the one moving Tracker of a `.setting` follows.

    A TrackedCenter moves by an XYPath over two splines, or by a PolyPath: then the keys of its displacement are one for
    each point of its line, as the Tracker leaves them.

    Args:
        text: Of the file.
        path: Where it comes from, for messages.
        frames: That are asked for; others are left out.

    Raises:
        SettingsError: The text is no `.setting`, or holds no such tool, or several that move differently.
    """
    try:
        tools = dict(_tools(read_lua_table(text)))
    except LuaError as error:
        raise unreadable(path, f"{error}; save the Tracker from Fusion again") from error
    found = [
        points
        for name, tool in tools.items()
        if tool.kind == "Tracker" and (points := _tracker(name, tool, tools, frames))
    ]
    only = the_only_one(found, path)
    if only is None:
        raise unreadable(path, "it holds no Tracker whose points move; track them, then save the tool with its paths")
    return only


def _tools(table: LuaTable) -> Iterator[tuple[str, LuaTable]]:
    """All tools by name, those inside groups too."""
    for name, tool in table.table("Tools").named.items():
        if isinstance(tool, LuaTable):
            yield str(name), tool
            yield from _tools(tool)


def _tracker(name: str, tool: LuaTable, tools: Mapping[str, LuaTable], frames: Sequence[int]) -> MovingPoints | None:
    inputs = tool.table("Inputs")
    points: dict[int, dict[str, tuple[float, float]]] = {}
    times: list[float] = []
    for number in range(1, _MOST_POINTS + 1):
        curves = _path(tools.get(_source(inputs, f"TrackedCenter{number}")), tools)
        if not curves or not any(curve.moves for curve in curves):
            continue
        times += [time for curve in curves for time in curve.times if curve.moves]
        said = inputs.table(f"Name{number}").named.get("Value", "")
        for frame in frames:
            x, y = (curve.at(frame) for curve in curves)
            if x is not None and y is not None:
                points.setdefault(frame, {})[f"{number} {said}".strip()] = (x, y)
    return MovingPoints(f"Tracker '{name}'", (min(times), max(times)), points) if times else None


def _path(path: LuaTable | None, tools: Mapping[str, LuaTable]) -> tuple[Curve, Curve] | None:
    """The two curves of what moves a point; None when it is nothing that is read here."""
    if path is None:
        return None
    inputs = path.table("Inputs")
    if path.kind == "XYPath":
        x, y = (_spline(tools.get(_source(inputs, axis))) for axis in "XY")
        return (x, y) if x and y else None
    if path.kind != "PolyPath":
        return None
    times = _spline(tools.get(_source(inputs, "Displacement")))
    line = inputs.table("PolyLine").table("Value").table("Points").items
    places = [point for point in line if isinstance(point, LuaTable)]
    if not times or len(times.keys) != len(places):
        return None
    x, y = (
        Curve({time: _CENTRE + _number(place, axis) for time, place in zip(times.times, places, strict=True)})
        for axis in "XY"
    )
    return x, y


def _spline(spline: LuaTable | None) -> Curve | None:
    """The keys of a BezierSpline; between two that are marked as linear it is a straight line."""
    keys: dict[float, float] = {}
    linear = set()
    for time, key in (spline.table("KeyFrames").named if spline else {}).items():
        if isinstance(time, float) and isinstance(key, LuaTable) and key.items and isinstance(key.items[0], float):
            keys[time] = key.items[0]
            if key.table("Flags").named.get("Linear") is True:
                linear.add(time)
    times = sorted(keys)
    straight = {one for one, following in pairwise(times) if {one, following} <= linear}
    return Curve(keys, dict.fromkeys(straight, "linear")) if keys else None


def _source(inputs: LuaTable, name: str) -> str:
    return str(inputs.table(name).named.get("SourceOp", ""))


def _number(table: LuaTable, name: str) -> float:
    value = table.named.get(name, 0.0)
    return value if isinstance(value, float) else 0.0
