"""Commands that make and change a project: new, shot add, identity add."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from understudy.cli.terminal import say
from understudy.color import DEFAULT_CONFIG
from understudy.errors import SettingsError
from understudy.jobs.shot import config_of
from understudy.provenance import write_consent_form
from understudy.settings.matte import ArtistMatte
from understudy.settings.project import ProjectFolder, create_project

__all__ = ["DRY_RUN", "identity", "project", "shot"]

DRY_RUN = typer.Option("--dry-run", help="Check everything and write nothing.")

project = typer.Typer()
shot = typer.Typer(help="Plates of the project.", no_args_is_help=True)
identity = typer.Typer(help="Performers of the project, and their consent.", no_args_is_help=True)


@project.command("new")
def new(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to make.")],
    ocio: Annotated[str, typer.Option(help="A built-in OCIO config's name, a path, or '$OCIO'.")] = DEFAULT_CONFIG,
    dry_run: Annotated[bool, DRY_RUN] = False,
) -> None:
    """Make a project folder with understudy.yaml."""
    from understudy.jobs.adding import planned_project

    planned = planned_project(context.obj / folder, ocio)
    if dry_run:
        say(f"would make {planned.path / 'understudy.yaml'} with OCIO config {planned.project.ocio}")
        return
    made = create_project(planned.path, planned.project.ocio)
    say(f"{made.path / 'understudy.yaml'} (working space {config_of(made).working})")


@shot.command("add")
def shot_add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="What the shot is called.")],
    plate: Annotated[
        str, typer.Option(metavar="PATTERN", help="plate.####.exr, plate.%04d.exr, a picture, or a movie.")
    ],
    frames: Annotated[str | None, typer.Option(metavar="RANGE", help="Such as 1001-1100; all when left out.")] = None,
    colorspace: Annotated[str | None, typer.Option(help="Space, role or alias of the project's OCIO config.")] = None,
    layer: Annotated[str | None, typer.Option(help="Layer, part or view to take RGB from.")] = None,
    missing: Annotated[
        Literal["error", "hold", "skip"],
        typer.Option(help="Frames not on disk: stop, hold the nearest earlier one, or leave them out."),
    ] = "error",
    tracks: Annotated[
        Path | None, typer.Option(metavar="FILE", help="An artist's tracks: .csv, .nk or .setting.")
    ] = None,
    matte: Annotated[
        str | None, typer.Option(metavar="PATTERN", help="An artist's roto or occlusion matte, in the plate's format.")
    ] = None,
    matte_channel: Annotated[
        str | None, typer.Option(metavar="NAME", help="Such as A, R or roto.A; A, else the only one, else R.")
    ] = None,
    occlusion: Annotated[
        bool, typer.Option("--occlusion", help="The matte is 1 where something covers the face, not where it shows.")
    ] = False,
    matte_missing: Annotated[
        Literal["error", "hold"], typer.Option(help="Frames that the matte lacks: stop, or hold the nearest earlier.")
    ] = "error",
    dry_run: Annotated[bool, DRY_RUN] = False,
) -> None:
    """Add a shot, or change it."""
    from understudy.jobs.adding import add_shot

    if matte is None and (matte_channel is not None or occlusion or matte_missing != "error"):
        raise SettingsError("--matte-channel, --occlusion and --matte-missing say how a matte is read: add --matte.")
    folder = ProjectFolder.open(context.obj)
    added = add_shot(
        folder,
        name,
        Path(plate),
        frames=frames,
        colorspace=colorspace,
        layer=layer,
        missing=missing,
        tracks=tracks,
        matte=ArtistMatte(path=matte, channel=matte_channel, shows_occluder=occlusion, missing=matte_missing)
        if matte
        else None,
        dry_run=dry_run,
    ).shot
    verb = "would add" if dry_run else "added"
    say(f"{verb} shot {name}: {len(added.frames)} frames, {added.space.name} ({added.space.reason})")


@identity.command("add")
def identity_add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="What the identity is called.")],
    role: Annotated[
        Literal["source", "target"], typer.Option(help="source: the face put in; target: the one that goes.")
    ],
    synthetic: Annotated[bool, typer.Option("--synthetic", help="No living person was photographed.")] = False,
    consent: Annotated[Path | None, typer.Option(metavar="FILE", help="The consent record.")] = None,
    dry_run: Annotated[bool, DRY_RUN] = False,
) -> None:
    """Add a performer, or change one: role, consent record."""
    from understudy.jobs.adding import add_identity

    folder = ProjectFolder.open(context.obj)
    record = add_identity(folder, name, role, synthetic=synthetic, consent=consent, dry_run=dry_run).record
    verb = "would add" if dry_run else "added"
    reason = f", {record.person}, consent until {record.valid_until}" if record else ", synthetic" if synthetic else ""
    say(f"{verb} {role} identity {name}{reason}")


@identity.command("form")
def identity_form(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="The YAML file to write.")],
) -> None:
    """Write an empty consent record to fill in."""
    write_consent_form(path)
    say(f"{path}: fill it in, then: understudy identity add NAME --role source --consent {path}")
