"""Commands that look: faces, faceset, inspect, presets, verify, doctor. Each takes --json."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from understudy.cli.terminal import print_facts, print_json, print_table, say
from understudy.errors import UnderstudyError
from understudy.settings.preset import load_preset, preset_names
from understudy.settings.project import ProjectFolder

__all__ = ["looking"]

looking = typer.Typer()

_JSON = typer.Option("--json", help="One JSON document on stdout, nothing else.")


@looking.command("faces")
def faces(
    context: typer.Context,
    shot: Annotated[str, typer.Argument(help="The shot.")],
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """List the tracks of faces found in a shot."""
    from understudy.faces.face import read_found_frames
    from understudy.faces.track import link_tracks
    from understudy.plates import format_frames

    folder = ProjectFolder.open(context.obj)
    folder.shot(shot)
    found = read_found_frames(folder.faces_file(shot))
    tracks = [
        {
            "track": track.number,
            "frames": format_frames(track.frames),
            "count": len(track.frames),
            "height_px": round(track.height_px, 1),
        }
        for track in link_tracks(found)
    ]
    without = tuple(number for number, frame in found.items() if not frame.faces)
    if as_json:
        print_json({"shot": shot, "searched": len(found), "without_face": list(without), "tracks": tracks})
        return
    print_table(
        f"Faces of {shot}: {len(found)} frames searched",
        ("track", "frames", "count", "height px"),
        [tuple(track.values()) for track in tracks],
    )
    if without:
        say(f"no face in {format_frames(without)}")


@looking.command("faceset")
def faceset(
    context: typer.Context,
    identity: Annotated[str, typer.Argument(help="The identity.")],
    sheet: Annotated[bool, typer.Option("--sheet", help="Also write a contact sheet of all crops, as PNG.")] = False,
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Say what is in a faceset."""
    from understudy.jobs.inspect import describe_faceset, write_faceset_sheet

    folder = ProjectFolder.open(context.obj)
    folder.identity(identity)
    facts = describe_faceset(folder.faceset(identity))
    if sheet:
        facts["sheet"] = str(write_faceset_sheet(folder, identity))
    _show(f"faceset {identity}", facts, as_json)


@looking.command("inspect")
def inspect(
    context: typer.Context,
    path: Annotated[
        str, typer.Argument(metavar="PATH", help="A plate, faceset, checkpoint, snapshot, swap or preset.")
    ],
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Say what a plate, faceset, checkpoint, snapshot, swap or preset is."""
    from understudy.jobs.inspect import describe

    del context
    facts = describe(path)
    _show(f"{facts.pop('kind')} {path}", facts, as_json)


@looking.command("presets")
def presets(as_json: Annotated[bool, _JSON] = False) -> None:
    """List the presets."""
    known = [load_preset(name) for name in preset_names()]
    rows = [
        {"name": preset.name, "size": preset.model.size, "batch": preset.training.batch, "what": preset.description}
        for preset in sorted(known, key=lambda preset: (preset.model.size, preset.name))
    ]
    if as_json:
        print_json(rows)
        return
    print_table("Presets", ("name", "px", "batch", "for"), [tuple(row.values()) for row in rows])


@looking.command("verify")
def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder with results and their manifest.")],
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Check that results are whole, unchanged, and say what they are."""
    from understudy.jobs.verify import verify_folder

    report = verify_folder(folder)
    if as_json:
        print_json(report.to_json())
    else:
        say(f"{folder}: {report.frames} frames, {report.files} files checked, {len(report.faults)} faults")
        for fault in report.faults:
            say(f"  {fault}")
    if report.faults:
        raise typer.Exit(1)


@looking.command("doctor")
def doctor(context: typer.Context, as_json: Annotated[bool, _JSON] = False) -> None:
    """Check that this machine has what Understudy needs."""
    from understudy.install import host_checks
    from understudy.jobs.doctor import examine

    checks = (*examine(context.obj), *host_checks())
    if as_json:
        print_json([vars(check) for check in checks])
    else:
        for check in checks:
            cure = f"  ->  {check.cure}" if check.cure else ""
            say(f"{check.state:5}  {check.name:24}  {check.found}{cure}")
    if any(check.state == "fault" for check in checks):
        raise UnderstudyError(
            "Something that Understudy needs is missing; the lines marked fault say what and how to add it."
        )


def _show(title: str, facts: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(facts)
    else:
        print_facts(title, facts)
