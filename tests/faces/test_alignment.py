from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from understudy.faces.alignment import (
    STABLE_LANDMARKS,
    alignment_from_motion,
    fit_alignment,
    fit_motion,
    is_template,
    square_from_head,
    template,
)
from understudy.faces.face import Alignment
from understudy.faces.steady import anchored
from understudy.geometry import apply_transform, compose
from understudy.synthetic.template import load_template

CORNERS = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]


def turned(yaw: float, pitch: float, brows_cm: float = 0.0) -> np.ndarray:
    """(478, 2) pixels of an average head that is turned, 40 to the centimetre; its brows and forehead moved up."""
    points = np.zeros((478, 3))
    points[:468] = load_template().vertices[:468]
    points[points[:, 1] > 3.9, 1] += brows_cm
    rotation = Rotation.from_euler("YX", (yaw, -pitch), degrees=True).as_matrix()
    return (points @ rotation.T)[:, :2] * (40, -40) + (500, 400)


@pytest.mark.parametrize(("yaw", "pitch"), [(0, 0), (30, 0), (-30, 10), (0, -15)])
def test_motion_and_pose_give_the_alignment_of_an_average_head(yaw: float, pitch: float) -> None:
    points = turned(yaw, pitch)
    by_motion = compose(alignment_from_motion(yaw, pitch), fit_motion(points))
    apart = apply_transform(by_motion, points[[33, 152]]) - apply_transform(fit_alignment(points), points[[33, 152]])
    assert np.abs(apart).max() < 0.01


def test_high_brows_do_not_move_the_eyes_in_the_square() -> None:
    eyes = []
    for brows_cm in (0.0, 0.8):
        points = turned(0, 0, brows_cm)
        (one,) = anchored([Alignment(1, fit_motion(points), points, 1.0, (0.0, 0.0, 0.0))])
        eyes.append(apply_transform(one.aligned_from_plate, points[[33, 263]]))
    np.testing.assert_allclose(eyes[0], eyes[1], atol=1e-6)


def test_brows_that_are_raised_in_one_frame_do_not_move_the_crop() -> None:
    calm, raised = turned(0, 0), turned(0, 0)
    brows = [55, 65, 52, 285, 295, 282, 8, 9, 107, 336]
    raised[brows] -= (0, 0.8 * 40)
    np.testing.assert_array_equal(fit_motion(raised), fit_motion(calm))


def test_a_track_that_looks_aside_lies_where_one_that_looks_ahead_does() -> None:
    placed = []
    for yaws in ((-5, 0, 5), (25, 30, 35)):
        seen = [turned(yaw, 0) for yaw in yaws]
        track = anchored(
            [
                Alignment(n, fit_motion(each), each, 1.0, (yaw, 0.0, 0.0))
                for n, (each, yaw) in enumerate(zip(seen, yaws, strict=True))
            ]
        )
        points = turned(0, 0)
        beside = compose(track[0].aligned_from_plate, np.linalg.inv(np.vstack([fit_motion(seen[0]), (0, 0, 1)]))[:2])
        placed.append(apply_transform(compose(beside, fit_motion(points)), points[[33, 263, 2]]))
    np.testing.assert_allclose(placed[0], placed[1], atol=0.01)


def test_a_template_is_known_by_its_values() -> None:
    assert is_template(template().tolist()) and is_template(np.round(template(), 6))
    assert not any(map(is_template, (template() + 0.01, template(STABLE_LANDMARKS), "none", None)))


def test_a_face_at_rest_lies_in_the_squares_middle() -> None:
    in_square = square_from_head(0, 0)
    forehead, chin = np.array([(0.0, 8.262, 4.482), (0.0, -9.403, 4.264)]) @ in_square[:, :3].T + in_square[:, 3]
    np.testing.assert_allclose((forehead + chin) / 2, (0.5, 0.5), atol=0.005)


@pytest.mark.parametrize(("yaw", "pitch"), [(0, 0), (20, -10), (60, 5)])
def test_the_square_shows_a_place_on_an_average_head_where_a_head_has_it(yaw: float, pitch: float) -> None:
    points, in_square = turned(yaw, pitch)[:468], square_from_head(yaw, pitch)
    told = load_template().vertices[:468] @ in_square[:, :3].T + in_square[:, 3]
    shown = apply_transform(fit_motion(turned(yaw, pitch), 1.0, yaw, pitch), points)
    assert np.abs(told - shown).max() < 0.02


@pytest.mark.parametrize("yaw", [45, 60, -60, 75])
def test_a_head_that_is_turned_far_stays_in_its_square(yaw: float) -> None:
    points = turned(yaw, 0)
    drawn = apply_transform(fit_motion(points, 1.0, yaw), points[:468])
    assert drawn[:, 1].min() > 0.03 and drawn[:, 1].max() < 1.0
    assert apply_transform(fit_motion(turned(60, 0)), turned(60, 0)[:468])[:, 1].max() > 1.06


def test_the_pose_has_no_part_in_a_turn_that_is_not_far() -> None:
    points = turned(25, 5)
    np.testing.assert_allclose(fit_motion(points, 1.0, 35, -35), fit_motion(points), rtol=1e-9)


def test_a_head_that_turns_further_and_further_is_drawn_without_a_jerk() -> None:
    placed = []
    for yaw in np.arange(20.0, 78.0):
        points = turned(yaw, 0)
        placed.append(apply_transform(fit_motion(points, 1.0, yaw), points[[133, 152]]))
    assert np.abs(np.diff(placed, 2, axis=0)).max() < 0.001
