"""OCIO configs are found by every name that they go by, and asked in words."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import PyOpenColorIO as ocio  # noqa: N813
import pytest

from understudy.color import DEFAULT_CONFIG, ColorConfig, config_names, pinned_name
from understudy.errors import ColorError, UnknownNameError

RGB = np.array([[[-0.1, 0.18, 200.0]]], np.float32)


@pytest.fixture
def written(tmp_path: Path, color: ColorConfig) -> Path:
    path = tmp_path / "show.ocio"
    path.write_text(color.config.serialize())
    return path


def test_every_built_in_config_has_a_working_space() -> None:
    spaces = {name: ColorConfig.load(name).working for name in config_names()}
    assert len(spaces) >= 8
    assert set(spaces.values()) == {"ACEScg"}


def test_moving_names_become_the_ones_that_stay() -> None:
    assert pinned_name("ocio://studio-config-latest") in config_names()
    assert pinned_name("ocio://default") in config_names()
    assert pinned_name(f"ocio://{DEFAULT_CONFIG}") == DEFAULT_CONFIG == pinned_name(None)


def test_the_variable_stands_for_what_it_holds(monkeypatch: pytest.MonkeyPatch, written: Path) -> None:
    monkeypatch.setenv("OCIO", str(written))
    assert ColorConfig.load("$OCIO").name == str(written)
    monkeypatch.setenv("OCIO", "ocio://cg-config-v2.1.0_aces-v1.3_ocio-v2.3")
    assert ColorConfig.load("$OCIO").name == "cg-config-v2.1.0_aces-v1.3_ocio-v2.3"
    monkeypatch.delenv("OCIO")
    with pytest.raises(ColorError, match=r"\$OCIO, which is not set"):
        ColorConfig.load("$OCIO")


def test_an_archive_converts_as_the_config_in_it(tmp_path: Path, color: ColorConfig) -> None:
    config = ocio.Config.CreateFromStream(color.config.serialize())
    config.setWorkingDir(str(tmp_path))
    path = tmp_path / "show.ocioz"
    config.archive(str(path))
    archived = ColorConfig.load(str(path))
    np.testing.assert_array_equal(
        archived.converted(RGB, "ACEScg", "ARRI LogC4"), color.converted(RGB, "ACEScg", "ARRI LogC4")
    )


def test_a_changed_file_is_loaded_again(written: Path) -> None:
    before = ColorConfig.load(str(written))
    assert ColorConfig.load(str(written)) is before
    config = ocio.Config.CreateFromStream(written.read_text())
    config.setRole("scene_linear", "Linear Rec.709 (sRGB)")
    written.write_text(config.serialize())
    os.utime(written, ns=(1, 1))
    assert ColorConfig.load(str(written)).working == "Linear Rec.709 (sRGB)"


def test_a_file_that_is_no_config_says_why(tmp_path: Path) -> None:
    path = tmp_path / "broken.ocio"
    path.write_text("ocio_profile_version: 2.1\nroles: [")
    with pytest.raises(ColorError, match=r"broken\.ocio cannot be used") as caught:
        ColorConfig.load(str(path))
    assert "\n" not in caught.value.message


def test_an_unknown_config_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match=r"\.ocioz"):
        ColorConfig.load("studio-config-v9")


def test_a_config_without_a_working_space_says_so(tmp_path: Path) -> None:
    config = ocio.Config.CreateRaw()
    config.setRole("scene_linear", None)
    path = tmp_path / "raw.ocio"
    path.write_text(config.serialize())
    with pytest.raises(ColorError, match="scene_linear"):
        ColorConfig.load(str(path)).working  # noqa: B018


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("acesgc", "ACEScg"),
        ("ARRI LogC 4", "ARRI LogC4"),
        ("S-Log3", "S-Log3 S-Gamut3"),
        ("scene_liner", "scene_linear"),
    ],
)
def test_an_unknown_space_is_answered_with_near_ones(color: ColorConfig, wrong: str, right: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        color.space(wrong)
    assert right in caught.value.facts["near"]


@pytest.mark.parametrize(
    ("name", "canonical"),
    [("scene_linear", "ACEScg"), ("lin_rec709", "Linear Rec.709 (sRGB)"), ("acescg", "ACEScg"), ("Raw", "Raw")],
)
def test_roles_and_aliases_are_names_too(color: ColorConfig, name: str, canonical: str) -> None:
    assert color.space(name) == canonical


def test_the_same_space_is_the_same_bits(color: ColorConfig) -> None:
    assert color.converted(RGB, "scene_linear", "ACEScg") is RGB


def test_a_conversion_leaves_its_input_alone(color: ColorConfig) -> None:
    pixels = RGB.copy()
    color.converted(pixels, "ACEScg", "ARRI LogC4")
    np.testing.assert_array_equal(pixels, RGB)


def test_a_config_that_does_not_know_aces_cannot_give_ap1(tmp_path: Path) -> None:
    path = tmp_path / "raw.ocio"
    config = ocio.Config.CreateRaw()
    config.setRole("scene_linear", "raw")
    path.write_text(config.serialize())
    with pytest.raises(ColorError, match="aces_interchange"):
        ColorConfig.load(str(path)).ap1_from_working(RGB)
