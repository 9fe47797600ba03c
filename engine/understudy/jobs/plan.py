"""What fits into a device's memory: which batch, how many levels computed twice, in which precision."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch

from understudy.errors import SettingsError
from understudy.model.device import chosen_device, computes_in_half, free_memory
from understudy.progress import OnProgress, Progress, ignore_progress
from understudy.settings.memory_size import parse_memory, shown_memory
from understudy.settings.preset import Preset
from understudy.training.rehearsal import Rehearsal, TrainingMemory, rehearse

__all__ = ["LARGEST_BATCH", "Plan", "Way", "fit_to_memory", "fitted_preset", "plan_training"]

LARGEST_BATCH = 256
"""More faces of each identity than this are not taken in one iteration."""

_MIB = 1 << 20

_CUDA_CONTEXT = 500 * _MIB
"""What a process holds on the device before its first tensor: the driver's context and the code of the kernels of
PyTorch, cuBLAS and cuDNN. 300 to 600 MiB on today's cards; `torch.cuda.max_memory_allocated` does not count it."""

_CUDA_WORKSPACE = 256 * _MIB
"""What convolutions and products take for themselves while they run, which no tensor shows: cuBLAS keeps up to 32 MiB
for each stream, and the convolutions that cuDNN finds fastest take tens of MiB, a few of them more."""

_CUDA_LOST = 0.05
"""Share of the tensors' memory that is lost between blocks of PyTorch's allocator."""

_PROCESS = 700 * _MIB
"""What a process on a processor holds beside its tensors: Python and its libraries, 616 MiB with PyTorch 2.12, and the
least that oneDNN takes."""

_PROCESSOR_SCRATCH = 0.65
"""Share of the tensors' memory that it takes more: oneDNN's own copies in its own order, and what malloc does not give
back. So reckoned, the whole process comes out within 17 % (docs/performance.md)."""

_Device = Literal["cuda", "cpu"]


class _Stopped(Exception):  # noqa: N818  # a state, not an error
    """The caller asked to stop."""


@dataclass(frozen=True)
class Way:
    """A way to train a preset, and what it would take.

    Attributes:
        batch: Faces of each identity in one iteration.
        checkpoint_levels: How many outer levels are computed twice instead of kept.
        precision: "bf16" or "fp32": of the numbers inside the network.
        peak: Most bytes of the device's memory at once, all counted.
        memory: What the tensors of it are for.
        beside: What of it is no tensor: the process's own, workspaces, gaps.
        gflop: Thousand million additions and multiplications of one iteration.
    """

    batch: int
    checkpoint_levels: int
    precision: str
    peak: int
    memory: TrainingMemory
    beside: int
    gflop: float

    def to_json(self) -> dict[str, Any]:
        """Plain values by the names of the attributes."""
        return asdict(self)


