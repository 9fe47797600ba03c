"""Figures of docs/colour.md and docs/decisions/0007: light into every space of a config and back, in float32.

python docs/figures/round_trips.py [CONFIG]      the default config, or another
"""

from __future__ import annotations

import sys

import numpy as np
import numpy.typing as npt
import PyOpenColorIO as ocio  # noqa: N813

from understudy.color import ColorConfig

Light = npt.NDArray[np.float32]
_COUNT = 4000


def light() -> Light:
    """(1, N, 3) float32, working space: greys and colours from 0.00001 to 1000, with their negatives, by a fixed seed.

    A third are grey, a third positive colours, a third colours with channels down to -0.3 of the brightest.
    """
    random = np.random.default_rng(2)
    level = np.geomspace(1e-5, 1000, _COUNT)[:, None]
    colours = [np.ones((_COUNT, 3)), random.uniform(0, 1, (_COUNT, 3)) ** 3, random.uniform(-0.3, 1, (_COUNT, 3))]
    both = np.concatenate([level * colour for colour in colours])
    return np.concatenate([both, -both])[None].astype(np.float32)


def row(color: ColorConfig, space: str) -> str:
    """A space's line: what it holds, and the worst errors of what lies within."""
    low, high = color.held_range(space)
    sent = light()
    if low is not None or high is not None:
        greys = sent[0, :_COUNT, 0]
        held = greys[greys <= (np.inf if high is None else high)]
        sent = np.repeat(held[:, None], 3, axis=1)[None]
    back = color.to_working(color.converted(sent, color.working, space), space)
    error, brightest = np.abs(back - sent).max(axis=-1), np.abs(sent).max(axis=-1)
    bright, dark = brightest >= 1e-3, brightest < 1e-3
    holds = f"{'any' if low is None else f'{low:.2g}'} to {'any' if high is None else f'{high:.2g}'}"
    return f"| {space} | {holds} | {(error[bright] / brightest[bright]).max():.1e} | {error[dark].max():.1e} |"


def main(config: str | None) -> None:
    """Prints the table; two curves as they would be otherwise; what a view does to a signal and back."""
    color = ColorConfig.load(config)
    names = color.config.getColorSpaceNames(ocio.SEARCH_REFERENCE_SPACE_ALL, ocio.COLORSPACE_ALL)
    spaces = [str(name) for name in names if not color.config.getColorSpace(name).isData()]
    lines = [f"{color.name}:", "", "| space | holds | relative, 0.001 to 1000 | absolute, below |", "|---|---|---|---|"]
    sys.stdout.write(
        "\n".join(
            [*lines, *(row(color, space) for space in spaces), "", *_against_formulas(color), *_through_a_view(color)]
        )
        + "\n"
    )


def _against_formulas(color: ColorConfig) -> list[str]:
    """LogC4 as the config writes it, greys; PQ light against the formula of ST 2084 in float64."""
    sent = np.repeat(np.geomspace(1e-3, 1000, _COUNT)[:, None], 3, axis=1)[None].astype(np.float32)
    back = sent.copy()
    for start, end in ((color.working, "ARRI LogC4"), ("ARRI LogC4", color.working)):
        processor = color.config.getProcessor(start, end)
        processor.getOptimizedCPUProcessor(ocio.OPTIMIZATION_LOSSLESS).applyRGB(back)
    logc4 = np.abs(back / sent - 1).max()

    signal = np.linspace(0.07, 1, _COUNT)  # 0.001 is at 0.0625
    power = signal ** (32 / 2523)
    exact = 100 * ((power - 3424 / 4096) / (2413 / 128 - 2392 / 128 * power)) ** (16384 / 2610)
    shown = color.to_working(np.repeat(signal[:, None], 3, axis=1)[None].astype(np.float32), "Rec.2100-PQ - Display")
    pq = np.abs(shown[0].mean(axis=1) / exact - 1).max()
    return [
        f"LogC4 as the config writes its logarithm: {logc4:.1e} relative",
        f"PQ as the config has it, against the formula in float64, from 0.001 on: {pq:.1e} relative",
    ]


def _through_a_view(color: ColorConfig) -> list[str]:
    """An sRGB signal taken back to the scene through the config's default view, and what the view makes of that."""
    display = color.config.getDefaultDisplay()
    view = color.config.getDefaultView(display)
    scene, screen = (
        color.config.getProcessor(
            ocio.DisplayViewTransform(src=color.working, display=display, view=view, direction=direction)
        ).getOptimizedCPUProcessor(ocio.OPTIMIZATION_LOSSLESS)
        for direction in (ocio.TRANSFORM_DIR_INVERSE, ocio.TRANSFORM_DIR_FORWARD)
    )
    signal = np.random.default_rng(1).uniform(0, 1, (1, 20_000, 3)).astype(np.float32)
    signal[0, :2] = np.array([[0.9], [1.0]])
    there = signal.copy()
    scene.applyRGB(there)
    back = there.copy()
    screen.applyRGB(back)
    error = np.abs(back - signal).max(axis=-1)
    grey, white = there[0, 0, 0], there[0, 1, 0]
    wrong = 100 * (error > 1 / 255).mean()
    return [
        f"sRGB back through '{view}': greys of 0.9 and 1.0 become light of {grey:.3g} and {white:.3g};",
        f"    {wrong:.1f}% of signals come out of it more than 1/255 wrong, the worst {error.max():.2g}",
    ]


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
