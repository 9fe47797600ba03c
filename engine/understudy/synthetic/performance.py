"""What a performer does over time: pose, expression, gaze, and an object that crosses the face."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from understudy.synthetic.falloff import Floats

__all__ = ["SHORTEST_PERFORMANCE", "Crossing", "Moment", "Worn", "between", "perform"]

Worn = Literal["glasses", "fringe"]
"""What a performer has before the face: a frame of spectacles without lenses, hair over the brow."""

SHORTEST_PERFORMANCE = 96
"""Frames; a shot that needs fewer takes them from a performance of this length."""


@dataclass(frozen=True)
class Crossing:
    """An object on its way across the face.

    Attributes:
        kind: "bar", a dark round bar, or "hand".
        progress: 0 when it enters, 1 when it has left.
        seed: Chooses side and slant.
    """

    kind: Literal["bar", "hand"]
    progress: float
    seed: int


@dataclass(frozen=True)
class Moment:
    """One instant of a performance. Expressions run from 0 to 1 unless stated.

    Attributes:
        yaw: Degrees, + to the subject's left.
        pitch: Degrees, + looks up.
        roll: Degrees, + towards the subject's right shoulder.
        x: Shift of the head to the subject's left, cm.
        y: Shift upwards, cm.
        z: Shift towards the camera, cm.
        jaw: Opening; 1 is 22 degrees.
        smile: -0.25 (sad) to 1.
        smile_side: What the left corner of the mouth smiles more than the right one.
        pucker: Lips pushed forward.
        brow: -0.5 (lowered) to 1 (raised).
        frown: Brows drawn together.
        upper_lip: Raised.
        lower_lip: Lowered.
        jaw_side: Shift of the jaw to the subject's left, about -0.25 to 0.25.
        blink: 1 is closed.
        gaze_yaw: Degrees relative to the head.
        gaze_pitch: Degrees relative to the head.
        crossing: What crosses the face, if anything.
        worn: What it has before the face, if anything.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    x: float = 0.0
    y: float = 0.0
    z: float = 0.0
    jaw: float = 0.0
    smile: float = 0.0
    smile_side: float = 0.0
    pucker: float = 0.0
    brow: float = 0.0
    frown: float = 0.0
    upper_lip: float = 0.0
    lower_lip: float = 0.0
    jaw_side: float = 0.0
    blink: float = 0.0
    gaze_yaw: float = 0.0
    gaze_pitch: float = 0.0
    crossing: Crossing | None = None
    worn: Worn | None = None


@lru_cache(maxsize=8)
def perform(seed: int, length: int, fps: float = 24.0) -> tuple[Moment, ...]:
    """A smooth random performance.

    Gaze and crossing depend on the length: the same seed with another length is another performance.

    Args:
        seed: Chooses everything.
        length: Frames.
        fps: Frames per second.
    """
    rng = np.random.RandomState(7000 + seed)
    seconds = np.arange(length) / fps
    curves = _head_curves(rng, seconds) | _mouth_curves(rng, seconds)
    curves["blink"] = _blinks(rng, seconds, length / fps)
    gaze_yaw, gaze_pitch = _saccades(rng, seconds)
    # Eyes hold on to what they look at: they turn against the head.
    curves["gaze_yaw"] = np.clip(_softened(gaze_yaw) - 0.35 * curves["yaw"], -30, 30)
    curves["gaze_pitch"] = np.clip(_softened(gaze_pitch) - 0.35 * curves["pitch"], -18, 16)
    moments = [_moment(curves, i) for i in range(length)]
    return _with_crossing(moments, seed)


def _moment(curves: Mapping[str, Floats], index: int) -> Moment:
    values: dict[str, Any] = {name: float(curve[index]) for name, curve in curves.items()}
    return Moment(**values)


def between(moment: Moment, before: Moment, after: Moment, frames: float) -> Moment:
    """The moment `frames` later (a fraction of a frame), by the slope between its neighbours."""
    moved = {
        name: value + (getattr(after, name) - getattr(before, name)) * 0.5 * frames
        for name, value in vars(moment).items()
        if name not in ("crossing", "worn")
    }
    return replace(moment, **moved)


