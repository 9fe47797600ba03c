"""The train job: two facesets and a preset in, checkpoints, snapshots and previews out."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from understudy import __version__
from understudy.color import ColorConfig, TrainingSpace, pinned_name
from understudy.durable import sweep, write_text
from understudy.faces.alignment import template
from understudy.faces.faceset import Faceset
from understudy.faces.proportion import measured_face_scale
from understudy.jobs.asked import ModelPair, model_pair
from understudy.jobs.faceset_gaps import gaps_between
from understudy.jobs.shot import check_free_space, config_of
from understudy.model.snapshot import write_snapshot
from understudy.model.swap_model import build_model
from understudy.progress import OnProgress, ignore_progress
from understudy.provenance import Consent, check_consent
from understudy.settings.preset import Preset
from understudy.settings.project import ProjectFolder
from understudy.training.checkpoint import saved_path
from understudy.training.loading import load_face_codes
from understudy.training.trainer import CHECKPOINTS, PRESET_NAME, SNAPSHOTS, TrainingResult, train

__all__ = ["run_train"]

_LOGGER = logging.getLogger(__name__)


def run_train(
    folder: ProjectFolder,
    model_name: str,
    preset: Preset,
    source: str | None = None,
    target: str | None = None,
    iterations: int | None = None,
    minutes: float | None = None,
    init_from: Sequence[Path] = (),
    on_progress: OnProgress = ignore_progress,
    device: str = "auto",
) -> TrainingResult | None:
    """Trains `models/MODEL`, or goes on from its last save; None when it was stopped before the first iteration.

    Args:
        folder: The project.
        model_name: The model.
        preset: As `asked.choose_preset` returns it.
        source: Source identity; needed once when the project has several.
        target: Target identity; likewise.
        iterations: Iteration to reach; the preset's when None and `minutes` is None.
        minutes: How long this run trains; time in which it is paused does not count.
        init_from: Snapshots whose fitting weights a new model starts from.
        on_progress: Called after each iteration; False saves and stops.
        device: "auto", or a device of PyTorch such as "cpu" or "cuda:1".

    Raises:
        ConsentError: The source identity may not be used.
        UnderstudyError: Anything else that is wrong; nothing was overwritten.
    """
    path = folder.model(model_name)
    pair = model_pair(folder, model_name, source, target)
    consent = check_consent(folder, pair.source)
    facesets = {identity: Faceset.open(folder.faceset(identity)) for identity in (pair.target, pair.source)}
    for faceset in facesets.values():
        faceset.expect_config(pinned_name(folder.project.ocio))
    check_free_space(folder.path)
    sweep(path, path / CHECKPOINTS, path / SNAPSHOTS)
    color = config_of(folder)
    target_codes = load_face_codes(facesets[pair.target], color, preset, on_progress)
    source_codes = load_face_codes(facesets[pair.source], color, preset, on_progress) if target_codes else None
    if target_codes is None or source_codes is None:
        return None
    for gap in gaps_between(facesets[pair.source], facesets[pair.target]):
        _LOGGER.warning("%s", gap.sentence)
    write_text(path / "model.json", json.dumps({"schema": "model-1", **vars(pair)}, indent=1) + "\n")
    counts = f"{pair.source} ({len(source_codes)} faces) into {pair.target} ({len(target_codes)} faces)"
    where = f"preset {preset.name}, {preset.model.size} px, working space {color.working} of {color.name}"
    _LOGGER.info("Model %s: %s, %s", model_name, counts, where)
    facts = _facts(folder, pair, consent, facesets)
    if preset.model.kind == "identity":
        return _nothing_to_learn(path, preset, facts)
    return train(
        path,
        preset,
        target_codes,
        source_codes,
        facts,
        iterations=iterations,
        minutes=minutes,
        device=device,
        init_from=tuple(init_from),
        picture_from_codes=_picture_from_codes(color),
        on_progress=on_progress,
    )


def _facts(folder: ProjectFolder, pair: ModelPair, consent: Consent, facesets: dict[str, Faceset]) -> dict[str, Any]:
    """What every snapshot says of itself besides weights and preset."""
    return {
        "software": f"understudy {__version__}",
        "ocio": pinned_name(folder.project.ocio),
        "identities": vars(pair),
        "consent": consent.to_json(),
        "alignment_template": np.round(template(), 6).tolist(),
        "face_scale": round(_face_scale(facesets[pair.target], facesets[pair.source]), 4),
        "training_spaces": {
            identity: {name: shot.training.to_json() for name, shot in faceset.shots.items()}
            for identity, faceset in facesets.items()
        },
    }


def _face_scale(target: Faceset, source: Faceset) -> float:
    """How large the source identity's face is to be drawn on the target identity."""
    of_target, of_source = ([record.alignment for record in each.learned.values()] for each in (target, source))
    return measured_face_scale(of_target, of_source)


def _nothing_to_learn(path: Path, preset: Preset, facts: dict[str, Any]) -> TrainingResult:
    """The result for a network that returns its input: a snapshot at once."""
    snapshot = saved_path(path / SNAPSHOTS, 0)
    write_snapshot(snapshot, build_model(preset.model), preset, {**facts, "iteration": 0})
    write_text(path / PRESET_NAME, preset.to_json() + "\n")
    return TrainingResult(0, None, snapshot, None, completed=True, ended_because="there is nothing to learn")


def _picture_from_codes(color: ColorConfig) -> Any:
    neutral = TrainingSpace()

    def picture(codes: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
        return color.display(color.working_from_ap1(neutral.decode(codes)), color.working)

    return picture
