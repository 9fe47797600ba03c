"""The tracks in the table of a Tracker4, out of its text as Nuke writes it. Knows nothing of nodes.

The engine reads the same table out of a script; a track means the same to both.
"""

from __future__ import annotations

import bisect
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Curve", "Track", "read_curve", "read_tracks", "tcl_words"]

_NEEDED = ("name", "track_x", "track_y")
_HOLD, _LINEAR, _OTHERS = "K", "L", ("C", "R", "S")
_NUMBER = re.compile(r"[-+.\d]")
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_BARE = re.compile(r"(?:[^\s\\]|\\.)+", re.DOTALL)


@dataclass(frozen=True)
class Curve:
    """A number over time; with one key it is the same at all times.

    Attributes:
        frames: Of the keys, ascending.
        values: One for each.
        shapes: For each key what leads to the next: "K" holds the value, "L" is a straight line; of others only Nuke
            knows the course.
    """

    frames: Sequence[float]
    values: Sequence[float]
    shapes: Sequence[str]

    @property
    def moves(self) -> bool:
        """False for a number that is the same at all times."""
        return len(self.frames) > 1

    def at(self, frame: float) -> float | None:
        """The value at a frame; None before the first key, after the last, and between two on a course not known."""
        if not self.moves:
            return self.values[0]
        after = bisect.bisect_left(self.frames, frame)
        if after < len(self.frames) and self.frames[after] == frame:
            return self.values[after]
        if after in (0, len(self.frames)) or self.shapes[after - 1] not in (_HOLD, _LINEAR):
            return None
        begin, end = self.values[after - 1], self.values[after]
        if self.shapes[after - 1] == _HOLD:
            return begin
        return begin + (end - begin) * (frame - self.frames[after - 1]) / (self.frames[after] - self.frames[after - 1])

    def held_at(self, frame: float) -> float:
        """The value of the latest key, of the first before it: how a check box is animated."""
        return self.values[max(bisect.bisect_right(self.frames, frame) - 1, 0)]


@dataclass(frozen=True)
class Track:
    """One row of the table.

    Attributes:
        name: As the artist sees it.
        x: Nuke's pixels.
        y: As x, counted upwards.
        enabled: 0 where it is switched off.
    """

    name: str
    x: Curve
    y: Curve
    enabled: Curve

    @property
    def moves(self) -> bool:
        """False for a point that was placed, but never tracked."""
        return self.x.moves or self.y.moves

    def at(self, frame: int) -> tuple[float, float] | None:
        """Where the point is at a frame; None where it was not tracked, or is switched off."""
        x, y = self.x.at(frame), self.y.at(frame)
        return None if x is None or y is None or not self.enabled.held_at(frame) else (x, y)


def read_tracks(text: str) -> list[Track]:
    """The tracks of a table, in its order.

    Args:
        text: `{ 1 31 2 } { columns } { rows }`, as the knob's toScript gives it; braces around it all may be there.

    Raises:
        ValueError: It is something else, or a track follows an expression.
    """
    parts = tcl_words(text)
    if len(parts) == 1:
        parts = tcl_words(parts[0])
    columns = [words[3] for words in map(tcl_words, tcl_words(parts[1])) if len(words) > 3] if len(parts) == 3 else []
    if not set(_NEEDED) <= set(columns):
        raise ValueError("it is no table of tracks")
    tracks = []
    for number, row in enumerate(tcl_words(parts[2]), start=1):
        cells = dict(zip(columns, tcl_words(row)))  # noqa: B905  # Python 3.9; cells at the end may be left out
        if not set(_NEEDED) <= cells.keys():
            raise ValueError(f"row {number} of the table is too short")
        tracks.append(_track(cells, number))
    return tracks


def read_curve(cell: str) -> Curve:
    """The curve of a cell: a number, or keys such as `curve x1001 5 x1002 6 7`.

    A key without a frame is as far from the one before as that from its own; letters say how keys are joined; slopes
    are passed over.

    Raises:
        ValueError: It is an expression, or no number.
    """
    tokens = cell.split()
    if tokens[:1] != ["curve"]:
        return Curve([0.0], [_number(cell)], [_HOLD])
    keys: dict[float, tuple[float, str]] = {}
    shape, frame, step, is_placed = "", 0.0, 1.0, False
    for token in tokens[1:]:
        if token in (_HOLD, _LINEAR, *_OTHERS):
            shape = token
        elif token[0] == "x":
            step = _number(token[1:]) - frame if keys else 1.0
            frame, is_placed = _number(token[1:]), True
        elif _NUMBER.match(token):
            frame += 0.0 if is_placed else step
            keys[frame], is_placed = (_number(token), shape), False
    if not keys:
        raise ValueError(f"'{cell[:60]}' has no keys")
    frames = sorted(keys)
    return Curve(frames, [keys[key][0] for key in frames], [keys[key][1] for key in frames])


def tcl_words(text: str) -> list[str]:
    """The words of a Tcl list: bare, in quotes, or in braces that may hold further ones.

    Raises:
        ValueError: A brace or a quote stays open.
    """
    words, place = [], 0
    while True:
        while place < len(text) and text[place].isspace():
            place += 1
        if place == len(text):
            return words
        if text[place] == "{":
            end = _closing(text, place)
            words.append(text[place + 1 : end])
            place = end + 1
            continue
        found = (_QUOTED if text[place] == '"' else _BARE).match(text, place)
        if found is None:
            raise ValueError(f"a quote stays open at '{text[place : place + 40]}'")
        words.append(re.sub(r"\\(.)", r"\1", found[found.lastindex or 0]))
        place = found.end()


def _closing(text: str, opening: int) -> int:
    """Where the brace closes that opens at a place."""
    depth = 0
    for found in _BRACE.finditer(text, opening):
        depth += {"{": 1, "}": -1}.get(found[0], 0)
        if depth == 0:
            return found.start()
    raise ValueError(f"a brace stays open at '{text[opening : opening + 40]}'")


def _track(cells: Mapping[str, str], number: int) -> Track:
    name = cells["name"].strip() or f"track {number}"
    try:
        x, y = read_curve(cells["track_x"]), read_curve(cells["track_y"])
        return Track(name, x, y, read_curve(cells.get("enable") or "1"))
    except ValueError as error:
        raise ValueError(f"'{name}' has no keys of its own: {error}") from error


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"'{text[:60]}' is no number")
    return number
