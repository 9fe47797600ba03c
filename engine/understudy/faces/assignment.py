"""Whose the faces of a shot are: what an artist said of its tracks and cuts, and the file that keeps it.

An assignment is said of a track and kept of its faces: each gets a mark with its frame and place. Tracks are linked
anew whenever more frames are searched, and their numbers are those of the day; the marks stay where the faces are.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from understudy.durable import write_text
from understudy.errors import FaceError, SettingsError, UnknownNameError
from understudy.faces.face import Face
from understudy.faces.track import Track, main_track
from understudy.settings.project import NOBODY

__all__ = ["NOTHING_SAID", "Assignments", "Mark", "read_assignments", "tracks_of", "write_assignments"]

_SCHEMA = "assignments-1"
_REACH = 0.5
"""How far a face may lie from its mark, as a share of its box: found anew it moves less, another head lies further."""


class Mark(NamedTuple):
    """A face that somebody was told to be."""

    frame: int
    """The frame's number."""

    x: float
    """Middle of the face's box, in plate pixels."""

    y: float
    """Middle of the face's box, in plate pixels."""


@dataclass(frozen=True)
class Assignments:
    """Whose the faces of a shot are, as far as somebody has said.

    Attributes:
        marks: Of each identity, and of `NOBODY`.
        cuts: By frame, whether a cut is there, where the artist knows better than the pictures (`cut_frames`).
    """

    marks: Mapping[str, tuple[Mark, ...]] = field(default_factory=dict)
    cuts: Mapping[int, bool] = field(default_factory=dict)

    def identity_of(self, track: Track) -> str:
        """Whose a track is: what most of the marks on its faces say. `NOBODY`, or empty when nothing was said."""
        votes = Counter(said[0] for face in track.faces if (said := self._said_of(face)))
        return votes.most_common(1)[0][0] if votes else ""

    def with_assigned(self, tracks: Sequence[Track], changes: Mapping[int, str]) -> Assignments:
        """These assignments with some of the tracks given to others.

        An identity has one face in a frame: another track that had the same identity, in the same frames, is set free.

        Args:
            tracks: Of the shot.
            changes: Identity by number of the track; `NOBODY`, or empty for a track of which nothing shall be said.

        Raises:
            UnknownNameError: There is no such track.
            SettingsError: Two tracks that share a frame are given to one identity.
        """
        by_number = {track.number: track for track in tracks}
        for number in changes:
            if number not in by_number:
                raise UnknownNameError("track", str(number), map(str, by_number), "the shot")
        freed = [by_number[number] for number in changes]
        for number, name in changes.items():
            beside = _beside(by_number[number], tracks) if name not in ("", NOBODY) else ()
            for other in beside:
                if changes.get(other.number) == name:
                    frame = min(set(other.frames).intersection(by_number[number].frames))
                    raise SettingsError(
                        f"Tracks {number} and {other.number} are both in frame {frame}, and '{name}' has one face "
                        "there. Assign one of them.",
                        identity=name,
                    )
            freed += [one for one in beside if one.number not in changes and self.identity_of(one) == name]
        dropped = {said for track in freed for face in track.faces if (said := self._said_of(face))}
        marks = {name: [mark for mark in kept if (name, mark) not in dropped] for name, kept in self.marks.items()}
        for number, name in changes.items():
            if name:
                marks.setdefault(name, []).extend(map(_mark_of, by_number[number].faces))
        return replace(self, marks={name: tuple(sorted(kept)) for name, kept in marks.items() if kept})

    def _said_of(self, face: Face) -> tuple[str, Mark] | None:
        """The nearest mark that lies on a face, and whose it is."""
        left, top, right, bottom = face.box
        reach = _REACH * max(right - left, bottom - top)
        middle = _mark_of(face)
        near = [
            (math.hypot(mark.x - middle.x, mark.y - middle.y), name, mark)
            for name, mark in self._by_frame.get(face.frame, ())
        ]
        distance, name, mark = min(near, default=(math.inf, "", middle))
        return (name, mark) if distance <= reach else None

    @cached_property
    def _by_frame(self) -> dict[int, list[tuple[str, Mark]]]:
        by_frame: dict[int, list[tuple[str, Mark]]] = {}
        for name, marks in self.marks.items():
            for mark in marks:
                by_frame.setdefault(mark.frame, []).append((name, mark))
        return by_frame


NOTHING_SAID = Assignments()
"""Of a shot whose faces nobody has assigned."""


def tracks_of(identity: str | None, tracks: Sequence[Track], assignments: Assignments) -> tuple[Track, ...]:
    """The tracks that are one identity's, the largest first.

    They are those assigned to it. When none is, it is the main person among the tracks that nobody was given, as one
    track; there may be none.

    Args:
        identity: The identity; None for one of whom nothing was said.
        tracks: Of the shot, the largest first.
        assignments: Of the shot.
    """
    whose = {track.number: assignments.identity_of(track) for track in tracks}
    own = tuple(track for track in tracks if identity and whose[track.number] == identity)
    main = main_track([track for track in tracks if not whose[track.number]])
    return own or ((main,) if main else ())


def read_assignments(path: Path) -> Assignments:
    """What `write_assignments` wrote; `NOTHING_SAID` when there is no file.

    Raises:
        FaceError: The file is damaged.
    """
    try:
        values: Any = json.loads(path.read_text(encoding="utf-8"))
        if values["schema"] != _SCHEMA:
            raise ValueError(f"its schema is {values['schema']}, and this version reads {_SCHEMA}")
        marks = {str(name): tuple(map(_mark_from, marks)) for name, marks in values["identities"].items()}
        return Assignments(marks, {int(frame): bool(is_there) for frame, is_there in values.get("cuts", {}).items()})
    except FileNotFoundError:
        return NOTHING_SAID
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise FaceError(
            f"{path} is damaged ({error}). Delete it and assign the tracks again with: understudy faces SHOT --assign",
            path=str(path),
        ) from error


def write_assignments(path: Path, assignments: Assignments) -> None:
    """Writes a shot's assignments, one line for each identity and one for the cuts; whole or not at all.

    Raises:
        WriteError: The file cannot be written.
    """
    lines = [f"{json.dumps(name)}: {json.dumps(marks)}" for name, marks in sorted(assignments.marks.items())]
    identities = ",\n  ".join(lines)
    cuts = json.dumps(dict(sorted(assignments.cuts.items())))
    write_text(path, f'{{"schema": "{_SCHEMA}", "cuts": {cuts}, "identities": {{\n  {identities}\n}}}}\n')


def _beside(track: Track, tracks: Sequence[Track]) -> tuple[Track, ...]:
    """Other tracks that share a frame with this one."""
    frames = set(track.frames)
    return tuple(other for other in tracks if other is not track and frames.intersection(other.frames))


def _mark_of(face: Face) -> Mark:
    left, top, right, bottom = face.box
    return Mark(face.frame, round((left + right) / 2, 1), round((top + bottom) / 2, 1))


def _mark_from(values: Any) -> Mark:
    frame, x, y = values
    mark = Mark(int(frame), float(x), float(y))
    if not (math.isfinite(mark.x) and math.isfinite(mark.y)):
        raise ValueError("a face lies nowhere")
    return mark
