"""The preview: one picture of fixed faces, as they are, as the model rebuilds them, and swapped."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch

from understudy.durable import write_bytes
from understudy.model.swap_model import Identity, SwapModel
from understudy.training.batches import FaceCodes, centre_codes

__all__ = ["COLUMNS", "PictureFromCodes", "preview_sheet", "write_preview"]

Picture = npt.NDArray[np.uint8]

PictureFromCodes = Callable[[npt.NDArray[np.float32]], Picture]
"""Codes (H, W, 3) float32 RGB, training space, to a picture (H, W, 3) uint8 RGB, display-encoded."""

COLUMNS = ("target", "target rebuilt", "target as source", "source", "source rebuilt", "source as target")
"""What a sheet shows from left to right; every row is another face of both identities."""

_ROWS = 5
_MOST_SIDE = 256
_LABEL_HEIGHT = 28
_GAP = 4
_GREY = 40


def preview_sheet(
    model: SwapModel, target: FaceCodes, source: FaceCodes, picture_from_codes: PictureFromCodes
) -> Picture:
    """A sheet (H, W, 3) uint8 RGB, display-encoded: a row of labels, and five rows of `COLUMNS`.

    Args:
        model: On any device.
        target: Faces of the target identity; five are taken, evenly spaced and always the same.
        source: Faces of the source identity.
        picture_from_codes: How codes look on a screen.
    """
    columns = [*_columns(model, target, "target"), *_columns(model, source, "source")]
    pictures = [[_fitted(picture_from_codes(codes)) for codes in column] for column in columns]
    side = pictures[0][0].shape[0]
    step = side + _GAP
    sheet = np.full((_LABEL_HEIGHT + _ROWS * step, len(COLUMNS) * step, 3), _GREY, dtype=np.uint8)
    for column, (label, faces) in enumerate(zip(COLUMNS, pictures, strict=True)):
        _write_label(sheet, label, column * step, side)
        for row, picture in enumerate(faces):
            top, left = _LABEL_HEIGHT + row * step, column * step
            sheet[top : top + side, left : left + side] = picture
    return sheet


def write_preview(path: Path, sheet: Picture) -> None:
    """Writes a sheet (H, W, 3) uint8 RGB as PNG, whole or not at all.

    Raises:
        WriteError: The file cannot be written.
    """
    _, encoded = cv2.imencode(".png", np.ascontiguousarray(sheet[:, :, ::-1]))
    write_bytes(path, encoded.tobytes())


@torch.no_grad()
def _columns(model: SwapModel, faces: FaceCodes, identity: Identity) -> list[npt.NDArray[np.float32]]:
    """The faces, the faces rebuilt, and the faces as the other identity: each (rows, S, S, 3)."""
    other: Identity = "source" if identity == "target" else "target"
    device = next(iter(model.parameters()), torch.empty(0)).device
    indices = np.linspace(0, len(faces) - 1, _ROWS).round().astype(np.int64)
    columns: list[list[npt.NDArray[np.float32]]] = [[], [], []]
    for index in indices:  # one by one: five faces of 1024 px at once need more memory than training leaves
        codes = centre_codes(faces, np.array([index]), model.settings.size, device)
        for column, shown in zip(columns, (codes, model(codes, identity), model(codes, other)), strict=True):
            column.append(shown[0].permute(1, 2, 0).float().cpu().numpy())
    return [np.stack(column) for column in columns]


def _fitted(picture: Picture) -> Picture:
    side = picture.shape[0]
    if side <= _MOST_SIDE:
        return picture
    smaller = cv2.resize(picture, (_MOST_SIDE, _MOST_SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(smaller, dtype=np.uint8)


def _write_label(sheet: Picture, label: str, left: int, width: int) -> None:
    font, size = cv2.FONT_HERSHEY_SIMPLEX, 0.5
    (wide, high), _ = cv2.getTextSize(label, font, size, 1)
    size *= min(1.0, (width - 4) / wide)
    cv2.putText(sheet, label, (left + 3, (_LABEL_HEIGHT + high) // 2), font, size, (230, 230, 230), 1, cv2.LINE_AA)
