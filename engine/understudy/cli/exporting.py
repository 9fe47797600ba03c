"""Commands that make model files for others: weights to start from, and the network for another program."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from understudy.cli.project import DRY_RUN
from understudy.cli.terminal import say
from understudy.settings.project import ProjectFolder

__all__ = ["export"]

export = typer.Typer(help="Model files for others.", no_args_is_help=True)

LICENCE = typer.Option(metavar="TEXT", help="What the receiver may do with it: a licence's name or address.")
ANONYMOUS = typer.Option("--anonymous", help="Name no person and no production in the card.")


@export.command("weights")
def export_weights_command(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="The model; its newest snapshot is taken.")],
    out: Annotated[Path, typer.Option(metavar="FILE.safetensors", help="The file to write.")],
    parts: Annotated[
        str, typer.Option(metavar="PARTS", help="encoder,inter,decoder; target or source for one identity's; or all.")
    ] = "encoder",
    licence: Annotated[str, LICENCE] = "",
    anonymous: Annotated[bool, ANONYMOUS] = False,
    dry_run: Annotated[bool, DRY_RUN] = False,
) -> None:
    """Write parts of a model to give away, with a card; others start from them with train --init-from."""
    from understudy.jobs.export import export_weights

    folder = ProjectFolder.open(context.obj)
    made = export_weights(folder, model, out, parts.split(","), licence, anonymous, dry_run)
    say(f"{'would write ' if dry_run else ''}{made.path}: {', '.join(made.children)}, {made.tensors} tensors")
    say(f"{'would write ' if dry_run else ''}{made.card}")
    say(f"consent: {made.consent}")
