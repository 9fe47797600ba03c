from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from understudy.sheet import fitted, labelled_sheet, write_png


def test_a_sheet_holds_every_picture_in_its_place(tmp_path: Path) -> None:
    rows = [[np.full((20, 30, 3), 60 * row + 20 * column, np.uint8) for column in range(3)] for row in range(2)]
    path = tmp_path / "sheet.png"
    write_png(path, labelled_sheet(("one", "two", "three"), rows))
    read = cv2.imread(str(path))
    assert read.shape == (28 + 2 * 24, 3 * 34 - 4, 3)
    assert read[28 + 24 + 10, 2 * 34 + 15].tolist() == [100, 100, 100]


def test_without_names_there_is_no_line_of_them() -> None:
    assert labelled_sheet(("", ""), [[np.zeros((20, 30, 3), np.uint8)] * 2]).shape == (24, 2 * 34 - 4, 3)


def test_pictures_are_made_smaller_but_never_larger() -> None:
    assert fitted(np.zeros((100, 200, 3), np.uint8), 50).shape == (25, 50, 3)
    assert fitted(np.zeros((10, 20, 3), np.uint8), 50).shape == (10, 20, 3)


def test_fitting_averages_light_and_makes_pixels_square() -> None:
    stripes = np.tile(np.array([0, 1], np.float32), (10, 20))
    np.testing.assert_allclose(fitted(stripes, 20), np.full((5, 20), 0.5))
    assert fitted(np.zeros((100, 200, 3), np.uint8), 1000, pixel_aspect=2.0).shape == (100, 400, 3)
    assert fitted(np.zeros((100, 200, 3), np.uint8), 200, pixel_aspect=2.0).shape == (50, 200, 3)