@dataclass(frozen=True)
class Plan:
    """What fits.

    Attributes:
        preset: Its name.
        size: Of its crops in pixels.
        device: Kind of device: "cuda" or "cpu".
        available: Bytes there.
        asked: As it was asked for: the preset's own batch, or the one named.
        fits: Whether that fits.
        largest: The largest batch that fits with the preset's own levels and precision; None when not even 1 does.
        instead: What to do instead when it does not fit, with the asked batch if that is possible at all, else with the
            largest that is; None when it fits, or when nothing does.
        changes: For `--set`, so that it becomes so.
    """

    preset: str
    size: int
    device: str
    available: int
    asked: Way
    fits: bool
    largest: Way | None
    instead: Way | None
    changes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values by the names of the attributes, and the answer as `sentence`."""
        return asdict(self) | {"changes": list(self.changes), "sentence": self.sentence()}

    def sentence(self) -> str:
        """The answer in one line."""
        asked, room = self.asked, shown_memory(self.available)
        needs = f"{self.preset} at batch {asked.batch} takes {shown_memory(asked.peak)}"
        if self.fits:
            return f"{needs} of {room}: it fits."
        if self.instead is None:
            return f"{needs}, and not even batch 1 fits into {room}. Choose a smaller preset."
        return (
            f"{needs}: more than {room}. With {' '.join(f'--set {change}' for change in self.changes)} "
            f"it takes {shown_memory(self.instead.peak)}."
        )


def plan_training(
    preset: Preset,
    available: int | None = None,
    batch: int | None = None,
    device: str = "cuda",
    on_progress: OnProgress = ignore_progress,
) -> Plan | None:
    """Finds out what of a preset fits into a device's memory, without the device; None when stopped.

    Args:
        preset: Network and training.
        available: Bytes; what is free on the CUDA device of this machine when None.
        batch: Faces of each identity in one iteration; the preset's own when None.
        device: "cuda" or "cpu", or one of this machine, such as "cuda:1"; what is not there is planned for as well.
        on_progress: Called after each way that was tried; False stops.

    Raises:
        SettingsError: The preset learns nothing, the batch is none, or it is not known how much memory there is.
    """
    kind: _Device = "cuda" if device.startswith("cuda") else "cpu"
    room = _room(device) if available is None else available
    if batch is not None and not 1 <= batch <= LARGEST_BATCH:
        raise SettingsError(f"A batch of {batch} is none; it must lie between 1 and {LARGEST_BATCH}.", batch=batch)
    rehearsals = _Rehearsals(preset, device, kind, on_progress)
    levels, precision = preset.model.checkpoint_levels, rehearsals.precision
    try:
        asked = rehearsals.way(batch or preset.training.batch, levels, precision)
        fits = asked.peak <= room
        largest = _largest(lambda count: rehearsals.way(count, levels, precision), room, asked)
        instead = None if fits else _instead(rehearsals, asked, room)
    except _Stopped:
        return None
    changes = _changes(preset, asked if fits else instead, rehearsals.precision)
    return Plan(preset.name, preset.model.size, kind, room, asked, fits, largest, instead, changes)


def fitted_preset(plan: Plan, preset: Preset) -> Preset:
    """The preset, changed as the plan says so that it fits.

    Raises:
        SettingsError: Nothing fits.
    """
    if not plan.fits and plan.instead is None:
        raise SettingsError(plan.sentence(), preset=preset.name)
    changed = preset.with_overrides(plan.changes)
    return changed if plan.instead is None else _with_batch(changed, plan.instead.batch)


def fit_to_memory(
    preset: Preset, memory: str | None, device: str, on_progress: OnProgress = ignore_progress
) -> tuple[Preset, Plan] | None:
    """The preset, changed so that it fits, and the plan that says how; None when stopped.

    Args:
        preset: To train.
        memory: Such as "8GiB"; what is free on the device when None.
        device: As in `plan_training`.
        on_progress: As in `plan_training`.

    Raises:
        SettingsError: Nothing fits, or it is not known how much memory there is.
    """
    plan = plan_training(preset, None if memory is None else parse_memory(memory), None, device, on_progress)
    return None if plan is None else (fitted_preset(plan, preset), plan)


class _Rehearsals:
    """Tries ways to train, each once."""

    def __init__(self, preset: Preset, device: str, kind: _Device, on_progress: OnProgress) -> None:
        self._preset = preset
        self._kind = kind
        self._on_progress = on_progress
        self._known: dict[tuple[int, int | None, str], Way] = {}
        self.precision = _precision(preset, device)

    def way(self, batch: int, levels: int, precision: str) -> Way:
        """What this way would take."""
        key = (batch, levels, precision)
        if key not in self._known:
            self._known[key] = self._tried(*key)
            tried = f"batch {batch}: {shown_memory(self._known[key].peak)}"
            if not self._on_progress(Progress("planning", len(self._known), len(self._known), tried)):
                raise _Stopped
        return self._known[key]

    def with_levels(self, levels: int) -> bool:
        """Whether the network has so many levels that can be computed twice."""
        try:
            _with_levels(self._preset, levels)
        except SettingsError:
            return False
        return True

    def _tried(self, batch: int, levels: int, precision: str) -> Way:
        preset = _with_batch(_with_levels(self._preset, levels), batch)
        rehearsal = rehearse(preset.with_overrides((f"training.precision={precision}",)))
        beside = _beside(rehearsal, self._kind)
        peak = rehearsal.memory.total + beside
        return Way(batch, levels, precision, peak, rehearsal.memory, beside, rehearsal.gflop)


def _room(device: str) -> int:
    free = free_memory(chosen_device(device)) if torch.cuda.is_available() else None
    if free is None:
        raise SettingsError("It is not known how much memory there is: say so, for instance 8GiB.")
    # a training that is begun now has a context of its own, as this process has
    return free + _CUDA_CONTEXT


def _precision(preset: Preset, device: str) -> str:
    """What "auto" comes to; a CUDA device that is not here is taken to be of this decade."""
    place = torch.device(device)
    if preset.training.precision == "auto" and place.type == "cuda" and not torch.cuda.is_available():
        return "bf16"
    return "bf16" if computes_in_half(place, preset.training.precision) else "fp32"


def _beside(rehearsal: Rehearsal, kind: _Device) -> int:
    if kind == "cpu":
        return _PROCESS + int(_PROCESSOR_SCRATCH * rehearsal.memory.total)
    return _CUDA_CONTEXT + _CUDA_WORKSPACE + int(_CUDA_LOST * rehearsal.memory.total)


def _largest(way: Callable[[int], Way], room: int, asked: Way) -> Way | None:
    """The way with the largest batch that fits; None when not even 1 does."""
    fitting = asked if asked.peak <= room else way(1)
    if fitting.peak > room:
        return None
    below: Way | None = None
    beyond = asked if asked.peak > room else None
    while fitting.batch < LARGEST_BATCH and (beyond is None or beyond.batch - fitting.batch > 1):
        tried = way(_guess(below, fitting, beyond, room))
        if tried.peak <= room:
            below, fitting = fitting, tried
        else:
            beyond = tried
    return fitting


def _guess(below: Way | None, fitting: Way, beyond: Way | None, room: int) -> int:
    """A larger batch than one that fits, that may fill the memory: it grows with the batch along a line, or nearly."""
    other = beyond or below
    if other is None:
        return min(2 * fitting.batch, LARGEST_BATCH)
    slope = (other.peak - fitting.peak) / (other.batch - fitting.batch)
    guess = fitting.batch + int((room - fitting.peak) / max(slope, 1.0))
    return min(max(guess, fitting.batch + 1), beyond.batch - 1 if beyond else LARGEST_BATCH)


def _instead(rehearsals: _Rehearsals, asked: Way, room: int) -> Way | None:
    """The way that fits and changes least: more levels computed twice, then shorter numbers, then a smaller batch."""
    leanest = asked
    for tried in _leaner_ways(rehearsals, asked):
        if tried.peak <= room:
            return tried
        leanest = min(leanest, tried, key=lambda way: way.peak)
    largest = _largest(lambda count: rehearsals.way(count, leanest.checkpoint_levels, leanest.precision), room, leanest)
    if largest is None:
        return None
    # of the ways with this batch that fit, the first is the one that costs least time
    return next((way for way in _leaner_ways(rehearsals, asked, largest.batch) if way.peak <= room), largest)


def _leaner_ways(rehearsals: _Rehearsals, asked: Way, batch: int | None = None) -> Iterator[Way]:
    """Ways with one batch that take less and less memory, and more and more time; the first is as it was asked."""
    for precision in dict.fromkeys((asked.precision, "bf16")):
        levels, before = asked.checkpoint_levels, None
        while True:
            tried = rehearsals.way(batch or asked.batch, levels, precision)
            yield tried
            is_no_less = before is not None and tried.peak >= before.peak
            if is_no_less or not rehearsals.with_levels(levels + 1):
                break
            levels, before = levels + 1, tried


def _changes(preset: Preset, way: Way | None, precision: str) -> tuple[str, ...]:
    """What `--set` must be given so that a preset is trained this way."""
    if way is None:
        return ()
    changes = []
    if way.batch != preset.training.batch:
        changes.append(f"training.batch={way.batch}")
    if way.checkpoint_levels != preset.model.checkpoint_levels:
        changes.append(f"model.checkpoint_levels={way.checkpoint_levels}")
    if way.precision != precision:
        changes.append(f"training.precision={way.precision}")
    return tuple(changes)


def _with_levels(preset: Preset, levels: int) -> Preset:
    return preset.with_overrides((f"model.checkpoint_levels={levels}",))


def _with_batch(preset: Preset, batch: int) -> Preset:
    """The preset with this batch; phases with a larger one of their own are held to it."""
    phases = tuple(
        phase.model_copy(update={"batch": min(phase.batch, batch)}) if phase.batch is not None else phase
        for phase in preset.training.phases
    )
    update: dict[str, Any] = {"batch": batch} | ({"phases": phases} if phases else {})
    return preset.model_copy(update={"training": preset.training.model_copy(update=update)})
