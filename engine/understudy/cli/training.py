"""The command that trains."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from understudy.cli.planning import fitted
from understudy.cli.project import DRY_RUN
from understudy.cli.terminal import PRESET, SETTINGS, Stopped, say, watching
from understudy.errors import SettingsError
from understudy.jobs.asked import ModelPair, TrainingAsked, choose_preset
from understudy.settings.preset import Preset
from understudy.settings.project import ProjectFolder

if TYPE_CHECKING:
    from understudy.training.trainer import TrainingResult

__all__ = ["training"]

training = typer.Typer()

_INIT_FROM = typer.Option(
    metavar="FILE", help="Start from a snapshot or weights file of another model; may be given several times."
)
_PARTS = typer.Option(
    metavar="PARTS",
    help="What to take of it: encoder,inter,decoder; target or source for one identity's. All that fits, if left out.",
)
_MAP = typer.Option("--map", metavar="FROM=TO", help="Whose part becomes whose: source=target, or ann=target.")
_PRETRAIN = typer.Option(
    metavar="NAMES", help="Learn ann,ben,...: several identities at once, for other models to start from."
)
_FIT = typer.Option("--fit", help="Change the preset, as plan says, so that it fits into the device's memory.")
_MEMORY = typer.Option(metavar="AMOUNT", help="With --fit: how much there is, such as 8GiB; all by default.")


@training.command("train")
def train(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="What the model is called.")],
    preset: Annotated[str | None, PRESET] = None,
    source: Annotated[str | None, typer.Option(help="Source identity, when the project has several.")] = None,
    target: Annotated[str | None, typer.Option(help="Target identity, when the project has several.")] = None,
    iterations: Annotated[int | None, typer.Option(min=1, help="Iteration to reach.")] = None,
    minutes: Annotated[float | None, typer.Option(min=0.01, help="How long to train now.")] = None,
    init_from: Annotated[list[Path] | None, _INIT_FROM] = None,
    parts: Annotated[str | None, _PARTS] = None,
    mapping: Annotated[list[str] | None, _MAP] = None,
    pretrain: Annotated[str | None, _PRETRAIN] = None,
    fit: Annotated[bool, _FIT] = False,
    memory: Annotated[str | None, _MEMORY] = None,
    settings: Annotated[list[str] | None, SETTINGS] = None,
    dry_run: Annotated[bool, DRY_RUN] = False,
) -> None:
    """Train a model, or go on training it."""
    from understudy.jobs.training import run_training
    from understudy.model.device import chosen_device
    from understudy.training.ranks import ranks_of_environment

    folder = ProjectFolder.open(context.obj)
    chosen = choose_preset(folder, model, preset, settings or ())
    asked = TrainingAsked(
        model,
        source,
        target,
        tuple(pretrain.split(",")) if pretrain is not None else (),
        tuple(init_from or ()),
        tuple(parts.split(",")) if parts is not None else None,
        tuple(mapping or ()),
    )
    if memory is not None and not fit:
        raise SettingsError("--memory says how much --fit may take: give --fit as well.")
    people = asked.people(folder)
    ranks = ranks_of_environment()
    if fit and ranks.count > 1:
        raise SettingsError(
            "--fit plans for one process, and torchrun has started several. Ask understudy plan what fits, with each "
            "one's share as --batch, and give the whole with --set training.batch."
        )
    if fit:
        chosen = fitted(chosen, memory)
    if dry_run:
        _say_plan(folder, asked, people, chosen)
        return
    with ranks.together(chosen_device(ranks.device("auto"))), watching(quiet=not ranks.is_first) as on_progress:
        result = run_training(folder, asked, chosen, iterations, minutes, on_progress, ranks=ranks)
    if result is None:
        raise Stopped
    if ranks.is_first:
        _say_result(result)


def _say_result(result: TrainingResult) -> None:
    """Says where a run has ended; Stopped when it was stopped."""
    loss = f", loss {result.loss:.4f}" if result.loss is not None else ""
    say(f"iteration {result.iteration}{loss}: {result.ended_because}")
    say(f"snapshot {result.snapshot}")
    if result.preview is not None:
        say(f"preview  {result.preview}")
    if not result.completed:
        raise Stopped


def _say_plan(folder: ProjectFolder, asked: TrainingAsked, people: ModelPair | tuple[str, ...], preset: Preset) -> None:
    """Says what would be trained on whom, and what would be taken from where."""
    from understudy.jobs.learning import expect_learnable, open_facesets
    from understudy.jobs.transfer import begin_or_go_on

    pair = vars(people) if isinstance(people, ModelPair) else {}
    names = (people.source, people.target) if isinstance(people, ModelPair) else people
    facesets = open_facesets(folder, names)
    expect_learnable(folder, asked.model, facesets, preset)
    sets = [f"{name} ({len(faceset.learned)} faces)" for name, faceset in facesets.items()]
    who = (" into " if pair else " and ").join(sets)
    say(f"would train {folder.model(asked.model)}: {who}, preset {preset.name}, {preset.model.size} px")
    transfer, _ = begin_or_go_on(folder, asked.model, preset, pair, asked.init_from, asked.parts, asked.mapping)
    for line in transfer.lines() if transfer else ():
        say(line)
