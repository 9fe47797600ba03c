"""Commands that do the work: extract, swap, deliver, preview, demo."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from understudy.cli.extracted import extracted_json, print_extracted
from understudy.cli.project import DRY_RUN
from understudy.cli.terminal import JSON, PRESET, SETTINGS, Stopped, print_json, say, watching
from understudy.jobs.asked import choose_preset, split_overrides, with_settings
from understudy.settings.project import ProjectFolder

__all__ = ["making"]

making = typer.Typer()

_FRAMES = typer.Option(metavar="RANGE", help="Such as 1001-1010; all of the shot when left out.")


@making.command("extract")
def extract(
    context: typer.Context,
    shot: Annotated[str, typer.Argument(help="The shot.")],
    identity: Annotated[str, typer.Option(help="Whose face it is.")],
    frames: Annotated[str | None, _FRAMES] = None,
    preset: Annotated[str | None, PRESET] = None,
    min_native: Annotated[int | None, typer.Option(metavar="PX", min=0, help="Leave out smaller faces.")] = None,
    settings: Annotated[list[str] | None, SETTINGS] = None,
    dry_run: Annotated[bool, DRY_RUN] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Find, track, align and crop the face of a shot; ends with a table, and a report to look at."""
    from understudy.jobs.extract import run_extract
    from understudy.jobs.shot import open_shot

    for_preset, for_project = split_overrides(settings or (), min_native)
    folder = with_settings(ProjectFolder.open(context.obj), for_project)
    chosen = choose_preset(folder, None, preset, for_preset)
    if dry_run:
        folder.identity(identity)
        count, to = len(open_shot(folder, shot).choose(frames)), folder.faceset(identity)
        if as_json:
            print_json({"shot": shot, "identity": identity, "frames": count, "faceset": str(to)})
        else:
            say(f"would search {count} frames of {shot} and crop to {to} at {chosen.model.size} px")
        return
    with watching(quiet=as_json) as on_progress:
        made = run_extract(folder, shot, identity, chosen, frames, on_progress)
    if not made.completed or made.faceset is None:
        raise Stopped
    if as_json:
        print_json(extracted_json(folder, shot, made))
    else:
        print_extracted(folder, shot, made)


@making.command("swap")
def swap(
    context: typer.Context,
    shot: Annotated[str, typer.Argument(help="The shot.")],
    model: Annotated[str, typer.Option(help="The model; its newest snapshot swaps.")],
    frames: Annotated[str | None, _FRAMES] = None,
    comp: Annotated[bool, typer.Option("--comp", help="Write the full-frame composite as well.")] = False,
    skip_existing: Annotated[bool, typer.Option("--skip-existing", help="Keep every result that is there.")] = False,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Where to write; swaps/SHOT when left out.")] = None,
    settings: Annotated[list[str] | None, SETTINGS] = None,
    dry_run: Annotated[bool, DRY_RUN] = False,
) -> None:
    """Write the swapped face of a shot as EXRs with mattes."""
    from understudy.jobs.swap import open_swapper, run_swap

    folder = with_settings(ProjectFolder.open(context.obj), settings or ())
    if dry_run:
        swapper = open_swapper(folder, shot, model)
        count = len(swapper.shot.choose(frames))
        say(
            f"would write {count} frames to {out or folder.swaps(shot)} with model {swapper.snapshot_sha256[:12]}, "
            f"in {swapper.result_space}"
        )
        return
    with watching() as on_progress:
        made = run_swap(folder, shot, model, frames, comp, skip_existing, out, on_progress)
    say(f"{len(made.written)} frames written, {len(made.kept)} kept, {len(made.without_face)} without a face")
    say(f"colour space of the results: {made.space}")
    for pattern in made.patterns:
        say(pattern)
    if not made.completed:
        raise Stopped


@making.command("deliver")
def deliver(
    context: typer.Context,
    shot: Annotated[str, typer.Argument(help="The shot.")],
    model: Annotated[
        str | None, typer.Option(help="The model whose crops are put back; the facesets say the size when left out.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Where to write; swaps/SHOT when left out.")] = None,
    fusion_first: Annotated[
        int | None, typer.Option(metavar="T", help="Time of Fusion's first key; 0 for a clip in Resolve.")
    ] = None,
    dry_run: Annotated[bool, DRY_RUN] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Write the patch's move as corner pins and trackers for Nuke and Fusion."""
    from understudy.jobs.deliver import run_deliver

    made = run_deliver(ProjectFolder.open(context.obj), shot, model, out, fusion_first, dry_run)
    if as_json:
        print_json(made.to_json())
        return
    if dry_run:
        say(f"would write {len(made.move.plate_from_crop)} keys of a {made.move.side} px crop to:")
    for path in made.files:
        say(str(path))


@making.command("preview")
def preview(
    context: typer.Context,
    shot: Annotated[str, typer.Argument(help="The shot.")],
    model: Annotated[str, typer.Option(help="The model; its newest snapshot swaps.")],
    frame: Annotated[int, typer.Option(help="Which frame.")],
    settings: Annotated[list[str] | None, SETTINGS] = None,
) -> None:
    """Swap one frame, as EXR and as PNG (plate, composite, matte)."""
    from understudy.jobs.preview import preview_frame

    folder = with_settings(ProjectFolder.open(context.obj), settings or ())
    for path in preview_frame(folder, shot, model, frame):
        say(str(path))


@making.command("demo")
def demo(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to make it.")] = Path("understudy-demo"),
    minutes: Annotated[float, typer.Option(min=0.01, help="How long to train.")] = 6.0,
    preset: Annotated[str, PRESET] = "u128",
) -> None:
    """Make two synthetic performers and a shot, train, swap, and show how close it came."""
    from understudy.demo import run_demo

    with watching() as on_progress:
        result = run_demo(context.obj / folder, minutes, preset, on_progress)
    if result is None:
        raise Stopped
    for line in result.lines():
        say(line)
