"""Commands that make and change a project: new, shot add, identity add."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from understudy.cli.terminal import say
from understudy.color import DEFAULT_CONFIG, ColorConfig, pinned_name
from understudy.errors import SettingsError
from understudy.plates import find_sequence, format_frames, parse_frames
from understudy.provenance import read_consent, write_consent_form
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
    path = context.obj / folder
    pinned = pinned_name(ocio)
    config = ColorConfig.load(str(Path(pinned).absolute()) if Path(pinned).is_file() else pinned)
    if dry_run:
        say(f"would make {path / 'understudy.yaml'} with OCIO config {config.name}")
        return
    made = create_project(path, config.name)
    say(f"{made.path / 'understudy.yaml'} (working space {config.working})")


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
    dry_run: Annotated[bool, DRY_RUN] = False,
) -> None:
    """Add a shot, or change it."""
    from understudy.jobs.shot import config_of, open_shot

    folder = ProjectFolder.open(context.obj)
    absolute = Path(plate).expanduser().absolute()
    found = find_sequence(absolute)
    chosen = parse_frames(frames) if frames else found.span if missing == "hold" else found.numbers
    if colorspace is not None:
        config_of(folder).space(colorspace)
    values: dict[str, Any] = {
        "plate": _from_project(absolute, folder.path),
        "frames": format_frames(chosen),
        "colorspace": colorspace,
        "layer": layer,
        "missing": missing,
    }
    if name in folder.project.shots:  # what was set by hand in understudy.yaml stays
        entry = folder.project.shots[name]
        values |= {"exposure": entry.exposure, "white_balance": entry.white_balance}
    changed = folder.with_shot(name, values)
    opened = open_shot(ProjectFolder(folder.path, changed), name)
    if not dry_run:
        folder.save(changed)
    verb = "would add" if dry_run else "added"
    say(f"{verb} shot {name}: {len(opened.frames)} frames, {opened.space.name} ({opened.space.reason})")


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
    folder = ProjectFolder.open(context.obj)
    if role == "source" and not synthetic and consent is None:
        raise SettingsError(
            f"A source identity needs consent: understudy identity add {name} --role source --consent FILE, or "
            "--synthetic. An empty record to fill in is written by: understudy identity form FILE"
        )
    record = read_consent(consent.absolute()) if consent is not None else None
    values: dict[str, object] = {"role": role, "synthetic": synthetic}
    if consent is not None:
        values["consent"] = _from_project(consent.absolute(), folder.path)
    changed = folder.with_identity(name, values)
    if not dry_run:
        folder.save(changed)
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


def _from_project(path: Path, folder: Path) -> str:
    """The path as the project file keeps it: relative when it lies inside the project, else absolute."""
    home = folder.absolute()
    normal = Path(os.path.normpath(path))
    return str(normal.relative_to(home)) if normal.is_relative_to(home) else str(normal)
