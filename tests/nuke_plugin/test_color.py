"""What the script says of a plate's colour, and how the result is read: names only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.nuke_plugin.stand_in import Host
from understudy.color import ColorConfig


@pytest.fixture
def color(host: Host, plugin: Path) -> Any:
    """The plug-in's module."""
    from understudy_nuke import color

    return color


@pytest.mark.parametrize(
    "shown,name",
    [
        ("default (linear)", "linear"),
        ("scene_linear (ACES - ACEScg)", "ACES - ACEScg"),
        ("compositing_log (ARRI LogC3 (EI800))", "ARRI LogC3 (EI800)"),
        ("ARRI LogC3 (EI800)", "ARRI LogC3 (EI800)"),
        ("Input/ARRI/ARRI LogC4", "ARRI LogC4"),
        ("Linear Rec.709 (sRGB)", "Linear Rec.709 (sRGB)"),
    ],
)
def test_an_entry_of_nuke_s_menu_is_a_space_s_name(color: Any, shown: str, name: str) -> None:
    assert color.plain_name(shown) == name


def test_with_ocio_the_read_s_space_is_the_plate_s(color: Any) -> None:
    script = color.ScriptColor(True, "ACES - ACEScg", "ACES - ACEScg", "")
    log = color.plate_color(script, "ARRI LogC4", is_raw=False)
    assert (log.name, log.nuke_name, log.is_for_files) == ("ARRI LogC4", "ARRI LogC4", True)
    same = color.plate_color(script, "scene_linear (ACES - ACEScg)", is_raw=False)
    assert (same.name, same.nuke_name) == ("ACES - ACEScg", "")
    raw = color.plate_color(script, "ARRI LogC4", is_raw=True)
    assert (raw.name, raw.nuke_name) == ("ACES - ACEScg", "")


def test_nuke_s_own_curves_say_nothing_of_primaries(color: Any) -> None:
    script = color.ScriptColor(False, "linear", "linear", "")
    linear = color.plate_color(script, "default", is_raw=False)
    assert (linear.name, linear.nuke_name) == ("lin_rec709_srgb", "")
    assert "Rec.709" in linear.reason
    curve = color.plate_color(script, "AlexaV3LogC", is_raw=False)
    assert (curve.name, curve.is_for_files) == ("", False)


@pytest.mark.parametrize(
    "name", ["studio-config-v1.0.0_aces-v1.3_ocio-v2.1", "studio-config-v4.0.0_aces-v2.0_ocio-v2.5"]
)
def test_the_engine_knows_what_it_is_told_of_nuke_s_linear(color: Any, name: str) -> None:
    assert ColorConfig.load(name).space(color.LINEAR_709) == "Linear Rec.709 (sRGB)"


def test_a_result_in_the_plate_s_space_is_read_as_the_plate_is(color: Any) -> None:
    script = color.ScriptColor(True, "ACEScg", "ACEScg", "")
    plate = color.plate_color(script, "ACES2065-1", is_raw=False)
    assert color.result_colorspace(script, plate, "ACES2065-1", "ACES2065-1") == "ACES2065-1"
    plate = color.plate_color(script, "ACEScg", is_raw=False)
    assert color.result_colorspace(script, plate, "ACEScg", "ACEScg") == ""


def test_a_result_of_a_log_plate_is_raw_when_both_work_in_one_space(color: Any) -> None:
    script = color.ScriptColor(True, "ACES - ACEScg", "ACES - ACEScg", "")
    plate = color.plate_color(script, "ARRI LogC4", is_raw=False)
    assert color.result_colorspace(script, plate, "ARRI LogC4", "ACEScg") == ""
    assert color.result_colorspace(script, plate, "ARRI LogC4", "Linear P3-D65") == "Linear P3-D65"


def test_the_config_is_the_environment_s_then_the_artist_s_then_nuke_s(
    color: Any, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = host.root_node
    root["colorManagement"].setValue("OCIO")
    root["OCIOConfigPath"].setValue("/nuke/aces.ocio")
    assert color.script_color(root).config == "/nuke/aces.ocio"
    root["OCIO_config"].setValue("custom")
    root["customOCIOConfigPath"].setValue("/show/show.ocio")
    assert color.script_color(root).config == "/show/show.ocio"
    monkeypatch.setenv("OCIO", "/site/site.ocio")
    assert color.script_color(root).config == "/site/site.ocio"
    root["colorManagement"].setValue("Nuke")
    assert color.script_color(root).config == ""
