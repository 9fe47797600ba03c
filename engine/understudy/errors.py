"""Every exception of Understudy, in one tree.

    UnderstudyError
    ├── SettingsError            what was asked for cannot be meant: nothing was started
    │   ├── ProjectError         the project folder or its understudy.yaml
    │   ├── UnknownNameError     a name that does not exist; carries the names that do
    │   └── ConsentError         a source identity without consent for this use
    ├── PlateError               reading and writing pictures
    │   ├── MissingFrameError    a frame that should be on disk is not
    │   ├── BrokenFrameError     a file that cannot be read as a picture
    │   └── WriteError           a picture or record that cannot be written
    ├── ColorError               the OCIO config or a conversion
    ├── FaceError                finding, cropping and keeping faces
    │   ├── NoFaceError          no face where one was needed
    │   └── FacesetError         a faceset that is missing, empty or broken
    ├── ModelFileError           a snapshot or checkpoint that cannot be used
    ├── TrainingError            training cannot go on
    └── EngineError              the engine cannot be reached, or stopped under a job

An error says what happened, to what, and what to do about it. It keeps its facts as plain attributes, so that it
crosses from the engine to a host whole. This file needs nothing but the standard library and runs on Python 3.9.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any, ClassVar

__all__ = [
    "BrokenFrameError",
    "ColorError",
    "ConsentError",
    "EngineError",
    "FaceError",
    "FacesetError",
    "MissingFrameError",
    "ModelFileError",
    "NoFaceError",
    "PlateError",
    "ProjectError",
    "SettingsError",
    "TrainingError",
    "UnderstudyError",
    "UnknownNameError",
    "WriteError",
    "near_names",
]

_MOST_SHOWN = 14
"""Names that are listed where one does not exist; of more, two less and how many there are beside."""


class UnderstudyError(Exception):
    """Anything that Understudy reports to its user.

    Args:
        message: One sentence or two: what happened, where, what to do.
        facts: Plain values (str, int, float, tuple of them) that a program may want; kept as attributes.

    Attributes:
        exit_code: What the command line exits with: 1 when work failed, 2 when nothing was started.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, **facts: Any) -> None:
        super().__init__(message)
        self.message = message
        self.facts = dict(facts)
        for name, value in facts.items():
            setattr(self, name, value)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self.facts)


def _rebuild(kind: type[UnderstudyError], message: str, facts: dict[str, Any]) -> UnderstudyError:
    error = kind.__new__(kind)
    UnderstudyError.__init__(error, message, **facts)
    return error


class SettingsError(UnderstudyError):
    """A command, setting, preset or file of settings that cannot be meant. Nothing was started."""

    exit_code: ClassVar[int] = 2


class ProjectError(SettingsError):
    """The project folder or its understudy.yaml is missing, broken or contradicts itself."""


class UnknownNameError(SettingsError):
    """A name that does not exist.

    Args:
        kind: What was named, as the user calls it: "shot", "colour space", "preset".
        name: The name that was given.
        known: The names that exist.
        where: Where they are looked up, such as "this project".
        cure: What to do instead, one short sentence; empty when the list says enough.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], where: str = "", cure: str = "") -> None:
        names = sorted(known)
        near = near_names(name, names)
        place = f" in {where}" if where else ""
        if near:
            hint = f" Near: {', '.join(near)}."
        elif names:
            shown = names if len(names) <= _MOST_SHOWN else names[: _MOST_SHOWN - 2]
            more = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
            hint = f" There is: {', '.join(shown)}{more}."
        else:
            hint = " There is none yet."
        ending = f" {cure}" if cure else ""
        super().__init__(f"No {kind} is called '{name}'{place}.{hint}{ending}", kind=kind, name=name, near=tuple(near))


class ConsentError(SettingsError):
    """A source identity that has neither a valid consent record nor the mark `synthetic`."""


class PlateError(UnderstudyError):
    """A picture or sequence that cannot be read or written."""


class MissingFrameError(PlateError):
    """A frame that should be on disk is not."""


class BrokenFrameError(PlateError):
    """A file that is there but cannot be read as a picture."""


class WriteError(PlateError):
    """A file that cannot be written: full disk, no permission, folder gone."""


class ColorError(UnderstudyError):
    """An OCIO config that cannot be loaded, or a conversion that it cannot do."""


class FaceError(UnderstudyError):
    """A face that cannot be found, cropped or kept."""


class NoFaceError(FaceError):
    """No face where one was needed."""


class FacesetError(FaceError):
    """A faceset that is missing, empty or broken."""


class ModelFileError(UnderstudyError):
    """A snapshot or checkpoint that is missing, damaged or made for something else."""


class TrainingError(UnderstudyError):
    """Training cannot go on, for instance because the loss is no longer a number."""


class EngineError(UnderstudyError):
    """The engine cannot be reached, refuses to talk, or stopped under a call or a job.

    Its fact `reason` is one word for programs: "none" (no engine runs), "stopped" (it ran and died), "running" (a
    second one may not start), "version", "secret", "full", "unsafe" (its folder or file is open to others), "timeout",
    "answer" (not understood), "inside" (a fault of the engine itself).
    """


def near_names(name: str, known: Iterable[str], most: int = 4) -> list[str]:
    """The known names that look most like `name`, best first; upper and lower case count as the same."""
    by_folded = {candidate.casefold(): candidate for candidate in known}
    wanted = name.casefold()
    near = difflib.get_close_matches(wanted, by_folded, n=most, cutoff=0.5)
    containing = [folded for folded in by_folded if wanted and wanted in folded and folded not in near]
    return [by_folded[folded] for folded in [*near, *sorted(containing, key=len)][:most]]
