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
from understudy.provenance import check_consent, lineage_of
from understudy.settings.preset import Preset, load_preset, preset_from_json
from understudy.settings.project import ProjectFolder

__all__ = [
    "ModelPair",
    "TrainingAsked",
    "choose_preset",
    "keep_record",
    "known_lineage",
    "known_pair",
    "known_pretraining",
    "model_pair",
    "pair_of_snapshot",
    "pretrained_identities",
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


@dataclass(frozen=True)
class TrainingAsked:
    """Whose faces a model shall learn, and what a new one starts from.

    Attributes:
        model: Its name.
        source: Source identity; None for the one that it has, or that the project has.
        target: Target identity; likewise.
        pretrain: Several identities instead of a pair; empty to go on with those that it has.
        init_from: Snapshots and weights files that a new model starts from, the most important first.
        parts: Which parts of them, all of which must fit; all that fit when None.
        mapping: `FROM=TO` for whose part becomes whose; as in `training.transfer.plan_transfer`.
    """

    model: str
    source: str | None = None
    target: str | None = None
    pretrain: tuple[str, ...] = ()
    init_from: tuple[Path, ...] = ()
    parts: tuple[str, ...] | None = None
    mapping: tuple[str, ...] = ()

    def people(self, folder: ProjectFolder) -> ModelPair | tuple[str, ...]:
        """The pair, or the identities of a pretraining; whoever is painted has consented or is synthetic.

        Raises:
            SettingsError: What was asked does not go together.
            UnknownNameError: An identity does not exist.
            ProjectError: The model was begun otherwise, or the project has several pairs.
            ConsentError: Somebody has not consented.
        """
        if (self.parts is not None or self.mapping) and not self.init_from:
            raise SettingsError(
                "--parts and --map say what is taken from another model: name it with --init-from FILE."
            )
        if self.pretrain or known_pretraining(folder, self.model):
            if self.source or self.target or self.mapping:
                raise SettingsError("A model of several identities has no --source, --target and --map.")
            return pretrained_identities(folder, self.model, self.pretrain)
        pair = model_pair(folder, self.model, self.source, self.target)
        check_consent(folder, pair.source)
        return pair


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


def pretrained_identities(folder: ProjectFolder, model_name: str, identities: Sequence[str]) -> tuple[str, ...]:
    """Whom a model is pretrained on: as it was begun, else as said; everybody has consented or is synthetic.

    Args:
        folder: The project.
        model_name: The model.
        identities: As said; empty to go on.

    Raises:
        SettingsError: Fewer than two were said, or one twice.
        UnknownNameError: An identity does not exist.
        ProjectError: The model was begun otherwise.
        ConsentError: Somebody has not consented; target identities are asked too, because they will be painted.
    """
    known = known_pretraining(folder, model_name)
    chosen = tuple(identities) or known
    if known_pair(folder, model_name) or (known and set(chosen) != set(known)):
        of = f"pretrained on {', '.join(known)}" if known else "trained for a pair"
        raise ProjectError(f"Model '{model_name}' was {of}. Name another model.", model=model_name)
    if len(chosen) < 2 or len(set(chosen)) != len(chosen):
        raise SettingsError("Pretraining needs several identities, each once: --pretrain ann,ben,cas")
    for identity in chosen:
        check_consent(folder, identity)
    return known or chosen


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
