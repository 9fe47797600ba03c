"""The command `understudy bench faces`: how well faces are found, and what is made of them; part by part."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any, Protocol

import typer

from understudy.cli.terminal import JSON, Stopped, print_json, print_table, watching
from understudy.errors import UnknownNameError

__all__ = ["PARTS", "bench_faces"]

PARTS = {
    "finding": "understudy.bench.faces_finding",
    "alignment": "understudy.bench.faces_alignment",
    "mattes": "understudy.bench.faces_mattes",
}
"""Each part's module: its `measure(on_progress)` returns a `Result`, or None when it was stopped."""


class Result(Protocol):
    """What a part measured."""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""

    def rows(self) -> Sequence[Sequence[str]]:
        """A table: its heads, then its rows."""


def bench_faces(
    part: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help=f"What to measure: {', '.join(PARTS)}; all when not said."),
    ] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Measure finding, alignment and mattes, on synthetic performers with truth. Takes some minutes each."""
    names = part or list(PARTS)
    for name in names:
        if name not in PARTS:
            raise UnknownNameError("part", name, list(PARTS), "understudy bench faces")
    results: dict[str, Result] = {}
    with watching(quiet=as_json) as on_progress:
        for name in names:
            measured = import_module(PARTS[name]).measure(on_progress=on_progress)
            if measured is None:
                raise Stopped
            results[name] = measured
    if as_json:
        print_json({name: result.to_json() for name, result in results.items()})
        return
    for name, result in results.items():
        heads, *rows = result.rows()
        print_table(name, heads, rows)
