from __future__ import annotations

import numpy as np

from understudy.faces.place import Place, place_of_landmarks
from understudy.faces.sight import Sight, locally_exposed
from understudy.geometry import Box


def gradient(width: int, height: int) -> np.ndarray:
    """(height, width, 4): red grows to the right and green down, by 1 in a hundred pixels; an alpha beside."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) + 0.5
    return np.dstack([x / 100, y / 100, np.full_like(x, 0.5), np.ones_like(x)])


def test_a_view_shows_the_place_that_was_asked_for_from_any_level() -> None:
    window = Box(100, -50, 2660, 1390)
    sight = Sight(gradient(2560, 1440), window)
    for side in (100.0, 400.0, 900.0, 1300.0):
        view = sight.seen(Place(100 + 1200, -50 + 700, side, np.pi / 2).square_from_view(192), 192)
        middle = view[94:98, 94:98].mean(axis=(0, 1))
        np.testing.assert_allclose(middle, [12.0, 7.0, 0.5], atol=0.02)
        right = view[94:98, 144].mean(axis=0) - view[94:98, 48].mean(axis=0)
        np.testing.assert_allclose(right, [0, side / 200, 0], atol=0.02 + side / 20000)


def test_broken_pixels_are_left_out_and_the_overview_is_finite() -> None:
    pixels = gradient(1300, 1290)
    pixels[::2, ::2] = np.nan
    pixels[:50, :50] = np.inf
    overview = Sight(pixels, Box(0, 0, 1300, 1290)).overview
    assert overview.shape == (645, 650, 3) and np.isfinite(overview).all()
    np.testing.assert_allclose(overview[400, 300], [6.01, 8.01, 0.5], atol=0.01)


def test_a_view_goes_on_beyond_the_frame_without_a_border() -> None:
    sight = Sight(np.full((100, 100, 3), 0.4, np.float32), Box(0, 0, 100, 100))
    view = sight.seen(Place(0, 0, 150, 0.3).square_from_view(64), 64)
    np.testing.assert_allclose(view, 0.4, rtol=1e-5)


def test_a_dark_half_is_shown_as_light_as_a_bright_one() -> None:
    light = np.full((192, 192, 3), 8.0, np.float32)
    light[:, :96] = 0.01
    view = locally_exposed(light).astype(float)
    assert abs(view[96, 20].mean() - view[96, 170].mean()) < 3


def test_a_place_is_levelled_by_the_eyes_and_holds_all_landmarks() -> None:
    points = np.tile([50.0, 60.0], (478, 1))
    points[[33, 133]], points[[362, 263]] = [50, 40], [50, 80]  # the eyes stand one above the other
    points[10], points[152] = [90, 60], [-10, 60]
    place = place_of_landmarks(points)
    assert place.roll == np.pi / 2 and place.side == 100
    np.testing.assert_allclose([place.x, place.y], [40, 60])
    moved = place.changed(right=0.1, down=0.2)
    np.testing.assert_allclose([moved.x, moved.y], [20, 70])
