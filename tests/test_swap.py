from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.faces.conftest import made_up_landmarks
from understudy.color import ColorConfig, TrainingSpace
from understudy.errors import ModelFileError
from understudy.faces.alignment import align_face
from understudy.faces.crop import FaceCrop, crop_face
from understudy.faces.face import Face
from understudy.model.swap_model import SwapModel, build_model
from understudy.plates import Frame
from understudy.settings.preset import ModelSettings
from understudy.swap import codes_from_tensor, swap_face, tensor_from_codes

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


def test_a_model_that_answers_no_numbers_is_named(crop: FaceCrop, monkeypatch: pytest.MonkeyPatch) -> None:
    model = build_model(ModelSettings(kind="identity", size=64))
    monkeypatch.setattr(SwapModel, "forward", lambda self, codes, identity: codes * float("nan"))
    with pytest.raises(ModelFileError, match="frame 1"):
        swap_face(model, crop, TrainingSpace(), CPU)
