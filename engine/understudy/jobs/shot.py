"""A shot opened for work: its plate, its frames and the colour space it is taken to be in."""

from __future__ import annotations

import logging
import shutil
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from understudy.color import ColorConfig, PlateSpace
from understudy.errors import MissingFrameError, SettingsError, UnknownNameError, WriteError
from understudy.geometry import Box
from understudy.plates import (
    Frame,
    Plate,
    find_sequence,
    format_frames,
    moved_timecode,
    parse_frames,
    read_frame,
    read_header,
    rgb_layer,
)
from understudy.provenance import file_hash
from understudy.settings.project import ProjectFolder, ShotEntry

__all__ = ["OpenedShot", "check_free_space", "config_of", "open_shot"]

_LOGGER = logging.getLogger(__name__)
_LEAST_FREE_BYTES = 64 << 20


@dataclass(frozen=True)
class OpenedShot:
    """A shot whose plate was looked at.

    Attributes:
        name: In the project.
        plate: The sequence or movie, with what stands for missing frames.
        frames: Numbers of the shot's frames, all of them on disk or held.
        space: The colour space that the plate is taken to be in.
        layer: What `Frame.rgb` is asked for; None for the root.
        color: The project's OCIO config.
        pixel_aspect: Of the plate.
        display_window: Of the plate's first frame: hosts count from its bottom left.
        selected: The layer, part or view that the shot names; None when it names none.
        left_out: Frames of the shot that are not on disk and are skipped.
    """

    name: str
    plate: Plate
    frames: tuple[int, ...]
    space: PlateSpace
    layer: str | None
    color: ColorConfig
    pixel_aspect: float
    display_window: Box
    selected: str | None = None
    left_out: frozenset[int] = field(default_factory=frozenset)

    def choose(self, frames: str | None) -> tuple[int, ...]:
        """The shot's frames that a range such as `1001-1010` names; all when None. Skipped frames are left out.

        Raises:
            SettingsError: The range names none, or some that do not belong to the shot.
        """
        if frames is None:
            return self.frames
        wanted = parse_frames(frames)
        foreign = tuple(number for number in wanted if number not in {*self.frames, *self.left_out})
        if foreign:
            raise SettingsError(
                f"Shot '{self.name}' has the frames {format_frames(self.frames)}, not {format_frames(foreign)}; "
                "name others with --frames.",
                shot=self.name,
                frames=foreign,
            )
        chosen = tuple(number for number in wanted if number not in self.left_out)
        if not chosen:
            raise SettingsError(
                f"Frame {format_frames(wanted)} of shot '{self.name}' is not on disk and is skipped, as the shot says.",
                shot=self.name,
                frames=wanted,
            )
        return chosen

    def stamp(self, number: int) -> str:
        """What a frame's picture is: another stamp means another picture. A held frame has its stand-in's."""
        path = self.plate.path(number)
        status = path.stat()
        of_movie = f":{self.plate.source(number)}" if self.plate.is_movie else ""
        return f"{path.name}:{status.st_size}:{status.st_mtime_ns}:{self.space.name}:{self.selected or ''}{of_movie}"

    def source_hash(self, number: int) -> str:
        """SHA-256 of the file that a frame's picture comes from; a movie is read through once for all its frames.

        Raises:
            PlateError: The file cannot be read.
        """
        path = self.plate.path(number)
        status = path.stat()
        return _hash_of(path, status.st_size, status.st_mtime_ns)

    def read(self, number: int, region: Box | None = None) -> Frame:
        """A frame of the shot; of a held one, its stand-in's picture with the frame's own timecode.

        Args:
            number: Of the frame.
            region: The plate's pixels that are needed; all when None.

        Raises:
            PlateError: It is missing or broken, or lacks the shot's layer.
        """
        path, source = self.plate.path(number), self.plate.source(number)
        frame = read_frame(path, self.selected, region, source)
        rgb_layer(frame, self.layer, path)
        return replace(frame, metadata=moved_timecode(frame.metadata, number - source)) if source != number else frame


