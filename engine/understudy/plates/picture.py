"""DPX, TIFF, PNG and JPEG. The only importer of OpenImageIO."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import OpenImageIO as oiio  # noqa: N813

from understudy.errors import BrokenFrameError
from understudy.geometry import Box
from understudy.plates.attributes import TypedTuple
from understudy.plates.frame import Frame, Pixels
from understudy.plates.limits import check_dpx, check_jpeg, check_size

__all__ = ["PictureFacts", "read_picture"]

_BYTES = {"uint8": 1, "uint16": 2, "half": 2, "uint": 4, "float": 4, "int8": 1, "int16": 2, "int": 4, "double": 8}
_FLOATS = ("half", "float", "double")
_TYPED = {"timecode": "timecode", "rational": "rational", "keycode": "keycode"}
_MOST_TEXT = 1 << 16
_MOST_CHUNKS = 1000
_MOST_SQUEEZE = 4096
"""Pixel bytes for each byte of the file: no codec of these formats squeezes a picture further."""

_FREE_BYTES = 16 << 20

PictureFacts = dict[str, str]
"""How the file is stored, in words for `inspect`."""


def read_picture(path: Path, region: Box | None, with_pixels: bool = True) -> tuple[Frame, PictureFacts]:
    """A picture, its integers as 0..1 with all their bits, alpha as it stands in the file.

    Args:
        path: The file.
        region: What to read; everything when None.
        with_pixels: False to read the header alone; the pixels have no rows then.

    Raises:
        BrokenFrameError: It is no picture, is cut short, or is absurdly large.
    """
    if path.suffix.lower() in (".dpx", ".jpg", ".jpeg"):
        (check_dpx if path.suffix.lower() == ".dpx" else check_jpeg)(path)
    with _opened(path) as source:
        spec = source.spec()
        _check(path, spec)
        whole = Box(spec.x, spec.y, spec.x + spec.width, spec.y + spec.height)
        wanted = whole if region is None else whole.intersect(region)
        if not with_pixels:
            pixels, window = np.zeros((0, spec.width, spec.nchannels), np.float32), whole
        elif wanted.is_empty:
            pixels = np.zeros((0, 0, spec.nchannels), np.float32)
            window = Box(wanted.left, wanted.top, wanted.left, wanted.top)
        else:
            pixels, window = _pixels_of(path, source, spec, wanted), wanted
        tags = _png_tags(path) if path.suffix.lower() == ".png" else {}
        return _frame_of(spec, pixels, window, whole, tags), _facts_of(source, spec)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    settings = oiio.ImageSpec()
    settings.attribute("oiio:UnassociatedAlpha", 1)
    source = oiio.ImageInput.open(str(path), settings)
    if source is None:
        raise _broken(path, _message(oiio) or "it cannot be read as a picture")
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


def _broken(path: Path, reason: str) -> BrokenFrameError:
    return BrokenFrameError(f"{path} is broken: {reason}. Copy or render it again.", path=str(path))


def _check(path: Path, spec: Any) -> None:
    check_size(path, spec.width, spec.height, spec.nchannels)
    if spec.deep or spec.depth > 1:
        raise _broken(path, "it holds deep or volume data")
    stored = spec.width * spec.height * spec.nchannels * _BYTES.get(str(spec.format), 4)
    size = path.stat().st_size
    if stored > size * _MOST_SQUEEZE + _FREE_BYTES:
        raise _broken(path, f"it says that it has {spec.width}x{spec.height} pixels, which {size} bytes cannot hold")


def _pixels_of(path: Path, source: Any, spec: Any, wanted: Box) -> Pixels:
    """(H, W, C) float32 of these pixels of the file."""
    kind = oiio.FLOAT if str(spec.format) in _FLOATS else _native(spec)
    rows, box = (wanted.top, wanted.bottom), Box(spec.x, wanted.top, spec.x + spec.width, wanted.bottom)
    try:
        if spec.tile_width:
            box = _whole_tiles(spec, wanted)
            read = source.read_tiles(
                *(0, 0, box.left, box.right, box.top, box.bottom, 0, 1, 0, spec.nchannels, kind),
            )
        else:
            read = source.read_scanlines(0, 0, *rows, 0, 0, spec.nchannels, kind)
    except MemoryError as error:
        raise _broken(path, "there is not enough memory for as many pixels as it says it has") from error
    if read is None or source.has_error:
        raise _broken(path, _message(source) or "its pixels cannot be read")
    values = np.asarray(read).reshape(box.height, box.width, spec.nchannels)[wanted.slices(box)]
    return _scaled(values, spec)


def _native(spec: Any) -> Any:
    return spec.format if str(spec.format) in ("uint8", "uint16") else oiio.FLOAT


def _whole_tiles(spec: Any, wanted: Box) -> Box:
    """The smallest box of whole tiles around these pixels, as far as the picture goes."""
    wide, high = spec.tile_width, spec.tile_height
    return Box(
        spec.x + (wanted.left - spec.x) // wide * wide,
        spec.y + (wanted.top - spec.y) // high * high,
        min(spec.x - (spec.x - wanted.right) // wide * wide, spec.x + spec.width),
        min(spec.y - (spec.y - wanted.bottom) // high * high, spec.y + spec.height),
    )


def _scaled(values: npt.NDArray[Any], spec: Any) -> Pixels:
    """float32, integers as 0..1.

    The library widens 10 and 12 bits to 16 by repeating their upper bits, which is off by up to half a code in 65535:
    the code is taken back first, so that its value is code / (2^bits - 1) exactly.
    """
    if values.dtype == np.float32:
        return np.ascontiguousarray(values)
    wide = float(np.iinfo(values.dtype).max)
    bits = _bits_of(spec)
    most = float((1 << bits) - 1)
    if most >= wide:
        return np.asarray(values / np.float32(wide), np.float32)
    codes = np.rint(values * np.float32(most / wide))
    return np.asarray(codes / np.float32(most), np.float32)


def _bits_of(spec: Any) -> int:
    stored = 8 * _BYTES.get(str(spec.format), 4)
    said = int(spec.get_int_attribute("oiio:BitsPerSample", 0))
    return said if 1 <= said < stored and str(spec.format) not in _FLOATS else stored


def _frame_of(spec: Any, pixels: Pixels, window: Box, whole: Box, tags: dict[str, Any]) -> Frame:
    has_display = spec.full_width > 0 and spec.full_height > 0
    display = Box(spec.full_x, spec.full_y, spec.full_x + spec.full_width, spec.full_y + spec.full_height)
    aspect = float(spec.get_float_attribute("PixelAspectRatio", 1.0))
    kind = str(spec.format)
    names = tuple(spec.channelnames)
    return Frame(
        pixels=pixels,
        channels=names,
        data_window=window,
        display_window=display if has_display else whole,
        pixel_aspect=aspect if np.isfinite(aspect) and 0.01 <= aspect <= 100 else 1.0,
        metadata={**_metadata_of(spec), **tags},
        is_integer=kind not in _FLOATS,
        float_channels=frozenset() if kind == "half" else frozenset(names),
        bits=_bits_of(spec),
        whole_window=None if window == whole else whole,
    )


def _metadata_of(spec: Any) -> dict[str, Any]:
    """The attributes as plain values. Of a colour profile only its size and its description are kept."""
    metadata: dict[str, Any] = {}
    for attribute in spec.extra_attribs:
        name, kind = str(attribute.name), str(attribute.type)
        if name == "ICCProfile":
            metadata["ICCProfile"] = f"{int(attribute.type.size())} bytes"
            continue
        try:
            value = attribute.value
        except UnicodeDecodeError:
            continue
        if isinstance(value, tuple):
            if len(value) > _MOST_TEXT:
                continue
            value = TypedTuple.of(_TYPED[kind], value) if kind in _TYPED else value
        if isinstance(value, str | int | float | tuple):
            metadata[name] = value[:_MOST_TEXT] if isinstance(value, str) else value
    return metadata


def _png_tags(path: Path) -> dict[str, Any]:
    """What a PNG says of its colour, which the library leaves out.

    `CICP`: primaries, transfer, matrix and range as ITU-T H.273 numbers them. `png:gAMA`: the exponent that it was
    encoded with, such as 0.45455.
    """
    tags: dict[str, Any] = {}
    with path.open("rb") as file:
        file.seek(8)
        for _ in range(_MOST_CHUNKS):
            head = file.read(8)
            if len(head) < 8 or head[4:] == b"IDAT":
                break
            length = int.from_bytes(head[:4], "big")
            if head[4:] == b"cICP" and length == 4:
                tags["CICP"] = tuple(file.read(4))
            elif head[4:] == b"gAMA" and length == 4:
                tags["png:gAMA"] = int.from_bytes(file.read(4), "big") / 100000
            else:
                file.seek(length, 1)
            file.seek(4, 1)
    return tags


def _facts_of(source: Any, spec: Any) -> PictureFacts:
    tiles = f"tiles of {spec.tile_width}x{spec.tile_height}" if spec.tile_width else "scanlines"
    return {
        "format": str(source.format_name()).upper(),
        "compression": str(spec.get_string_attribute("compression", "")) or "none",
        "storage": tiles,
    }
