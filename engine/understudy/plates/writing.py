"""Writes EXRs: beside the final name, looked at, renamed."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from understudy.durable import replacing
from understudy.errors import BrokenFrameError, SettingsError, WriteError
from understudy.geometry import Box
from understudy.plates.exr import decode_region, encode
from understudy.plates.exr_layout import read_layout
from understudy.plates.frame import Frame, Pixels

__all__ = ["COMPRESSIONS", "write_frame"]

COMPRESSIONS = (
    *("none", "rle", "zip", "zips", "piz", "pxr24", "b44", "b44a", "dwaa", "dwab"),
    *("htj2k256", "htj2k32"),
)
"""What an EXR may be compressed with. All but htj2k are read by every host of the last ten years."""

_MOST_HALF = 65504.0


def write_frame(path: Path, frame: Frame, compression: str = "zips") -> None:
    """Writes an EXR beside its final name, reads its end back, and renames it.

    Args:
        path: Final name, ending in .exr. Its folder is made.
        frame: What to write; `float_channels` as 32-bit float, the others as half. Values that half cannot hold become
            its largest.
        compression: One of `COMPRESSIONS`.

    Raises:
        SettingsError: There is no such compression.
        WriteError: The disk is full, the folder cannot be written, or the file did not read back.
    """
    if compression not in COMPRESSIONS:
        raise SettingsError(f"EXR compression '{compression}' is not one of {', '.join(COMPRESSIONS)}.")
    try:
        header, chunks = encode(replace(frame, pixels=_within_half(frame)), compression)
    except (RuntimeError, ValueError, MemoryError) as error:
        raise WriteError(f"{path} cannot be encoded: {error or 'not enough memory'}.", path=str(path)) from error
    with replacing(path) as beside:
        with beside.open("wb", buffering=0) as file:
            for data in (memoryview(header), chunks):
                while data:
                    data = data[file.write(data) :]  # a full disk takes a part and then raises
        _check_written(beside, frame, len(header) + len(chunks))


def _within_half(frame: Frame) -> Pixels:
    """The pixels with finite values that half float cannot hold brought to the largest that it can."""
    half = [index for index, name in enumerate(frame.channels) if name not in frame.float_channels]
    pixels = frame.pixels
    if not half or not pixels.size or max(pixels.max(), -pixels.min()) <= _MOST_HALF:
        return pixels
    pixels = pixels.copy()
    for index in half:
        values = pixels[..., index]
        pixels[..., index] = np.where(np.isfinite(values), np.clip(values, -_MOST_HALF, _MOST_HALF), values)
    return pixels


def _check_written(path: Path, frame: Frame, size: int) -> None:
    """Raises OSError unless the file has its size, its header says what was asked for, and its last row decodes."""
    with path.open("rb") as file:
        found = os.fstat(file.fileno()).st_size
        if found != size:
            raise OSError(None, f"{found} of {size} bytes arrived; the disk may be full")
        try:
            layout = read_layout(file, str(path), size)
            part = layout.parts[0]
            window = frame.data_window
            last_row = Box(window.left, window.bottom - 1, window.right, window.bottom)
            pixels, _ = decode_region(file, path, layout, part, last_row)
        except BrokenFrameError as error:
            raise OSError(None, f"it did not read back: {error.message}") from error
    is_as_asked = (part.data_window, part.display_window) == (window, frame.display_window)
    if not is_as_asked or pixels.shape != (1, *frame.pixels.shape[1:]):
        raise OSError(None, "it did not read back as what was written")
