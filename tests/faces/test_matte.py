from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.faces.conftest import made_up_landmarks
from understudy.faces.alignment import align_face
from understudy.faces.face import Face
from understudy.faces.matte import MatteRule, Mattes, PlateMatte, draw_mattes, matte_bounds
from understudy.faces.outline import face_outline
from understudy.geometry import Box, apply_transform, compose, crop_from_aligned, inverse
from understudy.settings.matte import MatteSettings

UNIT = np.array([[1.0, 0, 0], [0, 1.0, 0]])


TURN = np.arange(72) * np.pi / 36


def drawn(
    face: Face,
    box: Box,
    to_plate: np.ndarray = UNIT,
    settings: MatteSettings = MatteSettings(),  # noqa: B008
) -> Mattes:
    return draw_mattes(face.landmarks_plate, align_face(face).aligned_from_plate, to_plate, box, settings)


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


def test_the_matte_is_a_half_on_the_outline_however_wide_the_feather(face_at: Callable[..., Face]) -> None:
    face = face_at(1, 200, 200, 300)
    aligned_from_plate = align_face(face).aligned_from_plate
    for feather_in, feather_out in ((3.0, 3.0), (0.5, 0.5), (1.0, 6.0)):
        settings = MatteSettings(feather_in=feather_in, feather_out=feather_out)
        outline = apply_transform(inverse(aligned_from_plate), face_outline(face.landmarks_plate, aligned_from_plate))
        x, y = outline.T
        area = 0.5 * abs((x * np.roll(y, -1) - y * np.roll(x, -1)).sum())
        soft = drawn(face, Box(0, 0, 400, 400), settings=settings).soft
        assert (soft > 0.5).sum() == pytest.approx(area, rel=0.005)


def test_an_outline_is_the_hull_of_the_landmarks_and_what_they_leave_out(face_at: Callable[..., Face]) -> None:
    """The made-up face's hull is its oval, 0.3 by 0.36 of the square; what lies beyond it is within 3.1 %."""
    face = face_at(1, 200, 200, 300)
    outline = face_outline(face.landmarks_plate, align_face(face).aligned_from_plate) - 0.5
    beyond = np.hypot(*outline.T) - 0.3 * 0.36 / np.hypot(0.36 * np.sin(TURN), 0.3 * np.cos(TURN))
    assert np.abs(beyond).max() < 0.031
    assert beyond[0] > 0.005 and beyond[36] > 0.015 and abs(beyond[18]) < 0.012


def test_a_turned_heads_nearer_cheek_is_inside_though_it_hides_the_oval(face_at: Callable[..., Face]) -> None:
    face = face_at(1, 200, 200, 300)
    landmarks = face.landmarks_plate.copy()
    landmarks[50] = (85.0, 200.0)  # the oval ends at x = 110
    soft = draw_mattes(landmarks, align_face(face).aligned_from_plate, UNIT, Box(0, 0, 400, 400)).soft
    assert soft[200, 95] > 0.9


@pytest.mark.parametrize(
    "setting,place", [("forehead", (200, 82)), ("jaw", (200, 318)), ("grow", (296, 200)), ("grow", (200, 82))]
)
def test_each_setting_moves_its_part_of_the_outline(
    face_at: Callable[..., Face], setting: str, place: tuple[int, int]
) -> None:
    face, (x, y) = face_at(1, 200, 200, 300), place
    more, less = (
        drawn(face, Box(0, 0, 400, 400), settings=MatteSettings.model_validate({setting: value})).soft
        for value in (4.0, -4.0)
    )
    assert more[y, x] > 0.7 and less[y, x] < 0.2
    if setting != "grow":
        np.testing.assert_allclose(more[200, 60:140], less[200, 60:140], atol=0.01)


def test_landmarks_that_enclose_nothing_have_no_matte() -> None:
    landmarks = np.full((478, 2), 50.0)
    transform = np.array([[0.01, 0, 0], [0, 0.01, 0]])
    assert draw_mattes(landmarks, transform, UNIT, Box(0, 0, 100, 100)).core.max() == 0


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
    outline = face_outline(face.landmarks_plate, aligned_from_plate)
    distance = np.full(len(points), np.inf)
    inside = np.zeros(len(points), bool)
    for start, end in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        way = end - start
        share = np.clip((points - start) @ way / (way @ way), 0, 1)[:, None]
        distance = np.minimum(distance, np.hypot(*(points - start - share * way).T))
        crossing = start[0] + (points[:, 1] - start[1]) / (end[1] - start[1] or 1) * way[0]
        inside ^= ((start[1] > points[:, 1]) != (end[1] > points[:, 1])) & (points[:, 0] < crossing)
    t = np.clip((np.where(inside, distance, -distance) + 0.03) / 0.06, 0, 1)
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
        assert plate[int(y), int(x)] == pytest.approx(crop[int(v), int(u)], abs=0.07)


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


def test_an_artists_matte_multiplies_in_the_plate_and_in_the_crop(face_at: Callable[..., Face]) -> None:
    face = face_at(1, 200, 200, 256)
    transform = align_face(face).aligned_from_plate
    values = np.ones((400, 200), np.float32)
    values[:, :100] = 0.25
    rule = MatteRule(times=PlateMatte(values, Box(100, 0, 300, 400), beyond=0.0))
    whole, alone = (
        rule.mattes(face.landmarks_plate, transform, UNIT, Box(0, 0, 400, 400)),
        drawn(face, Box(0, 0, 400, 400)),
    )
    np.testing.assert_allclose(whole.soft[:, 110:190], 0.25 * alone.soft[:, 110:190])
    np.testing.assert_array_equal(whole.soft[:, 210:290], alone.soft[:, 210:290])
    assert whole.soft[:, :100].max() == whole.core[:, :200].max() == 0 and whole.core[200, 250] == 1
    plate_from_crop = inverse(compose(crop_from_aligned(128), transform))
    crop = rule.mattes(face.landmarks_plate, transform, plate_from_crop, Box(0, 0, 128, 128)).soft
    left, top = np.round(plate_from_crop[:, 2]).astype(int)
    halved = whole.soft[top : top + 256, left : left + 256].reshape(128, 2, 128, 2).mean(axis=(1, 3))
    assert np.abs(halved - crop).mean() < 0.01


@pytest.mark.parametrize("taken_from,expected", [("landmarks", 0.5), ("model", 0.25), ("both", 0.125)])
def test_what_is_taken_is_as_the_setting_says(face_at: Callable[..., Face], taken_from: str, expected: float) -> None:
    """A learned matte of 0.5 stands for the drawn one; the model's own is 0.25."""
    face = face_at(1, 200, 200, 256)
    box = Box(0, 0, 400, 400)
    rule = MatteRule(
        MatteSettings.model_validate({"taken_from": taken_from}), PlateMatte(np.full((400, 400), 0.5, np.float32), box)
    )
    model = np.full((400, 400), 0.25, np.float32)
    mattes = rule.mattes(face.landmarks_plate, align_face(face).aligned_from_plate, UNIT, box, model)
    assert mattes.soft[200, 200] == expected and mattes.core.max() == 0
    assert mattes.soft[200, 60] == 0  # beyond the square, where the model saw nothing
    extent = mattes.extent(box)
    assert rule.bounds(face.landmarks_plate, align_face(face).aligned_from_plate).intersect(extent) == extent
