"""The space that results are in."""

from __future__ import annotations

from pathlib import Path

import PyOpenColorIO as ocio  # noqa: N813
import pytest

from understudy.color import ColorConfig

ACES_1 = "studio-config-v2.2.0_aces-v1.3_ocio-v2.4"
ACES_2 = "studio-config-v4.0.0_aces-v2.0_ocio-v2.5"


@pytest.mark.parametrize("config", [ACES_1, ACES_2])
@pytest.mark.parametrize(
    ("plate_space", "result_space", "interop_id"),
    [
        ("ACEScg", "ACEScg", "lin_ap1_scene"),
        ("scene_linear", "ACEScg", "lin_ap1_scene"),
        ("lin_rec709", "Linear Rec.709 (sRGB)", "lin_rec709_scene"),
        ("ARRI LogC4", "ACEScg", "lin_ap1_scene"),
        ("ACEScct", "ACEScg", "lin_ap1_scene"),
        ("srgb_rec709_scene", "ACEScg", "lin_ap1_scene"),
    ],
)
def test_only_scene_linear_plates_keep_their_space(
    config: str, plate_space: str, result_space: str, interop_id: str
) -> None:
    color = ColorConfig.load(config)
    assert color.result_space(plate_space) == result_space
    assert color.interop_id(result_space) == interop_id


def test_a_camera_gamut_has_the_name_that_its_config_gives() -> None:
    assert ColorConfig.load(ACES_1).interop_id("lin_awg4") is None
    assert ColorConfig.load(ACES_2).interop_id("lin_awg4") == "ocio:lin_awg4_scene"


def test_a_config_that_names_no_encodings_is_asked_what_its_spaces_do(tmp_path: Path) -> None:
    text = ocio.Config.CreateFromBuiltinConfig("cg-config-v1.0.0_aces-v1.3_ocio-v2.1").serialize()
    path = tmp_path / "plain.ocio"
    path.write_text("\n".join(line for line in text.splitlines() if not line.strip().startswith("encoding:")))
    color = ColorConfig.load(str(path))
    assert color.result_space("Linear Rec.709 (sRGB)") == "Linear Rec.709 (sRGB)"
    assert color.result_space("ACEScct") == "ACEScg"
