from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.faces.conftest import made_up_landmarks
from understudy.color import ColorConfig, TrainingSpace
from understudy.errors import ModelFileError
from understudy.faces.alignment import align_face
from understudy.faces.crop import FaceCrop, crop_face
from understudy.faces.face import Face
from understudy.geometry import apply_transform, inverse, scale_of
from understudy.model.swap_model import Painted, SwapModel, build_model
from understudy.plates import Frame
from understudy.settings.network import ModelSettings
from understudy.settings.preset import load_preset
from understudy.swap import codes_from_tensor, swap_face, tensor_from_codes, within_light_of
from understudy.training.batches import CODE_RANGE

CPU = torch.device("cpu")


@pytest.fixture
def crop(color: ColorConfig) -> FaceCrop:
    pixels = np.random.default_rng(1).uniform(-0.1, 3, (160, 160, 3)).astype(np.float32)
    pixels[70:74, 70:74] = 200
    face = Face(1, (made_up_landmarks() - 0.5) * 120 + (80, 80), np.zeros(478, np.float32), 0.8)
    return crop_face(Frame.of(pixels), "ACEScg", color, align_face(face), 64)


def test_the_identity_model_gives_the_crop_back(crop: FaceCrop) -> None:
    model = build_model(ModelSettings(kind="identity", size=64))
    for gains in ((1.0, 1.0, 1.0), (0.01, 0.02, 0.05), (30.0, 20.0, 10.0)):
        swapped = swap_face(model, crop, TrainingSpace(gains), CPU)
        np.testing.assert_allclose(swapped.pixels, crop.pixels, rtol=5e-5, atol=2e-5)


def test_codes_and_tensors_come_back() -> None:
    codes = np.random.default_rng(1).standard_normal((5, 7, 3)).astype(np.float32)
    assert tensor_from_codes(codes).shape == (1, 3, 5, 7)
    np.testing.assert_array_equal(codes_from_tensor(tensor_from_codes(codes)), codes)


def test_the_model_s_own_matte_comes_with_the_face(
    crop: FaceCrop, trained: SwapModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    matte = torch.linspace(0, 1, 64).expand(1, 1, 64, 64)
    monkeypatch.setattr(SwapModel, "painted", lambda self, codes, identity: Painted(codes, matte))
    swapped = swap_face(trained, crop, TrainingSpace(), torch.device("cpu"))
    np.testing.assert_array_equal(swapped.matte, matte[0, 0].numpy())


def test_a_model_that_answers_no_numbers_is_named(crop: FaceCrop, monkeypatch: pytest.MonkeyPatch) -> None:
    model = build_model(ModelSettings(kind="identity", size=64))
    monkeypatch.setattr(SwapModel, "painted", lambda self, codes, identity: Painted(codes * float("nan"), None))
    with pytest.raises(ModelFileError, match="frame 1"):
        swap_face(model, crop, TrainingSpace(), CPU)


@pytest.fixture
def trained() -> SwapModel:
    return build_model(load_preset("u64").model).eval()


def test_a_trained_face_is_drawn_as_large_as_asked_and_the_identity_model_s_as_it_is(
    crop: FaceCrop, trained: SwapModel
) -> None:
    identity = build_model(ModelSettings(kind="identity", size=64))
    swapped = swap_face(trained, crop, TrainingSpace(), CPU, face_scale=0.9)
    assert scale_of(swapped.crop_from_plate) == pytest.approx(scale_of(crop.crop_from_plate) / 0.9)
    middle = apply_transform(inverse(crop.crop_from_plate), [[32, 32]])
    np.testing.assert_allclose(apply_transform(swapped.crop_from_plate, middle), [[32, 32]])
    same = swap_face(identity, crop, TrainingSpace(), CPU, face_scale=0.9)
    np.testing.assert_array_equal(same.crop_from_plate, crop.crop_from_plate)


def with_lamp(crop: FaceCrop) -> FaceCrop:
    """A pixel that no training has seen: a saturated lamp, far below zero in red."""
    pixels = crop.pixels.copy()
    pixels[10, 10] = (-3.0, 0.5, 4.0)
    return replace(crop, pixels=pixels)


def test_a_trained_model_is_shown_codes_as_it_has_learned_from(
    crop: FaceCrop, trained: SwapModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[torch.Tensor] = []
    monkeypatch.setattr(SwapModel, "painted", lambda self, codes, identity: Painted(seen.append(codes) or codes, None))
    swap_face(trained, with_lamp(crop), TrainingSpace(), CPU)
    assert TrainingSpace().encode(with_lamp(crop).pixels).min() < -20
    assert seen[0].min() == CODE_RANGE[0]
    assert seen[0].max() <= CODE_RANGE[1]


@pytest.mark.parametrize(("code", "light"), [(1.3, 200.0), (5.0, 200.0), (-4.0, -0.11)])
def test_a_runaway_answer_is_held_to_the_light_of_the_crop(
    crop: FaceCrop,
    trained: SwapModel,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    code: float,
    light: float,
) -> None:
    monkeypatch.setattr(SwapModel, "painted", lambda self, codes, identity: Painted(torch.full_like(codes, code), None))
    pixels = np.clip(crop.pixels, -0.11, 200.0)
    pixels[0, 0] = (200.0, 1.0, -0.11)
    swapped = swap_face(trained, replace(crop, pixels=pixels), TrainingSpace(), CPU)
    np.testing.assert_allclose(swapped.pixels, light, rtol=1e-3)
    assert "Frame 1: the model paints 100.0% of the face" in caplog.text


def test_a_dull_crop_leaves_room_for_highlights_and_no_more() -> None:
    codes = np.full((4, 4, 3), 0.4, np.float32)
    answer = np.array([-3.0, 0.0, 0.4, 1.0, 7.0], np.float32).reshape(1, 5, 1).repeat(3, axis=2)
    held = within_light_of(codes, answer)[0, :, 0]
    np.testing.assert_array_equal(held, np.array([0.0, 0.0, 0.4, 1.0, 1.0], np.float32))
    with_nan = np.full_like(codes, np.nan)
    np.testing.assert_array_equal(within_light_of(with_nan, answer)[0, :, 0], held)
