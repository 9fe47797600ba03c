"""Training without faces, for a few iterations: weightless, to know what it would take, or real, to measure it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from understudy.errors import SettingsError
from understudy.geometry import crop_side
from understudy.model.cost import model_cost
from understudy.model.live_tensors import BACKWARD, LiveTensors
from understudy.model.weightless import weightless_tensors
from understudy.progress import Progress
from understudy.settings.preset import Preset, preset_from_json
from understudy.training.batches import FaceCodes
from understudy.training.preview import Look
from understudy.training.trainer import train

__all__ = ["FIRST_FULL", "Rehearsal", "TrainingMemory", "rehearse", "train_on_noise"]

FIRST_FULL = 2
"""The first iteration that has in memory all that training ever has; the optimiser's numbers come at the end of the one
before."""

_FACES = 4
_MODEL, _LOSSES = "understudy.model.", "understudy.training.losses"


@dataclass(frozen=True)
class TrainingMemory:
    """Bytes of tensors in training, at the moment when they are most, by what they are for.

    Attributes:
        weights: Of the network, fp32.
        average: Their running average, which the snapshot holds.
        optimiser: The two numbers that AdamW keeps for each weight.
        activations: What the network keeps from its forward pass for the backward pass, and what it paints.
        loss: What the losses keep for the backward pass, and need on their way.
        backward: Gradients, and what is computed on the way to them.
        rest: Batches, and what else there is.
    """

    weights: int
    average: int
    optimiser: int
    activations: int
    loss: int
    backward: int
    rest: int

    @property
    def total(self) -> int:
        """All of it."""
        return sum(asdict(self).values())


@dataclass(frozen=True)
class Rehearsal:
    """What training with a preset would take.

    Attributes:
        memory: Of the phase that takes most.
        gflop: Thousand million additions and multiplications of one iteration of that phase.
        by_maker: The same bytes as in `memory`, by the module that made the tensors, largest first; "backward" for
            gradients.
    """

    memory: TrainingMemory
    gflop: float
    by_maker: Mapping[str, int] = field(default_factory=dict)


class _Enough(Exception):  # noqa: N818  # a signal, not an error
    """Ends a training that nobody wants saved."""


def rehearse(preset: Preset) -> Rehearsal:
    """Lets the trainer itself train for two iterations of each phase, as on a processor, with tensors without memory.

    What it finds is remembered for as long as the process lives.

    Args:
        preset: With the batch that is asked about. `training.precision` "auto" stands for fp32.

    Raises:
        SettingsError: The preset learns nothing.
    """
    return _rehearsed(preset.to_json())


@lru_cache(maxsize=256)
def _rehearsed(preset_json: str) -> Rehearsal:
    preset = preset_from_json(preset_json, "a preset to rehearse")
    return max((_rehearse_phase(each) for each in _each_phase(preset)), key=lambda each: each.memory.total)


def train_on_noise(preset: Preset, device: str, on_iteration: Callable[[int], bool], faces: int = _FACES) -> None:
    """Trains a new model of this preset on crops without faces, and throws it away.

    Args:
        preset: Network and training. Pretrained weights are not looked for; what is frozen stays frozen, at random.
        device: "auto", or a device of PyTorch.
        on_iteration: Told after each iteration how many there have been; False ends it.
        faces: How many crops each identity has.

    Raises:
        SettingsError: The preset learns nothing.
        TrainingError: The device's memory is full.
    """
    preset, crops = _from_random(preset), _noise(preset, faces)
    done = 0

    def on_progress(_: Progress) -> bool:
        nonlocal done
        done += 1
        if not on_iteration(done):
            raise _Enough  # answering False would save a checkpoint, which nobody reads
        return True

    with tempfile.TemporaryDirectory(prefix="us-rehearsal-") as folder, suppress(_Enough):
        train(
            Path(folder),
            preset,
            crops,
            crops,
            {},
            iterations=preset.training.iterations,
            device=device,
            look=Look(_no_picture, _no_picture, {}),
            on_progress=on_progress,
        )


class _Arithmetic(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts additions and multiplications by PyTorch's own formulas.

    PyTorch's FlopCounterMode also says in which module they are, by hooks on tensors. What is computed twice then lives
    on until Python looks for circles, and would count as memory that no training takes.

    Attributes:
        total: So far.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.total: int = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        del types
        made = func(*args, **(kwargs or {}))
        formula = flop_registry.get(func._overloadpacket)
        if formula is not None:
            self.total += int(formula(*args, **(kwargs or {}), out_val=made))
        return made


def _rehearse_phase(preset: Preset) -> Rehearsal:
    counted: list[int] = []

    def on_iteration(done: int) -> bool:
        counted.append(counter.total)
        return done < FIRST_FULL

    with weightless_tensors(), _Arithmetic() as counter, LiveTensors() as live:
        train_on_noise(preset, "cpu", on_iteration, faces=1)
    by_maker = dict(sorted(live.at_peak.items(), key=lambda item: -item[1]))
    return Rehearsal(_by_use(live, preset), (counted[-1] - counted[-2]) / 1e9, MappingProxyType(by_maker))


def _by_use(live: LiveTensors, preset: Preset) -> TrainingMemory:
    """What the tensors of a training were for when there were most of them."""
    network = losses = others = 0
    for maker, size in live.at_peak.items():
        if maker.startswith(_MODEL):
            network += size
        elif maker.startswith(_LOSSES):
            losses += size
        elif maker != BACKWARD:
            others += size
    weights = min(network, 4 * model_cost(preset.model).parameters)
    average = min(others, weights)
    optimiser = min(others - average, 2 * weights)
    rest = others - average - optimiser
    return TrainingMemory(weights, average, optimiser, network - weights, losses, live.at_peak.get(BACKWARD, 0), rest)


def _each_phase(preset: Preset) -> Iterator[Preset]:
    """A preset for each phase of the schedule, in which this phase is the whole run."""
    phases = preset.training.phases
    if not phases:
        yield preset
    for phase in phases:
        whole = phase.model_copy(update={"until_iteration": None, "until_share": None})
        yield preset.model_copy(update={"training": preset.training.model_copy(update={"phases": (whole,)})})


def _from_random(preset: Preset) -> Preset:
    """The preset without pretrained weights, which may not be on this machine and change neither time nor memory."""
    encoder = preset.model.encoder
    if encoder.weights == "none":
        return preset
    model = preset.model.model_copy(update={"encoder": encoder.model_copy(update={"weights": "none"})})
    return preset.model_copy(update={"model": model})


def _noise(preset: Preset, count: int) -> FaceCodes:
    """Crops of random codes about middle grey, all face."""
    if preset.model.kind == "identity":
        raise SettingsError(f"Preset '{preset.name}' returns its input and learns nothing. Choose another to train.")
    side = crop_side(preset.model.size, preset.margin)
    draws = np.random.default_rng(1)
    codes = draws.integers(20000, 30000, (count, side, side, 3), np.uint16)
    mattes, areas = np.full((count, side, side), 255, np.uint8), np.full((count, 16, 16, 2), 255, np.uint8)
    return FaceCodes(codes, mattes, areas, np.zeros((count, 2), np.float32))


def _no_picture(codes: npt.NDArray[np.float32]) -> NoReturn:
    raise AssertionError(f"a training that is not saved has no preview of {codes.shape}")
