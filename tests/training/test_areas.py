"""Where eyes and mouth are, on a face whose lids and lips are ellipses."""

from __future__ import annotations

import numpy as np
import pytest

from tests.faces.conftest import made_up_landmarks
from understudy.faces.alignment import align_face
from understudy.faces.face import Alignment, Face
from understudy.geometry import apply_transform, compose, crop_from_aligned
from understudy.synthetic.landmarks import CHIN, LEFT_EYE, NOSE_TIP, OUTER_LIPS, RIGHT_EYE
from understudy.training.areas import area_maps


def ellipse(count: int, x: float, y: float, width: float, height: float) -> np.ndarray:
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.column_stack([x - width / 2 * np.cos(angles), y + height / 2 * np.sin(angles)])


@pytest.fixture
def alignment() -> Alignment:
    landmarks = made_up_landmarks()
    aligned = align_face(Face(1, landmarks * 150 + (75, 75), np.zeros(478, np.float32), 0.9))
    landmarks[list(RIGHT_EYE.ring)] = ellipse(16, 0.36, 0.39, 0.13, 0.05)
    landmarks[list(LEFT_EYE.ring)] = ellipse(16, 0.64, 0.39, 0.13, 0.05)
    landmarks[list(OUTER_LIPS)] = ellipse(20, 0.5, 0.66, 0.2, 0.1)
    return Alignment(1, aligned.aligned_from_plate, landmarks * 150 + (75, 75), 0.9, (0, 0, 0))


def at(alignment: Alignment, maps: np.ndarray, *landmarks: int) -> tuple[float, float]:
    """The two maps in the middle of some landmarks, 0..1."""
    transform = compose(crop_from_aligned(128, 0.125), alignment.aligned_from_plate)
    x, y = apply_transform(transform, alignment.landmarks_plate[list(landmarks)]).mean(axis=0)
    eyes, mouth = maps[int(y), int(x)] / 255
    return float(eyes), float(mouth)


def test_maps_are_full_in_eyes_and_mouth_and_empty_elsewhere(alignment: Alignment) -> None:
    maps = area_maps(alignment, 128, 0.125, 160)
    assert at(alignment, maps, *RIGHT_EYE.ring) == at(alignment, maps, *LEFT_EYE.ring) == (1.0, 0.0)
    assert at(alignment, maps, *OUTER_LIPS) == (0.0, 1.0)
    assert at(alignment, maps, CHIN) == at(alignment, maps, NOSE_TIP) == (0.0, 0.0)


def test_a_map_is_as_large_as_its_outline_and_a_feather(alignment: Alignment) -> None:
    mouth = area_maps(alignment, 128, 0.125, 160)[..., 1] / 255
    assert (mouth == 1).sum() == pytest.approx(np.pi / 4 * 0.2 * 0.1 * 128**2, rel=0.05)
    columns = np.flatnonzero(mouth.any(axis=0))
    assert columns[-1] - columns[0] == pytest.approx((0.2 + 2 * 0.03) * 128, abs=2)


def test_a_smaller_map_shows_the_same_places(alignment: Alignment) -> None:
    large, small = area_maps(alignment, 128, 0.125, 160), area_maps(alignment, 128, 0.125, 40)
    averaged = large.reshape(40, 4, 40, 4, 2).mean(axis=(1, 3))
    assert np.abs(averaged - small).mean() < 4


def test_an_outline_beyond_the_crop_is_cut_off(alignment: Alignment) -> None:
    moved = alignment.aligned_from_plate + np.array([[0, 0, 0.35], [0, 0, 0.0]])
    away = Alignment(1, moved, alignment.landmarks_plate, 0.9, (0, 0, 0))
    eyes = area_maps(away, 64, 0.0, 64)[..., 0]
    assert eyes[:, 38:60].any() and eyes[:, 56:].any() and not eyes[:, :36].any()
