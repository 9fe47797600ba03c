"""How well a model does on faces that it does not learn from, and the best of its snapshots so far."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from understudy.errors import ModelFileError
from understudy.model.snapshot import read_facts, write_snapshot
from understudy.model.swap_model import Identity, SwapModel
from understudy.settings.preset import Preset
from understudy.training.batches import FaceCodes, centre_batch
from understudy.training.losses import FaceLoss
from understudy.training.painting import painting_of
from understudy.training.standing import Standing

__all__ = ["BEST_NAME", "Best", "HeldOut", "held_out_loss", "judged", "keep_best", "measured_losses"]

BEST_NAME = "best.safetensors"
"""The best snapshot so far, beside the newest ones."""

_MOST_FACES = 32

_RUN_AWAY = 1.5
"""How many times the best loss is no chance any more: the mean of 50 iterations of two faces wavers by a tenth."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Faces that are measured and never learned from; an identity may have none.

    Attributes:
        target: Of the target identity.
        source: Of the source identity.
    """

    target: FaceCodes | None = None
    source: FaceCodes | None = None


@dataclass(frozen=True)
class Best:
    """How a snapshot is judged.

    Attributes:
        measure: What `loss` is: only losses of one measure can be compared.
        loss: Less is better.
    """

    measure: str
    loss: float

    def is_better_than(self, other: Best | None) -> bool:
        """True when there is no other, or it has the same measure and a larger loss, or was measured another way."""
        return other is None or other.measure != self.measure or self.loss < other.loss


def measured_losses(model: SwapModel, held_out: HeldOut | None, preset: Preset) -> dict[str, float]:
    """The losses on held-out faces, as a log holds them: `held_out_target`, `held_out_source`, their mean `held_out`.

    Args:
        model: The averaged weights, on any device.
        held_out: May hold faces of none, one or both identities; empty without any.
        preset: Gives size and losses.
    """
    losses: dict[str, float] = {}
    for identity, faces in _held_out_faces(held_out):
        losses[f"held_out_{identity}"] = held_out_loss(model, faces, identity, preset)
    if losses:
        losses["held_out"] = sum(losses.values()) / len(losses)
    return losses


@torch.no_grad()
def held_out_loss(model: SwapModel, faces: FaceCodes, identity: Identity, preset: Preset) -> float:
    """The mean loss of faces rebuilt without any draw, at full size and by the preset's own losses, whatever the phase.

    At most 32 faces are looked at, evenly spaced and always the same.

    Args:
        model: The averaged weights, on any device.
        faces: Held-out faces of one identity.
        identity: Whose.
        preset: Gives size and losses.
    """
    device = next(model.parameters()).device
    loss_of = FaceLoss.of(preset.training)
    chosen = np.unique(np.linspace(0, len(faces) - 1, _MOST_FACES).round().astype(np.int64))
    total = 0.0
    for index in chosen:  # one by one: many faces of 1024 px at once need more memory than training leaves
        batch = centre_batch(faces, np.array([index]), preset.model.size, device)
        total += float(loss_of(painting_of(model, model.describe(batch.seen), identity), batch))
    return total / len(chosen)


def judged(measured: Mapping[str, float], standing: Standing, preset: Preset) -> Best:
    """How a model does: on held-out faces where there are some, else in the last iterations of its phase.

    Args:
        measured: As `measured_losses` returned it.
        standing: After one iteration at least.
        preset: Its losses and weights are named in the measure, since others cannot be compared with them.
    """
    settings = preset.training
    of_areas = {name: getattr(settings, f"{name}_weight") for name in ("eyes", "mouth", "highlights")}
    weights = settings.losses.model_dump() | of_areas
    by = ", ".join(f"{name} {weight:g}" for name, weight in weights.items() if weight > 0.0)
    if "held_out" in measured:
        whose = " and ".join(name for name in ("target", "source") if f"held_out_{name}" in measured)
        return Best(f"held-out faces of {whose} ({by})", measured["held_out"])
    return Best(f"training in phase {standing.phase} ({by})", sum(standing.mean_losses) / 2.0)


def keep_best(folder: Path, judged: Best, model: SwapModel, preset: Preset, facts: Mapping[str, Any]) -> bool:
    """Writes `BEST_NAME` when this model is better than the one in it; True when it was.

    A model that is half as bad again, by the same measure, is warned of: training has run away.

    Args:
        folder: For snapshots.
        judged: How this model does.
        model: The averaged weights.
        preset: The model's.
        facts: Of the snapshot.

    Raises:
        WriteError: The file cannot be written.
    """
    path = folder / BEST_NAME
    best = _best_in(path)
    if best is not None and not judged.is_better_than(best):
        if judged.loss > _RUN_AWAY * best.loss:
            _log.warning(
                "By %s the loss is %.4g at iteration %s, and was %.4g in snapshots/%s. If no other faces came in, "
                "training has run away: stop it, and begin anew from that snapshot (--init-from) with a lower "
                "learning_rate.",
                *(judged.measure, judged.loss, facts.get("iteration"), best.loss, BEST_NAME),
            )
        return False
    write_snapshot(path, model, preset, {**facts, "best": {"measure": judged.measure, "loss": judged.loss}})
    _log.info("The best so far, by %s: loss %.5f at iteration %s.", judged.measure, judged.loss, facts.get("iteration"))
    return True


def _best_in(path: Path) -> Best | None:
    """How the best snapshot was judged; None where there is none, or where it does not say."""
    with contextlib.suppress(ModelFileError, KeyError, TypeError, ValueError):
        _, facts = read_facts(path)
        return Best(str(facts["best"]["measure"]), float(facts["best"]["loss"]))
    return None


def _held_out_faces(held_out: HeldOut | None) -> list[tuple[Identity, FaceCodes]]:
    pairs: list[tuple[Identity, FaceCodes | None]] = []
    if held_out is not None:
        pairs = [("target", held_out.target), ("source", held_out.source)]
    return [(identity, faces) for identity, faces in pairs if faces is not None and len(faces)]
