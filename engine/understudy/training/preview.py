"""The preview: fixed faces as they are, as the model rebuilds them, and swapped; on a sheet and at native size."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from understudy.model.swap_model import Identity, SwapModel
from understudy.sheet import Picture, fitted, labelled_sheet
from understudy.training.batches import FaceCodes, centre_codes

__all__ = ["COLUMNS", "LightFromCodes", "Look", "PictureFromCodes", "Shown", "show_faces", "wiped"]

PictureFromCodes = Callable[[npt.NDArray[np.float32]], Picture]
"""Codes (H, W, 3) float32 RGB, training space, to a picture (H, W, 3) uint8 RGB, display-encoded."""

LightFromCodes = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]
"""Codes (H, W, 3) float32 RGB, training space, to (H, W, 3) float32 RGB, scene-linear, in a space of the caller's."""

COLUMNS = ("target", "target rebuilt", "target as source", "source", "source rebuilt", "source as target")
"""What a sheet shows from left to right; every row is another face of both identities."""

_ROWS = 5
_MOST_SIDE = 256
_LINE = 230


@dataclass(frozen=True)
class Look:
    """How codes are looked at.

    Attributes:
        picture: For a screen.
        light: For a host.
        attributes: What an EXR of that light says of itself, its colour space above all.
    """

    picture: PictureFromCodes
    light: LightFromCodes
    attributes: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Shown:
    """The faces of a preview.

    Attributes:
        sheet: (H, W, 3) uint8 RGB, display-encoded: a line of labels, and five rows of `COLUMNS`, each face at most 256
            pixels wide.
        native: (5 S, 6 S, 3) float16 RGB, scene-linear in the look's space: the same faces at the model's own size,
            without labels and gaps; a face of the grid lies at multiples of S.
    """

    sheet: Picture
    native: npt.NDArray[np.float16]


@torch.no_grad()
def show_faces(model: SwapModel, target: FaceCodes, source: FaceCodes, look: Look) -> Shown:
    """The preview of a model. Five faces of each identity are taken, spread over its poses and always the same.

    Args:
        model: On any device.
        target: Faces of the target identity.
        source: Faces of the source identity.
        look: How codes are looked at.
    """
    side = model.settings.size
    native = np.empty((_ROWS * side, len(COLUMNS) * side, 3), np.float16)
    rows = []
    for row, (of_target, of_source) in enumerate(zip(_chosen(target), _chosen(source), strict=True)):
        # one by one: five faces of 1024 px at once need more memory than training leaves
        line = [*_three(model, target, of_target, "target"), *_three(model, source, of_source, "source")]
        for column, codes in enumerate(line):
            place = slice(row * side, (row + 1) * side), slice(column * side, (column + 1) * side)
            native[place] = look.light(codes).clip(-65504, 65504)
        rows.append([fitted(look.picture(codes), _MOST_SIDE) for codes in line])
    return Shown(labelled_sheet(COLUMNS, rows), native)


def wiped(before: Picture, now: Picture) -> Picture:
    """The present sheet, with the left half of every face as it was before and a line where they meet.

    Args:
        before: (H, W, 3) uint8, an earlier sheet of the same model.
        now: The same faces now.

    Returns:
        (H, W, 3) uint8; `now` itself when the sheets are of different size.
    """
    if before.shape != now.shape:
        return now
    wipe, width = now.copy(), now.shape[1] / len(COLUMNS)
    for column in range(len(COLUMNS)):
        left, middle = round(column * width), round((column + 0.5) * width)
        wipe[:, left:middle] = before[:, left:middle]
        wipe[:, middle - 1 : middle + 1] = _LINE
    return wipe


def _chosen(faces: FaceCodes) -> list[int]:
    """Five faces, always the same of the same faceset: spread over its poses, from left to right, or over its length.

    The first is the one nearest to the median pose; then each time the one whose pose is furthest from all that are
    chosen (Gonzalez, "Clustering to minimize the maximum intercluster distance", 1985).
    """
    if faces.poses is None or len(faces) <= _ROWS:
        return [int(index) for index in np.linspace(0, len(faces) - 1, _ROWS).round()]
    poses = faces.poses.astype(np.float64)
    chosen = [int(np.argmin(np.linalg.norm(poses - np.median(poses, axis=0), axis=1)))]
    while len(chosen) < _ROWS:
        apart = np.linalg.norm(poses[:, None] - poses[chosen], axis=2).min(axis=1)
        chosen.append(int(np.argmax(apart)))
    return sorted(chosen, key=lambda index: float(poses[index, 0]))


def _three(model: SwapModel, faces: FaceCodes, index: int, identity: Identity) -> tuple[npt.NDArray[np.float32], ...]:
    """A face, the face rebuilt, and the face as the other identity: each (S, S, 3)."""
    other: Identity = "source" if identity == "target" else "target"
    device = next(iter(model.parameters()), torch.empty(0)).device
    codes = centre_codes(faces, np.array([index]), model.settings.size, device)
    shown = (codes, model(codes, identity), model(codes, other))
    return tuple(one[0].permute(1, 2, 0).float().cpu().numpy() for one in shown)
