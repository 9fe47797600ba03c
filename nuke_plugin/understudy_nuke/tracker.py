"""The artist's tracks at the input 'tracker': a node whose points move with the head, and not its picture.

Main thread only. In Indie a run of Python may touch some ten nodes: there the tracker is connected directly, or through
one node.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import nuke

from understudy_nuke._engine.errors import SettingsError
from understudy_nuke.plate_window import PlateWindow
from understudy_nuke.track_table import read_tracks
from understudy_nuke.upstream import passes_on

__all__ = ["TRACKER", "Tracked", "read_tracked", "suffix_of", "tracker_node"]

TRACKER = 2
"""Number of the node's input for the tracks."""

_MOST_NODES = 100
_MOST_IN_INDIE = 2

Points = Mapping[int, Sequence[tuple[str, float, float]]]
"""By frame the points that there are: name, x and y in Nuke's pixels, y up."""


@dataclass(frozen=True)
class Tracked:
    """What a tracker says of a shot, as the engine reads it.

    Attributes:
        name: Of the node.
        said: What it has, in words.
        frames: Those of which it says anything.
        text: A table of points in plate pixels, or a node whose keys are its values: see `suffix_of`.
    """

    name: str
    said: str
    frames: Sequence[int]
    text: str


def tracker_node(node: nuke.Node) -> nuke.Node | None:
    """The node that holds the tracks, past dots and what is switched off, into groups and out of them.

    None when nothing is connected.

    Raises:
        SettingsError: Something is connected that holds no tracks.
    """
    found, most = node.input(TRACKER), _MOST_IN_INDIE if nuke.env.get("indie") else _MOST_NODES
    for _ in range(most):
        if found is None or found.Class() in _READERS:
            return found
        if found.Class() == "Input":
            found = found.parent().input(int(found["number"].value()))
        elif isinstance(found, nuke.Group) and not _is_off(found):
            found = found.output()
        elif found.Class() == "Output" or passes_on(found):
            found = found.input(0)
        else:
            raise SettingsError(
                f"What is connected to 'tracker' is a {found.Class()} ({found.fullName()}), whose points are not read. "
                "Connect a Tracker (Tracker4), a CornerPin2D or a Transform, or nothing."
            )
    raise SettingsError(
        f"There are more than {most - 1} nodes between 'tracker' and what holds the tracks. Connect that directly."
    )


def suffix_of(found: nuke.Node) -> str:
    """What a file of the node's tracks ends with: points are a table, and a Transform is written as the node it is."""
    return ".nk" if found.Class() == "Transform" else ".csv"


def read_tracked(found: nuke.Node, window: PlateWindow, frames: Iterable[int]) -> Tracked:
    """What a tracker says of the frames of a shot.

    Args:
        found: Of `tracker_node`.
        window: Of the plate that the tracks are for.
        frames: Numbers of the frames that are wanted.

    Raises:
        SettingsError: The node says nothing of these frames, does not move, or is for another format.
    """
    _expect_same_format(found, window)
    return _READERS[found.Class()](found, window, list(frames))


def _expect_same_format(found: nuke.Node, window: PlateWindow) -> None:
    """A tracker over a proxy or another plate counts in other pixels; one that is over nothing cannot be told."""
    if found.input(0) is None:
        return
    seen = found.format()
    if (seen.width(), seen.height()) != (window.width, window.height):
        raise SettingsError(
            f"{found.fullName()} tracks a picture of {seen.width()} x {seen.height()} pixels, but the plate has "
            f"{window.width} x {window.height}: its points would lie elsewhere. Track the plate itself."
        )


def _tracker_points(found: nuke.Node, window: PlateWindow, frames: Sequence[int]) -> Tracked:
    """The tracks that are switched on, where they have keys."""
    name = found.fullName()
    try:
        tracks = [track for track in read_tracks(found["tracks"].toScript()) if track.moves]
    except ValueError as error:
        raise SettingsError(f"The tracks of {name} cannot be read: {error}. Bake them, or track them anew.") from error
    if not tracks:
        raise SettingsError(f"{name} has no track with keys. Track points of the face, or disconnect it.")
    names = _told_apart(track.name for track in tracks)
    points: dict[int, list[tuple[str, float, float]]] = {}
    for frame in frames:
        placed = [(point, track.at(frame)) for point, track in zip(names, tracks)]  # noqa: B905  # Python 3.9
        there = [(point, *place) for point, place in placed if place is not None]
        if there:
            points[frame] = there
    if not points:
        raise SettingsError(
            f"{name} has no points in the frames {frames[0]}-{frames[-1]}. Track them there, or set the range "
            "(tab Shot)."
        )
    return _with_points(name, points, window)


