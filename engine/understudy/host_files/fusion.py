"""Tools of Fusion as text to paste or import: CornerPositioners to lift the patch and put it back, and a Tracker.

Fusion counts from the bottom left, y up, in shares of the picture's width and height: what an ST map says of a point. A
point moves by an XYPath over two splines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from understudy.geometry import Box, Points, st_from_points
from understudy.host_files.patch_move import CORNERS, TRACKS, PatchMove

__all__ = ["setting_text"]


def setting_text(move: PatchMove, first: int | None = None) -> str:
    """All tools of the move as one `.setting`.

    `_lift` and `_lifted` take the plate and give the crop's square; `_canvas` and `_put_back` take a picture of the
    crop and give it in the plate's size, where it lies in the plate; `_tracker` holds the points of `TRACKS`. A
    CornerPositioner keeps its picture's size, so that a resize goes with each: a patch is sampled twice each way,
    where Nuke samples once.

    Args:
        move: The move.
        first: Time of the first key; the plate's frame number when None. Compositions of Resolve's clips begin at 0.
    """
    name, window = move.name, move.display_window
    frames = tuple(move.plate_from_crop)
    shift = 0 if first is None else first - frames[0]
    lift = _shares(move.plate_corners_crop(), move.crop_window, shift)
    put_back = _shares(move.corners_plate(), window, shift)
    tracks = _shares(move.tracks_plate(), window, shift)
    tools = [
        *_corner_positioner(f"{name}_lift", lift, None, 0),
        _resize(f"{name}_lifted", f"{name}_lift", move.side, move.side, 110),
        _resize(f"{name}_canvas", None, window.width, window.height, 220),
        *_corner_positioner(f"{name}_put_back", put_back, f"{name}_canvas", 330),
        *_tracker(f"{name}_tracker", tracks, 440),
    ]
    return "{\n\tTools = ordered() {\n" + "".join(tools) + f'\t}},\n\tActiveTool = "{name}_put_back",\n}}\n'


def _shares(points: Mapping[int, Points], window: Box, shift: int) -> dict[int, Points]:
    return {number + shift: st_from_points(place, window) for number, place in points.items()}


def _corner_positioner(name: str, corners: Mapping[int, Points], source: str | None, column: int) -> list[str]:
    paths = [f"{name}_{corner}" for corner in CORNERS]
    inputs = [_linked(corner, path) for corner, path in zip(CORNERS, paths, strict=True)]
    inputs += [_linked("Input", source, "Output")] if source else []
    return [_tool(name, "CornerPositioner", inputs, column), *_moving_points(paths, corners)]


def _resize(name: str, source: str | None, width: int, height: int, column: int) -> str:
    inputs = [_valued("Width", str(width)), _valued("Height", str(height)), _valued("KeepAspect", "0")]
    inputs += [_linked("Input", source, "Output")] if source else []
    return _tool(name, "BetterResize", inputs, column)


def _tracker(name: str, tracks: Mapping[int, Points], column: int) -> list[str]:
    paths = [f"{name}_{track}" for track in TRACKS]
    first = next(iter(tracks))
    patterns, inputs = [], []
    for index, (track, path) in enumerate(zip(TRACKS, paths, strict=True)):
        x, y = tracks[first][index]
        patterns.append(f"\t\t\t\t{{ PatternTime = {first}, PatternX = {x:.10g}, PatternY = {y:.10g} }},\n")
        inputs.append(_valued(f"Name{index + 1}", f'"{track}"'))
        inputs.append(_valued(f"PatternCenter{index + 1}", f"{{ {x:.10g}, {y:.10g} }}"))
        inputs.append(_linked(f"TrackedCenter{index + 1}", path))
    trackers = "\t\t\tTrackers = {\n" + "".join(patterns) + "\t\t\t},\n"
    return [_tool(name, "Tracker", inputs, column, trackers), *_moving_points(paths, tracks)]


def _moving_points(paths: Sequence[str], points: Mapping[int, Points]) -> list[str]:
    tools = []
    for index, path in enumerate(paths):
        tools.append(_tool(path, "XYPath", [_linked("X", f"{path}_x"), _linked("Y", f"{path}_y")]))
        tools += [_spline(f"{path}_{letter}", points, index, axis) for axis, letter in enumerate("xy")]
    return tools


def _spline(name: str, points: Mapping[int, Points], index: int, axis: int) -> str:
    keys = "".join(
        f"\t\t\t\t[{number}] = {{ {place[index, axis]:.10g}, Flags = {{ Linear = true }} }},\n"
        for number, place in points.items()
    )
    return f"\t\t{name} = BezierSpline {{\n\t\t\tNameSet = true,\n\t\t\tKeyFrames = {{\n{keys}\t\t\t}},\n\t\t}},\n"


def _tool(name: str, kind: str, inputs: Sequence[str], column: int | None = None, more: str = "") -> str:
    place = f"\t\t\tViewInfo = OperatorInfo {{ Pos = {{ {column}, 0 }} }},\n" if column is not None else ""
    body = f"{more}\t\t\tInputs = {{\n{''.join(inputs)}\t\t\t}},\n{place}"
    return f"\t\t{name} = {kind} {{\n\t\t\tNameSet = true,\n{body}\t\t}},\n"


def _linked(name: str, tool: str, output: str = "Value") -> str:
    return f'\t\t\t\t{name} = Input {{ SourceOp = "{tool}", Source = "{output}" }},\n'


def _valued(name: str, value: str) -> str:
    return f"\t\t\t\t{name} = Input {{ Value = {value} }},\n"
