"""How an EXR lies on disk: headers, parts, offset tables. Bytes only; nothing here needs a library.

Every number in a file is doubted before anything is allocated or decoded for it, so that the decoder is only ever given
headers of ours (`exr.py`). The layout is that of "OpenEXR File Layout", openexr.com.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO

from understudy.errors import BrokenFrameError
from understudy.geometry import Box, box_from_inclusive

__all__ = [
    "COMPRESSION_NAMES",
    "LINES_IN_CHUNK",
    "MAGIC",
    "Channel",
    "Layout",
    "Part",
    "RawAttribute",
    "attribute_bytes",
    "read_layout",
    "string_vector",
]

MAGIC = b"\x76\x2f\x31\x01"

COMPRESSION_NAMES = (
    *("none", "rle", "zips", "zip", "piz", "pxr24", "b44", "b44a", "dwaa", "dwab"),
    *("htj2k256", "htj2k32", "lj2k", "zstd"),
)
"""By the number that stands in the file."""

LINES_IN_CHUNK = {
    **dict.fromkeys(("none", "rle", "zips", "zstd"), 1),
    **dict.fromkeys(("zip", "pxr24"), 16),
    **dict.fromkeys(("piz", "b44", "b44a", "dwaa", "htj2k32"), 32),
    **dict.fromkeys(("dwab", "htj2k256"), 256),
}
"""Rows that are compressed together, in files that are not tiled."""

_TILED, _LONG_NAMES, _DEEP, _MULTIPART = 0x200, 0x400, 0x800, 0x1000
_MOST_HEADER_BYTES = 64 << 20
_FIRST_HEADER_BYTES = 64 << 10
_MOST_NAME_BYTES = 255
_MOST_PARTS = 1024
_MOST_CHANNELS = 1024
_FARTHEST = 1 << 24
_SAMPLE_BYTES = (4, 2, 4)

RawAttribute = tuple[str, bytes]
"""Name of the type, and the value as it stands in the file."""


@dataclass(frozen=True)
class Channel:
    """A channel of a part.

    Attributes:
        name: Such as "R" or "face.A".
        kind: 0 for 32-bit unsigned integers, 1 for half, 2 for float.
        sampling: Every how many columns and rows there is a sample.
    """

    name: str
    kind: int
    sampling: tuple[int, int]

    @property
    def sample_bytes(self) -> int:
        """Bytes of one sample."""
        return _SAMPLE_BYTES[self.kind]


@dataclass(frozen=True)
class Part:
    """One part of a file: a header and a table of chunks.

    Attributes:
        attributes: As they stand in the file, by name.
        channels: In the file's order.
        compression: One of `COMPRESSION_NAMES`.
        data_window: Where pixels exist.
        display_window: The agreed picture area.
        pixel_aspect: Width of a pixel over its height.
        tile: Width and height of a tile; None when rows are stored.
        is_deep: True when pixels hold lists of samples.
        number: Of the part in its file.
        table: Where its offset table begins in the file; -1 when that cannot be known.
    """

    attributes: Mapping[str, RawAttribute]
    channels: tuple[Channel, ...]
    compression: str
    data_window: Box
    display_window: Box
    pixel_aspect: float
    tile: tuple[int, int] | None
    is_deep: bool
    number: int
    table: int

    @property
    def name(self) -> str:
        """Of the part; empty when it has none."""
        return self.text("name")

    @property
    def view(self) -> str:
        """The eye that the part belongs to; empty when it does not say."""
        return self.text("view")

    @property
    def levels(self) -> str:
        """Of a tiled part: "one level", "mipmap" or "ripmap"; empty for rows."""
        mode = self.attributes["tiles"][1][8] & 0x0F if self.tile else -1
        return {0: "one level", 1: "mipmap", 2: "ripmap"}.get(mode, "")

    def text(self, name: str) -> str:
        """A string attribute; empty when there is none."""
        kind, value = self.attributes.get(name, ("", b""))
        return value.decode("utf-8", "replace") if kind == "string" else ""

    @property
    def chunk_grid(self) -> tuple[int, int]:
        """Columns and rows of chunks (of the full resolution)."""
        width, height = self.tile or (self.data_window.width, LINES_IN_CHUNK[self.compression])
        return math.ceil(self.data_window.width / width), math.ceil(self.data_window.height / height)


@dataclass(frozen=True)
class Layout:
    """A whole file.

    Attributes:
        parts: At least one.
        is_multipart: True when each chunk begins with the number of its part.
        size: Of the file in bytes.
    """

    parts: tuple[Part, ...]
    is_multipart: bool
    size: int

    @property
    def views(self) -> tuple[str, ...]:
        """Names of the views, the default one first; empty when there is one."""
        kind, value = self.parts[0].attributes.get("multiView", ("", b""))
        if kind == "stringvector":
            return string_vector(value)
        return tuple(dict.fromkeys(part.view for part in self.parts if part.view))


class _Bytes:
    """The beginning of a file, read on as the headers need it."""

    def __init__(self, file: BinaryIO, path: str, size: int) -> None:
        self.path, self.size, self.at = path, size, 0
        self._file, self._data = file, b""

    def broken(self, reason: str) -> BrokenFrameError:
        return BrokenFrameError(f"{self.path} is broken: {reason}. Copy or render it again.", path=self.path)

    def take(self, count: int) -> bytes:
        end = self.at + count
        if end > min(self.size, _MOST_HEADER_BYTES):
            raise self.broken("its header is cut short" if end > self.size else "its header has no end")
        while len(self._data) < end:
            more = self._file.read(max(_FIRST_HEADER_BYTES, len(self._data)))
            if not more:
                raise self.broken("its header is cut short")
            self._data += more
        taken = self._data[self.at : end]
        self.at = end
        return taken

    def take_name(self) -> str:
        """Bytes up to a zero, at most 255."""
        name = bytearray()
        while (byte := self.take(1)) != b"\0":
            name += byte
            if len(name) > _MOST_NAME_BYTES:
                raise self.broken("its header holds a name without end")
        return name.decode("utf-8", "replace")


def read_layout(file: BinaryIO, path: str, size: int) -> Layout:
    """The headers of an open EXR, which is read from its beginning.

    Args:
        file: Open for reading at 0.
        path: For messages.
        size: Of the file in bytes.

    Raises:
        BrokenFrameError: It is no EXR, or its header contradicts itself or the file's size.
    """
    start = _Bytes(file, path, size)
    if size < 8 or start.take(4) != MAGIC:
        raise start.broken("it does not begin as an EXR does")
    version = int.from_bytes(start.take(4), "little")
    if version & 0xFF != 2 or version & ~0x1FFF:
        raise start.broken(f"its version field is {version:#x}, which no EXR has")
    is_multipart = bool(version & _MULTIPART)
    headers: list[dict[str, RawAttribute]] = []
    while header := _take_header(start):
        headers.append(header)
        if len(headers) > _MOST_PARTS:
            raise start.broken(f"it has more than {_MOST_PARTS} parts")
        if not is_multipart:
            break
    if not headers:
        raise start.broken("it has no header")
    parts: list[Part] = []
    table = start.at
    for number, header in enumerate(headers):
        part = _part_of(start, header, version, number, table)
        parts.append(part)
        table += 8 * _chunks_in_table(start, part, is_multipart)
    return Layout(tuple(parts), is_multipart, size)


def attribute_bytes(name: str, kind: str, value: bytes) -> bytes:
    """An attribute as it stands in a header."""
    return name.encode() + b"\0" + kind.encode() + b"\0" + struct.pack("<i", len(value)) + value


def _take_header(start: _Bytes) -> dict[str, RawAttribute]:
    attributes: dict[str, RawAttribute] = {}
    while name := start.take_name():
        kind = start.take_name()
        (length,) = struct.unpack("<i", start.take(4))
        if length < 0:
            raise start.broken(f"attribute '{name}' of its header has a size below zero")
        attributes[name] = (kind, start.take(length))
    return attributes


def _part_of(start: _Bytes, header: dict[str, RawAttribute], version: int, number: int, table: int) -> Part:
    def value(name: str, kind: str, length: int) -> bytes:
        found = header.get(name)
        if found is None or found[0] != kind or len(found[1]) < length:
            raise start.broken(f"attribute '{name}' of its header is missing or no {kind}")
        return found[1]

    stored = header.get("type", ("", b""))[1].rstrip(b"\0").decode("ascii", "replace")
    is_deep = bool(version & _DEEP) or stored.startswith("deep")
    is_tiled = stored == "tiledimage" if version & _MULTIPART else bool(version & _TILED)
    number_of = value("compression", "compression", 1)[0]
    if number_of >= len(COMPRESSION_NAMES):
        raise start.broken(f"its compression has the number {number_of}, which no EXR has")
    tile: tuple[int, int] | None = None
    if is_tiled and not is_deep:
        wide, high = struct.unpack("<ii", value("tiles", "tiledesc", 9)[:8])
        if not (0 < wide <= _FARTHEST and 0 < high <= _FARTHEST):
            raise start.broken(f"its tiles are {wide}x{high}")
        tile = (wide, high)
    kind, aspect = header.get("pixelAspectRatio", ("", b""))
    pixel_aspect = struct.unpack("<f", aspect)[0] if kind == "float" and len(aspect) == 4 else 1.0
    return Part(
        attributes=header,
        channels=_channels_of(start, value("channels", "chlist", 1)),
        compression=COMPRESSION_NAMES[number_of],
        data_window=_window(start, value("dataWindow", "box2i", 16), "data window"),
        display_window=_window(start, value("displayWindow", "box2i", 16), "display window"),
        pixel_aspect=pixel_aspect if math.isfinite(pixel_aspect) and 0.01 <= pixel_aspect <= 100 else 1.0,
        tile=tile,
        is_deep=is_deep,
        number=number,
        table=table,
    )


def _channels_of(start: _Bytes, raw: bytes) -> tuple[Channel, ...]:
    channels: list[Channel] = []
    at = 0
    while at < len(raw) and raw[at]:
        end = raw.find(b"\0", at)
        if end < 0 or len(raw) < end + 17 or len(channels) >= _MOST_CHANNELS:
            raise start.broken(f"its list of channels has no end within {_MOST_CHANNELS} channels")
        kind, _, x_step, y_step = struct.unpack("<iB3xii", raw[end + 1 : end + 17])
        if not 0 <= kind <= 2 or x_step < 1 or y_step < 1:
            raise start.broken("a channel of its header is of a kind that no EXR has")
        channels.append(Channel(raw[at:end].decode("utf-8", "replace"), kind, (x_step, y_step)))
        at = end + 17
    names = [channel.name for channel in channels]
    if not channels or len(set(names)) < len(names):
        raise start.broken("its list of channels is empty or names one twice")
    return tuple(channels)


def _window(start: _Bytes, raw: bytes, name: str) -> Box:
    left, top, last_column, last_row = struct.unpack("<iiii", raw[:16])
    box = box_from_inclusive(left, top, last_column, last_row)
    if box.is_empty or max(map(abs, (left, top, last_column, last_row))) > _FARTHEST:
        raise start.broken(f"its {name} goes from {left},{top} to {last_column},{last_row}")
    return box


def _chunks_in_table(start: _Bytes, part: Part, is_multipart: bool) -> int:
    """Entries of a part's offset table; 0 where nobody needs to know: the last part's end is not looked for."""
    if not is_multipart:
        return 0
    kind, value = part.attributes.get("chunkCount", ("", b""))
    count = struct.unpack("<i", value)[0] if kind == "int" and len(value) == 4 else 0
    if not 0 < count * 8 <= start.size:
        raise start.broken(f"part {part.number} does not say how many chunks it has")
    return int(count)


def string_vector(raw: bytes) -> tuple[str, ...]:
    """The texts of an attribute of type stringvector; what is cut short is left out."""
    texts: list[str] = []
    at = 0
    while at + 4 <= len(raw):
        (length,) = struct.unpack_from("<i", raw, at)
        if length < 0 or at + 4 + length > len(raw):
            break
        texts.append(raw[at + 4 : at + 4 + length].decode("utf-8", "replace"))
        at += 4 + length
    return tuple(texts)