def _wave(rng: np.random.RandomState, seconds: Floats, amplitude: float, period_s: float, partials: int = 3) -> Floats:
    """A sum of sinusoids that never quite repeats."""
    total = np.zeros(len(seconds))
    for i in range(partials):
        strength = rng.uniform(0.4, 1) / (i + 1)
        total = total + strength * np.sin(2 * np.pi * (seconds / (period_s / (1 + 0.9 * i)) + rng.rand()))
    return amplitude * total / 1.3


def _head_curves(rng: np.random.RandomState, seconds: Floats) -> dict[str, Floats]:
    return {
        "yaw": _wave(rng, seconds, 32, 4.2),
        "pitch": _wave(rng, seconds, 15, 3.6),
        "roll": _wave(rng, seconds, 9, 5.0),
        "x": _wave(rng, seconds, 1.6, 4.0),
        "y": _wave(rng, seconds, 0.8, 3.0),
        "z": _wave(rng, seconds, 2.5, 5.0),
    }


def _mouth_curves(rng: np.random.RandomState, seconds: Floats) -> dict[str, Floats]:
    """Mouth and brows; the jaw opens at the rate of speech, 3.1 syllables per second, in phrases."""
    talking = np.clip(_wave(rng, seconds, 0.9, 5.0, partials=2) + 0.4, 0, 1)
    syllables = 0.32 + 0.45 * np.sin(2 * np.pi * 3.1 * seconds + rng.rand() * 6)
    curves = {"jaw": np.clip(talking * (syllables + _wave(rng, seconds, 0.3, 0.8)), 0, 1)}
    curves["smile"] = np.clip(_wave(rng, seconds, 0.75, 3.3) + 0.15, -0.25, 1)
    pucker = np.clip(_wave(rng, seconds, 0.8, 2.1) - 0.35, 0, 1) * (curves["smile"] < 0.6)
    curves["pucker"] = np.convolve(np.pad(pucker, 3, mode="edge"), np.ones(7) / 7, "valid")
    curves["brow"] = np.clip(_wave(rng, seconds, 0.8, 2.6), -0.5, 1)
    curves["frown"] = np.clip(_wave(rng, seconds, 0.9, 3.9) - 0.3, 0, 1)
    curves["upper_lip"] = np.clip(_wave(rng, seconds, 0.6, 2.9) - 0.25, 0, 1)
    curves["lower_lip"] = np.clip(_wave(rng, seconds, 0.6, 2.3) - 0.2, 0, 1)
    curves["smile_side"] = _wave(rng, seconds, 0.12, 3.0)
    curves["jaw_side"] = _wave(rng, seconds, 0.25, 3.5)
    return curves


def _blinks(rng: np.random.RandomState, seconds: Floats, duration_s: float) -> Floats:
    """Blinks of about six frames, 0.8 to 2.6 s apart."""
    closed = np.zeros(len(seconds))
    middle = rng.uniform(0.3, 1.4)
    while middle < duration_s + 1:
        closed = np.maximum(closed, np.exp(-(((seconds - middle) / 0.055) ** 2)))
        middle += rng.uniform(0.8, 2.6)
    return np.clip(closed * 1.15, 0, 1)


def _saccades(rng: np.random.RandomState, seconds: Floats) -> tuple[Floats, Floats]:
    """Gaze (yaw, pitch) in degrees that jumps every 0.35 to 1.3 s."""
    yaw, pitch = np.zeros(len(seconds)), np.zeros(len(seconds))
    next_jump = 0.0
    looking = (0.0, 0.0)
    for i, now in enumerate(seconds):
        if now >= next_jump:
            looking = (rng.uniform(-22, 22), rng.uniform(-12, 9))
            next_jump = now + rng.uniform(0.35, 1.3)
        yaw[i], pitch[i] = looking
    return yaw, pitch


def _softened(curve: Floats) -> Floats:
    return np.convolve(np.pad(curve, 1, mode="edge"), [0.25, 0.5, 0.25], "valid")


def _with_crossing(moments: list[Moment], seed: int) -> tuple[Moment, ...]:
    """Something crosses in the middle third: a bar for even seeds, a hand for odd ones."""
    kind: Literal["bar", "hand"] = "hand" if seed % 2 else "bar"
    first, end = int(len(moments) * 0.38), int(len(moments) * 0.66)
    crossed = list(moments)
    for i in range(first, end):
        progress = (i - first + 0.5) / max(1, end - first)
        crossed[i] = replace(moments[i], crossing=Crossing(kind, progress, seed))
    return tuple(crossed)
