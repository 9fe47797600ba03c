from __future__ import annotations

import json

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from understudy.faces.quality import LOOK_SIDE, Measures, exposure_stops, measure_crop

Pixels = npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def face(portrait: Pixels) -> Pixels:
    """The portrait's face, 200 px."""
    return np.ascontiguousarray(portrait[20:220, 130:330])


def oval(side: int) -> Pixels:
    y, x = np.mgrid[0:side, 0:side] / side - 0.5
    return ((x / 0.32) ** 2 + (y / 0.35) ** 2 < 1).astype(np.float32)


def sharpness(pixels: Pixels) -> float:
    return measure_crop(pixels, oval(pixels.shape[0]), 0.0).sharpness


def enlarged(face: Pixels, times: float) -> Pixels:
    side = round(200 * times)
    return cv2.resize(face, (side, side), interpolation=cv2.INTER_CUBIC)


@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_an_enlarged_face_is_as_much_less_sharp(face: Pixels, noise: float) -> None:
    """The table in docs/facesets.md."""
    for times, wanted in {1: 1.00, 1.5: 0.62, 2: 0.36, 4: 0.17, 8: 0.09}.items():
        grown = enlarged(face, times)
        grain = noise * np.random.default_rng(1).standard_normal(grown.shape)
        found = sharpness((grown * (1 + grain)).astype(np.float32))
        assert found == pytest.approx(wanted, abs=0.01)
        assert 0.65 / times < found < 1.35 / times


def test_a_blurred_face_is_less_sharp_and_a_smaller_one_is_not(face: Pixels) -> None:
    blurred = cv2.GaussianBlur(face, (0, 0), 2.0)
    assert sharpness(blurred) < 0.5 * sharpness(face)
    assert sharpness(cv2.resize(blurred, (50, 50), interpolation=cv2.INTER_AREA)) > 2.5 * sharpness(blurred)


def test_exposure_and_grain_do_not_change_sharpness(face: Pixels) -> None:
    soft = enlarged(face, 2)
    grain = 1 + 0.05 * np.random.default_rng(1).standard_normal(soft.shape).astype(np.float32)
    for other in (soft * 0.02, soft * 50, soft * grain):
        assert sharpness(other.astype(np.float32)) == pytest.approx(sharpness(soft), rel=0.05)


def test_flat_black_and_negative_crops_are_measured_without_a_word() -> None:
    for value in (0.0, -0.1, 0.5):
        measured = measure_crop(np.full((80, 80, 3), value, np.float32), oval(80), 0.125)
        assert 0 < measured.sharpness < 0.6
        assert measured.look.shape == (LOOK_SIDE, LOOK_SIDE)


def test_a_look_does_not_tell_the_exposure(face: Pixels) -> None:
    looks = [measure_crop(face * np.float32(gain), oval(200), 0.0).look.astype(int) for gain in (0.05, 1, 20)]
    assert max(np.abs(looks[0] - looks[1]).max(), np.abs(looks[2] - looks[1]).max()) <= 2


def test_a_look_shows_the_square_without_its_margin(face: Pixels) -> None:
    with_margin = cv2.copyMakeBorder(face, 25, 25, 25, 25, cv2.BORDER_CONSTANT, value=(9.0, 9.0, 9.0))
    matte = np.pad(oval(200), 25)
    np.testing.assert_array_equal(measure_crop(with_margin, matte, 0.125).look, measure_crop(face, oval(200), 0.0).look)


def test_exposure_is_told_in_stops_above_grey() -> None:
    assert exposure_stops((0.18, 0.18, 0.18)) == pytest.approx(0, abs=1e-5)
    assert exposure_stops((0.72, 0.72, 0.72)) == pytest.approx(2, abs=1e-5)
    assert exposure_stops((0.0, 0.0, -1.0)) == -24


def test_measures_come_back_from_text_and_early_records_have_none(face: Pixels) -> None:
    made = measure_crop(face, oval(200), 0.0)
    back = Measures.from_json(json.loads(json.dumps(made.to_json())))
    assert back is not None and back.sharpness == pytest.approx(made.sharpness, abs=1e-3)
    np.testing.assert_array_equal(back.look, made.look)
    assert Measures.from_json({"stamp": "x"}) is None
    with pytest.raises(ValueError):
        Measures.from_json({"sharpness": 1.0, "look": "no base64!"})
