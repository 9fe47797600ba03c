"""The command that measures what starts from other models save."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from understudy.cli.terminal import JSON, SETTINGS, Stopped, print_json, print_table, watching
from understudy.progress import Progress
from understudy.settings.preset import load_preset

__all__ = ["bench_transfer"]

bench_transfer = typer.Typer()

_FIRST_SEED = 21


@bench_transfer.command("transfer")
def transfer(
    preset: Annotated[str, typer.Option(metavar="NAME", help="What all are trained with.")] = "u64",
    iterations: Annotated[int, typer.Option(min=20, help="Of each run, and of each start before it.")] = 1500,
    people: Annotated[int, typer.Option(min=2, help="How many performers the start from many has.")] = 6,
    faces: Annotated[int, typer.Option(min=2, help="Of each performer.")] = 48,
    settings: Annotated[list[str] | None, SETTINGS] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Measure what a new pair saves that starts from one earlier pair, or from many people, on synthetic performers.

    Trains seven models in a temporary folder.
    """
    from understudy.bench.transfer import measure_starts, synthetic_performer
    from understudy.color import ColorConfig

    chosen, color = load_preset(preset, settings or ()), ColorConfig.load(None)
    with watching(quiet=as_json) as on_progress, tempfile.TemporaryDirectory(prefix="us-bench-") as folder:
        performers = []
        for number in range(2 + people):
            performers.append(synthetic_performer(_FIRST_SEED + number, faces, chosen, color))
            if not on_progress(Progress("rendering performers", number + 1, 2 + people, "")):
                raise Stopped
        result = measure_starts(Path(folder), performers, chosen, iterations, on_progress)
    if result is None:
        raise Stopped
    if as_json:
        print_json(result.to_json())
        return
    print_table(
        f"A new pair, {result.preset}, {result.size} px, {result.length} iterations: error on held-out faces, in codes",
        ["begun from", "at first", "at the end", "iterations to fresh's end", "CPU"],
        result.rows(),
    )
