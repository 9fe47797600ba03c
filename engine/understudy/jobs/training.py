"""The training job as commands and hosts ask for it: of a pair, or of several identities."""

from __future__ import annotations

from understudy.jobs.asked import ModelPair, TrainingAsked
from understudy.jobs.pretrain import run_pretrain
from understudy.jobs.train import run_train
from understudy.progress import OnProgress, ignore_progress
from understudy.settings.preset import Preset
from understudy.settings.project import ProjectFolder
from understudy.training.ranks import ALONE, Ranks
from understudy.training.trainer import TrainingResult

__all__ = ["run_training"]


def run_training(
    folder: ProjectFolder,
    asked: TrainingAsked,
    preset: Preset,
    iterations: int | None = None,
    minutes: float | None = None,
    on_progress: OnProgress = ignore_progress,
    device: str = "auto",
    ranks: Ranks = ALONE,
) -> TrainingResult | None:
    """Trains `models/MODEL`, or goes on from its last save; None when it was stopped before the first iteration.

    Args:
        folder: The project.
        asked: Whose faces, and what a new model starts from.
        preset: As `asked.choose_preset` returns it.
        iterations: Iteration to reach; the preset's when None and `minutes` is None.
        minutes: How long this run trains; time in which it is paused does not count.
        on_progress: Called after each iteration; False saves and stops.
        device: "auto", or a device of PyTorch such as "cpu" or "cuda:1".
        ranks: Which of how many processes this is, that train together; they can speak with each other already.

    Raises:
        UnderstudyError: As `TrainingAsked.people`, `run_train` and `run_pretrain`; nothing was overwritten.
    """
    people = asked.people(folder)
    if isinstance(people, ModelPair):
        return run_train(
            folder,
            asked.model,
            preset,
            people.source,
            people.target,
            iterations,
            minutes,
            asked.init_from,
            on_progress,
            device,
            asked.parts,
            asked.mapping,
            ranks,
        )
    return run_pretrain(
        folder,
        asked.model,
        preset,
        people,
        iterations,
        minutes,
        asked.init_from,
        on_progress,
        device,
        asked.parts,
        ranks,
    )
