"""Commands for synthetic performers: shots, benchmark sets with truth, and scores against the truth."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from understudy.cli.project import DRY_RUN
from understudy.cli.terminal import JSON, Stopped, print_json, print_table, say, watching
from understudy.errors import SettingsError

if TYPE_CHECKING:
    from understudy.synthetic.benchmark import Written

__all__ = ["SIZE", "parsed_size", "synth"]

synth = typer.Typer(help="Synthetic performers: shots, benchmark sets, scores.", no_args_is_help=True)

SIZE = typer.Option(metavar="WxH", help="Up to 4096x2160.")
Worn = Annotated[
    Literal["glasses", "fringe"] | None,
    typer.Option(help="What is before the face all the time: spectacles, or hair over the brow."),
]
_SIZE_TEXT = re.compile(r"(\d{1,5})x(\d{1,5})")


@synth.command("shot")
def synth_shot(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write.")],
    identity_seed: Annotated[int, typer.Option(help="Whose head.")],
    performance_seed: Annotated[int, typer.Option(help="What is played.")] = 1,
    lighting_seed: Annotated[int, typer.Option(help="In which light.")] = 1,
    face_seed: Annotated[int | None, typer.Option(help="Whose face, for an ideal swap.")] = None,
    frames: Annotated[int, typer.Option(min=1, help="How many.")] = 48,
    size: Annotated[str, SIZE] = "1920x1080",
    occluder: Annotated[bool, typer.Option(help="Whether a hand or bar crosses the face.")] = True,
    worn: Worn = None,
    dry_run: Annotated[bool, DRY_RUN] = False,
) -> None:
    """Write a shot of one performer, with its truth beside it."""
    from understudy.synthetic.benchmark import write_shot

    if dry_run:
        say(f"would write {frames} frames of {size} to {folder}")
        return
    with watching() as on_progress:
        written = write_shot(
            folder,
            identity_seed=identity_seed,
            performance_seed=performance_seed,
            lighting_seed=lighting_seed,
            face_seed=face_seed,
            frames=frames,
            size=parsed_size(size),
            occluder=occluder,
            worn=worn,
            on_progress=on_progress,
        )
    _say_written(written)


@synth.command("set")
def synth_set(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write.")],
    target_seed: Annotated[int, typer.Option(help="Seed of the target identity, the face that goes.")],
    source_seed: Annotated[int, typer.Option(help="Seed of the source identity, the face put in.")],
    frames: Annotated[int, typer.Option(min=1, help="Frames of the plate.")] = 48,
    train_frames: Annotated[int, typer.Option(min=1, help="Frames of training footage, for each identity.")] = 72,
    size: Annotated[str, SIZE] = "1920x1080",
    occluder: Annotated[bool, typer.Option(help="Whether a hand or bar crosses the face.")] = True,
    worn: Worn = None,
    target_footage: Annotated[bool, typer.Option(help="Training footage of the target identity, too.")] = True,
    dry_run: Annotated[bool, DRY_RUN] = False,
) -> None:
    """Write a benchmark set: plate, ideal swap, matte, and training footage of both identities."""
    from understudy.synthetic.benchmark import write_set

    if dry_run:
        say(f"would write {2 * frames + (1 + target_footage) * train_frames} pictures of up to {size} to {folder}")
        return
    with watching() as on_progress:
        written = write_set(
            folder,
            target_seed=target_seed,
            source_seed=source_seed,
            frames=frames,
            train_frames=train_frames,
            size=parsed_size(size),
            occluder=occluder,
            worn=worn,
            target_footage=target_footage,
            on_progress=on_progress,
        )
    _say_written(written)


@synth.command("score")
def synth_score(
    result: Annotated[str, typer.Argument(metavar="RESULT_PATTERN", help="Composites, or results with a matte.")],
    truth: Annotated[Path, typer.Argument(metavar="TRUTH_DIR", help="A set that synth set wrote.")],
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Measure a result against the ideal swap, inside the exact face matte."""
    from understudy.synthetic.score import score_sequence

    with watching(quiet=as_json) as on_progress:
        score = score_sequence(result, truth, on_progress=on_progress)
    if not score.completed:
        raise Stopped
    if as_json:
        print_json(score.to_json())
        return
    names = ("psnr_training", "ssim_training", "hdr_relative_error", "flicker", "top_octave", "matte_iou")
    values = score.to_json()
    rows = [(name, _number(values[name]), _number(values["plate"][name])) for name in names]
    print_table(f"{result} against {truth}: {values['frames']} frames", ("", "result", "no swap"), rows)


def _say_written(written: Written) -> None:
    for pattern in written.patterns:
        say(pattern)
    if not written.completed:
        raise Stopped


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def parsed_size(text: str) -> tuple[int, int]:
    """Width and height of a size such as `1920x1080`.

    Raises:
        SettingsError: The text is no such size.
    """
    match = _SIZE_TEXT.fullmatch(text.strip().lower())
    if match is None:
        raise SettingsError(f"'{text}' is no picture size; write it as 1920x1080.", text=text)
    return int(match[1]), int(match[2])
