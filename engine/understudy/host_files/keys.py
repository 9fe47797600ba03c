"""Keyed values and moving points, as they are read from files of hosts."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from understudy.errors import SettingsError

__all__ = ["Curve", "MovingPoints", "the_only_one", "unreadable"]


@dataclass(frozen=True)
class Curve:
    """A number over time.

    Attributes:
        keys: Value by frame.
        shapes: What lies between a key and the next, by the key's frame: "constant" or "linear". A frame without an
            entry begins a smooth curve, whose course between the keys only its host knows.
    """

    keys: Mapping[float, float]
    shapes: Mapping[float, str] = field(default_factory=dict)

    @property
    def moves(self) -> bool:
        """False for a number that is the same at all times."""
        return len(self.keys) > 1

    @cached_property
    def times(self) -> list[float]:
        """Frames of the keys, ascending."""
        return sorted(self.keys)

    def at(self, frame: int) -> float | None:
        """The value at a frame; None before the first key, after the last, and on a smooth curve between keys."""
        if frame in self.keys or not self.moves:
            return self.keys[frame if self.moves else self.times[0]]
        after = bisect.bisect(self.times, frame)
        if after in (0, len(self.times)):
            return None
        before, following = self.times[after - 1], self.times[after]
        shape = self.shapes.get(before)
        if shape is None:
            return None
        share = 0.0 if shape == "constant" else (frame - before) / (following - before)
        return self.keys[before] + share * (self.keys[following] - self.keys[before])

    def held_at(self, frame: int) -> float:
        """The value of the last key up to a frame, or of the first: for what is switched on and off."""
        return self.keys[self.times[max(0, bisect.bisect(self.times, frame) - 1)]]


@dataclass(frozen=True, eq=False)
class MovingPoints:
    """Points that one node or tool of a file moves.

    Attributes:
        node: Its kind and name, such as "Tracker4 'Tracker1'".
        span: Frames of the first and the last key.
        points: x and y as the host counts them, by frame and by the point's name.
    """

    node: str
    span: tuple[float, float]
    points: Mapping[int, Mapping[str, tuple[float, float]]]


def the_only_one(found: Iterable[MovingPoints], path: Path) -> MovingPoints | None:
    """What the file's nodes move when they all move the same; None of none.

    Raises:
        SettingsError: They move different points.
    """
    nodes = list(found)
    if any(_places(node) != _places(nodes[0]) for node in nodes[1:]):
        names = ", ".join(node.node for node in nodes[:6]) + (", ..." if len(nodes) > 6 else "")
        raise unreadable(path, f"several nodes move differently: {names}; save the one that follows the face alone")
    return nodes[0] if nodes else None


def unreadable(path: Path, reason: str) -> SettingsError:
    """The error that a file of tracks is answered with: what is wrong; what to do. Text out of the file is one line."""
    return SettingsError(f"{path}: {' '.join(reason.split())}.", path=str(path))


def _places(node: MovingPoints) -> dict[int, list[tuple[float, float]]]:
    return {frame: sorted(points.values()) for frame, points in node.points.items()}
