"""The training space: one curve, its gains, and what happens beyond its ends."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from understudy.color import MIDDLE_GREY, ColorConfig, TrainingSpace, luminance
from understudy.color.curve import ZERO_CODE, light_from_code
from understudy.errors import ColorError
from understudy.training.batches import CODE_RANGE, quantised
from understudy.training.codes import codes_from_light, light_from_codes

FACE = (0.9, 0.6, 0.4)
WIDE = np.concatenate([-np.geomspace(10, 1e-6, 3000), [0], np.geomspace(1e-6, 60000, 4997)]).astype(np.float32)


def codes_of(*values: float, space: TrainingSpace | None = None) -> np.ndarray:
    return (space or TrainingSpace()).encode(np.array(values, np.float32).reshape(1, -1, 1).repeat(3, axis=2))[0, :, 0]


@pytest.mark.parametrize("gains", [(1.0, 1.0, 1.0), (0.3, 0.5, 1.5), (40.0, 30.0, 20.0)])
def test_light_comes_back(gains: tuple[float, float, float]) -> None:
    space = TrainingSpace(gains)
    light = np.stack([WIDE, WIDE[::-1], WIDE * 0.5], axis=1)[None]
    error, size = np.abs(space.decode(space.encode(light)) - light), np.abs(light)
    assert (error[size >= 1e-3] / size[size >= 1e-3]).max() <= 1e-5
    assert error[size < 1e-3].max() <= 1e-6


def test_ocio_and_torch_give_the_same_codes_and_the_same_light() -> None:
    exact = np.where(WIDE < 0, ZERO_CODE + 8.60684 * WIDE, 0.0715897142 * np.log2(WIDE.clip(0) + 0.012) + 0.5704423511)
    by_ocio = codes_of(*WIDE)
    by_torch = codes_from_light(torch.from_numpy(WIDE)).numpy()
    size = np.maximum(np.abs(exact), ZERO_CODE)
    assert (np.abs(by_ocio - by_torch) / size).max() <= 1e-6
    assert (np.abs(by_ocio - exact) / size).max() <= 1e-6

    light_by_ocio = TrainingSpace().decode(by_ocio[None, :, None].repeat(3, axis=2))[0, :, 0]
    light_by_torch = light_from_codes(torch.from_numpy(by_ocio)).numpy()
    again = (codes_of(*light_by_ocio), codes_of(*light_by_torch))  # compared as codes: light is their exponential
    assert (np.abs(again[0] - again[1]) / size).max() <= 1e-6
    assert (np.abs(again[1] - by_ocio) / size).max() <= 1e-6


def test_the_curve_is_where_the_documentation_says() -> None:
    np.testing.assert_allclose(codes_of(-0.01, 0, 0.18, 1, 64), [0.0276, 0.1136, 0.4, 0.5717, 1.0], atol=1e-4)
    assert light_from_code(1.0) == pytest.approx(64, rel=1e-3)
    assert light_from_code(0.0) == pytest.approx(-0.0132, rel=1e-3)


def test_the_curve_rises_everywhere_and_has_no_corner() -> None:
    light = np.linspace(-0.05, 0.3, 7001)
    codes = codes_of(*light).astype(np.float64)
    slopes = np.diff(codes) / np.diff(light.astype(np.float32).astype(np.float64))
    assert slopes.min() > 0
    assert np.abs(np.diff(slopes)).max() < 0.02 * slopes.max()


def test_gradients_flow_below_zero_and_stay_finite() -> None:
    light = torch.tensor([-5.0, -1e-4, 0.0, 0.18, 60000.0], requires_grad=True)
    (gradient,) = torch.autograd.grad(codes_from_light(light).sum(), light)
    assert torch.isfinite(gradient).all() and (gradient > 0).all()
    codes = torch.tensor([-40.0, 0.1, 0.4, 1.7], requires_grad=True)
    (gradient,) = torch.autograd.grad(light_from_codes(codes).sum(), codes)
    assert torch.isfinite(gradient).all() and (gradient > 0).all()


def test_normalising_brings_the_face_to_grey() -> None:
    balanced = TrainingSpace.normalising(FACE, white_balance=True)
    np.testing.assert_allclose(np.multiply(balanced.gains, FACE), MIDDLE_GREY, rtol=1e-6)
    exposed = TrainingSpace.normalising(FACE, white_balance=False)
    assert len(set(exposed.gains)) == 1
    assert luminance(np.multiply(exposed.gains, FACE).astype(np.float32)) == pytest.approx(MIDDLE_GREY, rel=1e-5)


def test_an_exposure_by_hand_is_in_stops() -> None:
    assert TrainingSpace.normalising(FACE, white_balance=False, exposure=3.0).gains == (8.0, 8.0, 8.0)
    assert TrainingSpace((8.0, 8.0, 8.0)).exposure == pytest.approx(3.0)
    balanced = TrainingSpace.normalising(FACE, white_balance=True, exposure=1.0)
    red, green, blue = np.multiply(balanced.gains, FACE)
    assert red == pytest.approx(green) == pytest.approx(blue)
    assert green == pytest.approx(2 * luminance(np.array(FACE, np.float32)), rel=1e-5)


def test_a_white_balance_by_hand_leaves_the_exposure_to_be_measured() -> None:
    space = TrainingSpace.normalising(FACE, white_balance=True, balance=(1.0, 1.0, 2.0))
    assert space.gains[0] == space.gains[1] == space.gains[2] / 2
    assert luminance(np.multiply(space.gains, FACE).astype(np.float32)) == pytest.approx(MIDDLE_GREY, rel=1e-5)
    by_hand = TrainingSpace.normalising((0, 0, 0), white_balance=True, exposure=-1.0, balance=(1.0, 2.0, 4.0))
    assert by_hand.gains == (0.5, 1.0, 2.0)


@pytest.mark.parametrize("face", [(0.0, 0.0, 0.0), (-0.2, 0.5, 0.3), (float("nan"), 0.5, 0.5)])
def test_a_face_that_cannot_be_normalised_is_named(face: tuple[float, float, float]) -> None:
    with pytest.raises(ColorError, match="colour space"):
        TrainingSpace.normalising(face, white_balance=True)


def test_a_training_space_survives_its_json() -> None:
    space = TrainingSpace((1.5, 0.25, 3.0))
    assert TrainingSpace.from_json(space.to_json()) == space
    with pytest.raises(ColorError, match="unknown"):
        TrainingSpace.from_json({**space.to_json(), "curve": "other"})


@pytest.mark.parametrize(("stops", "low", "high"), [(0.0, -0.0713, 8116), (4.0, -0.00446, 507), (-4.0, -1.14, 129856)])
def test_what_is_kept_for_learning_moves_with_the_exposure(stops: float, low: float, high: float) -> None:
    space = TrainingSpace((2.0**stops,) * 3)
    assert space.kept_light == pytest.approx((low, high), rel=0.01)
    inside = codes_of(low * 0.98, high * 0.98, space=space)
    beyond = codes_of(low * 1.1, high * 1.1, space=space)
    assert CODE_RANGE[0] < inside.min() and inside.max() < CODE_RANGE[1]
    assert beyond.min() < CODE_RANGE[0] and beyond.max() > CODE_RANGE[1]
    assert quantised(beyond).tolist() == [0, 65535]


def test_highlights_blacks_and_lamps_outside_the_gamut_come_back(color: ColorConfig) -> None:
    specular, black, led = (200.0, 190.0, 180.0), (1e-5, 0.0, -2e-4), (0.02, 0.1, 6.0)
    lamp = color.converted(np.array([[led]], np.float32), "Linear REDWideGamutRGB", "ACEScg")[0, 0]
    assert lamp.min() < -0.05
    pixels = np.stack([specular, black, lamp]).astype(np.float32)[None]
    space = TrainingSpace.normalising(FACE, white_balance=True)
    codes = space.encode(pixels)
    assert codes.max() > 1.0 and codes.min() < 0.0
    np.testing.assert_allclose(space.decode(codes), pixels, rtol=2e-6, atol=1e-8)


def test_steps_of_kept_codes_are_finer_than_half_floats() -> None:
    step = (CODE_RANGE[1] - CODE_RANGE[0]) / 65535
    lost = light_from_code(0.5 + step) / light_from_code(0.5) - 1
    assert lost < 2.0**-11
