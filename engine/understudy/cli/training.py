"""The command that trains."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
        list[Path] | None,
        typer.Option(
            metavar="FILE", help="Start from a snapshot or weights file of another model; may be given several times."
        ),
    ] = None,
    parts: Annotated[
        str | None,
        typer.Option(
            metavar="PARTS",
            help="What to take of it: encoder,inter,decoder; target or source for one identity's. All that fits, if "
            "left out.",
        ),
    ] = None,
    mapping: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="FROM=TO", help="Whose part becomes whose: source=target, or ann=target."),
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
    from understudy.jobs.transfer import begin_or_go_on
    from understudy.provenance import check_consent

    folder = ProjectFolder.open(context.obj)
    chosen = choose_preset(folder, model, preset, settings or ())
    wanted = parts.split(",") if parts is not None else None
    if (wanted is not None or mapping) and not init_from:
        raise SettingsError("--parts and --map say what is taken from another model: name it with --init-from FILE.")
    if dry_run:
        pair = model_pair(folder, model, source, target)
        check_consent(folder, pair.source)
        counts = [len(Faceset.open(folder.faceset(name)).records) for name in (pair.source, pair.target)]
        say(
            f"would train {folder.model(model)}: {pair.source} ({counts[0]} faces) into {pair.target} "
            f"({counts[1]} faces), preset {chosen.name}, {chosen.model.size} px"
        )
        transfer, _ = begin_or_go_on(folder, model, chosen, vars(pair), init_from or (), wanted, mapping or ())
        for line in transfer.lines() if transfer else ():
            say(line)
        return
    with watching() as on_progress:
        result = run_train(
            folder,
            model,
            chosen,
            source,
            target,
            iterations,
            minutes,
            tuple(init_from or ()),
            on_progress,
            parts=wanted,
            mapping=mapping or (),
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
