from __future__ import annotations

import numpy as np
import pytest

from tests.faces.conftest import made_up_landmarks
from understudy.faces.face import Alignment
from understudy.faces.quality import STOPS_PER_LOOK, Measures
from understudy.faces.similarity import alike_groups, likeness, nearest_crops, similarity_of

PLAIN = np.full((16, 16), 128, np.uint8)


def crop(light: float = 0.0, shift: float = 0.0, side: float = 100.0) -> tuple[Alignment, Measures]:
    """A crop whose face is `light` stops brighter than its median, and whose landmarks lie a share of it further."""
    placed = np.array([[1 / side, 0, 0], [0, 1 / side, 0]])
    landmarks = (made_up_landmarks() + (shift, 0.0)) * side
    look = np.clip(PLAIN + round(light / STOPS_PER_LOOK), 0, 255).astype(np.uint8)
    return Alignment(1, placed, landmarks, 0.9, (0.0, 0.0, 0.0)), Measures(1.0, look)


def test_a_tenth_of_a_stop_or_one_per_cent_of_the_square_are_a_distance_of_one() -> None:
    rows = likeness([crop(), crop(light=0.1), crop(shift=0.01)])
    distances = [float(np.linalg.norm(rows[index] - rows[0])) for index in (1, 2)]
    assert distances == pytest.approx([1.0, 1.0], abs=0.15)
    assert [similarity_of(distance) for distance in (0.0, 1.0)] == [1.0, 0.5]


def test_the_size_in_the_plate_makes_no_difference() -> None:
    rows = likeness([crop(), crop(side=731.0)])
    np.testing.assert_allclose(rows[0], rows[1], atol=1e-3)


def test_nearest_crops_are_the_same_in_blocks_and_one_by_one() -> None:
    rows = np.random.default_rng(1).normal(50, 3, (600, 5)).astype(np.float32)
    distances, places = nearest_crops(rows)
    between = np.linalg.norm(rows[:, None] - rows[None], axis=2) + np.diag(np.full(600, np.inf))
    np.testing.assert_allclose(distances, between.min(axis=1), rtol=1e-3)
    assert (places == between.argmin(axis=1)).mean() > 0.99


def test_one_crop_alone_is_like_no_other() -> None:
    assert similarity_of(float(nearest_crops(likeness([crop()]))[0][0])) == 0


def test_a_slow_turn_is_not_one_group_through_its_steps() -> None:
    rows = likeness([crop(shift=0.002 * index) for index in range(20)])
    groups = alike_groups(rows, similarity_of(0.5), range(20))
    assert [len(group) for group in groups] == [3] * 6 + [2]
    assert [group[0] for group in groups] == list(range(0, 20, 3))


def test_a_group_begins_with_its_best() -> None:
    rows = likeness([crop(), crop(light=2.0), crop()])
    assert alike_groups(rows, 0.9, [2, 1, 0]) == ((2, 0),)
