"""Plates on disk: sequences of pictures, movies, stills."""

from __future__ import annotations

import os
import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import fileseq

from understudy.errors import MissingFrameError, SettingsError
from understudy.plates.movie import MOVIE_ENDINGS, count_pictures
from understudy.plates.ranges import format_frames, parse_frames

__all__ = ["PICTURE_ENDINGS", "Plate", "find_sequence"]

PICTURE_ENDINGS = {
    ".exr": "openexr",
    ".dpx": "dpx",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".png": "png",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
}
"""Format of a picture by the ending of its name."""

_STILL_NUMBER = re.compile(r"(\d+)$")


@dataclass(frozen=True)
class Plate:
    """A sequence on disk, a movie, or one still.

    Attributes:
        pattern: As the user wrote it: `plate.####.exr`, `plate.%04d.exr`, or one file.
        numbers: Frame numbers found on disk, ascending; those of a movie begin at 1; (0,) for a still without a number.
        files: Path of each of them; all the same in a movie.
        stand_ins: For a missing frame, the number of the one whose picture is shown instead.
        is_movie: True when one file holds all frames.
    """

    pattern: str
    numbers: tuple[int, ...]
    files: Mapping[int, Path]
    stand_ins: Mapping[int, int] = field(default_factory=dict)
    is_movie: bool = False

    @property
    def span(self) -> tuple[int, ...]:
        """All numbers from the first on disk to the last, holes too.

        Raises:
            SettingsError: They lie more than a million frames apart.
        """
        return parse_frames(f"{self.numbers[0]}-{self.numbers[-1]}")

    def source(self, number: int) -> int:
        """The number on disk whose picture a frame shows: its own, or its stand-in's.

        Raises:
            MissingFrameError: It is not on disk, and nothing stands for it.
        """
        found = self.stand_ins.get(number, number)
        if found not in self.files:
            raise MissingFrameError(
                f"Frame {number} of {self.pattern} is not on disk; there is {format_frames(self.numbers)}.",
                pattern=self.pattern,
                frame=number,
            )
        return found

    def path(self, number: int) -> Path:
        """The file of a frame.

        Raises:
            MissingFrameError: It is not on disk, and nothing stands for it.
        """
        return self.files[self.source(number)]

    def missing(self, numbers: Iterable[int]) -> tuple[int, ...]:
        """Which of these frames are not on disk."""
        return tuple(number for number in numbers if number not in self.files)

    def check_frames(self, numbers: tuple[int, ...]) -> None:
        """Returns when all these frames are on disk.

        Raises:
            MissingFrameError: Some are not; all of them are named.
        """
        missing = self.missing(numbers)
        if missing:
            raise MissingFrameError(
                f"{self.pattern} lacks frame {format_frames(missing)}; on disk is {format_frames(self.numbers)}. "
                "Bring the missing frames, leave them out with --frames, or say what stands for them: "
                "understudy shot add NAME --plate ... --missing hold",
                pattern=self.pattern,
                frames=missing,
            )

    def holding(self, numbers: Iterable[int]) -> Plate:
        """This plate with a stand-in for each missing frame of these: the nearest earlier one, else the first."""
        stand_ins = {
            number: self.numbers[max(0, bisect_right(self.numbers, number) - 1)] for number in self.missing(numbers)
        }
        return replace(self, stand_ins={**self.stand_ins, **stand_ins})


def find_sequence(pattern: str | Path) -> Plate:
    """The frames on disk that a pattern names.

    Args:
        pattern: A path with `####`, `@@@@` or `%04d` for the frame number, or the path of one picture or movie.

    Raises:
        MissingFrameError: Nothing is there; what lies beside it is named.
        SettingsError: The ending is not one of a picture or movie.
        BrokenFrameError: A movie that cannot be opened.
    """
    text = os.fspath(pattern)
    path = Path(text)
    check_ending(path)
    if path.suffix.lower() in MOVIE_ENDINGS:
        if not path.is_file():
            raise MissingFrameError(f"{text} is not on disk.", pattern=text)
        numbers = tuple(range(1, count_pictures(path) + 1))
        return Plate(text, numbers, dict.fromkeys(numbers, path), is_movie=True)
    if path.is_file():
        number = _number_of_still(text)
        return Plate(text, (number,), {number: path})
    files = _files_of(text)
    if not files:
        beside = _patterns_beside(path)
        hint = f" Beside it lies {', '.join(beside)}." if beside else " Its folder holds no sequence either."
        raise MissingFrameError(f"No file matches {text}.{hint}", pattern=text)
    return Plate(text, tuple(sorted(files)), files)


def check_ending(path: Path) -> None:
    """Returns when a file's name ends as a picture's or a movie's does.

    Raises:
        SettingsError: It does not; the endings that are read are listed.
    """
    known = (*PICTURE_ENDINGS, *MOVIE_ENDINGS)
    if path.suffix.lower() not in known:
        raise SettingsError(
            f"{path.name} is not a picture or movie that Understudy reads; it reads {', '.join(sorted(known))}.",
            path=str(path),
        )


def _files_of(pattern: str) -> dict[int, Path]:
    try:
        sequence = fileseq.findSequenceOnDisk(pattern, strictPadding=True, pad_style=fileseq.PAD_STYLE_HASH1)
    except fileseq.FileSeqException:
        return {}
    if sequence is None or not sequence.frameSet():
        return {}
    return {int(number): Path(sequence.frame(number)) for number in sequence.frameSet()}


def _number_of_still(path: str) -> int:
    match = _STILL_NUMBER.search(Path(path).stem)
    return int(match.group(1)) if match else 0


def _patterns_beside(path: Path) -> list[str]:
    if not path.parent.is_dir():
        return []
    found = fileseq.findSequencesOnDisk(str(path.parent), pad_style=fileseq.PAD_STYLE_HASH1)
    named = [item for item in found if item.frameSet() and str(item.extension()).lower() in PICTURE_ENDINGS]
    return [f"{item.basename()}{item.padding()}{item.extension()} ({item.frameRange()})" for item in named[:3]]