def _pin_points(found: nuke.Node, window: PlateWindow, frames: Sequence[int]) -> Tracked:
    """The pins of the end that moves; which way the node moves the picture does not matter to where they lie."""
    numbers = [number for number in range(1, 5) if found[f"enable{number}"].value()]
    for end in ("to", "from"):
        pins = {f"{end}{number}": found[f"{end}{number}"] for number in numbers}
        if any(pin.isAnimated() for pin in pins.values()):
            points = {
                frame: [(name, *(_value(pin, frame, axis) for axis in (0, 1))) for name, pin in pins.items()]
                for frame in frames
            }
            return _with_points(found.fullName(), points, window)
    raise _unmoved(found, "none of its pins is animated")


def _transform_keys(found: nuke.Node, _window: PlateWindow, frames: Sequence[int]) -> Tracked:
    """The node with a key in each frame: where it takes a picture is for the engine to know."""
    if any(found[skew].isAnimated() or found[skew].value() for skew in ("skewX", "skewY")):
        raise SettingsError(
            f"{found.fullName()} skews, which no head does. Set 'skew X' and 'skew Y' to 0, or connect a CornerPin2D."
        )
    if not any(found[name].isAnimated() for name in _TRANSFORM):
        raise _unmoved(found, f"none of {', '.join(_TRANSFORM)} is animated")
    lines = [f" {name} {{{_keys(found[name], frames, axes)}}}" for name, axes in _TRANSFORM.items()]
    lines.append(f" invert_matrix {str(bool(found['invert_matrix'].value())).lower()}")
    text = "\n".join(["Transform {", *lines, f" name {found.name()}", "}", ""])
    return Tracked(found.fullName(), "the motion", frames, text)


def _keys(knob: nuke.Knob, frames: Iterable[int], axes: int) -> str:
    """A knob's curves with a key in each frame; a knob that shows one number for both axes has one curve."""
    shown = 1 if axes > 1 and knob.singleValue() else axes
    curves = [" ".join(f"x{frame} {_value(knob, frame, axis):.10g}" for frame in frames) for axis in range(shown)]
    return " ".join(f"{{curve {keys}}}" for keys in curves)


def _value(knob: nuke.Knob, frame: int, axis: int) -> float:
    """A knob's number at a frame.

    Raises:
        SettingsError: It is none: an expression has failed.
    """
    number = float(knob.getValueAt(frame, axis))
    if not math.isfinite(number):
        name = f"{knob.node().fullName()}.{knob.name()}"
        raise SettingsError(f"{name} is no number in frame {frame}. Look at its curve or expression.")
    return number


def _with_points(name: str, points: Points, window: PlateWindow) -> Tracked:
    """The points as a table `frame,point,x,y`: plate pixels, y down, the first pixel's centre at 0.5, 0.5."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("frame", "point", "x", "y"))
    for frame, placed in points.items():
        for point, *place in placed:
            table.writerow([frame, point, *(f"{number:.10g}" for number in window.plate_from_nuke(*place))])
    names = {point for placed in points.values() for point, _, _ in placed}
    said = f"{len(names)} points" if len(names) != 1 else f"1 point ('{names.pop()}')"
    return Tracked(name, said, list(points), text.getvalue())


_TRANSFORM = {"translate": 2, "rotate": 1, "scale": 2, "center": 2}
"""Knobs of a Transform that move the picture, and how many numbers each has."""

_READERS: Mapping[str, Callable[[nuke.Node, PlateWindow, Sequence[int]], Tracked]] = {
    "Tracker4": _tracker_points,
    "CornerPin2D": _pin_points,
    "Transform": _transform_keys,
}


def _unmoved(found: nuke.Node, why: str) -> SettingsError:
    return SettingsError(
        f"{found.fullName()} does not move: {why}. Connect what moves with the head, or disconnect it."
    )


def _told_apart(names: Iterable[str]) -> list[str]:
    """The names, with a number behind those that came up before."""
    told: list[str] = []
    for name in names:
        number, fresh = 2, name
        while fresh in told:
            number, fresh = number + 1, f"{name} {number}"
        told.append(fresh)
    return told


def _is_off(node: nuke.Node) -> bool:
    disable = node.knob("disable")
    return disable is not None and bool(disable.value())
