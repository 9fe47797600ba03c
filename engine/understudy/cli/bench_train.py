"""Commands that compare presets: what their training costs, and what it learns."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from understudy.cli.bench import bench
from understudy.cli.terminal import JSON, Stopped, print_json, print_table, watching
from understudy.errors import TrainingError
from understudy.settings.memory_size import shown_memory
from understudy.settings.preset import Preset, load_preset

if TYPE_CHECKING:
    from understudy.bench.ladder import Ladder, StepCost
    from understudy.bench.quality import QualityResult
    from understudy.bench.training import TrainingFigures

__all__ = ["bench"]

_PRESETS = typer.Option("--preset", metavar="NAME", help="A preset, or a YAML file; may be given several times.")
_SETTINGS = typer.Option("--set", metavar="FIELD=VALUE", help="Changes one setting of all; may be given several times.")
_MINUTES = typer.Option(min=0.02, help="How long each trains.")
_SLICE = typer.Option(min=1.0, help="How long each works in one turn.")
_FRAMES = typer.Option(min=2, max=480, help="Of the plate.")
_TRAIN_FRAMES = typer.Option(min=2, max=480, help="Of the source identity's footage.")
_FOLDER = typer.Option(metavar="DIR", help="Keep everything there; the same command goes on there.")


@bench.command("train")
def bench_train(
    preset: Annotated[list[str] | None, _PRESETS] = None,
    batch: Annotated[int | None, typer.Option(min=1, max=256, help="Of all; their own by default.")] = None,
    seconds: Annotated[float, typer.Option(min=0.1, help="How long each is timed, in all rounds together.")] = 20.0,
    iterations: Annotated[int | None, typer.Option(min=1, help="How many are timed at most, in each round.")] = None,
    rounds: Annotated[int, typer.Option(min=1, max=100, help="How often the presets take turns.")] = 3,
    limit_minutes: Annotated[float, typer.Option(min=0.1, help="A turn that takes longer is given up.")] = 30.0,
    settings: Annotated[list[str] | None, _SETTINGS] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Compare what training costs with several presets: time, memory, and share of what the machine can do.

    They train on noise, in turns, each turn in a process of its own.
    """
    from understudy.bench.training import measure_training

    changes = (*(settings or ()), *((f"training.batch={batch}",) if batch is not None else ()))
    with watching(quiet=as_json) as on_progress:
        figures = measure_training(
            _named(preset or ["u64", "u128", "u256"], changes),
            seconds=seconds,
            iterations=iterations,
            rounds=rounds,
            limit_s=60.0 * limit_minutes,
            on_progress=on_progress,
        )
    if figures is None:
        raise Stopped
    if as_json:
        print_json([each.to_json() for each in figures])
    else:
        _show(figures)
    faults = [f"{each.preset}: {each.fault}" for each in figures if each.fault]
    if faults:
        raise TrainingError(" ".join(faults))


