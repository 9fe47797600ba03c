from __future__ import annotations

import numpy as np

from understudy.faces.mirror import MIRRORED, mirrored_landmarks
from understudy.synthetic.landmarks import EYES, FACE_OVAL, RIGHT_EYE
from understudy.synthetic.template import load_template


def test_each_landmark_lies_opposite_its_partner_on_a_symmetric_head() -> None:
    vertices = load_template().vertices
    order = np.array(MIRRORED[:468])
    np.testing.assert_allclose(vertices[order] * (-1, 1, 1), vertices, atol=0.25)
    assert (order[order] == np.arange(468)).all() and (order == np.arange(468)).sum() == 28


def test_eyes_and_irises_change_places() -> None:
    left_eye = next(eye for eye in EYES if eye is not RIGHT_EYE)
    assert MIRRORED[RIGHT_EYE.outer_corner] == left_eye.outer_corner
    assert MIRRORED[468] == 473 and {MIRRORED[index] for index in range(468, 473)} == set(range(473, 478))
    assert {MIRRORED[index] for index in FACE_OVAL} == set(FACE_OVAL)


def test_mirrored_twice_is_the_same() -> None:
    random = np.random.default_rng(0)
    points, depths = random.uniform(0, 192, (478, 2)), random.standard_normal(478)
    twice = mirrored_landmarks(*mirrored_landmarks(points, depths, 192), 192)
    np.testing.assert_allclose(twice[0], points)
    np.testing.assert_array_equal(twice[1], depths)
