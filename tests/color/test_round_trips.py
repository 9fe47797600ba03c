"""Every space of the studio configs gives light back, as far as it can hold it."""

from __future__ import annotations

import numpy as np
import PyOpenColorIO as ocio  # noqa: N813
import pytest

from understudy.color import ColorConfig, TrainingSpace

CONFIGS = ("studio-config-v2.2.0_aces-v1.3_ocio-v2.4", "studio-config-v4.0.0_aces-v2.0_ocio-v2.5")
HELD = {
    "ACEScc": (0.0, None),
    "ADX10": (0.0, None),
    "ADX16": (0.0, None),
    "Apple Log": (-0.05, None),
    "CanonLog2 CinemaGamut D55": (-0.014, 55.0),
    "CanonLog3 CinemaGamut D55": (-0.07, 14.0),
}
"""What the few spaces that have ends hold: working-space greys."""


def spaces_of(name: str) -> list[str]:
    config = ocio.Config.CreateFromBuiltinConfig(name)
    names = config.getColorSpaceNames(ocio.SEARCH_REFERENCE_SPACE_ALL, ocio.COLORSPACE_ALL)
    return [space for space in names if not config.getColorSpace(space).isData()]


ALL = [(name, space) for name in CONFIGS for space in spaces_of(name)]


def light() -> np.ndarray:
    """(1, N, 3) float32: greys, and colours of every saturation, some negative in one channel; 0.00001 to 1000."""
    random = np.random.default_rng(1)
    level = np.geomspace(1e-5, 1000, 1500)[:, None]
    colours = random.uniform(0, 1, (1500, 3)) ** 3
    strong = random.uniform(-0.3, 1, (1500, 3))
    return np.concatenate([level + np.zeros(3), level * colours, level * strong, -level[:900] * colours[:900]])[
        None
    ].astype(np.float32)


def greys(low: float, high: float | None) -> np.ndarray:
    values = np.concatenate([np.linspace(low, 0, 50), np.geomspace(1e-5, high or 1000, 500)]).astype(np.float32)
    return np.repeat(values[:, None], 3, axis=1)[None]


def assert_same_light(back: np.ndarray, sent: np.ndarray) -> None:
    """Within 1e-5 of a pixel's brightest channel from 0.001 on, and within 1e-6 below."""
    brightest = np.abs(sent).max(axis=-1)
    error = np.abs(back - sent).max(axis=-1)
    assert np.isfinite(back).all()
    assert (error[brightest >= 1e-3] / brightest[brightest >= 1e-3]).max() <= 1e-5
    assert error[brightest < 1e-3].max() <= 1e-6


@pytest.mark.parametrize(("name", "space"), ALL)
def test_a_space_and_back_return_the_same_light(name: str, space: str) -> None:
    color = ColorConfig.load(name)
    sent = greys(*HELD[space]) if space in HELD else light()
    back = color.to_working(color.converted(sent, color.working, space), space)
    assert_same_light(back, sent)


@pytest.mark.parametrize(("name", "space"), ALL)
def test_what_a_space_holds_is_measured(name: str, space: str) -> None:
    low, high = ColorConfig.load(name).held_range(space)
    expected = HELD.get(space, (None, None))
    assert (low is None, high is None) == (expected[0] is None, expected[1] is None)
    if low is not None and expected[0] is not None:
        assert low == pytest.approx(expected[0], rel=0.3, abs=1e-3)
    if high is not None and expected[1] is not None:
        assert high == pytest.approx(expected[1], rel=0.3)


@pytest.mark.parametrize("space", ["ACEScg", "ARRI LogC4", "S-Log3 S-Gamut3.Cine", "Rec.2100-PQ - Display"])
def test_the_whole_way_to_codes_and_back_returns_the_same_light(color: ColorConfig, space: str) -> None:
    plate = color.converted(light(), color.working, space)
    training = TrainingSpace((1.0, 0.8, 1.4))
    codes = training.encode(color.ap1_from_working(color.to_working(plate, space)))
    back = color.converted(color.working_from_ap1(training.decode(codes)), color.working, space)
    assert_same_light(color.to_working(back, space), color.to_working(plate, space))


def test_a_video_signal_is_the_light_that_its_display_shows(color: ColorConfig) -> None:
    def grey(space: str, code: float) -> float:
        return float(color.to_working(np.full((1, 1, 3), code, np.float32), space).mean())

    # BT.2408: reference white of 203 nits is 58 % of PQ, and 75 % of HLG on a display of 1000 nits
    assert grey("Rec.2100-PQ - Display", 0.58) == pytest.approx(2.03, rel=0.01)
    assert grey("Rec.2100-HLG - Display", 0.75) == pytest.approx(2.03, rel=0.01)
    assert grey("Rec.2100-HLG - Display", 1.0) == pytest.approx(10.0, rel=1e-3)
    assert grey("Rec.1886 Rec.709 - Display", 0.5) == pytest.approx(0.5**2.4, rel=1e-5)
    assert grey("sRGB - Display", 0.5) == pytest.approx(((0.5 + 0.055) / 1.055) ** 2.4, rel=1e-5)


def test_a_configs_tone_mapping_is_never_asked(color: ColorConfig) -> None:
    changed = ocio.Config.CreateFromStream(color.config.serialize())
    changed.setDefaultViewTransformName("ACES 1.0 - SDR Video")
    signal = np.linspace(0, 1, 30, dtype=np.float32).reshape(1, 10, 3)
    toned = ColorConfig("changed", changed).to_working(signal, "sRGB - Display")
    np.testing.assert_array_equal(toned, color.to_working(signal, "sRGB - Display"))


def test_an_srgb_display_and_an_srgb_texture_are_one(color: ColorConfig) -> None:
    signal = np.linspace(0, 1, 30, dtype=np.float32).reshape(1, 10, 3)
    np.testing.assert_allclose(
        color.to_working(signal, "sRGB - Display"), color.to_working(signal, "sRGB - Texture"), rtol=1e-5, atol=1e-7
    )


@pytest.mark.parametrize("space", ["ARRI LogC4", "S-Log3 S-Gamut3", "DaVinci Intermediate WideGamut", "ACEScct"])
def test_a_logarithm_written_from_one_is_the_configs_own(color: ColorConfig, space: str) -> None:
    sent = light()
    own = sent.copy()
    processor = color.config.getProcessor("ACEScg", space)
    processor.getOptimizedCPUProcessor(ocio.OPTIMIZATION_LOSSLESS).applyRGB(own)
    np.testing.assert_allclose(color.converted(sent, "ACEScg", space), own, rtol=2e-6, atol=1e-6)
