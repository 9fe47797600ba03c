"""What a job was asked to do, held against its project: which settings, preset and identities it means.

It loads no library of pictures or networks, so that a request can be refused at once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from understudy.durable import write_text
from understudy.errors import ModelFileError, ProjectError, SettingsError
from understudy.provenance import lineage_of
from understudy.settings.preset import Preset, load_preset, preset_from_json
from understudy.settings.project import ProjectFolder

__all__ = [
    "ModelPair",
    "choose_preset",
    "keep_record",
    "known_lineage",
    "known_pair",
    "known_pretraining",
    "model_pair",
    "pair_of_snapshot",
    "split_overrides",
    "with_settings",
]

_OF_PRESET = ("model.", "margin", "training.")
_OF_PROJECT_ONLY = ("ocio", "identities", "shots")


@dataclass(frozen=True)
class ModelPair:
    """Whose faces a model swaps.

    Attributes:
        source: Name of the source identity: the face that is put in.
        target: Name of the target identity: the face in the plate that goes.
    """

    source: str
    target: str


def split_overrides(overrides: Sequence[str], min_native: int | None = None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The `field=value` changes that concern the preset, and those that concern the project.

    Args:
        overrides: As they were given.
        min_native: One more change to the project, which has an option of its own.
    """
    for_preset = tuple(override for override in overrides if override.startswith(_OF_PRESET))
    for_project = tuple(override for override in overrides if not override.startswith(_OF_PRESET))
    return for_preset, (*for_project, *((f"min_native={min_native}",) if min_native is not None else ()))


def with_settings(folder: ProjectFolder, overrides: Sequence[str]) -> ProjectFolder:
    """The project with `field=value` changes applied, for one job only.

    Raises:
        SettingsError: A change is wrong, or is one that only `understudy.yaml` may make.
    """
    if any(override.split("=")[0].strip().split(".")[0] in _OF_PROJECT_ONLY for override in overrides):
        raise SettingsError("--set changes how a command works; identities, shots and ocio stand in understudy.yaml.")
    return ProjectFolder(folder.path, folder.with_overrides(tuple(overrides))) if overrides else folder


def choose_preset(folder: ProjectFolder, model_name: str | None, name: str | None, overrides: Sequence[str]) -> Preset:
    """The preset of a command: the named one, else the model's own, else the project's; with overrides.

    Raises:
        SettingsError: There is no such preset, or an override is wrong.
    """
    own = folder.model(model_name) / "preset.json" if model_name else None
    if name is None and own is not None and own.is_file():
        preset = preset_from_json(own.read_text(encoding="utf-8"), str(own))
        return preset.with_overrides(overrides)
    return load_preset(name or folder.project.preset, (*folder.project.overrides, *overrides))


def model_pair(folder: ProjectFolder, model_name: str, source: str | None, target: str | None) -> ModelPair:
    """Whose faces a model swaps: as it was trained, else as said, else the project's only pair.

    Raises:
        ProjectError: The model was trained for another pair, or the project has several and none was said.
        UnknownNameError: An identity does not exist.
    """
    pretrained = known_pretraining(folder, model_name)
    if pretrained:
        raise ProjectError(
            f"Model '{model_name}' was pretrained on {', '.join(pretrained)} and paints no pair. Name another model, "
            f"and begin it with --init-from and a snapshot of '{model_name}'.",
            model=model_name,
        )
    known = known_pair(folder, model_name)
    chosen: dict[str, str] = {}
    for role, said in (("source", source), ("target", target)):
        if said and known.get(role, said) != said:
            raise ProjectError(
                f"Model '{model_name}' was trained with the {role} identity '{known[role]}', not '{said}'. "
                "Name another model.",
                model=model_name,
            )
        chosen[role] = said or known.get(role) or _only_identity(folder, role)
        entry = folder.identity(chosen[role])
        if entry.role != role:
            raise SettingsError(
                f"'{chosen[role]}' is a {entry.role} identity of this project, not a {role} identity.",
                identity=chosen[role],
            )
    return ModelPair(chosen["source"], chosen["target"])


def known_pair(folder: ProjectFolder, model_name: str) -> dict[str, str]:
    """The identities that a model was begun with, by role; nothing for a model that is new or has no pair.

    Raises:
        ProjectError: Its record is damaged.
    """
    record = _record(folder, model_name)
    return {role: record[role] for role in ("source", "target") if role in record}


def known_pretraining(folder: ProjectFolder, model_name: str) -> tuple[str, ...]:
    """The identities that a model was pretrained on; nothing for any other model.

    Raises:
        ProjectError: Its record is damaged.
    """
    return tuple(_record(folder, model_name).get("pretrained_on", ()))


def known_lineage(folder: ProjectFolder, model_name: str) -> list[dict[str, Any]]:
    """What a model had taken over from others when it was begun, as `training.transfer` writes it.

    Raises:
        ProjectError: Its record is damaged.
        ModelFileError: What it says of its beginning is.
    """
    return lineage_of(_record(folder, model_name))


def keep_record(folder: ProjectFolder, model_name: str, values: Mapping[str, Any]) -> None:
    """Writes what `known_pair`, `known_pretraining` and `known_lineage` read.

    Args:
        folder: The project.
        model_name: The model.
        values: `source` and `target`, or `pretrained_on`; and `lineage`.

    Raises:
        WriteError: The file cannot be written.
    """
    write_text(_record_file(folder, model_name), json.dumps({"schema": "model-1", **values}, indent=1) + "\n")


def _record_file(folder: ProjectFolder, model_name: str) -> Path:
    return folder.model(model_name) / "model.json"


def _record(folder: ProjectFolder, model_name: str) -> dict[str, Any]:
    """What a model was begun with, checked; empty for a new one."""
    path = _record_file(folder, model_name)
    if not path.is_file():
        return {}
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        record: dict[str, Any] = {"lineage": values.get("lineage")}
        if "pretrained_on" in values:
            return record | {"pretrained_on": [str(name) for name in values["pretrained_on"]]}
        return record | {role: str(values[role]) for role in ("source", "target")}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ProjectError(
            f"{path} is damaged. Delete it and name --source and --target again.", path=str(path)
        ) from error


def pair_of_snapshot(facts: Mapping[str, Any], path: Path) -> ModelPair:
    """Whose faces a snapshot swaps.

    Args:
        facts: What the snapshot says of itself.
        path: Where it lies, for the message.

    Raises:
        ModelFileError: It does not say.
    """
    pair = facts.get("identities")
    if pair is None and facts.get("trained_on"):
        raise ModelFileError(
            f"The snapshot in {path} was pretrained on several identities, and swaps none of them. Train a pair that "
            "begins from it: understudy train NAME --init-from SNAPSHOT",
            path=str(path),
        )
    if not isinstance(pair, dict) or not {"source", "target"} <= set(pair):
        raise ModelFileError(
            f"The snapshot in {path} does not say whose face it paints; train it again.", path=str(path)
        )
    return ModelPair(str(pair["source"]), str(pair["target"]))


def _only_identity(folder: ProjectFolder, role: str) -> str:
    names = [name for name, entry in folder.project.identities.items() if entry.role == role]
    if len(names) == 1:
        return names[0]
    if not names:
        ending = " --synthetic (or --consent FILE)" if role == "source" else ""
        raise ProjectError(
            f"The project has no {role} identity. Add one with: understudy identity add NAME --role {role}{ending}",
            role=role,
        )
    raise ProjectError(
        f"The project has several {role} identities ({', '.join(sorted(names))}); say which with --{role} NAME.",
        role=role,
    )
