"""A shot opened for work: its plate, its frames and the colour space it is taken to be in."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from understudy.color import ColorConfig, PlateSpace
from understudy.errors import PlateError, SettingsError, UnknownNameError, WriteError
from understudy.plates import Frame, Plate, find_sequence, format_frames, parse_frames, read_frame, read_header
from understudy.settings.project import ProjectFolder

__all__ = ["OpenedShot", "check_free_space", "config_of", "open_shot"]

_LOGGER = logging.getLogger(__name__)
_LEAST_FREE_BYTES = 64 << 20


@dataclass(frozen=True)
class OpenedShot:
    """A shot whose plate was looked at.

    Attributes:
        name: In the project.
        plate: The sequence.
        frames: Numbers of the shot's frames, all of them on disk.
        space: The colour space that the plate is taken to be in.
        layer: Layer to take RGB from; None for the root.
        color: The project's OCIO config.
        pixel_aspect: Of the plate.
    """

    name: str
    plate: Plate
    frames: tuple[int, ...]
    space: PlateSpace
    layer: str | None
    color: ColorConfig
    pixel_aspect: float

    def choose(self, frames: str | None) -> tuple[int, ...]:
        """The shot's frames that a range such as `1001-1010` names; all when None.

        Raises:
            SettingsError: The range names none, or some that do not belong to the shot.
        """
        if frames is None:
            return self.frames
        wanted = parse_frames(frames)
        foreign = tuple(number for number in wanted if number not in set(self.frames))
        if foreign:
            raise SettingsError(
                f"Shot '{self.name}' has the frames {format_frames(self.frames)}, not {format_frames(foreign)}; "
                "name others with --frames.",
                shot=self.name,
                frames=foreign,
            )
        return wanted

    def stamp(self, number: int) -> str:
        """What a frame's file is: another stamp means another picture."""
        path = self.plate.path(number)
        status = path.stat()
        return f"{path.name}:{status.st_size}:{status.st_mtime_ns}:{self.space.name}:{self.layer or ''}"

    def read(self, number: int) -> Frame:
        """A frame of the shot.

        Raises:
            PlateError: It is missing or broken, or lacks the shot's layer.
        """
        path = self.plate.path(number)
        frame = read_frame(path)
        _check_layer(frame, self.layer, path)
        return frame

    def read_all(self, numbers: Sequence[int]) -> Iterator[tuple[int, Frame]]:
        """These frames in order; the next one is read while the caller works on the present one.

        Raises:
            PlateError: As `read`.
        """
        with ThreadPoolExecutor(1, thread_name_prefix="read-ahead") as reader:
            ahead = [reader.submit(self.read, number) for number in numbers[:1]]
            for index, number in enumerate(numbers):
                frame = ahead.pop().result()
                ahead.extend(reader.submit(self.read, following) for following in numbers[index + 1 : index + 2])
                yield number, frame


def open_shot(folder: ProjectFolder, name: str) -> OpenedShot:
    """The shot of a project, checked against what is on disk.

    Raises:
        UnknownNameError: The project has no such shot, or its OCIO config no such space.
        MissingFrameError: Some of its frames are not on disk; all of them are named.
        PlateError: The first frame cannot be read, or lacks the shot's layer.
    """
    entry = folder.shot(name)
    color = config_of(folder)
    plate = find_sequence(folder.plate_pattern(name))
    frames = parse_frames(entry.frames) if entry.frames else plate.numbers
    plate.check_frames(frames)
    first = plate.path(frames[0])
    header = read_header(first)
    _check_layer(header, entry.layer, first)
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
    return OpenedShot(name, plate, frames, space, entry.layer, color, header.pixel_aspect)


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


def _check_layer(frame: Frame, layer: str | None, path: Path) -> None:
    """Raises when a picture has no RGB where the shot says so."""
    if layer is None and "R" not in frame.channels and len(frame.channels) == 1:
        return
    prefix = f"{layer}." if layer else ""
    wanted = tuple(f"{prefix}{name}" for name in "RGB")
    if any(name not in frame.channels for name in wanted):
        layers = sorted({name.rsplit(".", 1)[0] for name in frame.channels if "." in name})
        raise PlateError(
            f"{path} has no channels {', '.join(wanted)}; its layers are {', '.join(layers) or 'none but the root'}. "
            "Choose one with: understudy shot add NAME --plate ... --layer LAYER",
            path=str(path),
            layer=layer or "",
        )
