"""What training costs with each of several presets, side by side on the machine it stands on."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import torch

from understudy.bench.allocations import Allocations, allocations, resident_peak
from understudy.bench.child import Child, Turn
from understudy.errors import UnderstudyError
from understudy.model.device import chosen_device, computes_in_half
from understudy.progress import OnProgress, Progress, ignore_progress
from understudy.settings.preset import Preset, preset_from_json
from understudy.training.rehearsal import FIRST_FULL, Rehearsal, rehearse, train_on_noise

__all__ = ["MachinePeak", "TrainingFigures", "machine_peak", "measure_training"]

_PRODUCT_SIDE = {"cpu": 1024, "cuda": 8192}
_PRODUCTS = 8
_FOREVER = 1e9


@dataclass(frozen=True)
class MachinePeak:
    """What a machine does at best: products of large square matrices, in the numbers that training uses.

    Attributes:
        gflops: Thousand million additions and multiplications a second, by the clock.
        gflops_cpu: The same for each second of processor time, which other programs do not change.
    """

    gflops: float
    gflops_cpu: float


@dataclass(frozen=True)
class _Sample:
    """What one child measured."""

    wall_s: list[float]
    cpu_s: list[float]
    peak: int | None
    resident: int
    machine: MachinePeak


@dataclass(frozen=True)
class TrainingFigures:
    """What training costs with one preset.

    Attributes:
        preset: Its name.
        size: Of its crops in pixels.
        batch: Faces of each identity in one iteration; an iteration sees twice as many.
        device: What it ran on.
        precision: "bf16" or "fp32": of the numbers inside the network.
        iterations: How many were timed, in all rounds; the first ones of each were not.
        seconds: One iteration by the clock, median.
        cpu_seconds: The same in processor time of all threads.
        images_per_second: Faces by the clock.
        peak: Bytes, most that PyTorch's allocator had given out at once. None when it was not measured.
        predicted: What the planner says of the same.
        resident: Bytes, most of the process in the machine's memory, with Python and all libraries; in the last round,
            so that with several it is not burdened by the watching of the first.
        gflop: Thousand million additions and multiplications of one iteration.
        share: Of the machine's peak: on a processor by processor time, else by the clock.
        fault: Why there are no figures; empty when there are.
    """

    preset: str
    size: int
    batch: int
    device: str
    precision: str
    iterations: int
    seconds: float | None
    cpu_seconds: float | None
    images_per_second: float | None
    peak: int | None
    predicted: int
    resident: int | None
    gflop: float
    share: float | None
    fault: str

    def to_json(self) -> dict[str, Any]:
        """Plain values by the names of the attributes."""
        return asdict(self)


def measure_training(
    presets: Sequence[Preset],
    *,
    seconds: float = 20.0,
    iterations: int | None = None,
    rounds: int = 3,
    limit_s: float = 1800.0,
    device: str = "auto",
    on_progress: OnProgress = ignore_progress,
) -> list[TrainingFigures] | None:
    """Trains each preset on noise and says what it costs; None when stopped.

    Presets take turns, round by round, so that whatever else the machine does meets all of them. Each turn is a process
    of its own. In the first round the first two iterations tell of memory.

    Args:
        presets: To compare.
        seconds: How long each is timed, in all rounds together; at least one iteration of each round is.
        iterations: How many are timed at most in each round.
        rounds: How often each is begun anew.
        limit_s: A turn that takes longer is given up.
        device: "auto", or a device of PyTorch.
        on_progress: Called often; False stops.

    Raises:
        SettingsError: A preset learns nothing.
    """
    place = chosen_device(device)
    rehearsals = [rehearse(_as_on(preset, place)) for preset in presets]
    samples: list[list[_Sample]] = [[] for _ in presets]
    faults = [""] * len(presets)
    turns = [(number, index) for number in range(rounds) for index in range(len(presets))]
    for done, (number, index) in enumerate(turns):
        if faults[index]:
            continue
        preset = presets[index]
        report = Progress("training", done, len(turns), f"{preset.name}, round {number + 1}")
        most = iterations or 1_000_000
        arguments = (preset.to_json(), str(place), seconds / rounds, most, number == 0)
        with Child(preset.name, _measure, *arguments) as child:
            try:
                if not child.turn(_FOREVER, limit_s, lambda report=report: on_progress(report)):  # type: ignore[misc]
                    return None
                samples[index].append(child.result)
            except UnderstudyError as error:
                faults[index] = error.message
    if not on_progress(Progress("training", len(turns), len(turns))):
        return None
    return [_figures(*each, place) for each in zip(presets, samples, rehearsals, faults, strict=True)]


def machine_peak(device: torch.device, half: bool) -> MachinePeak:
    """The best of several products of large matrices on a device.

    Args:
        device: Where.
        half: In bf16, else in fp32 as training computes it: with TF32 where a GPU has it.
    """
    side = _PRODUCT_SIDE.get(device.type, 1024)
    kind = torch.bfloat16 if half else torch.float32
    first, second = (torch.rand(side, side, device=device, dtype=kind) for _ in range(2))
    flop = 2 * side**3 / 1e9
    best = best_cpu = float("inf")
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = True
    for _ in range(_PRODUCTS):
        _finish(device)
        start, start_cpu = time.perf_counter(), time.process_time()
        torch.mm(first, second)
        _finish(device)
        best_cpu = min(best_cpu, time.process_time() - start_cpu)
        best = min(best, time.perf_counter() - start)
    torch.backends.cuda.matmul.allow_tf32 = before
    return MachinePeak(flop / best, flop / max(best_cpu, 1e-9))


def _measure(turn: Turn, preset_json: str, device: str, seconds: float, iterations: int, with_memory: bool) -> _Sample:
    """In a process of its own: the machine's peak, memory if asked for, then time."""
    del turn
    preset, place = preset_from_json(preset_json, "the preset to measure"), torch.device(device)
    machine = machine_peak(place, computes_in_half(place, preset.training.precision))
    marks: list[tuple[float, float]] = []
    first = FIRST_FULL if with_memory else 1

    with ExitStack() as watched:
        memory: Allocations | None = watched.enter_context(allocations(place)) if with_memory else None

        def on_iteration(done: int) -> bool:
            if done < first:
                return True
            if done == first:
                watched.close()
            marks.append((time.perf_counter(), time.process_time()))
            return done - first < iterations and marks[-1][0] - marks[0][0] < seconds

        train_on_noise(preset, device, on_iteration)
    wall, cpu = ([after[clock] - mark[clock] for mark, after in pairwise(marks)] for clock in (0, 1))
    return _Sample(wall, cpu, memory.peak if memory else None, resident_peak(), machine)


