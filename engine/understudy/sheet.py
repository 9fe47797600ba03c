"""Sheets: pictures in labelled rows and columns, for looking at. Display-encoded, 8 bits, PNG."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar, cast

import cv2
import numpy as np
import numpy.typing as npt

from understudy.durable import write_bytes
from understudy.errors import WriteError

__all__ = ["Picture", "fitted", "labelled_sheet", "write_below", "write_png"]

Picture = npt.NDArray[np.uint8]
"""(H, W, 3) uint8 RGB, 0..255, display-encoded."""

Pixels = TypeVar("Pixels", npt.NDArray[np.uint8], npt.NDArray[np.float32])

_GAP = 4
_LABEL_HEIGHT = 28
_BACKGROUND = 40
_TEXT = (230, 230, 230)


def fitted(picture: Pixels, width: int, pixel_aspect: float = 1.0) -> Pixels:
    """The picture in square pixels, made smaller, never larger, so that it is at most `width` wide.

    Each new pixel is the mean of those it covers: give scene-linear pixels where there are any, and encode afterwards,
    which is right and costs a fraction.

    Args:
        picture: (H, W) or (H, W, 3), uint8 or float32.
        width: The most pixels across.
        pixel_aspect: Width of a pixel over its height.
    """
    height, wide = picture.shape[0], picture.shape[1] * pixel_aspect
    if wide <= width and pixel_aspect == 1:
        return picture
    across = max(1, min(width, round(wide)))
    size = (across, max(1, round(height * across / wide)))
    return cast(Pixels, cv2.resize(picture, size, interpolation=cv2.INTER_AREA))


def labelled_sheet(columns: Sequence[str], rows: Sequence[Sequence[Picture]], labels: Sequence[str] = ()) -> Picture:
    """One picture of many: a line of column names, then the rows.

    Args:
        columns: Name of each column; where all are empty there is no line of them.
        rows: In each row one picture for each column, all of one size.
        labels: Name of each row, written over its first picture; none when empty.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    height, width = rows[0][0].shape[:2]
    above = _LABEL_HEIGHT if any(columns) else 0
    sheet = np.full(
        (above + len(rows) * (height + _GAP), len(columns) * (width + _GAP) - _GAP, 3), _BACKGROUND, np.uint8
    )
    for index, name in enumerate(columns):
        _write_text(sheet, name, index * (width + _GAP) + 3, _LABEL_HEIGHT // 2, width)
    for line, row in enumerate(rows):
        top = above + line * (height + _GAP)
        for index, picture in enumerate(row):
            left = index * (width + _GAP)
            sheet[top : top + height, left : left + width] = picture
        if labels:
            _write_text(sheet, labels[line], 5, top + 12, sheet.shape[1])
    return sheet


def write_below(picture: Picture, text: str) -> None:
    """Writes a few words into a picture's lower left corner, readable on anything.

    Args:
        picture: Changed.
        text: Made smaller where it is long.
    """
    font, place = cv2.FONT_HERSHEY_SIMPLEX, (4, picture.shape[0] - 5)
    size = 0.4 * min(1.0, picture.shape[1] / 128 * 18 / max(1, len(text)))
    cv2.putText(picture, text, place, font, size, (0, 0, 0), 3, cv2.LINE_AA)
    cv2.putText(picture, text, place, font, size, (240, 240, 240), 1, cv2.LINE_AA)


def write_png(path: Path, picture: Picture) -> None:
    """Writes a picture as PNG, whole or not at all.

    Raises:
        WriteError: The file cannot be written.
    """
    done, encoded = cv2.imencode(".png", np.ascontiguousarray(picture[..., ::-1]))
    if not done:
        raise WriteError(f"{path} cannot be written: the picture did not encode.", path=str(path))
    write_bytes(path, encoded.tobytes())


def _write_text(sheet: Picture, text: str, left: int, middle: int, width: int) -> None:
    font, size = cv2.FONT_HERSHEY_SIMPLEX, 0.5
    if not text:
        return
    (wide, high), _ = cv2.getTextSize(text, font, size, 1)
    size *= min(1.0, (width - 8) / wide)
    cv2.putText(sheet, text, (left, middle + high // 2), font, size, (0, 0, 0), 3, cv2.LINE_AA)
    cv2.putText(sheet, text, (left, middle + high // 2), font, size, _TEXT, 1, cv2.LINE_AA)
