"""What a file or folder is: a plate, a project, a faceset, a checkpoint, a snapshot, a folder of results, a preset."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import numpy as np

from understudy.color import MIDDLE_GREY, ColorConfig
from understudy.errors import FacesetError, ModelFileError, UnderstudyError
from understudy.faces.faceset import Faceset
from understudy.jobs.overview import describe_project
from understudy.jobs.shot import config_of
from understudy.jobs.swap import read_manifest
from understudy.model.snapshot import read_snapshot
from understudy.model.tensor_file import read_record
from understudy.plates import find_sequence, format_frames, read_frame, read_header
from understudy.settings.preset import load_preset, preset_names
from understudy.settings.project import ProjectFolder
from understudy.sheet import Picture, fitted, labelled_sheet, write_png

__all__ = ["describe", "describe_faceset", "write_faceset_sheet"]

_SHEET_COLUMNS = 12
_SHEET_WIDTH = 128


def describe(path: str) -> dict[str, Any]:
    """What lies at a path, as plain values; "kind" says which of the things it is.

    Raises:
        UnderstudyError: Nothing is there, or it is none of these.
    """
    place = Path(path)
    if path in preset_names() or place.suffix in (".yaml", ".yml"):
        return {"kind": "preset", **load_preset(path).model_dump(mode="json")}
    if place.suffix == ".safetensors":
        return _describe_model_file(place)
    if place.is_dir():
        if ProjectFolder.is_at(place):
            return {"kind": "project", **describe_project(place)}
        if Faceset.exists(place):
            return {"kind": "faceset", **describe_faceset(place)}
        if (place / "manifest.jsonl").is_file():
            known = read_manifest(place / "manifest.jsonl")
            files = sum(len(line["files"]) for line in known.values())
            return {"kind": "swap", "frames": format_frames(tuple(known)), "files": files}
        raise UnderstudyError(
            f"{place} is a folder, but neither a project nor a faceset nor a folder of results.", path=str(place)
        )
    return _describe_plate(path)


def describe_faceset(folder: Path) -> dict[str, Any]:
    """A faceset's size, shots, counts, sizes in the plate and spread of poses.

    Raises:
        FacesetError: There is none, or it is damaged.
    """
    faceset = Faceset.open(folder)
    records = list(faceset.records.values())
    facts: dict[str, Any] = {
        "identity": faceset.identity,
        "size": faceset.size,
        "margin": faceset.margin,
        "ocio": faceset.config,
        "crops": len(records),
        "shots": {
            shot: format_frames(tuple(frame for name, frame in faceset.records if name == shot))
            for shot in faceset.shots
        },
        "gains": {name: [round(gain, 4) for gain in shot.training.gains] for name, shot in faceset.shots.items()},
        "normalised": {name: shot.normalised for name, shot in faceset.shots.items()},
    }
    if records:
        native = [record.native_px for record in records]
        poses = np.array([record.alignment.pose for record in records])
        facts["native_px"] = {"smallest": min(native), "median": float(np.median(native)), "largest": max(native)}
        facts["enlarged"] = sum(value < faceset.size for value in native)
        for index, angle in enumerate(("yaw", "pitch", "roll")):
            facts[angle] = {"from": float(poses[:, index].min()), "to": float(poses[:, index].max())}
    return facts


def write_faceset_sheet(folder: ProjectFolder, identity: str, shot: str | None = None, most: int | None = None) -> Path:
    """Writes a picture of a faceset's crops, with shot and frame, as a screen shows them.

    Args:
        folder: The project.
        identity: Whose faceset.
        shot: Show crops of this shot only, in `sheet_SHOT.png`; of all, in `sheet.png`, when None.
        most: Show so many crops at most, evenly spaced.

    Raises:
        FacesetError: There is no faceset, or it has no such crop.
        PlateError: A crop cannot be read.
    """
    faceset, color = Faceset.open(folder.faceset(identity)), config_of(folder)
    records = [record for record in faceset.records.values() if shot in (None, record.shot)]
    if not records:
        raise FacesetError(f"Faceset '{identity}' has no crop to show.", identity=identity)
    shown = records[:: -(-len(records) // most)] if most else records
    cells: list[Picture] = []
    names: list[str] = []
    for record in shown:
        crop = faceset.read_crop(record, color)
        gains = faceset.shots[record.shot].training.gains if record.shot in faceset.shots else (1.0, 1.0, 1.0)
        exposed = color.working_from_ap1(np.asarray(crop.pixels * np.array(gains, np.float32), np.float32))
        cells.append(fitted(color.display(exposed, color.working), _SHEET_WIDTH))
        names.append(f"{record.shot} {record.frame}")
    empty = np.zeros_like(cells[0])
    path = faceset.folder / (f"sheet_{shot}.png" if shot else "sheet.png")
    cells += [empty] * (-len(cells) % _SHEET_COLUMNS)
    rows = [cells[start : start + _SHEET_COLUMNS] for start in range(0, len(cells), _SHEET_COLUMNS)]
    write_png(path, labelled_sheet([""] * _SHEET_COLUMNS, rows, names[::_SHEET_COLUMNS]))
    return path


def _describe_plate(path: str) -> dict[str, Any]:
    plate = find_sequence(path)
    first = plate.path(plate.numbers[0])
    header = read_header(first)
    frame = read_frame(first)
    color = ColorConfig.load(None)
    guess = color.decide_plate_space(None, header.metadata, header.is_integer)
    values = frame.pixels[np.isfinite(frame.pixels)]
    broken = int(frame.pixels.size - values.size)
    return {
        "kind": "plate",
        "frames": format_frames(plate.numbers),
        "count": len(plate.numbers),
        "first": str(first),
        "display_window": _window(header.display_window),
        "data_window": _window(header.data_window),
        "pixel_aspect": header.pixel_aspect,
        "channels": ", ".join(header.channels),
        "colorspace": f"{guess.name} ({guess.reason})",
        "losses": list(guess.losses),
        "values": f"{float(values.min()):.4g} to {float(values.max()):.4g}, median {float(np.median(values)):.4g}"
        + (f", {broken} not numbers" if broken else ""),
        "stops_from_grey": round(float(np.log2(max(float(np.median(values)), 1e-6) / MIDDLE_GREY)), 2),
        "metadata": {name: str(value) for name, value in sorted(header.metadata.items())},
    }


def _describe_model_file(path: Path) -> dict[str, Any]:
    with contextlib.suppress(ModelFileError):
        record = read_record(path, "checkpoint-1", "checkpoint")
        return {"kind": "checkpoint", "iteration": record.get("iteration"), "preset": record["preset"]["name"]}
    snapshot = read_snapshot(path)
    weights = sum(weight.numel() for weight in snapshot.weights.values())
    return {
        "kind": "snapshot",
        "hash": snapshot.hash,
        "preset": snapshot.preset.name,
        "size": snapshot.preset.model.size,
        "weights": weights,
        **{name: value for name, value in snapshot.facts.items() if name != "alignment_template"},
    }


def _window(box: Any) -> str:
    return f"{box.width}x{box.height} at {box.left},{box.top}"
