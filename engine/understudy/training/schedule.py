"""How the learning rate and the average move through a run."""

from __future__ import annotations

import math

import torch

from understudy.model.swap_model import SwapModel
from understudy.settings.training import TrainingSettings

__all__ = ["average_weights", "learning_rate"]


def learning_rate(settings: TrainingSettings, iteration: int, share: float) -> float:
    """What the optimiser is given: a climb, a plateau, and a fall to 0 at the end of the run.

    The plateau does not depend on the run's length, so that a finished model can be trained on (Hu et al., "MiniCPM",
    2024, section 4: warm-up, stable, decay). The fall is straight, or half a cosine (Loshchilov and Hutter, "SGDR",
    2017, eq. 5, without restarts).

    Args:
        settings: Of the phase.
        iteration: How many iterations the weights have seen.
        share: How much of the run is over, 0..1, by iterations or by the clock.
    """
    climb = min(1.0, (iteration + 1) / max(1, settings.warm_up))
    fall = min(1.0, (1.0 - share) / settings.cool_down) if settings.cool_down > 0.0 else 1.0
    if settings.fall == "cosine" and fall < 1.0:
        fall = (1.0 - math.cos(math.pi * max(0.0, fall))) / 2.0
    return settings.learning_rate * climb * max(0.0, fall)


@torch.no_grad()
def average_weights(average: SwapModel, model: SwapModel, settings: TrainingSettings, iteration: int) -> None:
    """Moves the running average towards the weights; it spans a tenth of the iterations until `average` bounds it.

    A fixed average would hold the random weights of the start for thousands of iterations.

    Args:
        average: Changed.
        model: The weights that are learning.
        settings: Of the phase.
        iteration: How many iterations the weights have seen.
    """
    stays = min(settings.average, (1.0 + iteration) / (10.0 + iteration))
    for slow, fast in zip(average.parameters(), model.parameters(), strict=True):
        slow.lerp_(fast, 1.0 - stays)
    for kept, present in zip(average.buffers(), model.buffers(), strict=True):
        kept.copy_(present)
