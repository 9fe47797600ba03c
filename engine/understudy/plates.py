"""Plates: sequences of frames on disk. Reads and writes pictures; the only importer of OpenImageIO.

A frame keeps its data window, display window, pixel aspect and attributes from file to file. Reading never changes a
value; writing goes to a file beside the final one, is checked, and is renamed, so that a name that is there is whole.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fileseq
import numpy as np
import numpy.typing as npt
import OpenImageIO as oiio  # noqa: N813

from understudy.durable import replacing
from understudy.errors import BrokenFrameError, MissingFrameError, PlateError, SettingsError
from understudy.geometry import Box

__all__ = [
    "COMPRESSIONS",
    "Frame",
    "Pixels",
    "Plate",
    "carried_attributes",
    "find_sequence",
    "format_frames",
    "parse_frames",
    "read_frame",
    "read_header",
    "write_frame",
]

Pixels = npt.NDArray[np.float32]
"""(H, W, C) float32, rows top down."""

COMPRESSIONS = ("none", "rle", "zip", "zips", "piz", "pxr24", "b44", "b44a", "dwaa", "dwab")
"""What an EXR may be compressed with so that every host of the last ten years reads it."""

_FORMATS = {
    ".exr": "openexr",
    ".dpx": "dpx",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".png": "png",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
}
_MOST_PIXELS = 16384 * 16384
_MOST_CHANNELS = 256
_MOST_HALF = 65504.0
_COLOR_PREFIXES = ("chromaticities", "colorInteropID", "adoptedNeutral", "whiteLuminance", "oiio:ColorSpace")
_CARRIED = (
    "smpte:TimeCode",
    "FramesPerSecond",
    "framesPerSecond",
    "reelName",
    "smpte:KeyCode",
    "imageCounter",
    "DateTime",
    "capDate",
    "utcOffset",
    "owner",
    "Copyright",
    "ImageDescription",
    "ExposureTime",
    "FNumber",
    "expTime",
    "aperture",
    "isoSpeed",
    "focus",
    "longitude",
    "latitude",
    "altitude",
)
_FRAME_PART = re.compile(r"(?P<first>-?\d+)(?:-(?P<last>-?\d+)(?:[x:](?P<step>\d+))?)?")
_MOST_FRAMES = 1_000_000
_STILL_NUMBER = re.compile(r"(\d+)$")
_CARRIED_PREFIXES = ("camera", "lens", "input/", "com.arri", "com.red", "interim.", "nuke/input")


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture with its windows.

    Attributes:
        pixels: (H, W, C) float32 of the data window, rows top down, in the file's own colour space, unbounded.
        channels: Names of the C channels, such as ("R", "G", "B", "A", "face.A").
        data_window: Where `pixels` lie.
        display_window: The agreed picture area.
        pixel_aspect: Width of a pixel over its height; 2.0 for an anamorphic plate.
        metadata: Attributes of the file: str, int, float or tuples of them, by name.
        is_integer: True when the file holds integers, which are scaled to 0..1 here.
        float_channels: Channels that are 32-bit float in the file; the others are half float when written.
    """

    pixels: Pixels
    channels: tuple[str, ...]
    data_window: Box
    display_window: Box
    pixel_aspect: float = 1.0
    metadata: Mapping[str, Any] = field(default_factory=dict)
    is_integer: bool = False
    float_channels: frozenset[str] = frozenset()

    @staticmethod
    def of(
        pixels: npt.NDArray[Any],
        channels: tuple[str, ...] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Frame:
        """A frame whose windows are the whole array; channels are A, RGB or RGBA when not said.

        Args:
            pixels: (H, W) or (H, W, C), any float type.
            channels: Names of the C channels.
            metadata: Attributes.
        """
        array = np.asarray(pixels, dtype=np.float32)
        array = array[..., None] if array.ndim == 2 else array
        names = channels or {1: ("A",), 3: ("R", "G", "B"), 4: ("R", "G", "B", "A")}[array.shape[2]]
        window = Box(0, 0, array.shape[1], array.shape[0])
        return Frame(array, names, window, window, metadata=dict(metadata or {}))

    def channel(self, name: str) -> Pixels:
        """(H, W) float32 of one channel.

        Raises:
            PlateError: There is no such channel; the names that exist are listed.
        """
        return self.layer((name,))[..., 0]

    def layer(self, names: tuple[str, ...]) -> Pixels:
        """(H, W, len(names)) float32 of these channels, in this order.

        Raises:
            PlateError: One of them is missing; the names that exist are listed.
        """
        missing = [name for name in names if name not in self.channels]
        if missing:
            raise PlateError(
                f"The picture has no channel {', '.join(missing)}; it has {', '.join(self.channels)}.",
                missing=tuple(missing),
                channels=self.channels,
            )
        return self.pixels[..., [self.channels.index(name) for name in names]]

    def rgb(self, layer: str | None = None) -> Pixels:
        """(H, W, 3) float32 of the root RGB, or of a named layer; a picture with one channel is shown as grey."""
        prefix = f"{layer}." if layer else ""
        if not layer and "R" not in self.channels:
            return np.repeat(self.layer(self.channels[:1]), 3, axis=2)
        return self.layer((f"{prefix}R", f"{prefix}G", f"{prefix}B"))


@dataclass(frozen=True)
class Plate:
    """A sequence on disk, or one still.

    Attributes:
        pattern: As the user wrote it: `plate.####.exr`, `plate.%04d.exr`, or one file.
        numbers: Frame numbers found on disk, ascending; (0,) for a still without a number.
        files: Path of each frame, by number.
    """

    pattern: str
    numbers: tuple[int, ...]
    files: Mapping[int, Path]

    def path(self, number: int) -> Path:
        """The file of a frame.

        Raises:
            MissingFrameError: It is not on disk.
        """
        if number not in self.files:
            raise MissingFrameError(
                f"Frame {number} of {self.pattern} is not on disk; there is {format_frames(self.numbers)}.",
                pattern=self.pattern,
                frame=number,
            )
        return self.files[number]

    def check_frames(self, numbers: tuple[int, ...]) -> None:
        """Returns when all these frames are on disk.

        Raises:
            MissingFrameError: Some are not; all of them are named.
        """
        missing = tuple(number for number in numbers if number not in self.files)
        if missing:
            raise MissingFrameError(
                f"{self.pattern} lacks frame {format_frames(missing)}; on disk is {format_frames(self.numbers)}. "
                "Bring the missing frames, or leave them out with --frames.",
                pattern=self.pattern,
                frames=missing,
            )


def parse_frames(text: str) -> tuple[int, ...]:
    """Frame numbers, ascending and each once, of a range such as `1001-1010`, `1001-1100x5` or `1001,1005-1009:2`.

    Raises:
        SettingsError: The text is no frame range, or is longer than a million frames.
    """
    wrong = f"'{text[:80]}' is no frame range; write 1001-1100, 1001-1100x2 or 1001,1005-1010."
    numbers: set[int] = set()
    named = 0
    for part in text.replace(" ", "").split(","):
        match = _FRAME_PART.fullmatch(part)
        if match is None:
            raise SettingsError(wrong, text=text)
        first = int(match["first"])
        last = int(match["last"]) if match["last"] else first
        step = int(match["step"] or 1)
        named += (last - first) // step + 1 if step else 0
        if last < first or step < 1 or named > _MOST_FRAMES:
            raise SettingsError(wrong, text=text)
        numbers.update(range(first, last + 1, step))
    return tuple(sorted(numbers))


def format_frames(numbers: tuple[int, ...]) -> str:
    """The shortest range that `parse_frames` reads back: `1001-1010,1015`."""
    return str(fileseq.FrameSet.from_iterable(numbers, sort=True)) if numbers else "nothing"


def find_sequence(pattern: str | Path) -> Plate:
    """The frames on disk that a pattern names.

    Args:
        pattern: A path with `####`, `@@@@` or `%04d` for the frame number, or the path of one picture.

    Raises:
        MissingFrameError: Nothing is there; what lies beside it is named.
        SettingsError: The ending is not one of a picture.
    """
    text = os.fspath(pattern)
    _format_of(Path(text))
    if Path(text).is_file():
        number = _number_of_still(text)
        return Plate(text, (number,), {number: Path(text)})
    files = _files_of(text)
    if not files:
        beside = _patterns_beside(Path(text))
        hint = f" Beside it lies {', '.join(beside)}." if beside else " Its folder holds no sequence either."
        raise MissingFrameError(f"No file matches {text}.{hint}", pattern=text)
    return Plate(text, tuple(sorted(files)), files)


def read_header(path: Path) -> Frame:
    """A frame's windows, channels and attributes with pixels of zero height: quick, whatever the size.

    Raises:
        MissingFrameError: There is no file.
        BrokenFrameError: It is no picture.
    """
    with _opened(path) as source:
        spec = source.spec()
        _check_limits(path, spec)
        return _frame_of(spec, np.zeros((0, spec.width, spec.nchannels), np.float32))


def read_frame(path: Path) -> Frame:
    """A whole picture as float32, values as they stand in the file.

    Integers come as 0..1. A picture with more parts gives its first part.

    Raises:
        MissingFrameError: There is no file.
        BrokenFrameError: It is no picture, is cut short, or is absurdly large.
    """
    with _opened(path) as source:
        spec = source.spec()
        _check_limits(path, spec)
        pixels = source.read_image(0, 0, 0, spec.nchannels, oiio.FLOAT)
        if pixels is None or source.has_error:
            raise BrokenFrameError(
                f"{path} is broken: {_message(source) or 'its pixels cannot be read'}. Copy or render it again.",
                path=str(path),
            )
        return _frame_of(spec, np.asarray(pixels, np.float32).reshape(spec.height, spec.width, spec.nchannels))


def write_frame(path: Path, frame: Frame, compression: str = "zips") -> None:
    """Writes an EXR beside its final name, reads its end back, and renames it.

    Args:
        path: Final name, ending in .exr. Its folder is made.
        frame: What to write; `float_channels` as 32-bit float, the others as half.
        compression: One of `COMPRESSIONS`.

    Raises:
        WriteError: The disk is full, the folder cannot be written, or the file did not read back.
    """
    if compression not in COMPRESSIONS:
        raise SettingsError(f"EXR compression '{compression}' is not one of {', '.join(COMPRESSIONS)}.")
    spec = _spec_of(frame, compression)
    with replacing(path) as beside:
        _write_pixels(beside, spec, _within_half(frame))
        _check_written(beside, spec)


def carried_attributes(frame: Frame) -> dict[str, Any]:
    """The plate's attributes that stay true for a picture made from it: timecode, rate, reel, camera, lens.

    Colour attributes (chromaticities, colorInteropID and kin) do not carry over: hosts write stale ones.
    """
    return {
        name: value
        for name, value in frame.metadata.items()
        if not name.startswith(_COLOR_PREFIXES)
        and (name in _CARRIED or name.lower().startswith(tuple(prefix.lower() for prefix in _CARRIED_PREFIXES)))
    }


def _format_of(path: Path) -> str:
    ending = path.suffix.lower()
    if ending not in _FORMATS:
        raise SettingsError(
            f"{path.name} is not a picture that Understudy reads; it reads {', '.join(sorted(_FORMATS))}.",
            path=str(path),
        )
    return _FORMATS[ending]


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
    named = [item for item in found if item.frameSet() and str(item.extension()).lower() in _FORMATS]
    return [f"{item.basename()}{item.padding()}{item.extension()} ({item.frameRange()})" for item in named[:3]]


@contextlib.contextmanager
def _opened(path: Path):  # type: ignore[no-untyped-def]  # a generator over the library's untyped objects
    if not path.is_file():
        raise MissingFrameError(f"{path} is not on disk.", path=str(path))
    expected = _format_of(path)
    source = oiio.ImageInput.open(str(path))
    if source is None or source.format_name() != expected:
        reason = f"it is {source.format_name()} inside" if source is not None else _message(oiio)
        raise BrokenFrameError(
            f"{path} cannot be read as a picture: {reason}. Copy or render it again.", path=str(path)
        )
    try:
        yield source
    finally:
        source.close()


def _message(holder: Any) -> str:
    try:
        text = str(holder.geterror()).strip()
    except UnicodeDecodeError:
        text = "its header is not text"
    return text.splitlines()[0].rstrip(".") if text else ""


def _check_limits(path: Path, spec: Any) -> None:
    if spec.width < 1 or spec.height < 1 or spec.deep:
        kind = "holds deep data" if spec.deep else "has no pixels"
        raise BrokenFrameError(f"{path} {kind}; flatten or render it again.", path=str(path))
    if spec.width * spec.height > _MOST_PIXELS or spec.nchannels > _MOST_CHANNELS:
        raise BrokenFrameError(
            f"{path} says that it has {spec.width}x{spec.height} pixels and {spec.nchannels} channels, "
            "more than any plate; it is damaged.",
            path=str(path),
        )


def _frame_of(spec: Any, pixels: Pixels) -> Frame:
    metadata = {attribute.name: attribute.value for attribute in spec.extra_attribs}
    has_display = spec.full_width > 0 and spec.full_height > 0
    data = Box(spec.x, spec.y, spec.x + spec.width, spec.y + spec.height)
    display = (
        Box(spec.full_x, spec.full_y, spec.full_x + spec.full_width, spec.full_y + spec.full_height)
        if has_display
        else data
    )
    aspect = float(spec.get_float_attribute("PixelAspectRatio", 1.0))
    names = tuple(spec.channelnames)
    formats = [str(kind) for kind in spec.channelformats] or [str(spec.format)] * len(names)
    is_integer = any(kind not in ("half", "float", "double") for kind in formats)
    not_half = frozenset(name for name, kind in zip(names, formats, strict=True) if kind != "half")
    return Frame(pixels, names, data, display, aspect, metadata, is_integer, not_half)


def _spec_of(frame: Frame, compression: str) -> Any:
    height, width, count = frame.pixels.shape
    spec = oiio.ImageSpec(width, height, count, oiio.HALF)
    spec.channelnames = frame.channels
    if frame.float_channels.intersection(frame.channels):
        spec.channelformats = tuple(
            oiio.FLOAT if name in frame.float_channels else oiio.HALF for name in frame.channels
        )
    spec.alpha_channel = frame.channels.index("A") if "A" in frame.channels else -1
    spec.x, spec.y = frame.data_window.left, frame.data_window.top
    spec.full_x, spec.full_y = frame.display_window.left, frame.display_window.top
    spec.full_width, spec.full_height = frame.display_window.width, frame.display_window.height
    spec.attribute("compression", compression)
    spec.attribute("PixelAspectRatio", float(frame.pixel_aspect))
    for name, value in frame.metadata.items():
        _set_attribute(spec, name, value)
    return spec


def _within_half(frame: Frame) -> Pixels:
    """The pixels with finite values that half float cannot hold brought to the largest that it can."""
    half = [index for index, name in enumerate(frame.channels) if name not in frame.float_channels]
    if not half or not frame.pixels.size or np.abs(frame.pixels[..., half]).max() <= _MOST_HALF:
        return frame.pixels
    pixels = frame.pixels.copy()
    for index in half:
        values = pixels[..., index]
        pixels[..., index] = np.where(np.isfinite(values), np.clip(values, -_MOST_HALF, _MOST_HALF), values)
    return pixels


def _set_attribute(spec: Any, name: str, value: Any) -> None:
    if name == "smpte:TimeCode":
        packed = _packed_timecode(value) if isinstance(value, str) else value
        spec.attribute(name, oiio.TypeTimeCode, packed)
    elif name == "smpte:KeyCode":
        spec.attribute(name, oiio.TypeKeyCode, value)
    elif name.casefold() == "framespersecond" and isinstance(value, tuple):
        spec.attribute("FramesPerSecond", oiio.TypeRational, value)
    elif isinstance(value, str | int | float):
        spec.attribute(name, value)
    elif isinstance(value, tuple) and value and all(isinstance(item, int | float) for item in value):
        spec.attribute(name, oiio.TypeDesc(f"float[{len(value)}]"), tuple(float(item) for item in value))


def _packed_timecode(text: str) -> tuple[int, int]:
    """SMPTE 12M time and user words of `hh:mm:ss:ff`, binary-coded decimals, frames lowest."""
    hours, minutes, seconds, frames = (int(part) for part in text.replace(";", ":").split(":")[:4])
    packed = 0
    for position, value in enumerate((frames, seconds, minutes, hours)):
        packed |= ((value // 10) << 4 | value % 10) << (8 * position)
    return packed, 0


def _write_pixels(path: Path, spec: Any, pixels: Pixels) -> None:
    output = oiio.ImageOutput.create("openexr")
    opened = output.open(str(path), spec)
    written = opened and output.write_image(np.ascontiguousarray(pixels, np.float32))
    message = _message(output)
    closed = output.close() if opened else False
    if not (opened and written and closed):
        raise OSError(None, message or _message(output) or "the library gave no reason; the disk may be full")


def _check_written(path: Path, spec: Any) -> None:
    source = oiio.ImageInput.open(str(path))
    if source is None:
        raise OSError(None, f"it did not read back: {_message(oiio)}")
    try:
        last = spec.y + spec.height - 1
        row = source.read_scanlines(0, 0, last, last + 1, 0, 0, spec.nchannels, oiio.FLOAT)
        if row is None:
            raise OSError(None, f"it did not read back: {_message(source)}")
    finally:
        source.close()
