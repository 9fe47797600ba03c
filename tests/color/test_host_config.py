"""The config for hosts: made from the studio config, loadable, and the same codes as the engine's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PyOpenColorIO as ocio  # noqa: N813
import pytest

from understudy.color import ColorConfig, TrainingSpace
from understudy.color.host_config import HOST_BASE, TRAINING_SPACE_NAME, TRAINING_VIEW_NAME, host_config_text
from understudy.errors import ColorError

CHECKED_IN = Path(__file__).parents[2] / "ocio" / "understudy.ocio"
VALUES = np.array([-10, -0.1, 0, 1e-4, 0.18, 1, 64, 200, 60000], np.float32)
RGB = np.stack([VALUES, VALUES[::-1], VALUES * 0.5], axis=1)[None]


@pytest.fixture(scope="module")
def hosts() -> ColorConfig:
    return ColorConfig.load(str(CHECKED_IN))


def test_the_file_is_what_the_script_writes() -> None:
    assert CHECKED_IN.read_text(encoding="utf-8") == host_config_text()


def test_old_hosts_can_load_it(hosts: ColorConfig) -> None:
    assert (hosts.config.getMajorVersion(), hosts.config.getMinorVersion()) == (2, 1)


def test_the_config_shows_the_same_codes_and_gives_the_light_back(hosts: ColorConfig) -> None:
    codes = hosts.converted(RGB, "ACEScg", "understudy_training")
    np.testing.assert_allclose(codes, TrainingSpace().encode(RGB), rtol=2e-6, atol=1e-6)
    light = hosts.to_working(codes, TRAINING_SPACE_NAME)
    np.testing.assert_allclose(light, RGB, rtol=1e-5, atol=1e-6)


def test_the_studio_config_is_all_there_and_shows_the_same_by_default(hosts: ColorConfig) -> None:
    base = ColorConfig.load(HOST_BASE)
    assert set(base.spaces()) == set(hosts.spaces()) - {TRAINING_SPACE_NAME}
    np.testing.assert_array_equal(hosts.display(RGB, "ACEScg"), base.display(RGB, "ACEScg"))
    for display in hosts.config.getDisplays():
        views = list(hosts.config.getViews(display))
        assert views[-1] == TRAINING_VIEW_NAME
        assert views[:-1] == list(base.config.getViews(display))


def test_the_view_puts_codes_on_the_screen_as_they_are(hosts: ColorConfig) -> None:
    view = ocio.DisplayViewTransform(src="ACEScg", display="sRGB - Display", view=TRAINING_VIEW_NAME)
    shown = RGB.copy()
    hosts.config.getProcessor(view).getDefaultCPUProcessor().applyRGB(shown)
    np.testing.assert_allclose(shown, TrainingSpace().encode(RGB), rtol=1e-4, atol=1e-4)


def test_crops_are_not_taken_for_aces(hosts: ColorConfig) -> None:
    rule = hosts.config.getColorSpaceFromFilepath("facesets/ben/crops/sh010.1001.exr")[0]
    assert hosts.space(rule) == "ACEScg"


@pytest.mark.parametrize("base", ["studio-config-v2.2.0_aces-v1.3_ocio-v2.4", "cg-config-v4.0.0_aces-v2.0_ocio-v2.5"])
def test_other_aces_configs_can_be_given_the_space(base: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.ocio"
    path.write_text(host_config_text(base))
    codes = ColorConfig.load(str(path)).converted(RGB, "ACEScg", TRAINING_SPACE_NAME)
    np.testing.assert_allclose(codes, TrainingSpace().encode(RGB), rtol=2e-6, atol=1e-6)


def test_a_config_built_on_another_reference_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "raw.ocio"
    path.write_text(ocio.Config.CreateRaw().serialize())
    with pytest.raises(ColorError, match="not built on ACES2065-1"):
        host_config_text(str(path))
