"""Where training stands, apart from weights and the optimiser's memory: all that the next iteration depends on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

__all__ = ["LENGTHS", "RECENT", "Standing"]

RECENT = 50
"""Over how many iterations losses are averaged."""

LENGTHS = 1000
"""How many gradients' lengths are remembered."""


@dataclass(frozen=True)
class Standing:
    """A point in a training, as a checkpoint keeps it. Random draws are keyed by the iteration and need no state.

    Attributes:
        iteration: How many iterations the weights have seen.
        phase: Name of the phase of the last one; empty before the first.
        thawed: Parts that were frozen at the phase's begin and learn by now.
        recent: Loss of target and source identity in the phase's last iterations, at most `RECENT`.
        lengths: Of the last gradients before they were shortened, at most `LENGTHS`.
        roll_backs: How often it was rolled back; draws are others after each.
    """

    iteration: int = 0
    phase: str = ""
    thawed: frozenset[str] = frozenset()
    recent: tuple[tuple[float, float], ...] = ()
    lengths: tuple[float, ...] = ()
    roll_backs: int = 0

    @property
    def mean_losses(self) -> tuple[float, float]:
        """Mean recent loss of the target and of the source identity; NaN before the first iteration."""
        if not self.recent:
            return math.nan, math.nan
        target, source = (sum(losses) / len(self.recent) for losses in zip(*self.recent, strict=True))
        return target, source

    def in_phase(self, name: str) -> Standing:
        """The same at the begin of a phase: losses of another phase do not count in it, and nothing has thawed."""
        return self if name == self.phase else replace(self, phase=name, thawed=frozenset(), recent=())

    def after(self, loss_target: float, loss_source: float, length: float | None = None) -> Standing:
        """The same one iteration later.

        Args:
            loss_target: Of the target identity, in this iteration.
            loss_source: Of the source identity.
            length: Of the gradient; not remembered when None.
        """
        recent = (*self.recent, (loss_target, loss_source))[-RECENT:]
        lengths = self.lengths if length is None else (*self.lengths, length)[-LENGTHS:]
        return replace(self, iteration=self.iteration + 1, recent=recent, lengths=lengths)

    def to_json(self) -> dict[str, Any]:
        """Plain values; numbers come back bit for bit."""
        return {
            "iteration": self.iteration,
            "phase": self.phase,
            "thawed": sorted(self.thawed),
            "recent": [list(losses) for losses in self.recent],
            "lengths": list(self.lengths),
            "roll_backs": self.roll_backs,
        }

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> Standing:
        """The standing that `to_json` wrote; early checkpoints know nothing but the iteration.

        Raises:
            ValueError, KeyError, TypeError: The values are damaged.
        """
        iteration, roll_backs = values["iteration"], values.get("roll_backs", 0)
        if not isinstance(iteration, int) or not isinstance(roll_backs, int) or min(iteration, roll_backs) < 0:
            raise ValueError("a count is none")
        return Standing(
            iteration,
            str(values.get("phase", "")),
            frozenset(str(part) for part in values.get("thawed", ())),
            tuple((float(target), float(source)) for target, source in values.get("recent", ()))[-RECENT:],
            tuple(float(length) for length in values.get("lengths", ()))[-LENGTHS:],
            roll_backs,
        )
