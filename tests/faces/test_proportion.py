from __future__ import annotations

import numpy as np
import pytest

from tests.faces.conftest import made_up_landmarks
from understudy.faces.face import Alignment
from understudy.faces.proportion import measured_face_scale

BREADTHS = ((234, 454), (127, 356), (132, 361), (162, 389))
HEIGHT = ((168, 152),)
IRISES = ((469, 471), (474, 476))
AHEAD = [(yaw, pitch) for yaw in (-20.0, 0.0, 20.0) for pitch in (-5.0, 5.0)]


def seen(
    *poses: tuple[float, float], breadth: float = 1.0, height: float = 1.0, iris: float = 1.0, jaw: float = 0.0
) -> list[Alignment]:
    """Faces with these lengths against the average's, narrower as they turn; every other one has its jaw open."""
    made = []
    for number, (yaw, pitch) in enumerate(poses):
        points = made_up_landmarks()
        narrowed = np.exp(-0.4 * np.radians(yaw) ** 2)
        for ends, length in ((BREADTHS, breadth), (HEIGHT, height), (IRISES, iris)):
            for first, last in ends:
                middle = (points[first] + points[last]) / 2
                half = np.array([0.0, 0.15]) if ends is HEIGHT else np.array([0.01 if ends is IRISES else 0.3, 0.0])
                points[first], points[last] = middle - half * length * narrowed, middle + half * length * narrowed
        points[152, 1] += jaw * (number % 2)
        made.append(Alignment(number, np.array([[0.01, 0, 0], [0, 0.01, 0]]), points * 100, 1.0, (yaw, pitch, 0.0)))
    return made


def test_small_features_in_a_large_head_are_drawn_smaller() -> None:
    large = seen(*AHEAD, breadth=1.06, height=1.06, iris=1.06)
    assert measured_face_scale(seen(*AHEAD), large) == pytest.approx(1.06**-0.7, rel=1e-6)


@pytest.mark.parametrize("yardstick", ["breadth", "height", "iris"])
def test_each_yardstick_counts_a_third(yardstick: str) -> None:
    scale = measured_face_scale(seen(*AHEAD), seen(*AHEAD, **{yardstick: 1.06}))
    assert scale == pytest.approx(1.06 ** (-0.7 / 3), rel=1e-6)


def test_an_open_mouth_is_not_taken_for_a_long_face() -> None:
    scale = measured_face_scale(seen(*AHEAD), seen(*AHEAD, jaw=0.1))
    assert scale == pytest.approx(1.0, abs=0.005)


def test_a_head_that_is_mostly_turned_is_not_taken_for_a_narrow_one() -> None:
    turned = [(29.0, 15.0)] * 12
    assert measured_face_scale(seen(*AHEAD), seen(*turned, *AHEAD)) == pytest.approx(1.0, abs=1e-6)


def test_one_wrong_face_changes_little() -> None:
    wrong = [*seen(*AHEAD * 4, breadth=1.05), *seen((0.0, 0.0), breadth=0.5)]
    assert measured_face_scale(seen(*AHEAD * 4), wrong) == pytest.approx(1.05 ** (-0.7 / 3), abs=0.01)


def test_few_faces_or_turned_ones_alone_measure_nothing() -> None:
    some = seen(*AHEAD)
    assert measured_face_scale(some, seen((0, 0), (1, 1), breadth=1.1)) == 1.0
    assert measured_face_scale(some, seen(*[(40.0, 0.0)] * 9, breadth=1.1)) == 1.0
    assert measured_face_scale(some, seen(*[(0.0, -30.0)] * 9, breadth=1.1)) == 1.0


def test_no_measurement_is_believed_beyond_a_tenth() -> None:
    assert measured_face_scale(seen(*AHEAD), seen(*AHEAD, breadth=3.0, height=3.0, iris=3.0)) == 0.9
