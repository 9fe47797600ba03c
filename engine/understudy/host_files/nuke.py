"""Nodes of Nuke as text to paste: CornerPin2D to lift the patch and put it back, and a Tracker4.

Nuke counts from the bottom left of the format, y up, pixel centres at a half. Names of knobs, curves and the Tracker's
table are written as Nuke saves them.
"""

from __future__ import annotations

from collections.abc import Mapping

from understudy.geometry import Box, Points, y_up_from_y_down
from understudy.host_files.patch_move import TRACKS, PatchMove

__all__ = ["corner_pin_text", "tracker_text"]

_HEAD = "set cut_paste_input [stack 0]\nversion 13.0 v1\n"
_FROM_SELECTION = "push $cut_paste_input\n"
_FROM_NOTHING = "push 0\n"

_TRACK_COLUMNS = (
    *("5 1 20 enable e 1", "3 1 75 name name 1", "2 1 58 track_x track_x 1", "2 1 58 track_y track_y 1"),
    *("2 1 63 offset_x offset_x 1", "2 1 63 offset_y offset_y 1", "4 1 27 T T 1", "4 1 27 R R 1", "4 1 27 S S 1"),
    *("2 0 45 error error 1", "1 1 0 error_min error_min 1", "1 1 0 error_max error_max 1"),
    *(f"1 1 0 {box}_{side} {box}_{side} 1" for box in ("pattern", "search") for side in "xyrt"),
    "2 1 0 key_track key_track 1",
    *(f"2 1 0 {box}_{side} {box}_{side} 1" for box in ("key_search", "key_track") for side in "xyrt"),
    *(f"2 1 0 key_centre_offset_{axis} key_centre_offset_{axis} 1" for axis in "xy"),
)


def corner_pin_text(move: PatchMove) -> str:
    """Two chains of nodes with the same keys: the upper lifts the patch out of the plate, the lower puts it back.

    The lift takes the selected plate and gives the crop's square. The put-back takes a picture of the crop's size and
    gives it in the plate's format, where it lies in the plate. Both sample once.
    """
    window, aspect = move.display_window, move.pixel_aspect
    crop_format = f"{move.side} {move.side} 0 0 {move.side} {move.side} 1 understudy_crop_{move.side}"
    plate_format = f"{window.width} {window.height} 0 0 {window.width} {window.height} {aspect:g} {move.name}_plate"
    return (
        f"{_HEAD}{_FROM_SELECTION}"
        f"{_corner_pin(move, f'{move.name}_lift', 'plate to crop', is_inverted=True)}"
        f"{_reformat(f'{move.name}_lifted', crop_format, keeps_outside=False)}"
        f"{_FROM_NOTHING}"
        f"{_reformat(f'{move.name}_canvas', plate_format, keeps_outside=True)}"
        f"{_corner_pin(move, f'{move.name}_put_back', 'crop to plate', is_inverted=False)}"
    )


def tracker_text(move: PatchMove) -> str:
    """A Tracker4 with the four points of `TRACKS`, all of them for translation, rotation and scale."""
    points = {number: _up(track, move.display_window) for number, track in move.tracks_plate().items()}
    first = next(iter(points))
    rows = "\n".join(_track_row(name, index, points) for index, name in enumerate(TRACKS))
    columns = "\n".join(f"{{ {column} }} " for column in _TRACK_COLUMNS)
    table = f"{{ {{ 1 {len(_TRACK_COLUMNS)} {len(TRACKS)} }} \n{{ {columns}\n}} \n{{\n{rows}\n}} \n}}"
    return (
        f"{_HEAD}{_FROM_SELECTION}Tracker4 {{\n tracks {table}\n"
        f" reference_frame {first}\n name {move.name}_tracker\n selected true\n}}\n"
    )


def _corner_pin(move: PatchMove, name: str, label: str, is_inverted: bool) -> str:
    corners = {number: _up(points, move.display_window) for number, points in move.corners_plate().items()}
    pins = "".join(f" to{pin + 1} {{{_curves(corners, pin)}}}\n" for pin in range(4))
    square = "".join(
        f" from{pin} {{{x:g} {y:g}}}\n"
        for pin, (x, y) in enumerate(_up(move.corners_crop(), move.crop_window), start=1)
    )
    return (
        f"CornerPin2D {{\n{pins} invert {str(is_inverted).lower()}\n{square}"
        f' label "{label}"\n name {name}\n selected true\n}}\n'
    )


def _reformat(name: str, picture_format: str, keeps_outside: bool) -> str:
    return (
        f'Reformat {{\n format "{picture_format}"\n resize none\n center false\n pbb {str(keeps_outside).lower()}\n'
        f" name {name}\n selected true\n}}\n"
    )


def _track_row(name: str, index: int, points: Mapping[int, Points]) -> str:
    first = next(iter(points))
    x, y = (_curve(points, index, axis) for axis in (0, 1))
    nothing = f"{{curve K x{first} 0}}"
    boxes = "-32 -32 32 32 -64 -64 64 64"
    return (
        f' {{ {{curve K x{first} 1}} "{name}" {x} {y} {nothing} {nothing} 1 1 1 {{curve x{first} 0}} 0 0 '
        f"{boxes} {'{} ' * 11}}}"
    )


def _curves(points: Mapping[int, Points], index: int) -> str:
    return " ".join(_curve(points, index, axis) for axis in (0, 1))


def _curve(points: Mapping[int, Points], index: int, axis: int) -> str:
    keys = " ".join(f"x{number} {place[index, axis]:.10g}" for number, place in points.items())
    return f"{{curve {keys}}}"


def _up(points: Points, window: Box) -> Points:
    return y_up_from_y_down(points, window)
