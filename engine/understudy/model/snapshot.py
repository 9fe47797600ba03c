"""A trained swap model as a file: weights, the preset that says how to build it, and what must be known to use it.

A weights file is the same with some parts only, to give away: it starts other models, and swaps nothing itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from understudy.errors import ModelFileError, SettingsError
from understudy.model.parts import child_of, children_of, shapes_of
from understudy.model.swap_model import SwapModel, build_model
from understudy.model.tensor_file import read_record, read_tensors, schema_of, tensors_sha256, write_tensors
from understudy.settings.network import ModelSettings
from understudy.settings.preset import Preset, preset_from_json

__all__ = [
    "WEIGHTS_SCHEMA",
    "Snapshot",
    "chosen_snapshot",
    "expect_fit",
    "model_hash",
    "newest_snapshot",
    "read_facts",
    "read_snapshot",
    "read_start",
    "write_snapshot",
    "write_weights",
]

WEIGHTS_SCHEMA = "weights-1"
"""Of files that hold some parts of a model, or all, to give away."""

_MOST_TOLD = 500
_SCHEMA = "snapshot-1"
_NAMES = {_SCHEMA: "snapshot", WEIGHTS_SCHEMA: "weights file"}


@dataclass(frozen=True, eq=False)
class Snapshot:
    """What you swap with, or what other models start from.

    Attributes:
        weights: Tensor of every weight, float32 on the CPU, by its name in the model; of a weights file, those of its
            parts.
        preset_json: The preset that the model was built and trained with, as `Preset.to_json` wrote it.
        facts: Plain values that whoever trained has put beside it, such as the training space; not looked into here.
        hash: `model_hash` of the weights.
    """

    weights: Mapping[str, Tensor]
    preset_json: str
    facts: Mapping[str, Any]
    hash: str

    @property
    def preset(self) -> Preset:
        """The preset, validated."""
        return preset_from_json(self.preset_json, "the snapshot")

    def build(self) -> SwapModel:
        """A new model with these weights on the CPU, ready to swap: in evaluation mode, without gradients.

        All weights must be there: `read_snapshot` has seen to it.
        """
        with torch.device("meta"):
            model = build_model(self.preset.model)
        model.load_state_dict({name: weight.clone() for name, weight in self.weights.items()}, assign=True)
        return model.requires_grad_(False).eval()


def write_snapshot(path: Path, model: SwapModel, preset: Preset, facts: Mapping[str, Any]) -> None:
    """Writes a snapshot beside its final name, brings it to the disk, and renames it.

    Args:
        path: Where to, `.safetensors`.
        model: On any device.
        preset: The one that the model was built from.
        facts: Plain values to keep beside the weights.

    Raises:
        WriteError: The file cannot be written.
    """
    record = {"preset": json.loads(preset.to_json()), "facts": dict(facts)}
    write_tensors(path, _SCHEMA, model.state_dict(), record)


def write_weights(path: Path, snapshot: Snapshot, children: Iterable[str], facts: Mapping[str, Any]) -> int:
    """Writes some parts of a snapshot as a weights file, whole or not at all, and returns how many tensors they are.

    Args:
        path: Where to, `.safetensors`.
        snapshot: Whose weights.
        children: Which children of the model, whole.
        facts: Plain values to keep beside the weights, in place of the snapshot's.

    Raises:
        WriteError: The file cannot be written.
    """
    wanted = set(children)
    chosen = {name: weight for name, weight in snapshot.weights.items() if child_of(name) in wanted}
    write_tensors(path, WEIGHTS_SCHEMA, chosen, {"preset": json.loads(snapshot.preset_json), "facts": dict(facts)})
    return len(chosen)


def read_snapshot(path: Path) -> Snapshot:
    """The snapshot in a file, checked: whole, ours, and with finite weights that fit its preset.

    Raises:
        ModelFileError: It is missing, damaged, or something else; the message says which.
    """
    return _read(path, _SCHEMA)


def read_start(path: Path) -> Snapshot:
    """What another model can start from, a snapshot or a weights file, checked as `read_snapshot` does.

    Raises:
        ModelFileError: It is missing, damaged, or something else; the message says which.
    """
    return _read(path, _kind_of(path))


def newest_snapshot(folder: Path) -> Path:
    """The newest of a model's snapshots.

    Args:
        folder: The model's, which holds `snapshots/`.

    Raises:
        ModelFileError: There is none.
    """
    found = sorted((folder / "snapshots").glob("iteration-*.safetensors"))
    if not found:
        raise ModelFileError(
            f"Model '{folder.name}' has no snapshot in {folder / 'snapshots'}. Run: understudy train {folder.name}",
            path=str(folder),
        )
    return found[-1]


def chosen_snapshot(folder: Path, which: str | int) -> Path:
    """One of a model's snapshots.

    Args:
        folder: The model's, which holds `snapshots/`.
        which: "newest", "best", or the iteration at which it was written.

    Raises:
        ModelFileError: There is none, or not this one.
    """
    newest = newest_snapshot(folder)
    if which == "newest":
        return newest
    name = f"iteration-{which:09d}" if isinstance(which, int) else which
    path = newest.with_name(f"{name}.safetensors")
    if not path.is_file():
        there = sorted(
            one.stem.removeprefix("iteration-").lstrip("0") or "0" for one in newest.parent.glob("*.safetensors")
        )
        raise ModelFileError(
            f"Model '{folder.name}' has no snapshot '{which}'. There are: newest, {', '.join(there)}.", path=str(path)
        )
    return path


def read_facts(path: Path) -> tuple[Preset, dict[str, Any]]:
    """The preset and the facts of a snapshot or weights file, without its weights; quick, for lists.

    Raises:
        ModelFileError: It is missing, damaged, or something else.
    """
    schema = _kind_of(path)
    return _preset_and_facts(read_record(path, schema, _NAMES[schema]), path, _NAMES[schema])


def model_hash(weights: Mapping[str, Tensor] | SwapModel) -> str:
    """12 hexadecimal digits that stand for these weights, whatever file they lie in and whatever is known of them."""
    state = weights.state_dict() if isinstance(weights, SwapModel) else weights
    return tensors_sha256({name: weight.detach().to("cpu") for name, weight in state.items()})[:12]


def expect_fit(weights: Mapping[str, Tensor], settings: ModelSettings, path: Path, what: str) -> None:
    """Refuses weights that are not those of this model.

    Args:
        weights: By name.
        settings: What they should be the weights of.
        path: Where they come from, for the message.
        what: What the user calls that file.

    Raises:
        ModelFileError: Names, shapes or types differ, or a weight is not finite.
    """
    _expect_shapes(weights, shapes_of(settings), path, what)
    _expect_numbers(weights, path, what)


def _read(path: Path, schema: str) -> Snapshot:
    """Names, shapes and types are held against the preset before a number is read: no header decides how many."""
    what = _NAMES[schema]

    def fits(promised: Mapping[str, Tensor], record: dict[str, Any]) -> None:
        wanted = shapes_of(_preset_and_facts(record, path, what)[0].model)
        if schema == WEIGHTS_SCHEMA:
            held = children_of(promised)
            wanted = {name: shape for name, shape in wanted.items() if child_of(name) in held}
        _expect_shapes(promised, wanted, path, what)

    weights, record = read_tensors(path, schema, what, fits)
    _expect_numbers(weights, path, what)
    preset, facts = _preset_and_facts(record, path, what)
    return Snapshot(weights, preset.to_json(), facts, model_hash(weights))


def _kind_of(path: Path) -> str:
    """The schema of a file that holds weights to start from; a snapshot's for what is none, whose reader says so."""
    return WEIGHTS_SCHEMA if schema_of(path, "snapshot") == WEIGHTS_SCHEMA else _SCHEMA


