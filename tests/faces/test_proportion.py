from __future__ import annotations

import numpy as np
import pytest

from tests.faces.conftest import made_up_landmarks
from understudy.faces.face import Alignment
from understudy.faces.proportion import measured_face_scale
from understudy.geometry import Points

SIDES = [234, 127, 132, 162, 454, 356, 361, 389]


def seen(breadth: float, yaws: list[float]) -> list[Alignment]:
    """Faces whose breadth, against the template, is this times that of the average; it narrows with yaw."""
    return [
        Alignment(number, np.array([[0.01, 0, 0], [0, 0.01, 0]]), shape(breadth, yaw) * 100, 1.0, (yaw, 0.0, 0.0))
        for number, yaw in enumerate(yaws)
    ]


def shape(breadth: float, yaw: float) -> Points:
    points = made_up_landmarks()
    points[SIDES, 0] = 0.5 + (points[SIDES, 0] - 0.5) * breadth * np.exp(-0.45 * np.radians(yaw) ** 2)
    return points


def test_small_features_in_a_broad_face_are_drawn_smaller() -> None:
    scale = measured_face_scale(seen(1.0, [-20, -10, 0, 10, 20]), seen(1.08, [-20, -10, 0, 10, 20]))
    assert scale == pytest.approx(1.08**-0.5, rel=1e-6)


def test_a_turned_head_is_not_taken_for_a_narrow_one() -> None:
    scale = measured_face_scale(seen(1.0, [25, 28, 31, 34, 37, 40]), seen(1.0, [-12, -6, 0, 6, 12]))
    assert scale == pytest.approx(1.0, abs=1e-6)


def test_one_wrong_face_changes_little() -> None:
    wrong = [*seen(1.05, [-9, -6, -3, 0, 3, 6, 9]), *seen(2.0, [1])]
    assert measured_face_scale(seen(1.0, [-9, -5, 0, 5, 9]), wrong) == pytest.approx(1.05**-0.5, abs=0.01)


def test_few_faces_or_profiles_alone_measure_nothing() -> None:
    some = seen(1.0, [-9, -5, 0, 5, 9])
    assert measured_face_scale(some, seen(1.1, [0, 1])) == 1.0
    assert measured_face_scale(some, seen(1.1, [60, 61, 62, 63, 64, 65])) == 1.0


def test_no_measurement_is_believed_beyond_a_tenth() -> None:
    assert measured_face_scale(seen(1.0, [0, 1, 2, 3, 4]), seen(3.0, [0, 1, 2, 3, 4])) == 0.9
