"""What a file may claim before memory is asked for it."""

from __future__ import annotations

from pathlib import Path

from understudy.errors import BrokenFrameError

__all__ = ["check_size"]

_MOST_PIXELS = 16384 * 16384
_MOST_CHANNELS = 1024
_MOST_BYTES = 16 << 30


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
