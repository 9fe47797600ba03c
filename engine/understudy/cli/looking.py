"""Commands that look: faces, inspect, presets, verify, doctor. Each takes --json."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from understudy.cli.project import DRY_RUN
from understudy.cli.terminal import JSON, Stopped, print_facts, print_json, print_table, say, watching
from understudy.errors import SettingsError, UnderstudyError
from understudy.settings.memory_size import shown_memory
from understudy.settings.project import ProjectFolder

__all__ = ["looking"]

looking = typer.Typer()


@looking.command("faces")
def faces(
    context: typer.Context,
    shot: Annotated[str, typer.Argument(help="The shot.")],
    sheet: Annotated[bool, typer.Option("--sheet", help="Also write a picture of the tracks, as PNG.")] = False,
    assign: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TRACK=NAME", help="Say whose a track is; 2=- for nobody, 2= to take it back. May be repeated."
        ),
    ] = None,
    cut: Annotated[
        list[int] | None,
        typer.Option(metavar="FRAME", help="Say that a cut is there which was not seen: all tracks end before it."),
    ] = None,
    no_cut: Annotated[
        list[int] | None, typer.Option(metavar="FRAME", help="Say that no cut is there, or take back that one is.")
    ] = None,
    dry_run: Annotated[bool, DRY_RUN] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """List the tracks of faces found in a shot and the crops made of them; say whose tracks are."""
    from understudy.jobs.faces import describe_faces

    folder = ProjectFolder.open(context.obj)
    cuts = dict.fromkeys(cut or (), True) | dict.fromkeys(no_cut or (), False)
    facts = describe_faces(folder, shot, sheet and not dry_run, _assigned(assign or ()), cuts, dry_run).to_json()
    if as_json:
        print_json(facts)
        return
    if dry_run:
        say("would say so of the tracks:")
    print_table(
        f"Faces of {shot}: searched {facts['searched'] or 'nothing yet'}",
        ("track", "identity", "frames", "count", "height px"),
        [tuple(track.values()) for track in facts["tracks"]],
    )
    if facts["more_tracks"]:
        say(f"and {facts['more_tracks']} smaller tracks")
    if facts["without_face"]:
        say(f"no face in {facts['without_face']}")
    if facts["cuts"]:
        say(f"cut at {facts['cuts']}")
    if facts["filled"]:
        say(f"covered or not found, placed by the frames around: {facts['filled']}")
    if facts["native_px"]:
        sizes = facts["native_px"]
        say(f"the main face spans {sizes['smallest']:.0f} to {sizes['largest']:.0f} plate pixels")
    for faceset in facts["facesets"]:
        lacks = f"; none of {faceset['without_crop']}" if faceset["without_crop"] else ""
        lacks += f"; another's face in {faceset['of_another']}" if faceset["of_another"] else ""
        say(
            f"faceset {faceset['identity']}: {faceset['crops']} crops of {faceset['size']} px, "
            f"{faceset['enlarged']} enlarged{lacks}"
        )
    for matte in facts["mattes"]:
        unused = "" if matte["is_taken"] else "; matte.learned=false leaves it out"
        say(f"matte of {matte['identity']} learned from frame {matte['painted']}{unused}")
    if facts["sheet"]:
        say(facts["sheet"])


@looking.command("inspect")
def inspect(
    context: typer.Context,
    path: Annotated[
        str,
        typer.Argument(metavar="PATH", help="A plate, project, faceset, model, swap, preset, or file."),
    ],
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Say what a plate, project, faceset, model or one of its files, exported network, swap or preset is."""
    from understudy.jobs.card import MODEL_FILES, card_page
    from understudy.jobs.inspect import describe

    del context
    facts = describe(path)
    if facts["kind"] in MODEL_FILES and not as_json:
        say(f"{facts['kind']} {path}: {facts['weights']} weights, hash {facts['hash']}")
        say(card_page(facts, Path(path).name).rstrip())
        return
    _show(f"{facts.pop('kind')} {path}", facts, as_json)


@looking.command("presets")
def presets(as_json: Annotated[bool, JSON] = False) -> None:
    """List the presets, and what their networks cost.

    GFLOP are those of one face from crop to crop; kept is what one face keeps in training for the backward pass.
    """
    from understudy.jobs.overview import describe_preset_costs

    with watching(quiet=True) as on_progress:
        rows = describe_preset_costs(on_progress)
    if rows is None:
        raise Stopped
    if as_json:
        print_json(rows)
        return
    cells = [
        (
            row["name"],
            row["size"],
            row["batch"],
            f"{row['parameters'] / 1e6:.2f}",
            f"{row['gflop']:.4g}",
            shown_memory(row["kept_fp32"]),
            shown_memory(row["kept_bf16"]),
        )
        for row in rows
    ]
    print_table("Presets", ("name", "px", "batch", "M weights", "GFLOP", "kept fp32", "kept bf16"), cells)
    width = max(len(row["name"]) for row in rows)
    for row in rows:
        say(f"{row['name'].ljust(width)}  {row['what']}")


@looking.command("verify")
def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder with results and their manifest.")],
    as_json: Annotated[bool, JSON] = False,
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
def doctor(context: typer.Context, as_json: Annotated[bool, JSON] = False) -> None:
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


def _assigned(options: Sequence[str]) -> dict[int, str]:
    """Identity by number of the track, as `--assign` said."""
    assigned: dict[int, str] = {}
    for option in options:
        number, is_said, name = option.partition("=")
        if not is_said or not number.strip().isdecimal() or int(number) in assigned:
            raise SettingsError(f"--assign {option}: write --assign TRACK=NAME, such as 2=ben, once for each track.")
        assigned[int(number)] = name.strip()
    return assigned


def _show(title: str, facts: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(facts)
    else:
        print_facts(title, facts)
