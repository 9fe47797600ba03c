from __future__ import annotations

import numpy as np
import pytest

from understudy.geometry import (
    Box,
    apply_transform,
    bounds_of_points,
    box_from_inclusive,
    compose,
    crop_from_aligned,
    fit_similarity,
    inclusive_from_box,
    inverse,
    painted_from_crop,
    points_from_st,
    scale_of,
    square_pixels_from_plate,
    st_from_points,
    y_down_from_y_up,
    y_up_from_y_down,
)

WINDOW = Box(-10, 5, 1910, 1085)
POINTS = np.array([[0.5, 0.5], [100.25, 900.75], [-3.0, 1080.0]])


def test_a_box_is_half_open() -> None:
    box = Box(2, 3, 5, 7)
    assert (box.width, box.height, box.is_empty) == (3, 4, False)
    assert Box(5, 0, 5, 9).is_empty


def test_openexr_windows_include_their_maximum() -> None:
    assert box_from_inclusive(0, 0, 1919, 1079) == Box(0, 0, 1920, 1080)
    assert box_from_inclusive(*inclusive_from_box(WINDOW)) == WINDOW


def test_boxes_meet_in_the_pixels_that_both_hold() -> None:
    assert Box(0, 0, 10, 10).intersect(Box(5, -5, 20, 4)) == Box(5, 0, 10, 4)
    assert Box(0, 0, 4, 4).intersect(Box(8, 8, 9, 9)).is_empty


def test_slices_address_the_box_in_the_array_of_its_window() -> None:
    array = np.zeros((1080, 1920))
    array[Box(-10, 5, -8, 6).slices(WINDOW)] = 1
    assert array[0, 0] == array[0, 1] == 1
    assert array.sum() == 2


def test_the_first_pixels_centre_is_the_top_left_in_y_up() -> None:
    assert y_up_from_y_down(np.array([[0.5, 0.5]]), Box(0, 0, 1920, 1080)).tolist() == [[0.5, 1079.5]]


@pytest.mark.parametrize("there,back", [(y_up_from_y_down, y_down_from_y_up), (st_from_points, points_from_st)])
def test_host_coordinates_come_back(there: object, back: object) -> None:
    np.testing.assert_allclose(back(there(POINTS, WINDOW), WINDOW), POINTS, atol=1e-9)  # type: ignore[operator]


def test_st_is_0_at_the_bottom_left_and_1_at_the_top_right() -> None:
    corners = np.array([[-10.0, 1085.0], [1910.0, 5.0]])
    np.testing.assert_allclose(st_from_points(corners, WINDOW), [[0, 0], [1, 1]])


def test_compositions_cancel_and_inverses_go_back() -> None:
    crop_from_plate = np.array([[0.5, -0.1, 3.0], [0.1, 0.5, -7.0]])
    plate_from_crop = inverse(crop_from_plate)
    np.testing.assert_allclose(compose(plate_from_crop, crop_from_plate), [[1, 0, 0], [0, 1, 0]], atol=1e-12)


def test_a_crop_with_margin_shows_the_square_in_its_middle() -> None:
    crop = crop_from_aligned(128, 0.125)
    np.testing.assert_allclose(apply_transform(crop, [[0, 0], [1, 1]]), [[16, 16], [144, 144]])


def test_a_painted_picture_is_drawn_smaller_about_its_middle() -> None:
    from_crop = painted_from_crop(100, 0.5)
    np.testing.assert_allclose(apply_transform(from_crop, [[50, 50], [75, 25]]), [[50, 50], [100, 0]])
    np.testing.assert_array_equal(painted_from_crop(100, 1.0), [[1, 0, 0], [0, 1, 0]])


def test_a_similarity_is_found_again() -> None:
    truth = np.array([[1.2, -0.7, 30.0], [0.7, 1.2, -5.0]])
    found = fit_similarity(POINTS, apply_transform(truth, POINTS))
    np.testing.assert_allclose(found, truth, atol=1e-9)
    assert scale_of(found) == pytest.approx(np.hypot(1.2, 0.7))


def test_a_similarity_never_mirrors() -> None:
    mirrored = POINTS * (-1, 1)
    assert np.linalg.det(fit_similarity(POINTS, mirrored)[:, :2]) > 0


def test_points_without_weight_do_not_count() -> None:
    wild = POINTS + [[0, 0], [0, 0], [50, 90]]
    np.testing.assert_allclose(fit_similarity(POINTS, wild, [1, 1, 0]), [[1, 0, 0], [0, 1, 0]], atol=1e-9)


def test_an_anamorphic_plate_is_twice_as_wide_in_square_pixels() -> None:
    assert apply_transform(square_pixels_from_plate(2.0), [[10, 10]]).tolist() == [[20, 10]]


def test_bounds_hold_all_points() -> None:
    assert bounds_of_points(POINTS) == Box(-3, 0, 101, 1080)
