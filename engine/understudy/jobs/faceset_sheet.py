"""Pictures of a faceset's crops as a screen shows them: one after the other, or on a grid of yaw and pitch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from understudy.color import ColorConfig
from understudy.errors import FacesetError
from understudy.faces.coverage import PITCHES, YAWS, PoseCell, pose_grid
from understudy.faces.faceset import CropRecord, Faceset
from understudy.jobs.pipeline import frames_in_order
from understudy.jobs.shot import config_of
from understudy.settings.project import ProjectFolder
from understudy.sheet import Picture, fitted, labelled_sheet, write_below, write_png

__all__ = ["crop_pictures", "showpiece", "write_faceset_sheet"]

_COLUMNS = 12
_WIDTH = 128
_MOST_ROWS = 60
_DARK, _HATCH = 24, 52


def write_faceset_sheet(
    folder: ProjectFolder,
    identity: str,
    by: Literal["frames", "pose"] = "frames",
    chosen: Sequence[CropRecord] | None = None,
) -> Path:
    """Writes a contact sheet, `facesets/NAME/sheet.png` or `facesets/NAME/sheet_pose.png`.

    Args:
        folder: The project.
        identity: Whose faceset.
        by: "frames": crop after crop with shot and frame, at most 720, evenly thinned out beyond. "pose": a grid of yaw
            and pitch with the best crop of each cell and how many there are; empty cells are hatched.
        chosen: The crops to show, in order; all that training uses or is measured on when None.

    Raises:
        FacesetError: There is no faceset, or no crop to show.
        FacesetError: A crop cannot be read.
        WriteError: The picture cannot be written.
    """
    faceset, color = Faceset.open(folder.faceset(identity)), config_of(folder)
    left_out = faceset.curation.left_out
    records = [one for key, one in faceset.records.items() if key not in left_out] if chosen is None else list(chosen)
    if not records:
        raise FacesetError(f"Faceset '{identity}' has no crop to show.", identity=identity)
    if by == "pose":
        return _write_pose_sheet(faceset, records, color)
    most = _COLUMNS * _MOST_ROWS
    if len(records) > most:
        records = [records[index] for index in np.linspace(0, len(records) - 1, most).round().astype(int)]
    cells = crop_pictures(faceset, records, color, _WIDTH)
    for cell, record in zip(cells, records, strict=True):
        write_below(cell, f"{record.shot} {record.frame}")
    cells += [np.zeros_like(cells[0])] * (-len(cells) % _COLUMNS)
    rows = [cells[start : start + _COLUMNS] for start in range(0, len(cells), _COLUMNS)]
    path = faceset.folder / "sheet.png"
    write_png(path, labelled_sheet([""] * _COLUMNS, rows))
    return path


def crop_pictures(faceset: Faceset, records: Sequence[CropRecord], color: ColorConfig, width: int) -> list[Picture]:
    """Each crop with its shot's exposure normalised, at most `width` pixels wide, as the config's display shows it.

    Raises:
        FacesetError: A crop cannot be read.
    """

    def picture(index: int) -> Picture:
        record = records[index]
        small = fitted(faceset.read_crop(record, color).pixels, width)
        gains = faceset.shots[record.shot].training.gains if record.shot in faceset.shots else (1.0, 1.0, 1.0)
        exposed = color.working_from_ap1(np.asarray(small * np.array(gains, np.float32), np.float32))
        return color.display(exposed, color.working)

    return [made for _, made in frames_in_order(range(len(records)), picture)]


def showpiece(records: Sequence[CropRecord]) -> CropRecord:
    """The crop that stands for several: the one with the most plate pixels of detail."""
    return max(records, key=lambda one: one.native_px * (one.measures.sharpness if one.measures else 0.5))


def _write_pose_sheet(faceset: Faceset, records: Sequence[CropRecord], color: ColorConfig) -> Path:
    members = {
        cell: [records[index] for index in indices]
        for cell, indices in pose_grid([record.alignment.pose for record in records]).items()
    }
    held = [cell for cell, own in members.items() if own]
    pictures = crop_pictures(faceset, [showpiece(members[cell]) for cell in held], color, _WIDTH)
    shown = dict(zip(held, pictures, strict=True))
    empty = _hatched(pictures[0].shape[0])
    rows = []
    for pitch in PITCHES:
        row = []
        for yaw in YAWS:
            picture = shown.get(PoseCell(yaw, pitch), empty).copy()
            write_below(picture, str(len(members[PoseCell(yaw, pitch)]) or "none"))
            row.append(picture)
        rows.append(row)
    names = [f"pitch {pitch:+d}" for pitch in PITCHES]
    path = faceset.folder / "sheet_pose.png"
    write_png(path, labelled_sheet([f"yaw {yaw:+d}" for yaw in YAWS], rows, names))
    return path


def _hatched(side: int) -> Picture:
    y, x = np.mgrid[0:side, 0:side]
    stripes = np.where((x + y) % 16 < 4, _HATCH, _DARK).astype(np.uint8)
    return np.repeat(stripes[..., None], 3, axis=2)
