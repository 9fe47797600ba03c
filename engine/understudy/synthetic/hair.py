"""Paints brows, lashes and the hair of the head."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import cv2
import numpy as np

from understudy.synthetic.canvas import (
    TEXTURE_SIZE,
    Canvas,
    Layer,
    azimuth_from_u,
    blurred,
    fractal_noise,
)
from understudy.synthetic.falloff import Floats, smoothstep
from understudy.synthetic.landmarks import EYES, FOREHEAD_TOP, EyeLandmarks
from understudy.synthetic.skin import Complexion

__all__ = ["HairCap", "paint_brows", "paint_hair_cap", "paint_lashes"]

_HAIRLINE_DEGREES = (0, 14, 30, 44, 56, 66, 73, 80, 86, 95, 104, 118, 140, 180)


@dataclass(frozen=True)
class HairCap:
    """The hair of the head.

    Attributes:
        thickness: (size, size) 0..1, smooth: how far the scalp is raised.
        coverage: (size, size) 0..1, ragged: where hair hides the skin.
        is_bald: True when only a shadow of hair is left.
    """

    thickness: Layer
    coverage: Layer
    is_bald: bool


def paint_brows(canvas: Canvas, complexion: Complexion) -> Layer:
    """Paints the brows as some hundred short strokes each, and returns their coverage."""
    rng = canvas.rng
    strokes = canvas.blank()
    count, length, thickness = int(rng.uniform(260, 520)), rng.uniform(20, 34), rng.uniform(0.5, 0.85)
    for eye in EYES:
        upper, lower = canvas.landmarks[list(eye.brow_upper)], canvas.landmarks[list(eye.brow_lower)]
        middle = (upper + lower) / 2
        upper, lower = middle + (upper - middle) * thickness, middle + (lower - middle) * thickness
        for _ in range(count):
            _draw_brow_hair(canvas, strokes, upper, lower, middle, length)
    coverage = np.clip(blurred(strokes, 0.8) + 0.25 * blurred(strokes, 7), 0, 1)
    canvas.mix(complexion.hair * 0.8 + np.array([0.006, 0.004, 0.003]), 0.93 * coverage)
    canvas.height += 0.004 * blurred(strokes, 1.0)
    return coverage


def _draw_brow_hair(
    canvas: Canvas, layer: Layer, upper: Floats, lower: Floats, middle: Floats, mean_length: float
) -> None:
    """One hair, between the edges (5, 2) of a brow: upright near the nose, lying flat towards the tail."""
    rng = canvas.rng
    along = rng.rand() ** 0.9 * 4  # 0 at the tail
    part = min(int(along), 3)
    share = along - part
    top = upper[part] * (1 - share) + upper[part + 1] * share
    bottom = lower[part] * (1 - share) + lower[part + 1] * share
    taper = 0.35 + 0.65 * smoothstep(0, 1.3, along)
    root = (top + bottom) / 2 + (top - bottom) * (rng.rand() - 0.55) * 0.8 * taper
    to_tail = middle[part] - middle[part + 1]
    to_tail = to_tail / (np.linalg.norm(to_tail) + 1e-6)
    flatness = smoothstep(4, 2.4, along)
    direction = to_tail * (0.45 + 0.55 * flatness) + np.array([0, -1.0]) * (0.9 - 0.65 * flatness)
    direction = direction / np.linalg.norm(direction) + rng.randn(2) * 0.12
    length = mean_length * (0.55 + 0.6 * rng.rand()) * (0.7 + 0.3 * taper)
    bend = root + direction * length * 0.5 + to_tail * 1.5
    tip = root + direction * length + to_tail * length * 0.22
    value = float(0.65 + 0.35 * rng.rand())
    canvas.path(layer, np.array([root, bend, tip]), value, thickness=2 if rng.rand() < 0.5 else 1)


def paint_lashes(canvas: Canvas, complexion: Complexion) -> None:
    """Paints the lash lines and the lashes on the skin beside the lid edges."""
    layer = canvas.blank()
    count = int(130 * (0.6 if complexion.is_male else 1.0))
    for eye in EYES:
        _draw_lashes(canvas, layer, eye, count)
    coverage = np.clip(blurred(layer, 0.9) * 1.15, 0, 1)
    canvas.mix(np.array([0.012, 0.009, 0.008]), 0.9 * coverage)


def _draw_lashes(canvas: Canvas, layer: Layer, eye: EyeLandmarks, count: int) -> None:
    rng = canvas.rng
    upper = canvas.landmarks[[eye.outer_corner, *eye.upper_lid, eye.inner_corner]]
    lower = canvas.landmarks[[eye.outer_corner, *eye.lower_lid, eye.inner_corner]]
    for place, (start, end) in enumerate(itertools.pairwise(upper)):
        canvas.stroke(layer, start, end, 1.0, 4 if place < 5 else 3)
    canvas.path(layer, lower, 0.45, 1)
    for _ in range(count):
        along = rng.rand() * (len(upper) - 1.01)  # 0 at the outer corner, where lashes lean outwards most
        part = int(along)
        root = upper[part] * (1 - along + part) + upper[part + 1] * (along - part)
        lash = np.array([eye.side * (0.9 - 0.24 * along), -1.0]) * rng.uniform(5, 11)
        canvas.stroke(layer, root, root + lash, 0.9, 1)


def paint_hair_cap(canvas: Canvas, complexion: Complexion) -> HairCap:
    """Paints the hair above a hairline that is a curve in azimuth and height."""
    rng, noise = canvas.rng, canvas.middle
    above_line = canvas.heights - _hairline(canvas)[None] + 0.16 * noise + 0.1 * canvas.fine
    thickness = smoothstep(-0.1, 0.55, above_line).astype(np.float32)
    is_bald = bool(rng.rand() < 0.08)
    if is_bald:
        thickness *= 0.25
    strands = _strands(rng)
    color = complexion.hair * np.exp(0.42 * strands[..., None] + 0.18 * noise[..., None])
    fringe = np.clip(strands * 0.6 + above_line * 1.6, 0, 1) * smoothstep(-0.5, 0.3, above_line)
    full = np.maximum(
        thickness * smoothstep(0, 0.9, above_line),
        fringe.astype(np.float32) * smoothstep(-0.35, 0.25, above_line),
    )
    coverage = 0.35 * blurred(thickness, 40) if is_bald else np.clip(full, 0, 1)
    canvas.mix(color, coverage)
    canvas.height = (canvas.height * (1 - coverage) + coverage * 0.035 * strands).astype(np.float32)
    return HairCap(thickness, coverage, is_bald)


def _hairline(canvas: Canvas) -> Layer:
    """(size,) height of the hairline for each column: forehead, temples, round the ears, nape."""
    rng = canvas.rng
    recession = rng.uniform(-0.5, 0.9)
    front = canvas.height_of(FOREHEAD_TOP) + rng.uniform(-0.25, 0.45)
    columns = (np.arange(TEXTURE_SIZE) + 0.5) / TEXTURE_SIZE
    degrees = np.abs(np.rad2deg(azimuth_from_u(columns)))
    at_front = [front, front + 0.1, front + 0.2 + 0.6 * recession, front - 0.5 + 0.5 * recession]
    levels = [*at_front, 9.2, 7.6, 4.2, 3.0, 5.5, 6.3, 4.0, 0.0, -3.0, -4.0]
    line = np.interp(degrees, _HAIRLINE_DEGREES, levels).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(line[None], (0, 0), 16)[0], np.float32)


def _strands(rng: np.random.RandomState) -> Layer:
    """Noise drawn out along v, as hair combed up and back, and bent a little."""
    straight = fractal_noise(rng, 420, 2, 0.8, aspect=0.03)
    bend = 14 * fractal_noise(rng, 8, 2)
    columns, rows = np.meshgrid(*[np.arange(TEXTURE_SIZE, dtype=np.float32)] * 2)
    bent = cv2.remap(straight, columns + bend, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    return np.asarray(bent, np.float32)
