"""Who decides which space a plate is in, in which order, and what is said of it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from understudy.color import ColorConfig
from understudy.color.tags import CHROMATICITIES
from understudy.errors import UnknownNameError

REC709, AP1 = CHROMATICITIES["rec709"], CHROMATICITIES["ap1"]
MOVIE = {"video:transfer": "smpte2084", "video:primaries": "bt2020", "oiio:BitsPerSample": 10}


def test_the_user_comes_first_then_the_host_then_the_tag_then_a_guess(color: ColorConfig) -> None:
    tag = {"colorInteropID": "lin_ap0_scene"}
    by_user = color.decide_plate_space("lin_rec709", tag, host="ARRI LogC4")
    by_host = color.decide_plate_space(None, tag, host="ARRI LogC4")
    by_tag = color.decide_plate_space(None, tag)
    guess = color.decide_plate_space(None, {})
    assert [found.name for found in (by_user, by_host, by_tag, guess)] == [
        "Linear Rec.709 (sRGB)",
        "ARRI LogC4",
        "ACES2065-1",
        "ACEScg",
    ]
    assert [found.is_guess for found in (by_user, by_host, by_tag, guess)] == [False, False, False, True]
    assert by_user.reason == "as the shot says ('lin_rec709')"
    assert by_host.reason == "as the host says"


def test_a_wrong_name_is_the_users_to_mend(color: ColorConfig) -> None:
    with pytest.raises(UnknownNameError, match="ARRI LogC4"):
        color.decide_plate_space("ARRI LogC5", {})


@pytest.mark.parametrize(
    ("metadata", "is_integer", "name"),
    [
        ({"colorInteropID": "lin_ap1_scene"}, False, "ACEScg"),
        ({"colorInteropID": "pq_rec2020_display"}, True, "Rec.2100-PQ - Display"),
        ({"colorInteropID": "g24_rec709_display"}, True, "Gamma 2.4 Encoded Rec.709"),
        ({"CICP": (9, 16, 0, 1)}, True, "Rec.2100-PQ - Display"),
        ({"CICP": np.array([9, 18, 0, 1])}, True, "Rec.2100-HLG - Display"),
        ({"CICP": (12, 13, 0, 1)}, True, "sRGB Encoded P3-D65"),
        ({"CICP": (1, 1, 0, 1)}, True, "Gamma 2.4 Encoded Rec.709"),
        (MOVIE, True, "Rec.2100-PQ - Display"),
        ({"video:transfer": "arib-std-b67", "video:primaries": "unknown"}, True, "Rec.2100-HLG - Display"),
        ({"video:transfer": "bt709", "video:primaries": "bt709"}, True, "Gamma 2.4 Encoded Rec.709"),
        ({"video:transfer": "bt2020-10", "video:primaries": "bt2020"}, True, "Rec.1886 Rec.2020 - Display"),
        ({"video:transfer": "linear", "video:primaries": "bt2020"}, True, "Linear Rec.2020"),
        ({"ICCProfile:profile_description": "sRGB IEC61966-2.1"}, True, "sRGB Encoded Rec.709 (sRGB)"),
        ({"ICCProfile:profile_description": "Display P3"}, True, "sRGB Encoded P3-D65"),
        ({"dpx:Transfer": "ITU-R 709-4"}, True, "Gamma 2.4 Encoded Rec.709"),
        ({"chromaticities": AP1}, False, "ACEScg"),
        ({"chromaticities": CHROMATICITIES["ap0"]}, False, "ACES2065-1"),
        ({"chromaticities": np.array(CHROMATICITIES["rec2020"], np.float32)}, False, "Linear Rec.2020"),
        ({"chromaticities": CHROMATICITIES["p3d65"]}, False, "Linear P3-D65"),
    ],
)
def test_a_tag_that_can_be_trusted_is_followed(
    color: ColorConfig, metadata: dict[str, Any], is_integer: bool, name: str
) -> None:
    found = color.decide_plate_space(None, metadata, is_integer)
    assert (found.name, found.is_guess) == (name, False)


@pytest.mark.parametrize(
    ("metadata", "is_integer", "name", "reason"),
    [
        ({}, False, "ACEScg", "scene_linear"),
        ({}, True, "sRGB Encoded Rec.709 (sRGB)", "sRGB"),
        ({"video:transfer": "unknown"}, True, "Gamma 2.4 Encoded Rec.709", "movie"),
        ({"video:transfer": "linear", "video:primaries": "smpte431"}, True, "Gamma 2.4 Encoded Rec.709", "no space"),
        ({"video:transfer": "log_sqrt"}, True, "Gamma 2.4 Encoded Rec.709", "log_sqrt"),
        ({"chromaticities": REC709}, False, "Linear Rec.709 (sRGB)", "know nothing"),
        ({"chromaticities": (0.1,) * 8}, False, "ACEScg", "no space"),
        ({"chromaticities": (0.0,) * 8}, False, "ACEScg", "no space"),
        ({"chromaticities": AP1}, True, "sRGB Encoded Rec.709 (sRGB)", "sRGB"),
        ({"dpx:Transfer": "Printing density"}, True, "ACEScct", "whose log"),
        ({"dpx:Transfer": "Linear"}, True, "ACEScg", "primaries"),
        ({"dpx:Transfer": "Unspecified video"}, True, "Gamma 2.4 Encoded Rec.709", "which video"),
        ({"ICCProfile": np.zeros(8, np.uint8)}, True, "sRGB Encoded Rec.709 (sRGB)", "not applied"),
        ({"colorInteropID": "unknown"}, False, "ACEScg", "no tag"),
        ({"colorInteropID": "made_up_name"}, False, "ACEScg", "no tag"),
        ({"oiio:ColorSpace": "lin_rec709"}, False, "ACEScg", "no tag"),
        ({"CICP": 7, "chromaticities": "none", "colorInteropID": 3}, False, "ACEScg", "no tag"),
        ({"CICP": (1, 2), "chromaticities": (float("nan"),) * 8}, False, "ACEScg", "no tag"),
        ({"chromaticities": (1e30,) * 8}, False, "ACEScg", "no space"),
    ],
)
def test_what_nothing_trustworthy_says_is_a_guess_with_a_reason(
    color: ColorConfig, metadata: dict[str, Any], is_integer: bool, name: str, reason: str
) -> None:
    found = color.decide_plate_space(None, metadata, is_integer)
    assert (found.name, found.is_guess) == (name, True)
    assert reason in found.reason


@pytest.mark.parametrize("config", ["studio-config-v1.0.0_aces-v1.3_ocio-v2.1", "cg-config-v4.0.0_aces-v2.0_ocio-v2.5"])
def test_other_configs_are_asked_by_their_own_names(config: str) -> None:
    color = ColorConfig.load(config)
    assert color.decide_plate_space(None, MOVIE, is_integer=True).name == "Rec.2100-PQ - Display"
    assert "sRGB" in color.decide_plate_space(None, {}, is_integer=True).name
    assert color.decide_plate_space(None, {"chromaticities": AP1}).name == "ACEScg"


def test_a_tag_for_which_the_config_has_no_space_is_named(color: ColorConfig) -> None:
    newer = ColorConfig.load("studio-config-v4.0.0_aces-v2.0_ocio-v2.5")
    tag = {"video:transfer": "bt2020-10", "video:primaries": "bt2020"}
    found = newer.decide_plate_space(None, tag, is_integer=True)
    assert found.is_guess
    assert "bt2020-10, bt2020 in the stream, for which the config has no space" in found.reason


def test_the_exr_file_rule_is_never_asked(color: ColorConfig) -> None:
    assert color.config.getColorSpaceFromFilepath("plate.1001.exr")[0] == "ACES2065-1"
    assert color.decide_plate_space(None, {}).name == "ACEScg"


@pytest.mark.parametrize(
    ("said", "bits", "losses"),
    [
        ("ACEScg", 0, ()),
        ("ARRI LogC4", 0, ()),
        ("ARRI LogC4", 10, ("10-bit integers: light above 469.8 or below -0.018",)),
        ("sRGB - Texture", 8, ("8-bit integers: light above 1 or below 0", "bands", "display-referred")),
        ("Rec.2100-PQ - Display", 10, ("light above 100 or below 0 ", "1.0 is 100 nits")),
        ("CanonLog3 CinemaGamut D55", 0, ("results below", "results above")),
        ("ACEScc", 0, ("results below 0 are clipped",)),
        ("Raw", 0, ("no colour space",)),
    ],
)
def test_what_is_lost_is_said(color: ColorConfig, said: str, bits: int, losses: tuple[str, ...]) -> None:
    found = color.decide_plate_space(said, {"oiio:BitsPerSample": bits} if bits else {}, bits > 0)
    assert len(found.losses) == len(losses)
    for wanted, sentence in zip(losses, found.losses, strict=True):
        assert wanted in sentence


def test_a_decision_is_plain_values(color: ColorConfig) -> None:
    found = color.decide_plate_space(None, MOVIE, is_integer=True)
    assert json.loads(json.dumps(found.to_json())) == {
        "name": "Rec.2100-PQ - Display",
        "reason": "tagged smpte2084, bt2020 in the stream",
        "is_guess": False,
        "losses": list(found.losses),
    }
