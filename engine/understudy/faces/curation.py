"""What somebody decided about the crops of a faceset: which are left out, and which are held out of training.

It is kept by shot and frame in a file beside the faceset's folder, `facesets/NAME.curation.json`, so that it outlives
crops that are made again, and a folder that is deleted to be made anew in another size.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from understudy.durable import write_text
from understudy.errors import FacesetError, SettingsError
from understudy.plates import format_frames, parse_frames

__all__ = ["NOTHING_DECIDED", "Curation", "CurationStep", "CropKey", "curation_file", "read_curation", "write_curation"]

CropKey = tuple[str, int]
"""Shot and frame: a faceset holds one crop of each."""

_SCHEMA = "curation-1"
_MOST_STEPS = 20


@dataclass(frozen=True)
class CurationStep:
    """One decision, and how things stood before it.

    Attributes:
        what: In words.
        left_out: Crops that were left out before it.
        held_out: Crops that were held out before it.
    """

    what: str
    left_out: frozenset[CropKey]
    held_out: frozenset[CropKey]


@dataclass(frozen=True)
class Curation:
    """Decisions about a faceset's crops. Crops that are not there (yet, or any more) may be among them.

    Attributes:
        left_out: Crops that nothing learns from: soft, wrong, one too many.
        held_out: Crops that training does not see, and is measured on.
        steps: The last 20 decisions, the newest last.
    """

    left_out: frozenset[CropKey] = frozenset()
    held_out: frozenset[CropKey] = frozenset()
    steps: tuple[CurationStep, ...] = ()

    def with_left_out(self, crops: Iterable[CropKey], what: str) -> Curation:
        """The decisions with more crops left out."""
        return self._after(what, self.left_out.union(crops), self.held_out)

    def restored(self, crops: Iterable[CropKey], what: str) -> Curation:
        """The decisions with crops no longer left out."""
        return self._after(what, self.left_out.difference(crops), self.held_out)

    def with_held_out(self, crops: Iterable[CropKey], what: str) -> Curation:
        """The decisions with these crops held out, and no others."""
        return self._after(what, self.left_out, frozenset(crops))

    def with_those_of(self, other: Curation, shots: Mapping[str, str], what: str) -> Curation:
        """The decisions with another faceset's added.

        Args:
            other: Its decisions.
            shots: Name here by name there, of the shots that are taken over.
            what: In words.
        """
        left_out, held_out = (
            frozenset((shots[shot], frame) for shot, frame in crops if shot in shots)
            for crops in (other.left_out, other.held_out)
        )
        return self._after(what, self.left_out | left_out, self.held_out | held_out)

    def undone(self) -> Curation:
        """The decisions without the last one.

        Raises:
            SettingsError: There is none.
        """
        if not self.steps:
            raise SettingsError("There is nothing to undo: nothing was dropped, restored or held out yet.")
        last = self.steps[-1]
        return Curation(last.left_out, last.held_out, self.steps[:-1])

    def _after(self, what: str, left_out: frozenset[CropKey], held_out: frozenset[CropKey]) -> Curation:
        if (left_out, held_out) == (self.left_out, self.held_out):
            return self
        step = CurationStep(what, self.left_out, self.held_out)
        return Curation(left_out, held_out, (*self.steps, step)[-_MOST_STEPS:])


NOTHING_DECIDED = Curation()
"""Of a faceset that nobody has curated."""


def curation_file(folder: Path) -> Path:
    """Where the decisions about the faceset in a folder are kept."""
    return folder.with_name(f"{folder.name}.curation.json")


def read_curation(folder: Path) -> Curation:
    """The decisions about the faceset in a folder; `NOTHING_DECIDED` when there is no file.

    Raises:
        FacesetError: The file is damaged.
    """
    path = curation_file(folder)
    try:
        values: Any = json.loads(path.read_text(encoding="utf-8"))
        if values["schema"] != _SCHEMA:
            raise ValueError(f"its schema is {values['schema']}, and this version reads {_SCHEMA}")
        steps = tuple(CurationStep(str(step["what"]), *_crops_of(step)) for step in values["steps"])
        return Curation(*_crops_of(values), steps)
    except FileNotFoundError:
        return NOTHING_DECIDED
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, SettingsError) as error:
        raise FacesetError(
            f"{path} is damaged ({error}). Delete it and curate the faceset again with: understudy faceset "
            f"{folder.name} --where ... --drop",
            path=str(path),
        ) from error


def write_curation(folder: Path, curation: Curation) -> None:
    """Writes the decisions about the faceset in a folder; whole or not at all.

    Raises:
        WriteError: The file cannot be written.
    """
    values = {
        "schema": _SCHEMA,
        **_ranges(curation),
        "steps": [{"what": step.what, **_ranges(step)} for step in curation.steps],
    }
    write_text(curation_file(folder), json.dumps(values, indent=1) + "\n")


def _ranges(decided: Curation | CurationStep) -> dict[str, dict[str, str]]:
    return {"left_out": _by_shot(decided.left_out), "held_out": _by_shot(decided.held_out)}


def _by_shot(crops: frozenset[CropKey]) -> dict[str, str]:
    """Frame ranges by shot."""
    shots = sorted({shot for shot, _ in crops})
    return {name: format_frames(tuple(sorted(frame for shot, frame in crops if shot == name))) for name in shots}


def _crops_of(values: Mapping[str, Any]) -> tuple[frozenset[CropKey], frozenset[CropKey]]:
    left_out, held_out = (
        frozenset((str(shot), frame) for shot, frames in values[name].items() for frame in parse_frames(frames))
        for name in ("left_out", "held_out")
    )
    return left_out, held_out
