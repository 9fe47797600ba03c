"""Paints skin: pigment, blood, freckles, stubble, lips, wrinkles and pores.

Every function paints on the canvas and returns the coverage that later strokes need, if any.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.interpolate import CubicSpline

from understudy.synthetic.canvas import TEXTURE_SIZE, Canvas, Layer, blurred, darkened, fractal_noise
from understudy.synthetic.falloff import Floats, smoothstep
from understudy.synthetic.landmarks import BROW_CENTRE, CHIN, EYES, FOREHEAD_TOP, NOSE_TIP, OUTER_LIPS

__all__ = ["Complexion", "SkinZones", "paint_lips", "paint_nostrils", "paint_pores", "paint_skin", "paint_wrinkles"]

_FRECKLE_LANDMARKS = [50, 280, 5, 195, 205, 425, 118, 347, 9, 151]
_MOLE_LANDMARKS = [50, 280, 205, 425, 172, 397, 9, 199, 214, 434]
_BEARD_OUTLINE = (
    234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 323, 454, 411, 425,
    391, 2, 165, 205, 187,
)  # fmt: skip
_NOSTRILS = ((20, 60, 99, 238), (250, 290, 328, 458))
_SMILE_LINES = ((129, 203, 206, 216, 212), (358, 423, 426, 436, 432))


@dataclass(frozen=True)
class Complexion:
    """Colours of an identity.

    Attributes:
        tone: (3,) mean albedo of the skin, linear RGB.
        hair: (3,) albedo of the hair, linear RGB.
        is_male: Decides beard, lashes and lip colour.
    """

    tone: Floats
    hair: Floats
    is_male: bool


@dataclass(frozen=True)
class SkinZones:
    """Layers, 0..1, that later strokes reuse.

    Attributes:
        cheeks: Where cheeks redden.
        nose: The ball and bridge of the nose.
    """

    cheeks: Layer
    nose: Layer

    @property
    def ruddy(self) -> Layer:
        """Cheeks and nose, a little everywhere: where freckles and pores are dense."""
        return np.clip(self.cheeks + self.nose + 0.25, 0, 1)


def paint_skin(canvas: Canvas, complexion: Complexion) -> SkinZones:
    """Paints pigment, blood and what grows on it."""
    noise = np.exp(-(0.05 * canvas.coarse + 0.05 * canvas.middle + 0.05 * canvas.fine))
    canvas.albedo *= (noise[..., None] ** np.array([0.7, 1.0, 1.3])).astype(np.float32)
    cheeks = canvas.spot(50, 130, 105) + canvas.spot(280, 130, 105)
    nose = canvas.spot(NOSE_TIP, 85, 80) + 0.5 * canvas.spot(195, 70, 80)
    zones = SkinZones(cheeks, nose)
    blood = 0.10 * np.clip(canvas.middle, -1, 2) * 0.4 + 0.34 * cheeks + 0.34 * nose
    canvas.albedo *= darkened(blood + 0.15 * canvas.spot(CHIN, 110, 60), (-0.10, 0.42, 0.36))
    _shade_eyes(canvas)
    _sprinkle_freckles(canvas, complexion)
    _place_moles(canvas)
    if complexion.is_male and canvas.rng.rand() < 0.75:
        _grow_stubble(canvas)
    return zones


def _shade_eyes(canvas: Canvas) -> None:
    """Dark circles under the eyes, and darker lids."""
    for eye in EYES:
        circle = canvas.spot(eye.below_lower[3], 85, 26) + 0.6 * canvas.spot(eye.below_lower[5], 50, 26)
        strength = 0.5 + 0.6 * canvas.rng.rand()
        canvas.albedo *= np.exp(-circle[..., None] * np.array([0.20, 0.34, 0.26]) * strength).astype(np.float32)
        lids = np.clip(canvas.area(eye.ring, 7) * 1.6, 0, 1)[..., None]
        canvas.albedo *= (1 - 0.35 * lids * np.array([0.5, 0.9, 0.85])).astype(np.float32)


def _sprinkle_freckles(canvas: Canvas, complexion: Complexion) -> None:
    rng = canvas.rng
    count = int(rng.choice([0, 150, 700, 1600])) if complexion.tone.mean() > 0.25 else 40
    freckles = canvas.blank()
    for _ in range(count):
        centre = canvas.landmarks[rng.choice(_FRECKLE_LANDMARKS)] + rng.randn(2) * [130, 110]
        canvas.dot(freckles, centre, radius=1.1 + 2.2 * rng.rand() ** 2, value=float(0.25 + 0.6 * rng.rand()))
    canvas.albedo *= darkened(blurred(freckles, 1.2), (0.35, 0.65, 0.85))


def _place_moles(canvas: Canvas) -> None:
    rng = canvas.rng
    moles = canvas.blank()
    for _ in range(rng.randint(1, 6)):
        centre = canvas.landmarks[rng.choice(_MOLE_LANDMARKS)] + rng.randn(2) * 60
        canvas.dot(moles, centre, radius=rng.uniform(3, 7), value=1.0)
    moles = blurred(moles, 1.5)
    canvas.height += 0.02 * moles
    canvas.albedo *= darkened(moles, (1.0, 1.5, 1.7))


def _grow_stubble(canvas: Canvas) -> None:
    beard = canvas.hard_area(_BEARD_OUTLINE)
    above_throat = smoothstep(-7.5, -5.5, canvas.heights)
    beard = np.maximum(blurred(beard, 28), blurred(beard, 60) * 0.8) * above_throat
    roots = (canvas.rng.rand(TEXTURE_SIZE, TEXTURE_SIZE) < 0.06).astype(np.float32)
    hairs = cv2.GaussianBlur(roots, (0, 0), sigmaX=0.8, sigmaY=1.3) * 4
    amount = canvas.rng.uniform(0.35, 1.0)
    canvas.albedo *= darkened(beard * amount * (0.22 + 0.5 * hairs), (1.25, 1.0, 0.8))


def paint_lips(canvas: Canvas, complexion: Complexion) -> Layer:
    """Paints the lips and returns their coverage, 0..1."""
    coverage = np.clip(canvas.area(OUTER_LIPS, 5), 0, 1)
    made_up = not complexion.is_male and canvas.rng.rand() < 0.6
    tint = [0.85, 0.38, 0.42] if made_up else [0.90, 0.52, 0.55]
    if complexion.tone.mean() < 0.15:
        tint = [1.0, 0.75, 0.8]
    columns = np.repeat(canvas.rng.randn(1, TEXTURE_SIZE // 5).astype(np.float32), 2, axis=0)
    creases = cv2.resize(columns, (TEXTURE_SIZE, TEXTURE_SIZE), interpolation=cv2.INTER_CUBIC)
    mottling = 1 + 0.07 * creases[..., None] + 0.08 * canvas.middle[..., None]
    canvas.mix((complexion.tone * np.array(tint)) * mottling, coverage)
    canvas.height += coverage * creases * 0.012
    return coverage


def paint_nostrils(canvas: Canvas) -> None:
    """Paints the nostrils dark: the template has no holes there."""
    for landmarks in _NOSTRILS:
        depth = np.clip(1.7 * canvas.spot(landmarks, 26, 15) ** 1.2, 0, 1)
        canvas.albedo *= (1 - 0.93 * depth)[..., None]


def paint_wrinkles(canvas: Canvas) -> None:
    """Presses lines into forehead, cheeks and lids, deeper with age."""
    rng, landmarks = canvas.rng, canvas.landmarks
    age = rng.rand()
    for line in range(4):
        rise = 0.18 + 0.21 * line
        middle = landmarks[BROW_CENTRE] * (1 - rise) + landmarks[FOREHEAD_TOP] * rise
        offsets = [
            (-250, 8 + 6 * rng.randn()),
            (-120, -6 * rng.randn()),
            (0, 6),
            (120, 6 * rng.randn()),
            (250, 8),
        ]
        _press_line(canvas, middle + np.array(offsets), width=6, depth=0.10 * age)
    for eye, smile_line in zip(EYES, _SMILE_LINES, strict=True):
        _press_line(canvas, landmarks[list(smile_line)], width=11, depth=0.16 * (0.3 + age))
        _press_line(canvas, landmarks[list(eye.below_lower)] + [0, 14], width=8, depth=0.10 * (0.3 + age))
        _press_line(canvas, landmarks[list(eye.crease)] + [0, -3], width=5, depth=0.16)


def _press_line(canvas: Canvas, points: Floats, width: int, depth: float) -> None:
    """A groove along a spline through `points` (N, 2); width in texels, depth in cm before blurring."""
    along = np.linspace(0, 1, len(points))
    spline = CubicSpline(along, points)(np.linspace(0, 1, 80))
    groove = canvas.blank()
    canvas.path(groove, spline, 1.0, width)
    canvas.height -= depth * blurred(groove, width)


def paint_pores(canvas: Canvas, zones: SkinZones) -> None:
    """Pores of about 0.002 cm; at three times that, skin looks like orange peel."""
    pores = np.clip(-fractal_noise(canvas.rng, 420, 2), 0, None) * (0.4 + zones.ruddy)
    grain = fractal_noise(canvas.rng, 700, 1)
    canvas.height += 0.0016 * canvas.fine + 0.0016 * grain - 0.0035 * pores + 0.003 * canvas.middle
