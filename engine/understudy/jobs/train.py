"""The train job: two facesets and a preset in, checkpoints, snapshots and previews out."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from understudy.durable import write_text
from understudy.faces.faceset import Faceset
from understudy.faces.proportion import measured_face_scale
from understudy.jobs.asked import model_pair
from understudy.jobs.faceset_gaps import gaps_between
from understudy.jobs.found_tracks import warn_of_another
from understudy.jobs.learning import look_of, open_facesets, prepared_faces, shared_facts
from understudy.jobs.shot import config_of
from understudy.jobs.transfer import begin_or_go_on
from understudy.model.snapshot import write_snapshot
from understudy.model.swap_model import build_model
from understudy.progress import OnProgress, ignore_progress
from understudy.provenance import check_consent
from understudy.settings.preset import Preset
from understudy.settings.project import ProjectFolder
from understudy.training.checkpoint import saved_path
from understudy.training.ranks import ALONE, Ranks
from understudy.training.trainer import PRESET_NAME, SNAPSHOTS, TrainingResult, train
from understudy.training.validation import HeldOut

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
    parts: Sequence[str] | None = None,
    mapping: Sequence[str] = (),
    ranks: Ranks = ALONE,
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
        init_from: Snapshots and weights files that a new model starts from, the most important first.
        on_progress: Called after each iteration; False saves and stops.
        device: "auto", or a device of PyTorch such as "cpu" or "cuda:1".
        parts: Which parts it takes over, all of which must fit; all that fit when None.
        mapping: `FROM=TO` for whose part becomes whose; as in `training.transfer.plan_transfer`.
        ranks: Which of how many processes this is, that train together; they can speak with each other already.

    Raises:
        ConsentError: The source identity may not be used, or somebody in a decoder that is taken over.
        UnderstudyError: Anything else that is wrong; nothing was overwritten.
    """
    pair = model_pair(folder, model_name, source, target)
    consent = check_consent(folder, pair.source)
    transfer, lineage = begin_or_go_on(folder, model_name, preset, vars(pair), init_from, parts, mapping)
    facesets = open_facesets(folder, (pair.target, pair.source))
    color = config_of(folder)
    record = {**vars(pair), "lineage": lineage}
    faces = prepared_faces(folder, model_name, facesets, color, preset, record, ranks, on_progress)
    if faces is None:
        return None
    target_set, source_set = facesets[pair.target], facesets[pair.source]
    for faceset in facesets.values():
        warn_of_another(folder, faceset)
    for gap in gaps_between(source_set, target_set):
        _LOGGER.warning("%s", gap.sentence)
    who = " into ".join(f"{name} ({len(faces.learned[name])} faces)" for name in (pair.source, pair.target))
    where = f"preset {preset.name}, {preset.model.size} px, working space {color.working} of {color.name}"
    _LOGGER.info("Model %s: %s, %s", model_name, who, where)
    own = {"identities": vars(pair), "consent": consent.to_json(), "face_scale": _face_scale(target_set, source_set)}
    facts = shared_facts(folder, facesets, faces, lineage) | own
    if preset.model.kind == "identity":
        return _nothing_to_learn(folder.model(model_name), preset, facts)
    return train(
        folder.model(model_name),
        preset,
        faces.learned[pair.target],
        faces.learned[pair.source],
        facts,
        iterations=iterations,
        minutes=minutes,
        device=device,
        transfer=transfer,
        held_out=HeldOut(faces.held_out.get(pair.target), faces.held_out.get(pair.source)),
        ranks=ranks,
        look=look_of(color),
        on_progress=on_progress,
    )


def _face_scale(target: Faceset, source: Faceset) -> float:
    """How large the source identity's face is to be drawn on the target identity."""
    of_target, of_source = ([record.alignment for record in each.learned.values()] for each in (target, source))
    return round(measured_face_scale(of_target, of_source), 4)


def _nothing_to_learn(path: Path, preset: Preset, facts: dict[str, Any]) -> TrainingResult:
    """The result for a network that returns its input: a snapshot at once."""
    snapshot = saved_path(path / SNAPSHOTS, 0)
    write_snapshot(snapshot, build_model(preset.model), preset, {**facts, "iteration": 0})
    write_text(path / PRESET_NAME, preset.to_json() + "\n")
    return TrainingResult(0, None, snapshot, None, completed=True, ended_because="there is nothing to learn")
