"""Pixels of EXRs, both ways. The only importer of OpenEXR, which is used as a codec and for nothing else.

A file's own header never reaches the decoder. `exr_layout` reads and doubts it; then the chunks that a region needs are
put behind a header of ours, as a file of one part in memory, and decoded. So a region, a tile, a part and a view are
read alike, only what is needed is decoded, and a header that lies is met by our own checks. Writing goes the other way:
the encoder makes chunks, and the header before them, with its attributes, is ours.
"""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import OpenEXR

from understudy.errors import BrokenFrameError
from understudy.geometry import Box, inclusive_from_box
from understudy.plates.attributes import raw_attributes
from understudy.plates.exr_layout import (
    COMPRESSION_NAMES,
    LINES_IN_CHUNK,
    MAGIC,
    Channel,
    Layout,
    Part,
    RawAttribute,
    attribute_bytes,
    read_layout,
)
from understudy.plates.frame import Frame, Pixels
from understudy.plates.half import as_float, as_half
from understudy.plates.screen import SCREEN

__all__ = ["decode_region", "encode", "ordered_names"]

_TILED, _LONG_NAMES = 0x200, 0x400
_ROOTS = {("R", "G", "B"): "RGB", ("R", "G", "B", "A"): "RGBA"}
_LARGEST_GAP = 16 << 10

Numbers = npt.NDArray[Any]
"""(N,) integers: bytes of a file, or one number for each chunk."""


def decode_region(file: BinaryIO, path: Path, layout: Layout, part: Part, region: Box | None) -> tuple[Pixels, Box]:
    """The pixels of a part, whole or in a region.

    Only the rows, or the tiles, that the region touches are read and decoded.

    Args:
        file: The open file.
        path: For messages.
        layout: Of the file.
        part: Which part; neither deep nor subsampled.
        region: What to read; everything when None.

    Returns:
        (H, W, C) float32, rows top down, channels as `ordered_names` has them, values as they stand in the file; and
        where they lie: the region's pixels that the part has. Integers beyond 16 777 216 are rounded.

    Raises:
        BrokenFrameError: The file is cut short, or its pixels cannot be decoded.
    """
    wanted = part.data_window if region is None else part.data_window.intersect(region)
    if wanted.is_empty:
        return np.zeros((0, 0, len(part.channels)), np.float32), Box(wanted.left, wanted.top, wanted.left, wanted.top)
    grid = _chunks_of(part, wanted)
    window = _window_of(part, grid)
    try:
        decoded = _decode(_single_part(file, path, layout, part, grid), path, part.channels)
        return _interleaved(decoded, part.channels, wanted.slices(window)), wanted
    except MemoryError as error:
        raise _broken(path, "there is not enough memory for as many pixels as it says it has") from error


def encode(frame: Frame, compression: str) -> tuple[bytes, memoryview]:
    """An EXR of one part, rows from the top down: the header with its table of offsets, and the chunks behind it.

    Args:
        frame: What to write; `float_channels` as 32-bit float, the others as half, which must hold them.
        compression: One of `COMPRESSION_NAMES`.
    """
    left, top, last_column, last_row = inclusive_from_box(frame.data_window)
    window = (np.array([left, top], np.int32), np.array([last_column, last_row], np.int32))
    header = {
        "compression": getattr(OpenEXR, f"{'NO' if compression == 'none' else compression.upper()}_COMPRESSION"),
        "type": OpenEXR.scanlineimage,
        "dataWindow": window,
        "displayWindow": window,
    }
    stream = io.BytesIO()
    OpenEXR.File(header, _planes_of(frame), 0).write(stream)
    data = stream.getbuffer()
    stream.seek(0)
    part = read_layout(stream, "the encoded picture", len(data)).parts[0]
    chunks = part.chunk_grid[0] * part.chunk_grid[1]
    body = part.table + 8 * chunks
    offsets = np.frombuffer(data[part.table : body], "<u8")
    ours = _header_bytes(_attributes_of(frame, part, compression))
    table = (offsets - np.uint64(body) + np.uint64(len(ours) + 8 * chunks)).astype("<u8")
    return ours + table.tobytes(), data[body:]


