"""What an EXR says of itself: where its picture lies, its display window, with Nuke's points in it; its channels.

Nuke does not say where the display window of a file begins: in a script all of them begin at 0, 0.
"""

from __future__ import annotations

import io
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

__all__ = ["PlateWindow", "read_channels", "read_window"]

_MAGIC = b"\x76\x2f\x31\x01"
_LONGEST_NAME = 255
_CHANNEL_BYTES = 16
"""Behind each name in the list of channels: type, linearity and sampling."""


@dataclass(frozen=True)
class PlateWindow:
    """The agreed picture area of a plate, in its pixels, y down.

    Attributes:
        left: First column inside.
        top: First row inside.
        width: Columns inside.
        height: Rows inside.
    """

    left: int
    top: int
    width: int
    height: int

    def plate_from_nuke(self, x: float, y: float) -> tuple[float, float]:
        """A point in plate pixels (y down, the first pixel's centre at 0.5, 0.5) from Nuke's.

        Nuke counts from the bottom left of the display window, y up, in the plate's own pixels: neither their aspect
        nor the box within a format (x, y, r, t) moves a point.
        """
        return self.left + x, self.top + self.height - y

    def nuke_from_plate(self, x: float, y: float) -> tuple[float, float]:
        """Nuke's point from one in plate pixels; inverse of `plate_from_nuke`."""
        return x - self.left, self.top + self.height - y


def read_window(path: Path) -> PlateWindow | None:
    """The display window of an EXR, of its first part; None where there is no such file, or it is no EXR."""
    try:
        with path.open("rb") as file:
            left, top, last_column, last_row = struct.unpack("<4i", _attribute(file, b"displayWindow"))
    except (OSError, ValueError, struct.error):
        return None
    return PlateWindow(left, top, last_column - left + 1, last_row - top + 1)


def read_channels(path: Path) -> tuple[str, ...]:
    """The channels of an EXR's first part, named as the file has them; none where it is no EXR."""
    try:
        with path.open("rb") as file:
            listed = io.BytesIO(_attribute(file, b"channels"))
    except (OSError, ValueError, struct.error):
        return ()
    names = []
    while name := _word(listed):
        names.append(name.decode("utf-8", "replace"))
        listed.seek(_CHANNEL_BYTES, os.SEEK_CUR)
    return tuple(names)


def _attribute(file: BinaryIO, wanted: bytes) -> bytes:
    """An attribute of an EXR, which begins with all of them: name, type and size stand before each value.

    Raises:
        ValueError, struct.error: The file is no EXR, or lacks it.
    """
    if file.read(4) != _MAGIC:
        raise ValueError("no EXR")
    file.seek(4, os.SEEK_CUR)
    while name := _word(file):
        _word(file)
        (size,) = struct.unpack("<I", file.read(4))
        if name == wanted:
            return file.read(size)
        file.seek(size, os.SEEK_CUR)
    raise ValueError("no EXR")


def _word(file: BinaryIO) -> bytes:
    """The bytes up to the next zero."""
    word = b""
    while len(word) <= _LONGEST_NAME:
        letter = file.read(1)
        if letter in (b"\0", b""):
            return word
        word += letter
    raise ValueError("no EXR")
