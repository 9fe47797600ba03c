"""The command that learns a shot's matte."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from understudy.cli.project import DRY_RUN
from understudy.cli.terminal import JSON, Stopped, print_json, say, watching
from understudy.errors import SettingsError
from understudy.settings.project import ProjectFolder

__all__ = ["matting"]

matting = typer.Typer()


@matting.command("matte")
def matte(
    context: typer.Context,
    shot: Annotated[str, typer.Argument(help="The shot.")],
    identity: Annotated[str, typer.Option(help="Whose face it is.")],
    painted: Annotated[
        Path | None, typer.Option(metavar="PATTERN", help="The painted frames: white where the face is to be replaced.")
    ] = None,
    channel: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of the painted frames; A, else the only one, else R.")
    ] = None,
    iterations: Annotated[int, typer.Option(min=1, help="Iteration to reach.")] = 1500,
    minutes: Annotated[float | None, typer.Option(min=0.01, help="The longest that it learns now.")] = None,
    size: Annotated[int, typer.Option(help="Side of the crops that the network sees, in pixels.")] = 192,
    seed: Annotated[int, typer.Option(min=0, help="The same seed learns the same matte.")] = 0,
    remove: Annotated[bool, typer.Option("--remove", help="Forget what the shot has learned.")] = False,
    dry_run: Annotated[bool, DRY_RUN] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Learn the matte of a shot from a few painted frames, or forget it."""
    from understudy.jobs.matte import planned_matte, remove_matte, run_matte

    folder = ProjectFolder.open(context.obj)
    if remove:
        files = [str(path) for path in remove_matte(folder, shot, identity, dry_run)]
        if as_json:
            print_json({"removed": files})
        else:
            for path in files:
                say(f"{'would remove' if dry_run else 'removed'} {path}")
        return
    if painted is None:
        raise SettingsError("Name the painted frames with --painted PATTERN, or forget what was learned with --remove.")
    if dry_run:
        frames = planned_matte(folder, shot, identity, painted, channel, size)
        say(f"would learn {folder.learned_matte(shot, identity)} from frame {frames}")
        return
    with watching() as on_progress:
        made = run_matte(
            folder,
            shot,
            identity,
            painted,
            channel,
            iterations=iterations,
            minutes=minutes,
            size=size,
            seed=seed,
            on_progress=on_progress,
        )
    if as_json:
        print_json(made.to_json())
    elif made.completed:
        loss = f", loss {made.loss:.4f}" if made.loss is not None else ", nothing left to learn"
        say(f"{made.path}: {len(made.frames)} painted frames, iteration {made.iteration}{loss}")
        say(str(made.sheet))
    if not made.completed:
        raise Stopped
