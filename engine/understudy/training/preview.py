"""The preview: one picture of fixed faces, as they are, as the model rebuilds them, and swapped."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch

from understudy.model.swap_model import Identity, SwapModel
from understudy.sheet import Picture, fitted, labelled_sheet
from understudy.training.batches import FaceCodes, centre_codes

__all__ = ["COLUMNS", "PictureFromCodes", "preview_sheet"]

PictureFromCodes = Callable[[npt.NDArray[np.float32]], Picture]
"""Codes (H, W, 3) float32 RGB, training space, to a picture (H, W, 3) uint8 RGB, display-encoded."""

COLUMNS = ("target", "target rebuilt", "target as source", "source", "source rebuilt", "source as target")
"""What a sheet shows from left to right; every row is another face of both identities."""

_ROWS = 5
_MOST_SIDE = 256


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
    pictures = [[fitted(picture_from_codes(codes), _MOST_SIDE) for codes in column] for column in columns]
    return labelled_sheet(COLUMNS, list(zip(*pictures, strict=True)))


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
