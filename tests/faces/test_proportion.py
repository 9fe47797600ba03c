from __future__ import annotations

import numpy as np
import pytest

from tests.faces.conftest import made_up_landmarks
from understudy.faces.face import Alignment
from understudy.faces.proportion import measured_face_scale


def seen(height: float, *poses: tuple[float, float], jaw: float = 0.0) -> list[Alignment]:
    """Faces of this height, against that of the average, for each yaw and pitch; every other one has its jaw open."""
    made = []
    for number, (yaw, pitch) in enumerate(poses):
        points = made_up_landmarks()
        points[[10, 152], 1] = 0.5 + (points[[10, 152], 1] - 0.5) * height
        points[152, 1] += jaw * (number % 2)
        made.append(Alignment(number, np.array([[0.01, 0, 0], [0, 0.01, 0]]), points * 100, 1.0, (yaw, pitch, 0.0)))
    return made


AHEAD = [(yaw, pitch) for yaw in (-20.0, 0.0, 20.0) for pitch in (-5.0, 5.0)]


def test_small_features_in_a_long_face_are_drawn_smaller() -> None:
    assert measured_face_scale(seen(1.0, *AHEAD), seen(1.08, *AHEAD)) == pytest.approx(1.08**-0.5, rel=1e-6)


def test_an_open_mouth_is_not_taken_for_a_long_face() -> None:
    scale = measured_face_scale(seen(1.0, *AHEAD), seen(1.0, *AHEAD, jaw=0.1))
    assert scale == pytest.approx(1.0, abs=1e-6)


def test_one_wrong_face_changes_little() -> None:
    wrong = [*seen(1.05, *AHEAD, *AHEAD), *seen(0.5, (0.0, 0.0))]
    assert measured_face_scale(seen(1.0, *AHEAD), wrong) == pytest.approx(1.05**-0.5, abs=0.01)


def test_few_faces_or_turned_ones_alone_measure_nothing() -> None:
    some = seen(1.0, *AHEAD)
    assert measured_face_scale(some, seen(1.1, (0, 0), (1, 1))) == 1.0
    assert measured_face_scale(some, seen(1.1, *[(40.0, 0.0)] * 9)) == 1.0
    assert measured_face_scale(some, seen(1.1, *[(0.0, -30.0)] * 9)) == 1.0


def test_no_measurement_is_believed_beyond_a_tenth() -> None:
    assert measured_face_scale(seen(1.0, *AHEAD), seen(3.0, *AHEAD)) == 0.9
