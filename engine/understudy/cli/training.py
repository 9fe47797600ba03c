"""The command that trains."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from understudy.cli.planning import fitted
from understudy.cli.project import DRY_RUN
from understudy.cli.terminal import Stopped, say, watching
from understudy.errors import SettingsError
from understudy.jobs.asked import choose_preset, model_pair
from understudy.settings.project import ProjectFolder

__all__ = ["training"]

training = typer.Typer()


@training.command("train")
def train(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="What the model is called.")],
    preset: Annotated[str | None, typer.Option(metavar="NAME", help="See: understudy presets")] = None,
    source: Annotated[str | None, typer.Option(help="Source identity, when the project has several.")] = None,
    target: Annotated[str | None, typer.Option(help="Target identity, when the project has several.")] = None,
    iterations: Annotated[int | None, typer.Option(min=1, help="Iteration to reach.")] = None,
    minutes: Annotated[float | None, typer.Option(min=0.01, help="How long to train now.")] = None,
    init_from: Annotated[
        list[Path] | None, typer.Option(metavar="SNAPSHOT", help="Start from the weights of another model.")
    ] = None,
    fit: Annotated[
        bool, typer.Option("--fit", help="Change the preset, as plan says, so that it fits into the device's memory.")
    ] = False,
    memory: Annotated[
        str | None, typer.Option(metavar="AMOUNT", help="With --fit: how much there is, such as 8GiB; all by default.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=VALUE", help="Changes one setting; may be given several times."),
    ] = None,
    dry_run: Annotated[bool, DRY_RUN] = False,
) -> None:
    """Train a model, or go on training it."""
    from understudy.faces.faceset import Faceset
    from understudy.jobs.train import run_train
    from understudy.provenance import check_consent

    folder = ProjectFolder.open(context.obj)
    chosen = choose_preset(folder, model, preset, settings or ())
    if fit:
        chosen = fitted(chosen, memory)
    elif memory is not None:
        raise SettingsError("--memory says how much --fit may take: give --fit as well.")
    if dry_run:
        pair = model_pair(folder, model, source, target)
        check_consent(folder, pair.source)
        counts = [len(Faceset.open(folder.faceset(name)).records) for name in (pair.source, pair.target)]
        say(
            f"would train {folder.model(model)}: {pair.source} ({counts[0]} faces) into {pair.target} "
            f"({counts[1]} faces), preset {chosen.name}, {chosen.model.size} px"
        )
        return
    with watching() as on_progress:
        result = run_train(
            folder, model, chosen, source, target, iterations, minutes, tuple(init_from or ()), on_progress
        )
    if result is None:
        raise Stopped
    loss = f", loss {result.loss:.4f}" if result.loss is not None else ""
    say(f"iteration {result.iteration}{loss}: {result.ended_because}")
    say(f"snapshot {result.snapshot}")
    if result.preview is not None:
        say(f"preview  {result.preview}")
    if not result.completed:
        raise Stopped