@bench.command("quality")
def bench_quality(
    preset: Annotated[list[str] | None, _PRESETS] = None,
    minutes: Annotated[float, _MINUTES] = 8.0,
    slice_seconds: Annotated[float, _SLICE] = 60.0,
    size: Annotated[
        int | None,
        typer.Option(min=64, max=1024, help="Side of the faces in the plate; the largest preset's by default."),
    ] = None,
    frames: Annotated[int, _FRAMES] = 24,
    train_frames: Annotated[int, _TRAIN_FRAMES] = 72,
    folder: Annotated[Path | None, _FOLDER] = None,
    settings: Annotated[list[str] | None, _SETTINGS] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Compare what presets learn in the same time: their swaps of a synthetic performer against the ideal swap.

    They train in turns. Without --folder everything is made in a temporary folder and thrown away.
    """
    from understudy.bench.quality import compare_quality

    with watching(quiet=as_json) as on_progress:
        result = compare_quality(
            _named(preset or ["u128"], tuple(settings or ())),
            minutes=minutes,
            slice_s=slice_seconds,
            size=size,
            frames=frames,
            train_frames=train_frames,
            folder=folder,
            on_progress=on_progress,
        )
    if result is None:
        raise Stopped
    if as_json:
        print_json(result.to_json())
    else:
        _show_quality(result)


@bench.command("ladder")
def bench_ladder(
    step: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A step; may be given several times. All by default.")
    ] = None,
    minutes: Annotated[float, _MINUTES] = 2.0,
    slice_seconds: Annotated[float, _SLICE] = 30.0,
    frames: Annotated[int, _FRAMES] = 24,
    train_frames: Annotated[int, _TRAIN_FRAMES] = 72,
    folder: Annotated[Path | None, _FOLDER] = None,
    settings: Annotated[list[str] | None, _SETTINGS] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what each step takes, and train nothing.")] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Compare what each choice behind our own presets costs and brings, on a network of 128 px.

    u128 is changed in one thing at a time. All train for the same time, in turns, on one synthetic pair.
    """
    from understudy.bench.ladder import climb, step_costs

    if dry_run:
        costs = step_costs(tuple(step or ()), tuple(settings or ()))
        if as_json:
            print_json([cost.to_json() for cost in costs])
        else:
            _show_costs(costs)
        return
    with watching(quiet=as_json) as on_progress:
        ladder = climb(
            tuple(step or ()),
            tuple(settings or ()),
            minutes=minutes,
            slice_s=slice_seconds,
            frames=frames,
            train_frames=train_frames,
            folder=folder,
            on_progress=on_progress,
        )
    if ladder is None:
        raise Stopped
    if as_json:
        print_json(ladder.to_json())
    else:
        _show_ladder(ladder)


def _named(names: list[str], changes: tuple[str, ...]) -> list[Preset]:
    return [load_preset(name, changes) for name in names]


def _show(figures: list[TrainingFigures]) -> None:
    rows: list[tuple[object, ...]] = [
        ("px", *(each.size for each in figures)),
        ("batch", *(each.batch for each in figures)),
        ("iterations timed", *(each.iterations for each in figures)),
        ("seconds", *(_number(each.seconds) for each in figures)),
        ("CPU seconds", *(_number(each.cpu_seconds) for each in figures)),
        ("faces a second", *(_number(each.images_per_second) for each in figures)),
        ("peak of tensors", *(_memory(each.peak) for each in figures)),
        ("predicted", *(_memory(each.predicted) for each in figures)),
        ("the whole process", *(_memory(each.resident) for each in figures)),
        ("GFLOP", *(f"{each.gflop:.4g}" for each in figures)),
        ("of the machine's peak", *("-" if each.share is None else f"{each.share:.0%}" for each in figures)),
    ]
    title = f"One iteration on {figures[0].device}, {figures[0].precision}"
    print_table(title, ["", *(each.preset for each in figures)], rows)


def _show_quality(result: QualityResult) -> None:
    rows: list[tuple[object, ...]] = [
        ("px", "", *(each.size for each in result.presets)),
        ("million weights", "", *(f"{each.parameters / 1e6:.2f}" for each in result.presets)),
        ("minutes", "", *(f"{each.minutes:.2f}" for each in result.presets)),
        ("iterations", "", *(each.iterations for each in result.presets)),
        ("CPU seconds", "", *(f"{each.cpu_seconds:.0f}" for each in result.presets)),
    ]
    for name, none in vars(result.plate).items():
        rows.append((name, _number(none), *(_number(getattr(each.measures, name)) for each in result.presets)))
    title = f"Swaps of {result.frames} frames against the ideal swap"
    print_table(title, ["", "no swap", *(each.preset for each in result.presets)], rows)


def _show_costs(costs: list[StepCost]) -> None:
    columns = ["", "", "million weights", "activations", "all tensors", "GFLOP"]
    print_table(
        "Training, one thing changed at a time", columns, [(cost.name, cost.what, *_cost(cost)) for cost in costs]
    )


def _show_ladder(ladder: Ladder) -> None:
    measures = list(vars(ladder.plate))
    columns = ["", "weights, M", "activations", "tensors", "GFLOP", "CPU s", "iterations"]
    rows: list[tuple[object, ...]] = [
        (
            rung.cost.name,
            *_cost(rung.cost),
            _number(rung.cpu_seconds),
            rung.learnt.iterations,
            *(_number(getattr(rung.learnt.measures, name)) for name in measures),
        )
        for rung in ladder.rungs
    ]
    rows.append(("no swap", *("",) * 6, *(_number(getattr(ladder.plate, name)) for name in measures)))
    title = f"One thing changed at a time, {ladder.frames} frames against the ideal swap"
    print_table(title, [*columns, *(name.replace("_", " ") for name in measures)], rows)


def _cost(cost: StepCost) -> tuple[str, ...]:
    weights = f"{cost.parameters / 1e6:.2f}"
    return weights, shown_memory(cost.activations), shown_memory(cost.memory), f"{cost.gflop:.3g}"


def _memory(amount: int | None) -> str:
    return "-" if amount is None else shown_memory(amount)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}" if abs(value) < 10 else f"{value:.1f}"
