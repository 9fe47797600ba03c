"""What a project holds, at a glance: its shots, identities and models, and the presets there are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from understudy.errors import ConsentError, UnderstudyError
from understudy.faces.faceset import Faceset
from understudy.jobs.asked import choose_preset, known_pair
from understudy.jobs.preset_costs import KnownCosts
from understudy.progress import OnProgress, Progress, ignore_progress
from understudy.provenance import check_consent
from understudy.settings.preset import load_preset, preset_names
from understudy.settings.project import ProjectFolder

__all__ = ["describe_preset_costs", "describe_presets", "describe_project"]


def describe_project(path: Path) -> dict[str, Any]:
    """A project's settings, shots, identities and models, and all presets, as plain values.

    Raises:
        ProjectError: No project is there, or its file is broken.
    """
    folder = ProjectFolder.open(path)
    project = folder.project
    return {
        "path": str(path),
        "ocio": project.ocio,
        "preset": project.preset,
        "shots": [_describe_shot(folder, name) for name in project.shots],
        "identities": [_describe_identity(folder, name) for name in project.identities],
        "models": [_describe_model(folder, name) for name in _model_names(path)],
        "presets": describe_presets(),
    }


def describe_presets() -> list[dict[str, Any]]:
    """The built-in presets, smallest first: name, side in pixels, batch, what it is for."""
    known = [load_preset(name) for name in preset_names()]
    return [
        {"name": preset.name, "size": preset.model.size, "batch": preset.training.batch, "what": preset.description}
        for preset in sorted(known, key=lambda preset: (preset.model.size, preset.name))
    ]


def describe_preset_costs(on_progress: OnProgress = ignore_progress) -> list[dict[str, Any]] | None:
    """The same with what each network costs, as `model.cost.ModelCost` names it; None when stopped.

    Args:
        on_progress: Called for each preset; False stops.
    """
    rows, known = describe_presets(), KnownCosts()
    try:
        for done, row in enumerate(rows, start=1):
            row |= known.of(load_preset(row["name"]).model)
            if not on_progress(Progress("presets", done, len(rows), row["name"])):
                return None
    finally:
        known.keep()
    return rows


def _describe_shot(folder: ProjectFolder, name: str) -> dict[str, Any]:
    entry, results = folder.shot(name), folder.swaps(name)
    return {
        "name": name,
        "plate": str(folder.plate_pattern(name)),
        "frames": entry.frames or "",
        "colorspace": entry.colorspace or "",
        "layer": entry.layer or "",
        "tracks": str(folder.tracks_file(name) or ""),
        "matte": str(folder.artist_matte(name) or ""),
        "learned_mattes": [one for one in folder.project.identities if folder.learned_matte(name, one).is_file()],
        "is_searched": folder.faces_file(name).is_file(),
        "results": str(results) if (results / "manifest.jsonl").is_file() else "",
    }


def _describe_identity(folder: ProjectFolder, name: str) -> dict[str, Any]:
    """An identity; `fault` says why a source identity may not be used, and is empty when it may."""
    entry, fault = folder.identity(name), ""
    if entry.role == "source":
        try:
            check_consent(folder, name)
        except ConsentError as error:
            fault = error.message
    return {
        "name": name,
        "role": entry.role,
        "synthetic": entry.synthetic,
        "may_be_used": not fault,
        "fault": fault,
        "has_faceset": Faceset.exists(folder.faceset(name)),
    }


def _model_names(path: Path) -> list[str]:
    """A model has its pair from the moment in which it began to train."""
    return sorted(record.parent.name for record in path.glob("models/*/model.json"))


def _describe_model(folder: ProjectFolder, name: str) -> dict[str, Any]:
    """A model; `fault` says what of it cannot be read. Without a snapshot, `snapshot` is empty and `iteration` 0."""
    from understudy.model.snapshot import newest_snapshot, read_facts  # loads torch, which the rest does not need

    values: dict[str, Any] = {"name": name, "source": "", "target": "", "preset": "", "size": 0}
    values |= {"snapshot": "", "iteration": 0, "fault": ""}
    try:
        values |= known_pair(folder, name)
        preset = choose_preset(folder, name, None, ())
        values |= {"preset": preset.name, "size": preset.model.size}
        if any((folder.model(name) / "snapshots").glob("*.safetensors")):
            snapshot = newest_snapshot(folder.model(name))
            values |= {"snapshot": str(snapshot), "iteration": read_facts(snapshot)[1].get("iteration", 0)}
    except UnderstudyError as error:
        values["fault"] = error.message
    return values
