from __future__ import annotations

import cv2
import numpy as np

from understudy.faces.refine import guided_matte


def test_a_blurred_edge_comes_back_to_the_pictures_own() -> None:
    """A disc whose matte is soft and a pixel beside where it is."""
    y, x = np.mgrid[:96, :96]
    disc = ((x - 48) ** 2 + (y - 48) ** 2 < 30**2).astype(np.float32)
    random = np.random.default_rng(1)
    codes = np.dstack([0.3 + 0.2 * disc, 0.4 + 0.1 * disc, 0.5 - 0.1 * disc]) + random.normal(0, 0.004, (96, 96, 3))
    coarse = cv2.GaussianBlur(np.roll(disc, 1, axis=1), (0, 0), 2.0)
    refined = guided_matte(coarse, codes.astype(np.float32), 6)
    wrong, still_wrong = ((one > 0.5) != (disc > 0.5) for one in (coarse, refined))
    assert still_wrong.sum() < 0.2 * wrong.sum()
    steepest, once = (np.abs(np.diff(one[48])).max() for one in (refined, coarse))
    assert steepest > 2 * once


def test_a_flat_picture_leaves_the_matte_where_it_is() -> None:
    x = np.mgrid[:64, :64][1]
    coarse = np.clip((x - 24) / 16, 0, 1).astype(np.float32)
    refined = guided_matte(coarse, np.full((64, 64, 3), 0.4, np.float32), 2)
    np.testing.assert_allclose(refined, coarse, atol=0.08)


def test_a_matte_of_one_value_keeps_it() -> None:
    codes = np.random.default_rng(2).uniform(0, 1, (40, 30, 3)).astype(np.float32)
    for value in (0.0, 0.25, 1.0):
        np.testing.assert_allclose(guided_matte(np.full((40, 30), value, np.float32), codes, 4), value, atol=1e-5)
