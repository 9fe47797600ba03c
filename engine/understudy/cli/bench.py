"""Commands that measure: what a frame costs, how exact resampling is, and how the engine bears load and attack."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from understudy.cli.synth import SIZE, parsed_size
from understudy.cli.terminal import JSON, Stopped, print_facts, print_json, print_table, watching
from understudy.errors import EngineError, SettingsError
from understudy.progress import OnProgress
from understudy.settings.project import ProjectFolder

if TYPE_CHECKING:
    from understudy.bench.hostile import HostileResult
    from understudy.bench.io import IoResult
    from understudy.bench.load import LoadResult
    from understudy.bench.one_frame import FrameResult

__all__ = ["bench"]

T = TypeVar("T")

bench = typer.Typer(help="Measurements, on this machine.", no_args_is_help=True)


@bench.command("io")
def bench_io(
    size: Annotated[str, SIZE] = "4096x2160",
    frames: Annotated[int, typer.Option(min=2, help="Of the plate.")] = 8,
    compression: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Of plate and results; may be given several times.")
    ] = None,
    colorspace: Annotated[str, typer.Option(metavar="NAME", help="That the plate is in.")] = "ACES2065-1",
    model_size: Annotated[int, typer.Option(min=64, max=2048, help="Side of the model in pixels.")] = 1024,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Measure what a frame costs from plate to result without the network: step by step, the floor, the whole job.

    A plate is made in a temporary folder, with a face of 0.65 of its height.
    """
    from understudy.bench.io import measure_io

    names, results = compression or ["zip", "htj2k256"], []
    with watching(quiet=as_json) as on_progress:
        for name in names:
            measured = measure_io(parsed_size(size), frames, name, colorspace, model_size, on_progress)
            results.append(_unless_stopped(measured))
    if as_json:
        print_json([result.to_json() for result in results])
        return
    for result in results:
        print_table(*_io_table(result))


