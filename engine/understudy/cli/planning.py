"""The command that says what fits into a device's memory, and the same answer for `train --fit`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from understudy.cli.terminal import JSON, SETTINGS, Stopped, announce, print_json, print_table, say, watching
from understudy.settings.memory_size import parse_memory, shown_memory
from understudy.settings.preset import Preset, load_preset

if TYPE_CHECKING:
    from understudy.jobs.plan import Plan, Way

__all__ = ["fitted", "planning"]

planning = typer.Typer()


@planning.command("plan")
def plan(
    preset: Annotated[str, typer.Option(metavar="NAME", help="See: understudy presets; or a YAML file.")],
    gpu_memory: Annotated[
        str | None, typer.Option(metavar="AMOUNT", help="Such as 8GiB; what is free on this machine's GPU by default.")
    ] = None,
    batch: Annotated[int | None, typer.Option(min=1, max=256, help="To ask about; the preset's by default.")] = None,
    device: Annotated[Literal["cuda", "cpu"], typer.Option(help="Kind of device.")] = "cuda",
    settings: Annotated[list[str] | None, SETTINGS] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Say what fits into a device's memory: which batch, what it takes and for what. The device need not be there."""
    from understudy.jobs.plan import plan_training

    available = None if gpu_memory is None else parse_memory(gpu_memory)
    with watching(quiet=True) as on_progress:
        made = plan_training(load_preset(preset, settings or ()), available, batch, device, on_progress)
    if made is None:
        raise Stopped
    if as_json:
        print_json(made.to_json())
    else:
        _show(made)


def fitted(preset: Preset, memory: str | None) -> Preset:
    """The preset, changed so that it fits into this machine's device, or into so much memory; what changes is said.

    Args:
        preset: To train.
        memory: Such as "8GiB"; what is free on the device when None.

    Raises:
        SettingsError: Nothing fits, or it is not known how much memory there is.
        Stopped: The user asked to stop.
    """
    from understudy.jobs.plan import fit_to_memory
    from understudy.model.device import chosen_device

    with watching(quiet=True) as on_progress:
        made = fit_to_memory(preset, memory, chosen_device().type, on_progress)
    if made is None:
        raise Stopped
    changed, plan = made
    announce(plan.sentence())
    return changed


def _show(made: Plan) -> None:
    say(made.sentence())
    if made.largest is not None:
        say(f"largest batch that fits with the preset's other settings: {made.largest.batch}")
    ways = {"as asked": made.asked, "largest batch": made.largest, "instead": made.instead}
    shown = {name: way for name, way in ways.items() if way is not None}
    rows: list[list[object]] = [
        ["batch", *(way.batch for way in shown.values())],
        ["levels computed twice", *(_levels(way) for way in shown.values())],
        ["precision", *(way.precision for way in shown.values())],
        ["TFLOP for one iteration", *(f"{way.gflop / 1000:.3g}" for way in shown.values())],
    ]
    for use in asdict(made.asked.memory):
        rows.append([use, *(shown_memory(asdict(way.memory)[use]) for way in shown.values())])
    rows.append(["no tensors", *(shown_memory(way.beside) for way in shown.values())])
    rows.append(["peak", *(shown_memory(way.peak) for way in shown.values())])
    print_table(f"{made.preset}, {made.size} px, on {made.device}", ["", *shown], rows)


def _levels(way: Way) -> str:
    return "-" if way.checkpoint_levels is None else str(way.checkpoint_levels)
