"""The artist's tracks at the input 'tracker': a node whose points move with the head, and not its picture.

Main thread only. In Indie a run of Python may touch some ten nodes: there the tracker is connected directly, or through
one node.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import nuke

from understudy_nuke._engine.errors import SettingsError
from understudy_nuke.plate_window import PlateWindow
from understudy_nuke.track_table import read_tracks
from understudy_nuke.upstream import passes_on

__all__ = ["TRACKER", "Tracked", "read_tracked", "tracker_node"]

TRACKER = 2
"""Number of the node's input for the tracks."""

_MOST_NODES = 100
_MOST_IN_INDIE = 2

Points = Mapping[int, Sequence[tuple[str, float, float]]]
"""By frame the points that there are: name, x and y in Nuke's pixels, y up."""


@dataclass(frozen=True)
class Tracked:
    """What a tracker says of a shot.

    Attributes:
        name: Of the node.
        points: Only frames that have some.
    """

    name: str
    points: Points

    @property
    def point_names(self) -> list[str]:
        """The points' names, in the order in which they come up."""
        return list(dict.fromkeys(name for points in self.points.values() for name, _, _ in points))


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


def read_tracked(found: nuke.Node, window: PlateWindow, frames: Iterable[int]) -> Tracked:
    """Where the points of a tracker lie.

    Args:
        found: Of `tracker_node`.
        window: Of the plate that the tracks are for.
        frames: Numbers of the frames that are wanted.

    Raises:
        SettingsError: The node has no points in these frames, they do not move, or it is for another format.
    """
    wanted = list(frames)
    _expect_same_format(found, window)
    tracked = _READERS[found.Class()](found, window, wanted)
    if not tracked.points:
        raise SettingsError(
            f"{tracked.name} has no points in the frames {wanted[0]}-{wanted[-1]}. Track them there, or set the range "
            "(tab Shot)."
        )
    for frame, points in tracked.points.items():
        if not all(math.isfinite(number) for _, x, y in points for number in (x, y)):
            raise SettingsError(f"{tracked.name} has a point in frame {frame} that is no number. Look at its curves.")
    return tracked


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


def _tracker_points(found: nuke.Node, _window: PlateWindow, frames: Sequence[int]) -> Tracked:
    """The tracks that are switched on, where they have keys."""
    name = found.fullName()
    try:
        tracks = [track for track in read_tracks(found["tracks"].toScript()) if track.moves]
    except ValueError as error:
        raise SettingsError(f"The tracks of {name} cannot be read: {error}. Bake them, or track them anew.") from error
    if not tracks:
        raise SettingsError(f"{name} has no track with keys. Track points of the face, or disconnect it.")
    points: dict[int, list[tuple[str, float, float]]] = {}
    names = _told_apart(track.name for track in tracks)
    for frame in frames:
        placed = [(point, track.at(frame)) for point, track in zip(names, tracks)]  # noqa: B905  # Python 3.9
        there = [(point, *place) for point, place in placed if place is not None]
        if there:
            points[frame] = there
    return Tracked(name, points)


def _pin_points(found: nuke.Node, _window: PlateWindow, frames: Sequence[int]) -> Tracked:
    """The pins of the end that moves; which way the node moves the picture does not matter to where they lie."""
    numbers = [number for number in range(1, 5) if found[f"enable{number}"].value()]
    for end in ("to", "from"):
        pins = {f"{end}{number}": found[f"{end}{number}"] for number in numbers}
        if any(pin.isAnimated() for pin in pins.values()):
            points = {
                frame: [(name, pin.getValueAt(frame, 0), pin.getValueAt(frame, 1)) for name, pin in pins.items()]
                for frame in frames
            }
            return Tracked(found.fullName(), points)
    raise _unmoved(found, "none of its pins is animated")


def _transform_points(found: nuke.Node, window: PlateWindow, frames: Sequence[int]) -> Tracked:
    """The plate's corners as the node moves them."""
    knobs = {name: found[name] for name in ("translate", "rotate", "scale", "center")}
    skews = [found["skewX"], found["skewY"]]
    if any(knob.isAnimated() or knob.value() for knob in skews):
        raise SettingsError(
            f"{found.fullName()} skews, which no head does. Set 'skew X' and 'skew Y' to 0, or connect a CornerPin2D."
        )
    if not any(knob.isAnimated() for knob in knobs.values()):
        raise _unmoved(found, "neither translate, rotate, scale nor center is animated")
    is_inverted = bool(found["invert_matrix"].value())
    corners = {
        "bottom_left": (0.0, 0.0),
        "bottom_right": (float(window.width), 0.0),
        "top_right": (float(window.width), float(window.height)),
        "top_left": (0.0, float(window.height)),
    }
    points = {}
    for frame in frames:
        move = _Move.of_knobs(knobs, frame, window.pixel_aspect)
        if is_inverted and not move.scale[0] * move.scale[1]:
            raise SettingsError(f"{found.fullName()} scales to nothing in frame {frame}, which has no inverse.")
        place = move.undone if is_inverted else move.done
        points[frame] = [(name, *place(*corner)) for name, corner in corners.items()]
    return Tracked(found.fullName(), points)


@dataclass(frozen=True)
class _Move:
    """A Transform at one frame: scaled, then turned about the centre, then shifted; y up.

    Attributes:
        shift: Pixels.
        turn: Radians, from x to y.
        scale: Across and up.
        centre: Pixels.
        pixel_aspect: It turns what is seen, in square pixels.
    """

    shift: tuple[float, float]
    turn: float
    scale: tuple[float, float]
    centre: tuple[float, float]
    pixel_aspect: float

    @classmethod
    def of_knobs(cls, knobs: Mapping[str, nuke.Knob], frame: int, pixel_aspect: float) -> _Move:
        """What the knobs say."""
        pairs = {
            name: tuple(knobs[name].getValueAt(frame, axis) for axis in (0, 1)) for name in ("translate", "center")
        }
        across = knobs["scale"].getValueAt(frame, 0)
        up = across if knobs["scale"].singleValue() else knobs["scale"].getValueAt(frame, 1)
        turn = math.radians(knobs["rotate"].getValueAt(frame))
        return cls(pairs["translate"], turn, (across, up), pairs["center"], pixel_aspect)

    def done(self, x: float, y: float) -> tuple[float, float]:
        """Where a point goes."""
        across = (x - self.centre[0]) * self.scale[0] * self.pixel_aspect
        up = (y - self.centre[1]) * self.scale[1]
        turned = across * math.cos(self.turn) - up * math.sin(self.turn)
        risen = across * math.sin(self.turn) + up * math.cos(self.turn)
        return self.centre[0] + self.shift[0] + turned / self.pixel_aspect, self.centre[1] + self.shift[1] + risen

    def undone(self, x: float, y: float) -> tuple[float, float]:
        """Where a point comes from; inverse of `done`."""
        turned = (x - self.centre[0] - self.shift[0]) * self.pixel_aspect
        risen = y - self.centre[1] - self.shift[1]
        across = turned * math.cos(self.turn) + risen * math.sin(self.turn)
        up = risen * math.cos(self.turn) - turned * math.sin(self.turn)
        return (
            self.centre[0] + across / self.pixel_aspect / self.scale[0],
            self.centre[1] + up / self.scale[1],
        )


_READERS: Mapping[str, Callable[[nuke.Node, PlateWindow, Sequence[int]], Tracked]] = {
    "Tracker4": _tracker_points,
    "CornerPin2D": _pin_points,
    "Transform": _transform_points,
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
