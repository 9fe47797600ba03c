"""What a file may claim, before memory is asked for it, and where its library would read past its end in silence."""

from __future__ import annotations

import struct
from pathlib import Path

from understudy.errors import BrokenFrameError

__all__ = ["check_dpx", "check_jpeg", "check_size"]

_MOST_PIXELS = 16384 * 16384
_MOST_CHANNELS = 1024
_MOST_BYTES = 16 << 30
_DPX_HEADER = 2048
_UNDEFINED = 0xFFFFFFFF
_JPEG_TAIL = 1 << 16


def check_size(path: Path, width: int, height: int, channels: int) -> None:
    """Returns when a picture of this size may be real and can be worked on.

    Raises:
        BrokenFrameError: It has no pixels, or more than any plate.
    """
    if width < 1 or height < 1 or channels < 1:
        raise BrokenFrameError(f"{path} has no pixels. Copy or render it again.", path=str(path))
    if width * height > _MOST_PIXELS or channels > _MOST_CHANNELS or 4 * width * height * channels > _MOST_BYTES:
        raise BrokenFrameError(
            f"{path} says that it has {width}x{height} pixels and {channels} channels, more than any plate: it is "
            f"damaged, or must be scaled down or written with fewer channels (limits: {_MOST_PIXELS} pixels, "
            f"{_MOST_CHANNELS} channels, {_MOST_BYTES >> 30} GiB as 32-bit float).",
            path=str(path),
        )


def check_dpx(path: Path) -> None:
    """Returns when a DPX is as long as its header says; the library fills what is missing with whatever was in memory.

    The header is that of SMPTE ST 268-1: the first picture element begins at 780.

    Raises:
        BrokenFrameError: It is cut short.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        header = file.read(_DPX_HEADER)
    if len(header) < 816:
        raise _broken(path, "its header is cut short")
    order = ">" if header[:4] == b"SDPX" else "<"
    (picture_offset,) = struct.unpack_from(f"{order}I", header, 4)
    width, height = struct.unpack_from(f"{order}II", header, 772)
    descriptor, bits = header[800], header[803]
    packing, encoding, offset = struct.unpack_from(f"{order}HHI", header, 804)
    start = picture_offset if offset in (0, _UNDEFINED) else offset
    samples = {50: 3, 51: 4, 52: 4, 100: 2, 101: 3, 102: 3, 103: 4}.get(descriptor, 1) * width
    line = -(-samples // 3) * 4 if bits == 10 and packing else samples * (2 if bits == 12 and packing else bits / 8)
    if encoding == 0 and start + int(line * height) > size:
        raise _broken(path, f"it is cut short: {width}x{height} pixels of {bits} bits do not fit into {size} bytes")


def check_jpeg(path: Path) -> None:
    """Returns when a JPEG has an end; the library makes up what is missing in grey.

    Raises:
        BrokenFrameError: It is cut short.
    """
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _JPEG_TAIL))
        if b"\xff\xd9" not in file.read():
            raise _broken(path, "it is cut short: it has no end mark")


def _broken(path: Path, reason: str) -> BrokenFrameError:
    return BrokenFrameError(f"{path} is broken: {reason}. Copy or render it again.", path=str(path))
