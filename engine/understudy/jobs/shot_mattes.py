"""The mattes of a shot's face: the one place that knows what was set, painted and learned of them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from understudy.errors import MissingFrameError, PlateError
from understudy.faces.face import Alignment
from understudy.faces.matte import MatteRule, PlateMatte
from understudy.geometry import Box
from understudy.jobs.shot import OpenedShot
from understudy.plates import Frame, Plate, find_sequence, format_frames, read_frame, read_header
from understudy.settings.matte import MatteSettings
from understudy.settings.project import ProjectFolder

if TYPE_CHECKING:
    import torch

    from understudy.jobs.learned_matte import LearnedMatte

__all__ = ["MatteSequence", "ShotMattes", "open_mattes"]

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class MatteSequence:
    """A matte in the plate's geometry, on disk.

    Attributes:
        plate: The sequence, with what stands for missing frames.
        channel: Which channel of it; None for A, else the only one, else R.
    """

    plate: Plate
    channel: str | None

    @staticmethod
    def open(pattern: Path, channel: str | None, shot: OpenedShot) -> MatteSequence:
        """A sequence on disk, its first frame checked.

        Raises:
            PlateError: Nothing is there, it has no such channel, or its display window is not the plate's.
        """
        sequence = MatteSequence(find_sequence(pattern), channel)
        first = sequence.plate.path(sequence.plate.numbers[0])
        header = read_header(first, sequence._layer, sequence.plate.numbers[0])
        sequence._channel_of(header, first)
        ours, theirs = shot.display_window, header.display_window
        if ours != theirs:
            raise PlateError(
                f"The display window of {first} is {theirs.width}x{theirs.height} at ({theirs.left}, {theirs.top}), "
                f"and that of the plate of shot '{shot.name}' {ours.width}x{ours.height} at ({ours.left}, {ours.top}). "
                "Render the matte in the plate's format.",
                path=str(first),
            )
        return sequence

    def holding(self, shot: OpenedShot) -> MatteSequence:
        """This sequence with the nearest earlier frame for each of the shot's that is not on disk, and a warning."""
        missing = self.plate.missing(shot.frames)
        if missing:
            _LOGGER.warning(
                "Shot %s: the artist's matte lacks frame %s; the nearest earlier one is held.",
                shot.name,
                format_frames(missing),
            )
        return replace(self, plate=self.plate.holding(shot.frames))

    def check_frames(self, shot: str, frames: Sequence[int]) -> None:
        """Returns when all these frames are on disk, or something stands for them.

        Raises:
            MissingFrameError: Some are not; all of them are named.
        """
        missing = tuple(number for number in self.plate.missing(frames) if number not in self.plate.stand_ins)
        if missing:
            raise MissingFrameError(
                f"{self.plate.pattern}, the artist's matte of shot '{shot}', lacks frame {format_frames(missing)}; "
                f"on disk is {format_frames(self.plate.numbers)}. Render them, or hold the nearest earlier one: "
                f"understudy shot add {shot} --plate ... --matte ... --matte-missing hold",
                pattern=self.plate.pattern,
                frames=missing,
            )

    def stamp(self, number: int) -> str:
        """What a frame's matte is: another stamp means another matte."""
        path = self.plate.path(number)
        status = path.stat()
        return f"{path.name}:{status.st_size}:{status.st_mtime_ns}:{self.channel or ''}"

    def read(self, number: int, region: Box | None = None) -> PlateMatte:
        """A frame's matte, 0 beyond its pixels; values that are no numbers count as 0, others are held to 0..1.

        Args:
            number: Of the frame.
            region: The plate's pixels that are needed; all when None.

        Raises:
            PlateError: It is missing or broken, or lacks the channel.
        """
        path = self.plate.path(number)
        frame = read_frame(path, self._layer, region, self.plate.source(number))
        values = np.nan_to_num(frame.channel(self._channel_of(frame, path)), nan=0.0, posinf=1.0, neginf=0.0)
        return PlateMatte(np.clip(values, 0, 1), frame.data_window)

    @property
    def _layer(self) -> str | None:
        return (self.channel or "").rpartition(".")[0] or None

    def _channel_of(self, frame: Frame, path: Path) -> str:
        names = frame.channels
        wanted = self.channel or ("A" if "A" in names else names[0] if len(names) == 1 else "R")
        if wanted not in names:
            raise PlateError(
                f"{path} has no channel '{wanted}'; it has {', '.join(names)}. Name the one that holds the matte.",
                path=str(path),
                channels=names,
            )
        return wanted


@dataclass(frozen=True, eq=False)
class ShotMattes:
    """How the mattes of one identity's face in a shot come about.

    Attributes:
        settings: The project's, with what the shot has otherwise.
        artist: A roto or occlusion matte; None without one.
        shows_occluder: True when that matte is 1 where something covers the face.
        learned: What `understudy matte` has learned; None when the shot has nothing, or the settings leave it out.
    """

    settings: MatteSettings
    artist: MatteSequence | None = None
    shows_occluder: bool = False
    learned: LearnedMatte | None = None

    def stamp(self, number: int) -> dict[str, Any]:
        """Everything that decides a frame's mattes beside plate and alignment, as plain values."""
        return {
            "settings": self.settings.model_dump(mode="json"),
            "artist": [self.artist.stamp(number), self.shows_occluder] if self.artist else None,
            "learned": self.learned.sha256 if self.learned else None,
        }

    def check_frames(self, shot: str, frames: Sequence[int]) -> None:
        """Returns when an artist's matte has all these frames.

        Raises:
            MissingFrameError: It lacks some; all of them are named.
        """
        if self.artist is not None:
            self.artist.check_frames(shot, frames)

    def region(self, alignment: Alignment, region: Box) -> Box:
        """The plate's pixels that mattes and something else need together."""
        return self.learned.region(alignment, region) if self.learned else region

    def rule(self, shot: OpenedShot, frame: Frame, alignment: Alignment) -> MatteRule:
        """How the mattes of one face in one frame come about.

        Args:
            shot: The shot.
            frame: The plate, or the part of it that `region` names.
            alignment: Of the face in this frame.

        Raises:
            PlateError: The artist's matte cannot be read.
        """
        times = None
        if self.artist is not None:
            matte = self.artist.read(alignment.frame, frame.data_window)
            times = PlateMatte(1 - matte.values, matte.box, 1.0) if self.shows_occluder else matte
        learned = self.learned.matte_of(shot, frame, alignment) if self.learned else None
        return MatteRule(self.settings, learned, times)


def open_mattes(
    folder: ProjectFolder, shot: OpenedShot, identity: str, device: torch.device | None = None
) -> ShotMattes:
    """How the mattes of an identity's face in a shot come about.

    Args:
        folder: The project.
        shot: The shot.
        identity: Whose face.
        device: Where a learned matte is computed; None for the processor.

    Raises:
        PlateError: The artist's matte cannot be used.
        ModelFileError: The learned matte is damaged.
    """
    settings = folder.matte_settings(shot.name)
    asked, pattern = folder.shot(shot.name).artist_matte, folder.artist_matte(shot.name)
    artist = MatteSequence.open(pattern, asked.channel, shot) if asked and pattern else None
    if artist and asked and asked.missing == "hold":
        artist = artist.holding(shot)
    learned = None
    path = folder.learned_matte(shot.name, identity)
    if settings.learned and path.is_file():
        from understudy.jobs.learned_matte import read_learned_matte  # loads torch, which a shot without one need not

        learned = read_learned_matte(path, device)
    return ShotMattes(settings, artist, asked.shows_occluder if asked else False, learned)
