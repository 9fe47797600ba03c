from __future__ import annotations

from pathlib import Path

import numpy as np
import PyOpenColorIO as ocio  # noqa: N813
import pytest

from understudy.color import ColorConfig, TrainingSpace
from understudy.errors import ColorError, UnknownNameError

VALUES = np.array([-10, -0.1, 0, 1e-4, 0.18, 1, 64, 200, 60000], np.float32)
RGB = np.stack([VALUES, VALUES[::-1], VALUES * 0.5], axis=1)[None]


@pytest.mark.parametrize("gains", [(1.0, 1.0, 1.0), (0.02, 0.05, 0.2), (40.0, 30.0, 20.0)])
def test_training_space_and_back_return_the_same_values(gains: tuple[float, float, float]) -> None:
    space = TrainingSpace(gains)
    np.testing.assert_allclose(space.decode(space.encode(RGB)), RGB, rtol=2e-5, atol=2e-5)


def test_the_curve_is_where_the_documentation_says() -> None:
    codes = TrainingSpace().encode(np.array([[[0, 0.18, 64]]], np.float32))[0, 0]
    np.testing.assert_allclose(codes, [0.114, 0.40, 1.0], atol=0.002)


def test_normalising_brings_the_face_to_grey() -> None:
    face = (0.9, 0.6, 0.4)
    balanced = TrainingSpace.normalising(face, white_balance=True)
    np.testing.assert_allclose(np.multiply(balanced.gains, face), 0.18, rtol=1e-6)
    exposed = TrainingSpace.normalising(face, white_balance=False)
    assert len(set(exposed.gains)) == 1


def test_a_black_face_cannot_be_normalised() -> None:
    with pytest.raises(ColorError, match="colour space"):
        TrainingSpace.normalising((0.0, 0.0, 0.0), white_balance=True)


def test_a_training_space_survives_its_json() -> None:
    space = TrainingSpace((1.5, 0.25, 3.0))
    assert TrainingSpace.from_json(space.to_json()) == space
    with pytest.raises(ColorError, match="unknown"):
        TrainingSpace.from_json({**space.to_json(), "curve": "other"})


@pytest.mark.parametrize("space", ["lin_rec709_scene", "ACES2065-1", "ARRI LogC4", "ACEScg"])
def test_a_plate_space_and_back_return_the_same_values(color: ColorConfig, space: str) -> None:
    working = np.clip(RGB, 0, 64)
    back = color.to_working(color.converted(working, "ACEScg", space), space)
    np.testing.assert_allclose(back, working, rtol=1e-4, atol=1e-4)


def test_the_same_space_is_the_same_bits(color: ColorConfig) -> None:
    assert color.converted(RGB, "scene_linear", "ACEScg") is RGB


def test_an_unknown_space_is_answered_with_near_ones(color: ColorConfig) -> None:
    with pytest.raises(UnknownNameError, match="ACEScg") as caught:
        color.space("acesgc")
    assert "ACEScg" in caught.value.facts["near"]


def test_what_the_user_says_beats_the_tag_and_the_tag_beats_the_guess(color: ColorConfig) -> None:
    tag = {"colorInteropID": "lin_ap1_scene"}
    assert color.decide_plate_space("lin_rec709_scene", tag).name == color.space("lin_rec709_scene")
    assert not color.decide_plate_space(None, tag).is_guess
    guess = color.decide_plate_space(None, {})
    assert guess.is_guess and guess.name == color.working


def test_a_config_without_a_working_space_says_so(tmp_path: Path) -> None:
    config = ocio.Config.CreateRaw()
    config.setRole("scene_linear", None)
    path = tmp_path / "raw.ocio"
    path.write_text(config.serialize())
    with pytest.raises(ColorError, match="scene_linear"):
        ColorConfig.load(str(path)).working  # noqa: B018


def test_an_unknown_config_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match=r"\.ocio"):
        ColorConfig.load("studio-config-v9")


def test_the_config_in_the_ocio_folder_shows_the_same_codes() -> None:
    path = Path(__file__).parents[1] / "ocio" / "understudy_training_space.ocio"
    config = ocio.Config.CreateFromFile(str(path))
    config.validate()
    pixels = np.ascontiguousarray(RGB.astype(np.float32))
    expected = TrainingSpace().encode(pixels)
    config.getProcessor("ACEScg", "understudy_training").getDefaultCPUProcessor().applyRGB(pixels)
    np.testing.assert_allclose(pixels, expected, atol=1e-4)
