"""Commands that make model files for others: weights to start from, and the network for another program."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

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


@export.command("model")
def export_model_command(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="The model; its newest snapshot is taken.")],
    kind: Annotated[Literal["torchscript", "onnx"], typer.Option("--format", help="What to write.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The file to write: FILE.pt, or FILE.onnx.")],
    size: Annotated[
        int | None, typer.Option(min=64, max=2048, help="Side in pixels, where the network can do others than its own.")
    ] = None,
    licence: Annotated[str, LICENCE] = "",
    anonymous: Annotated[bool, ANONYMOUS] = False,
    dry_run: Annotated[bool, DRY_RUN] = False,
) -> None:
    """Write the swap as TorchScript or ONNX for another program, compared with the model, with a card."""
    from understudy.jobs.export import export_network

    folder = ProjectFolder.open(context.obj)
    made = export_network(folder, model, out, kind, size, licence, anonymous, dry_run)
    outputs = " and ".join(made.outputs)
    say(f"{'would write ' if dry_run else ''}{made.path}: codes {made.size} x {made.size} in, {outputs} out")
    say(f"{'would write ' if dry_run else ''}{made.card}")
    if made.difference is not None:
        say(f"largest difference to the model: {made.difference:.2g} codes; up to {made.limit:g} is allowed")