def _chunks_of(part: Part, wanted: Box) -> Box:
    """The chunks that hold these pixels, as columns and rows of the grid of chunks."""
    width, height = part.tile or (part.data_window.width, LINES_IN_CHUNK[part.compression])
    left, top = wanted.left - part.data_window.left, wanted.top - part.data_window.top
    right, bottom = wanted.right - part.data_window.left, wanted.bottom - part.data_window.top
    return Box(left // width, top // height, -(-right // width), -(-bottom // height))


def _window_of(part: Part, grid: Box) -> Box:
    """The pixels that these chunks hold."""
    width, height = part.tile or (part.data_window.width, LINES_IN_CHUNK[part.compression])
    left, top = part.data_window.left, part.data_window.top
    box = Box(left + grid.left * width, top + grid.top * height, left + grid.right * width, top + grid.bottom * height)
    return box.intersect(part.data_window)


def _single_part(file: BinaryIO, path: Path, layout: Layout, part: Part, grid: Box) -> Numbers:
    """A file in memory of the grid's chunks alone, with a header of ours: uint8 numbers.

    Chunks that lie near each other are read at once, with what is between them; the table leads past it.
    """
    window = _window_of(part, grid)
    header = _header_of_part(part, window)
    starts, ends = _places_on_disk(file, path, layout, part, grid)
    order = np.argsort(starts)
    reaches = np.maximum.accumulate(ends[order])
    breaks = np.flatnonzero(starts[order][1:] > reaches[:-1] + _LARGEST_GAP) + 1
    run_starts = starts[order][np.concatenate([[0], breaks])]
    run_ends = reaches[np.concatenate([breaks - 1, [len(starts) - 1]])]
    first = len(header) + 8 * len(starts)
    bases = first + np.concatenate([[0], np.cumsum(run_ends - run_starts)])
    data = np.empty(int(bases[-1]), np.uint8)
    for base, start, end in zip(bases, run_starts, run_ends, strict=False):
        file.seek(int(start))
        if file.readinto(data[base : base + end - start]) != end - start:  # type: ignore[attr-defined]
            raise _broken(path, "it became shorter while it was read")
    run = np.searchsorted(run_starts, starts, side="right") - 1
    places = bases[run] + starts - run_starts[run] + (4 if layout.is_multipart else 0)
    _check_leaders(path, layout, part, grid, data, places, ends - starts)
    data[: len(header)] = np.frombuffer(header, np.uint8)
    data[len(header) : first] = places.astype("<u8").view(np.uint8)
    return data


def _places_on_disk(file: BinaryIO, path: Path, layout: Layout, part: Part, grid: Box) -> tuple[Numbers, Numbers]:
    """Where each chunk of the grid begins in the file, row after row, and where it ends at the latest."""
    columns, rows = part.chunk_grid
    first = part.table + 8 * columns * rows
    if first > layout.size:
        raise _broken(path, "it is cut short within its table of rows")
    file.seek(part.table)
    offsets = np.frombuffer(file.read(8 * columns * rows), "<u8").astype(np.int64).reshape(rows, columns)
    starts = offsets[grid.top : grid.bottom, grid.left : grid.right].ravel()
    missing = (starts < first) | (starts >= layout.size)
    if missing.any():
        row = grid.top + int(np.flatnonzero(missing)[0]) // grid.width
        where = f"the first at row {_window_of(part, Box(0, row, 1, row + 1)).top}"
        raise _broken(path, f"it is cut short: {missing.sum()} of {len(starts)} blocks of rows are missing, {where}")
    ordered = np.append(np.sort(offsets, axis=None), layout.size)
    following = ordered[np.searchsorted(ordered, starts, side="right")]
    return starts, np.minimum(following, starts + 24 + _most_bytes(part, grid))


def _most_bytes(part: Part, grid: Box) -> Numbers:
    """Bytes of each chunk's pixels, row after row: what is stored for them is never more."""
    width, height = part.tile or (part.data_window.width, LINES_IN_CHUNK[part.compression])
    wide = np.minimum(width, part.data_window.width - np.arange(grid.left, grid.right) * width)
    high = np.minimum(height, part.data_window.height - np.arange(grid.top, grid.bottom) * height)
    bytes_of_pixel = sum(channel.sample_bytes for channel in part.channels)
    return np.asarray((high[:, None] * wide[None, :]).ravel() * bytes_of_pixel)


def _check_leaders(
    path: Path, layout: Layout, part: Part, grid: Box, data: Numbers, places: Numbers, rooms: Numbers
) -> None:
    """Looks at the numbers before each chunk: its part, its place and its length. Tiles are told their place anew."""
    count, skipped = (5, 4) if part.tile else (2, 4)
    skipped = skipped if layout.is_multipart else 0
    most = _most_bytes(part, grid)
    rows = np.repeat(np.arange(grid.top, grid.bottom), grid.width)
    height = part.tile[1] if part.tile else LINES_IN_CHUNK[part.compression]
    tops = part.data_window.top + rows * height

    def check(is_wrong: npt.NDArray[np.bool_], reason: str) -> None:
        if is_wrong.any():
            at = int(np.flatnonzero(is_wrong)[0])
            raise _broken(path, reason.format(where=f"the rows from {tops[at]} on", length=lengths[at], most=most[at]))

    lengths = most
    check(rooms < skipped + 4 * count, "it is cut short: {where} are missing")
    leaders = data[places[:, None] + np.arange(-skipped, 4 * count)].view("<i4")
    lengths = leaders[:, -1].astype(np.int64)
    if skipped:
        check(leaders[:, 0] != part.number, "{where} belong to another part")
    if part.tile:
        columns = np.tile(np.arange(grid.left, grid.right), grid.height)
        expected = np.column_stack([columns, rows, 0 * rows, 0 * rows])
    else:
        expected = tops[:, None]
    check((leaders[:, -1 - expected.shape[1] : -1] != expected).any(axis=1), "{where} are not where its table says")
    is_plain = part.compression == "none"
    check(
        (lengths <= 0) | (lengths > most) | (is_plain & (lengths != most)),
        "{where} take {length} bytes, where at most {most} are possible",
    )
    check(rooms < skipped + 4 * count + lengths, "it is cut short: {where} are missing")
    if part.tile:
        moved = np.column_stack([columns - grid.left, rows - grid.top]).astype("<i4")
        data[places[:, None] + np.arange(8)] = moved.view(np.uint8)


def _header_of_part(part: Part, window: Box) -> bytes:
    """The header of a file that holds this window of a part, and nothing that the decoder does not need."""
    attributes = {
        "channels": part.attributes["channels"],
        "compression": ("compression", bytes([COMPRESSION_NAMES.index(part.compression)])),
        **_windows(window, window, 1.0),
    }
    if part.tile:
        attributes["tiles"] = ("tiledesc", struct.pack("<2iB", *part.tile, 0))
    return _header_bytes(attributes)


class _Stream:
    """Bytes in memory as the decoder asks for them, a block at a time, without a copy of the whole."""

    def __init__(self, data: Numbers) -> None:
        self._view, self._at = data.data, 0

    def read(self, count: int) -> bytes:
        """The next bytes."""
        self._at += count
        return bytes(self._view[self._at - count : self._at])

    def seek(self, place: int, whence: int = 0) -> int:
        """Moves to a place, counted from the beginning, from here, or from the end."""
        self._at = place + (0, self._at, len(self._view))[whence]
        return self._at

    def tell(self) -> int:
        """The place of the next byte."""
        return self._at


def _decode(data: Numbers, path: Path, channels: tuple[Channel, ...]) -> dict[str, npt.NDArray[Any]]:
    """The decoded planes by channel; one of RGB or RGBA where the file has just these, in one type."""
    names = {channel.name for channel in channels}
    is_root = len({channel.kind for channel in channels}) == 1 and names in (set("RGB"), set("RGBA"))
    try:
        with SCREEN.silenced():
            decoded = OpenEXR.File(_Stream(data), separate_channels=not is_root, num_threads=0)
        if not decoded.parts:
            raise _broken(path, "its pixels cannot be decoded")
        return {str(name): channel.pixels for name, channel in decoded.parts[0].channels.items()}
    except (RuntimeError, ValueError, OverflowError) as error:
        raise _broken(path, "its pixels cannot be decoded") from error


def _interleaved(
    planes: dict[str, npt.NDArray[Any]], channels: tuple[Channel, ...], part: tuple[slice, slice]
) -> Pixels:
    """(H, W, C) float32 of the decoded planes, channels as `ordered_names` has them."""
    names = ordered_names(channels)
    if len(planes) == 1 and len(names) > 1:
        return as_float(next(iter(planes.values()))[part])
    height, width = (limits.stop - limits.start for limits in part)
    pixels = np.empty((height, width, len(names)), np.float32)
    for index, name in enumerate(names):
        pixels[..., index] = as_float(planes[name][part])
    return pixels


def ordered_names(channels: tuple[Channel, ...]) -> tuple[str, ...]:
    """Names of channels as people read them: R, G, B, A of the root, then of each layer, then the rest by name."""
    rank = {"R": 0, "G": 1, "B": 2, "A": 3}

    def key(name: str) -> tuple[bool, str, int, str]:
        layer, _, last = name.rpartition(".")
        return bool(layer), layer, rank.get(last, 4), last

    return tuple(sorted((channel.name for channel in channels), key=key))


def _planes_of(frame: Frame) -> dict[str, npt.NDArray[Any]]:
    """The frame's channels as the encoder takes them: root RGB or RGBA together, the others each by itself."""
    names = frame.channels
    together = next((group for group in reversed(_ROOTS) if names[: len(group)] == group), ())
    if frame.float_channels.intersection(together) or {"RGB", "RGBA"} & set(names):
        together = ()
    planes: dict[str, npt.NDArray[Any]] = {}
    if together:
        planes[_ROOTS[together]] = as_half(frame.pixels[..., : len(together)])
    for index in range(len(together), len(names)):
        plane = np.ascontiguousarray(frame.pixels[..., index], np.float32)
        planes[names[index]] = plane if names[index] in frame.float_channels else as_half(plane)
    return planes


def _attributes_of(frame: Frame, encoded: Part, compression: str) -> dict[str, RawAttribute]:
    """Everything that the header of a written file says."""
    return {
        **raw_attributes(frame.metadata),
        "channels": encoded.attributes["channels"],
        "compression": ("compression", bytes([COMPRESSION_NAMES.index(compression)])),
        "type": ("string", b"scanlineimage"),
        **_windows(frame.data_window, frame.display_window, frame.pixel_aspect),
    }


def _windows(data: Box, display: Box, pixel_aspect: float) -> dict[str, RawAttribute]:
    return {
        "dataWindow": ("box2i", struct.pack("<4i", *inclusive_from_box(data))),
        "displayWindow": ("box2i", struct.pack("<4i", *inclusive_from_box(display))),
        "lineOrder": ("lineOrder", b"\0"),
        "pixelAspectRatio": ("float", struct.pack("<f", pixel_aspect)),
        "screenWindowCenter": ("v2f", struct.pack("<2f", 0, 0)),
        "screenWindowWidth": ("float", struct.pack("<f", 1)),
    }


def _header_bytes(attributes: dict[str, RawAttribute]) -> bytes:
    """Magic number, version and header of a file of one part."""
    names = [*attributes, *(channel for channel in attributes["channels"][1].decode("latin-1").split("\0"))]
    flags = (_TILED if "tiles" in attributes else 0) | (_LONG_NAMES if max(map(len, names)) > 31 else 0)
    told = [attribute_bytes(name, kind, value) for name, (kind, value) in sorted(attributes.items())]
    return MAGIC + struct.pack("<I", 2 | flags) + b"".join(told) + b"\0"


def _broken(path: Path, reason: str) -> BrokenFrameError:
    return BrokenFrameError(f"{path} is broken: {reason}. Copy or render it again.", path=str(path))
