"""Widths of a decoder's levels by a rule: from many channels at a low resolution to few at a high one."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from understudy.settings.validation import Settings

__all__ = ["WidthCurveSettings"]

_STEP = 8
"""Widths are whole numbers of these, because graphics cards compute channels by eights."""


class WidthCurveSettings(Settings):
    """A rule for the widths of levels, lowest resolution first; the rule of the field's presets."""

    levels: Annotated[int, Field(ge=1, le=12)]
    """How many levels there are."""

    widest: Annotated[int, Field(ge=8, le=5120)]
    """Channels at the lowest resolution."""

    narrowest: Annotated[int, Field(ge=8, le=2048)]
    """Channels at the highest resolution."""

    slope: Annotated[float, Field(gt=-1.0, lt=1.0)] = -0.33
    """Below 0 the widths fall fast at first and slowly at the end (full); the share by which a level is narrower than
    the one before it (cap_max, cap_min)."""

    kind: Literal["full", "cap_max", "cap_min"] = "full"
    """`full` bends from widest to narrowest; `cap_max` stays at the widest before it falls by the same share each
    level; `cap_min` falls at once and then stays at the narrowest."""

    @model_validator(mode="after")
    def _widest_first(self) -> WidthCurveSettings:
        if self.narrowest > self.widest:
            raise ValueError(f"narrowest {self.narrowest} is wider than widest {self.widest}")
        if self.kind != "full" and self.slope == 0.0:
            raise ValueError(f"a slope of 0 never falls from {self.widest}: give {self.kind} a share such as 0.5")
        return self

    def widths(self) -> tuple[int, ...]:
        """Channels of each level, rounded down to a multiple of 8.

        With m the widest, k the narrowest and s the slope, `full` is y = m + (k - m)(x - x s) / (s - 2 s |x| + 1) for x
        in equal steps from 0 to 1; the others multiply by 1 - |s| from level to level.
        """
        widths = self._full() if self.kind == "full" else self._capped()
        # a hair more, because the ends of the curve are whole numbers that rounding may miss
        return tuple(max(_STEP, int(width + 1e-6) // _STEP * _STEP) for width in widths)

    def _full(self) -> list[float]:
        slope, fall = self.slope, self.narrowest - self.widest
        places = [number / max(1, self.levels - 1) for number in range(self.levels)]
        return [self.widest + fall * (x - x * slope) / (slope - 2.0 * slope * x + 1.0) for x in places]

    def _capped(self) -> list[float]:
        falling = [float(self.widest)]
        while len(falling) < self.levels and falling[-1] * (1.0 - abs(self.slope)) > self.narrowest:
            falling.append(falling[-1] * (1.0 - abs(self.slope)))
        if len(falling) < self.levels:
            falling.append(float(self.narrowest))
        missing = self.levels - len(falling)
        if self.kind == "cap_max":
            return [float(self.widest)] * missing + falling
        return falling + [float(self.narrowest)] * missing
