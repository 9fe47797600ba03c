from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from understudy.faces.alignment import align_face
from understudy.faces.face import Face
from understudy.faces.matte import Mattes, draw_mattes
from understudy.geometry import Box, compose, crop_from_aligned, inverse

UNIT = np.array([[1.0, 0, 0], [0, 1.0, 0]])


def drawn(face: Face, box: Box, to_plate: np.ndarray = UNIT) -> Mattes:
    return draw_mattes(face.landmarks_plate, align_face(face).aligned_from_plate, to_plate, box)


def test_a_matte_is_1_inside_0_outside_and_soft_between(face_at: Callable[..., Face]) -> None:
    mattes = drawn(face_at(1, 200, 200, 300), Box(0, 0, 400, 400))
    assert mattes.soft[200, 200] == mattes.core[200, 200] == 1
    assert mattes.soft[10, 10] == mattes.core[10, 10] == 0
    row = mattes.soft[200]
    assert 8 < ((row > 0.01) & (row < 0.99)).sum() / 2 < 24


def test_the_core_lies_where_the_matte_is_solid(face_at: Callable[..., Face]) -> None:
    mattes = drawn(face_at(1, 200, 200, 300), Box(0, 0, 400, 400))
    assert mattes.soft[mattes.core > 0].min() > 0.99
    assert 0.5 < mattes.core.sum() / mattes.soft.sum() < 1


def test_the_edge_is_where_the_matte_is_neither(face_at: Callable[..., Face]) -> None:
    mattes = drawn(face_at(1, 200, 200, 300), Box(0, 0, 400, 400))
    assert mattes.edge.max() == pytest.approx(1, abs=0.02)
    assert mattes.edge[mattes.soft == 1].max() == 0


def test_half_of_the_matte_follows_the_oval(face_at: Callable[..., Face]) -> None:
    """The oval of the made-up face is an ellipse of 0.3 by 0.36 of the square; 0.5 lies 2 % inside."""
    soft = drawn(face_at(1, 200, 200, 300), Box(0, 0, 400, 400)).soft
    assert (soft > 0.5).sum() == pytest.approx(np.pi * (0.28 * 300) * (0.34 * 300), rel=0.02)


def test_a_crop_and_its_plate_show_the_same_matte(face_at: Callable[..., Face]) -> None:
    face = face_at(1, 200.3, 180.7, 256, roll=0)
    plate_from_crop = inverse(compose(crop_from_aligned(128), align_face(face).aligned_from_plate))
    crop = drawn(face, Box(0, 0, 128, 128), plate_from_crop).soft
    left, top = np.round(plate_from_crop[:, 2]).astype(int)
    plate = drawn(face, Box(left, top, left + 256, top + 256)).soft
    halved = plate.reshape(128, 2, 128, 2).mean(axis=(1, 3))
    assert np.abs(halved - crop).mean() < 0.01


def test_a_box_without_face_is_empty(face_at: Callable[..., Face]) -> None:
    assert drawn(face_at(1, 200, 200, 100), Box(600, 600, 650, 640)).soft.max() == 0


def test_a_box_through_the_face_cuts_the_matte_without_a_new_edge(face_at: Callable[..., Face]) -> None:
    face = face_at(1, 200, 200, 300)
    whole, half = drawn(face, Box(0, 0, 400, 400)), drawn(face, Box(200, 0, 400, 400))
    np.testing.assert_allclose(half.soft, whole.soft[:, 200:], atol=0.02)


def test_a_face_that_leaves_the_square_fades_out(face_at: Callable[..., Face]) -> None:
    face = face_at(1, 200, 200, 300)
    landmarks = face.landmarks_plate.copy()
    landmarks[152] += (0, 200)
    transform = align_face(face).aligned_from_plate
    soft = draw_mattes(landmarks, transform, UNIT, Box(0, 0, 400, 400)).soft
    assert soft[355:].max() == 0
