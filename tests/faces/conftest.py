"""A face without a photograph: an average head's landmarks, made up."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from understudy.bench.made_up_shot import average_head
from understudy.faces.alignment import ANCHOR_LANDMARKS, STABLE_LANDMARKS, template
from understudy.faces.face import Face
from understudy.faces.outline import FACE_OVAL


def made_up_landmarks() -> np.ndarray:
    """(478, 2) in the unit square: what alignment looks at on the template, the oval an ellipse, the rest between."""
    points = np.tile([0.5, 0.5], (478, 1)) + 0.1 * np.random.default_rng(3).uniform(-1, 1, (478, 2))
    angles = np.linspace(0, 2 * np.pi, len(FACE_OVAL), endpoint=False)
    points[list(FACE_OVAL)] = np.column_stack([0.5 + 0.3 * np.sin(angles), 0.5 - 0.36 * np.cos(angles)])
    placed = (*STABLE_LANDMARKS, *ANCHOR_LANDMARKS)
    points[list(placed)] = template(placed)
    return points


@pytest.fixture
def face_at() -> Callable[..., Face]:
    """Makes a face of a frame: middle in plate pixels, side of the square, roll in degrees."""
    return partial(_face, made_up_landmarks(), np.zeros(478))


@pytest.fixture
def head_at() -> Callable[..., Face]:
    """As `face_at`, of an average head, whose pose can be told."""
    return partial(_face, *average_head())


def _face(
    points: np.ndarray,
    depths: np.ndarray,
    frame: int,
    x: float,
    y: float,
    side: float,
    roll: float = 0.0,
    noise: float = 0.0,
) -> Face:
    turn = np.radians(roll)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    placed = (points - 0.5) * side @ rotation.T + (x, y)
    noisy = placed + noise * side * np.random.default_rng(frame).standard_normal((478, 2))
    return Face(frame, noisy, (depths * side).astype(np.float32), 0.9)
