from __future__ import annotations

import numpy as np

from understudy.plates import repaired


def test_sound_pixels_are_given_back_as_they_are() -> None:
    pixels = np.full((8, 8, 3), 3e38, np.float32)
    pixels[0, 0] = (-1, 0, 65504)
    same, count = repaired(pixels)
    assert same is pixels and count == 0


def test_each_hole_takes_the_nearest_number_of_its_channel() -> None:
    pixels = np.tile(np.arange(8, dtype=np.float32), (8, 1))[..., None].repeat(3, axis=2)
    pixels[2, 3, 0], pixels[5, 0, 1], pixels[5, 7, :] = np.nan, np.inf, -np.inf
    mended, count = repaired(pixels)
    assert count == 3
    assert mended[2, 3, 0] in (2, 3, 4) and mended[5, 0, 1] in (0, 1) and set(mended[5, 7]) <= {6, 7}
    sound = np.isfinite(pixels)
    np.testing.assert_array_equal(mended[sound], pixels[sound])
    assert not np.isfinite(pixels[2, 3, 0])


def test_a_channel_without_numbers_becomes_black() -> None:
    pixels = np.ones((4, 4, 3), np.float32)
    pixels[..., 2] = np.nan
    assert repaired(pixels)[0][..., 2].max() == 0
