"""Reads a frame of any format: whole, a layer of it, or a region."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from understudy.errors import BrokenFrameError, MissingFrameError, PlateError
from understudy.geometry import Box
from understudy.plates.attributes import metadata_of_part
from understudy.plates.exr import decode_region, ordered_names
from understudy.plates.exr_layout import Layout, Part, read_layout
from understudy.plates.frame import Frame
from understudy.plates.layers import layer_names, part_of_layer, unknown_layer
from understudy.plates.limits import check_size
from understudy.plates.movie import MOVIE_ENDINGS, read_picture_of_movie
from understudy.plates.picture import read_picture
from understudy.plates.sequence import PICTURE_ENDINGS, check_ending

__all__ = ["StoredAs", "read_frame", "read_header", "stored_as"]

_UINT, _HALF, _FLOAT = 0, 1, 2
_BEGINNINGS = {
    b"\x76\x2f\x31\x01": "openexr",
    b"SDPX": "dpx",
    b"XPDS": "dpx",
    b"II*\0": "tiff",
    b"MM\0*": "tiff",
    b"II+\0": "tiff",
    b"MM\0+": "tiff",
    b"\x89PNG": "png",
    b"\xff\xd8\xff": "jpeg",
}


@dataclass(frozen=True)
class StoredAs:
    """How a file is stored, in words for people.

    Attributes:
        format: Such as "EXR" or "ProRes".
        compression: By the format's own name.
        storage: Scanlines, or tiles and their size; for movies the kind of its pixels.
        parts: Names of an EXR's parts; empty when it has one.
        views: Names of its views, the default one first; empty when it has one.
        layers: Names of its layers, beside the root.
    """

    format: str
    compression: str
    storage: str
    parts: tuple[str, ...] = ()
    views: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()


def read_frame(path: Path, layer: str | None = None, region: Box | None = None, number: int = 1) -> Frame:
    """A picture as float32, values as they stand in the file; infinite values and NaN too.

    Integers come as 0..1, with all their bits. Of a file with parts, the part that holds the layer is read, with all
    its channels. Of a region, only the rows (in tiled files: the tiles) that it touches are decoded, as far as the
    format allows it.

    Args:
        path: The file.
        layer: Layer, part or view that must be in it; the first part with R, G and B when None.
        region: What to read, in plate pixels; everything when None.
        number: Which frame of a movie, from 1; pictures have one.

    Returns:
        The frame. Its data window is what was read, empty where the region does not meet the file's;
        `Frame.whole_window` knows the file's own.

    Raises:
        MissingFrameError: There is no file, or the movie is shorter.
        BrokenFrameError: It is no picture, is cut short, or is absurdly large.
        PlateError: It has no such layer, or is of a kind that is not read.
    """
    return _read(path, layer, region, number, with_pixels=True)


def read_header(path: Path, layer: str | None = None, number: int = 1) -> Frame:
    """A frame's windows, channels and attributes with pixels of zero height: quick, whatever the size.

    Args:
        path: The file.
        layer: As in `read_frame`.
        number: Which frame of a movie.

    Raises:
        PlateError: As `read_frame`, but for pixels that are broken.
    """
    return _read(path, layer, None, number, with_pixels=False)


def stored_as(path: Path, number: int = 1) -> StoredAs:
    """How a file is stored: format, compression, parts, views and layers.

    Raises:
        PlateError: As `read_header`.
    """
    check_ending(path)
    if path.suffix.lower() in MOVIE_ENDINGS:
        facts = read_picture_of_movie(path, number, None, with_pixels=False).metadata
        return StoredAs(
            path.suffix[1:].upper(), str(facts["video:codec"]), f"pixels of kind {facts['video:pixel_format']}"
        )
    if PICTURE_ENDINGS[path.suffix.lower()] != "openexr":
        _check_beginning(path)
        facts = read_picture(path, None, with_pixels=False)[1]
        return StoredAs(facts["format"], facts["compression"], facts["storage"])
    with _opened_exr(path) as (_, layout):
        part = part_of_layer(layout, None, path)
        tiles = f"tiles of {part.tile[0]}x{part.tile[1]}, {part.levels}" if part.tile else "scanlines"
        names = tuple(one.name or f"part {one.number}" for one in layout.parts) if len(layout.parts) > 1 else ()
        return StoredAs("EXR", part.compression, tiles, names, layout.views, layer_names(layout))


def _read(path: Path, layer: str | None, region: Box | None, number: int, with_pixels: bool) -> Frame:
    check_ending(path)
    if path.suffix.lower() in MOVIE_ENDINGS:
        frame = read_picture_of_movie(path, number, region, with_pixels)
    elif PICTURE_ENDINGS[path.suffix.lower()] == "openexr":
        return _read_exr(path, layer, region, with_pixels)
    else:
        _check_beginning(path)
        frame = read_picture(path, region, with_pixels)[0]
    if layer is not None and not any(name.startswith(f"{layer}.") for name in frame.channels):
        raise unknown_layer(path, layer, ())
    return frame


def _read_exr(path: Path, layer: str | None, region: Box | None, with_pixels: bool) -> Frame:
    with _opened_exr(path) as (file, layout):
        part = part_of_layer(layout, layer, path)
        _check_part(path, part)
        window = part.data_window
        pixels = np.zeros((0, window.width, len(part.channels)), np.float32)
        if with_pixels:
            pixels, window = decode_region(file, path, layout, part, region)
    metadata = metadata_of_part(part)
    if layout.views:
        metadata["multiView"] = layout.views
    return Frame(
        pixels=pixels,
        channels=ordered_names(part.channels),
        data_window=window,
        display_window=part.display_window,
        pixel_aspect=part.pixel_aspect,
        metadata=metadata,
        float_channels=frozenset(channel.name for channel in part.channels if channel.kind != _HALF),
        bits=16 if all(channel.kind == _HALF for channel in part.channels) else 32,
        whole_window=None if window == part.data_window else part.data_window,
    )


def _check_part(path: Path, part: Part) -> None:
    if part.is_deep:
        raise BrokenFrameError(
            f"{path} holds deep data, which has no single picture. Flatten it, in Nuke with DeepToImage.",
            path=str(path),
        )
    if any(channel.sampling != (1, 1) for channel in part.channels):
        raise PlateError(
            f"{path} stores some channels at a lower resolution (luminance and chroma). Write it again as RGB.",
            path=str(path),
        )
    if part.compression == "lj2k":
        raise PlateError(f"{path} is compressed with {part.compression}, which is not read. Write it again as zip.")
    check_size(path, part.data_window.width, part.data_window.height, len(part.channels))


@contextmanager
def _opened_exr(path: Path) -> Iterator[tuple[BinaryIO, Layout]]:
    _check_beginning(path)
    try:
        with path.open("rb") as file:
            yield file, read_layout(file, str(path), os.fstat(file.fileno()).st_size)
    except OSError as error:
        raise BrokenFrameError(f"{path} cannot be read: {error.strerror or error}.", path=str(path)) from error


def _check_beginning(path: Path) -> None:
    """Raises when a file is not there, or begins as one of another format."""
    if not path.is_file():
        raise MissingFrameError(f"{path} is not on disk.", path=str(path))
    try:
        with path.open("rb") as file:
            beginning = file.read(4)
    except OSError as error:
        raise BrokenFrameError(f"{path} cannot be read: {error.strerror or error}.", path=str(path)) from error
    expected = PICTURE_ENDINGS[path.suffix.lower()]
    found = next((name for start, name in _BEGINNINGS.items() if beginning.startswith(start)), None)
    if found != expected:
        reason = f"it is {found} inside" if found else "it does not begin as one" if beginning else "it is empty"
        raise BrokenFrameError(
            f"{path} cannot be read as {expected}: {reason}. Copy or render it again.", path=str(path)
        )
