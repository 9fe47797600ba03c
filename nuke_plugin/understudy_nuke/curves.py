"""Where the lines of a plot lie: numbers in, pixels out. Knows nothing of Qt."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Axis", "axis_over", "lines"]


@dataclass(frozen=True)
class Axis:
    """An axis from `low` to `high`, by powers of ten when it is logarithmic."""

    low: float
    high: float
    is_log: bool = False

    def share(self, value: float) -> float:
        """How far along a value lies: 0 at `low`, 1 at `high`."""
        if self.is_log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def ticks(self, most: int = 6) -> list[float]:
        """Round values on the axis, `most` or a few less."""
        if not self.is_log:
            step = _round_step((self.high - self.low) / most)
            first = math.ceil(self.low / step - 1e-9)
            return [number * step for number in range(first, math.floor(self.high / step + 1e-9) + 1)]
        powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        for digits in ((1, 2, 3, 5, 7), (1, 2, 5), (1,)):
            found = [digit * 10.0**power for power in powers for digit in digits]
            found = [value for value in found if self.low <= value <= self.high]
            if len(found) <= most:
                return found
        return found[:: math.ceil(len(found) / most)]


def axis_over(values: Sequence[float | None], is_log: bool = False) -> Axis:
    """An axis that holds all values, with a little room; on a logarithmic one only those above 0 count."""
    shown = [value for value in values if value is not None and math.isfinite(value) and (value > 0 or not is_log)]
    low, high = (min(shown), max(shown)) if shown else (0.1, 1.0) if is_log else (0.0, 1.0)
    if is_log:
        return Axis(low / 1.05, high * 1.05, True)
    room = (high - low) * 0.02 or max(abs(high), 1.0) * 0.02
    return Axis(low - room, high + room)


def lines(
    x: Sequence[float | None], y: Sequence[float | None], x_axis: Axis, y_axis: Axis, width: float, height: float
) -> list[list[tuple[float, float]]]:
    """Polylines through the points, in pixels with y down; a value that is missing parts two lines."""
    found: list[list[tuple[float, float]]] = [[]]
    for one, other in zip(x, y):  # noqa: B905  # Python 3.9
        if one is None or other is None or (y_axis.is_log and other <= 0):
            found.append([])
        else:
            found[-1].append((x_axis.share(one) * width, (1.0 - y_axis.share(other)) * height))
    return [line for line in found if line]


def _round_step(rough: float) -> float:
    """The next of 1, 2, 5, 10 ... above a step."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(digit * power for digit in (1.0, 2.0, 5.0, 10.0) if digit * power >= rough * (1.0 - 1e-9))
