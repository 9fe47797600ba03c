from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy import ndimage

from understudy.geometry import Box, compose, inverse
from understudy.resample import resample, resample_roughly, source_region

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


def test_a_crop_smaller_than_the_plate_averages_light() -> None:
    shrink = np.array([[4.0, 0, 0], [0, 4.0, 0]])
    board = (np.indices((80, 80)).sum(axis=0) % 2).astype(np.float32)[..., None]
    small = resample(board, Box(0, 0, 80, 80), shrink, Box(0, 0, 20, 20))
    np.testing.assert_allclose(small[3:-3, 3:-3], 0.5, atol=0.01)


@pytest.mark.parametrize("scale", [1.0, 1.5, 2.0, 4.0])
def test_a_highlight_keeps_its_light(scale: float) -> None:
    y, x = np.mgrid[0:160, 0:160]
    lamp = 0.18 + 20 * np.exp(-((x - 80.3) ** 2 + (y - 79.6) ** 2) / (2 * (1.5 * max(scale / 2, 1)) ** 2))[..., None]
    side = int(160 / scale)
    transform = np.array([[scale, 0, 0.4], [0, scale, 0.1]])
    small = resample(lamp.astype(np.float32), Box(0, 0, 160, 160), transform, Box(0, 0, side, side))
    assert (small - 0.18).sum() * scale**2 == pytest.approx((lamp - 0.18).sum(), rel=0.05)


@pytest.mark.parametrize("scale", [1.7, 2.0, 3.0])
def test_what_a_smaller_crop_cannot_show_does_not_come_back_as_something_else(scale: float) -> None:
    """Stripes well above the crop's Nyquist frequency, 1.6 times, are damped to less than a third."""
    frequency = 0.5 * 1.6 / scale
    stripes = 0.5 + 0.2 * np.cos(2 * np.pi * frequency * np.arange(300, dtype=np.float32))
    plate = np.tile(stripes, (300, 1))[..., None].astype(np.float32)
    side = int(300 / scale)
    small = resample(plate, Box(0, 0, 300, 300), np.array([[scale, 0, 0], [0, scale, 0]]), Box(0, 0, side, side))
    assert np.abs(small[10:-10, 10:-10] - 0.5).max() < 0.2 / 3


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_every_channel_is_resampled_alike(count: int) -> None:
    plane = picture()[..., :1]
    several = resample(np.repeat(plane, count, axis=2), WINDOW, turned(1.3), Box(20, 40, 80, 90))
    assert several.shape == (50, 60, count)
    np.testing.assert_array_equal(several, np.repeat(several[..., :1], count, axis=2))


@pytest.mark.parametrize("side", [1, 2, 3])
def test_a_picture_of_a_few_pixels_is_resampled(side: int) -> None:
    dots = np.full((side, side, 3), 0.7, np.float32)
    np.testing.assert_allclose(resample(dots, Box(0, 0, side, side), turned(0.1), Box(0, 0, 5, 5)), 0.7, rtol=1e-4)


def test_a_spline_is_the_one_of_the_textbook() -> None:
    """Against scipy's, on white noise of two stops."""
    plate = np.exp(np.random.default_rng(2).uniform(-1.4, 0, (60, 70, 3))).astype(np.float32)
    shifted = np.array([[1.0, 0, 0.3], [0, 1.0, 0.45]])
    moved = resample(plate, Box(0, 0, 70, 60), shifted, Box(0, 0, 70, 60))
    codes = np.arcsinh(plate.astype(np.float64) / 0.1)
    rows, columns = np.mgrid[0:60, 0:70]
    places = (rows + 0.45, columns + 0.3)
    for channel in range(3):
        expected = ndimage.map_coordinates(codes[..., channel], places, order=5, mode="nearest")
        is_held = np.abs(expected - np.arcsinh(moved[..., channel] / 0.1)) > 1e-4
        assert is_held[:-1, :-1].mean() < 0.02


def test_frames_that_are_resampled_side_by_side_come_out_the_same() -> None:
    target = Box(0, 0, 120, 120)
    alone = resample(picture(), WINDOW, turned(0.9), target)
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda _: resample(picture(), WINDOW, turned(0.9), target), range(8)))
    for other in together:
        np.testing.assert_array_equal(other, alone)


def test_a_rough_picture_is_the_mean_of_what_a_pixel_covers() -> None:
    ramp = np.tile(np.arange(40, dtype=np.float32), (40, 1))[..., None]
    small = resample_roughly(ramp, Box(0, 0, 40, 40), np.array([[4.0, 0, 0], [0, 4.0, 0]]), Box(0, 0, 10, 10))
    np.testing.assert_allclose(small[0, :, 0], np.arange(10) * 4 + 1.5)


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
