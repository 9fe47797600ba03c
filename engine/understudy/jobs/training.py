"""The training job as commands and hosts ask for it: of a pair, or of several identities."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from understudy.errors import ProjectError, WriteError
from understudy.jobs.asked import ModelPair, TrainingAsked
from understudy.jobs.pretrain import run_pretrain
from understudy.jobs.train import run_train
from understudy.lock import ProcessLock
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
        ProjectError: Another process trains this model.
        UnderstudyError: As `TrainingAsked.people`, `run_train` and `run_pretrain`; nothing was overwritten.
    """
    people = asked.people(folder)
    with _sole_trainer(folder, asked.model) if ranks.is_first else nullcontext():
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


@contextmanager
def _sole_trainer(folder: ProjectFolder, model_name: str) -> Iterator[None]:
    """Nobody else trains this model inside: two would write one log, and delete each other's checkpoints.

    Raises:
        ProjectError: Somebody else does.
        WriteError: The project cannot be written.
    """
    path = folder.model(model_name).with_name(f".{model_name}.lock")
    lock = ProcessLock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        is_held = lock.take()
    except OSError as error:
        raise WriteError(f"{path.parent} cannot be written: {error.strerror or error}.", path=str(path)) from error
    if not is_held and not lock.fault:
        raise ProjectError(
            f"Model '{model_name}' is being trained already, by process {lock.said()}. Wait for it, stop it, or train "
            "another model.",
            path=str(path),
        )
    try:
        yield
    finally:
        lock.release()