def open_shot(folder: ProjectFolder, name: str) -> OpenedShot:
    """The shot of a project, checked against what is on disk.

    Raises:
        UnknownNameError: The project has no such shot, or its OCIO config no such space.
        MissingFrameError: Some of its frames are not on disk, and the shot does not say what to do then; all are named.
        PlateError: The first frame cannot be read, or lacks the shot's layer.
    """
    entry = folder.shot(name)
    color = config_of(folder)
    found = find_sequence(folder.plate_pattern(name))
    plate, frames, left_out = _with_holes(found, entry, name)
    first = plate.path(frames[0])
    header = read_header(first, entry.layer, plate.source(frames[0]))
    layer = rgb_layer(header, entry.layer, first)
    try:
        space = color.decide_plate_space(entry.colorspace, header.metadata, header.is_integer)
    except UnknownNameError as error:
        raise UnknownNameError(
            "colour space", str(error.facts["name"]), color.spaces(), f"OCIO config '{color.name}'", f"Shot: '{name}'."
        ) from error
    if space.is_guess:
        _LOGGER.warning(
            "Shot %s: colour space %s, %s. Say which it is with: understudy shot add %s --plate ... --colorspace NAME",
            name,
            space.name,
            space.reason,
            name,
        )
    _LOGGER.info(
        "Shot %s: frames %s, colour space %s (%s), working space %s of %s",
        name,
        format_frames(frames),
        space.name,
        space.reason,
        color.working,
        color.name,
    )
    aspect, window = header.pixel_aspect, header.display_window
    return OpenedShot(name, plate, frames, space, layer, color, aspect, window, entry.layer, left_out)


def config_of(folder: ProjectFolder) -> ColorConfig:
    """The project's OCIO config; a path is looked up from the project folder first.

    Raises:
        UnknownNameError: There is no such config.
        ColorError: It cannot be used.
    """
    name = folder.project.ocio
    beside = folder.path / name
    return ColorConfig.load(str(beside) if beside.is_file() else name)


def check_free_space(folder: Path) -> None:
    """Returns when there is room to write at all, so that a full disk is told before the work.

    Raises:
        WriteError: Less than 64 MiB are free.
    """
    existing = folder
    while not existing.exists():
        existing = existing.parent
    free = shutil.disk_usage(existing).free
    if free < _LEAST_FREE_BYTES:
        raise WriteError(
            f"{existing} has {free >> 20} MiB free, too little to write results. Make room and run it again.",
            path=str(existing),
        )


def _with_holes(found: Plate, entry: ShotEntry, name: str) -> tuple[Plate, tuple[int, ...], frozenset[int]]:
    """The plate, the shot's frames, and those left out, where frames that are not on disk are as the shot says."""
    on_disk = found.span if entry.missing == "hold" else found.numbers
    frames = parse_frames(entry.frames) if entry.frames else on_disk
    missing = found.missing(frames)
    if not missing:
        return found, frames, frozenset()
    if entry.missing == "error":
        found.check_frames(frames)
    if entry.missing == "hold":
        _LOGGER.warning(
            "Shot %s: frame %s is not on disk; the nearest earlier frame is held.", name, format_frames(missing)
        )
        return found.holding(frames), frames, frozenset()
    there = tuple(number for number in frames if number not in set(missing))
    if not there:
        raise MissingFrameError(
            f"None of the frames {format_frames(frames)} of shot '{name}' is on disk; "
            f"{found.pattern} has {format_frames(found.numbers)}.",
            pattern=found.pattern,
            frames=missing,
        )
    _LOGGER.warning("Shot %s: frame %s is not on disk and is left out.", name, format_frames(missing))
    return found, there, frozenset(missing)


@lru_cache(maxsize=4)
def _hash_of(path: Path, size: int, changed: int) -> str:
    """SHA-256 of a file that has this size and time of change."""
    del size, changed
    return file_hash(path)
