"""What each choice behind our own presets costs and brings: a network of 128 px, changed in one thing at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from understudy.bench.quality import QualityFigures, compare_quality
from understudy.errors import SettingsError
from understudy.model.cost import model_cost
from understudy.progress import OnProgress, ignore_progress
from understudy.settings.preset import Preset, load_preset
from understudy.synthetic.score import Measures
from understudy.training.rehearsal import rehearse

__all__ = ["BASE", "STEPS", "Ladder", "Rung", "Step", "climb", "step_costs", "step_presets"]

BASE = "u128"
"""The preset that each step changes: the smallest whose parts are those of `u1024`."""


@dataclass(frozen=True)
class Step:
    """One change to the base.

    Attributes:
        name: Of the preset that it makes.
        what: In words.
        changes: `FIELD=VALUE` each.
    """

    name: str
    what: str
    changes: tuple[str, ...] = ()


STEPS = (
    Step(BASE, "as it comes: blocks of 4 px folded into channels, at both ends"),
    Step(
        "unfolded",
        "nothing folded: thin levels up to full resolution",
        (
            "model.encoder.stem=1",
            "model.encoder.widths=[16, 32, 64, 128]",
            "model.decoder.widths=[96, 64, 32, 16]",
            "model.decoder.head=1",
        ),
    ),
    Step(
        "folded-by-2",
        "blocks of 2 px",
        (
            "model.encoder.stem=2",
            "model.encoder.widths=[32, 64, 128]",
            "model.decoder.widths=[96, 64, 32]",
            "model.decoder.head=2",
        ),
    ),
    Step(
        "folded-by-8",
        "blocks of 8 px",
        (
            "model.encoder.stem=8",
            "model.encoder.widths=[128]",
            "model.decoder.widths=[96]",
            "model.decoder.head=8",
        ),
    ),
    Step(
        "haar",
        "the blocks as Haar wavelets",
        ("model.encoder.stem_kind=haar", "model.decoder.head_kind=haar"),
    ),
    Step("narrow", "half the widths", ("model.encoder.widths=[32, 64]", "model.decoder.widths=[48, 32]")),
    Step("wide", "twice the widths", ("model.encoder.widths=[128, 256]", "model.decoder.widths=[192, 128]")),
    Step(
        "coarse", "half the size painted too, and compared", ("model.decoder.outputs=2", "training.losses.coarse=0.5")
    ),
    Step("twice", "the outermost levels computed twice instead of kept", ("model.checkpoint_levels=1",)),
    Step(
        "no-light", "no underpainting, and no normalised code", ("model.underpainting=0", "model.inter.normalise=false")
    ),
)


@dataclass(frozen=True)
class StepCost:
    """What training with one step takes, as rehearsed, fp32.

    Attributes:
        name: Of the step.
        what: The step, in words.
        parameters: Of its network.
        activations: Bytes of them at the peak: what the network keeps, and paints.
        memory: Most bytes of tensors.
        gflop: Thousand million additions and multiplications of one iteration.
    """

    name: str
    what: str
    parameters: int
    activations: int
    memory: int
    gflop: float

    def to_json(self) -> dict[str, Any]:
        """Plain values by the names of the attributes."""
        return asdict(self)


@dataclass(frozen=True)
class Rung:
    """What one step costs and brings.

    Attributes:
        cost: What its training takes.
        learnt: What it has learnt in the time.
    """

    cost: StepCost
    learnt: QualityFigures

    @property
    def cpu_seconds(self) -> float:
        """Of one iteration, with its share of loading and saving."""
        return self.learnt.cpu_seconds / max(1, self.learnt.iterations)

    def to_json(self) -> dict[str, Any]:
        """Plain values by the names of the attributes, and `cpu_seconds`."""
        return asdict(self) | {"cpu_seconds": self.cpu_seconds}


@dataclass(frozen=True)
class Ladder:
    """All steps, beside doing nothing.

    Attributes:
        rungs: In the order in which the steps were named.
        plate: The measures of the untouched plate.
        frames: How many were scored.
    """

    rungs: tuple[Rung, ...]
    plate: Measures
    frames: int

    def to_json(self) -> dict[str, Any]:
        """Plain values by the names of the attributes."""
        return asdict(self) | {"rungs": [rung.to_json() for rung in self.rungs]}


def step_presets(names: Sequence[str] = (), changes: Sequence[str] = ()) -> list[tuple[Step, Preset]]:
    """Steps and the presets that they make.

    Args:
        names: Of steps; all when empty.
        changes: `FIELD=VALUE` for all of them, after their own.

    Raises:
        SettingsError: No step is called so, or a change is none.
    """
    known = {step.name: step for step in STEPS}
    unknown = next((name for name in names if name not in known), None)
    if unknown is not None:
        raise SettingsError(f"No step is called '{unknown}'. There are: {', '.join(known)}.")
    steps = [known[name] for name in dict.fromkeys(names)] or list(STEPS)
    return [(step, _changed(step, changes)) for step in steps]


def step_costs(names: Sequence[str] = (), changes: Sequence[str] = ()) -> list[StepCost]:
    """What training with each step takes, without training; arguments and errors as of `step_presets`."""
    return [_cost(*made) for made in step_presets(names, changes)]


def climb(
    names: Sequence[str] = (),
    changes: Sequence[str] = (),
    *,
    minutes: float = 2.0,
    slice_s: float = 30.0,
    frames: int = 24,
    train_frames: int = 72,
    folder: Path | None = None,
    device: str = "auto",
    on_progress: OnProgress = ignore_progress,
) -> Ladder | None:
    """Trains what each step makes for the same time on one synthetic pair, and scores it; None when stopped.

    Args:
        names: Of steps; all when empty.
        changes: `FIELD=VALUE` for all of them.
        minutes: How long each trains.
        slice_s: How long each works in one turn.
        frames: Of the plate.
        train_frames: Of the source identity's footage.
        folder: Where everything is kept; the same call goes on there. A temporary folder when None.
        device: "auto", or a device of PyTorch.
        on_progress: Called often; False stops.

    Raises:
        SettingsError: No step is called so, a change is none, or the folder holds another set.
    """
    steps = step_presets(names, changes)
    result = compare_quality(
        [preset for _, preset in steps],
        minutes=minutes,
        slice_s=slice_s,
        frames=frames,
        train_frames=train_frames,
        folder=folder,
        device=device,
        on_progress=on_progress,
    )
    if result is None:
        return None
    costs = [_cost(*made) for made in steps]
    rungs = [Rung(*each) for each in zip(costs, result.presets, strict=True)]
    return Ladder(tuple(rungs), result.plate, result.frames)


def _changed(step: Step, changes: Sequence[str]) -> Preset:
    preset = load_preset(BASE, (*step.changes, *changes))
    return preset.model_copy(update={"name": step.name})


def _cost(step: Step, preset: Preset) -> StepCost:
    rehearsal = rehearse(preset.with_overrides(("training.precision=fp32",)))
    memory, parameters = rehearsal.memory, model_cost(preset.model).parameters
    return StepCost(step.name, step.what, parameters, memory.activations, memory.total, rehearsal.gflop)
