from __future__ import annotations

import numpy as np

from understudy.geometry import Box, compose, inverse
from understudy.resample import resample, source_region

WINDOW = Box(-20, 30, 180, 190)


def picture() -> np.ndarray:
    x, y = np.meshgrid(np.arange(WINDOW.left, WINDOW.right) + 0.5, np.arange(WINDOW.top, WINDOW.bottom) + 0.5)
    return np.dstack([np.sin(x / 9) + np.cos(y / 11), x * 0.01, y * 0.01]).astype(np.float32)


def turned(scale: float) -> np.ndarray:
    return np.array([[0.96 * scale, -0.28 * scale, -60.0], [0.28 * scale, 0.96 * scale, 10.0]])


def test_nothing_changes_without_a_transform() -> None:
    unit = np.array([[1.0, 0, 0], [0, 1.0, 0]])
    np.testing.assert_allclose(resample(picture(), WINDOW, unit, WINDOW), picture(), atol=1e-5)


def test_a_crop_and_back_return_the_same_pixels() -> None:
    target_from_source = turned(1.7)
    target = Box(-160, -20, 360, 420)
    there = resample(picture(), WINDOW, inverse(target_from_source), target)
    back = resample(there, target, target_from_source, WINDOW)
    inner = np.s_[12:-12, 12:-12]
    np.testing.assert_allclose(back[inner], picture()[inner], atol=1e-3)


def test_positions_are_exact_to_a_hundredth_of_a_pixel() -> None:
    shifted = np.array([[1.0, 0, 0.013], [0, 1.0, 0]])
    ramp = resample(picture(), WINDOW, shifted, WINDOW)[20:-20, 20:-20, 1]
    np.testing.assert_allclose(ramp - picture()[20:-20, 20:-20, 1], 0.00013, atol=2e-6)


def test_the_region_that_is_read_is_enough() -> None:
    transform, target = compose(turned(0.8)), Box(20, 60, 90, 110)
    region = source_region(transform, target, WINDOW)
    whole = resample(picture(), WINDOW, transform, target)
    part = resample(picture()[region.slices(WINDOW)], region, transform, target)
    np.testing.assert_allclose(part, whole, atol=1e-5)


def test_a_crop_smaller_than_the_plate_averages_every_pixel() -> None:
    shrink = np.array([[4.0, 0, 0], [0, 4.0, 0]])
    dot = np.zeros((40, 40, 1), np.float32)
    dot[17, 22] = 16.0
    small = resample(dot, Box(0, 0, 40, 40), shrink, Box(0, 0, 10, 10))
    assert abs(float(small.sum()) - 1.0) < 0.02


def test_a_highlight_does_not_ring() -> None:
    lamp = np.full((40, 40, 1), 0.18, np.float32)
    lamp[15:25, 15:25] = 200.0
    moved = resample(lamp, Box(0, 0, 40, 40), np.array([[1.0, 0, 0.37], [0, 1.0, 0.61]]), Box(0, 0, 40, 40))
    assert moved.min() > 0.14
    assert moved.max() < 240


def test_a_course_through_zero_stays_smooth() -> None:
    ramp = np.tile(np.linspace(-0.3, 0.3, 61, dtype=np.float32), (40, 1))[..., None]
    moved = resample(ramp, Box(0, 0, 61, 40), np.array([[1.0, 0, 0.5], [0, 1.0, 0]]), Box(0, 0, 61, 40))
    np.testing.assert_allclose(moved[20, 10:-10], ramp[20, 10:-10] + 0.005, atol=1e-5)
