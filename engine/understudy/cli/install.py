"""The command that puts the plug-ins into Nuke and Resolve, and takes them away."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from understudy.cli.project import DRY_RUN
from understudy.cli.terminal import say

__all__ = ["installing"]

installing = typer.Typer()

_NEXT = {
    "nuke": "Nuke loads it at its next start: menu Understudy.",
    "resolve": "Resolve shows nothing of it yet: see its README.",
}


@installing.command("install")
def install(
    host: Annotated[Literal["nuke", "resolve"], typer.Argument(help="For which host.")],
    to: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The host's folder, such as one on NUKE_PATH; else the user's.")
    ] = None,
    remove: Annotated[bool, typer.Option("--uninstall", help="Remove it, but nothing that was changed since.")] = False,
    dry_run: Annotated[bool, DRY_RUN] = False,
) -> None:
    """Put the plug-in where a host looks for it, or take it away."""
    from understudy.install import install as put
    from understudy.install import make_plan, uninstall

    plan = make_plan(host, to)
    say(f"plug-in  {plan.folder}  ({len(plan.files)} files)")
    if plan.line_in is not None:
        say(f"line     {plan.line_in}")
    if dry_run:
        say(f"would {'remove' if remove else 'write'} these")
        return
    if not remove:
        put(plan)
        say(f"installed. {_NEXT[host]} Undo with: understudy install {host} --uninstall")
        return
    done = uninstall(host, to)
    say(f"removed {done.removed} files")
    for path in done.left:
        say(f"left {path}: not from this installation, or changed since")
