"""The phases of a run: which one is on, with which settings, and which parts of the network are frozen in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import torch
from torch import nn

from understudy.errors import SettingsError
from understudy.model.swap_model import SwapModel, build_model
from understudy.settings.preset import Preset
from understudy.settings.training import FrozenSettings, ThawSettings, TrainingSettings
from understudy.training.painting import Painting, painting_of
from understudy.training.standing import RECENT, Standing

__all__ = ["PARTS", "Part", "Phase", "expect_trainable", "freeze", "part_modules", "phase_at", "phases_of", "thawed"]

Part = Literal["encoder", "inter", "target", "source", "decoder"]

PARTS: tuple[Part, ...] = get_args(Part)
"""What can be frozen: the encoder, whatever stands between, and each identity's decoder or the one that both share."""


@dataclass(frozen=True)
class Phase:
    """One stretch of a run.

    Attributes:
        name: For logs; "all" where the preset names no phases.
        settings: The preset's training settings with this phase's put in.
        side: Of the pictures that are trained on, in pixels.
        until_iteration: Where it ends; None when it ends by share, or with the run.
        until_share: The same, by share of the run.
        frozen: Parts that do not learn.
    """

    name: str
    settings: TrainingSettings
    side: int
    until_iteration: int | None = None
    until_share: float | None = None
    frozen: FrozenSettings = field(default_factory=FrozenSettings)


def phases_of(preset: Preset) -> tuple[Phase, ...]:
    """The phases of a preset, in order; one over the whole run where it names none."""
    base, size = preset.training, preset.model.size
    if not base.phases:
        return (Phase("all", base, size),)
    phases: list[Phase] = []
    for phase in base.phases:
        own = {name: value for name in ("batch", "warp", "losses") if (value := getattr(phase, name)) is not None}
        settings = base.model_copy(update={**own, "learning_rate": base.learning_rate * phase.rate})
        ends = phase.until_iteration, phase.until_share
        phases.append(Phase(phase.name, settings, phase.size or size, *ends, phase.frozen))
    return tuple(phases)


def phase_at(phases: Sequence[Phase], standing: Standing, share: float) -> Phase:
    """The phase that is on; never one before that of the standing, however much longer a run has become.

    Args:
        phases: Of the preset.
        standing: Where training stands; its phase counts where the preset still has one of that name.
        share: How much of the run is over, 0..1.
    """
    names = [phase.name for phase in phases]
    number = names.index(standing.phase) if standing.phase in names else 0
    while _is_over(phases[number], standing.iteration, share):
        number += 1
    return phases[number]


def thawed(phase: Phase, standing: Standing) -> frozenset[str]:
    """The parts that were frozen at the phase's begin and learn by now; a part that has thawed stays so."""
    ready = set(standing.thawed)
    for part in PARTS:
        thaw: ThawSettings | None = getattr(phase.frozen, part)
        if thaw is not None and (_is_time(thaw, standing) or _has_caught_up(thaw, standing)):
            ready.add(part)
    return frozenset(ready)


def freeze(model: SwapModel, phase: Phase, standing: Standing) -> tuple[Part, ...]:
    """Lets those parts of a model learn that shall, and no others; says which are frozen.

    The optimiser passes over frozen parts: it neither moves nor shrinks them, and keeps what it knew of them.

    Args:
        model: Changed.
        phase: That is on.
        standing: Says what has thawed in it.
    """
    frozen = tuple(part for part in PARTS if getattr(phase.frozen, part) is not None and part not in standing.thawed)
    model.requires_grad_(True)
    for part in frozen:
        for module in part_modules(model, part):
            module.requires_grad_(False)
    return frozen


def part_modules(model: SwapModel, part: Part) -> list[nn.Module]:
    """The children of a model that make up a part: those whose name begins with it."""
    return [child for name, child in model.named_children() if name == part or name.startswith(f"{part}_")]


def expect_trainable(preset: Preset) -> None:
    """Returns when a preset's network can be trained as its phases say.

    Raises:
        SettingsError: A phase asks for a size that the network cannot take, freezes a part that it does not have or all
            that would learn, or a loss needs an output that it does not paint.
    """
    with torch.device("meta"):
        model = build_model(preset.model)
    for phase in phases_of(preset):
        painting = _tried(model, preset, phase)
        _expect_outputs(painting, preset, phase)
        for part in PARTS:
            if getattr(phase.frozen, part) is not None and not part_modules(model, part):
                raise SettingsError(
                    f"Phase '{phase.name}' freezes the {part}, which the network of preset '{preset.name}' does not "
                    f"have. Leave training.phases' frozen.{part} out.",
                    phase=phase.name,
                )
        freeze(model, phase, Standing())
        if not any(weight.requires_grad for weight in model.parameters()):
            raise SettingsError(f"Phase '{phase.name}' freezes all that could learn. Leave a part out of its frozen.")


def _tried(model: SwapModel, preset: Preset, phase: Phase) -> Painting:
    """What is painted of a picture without pixels, so that whatever a network is made of answers for itself."""
    side, size = phase.side, preset.model.size
    advice = f"Give a size that {size} is a multiple of, or leave it out."
    if side > size or size % side:
        raise SettingsError(
            f"Phase '{phase.name}' trains at {side} px, but {size} px cannot be averaged down to that. {advice}",
            phase=phase.name,
        )
    cause: Exception | None = None
    try:
        with torch.no_grad():
            painting = painting_of(model, model.describe(torch.zeros(2, 3, side, side, device="meta")), "source")
        if painting.scales[-1].shape[-2:] == (side, side):
            return painting
    except (RuntimeError, ValueError) as error:
        if side == size:
            raise
        cause = error
    raise SettingsError(
        f"Phase '{phase.name}' trains at {side} px, which the network of preset '{preset.name}' cannot take: a dense "
        f"inter knows one size only, and a convolutional one needs some pixels left. {advice}",
        phase=phase.name,
    ) from cause


def _expect_outputs(painting: Painting, preset: Preset, phase: Phase) -> None:
    weights = phase.settings.losses
    matte = next((name for name in ("matte", "matte_entropy") if getattr(weights, name) > 0.0), None)
    if matte is not None and painting.matte is None:
        raise SettingsError(
            f"Preset '{preset.name}' gives the loss '{matte}' a weight, but its network predicts no matte. Set "
            f"training.losses.{matte}=0, or let the network predict one.",
            phase=phase.name,
        )
    if weights.coarse > 0.0 and len(painting.scales) == 1:
        raise SettingsError(
            f"Preset '{preset.name}' gives the loss 'coarse' a weight, but its network paints one size only. Set "
            "training.losses.coarse=0, or let the network paint several.",
            phase=phase.name,
        )


def _is_over(phase: Phase, iteration: int, share: float) -> bool:
    by_iteration = phase.until_iteration is not None and iteration >= phase.until_iteration
    return by_iteration or (phase.until_share is not None and share >= phase.until_share)


def _is_time(thaw: ThawSettings, standing: Standing) -> bool:
    return thaw.at_iteration is not None and standing.iteration >= thaw.at_iteration


def _has_caught_up(thaw: ThawSettings, standing: Standing) -> bool:
    if thaw.caught_up_percent is None or len(standing.recent) < RECENT:
        return False
    target, source = standing.mean_losses
    new, other = (source, target) if thaw.new_identity == "source" else (target, source)
    return new <= other * (1.0 + thaw.caught_up_percent / 100.0)
