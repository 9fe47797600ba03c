from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.faces.conftest import made_up_landmarks
from understudy.faces.alignment import align_face
from understudy.faces.face import Face
from understudy.faces.matte import FACE_OVAL, Mattes, draw_mattes, matte_bounds
from understudy.geometry import Box, apply_transform, compose, crop_from_aligned, inverse

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


@pytest.mark.parametrize("side,roll", [(37, 0), (300, 33), (700, -71)])
def test_a_matte_is_what_the_distances_of_all_pixels_to_all_edges_say(
    face_at: Callable[..., Face], side: int, roll: int
) -> None:
    face = face_at(1, side * 0.61, side * 0.58, side, roll)
    aligned_from_plate = align_face(face).aligned_from_plate
    shape = (round(side * 1.2), round(side * 1.1))
    mattes = drawn(face, Box(0, 0, shape[1], shape[0]))
    x, y = np.meshgrid(np.arange(shape[1]) + 0.5, np.arange(shape[0]) + 0.5)
    points = apply_transform(aligned_from_plate, np.column_stack([x.ravel(), y.ravel()]))
    oval = apply_transform(aligned_from_plate, face.landmarks_plate[list(FACE_OVAL)])
    distance = np.full(len(points), np.inf)
    inside = np.zeros(len(points), bool)
    for start, end in zip(oval, np.roll(oval, -1, axis=0), strict=True):
        way = end - start
        share = np.clip((points - start) @ way / (way @ way), 0, 1)[:, None]
        distance = np.minimum(distance, np.hypot(*(points - start - share * way).T))
        crossing = start[0] + (points[:, 1] - start[1]) / (end[1] - start[1] or 1) * way[0]
        inside ^= ((start[1] > points[:, 1]) != (end[1] > points[:, 1])) & (points[:, 0] < crossing)
    t = np.clip((np.where(inside, distance, -distance) + 0.01) / 0.06, 0, 1)
    edge = np.clip((0.5 - np.abs(points - 0.5).max(axis=1)) / 0.04, 0, 1)
    expected = (t * t * (3 - 2 * t)) * (edge * edge * (3 - 2 * edge))
    np.testing.assert_allclose(mattes.soft.ravel(), expected, atol=2e-6)


def test_an_anamorphic_plate_has_the_matte_of_its_crop() -> None:
    squeezed = made_up_landmarks() * (100, 200)
    face = Face(1, squeezed, np.zeros(478, np.float32), 0.9)
    aligned_from_plate = align_face(face, pixel_aspect=2.0).aligned_from_plate
    aligned_from_crop = inverse(crop_from_aligned(200))
    crop_from_plate = compose(inverse(aligned_from_crop), aligned_from_plate)
    plate = draw_mattes(squeezed, aligned_from_plate, UNIT, Box(0, 0, 100, 200)).soft
    crop = draw_mattes(squeezed, aligned_from_plate, inverse(crop_from_plate), Box(0, 0, 200, 200)).soft
    points = np.array([[30.5, 100.5], [24.5, 60.5], [50.5, 163.5]])
    for (x, y), (u, v) in zip(points, apply_transform(crop_from_plate, points), strict=True):
        assert plate[int(y), int(x)] == pytest.approx(crop[int(v), int(u)], abs=0.05)


def test_the_extent_holds_the_whole_matte_and_no_more(face_at: Callable[..., Face]) -> None:
    box = Box(10, 20, 400, 410)
    mattes = drawn(face_at(1, 200, 200, 250), box)
    extent = mattes.extent(box)
    rows, columns = extent.slices(box)
    assert np.count_nonzero(mattes.soft[rows, columns]) == np.count_nonzero(mattes.soft)
    assert mattes.soft[rows.start, columns].max() > 0 and mattes.soft[rows, columns.stop - 1].max() > 0
    assert drawn(face_at(1, 900, 900, 100), box).extent(box).is_empty


def test_no_matte_lies_beyond_its_bounds(face_at: Callable[..., Face]) -> None:
    face = face_at(1, 200.4, 199.7, 250, 31)
    aligned_from_plate = align_face(face).aligned_from_plate
    bounds, box = matte_bounds(face.landmarks_plate, aligned_from_plate), Box(0, 0, 400, 400)
    extent = drawn(face, box).extent(box)
    assert bounds.intersect(extent) == extent
    assert bounds.width * bounds.height < 1.1 * extent.width * extent.height
