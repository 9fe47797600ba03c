"""What training resumes from: weights, their average, and the optimiser's memory, one file for each time it was saved.

Random draws are keyed by the iteration (batches.py), so a checkpoint needs no state of a random generator.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from understudy.errors import ModelFileError, SettingsError
from understudy.model.snapshot import expect_fit, read_snapshot
from understudy.model.swap_model import SwapModel
from understudy.model.tensor_file import read_tensors, write_tensors
from understudy.settings.preset import Preset, preset_from_json

__all__ = ["Resumed", "begin_from", "keep_newest", "resume", "save_checkpoint", "saved_path"]

_SCHEMA = "checkpoint-1"
_NAME = re.compile(r"iteration-(\d{9})\.safetensors")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Resumed:
    """Where training goes on.

    Attributes:
        iteration: How many iterations the weights have seen.
        path: The checkpoint.
    """

    iteration: int
    path: Path


def saved_path(folder: Path, iteration: int) -> Path:
    """The checkpoint or snapshot of an iteration in its folder."""
    return folder / f"iteration-{iteration:09d}.safetensors"


def save_checkpoint(
    folder: Path,
    iteration: int,
    model: SwapModel,
    average: SwapModel,
    optimizer: torch.optim.Optimizer,
    preset: Preset,
) -> Path:
    """Writes the checkpoint of an iteration, whole or not at all, and returns its path.

    Args:
        folder: For checkpoints.
        iteration: How many iterations the weights have seen.
        model: The weights that are learning.
        average: Their running average.
        optimizer: AdamW over `model.parameters()`, in that order.
        preset: That the model was built from.

    Raises:
        WriteError: The file cannot be written.
    """
    tensors = {f"model/{name}": value for name, value in model.state_dict().items()}
    tensors |= {f"average/{name}": value for name, value in average.state_dict().items()}
    for name, parameter in model.named_parameters():
        memory: Mapping[str, Tensor] = optimizer.state.get(parameter, {})
        tensors |= {f"optimizer/{key}/{name}": value for key, value in memory.items()}
    path = saved_path(folder, iteration)
    write_tensors(path, _SCHEMA, tensors, {"iteration": iteration, "preset": json.loads(preset.to_json())})
    return path


def resume(
    folder: Path, model: SwapModel, average: SwapModel, optimizer: torch.optim.Optimizer, preset: Preset
) -> Resumed | None:
    """Puts the newest checkpoint that can be read into model, average and optimiser; None when there is none at all.

    A checkpoint that is damaged is passed over with a warning in the log, and the one before it is taken.

    Args:
        folder: For checkpoints; need not exist.
        model: Built from `preset`; changed.
        average: The same.
        optimizer: AdamW over `model.parameters()`; changed.
        preset: The model is refused when its network is not the one that the checkpoint was made with.

    Raises:
        ModelFileError: There are checkpoints, and none can be read.
        SettingsError: The newest readable one is of another network.
    """
    paths = _checkpoints(folder)
    for path in reversed(paths):
        try:
            tensors, record = read_tensors(path, _SCHEMA, "checkpoint")
            iteration = record.get("iteration")
            if not isinstance(iteration, int) or not isinstance(record.get("preset"), dict):
                raise ModelFileError(f"The checkpoint {path} does not say where it stands.", path=str(path))
            _expect_same_network(preset, record["preset"], path)
            for kind in ("model", "average"):
                expect_fit(_part(tensors, kind), preset.model, path, "checkpoint")
        except ModelFileError as error:
            _log.warning("Passed over: %s", error)
            continue
        model.load_state_dict(_part(tensors, "model"))
        average.load_state_dict(_part(tensors, "average"))
        _load_optimizer(optimizer, model, tensors)
        return Resumed(iteration, path)
    if paths:
        raise ModelFileError(
            f"None of the {len(paths)} checkpoints in {folder} can be read. Move the folder away to begin anew.",
            path=str(folder),
        )
    return None


def begin_from(model: SwapModel, paths: Sequence[Path]) -> None:
    """Takes over what fits from the snapshots of other models: of each weight, the first of its name and shape.

    Args:
        model: Changed.
        paths: Snapshots, the most important first.

    Raises:
        ModelFileError: A snapshot cannot be read, or nothing in it fits.
    """
    state = model.state_dict()
    taken: dict[str, Tensor] = {}
    for path in paths:
        weights = read_snapshot(path).weights
        fitting = {name: value for name, value in weights.items() if name in state and state[name].shape == value.shape}
        if not fitting:
            raise ModelFileError(
                f"Nothing in the snapshot {path} fits this network. Begin from a model of the same preset.",
                path=str(path),
            )
        _log.info("Begins from %s: %d of %d weights fit.", path, len(fitting), len(state))
        taken = fitting | taken
    model.load_state_dict(taken, strict=False)


def keep_newest(folder: Path, count: int) -> None:
    """Deletes all but the newest `count` checkpoints, or snapshots, of a folder; other files stay."""
    for path in _checkpoints(folder)[:-count]:
        path.unlink(missing_ok=True)


def _checkpoints(folder: Path) -> list[Path]:
    """Oldest first."""
    return sorted(path for path in folder.glob("iteration-*.safetensors") if _NAME.fullmatch(path.name))


def _part(tensors: Mapping[str, Tensor], kind: str) -> dict[str, Tensor]:
    return {name.removeprefix(f"{kind}/"): value for name, value in tensors.items() if name.startswith(f"{kind}/")}


def _expect_same_network(preset: Preset, saved: dict[str, Any], path: Path) -> None:
    network = preset_from_json(json.dumps(saved), str(path)).model
    beside = {"checkpoint_levels"}  # what is computed twice changes no weight
    if network.model_dump(exclude=beside) != preset.model.model_dump(exclude=beside):
        raise SettingsError(
            f"{path} was trained with another network (preset '{saved.get('name')}', {network.size} px) than "
            f"'{preset.name}', {preset.model.size} px. Go on with its own preset, or train another model.",
            path=str(path),
        )


def _load_optimizer(optimizer: torch.optim.Optimizer, model: SwapModel, tensors: Mapping[str, Tensor]) -> None:
    """Through the optimiser's own `load_state_dict`, which brings the memory to the weights' device."""
    state: dict[int, dict[str, Tensor]] = {}
    for number, (name, parameter) in enumerate(model.named_parameters()):
        memory = {key: tensors.get(f"optimizer/{key}/{name}") for key in ("step", "exp_avg", "exp_avg_sq")}
        if all(value is not None for value in memory.values()):
            state[number] = {key: value for key, value in memory.items() if value is not None}
            if state[number]["exp_avg"].shape != parameter.shape:
                raise ModelFileError(f"The checkpoint's memory of '{name}' has another shape. Train another model.")
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