def _figures(
    preset: Preset, samples: Sequence[_Sample], rehearsal: Rehearsal, fault: str, place: torch.device
) -> TrainingFigures:
    wall = [seconds for sample in samples for seconds in sample.wall_s]
    cpu = [seconds for sample in samples for seconds in sample.cpu_s]
    second, cpu_second = (statistics.median(times) if times else None for times in (wall, cpu))
    share = None
    if second and cpu_second:
        done, best = (
            (rehearsal.gflop / cpu_second, max(sample.machine.gflops_cpu for sample in samples))
            if place.type == "cpu"
            else (rehearsal.gflop / second, max(sample.machine.gflops for sample in samples))
        )
        share = done / best
    return TrainingFigures(
        preset=preset.name,
        size=preset.model.size,
        batch=preset.training.batch,
        device=str(place),
        precision="bf16" if computes_in_half(place, preset.training.precision) else "fp32",
        iterations=len(wall),
        seconds=second,
        cpu_seconds=cpu_second,
        images_per_second=2 * preset.training.batch / second if second else None,
        peak=next((sample.peak for sample in samples if sample.peak is not None), None),
        predicted=rehearsal.memory.total,
        resident=samples[-1].resident if samples else None,
        gflop=rehearsal.gflop,
        share=share,
        fault=fault,
    )


def _as_on(preset: Preset, place: torch.device) -> Preset:
    """The preset with the precision that "auto" comes to there."""
    half = computes_in_half(place, preset.training.precision)
    return preset.with_overrides((f"training.precision={'bf16' if half else 'fp32'}",))


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