@bench.command("resample")
def bench_resample(
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Compare ways to resample: how near a crop that is put back comes to its plate. Takes a minute or two."""
    from understudy.bench.filters import compare_filters

    with watching(quiet=as_json) as on_progress:
        tables = _unless_stopped(compare_filters(on_progress)).to_json()
    if as_json:
        print_json(tables)
        return
    for title, rows in tables.items():
        columns = list(next(iter(rows.values())))
        cells = [[name, *(f"{row[column]:.3g}" for column in columns)] for name, row in rows.items()]
        print_table(title, ["", *columns], cells)


@bench.command("rpc")
def bench_rpc(
    hostile: Annotated[bool, typer.Option("--hostile", help="Attack an engine instead.")] = False,
    minutes: Annotated[float, typer.Option(min=0.1, help="How long to attack.")] = 1.0,
    tcp: Annotated[bool, typer.Option("--tcp", help="By 127.0.0.1 instead of a private socket.")] = False,
    frames: Annotated[int, typer.Option(min=1, help="Of the synthetic shot that is swapped under load.")] = 24,
    rounds: Annotated[
        int, typer.Option(min=2, help="How often the frame is swapped each way; the shot a quarter as often.")
    ] = 20,
    apart: Annotated[
        bool, typer.Option("--apart", help="Clients and engine have a core to themselves, the swap the others.")
    ] = False,
    project: Annotated[Path | None, typer.Option(metavar="DIR", help="Measure one frame of this project.")] = None,
    shot: Annotated[str | None, typer.Option(help="The shot; with --project.")] = None,
    model: Annotated[str | None, typer.Option(help="The model; with --project.")] = None,
    frame: Annotated[int | None, typer.Option(help="The frame; with --project.")] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Measure an engine of its own: 32 clients that poll while a swap runs, and one frame there and back.

    With --project only the frame is measured; its preview is written into that project. Linux only.
    """
    chosen = (project, shot, model, frame)
    if any(part is not None for part in chosen) and None in chosen:
        raise SettingsError("--project, --shot, --model and --frame belong together: give all four, or none.")
    if not Path("/proc/self/fd").is_dir():
        raise SettingsError("bench rpc looks into the engine's process by /proc, which only Linux has.")
    options = ["--tcp"] if tcp else []
    with watching(quiet=as_json) as on_progress:
        if hostile:
            results: dict[str, Any] = {"hostile": _attack(options, minutes, on_progress)}
        elif project is not None:
            opened = ProjectFolder.open(project)
            results = {
                "frame": _one_frame(options, opened, str(shot), str(model), int(frame or 0), rounds, on_progress)
            }
        else:
            results = _own_footage(options, frames, rounds, apart, on_progress)
    if as_json:
        print_json({name: result.to_json() for name, result in results.items()})
    else:
        for name, result in results.items():
            print_facts(*_FACTS[name](result))
    _raise_for_breaches(results)


def _attack(options: list[str], minutes: float, on_progress: OnProgress) -> HostileResult:
    from understudy.bench.engine import own_engine
    from understudy.bench.hostile import attack_engine

    with own_engine(options) as target:
        return attack_engine(target, minutes * 60, on_progress)


def _one_frame(
    options: list[str], project: ProjectFolder, shot: str, model: str, frame: int, rounds: int, on_progress: OnProgress
) -> FrameResult:
    from understudy.bench.engine import own_engine
    from understudy.bench.one_frame import measure_frame

    with own_engine(options) as target:
        result = measure_frame(target, project, shot, model, frame, rounds, on_progress)
    return _unless_stopped(result)


def _own_footage(options: list[str], frames: int, rounds: int, apart: bool, on_progress: OnProgress) -> dict[str, Any]:
    from understudy.bench.engine import own_engine
    from understudy.bench.footage import MODEL, SHOT, make_project
    from understudy.bench.load import load_engine
    from understudy.synthetic.benchmark import FIRST_FRAME

    with tempfile.TemporaryDirectory(prefix="us-bench-") as folder:
        project = _unless_stopped(make_project(Path(folder), frames, on_progress))
        own_core, others = _cores() if apart else (None, ())
        with own_engine(options, others) as target:
            load = load_engine(
                target, project, SHOT, MODEL, rounds=max(rounds // 4, 2), own_core=own_core, on_progress=on_progress
            )
        load = _unless_stopped(load)
        one = _one_frame(options, project, SHOT, MODEL, FIRST_FRAME, rounds, on_progress)
    return {"load": load, "frame": one}


def _cores() -> tuple[int, list[int]]:
    """One core for clients and engine, and those that are left."""
    own_core, *others = sorted(os.sched_getaffinity(0))
    if not others:
        raise SettingsError("--apart needs two processor cores; this machine lends one.")
    return own_core, others


def _io_table(result: IoResult) -> tuple[str, list[str], list[list[str]]]:
    """Title, columns and rows of one compression's figures."""
    title = (
        f"{result.compression}, {result.size[0]}x{result.size[1]}, {result.frames} frames in {result.space}, "
        f"face {result.face_px:.0f} px; plate {result.plate_mb:.1f} MB, result {result.result_mb:.1f} MB a frame"
    )
    costs = {
        **result.steps,
        "all steps": result.total,
        "the whole job": result.job,
        **{f"floor: {name}": cost for name, cost in result.floor.items()},
    }
    rows = [[name, f"{cost.wall_ms:.0f} ms", f"{cost.cpu_ms:.0f} ms"] for name, cost in costs.items()]
    rows.append([f"slowest step, or CPU of the job / {result.cores} cores", f"{result.bound_ms:.0f} ms", ""])
    rows.append(["the job, of that", f"{result.ratio:.2f}", ""])
    rows.append(["the same of the cores that were left", f"{result.ratio_of_the_rest:.2f}", ""])
    rows.append(["cores that other programs kept busy", f"{result.others_cores:.1f}", ""])
    rows.append(["most memory held", f"{result.largest_mb:.0f} MB", ""])
    return title, ["one frame", "wall", "CPU"], rows


def _unless_stopped(result: T | None) -> T:
    if result is None:
        raise Stopped
    return result


def _raise_for_breaches(results: dict[str, Any]) -> None:
    hostile = results.get("hostile")
    if hostile is not None and (hostile.breaches or hostile.failures):
        what = (hostile.breaches + hostile.failures)[0]
        raise EngineError(f"The engine did not stand: {what}", reason="inside")


def _hostile_facts(result: HostileResult) -> tuple[str, dict[str, Any]]:
    start, peak, end = result.resident_mb
    facts = {
        "attacks": f"{sum(result.attacks.values())} of {len(result.attacks)} kinds",
        "got something": len(result.breaches),
        "good client": f"{result.calls} calls, {len(result.failures)} failed",
        "its calls": _times(result),
        "its new connections": f"worst {result.worst_connect_ms:.0f} ms",
        "engine's memory": f"{start:.0f} MB before, {peak:.0f} at most, {end:.0f} after",
        "engine's open files": "{} before, {} after".format(*result.descriptors),
        "engine's threads": "{} before, {} after".format(*result.threads),
    }
    return f"an engine under attack for {result.seconds:.0f} s", facts


def _load_facts(result: LoadResult) -> tuple[str, dict[str, Any]]:
    facts = {
        "calls": f"{result.polls}, {result.failed_polls} failed",
        "a call": _times(result),
        "lost jobs": f"{result.lost_jobs} of {result.jobs + len(result.alone_s) + len(result.loaded_s) + 1}",
        "the job alone": ", ".join(f"{seconds:.2f}" for seconds in result.alone_s) + " s",
        "the job with all clients": ", ".join(f"{seconds:.2f}" for seconds in result.loaded_s) + " s",
        "ratio of the medians": f"{result.ratio:.3f}",
        "the engine itself": "{:.1%} of a core with one client, {:.1%} with all".format(*result.engine_cores),
        "the clients": f"{result.clients_cores:.1%} of a core",
    }
    where = ", a core apart from them" if result.is_apart else ""
    return (
        f"{result.clients} clients, ten polls a second each, while a swap of {result.frames} frames runs{where}",
        facts,
    )


def _times(result: HostileResult | LoadResult) -> str:
    return f"median {result.median_ms:.1f} ms, 99 % below {result.p99_ms:.1f} ms, worst {result.worst_ms:.0f} ms"


def _frame_facts(result: FrameResult) -> tuple[str, dict[str, Any]]:
    facts = {
        "in process": f"median {result.here_ms:.0f} ms",
        "through the client": f"median {result.engine_ms:.0f} ms",
        "more, at the lower quartiles": f"{result.overhead_ms:.1f} ms",
        "of it before and after the work": f"median {result.around_ms:.1f} ms",
    }
    return f"one frame of {result.size[0]}x{result.size[1]}, model warm, {result.rounds} times each way", facts


_FACTS: dict[str, Any] = {"hostile": _hostile_facts, "load": _load_facts, "frame": _frame_facts}