def _expect_shapes(weights: Mapping[str, Tensor], wanted: Mapping[str, Tensor], path: Path, what: str) -> None:
    strange = sorted(wanted.keys() ^ weights.keys())
    if strange:
        raise _unfit(path, what, f"'{strange[0]}' is {'missing' if strange[0] in wanted else 'not part of it'}")
    for name, weight in weights.items():
        if weight.shape != wanted[name].shape or weight.dtype != wanted[name].dtype:
            found, right = tuple(weight.shape), tuple(wanted[name].shape)
            raise _unfit(path, what, f"'{name}' is {found} {weight.dtype}, not {right} {wanted[name].dtype}")


def _expect_numbers(weights: Mapping[str, Tensor], path: Path, what: str) -> None:
    for name, weight in weights.items():
        if not bool(torch.isfinite(weight).all()):
            raise ModelFileError(
                f"The {what} {path} holds weights that are not numbers, in '{name}'. Use an earlier {what}.",
                path=str(path),
            )


def _preset_and_facts(record: Mapping[str, Any], path: Path, what: str) -> tuple[Preset, dict[str, Any]]:
    facts = record.get("facts")
    if not isinstance(facts, dict):
        raise ModelFileError(f"The {what} {path} says nothing of itself. Train or copy it again.", path=str(path))
    try:
        return preset_from_json(json.dumps(record.get("preset")), f"{what} {path}"), facts
    except SettingsError as error:
        raise ModelFileError(
            f"The {what} cannot be used by this version of Understudy: {error.message[:_MOST_TOLD]}", path=str(path)
        ) from error


def _unfit(path: Path, what: str, how: str) -> ModelFileError:
    return ModelFileError(
        f"The weights in the {what} {path} do not fit its preset: {how[:200]}. Train it again, or use another {what}.",
        path=str(path),
    )
