"""The train job: two facesets and a preset in, checkpoints, snapshots and previews out."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from understudy.jobs.asked import ModelPair, keep_record, model_pair
from understudy.jobs.faceset_gaps import gaps_between
from understudy.jobs.shot import check_free_space, config_of
from understudy.jobs.transfer import begin_or_go_on
from understudy.model.snapshot import write_snapshot
from understudy.model.swap_model import build_model
from understudy.progress import OnProgress, ignore_progress
from understudy.provenance import check_consent, person_in
from understudy.settings.preset import Preset
from understudy.settings.project import ProjectFolder
from understudy.training.batches import FaceCodes
from understudy.training.checkpoint import saved_path
from understudy.training.loading import load_face_codes
from understudy.training.preview import Look
from understudy.training.ranks import ALONE, Ranks
from understudy.training.trainer import CHECKPOINTS, PRESET_NAME, SNAPSHOTS, TrainingResult, train
from understudy.training.validation import HeldOut

__all__ = ["look_of", "run_train", "shared_facts"]

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
    path = folder.model(model_name)
    pair = model_pair(folder, model_name, source, target)
    consent = check_consent(folder, pair.source)
    transfer, lineage = begin_or_go_on(folder, model_name, preset, vars(pair), init_from, parts, mapping)
    facesets = {identity: Faceset.open(folder.faceset(identity)) for identity in (pair.target, pair.source)}
    for faceset in facesets.values():
        faceset.expect_config(pinned_name(folder.project.ocio))
    check_free_space(folder.path)
    color = config_of(folder)
    with ranks.first_goes_ahead():
        if ranks.is_first:
            sweep(path, path / CHECKPOINTS, path / SNAPSHOTS)
        faces = _load_pair(facesets, pair, color, preset, on_progress)
        if faces is not None and ranks.is_first:
            keep_record(folder, model_name, {**vars(pair), "lineage": lineage})
    if not ranks.all_agree(faces is not None) or faces is None:
        return None
    for gap in gaps_between(facesets[pair.source], facesets[pair.target]):
        _LOGGER.warning("%s", gap.sentence)
    counts = f"{pair.source} ({len(faces.source)} faces) into {pair.target} ({len(faces.target)} faces)"
    where = f"preset {preset.name}, {preset.model.size} px, working space {color.working} of {color.name}"
    _LOGGER.info("Model %s: %s, %s", model_name, counts, where)
    people = [
        person_in(folder, name, len(codes))
        for name, codes in ((pair.target, faces.target), (pair.source, faces.source))
    ]
    facts = {
        **shared_facts(folder, facesets, people, lineage),
        "identities": vars(pair),
        "consent": consent.to_json(),
        "face_scale": round(_face_scale(facesets[pair.target], facesets[pair.source]), 4),
    }
    if preset.model.kind == "identity":
        return _nothing_to_learn(path, preset, facts)
    return train(
        path,
        preset,
        faces.target,
        faces.source,
        facts,
        iterations=iterations,
        minutes=minutes,
        device=device,
        transfer=transfer,
        held_out=faces.held_out,
        ranks=ranks,
        look=look_of(color),
        on_progress=on_progress,
    )


@dataclass(frozen=True, eq=False)
class _PairOfFaces:
    """What a pair is learned from, and what it is measured on."""

    target: FaceCodes
    source: FaceCodes
    held_out: HeldOut


def _load_pair(
    facesets: Mapping[str, Faceset], pair: ModelPair, color: ColorConfig, preset: Preset, on_progress: OnProgress
) -> _PairOfFaces | None:
    """The faces of both identities; None when it was stopped."""
    learned, held_out = [], []
    for faceset in (facesets[pair.target], facesets[pair.source]):
        faces = load_face_codes(faceset, color, preset, on_progress)
        if faces is None:
            return None
        learned.append(faces)
    for faceset in (facesets[pair.target], facesets[pair.source]):
        kept = load_face_codes(faceset, color, preset, on_progress, held_out=True) if faceset.held_out else None
        if kept is None and faceset.held_out:
            return None
        held_out.append(kept)
    return _PairOfFaces(learned[0], learned[1], HeldOut(*held_out))


def shared_facts(
    folder: ProjectFolder,
    facesets: Mapping[str, Faceset],
    people: Sequence[Mapping[str, Any]],
    lineage: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """What the snapshots of a pair and of many identities alike say of themselves besides weights and preset.

    Args:
        folder: The project.
        facesets: Of everybody that is learned from, by name.
        people: The same, as `provenance.person_in` says them.
        lineage: What the model was begun from.
    """
    return {
        "software": f"understudy {__version__}",
        "ocio": pinned_name(folder.project.ocio),
        "trained_on": list(people),
        "lineage": list(lineage),
        "alignment_template": np.round(template(), 6).tolist(),
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


def look_of(color: ColorConfig) -> Look:
    """How codes are looked at: as of a shot that needs no gains, in the project's working space."""
    neutral = TrainingSpace()

    def light(codes: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return color.working_from_ap1(neutral.decode(codes))

    def picture(codes: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
        return color.display(light(codes), color.working)

    return Look(picture, light, color.attributes(color.working))
