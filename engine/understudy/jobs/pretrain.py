"""The pretrain job: the facesets of many identities in, a snapshot that new pairs start from out."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from understudy.jobs.asked import pretrained_identities
from understudy.jobs.learning import look_of, open_facesets, prepared_faces, shared_facts
from understudy.jobs.shot import config_of
from understudy.jobs.transfer import begin_or_go_on
from understudy.progress import OnProgress, ignore_progress
from understudy.settings.preset import Preset
from understudy.settings.project import ProjectFolder
from understudy.training.joining import joined_faces
from understudy.training.ranks import ALONE, Ranks
from understudy.training.trainer import TrainingResult, train

__all__ = ["run_pretrain"]

_LOGGER = logging.getLogger(__name__)


def run_pretrain(
    folder: ProjectFolder,
    model_name: str,
    preset: Preset,
    identities: Sequence[str] = (),
    iterations: int | None = None,
    minutes: float | None = None,
    init_from: Sequence[Path] = (),
    on_progress: OnProgress = ignore_progress,
    device: str = "auto",
    parts: Sequence[str] | None = None,
    ranks: Ranks = ALONE,
) -> TrainingResult | None:
    """Trains `models/MODEL` on many identities with one decoder for all, or goes on; None when stopped before it began.

    Encoder and inter learn to describe any face, and the one decoder to paint any face from its description. A pair
    that starts from the snapshot has only to learn how its two faces differ from that. All are shown equally often.

    Args:
        folder: The project.
        model_name: The model.
        preset: As `asked.choose_preset` returns it.
        identities: Whom; as it was begun when empty.
        iterations: Iteration to reach; the preset's when None and `minutes` is None.
        minutes: How long this run trains.
        init_from: Snapshots and weights files that a new model starts from.
        on_progress: Called after each iteration; False saves and stops.
        device: "auto", or a device of PyTorch such as "cpu" or "cuda:1".
        parts: Which parts it takes over; all that fit when None.
        ranks: Which of how many processes this is, that train together; they can speak with each other already.

    Raises:
        UnderstudyError: As `asked.pretrained_identities`, and what `run_train` raises; nothing was overwritten.
    """
    names = pretrained_identities(folder, model_name, identities)
    path = folder.model(model_name)
    transfer, lineage = begin_or_go_on(folder, model_name, preset, {}, init_from, parts)
    facesets = open_facesets(folder, names)
    color = config_of(folder)
    record = {"pretrained_on": names, "lineage": lineage}
    loaded = prepared_faces(
        folder, model_name, facesets, color, preset, record, ranks, on_progress, with_held_out=False
    )
    if loaded is None:
        return None
    faces = list(loaded.learned.values())
    counts = ", ".join(f"{name} ({len(codes)} faces)" for name, codes in loaded.learned.items())
    _LOGGER.info("Model %s is pretrained on %s, preset %s, %d px", model_name, counts, preset.name, preset.model.size)
    half = len(faces) // 2
    return train(
        path,
        preset,
        joined_faces(faces),
        joined_faces(faces[half:] + faces[:half]),
        shared_facts(folder, facesets, loaded, lineage),
        iterations=iterations,
        minutes=minutes,
        device=device,
        transfer=transfer,
        one_decoder=True,
        ranks=ranks,
        look=look_of(color),
        on_progress=on_progress,
    )
