"""What training resumes from: weights, their average, and the optimiser's memory, one file for each time it was saved.

Random draws are keyed by the iteration (batches.py), so a checkpoint needs no state of a random generator. What else
the next iteration depends on is its `Standing`.
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from understudy.errors import ModelFileError, SettingsError
from understudy.model.snapshot import expect_fit
from understudy.model.swap_model import SwapModel
from understudy.model.tensor_file import read_record, read_tensors, write_tensors
from understudy.settings.differences import told_differences
from understudy.settings.preset import Preset, preset_from_json
from understudy.training.optimiser import load_memory, memory_tensors
from understudy.training.standing import Standing

__all__ = ["Resumed", "expect_network", "is_begun", "keep_newest", "resume", "save_checkpoint", "saved_path"]

_SCHEMA = "checkpoint-1"
_NAME = re.compile(r"iteration-(\d{9})\.safetensors")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Resumed:
    """Where training goes on.

    Attributes:
        standing: Iteration, phase, and what else the next iteration depends on.
        path: The checkpoint.
    """

    standing: Standing
    path: Path

    @property
    def iteration(self) -> int:
        """How many iterations the weights have seen."""
        return self.standing.iteration


def saved_path(folder: Path, iteration: int) -> Path:
    """The checkpoint or snapshot of an iteration in its folder."""
    return folder / f"iteration-{iteration:09d}.safetensors"


def save_checkpoint(
    folder: Path,
    standing: Standing,
    model: SwapModel,
    average: SwapModel,
    optimizer: torch.optim.Optimizer,
    preset: Preset,
) -> Path:
    """Writes the checkpoint of an iteration, whole or not at all, and returns its path.

    Args:
        folder: For checkpoints.
        standing: Where training stands.
        model: The weights that are learning.
        average: Their running average.
        optimizer: Over the model's weights.
        preset: That the model was built from.

    Raises:
        WriteError: The file cannot be written.
    """
    tensors = {f"model/{name}": value for name, value in model.state_dict().items()}
    tensors |= {f"average/{name}": value for name, value in average.state_dict().items()}
    tensors |= memory_tensors(optimizer, model)
    path = saved_path(folder, standing.iteration)
    record = {"iteration": standing.iteration, "standing": standing.to_json(), "preset": json.loads(preset.to_json())}
    write_tensors(path, _SCHEMA, tensors, record)
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
        optimizer: Over the model's weights; changed.
        preset: The model is refused when its network is not the one that the checkpoint was made with.

    Raises:
        ModelFileError: There are checkpoints, and none can be read.
        SettingsError: The newest readable one is of another network.
    """
    paths = _checkpoints(folder)
    for path in reversed(paths):
        try:
            tensors, record = read_tensors(path, _SCHEMA, "checkpoint")
            standing = _standing(record, path)
            _expect_same_network(preset, record["preset"], path)
            for kind in ("model", "average"):
                expect_fit(_part(tensors, kind), preset.model, path, "checkpoint")
        except ModelFileError as error:
            _log.warning("Passed over: %s", error)
            continue
        model.load_state_dict(_part(tensors, "model"))
        average.load_state_dict(_part(tensors, "average"))
        load_memory(optimizer, model, tensors)
        return Resumed(standing, path)
    if paths:
        raise ModelFileError(
            f"None of the {len(paths)} checkpoints in {folder} can be read. Move the folder away to begin anew.",
            path=str(folder),
        )
    return None


def expect_network(folder: Path, preset: Preset) -> None:
    """Returns when what a folder's newest readable checkpoint was made with is a preset's network, or it has none.

    Raises:
        SettingsError: It is another network.
    """
    for path in reversed(_checkpoints(folder)):
        with contextlib.suppress(ModelFileError):
            record = read_record(path, _SCHEMA, "checkpoint")
            _standing(record, path)
            _expect_same_network(preset, record["preset"], path)
            return


def is_begun(folder: Path) -> bool:
    """True when a folder holds a checkpoint, damaged or not, so that training does not begin anew."""
    return bool(_checkpoints(folder))


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
    trained = preset_from_json(json.dumps(saved), str(path))
    beside = {"checkpoint_levels"}  # what is computed twice changes no weight
    if trained.model.model_dump(exclude=beside) != preset.model.model_dump(exclude=beside):
        raise SettingsError(
            f"{path} was trained with another network (preset '{trained.name}') than '{preset.name}': "
            f"{told_differences(trained.model, preset.model, 'model')}. Go on with its own preset, or train another "
            "model.",
            path=str(path),
        )


def _standing(record: Mapping[str, Any], path: Path) -> Standing:
    """Where a checkpoint stands; early ones say the iteration alone."""
    try:
        if not isinstance(record["preset"], dict):
            raise TypeError("its preset is no mapping")
        return Standing.from_json(record.get("standing", {"iteration": record["iteration"]}))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelFileError(
            f"The checkpoint {path} does not say where it stands. Use an earlier one, or copy it again.", path=str(path)
        ) from error
