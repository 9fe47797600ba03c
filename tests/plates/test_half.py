from __future__ import annotations

import numpy as np

from understudy.plates.half import as_float, as_half

EVERY_HALF = np.arange(65536, dtype=np.uint16).view(np.float16).reshape(256, 256)


def test_every_half_becomes_the_float_that_it_is() -> None:
    np.testing.assert_array_equal(as_float(EVERY_HALF), EVERY_HALF.astype(np.float32))


def test_floats_are_rounded_to_the_nearest_half_and_ties_to_even() -> None:
    finite = np.sort(EVERY_HALF[np.isfinite(EVERY_HALF)].astype(np.float32))
    between = (finite[1:] + finite[:-1]) / 2
    values = np.concatenate([finite, between, np.nextafter(between, np.float32(9e9)), np.float32([1e-9, -3e-8, 65519])])
    expected = values.astype(np.float16)
    np.testing.assert_array_equal(as_half(values[None]).view(np.uint16)[0], expected.view(np.uint16))


def test_nan_and_infinity_stay() -> None:
    values = np.float32([[np.nan, np.inf, -np.inf, 0.0, -0.0]])
    np.testing.assert_array_equal(as_float(as_half(values)), values)
    assert np.signbit(as_half(values)[0, 4])
