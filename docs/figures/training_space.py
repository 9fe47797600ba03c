"""The table and the plots of docs/decisions/0002-training-space.md: candidate curves side by side.

python docs/figures/training_space.py            prints the table
python docs/figures/training_space.py --plots    also writes docs/images/training_space_*.svg
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from understudy.color.curve import OFFSET, SLOPE, TOE, ZERO_CODE, ZERO_SLOPE

Values = npt.NDArray[np.float64]

IMAGES = Path(__file__).parents[1] / "images"
GREY = 0.18
SKIN = (0.02, 1.5)
"""Light on a face whose median is grey: three stops under to three over, without its highlights."""


@dataclass(frozen=True)
class Curve:
    """A candidate.

    Attributes:
        name: As the table calls it.
        code: From light (float64, any shape) to code.
    """

    name: str
    code: Callable[[Values], Values]

    def per_stop(self, light: float) -> float:
        """Code that one stop takes, half of it on each side of this light."""
        below, above = self.code(np.array([light * 2**-0.5, light * 2**0.5]))
        return float(above - below)

    def slope(self, light: float) -> float:
        """Code for each unit of light."""
        step = 1e-7
        below, above = self.code(np.array([light - step, light + step]))
        return float(above - below) / (2 * step)


def facelog(light: Values) -> Values:
    """Ours."""
    return np.where(light < 0, ZERO_CODE + ZERO_SLOPE * light, SLOPE * np.log2(light.clip(0) + TOE) + OFFSET)


def acescct(light: Values) -> Values:
    """ACEScct, S-2016-001: a logarithm with a straight toe."""
    return np.where(
        light <= 0.0078125, 10.5402377416545 * light + 0.0729055341958355, (np.log2(light.clip(1e-9)) + 9.72) / 17.52
    )


def slog3(light: Values) -> Values:
    """Sony S-Log3, from its technical summary: a logarithm with a straight toe."""
    straight = (light * (171.2102946929 - 95) / 0.01125 + 95) / 1023
    return np.where(light < 0.01125, straight, (420 + np.log10((light.clip(0) + 0.01) / 0.19) * 261.5) / 1023)


def logc4(light: Values) -> Values:
    """ARRI LogC4, from its specification: a logarithm that is straight below a small negative light."""
    a, b, c = (2.0**18 - 16) / 117.45, (1023 - 95) / 1023, 95 / 1023
    s = 7 * np.log(2) * 2 ** (7 - 14 * c / b) / (a * b)
    t = (2 ** (14 * -c / b + 6) - 64) / a
    return np.where(light < t, (light - t) / s, (np.log2(a * np.maximum(light, t) + 64) - 6) / 14 * b + c)


def asinh(light: Values) -> Values:
    """Inverse hyperbolic sine with its knee at 0.05: odd, smooth everywhere."""
    return np.arcsinh(light / 0.05) / np.arcsinh(64 / 0.05)


def gamma_log(light: Values) -> Values:
    """A square root up to 0.5 and a logarithm above, as HLG is made; mirrored below 0."""
    size = np.abs(light)
    root = np.where(size < 0.5, np.sqrt(size), np.sqrt(0.5) * (1 + 0.5 * np.log(size.clip(0.5) / 0.5)))
    return np.sign(light) * root / (np.sqrt(0.5) * (1 + 0.5 * np.log(128)))


def pq(light: Values) -> Values:
    """SMPTE ST 2084 with 1.0 at 100 nits; mirrored below 0."""
    power = (np.abs(light) / 100) ** (2610 / 16384)
    ratio = (3424 / 4096 + 2413 / 128 * power) / (1 + 2392 / 128 * power)
    return np.sign(light) * (ratio ** (2523 / 32) - (3424 / 4096) ** (2523 / 32))


CURVES = (
    Curve("FaceLog", facelog),
    Curve("ACEScct", acescct),
    Curve("S-Log3", slog3),
    Curve("LogC4", logc4),
    Curve("asinh", asinh),
    Curve("gamma-log", gamma_log),
    Curve("PQ", pq),
)


def table() -> str:
    """The comparison as Markdown."""
    head = (
        "curve",
        "0",
        "grey",
        "1",
        "64",
        "code per stop at .02 / .18 / .8 / 50",
        "skin's share",
        "uneven in stops",
        "uneven to the eye",
        "slope at 0",
        "noise .003 at black",
    )
    rows = [head, ("---",) * len(head)]
    for curve in CURVES:
        zero, grey, one, bright = curve.code(np.array([0.0, GREY, 1.0, 64.0]))
        steps = " / ".join(f"{curve.per_stop(light):.3f}" for light in (0.02, GREY, 0.8, 50))
        low, high = curve.code(np.array(SKIN))
        numbers = (f"{zero:.3f}", f"{grey:.3f}", f"{one:.3f}", f"{bright:.3f}", steps, f"{high - low:.2f}")
        spread = (f"{_unevenness(curve, facestops):.2f}" for facestops in (_stops, _eye))
        rows.append((curve.name, *numbers, *spread, f"{curve.slope(0.0):.1f}", f"{_noise(curve):.3f}"))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _stops(light: Values) -> Values:
    return np.log2(light)


def _eye(light: Values) -> Values:
    return pq(light)


def _unevenness(curve: Curve, scale: Callable[[Values], Values]) -> float:
    """Standard deviation over mean of code for each step of a scale, from the darkest skin to 64."""
    light = np.geomspace(SKIN[0], 64, 2000)
    steps = np.diff(curve.code(light)) / np.diff(scale(light))
    return float(steps.std() / steps.mean())


def _noise(curve: Curve) -> float:
    """Standard deviation of the codes of black with a sensor's noise of 0.003."""
    noise = np.random.default_rng(1).normal(0, 0.003, 200_000)
    return float(curve.code(noise).std())


def write_plots() -> None:
    """Three plots: the curves over stops, code for each stop, and the way through zero."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    matplotlib.rcParams.update({"svg.hashsalt": "understudy", "svg.fonttype": "none", "font.size": 9})
    figure, axes = pyplot.subplots(1, 3, figsize=(13, 4), layout="constrained")
    stops = np.linspace(-8, 9, 300)
    light, near = GREY * 2**stops, np.linspace(-0.02, 0.06, 300)
    for curve in CURVES:
        style = {"linewidth": 2.2 if curve.name == "FaceLog" else 1.0, "label": curve.name}
        codes = curve.code(light)
        axes[0].plot(stops, codes, **style)
        axes[1].plot(stops, np.gradient(codes, stops), **style)
        axes[2].plot(near, curve.code(near), **style)
    titles = ("Code of light, in stops from grey", "Code for each stop", "Code of light near zero")
    for axis, title in zip(axes, titles, strict=True):
        axis.set_title(title)
        axis.grid(alpha=0.3)
    for axis in axes[:2]:
        axis.axvspan(*(float(np.log2(end / GREY)) for end in SKIN), color="tan", alpha=0.25, label="skin")
        axis.set_xlabel("stops from grey (0.18)")
    axes[2].set_xlabel("scene-linear light")
    axes[0].legend()
    figure.savefig(IMAGES / "training_space_curves.svg", metadata={"Date": None, "Creator": None})
    pyplot.close(figure)


if __name__ == "__main__":
    sys.stdout.write(table() + "\n")
    if "--plots" in sys.argv[1:]:
        write_plots()
