"""A face without a photograph: an average head's landmarks, made up."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from understudy.faces.alignment import STABLE_LANDMARKS, template
from understudy.faces.face import Face
from understudy.faces.outline import FACE_OVAL
from understudy.synthetic.template import load_template


def made_up_landmarks() -> np.ndarray:
    """(478, 2) in the unit square: the stable landmarks on the template, the oval an ellipse, the rest between."""
    points = np.tile([0.5, 0.5], (478, 1))
    points[:468] += load_template().vertices[:468, :2] * (0.047, -0.047)
    angles = np.linspace(0, 2 * np.pi, len(FACE_OVAL), endpoint=False)
    points[list(FACE_OVAL)] = np.column_stack([0.5 + 0.3 * np.sin(angles), 0.5 - 0.36 * np.cos(angles)])
    points[list(STABLE_LANDMARKS)] = template(STABLE_LANDMARKS)
    return points


@pytest.fixture
def face_at() -> Callable[..., Face]:
    """Makes a face of a frame: middle in plate pixels, side of the square, roll in degrees."""

    def make(frame: int, x: float, y: float, side: float, roll: float = 0.0, noise: float = 0.0) -> Face:
        turn = np.radians(roll)
        rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        points = (made_up_landmarks() - 0.5) * side @ rotation.T + (x, y)
        points = points + noise * side * np.random.default_rng(frame).standard_normal((478, 2))
        depths = np.zeros(478, np.float32)
        depths[:468] = load_template().vertices[:468, 2] * 0.047 * side
        return Face(frame, points, depths, 0.9)

    return make
