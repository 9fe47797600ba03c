"""Scores: known differences give known numbers, and layers count as what they show over the plate."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from understudy.errors import BrokenFrameError, MissingFrameError, PlateError, SettingsError
from understudy.geometry import Box
from understudy.plates import Frame, read_frame, write_frame
from understudy.synthetic.score import HIGHEST_PSNR, score_sequence, ssim_map, top_octave_of

WIDTH, HEIGHT, NUMBERS = 48, 40, (1001, 1002, 1003)
FACE = Box(12, 8, 36, 32)
LAYER = ("R", "G", "B", "A", "face.A")


def write_sequence(folder: Path, pictures: list[np.ndarray], channels: tuple[str, ...] | None = None) -> str:
    for number, picture in zip(NUMBERS, pictures, strict=True):
        frame = Frame.of(picture, channels)
        write_frame(folder / f"{folder.name}.{number}.exr", replace(frame, float_channels=frozenset(frame.channels)))
    return str(folder / f"{folder.name}.####.exr")


def pictures_of(pattern_folder: Path) -> list[np.ndarray]:
    return [read_frame(path).pixels for path in sorted(pattern_folder.glob("*.exr"))]


@pytest.fixture
def small_set(tmp_path: Path) -> Path:
    """A set of noise: grey truth with a highlight of 20, another plate, and a square face."""
    rng = np.random.default_rng(1)
    folder = tmp_path / "set"
    truth = [rng.uniform(0.1, 0.3, (HEIGHT, WIDTH, 3)).astype(np.float32) for _ in NUMBERS]
    for picture in truth:
        picture[18:20, 22:24] = 20
    matte = np.zeros((HEIGHT, WIDTH), np.float32)
    matte[FACE.top : FACE.bottom, FACE.left : FACE.right] = 1
    write_sequence(folder / "truth", truth)
    write_sequence(folder / "plate", [picture + rng.uniform(0, 0.2) for picture in truth])
    write_sequence(folder / "matte", [matte] * 3)
    (folder / "truth.json").write_text("{}")
    return folder


def test_the_truth_scores_as_equal(small_set: Path) -> None:
    score = score_sequence(small_set / "truth/truth.####.exr", small_set)
    assert (score.psnr_training, score.ssim_training) == (HIGHEST_PSNR, 1.0)
    assert (score.hdr_relative_error, score.flicker, score.matte_iou) == (0, 0, None)
    assert score.frames == 3 and score.completed


def test_the_plate_as_a_result_has_the_numbers_of_the_plate(small_set: Path) -> None:
    score = score_sequence(small_set / "plate/plate.####.exr", small_set)
    assert vars(score.plate).items() <= vars(score).items()
    assert score.gain_db == 0
    assert score.psnr_training is not None and score.psnr_training < 40


def test_a_score_is_json_without_infinity(small_set: Path) -> None:
    values = score_sequence(small_set / "truth/truth.####.exr", small_set).to_json()
    assert json.loads(json.dumps(values, allow_nan=False)) == values
    assert values["gain_db"] == values["psnr_training"] - values["plate"]["psnr_training"]


def test_one_stop_more_everywhere_is_a_known_psnr(small_set: Path, tmp_path: Path) -> None:
    truth = pictures_of(small_set / "truth")
    result = write_sequence(tmp_path / "bright", [2 * picture for picture in truth])
    score = score_sequence(result, small_set)
    assert score.psnr_training == pytest.approx(-20 * np.log10(0.0715897), abs=0.6)  # a stop, less the curve's toe
    assert score.hdr_relative_error == pytest.approx(1, rel=1e-4)


def test_softness_shows_in_the_top_octave_and_noise_too(small_set: Path, tmp_path: Path) -> None:
    truth = pictures_of(small_set / "truth")
    soft = [cv2.GaussianBlur(picture, (0, 0), 1.0) for picture in truth]
    noisy = [picture * np.exp(np.random.default_rng(2).normal(0, 0.3, picture.shape)) for picture in truth]
    shares = [
        score_sequence(write_sequence(tmp_path / name, pictures), small_set).top_octave
        for name, pictures in {
            "same": truth,
            "soft": soft,
            "noisy": [each.astype(np.float32) for each in noisy],
        }.items()
    ]
    assert shares[0] == 1
    assert shares[1] is not None and shares[1] < 0.2
    assert shares[2] is not None and shares[2] > 1.2


def test_the_top_octave_is_what_half_as_many_pixels_cannot_show() -> None:
    def energy(period_px: float) -> float:
        wave = np.sin(2 * np.pi * np.arange(256) / period_px).astype(np.float32)
        picture = np.repeat(np.tile(wave, (8, 1))[..., None], 3, axis=2)
        return float((top_octave_of(picture)[:, 16:-16] ** 2).mean() / (picture[:, 16:-16] ** 2).mean())

    assert energy(2.5) > 0.9 and energy(4) > 0.5 and energy(8) < 0.1 and energy(32) < 1e-3


def test_clipped_highlights_show_only_in_the_hdr_error(small_set: Path, tmp_path: Path) -> None:
    clipped = [np.minimum(picture, 1) for picture in pictures_of(small_set / "truth")]
    score = score_sequence(write_sequence(tmp_path / "clipped", clipped), small_set)
    assert score.hdr_relative_error == pytest.approx(0.95, abs=1e-4)
    assert score.psnr_training is not None and score.psnr_training > 30


def test_without_highlights_there_is_no_hdr_error(small_set: Path) -> None:
    write_sequence(small_set / "truth", [np.minimum(picture, 1) for picture in pictures_of(small_set / "truth")])
    assert score_sequence(small_set / "plate/plate.####.exr", small_set).hdr_relative_error is None


def test_flicker_sees_a_change_but_not_a_constant_error(small_set: Path, tmp_path: Path) -> None:
    truth = [np.full((HEIGHT, WIDTH, 3), 0.18, np.float32)] * 3
    write_sequence(small_set / "truth", truth)
    steady = write_sequence(tmp_path / "steady", [2 * picture for picture in truth])
    jumping = write_sequence(tmp_path / "jumping", [truth[0], 2 * truth[1], truth[2]])
    assert score_sequence(steady, small_set).flicker == 0
    assert score_sequence(jumping, small_set).flicker == pytest.approx(0.0715897, rel=0.1)


def test_pixels_outside_the_face_do_not_count(small_set: Path, tmp_path: Path) -> None:
    truth = pictures_of(small_set / "truth")
    far = FACE.grown(6)
    for picture in truth:
        picture[: far.top] = 7
        picture[:, far.right :] = -1
    score = score_sequence(write_sequence(tmp_path / "result", truth), small_set)
    assert (score.psnr_training, score.ssim_training, score.flicker) == (HIGHEST_PSNR, 1.0, 0.0)


def layer_and_composite(small_set: Path) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Premultiplied layers (height, width, 5) of a swapped face with a soft edge, and the same over the plate."""
    rng = np.random.default_rng(2)
    alpha = np.zeros((HEIGHT, WIDTH, 1), np.float32)
    alpha[10:32, 12:34] = 0.5
    alpha[12:30, 14:32] = 1
    layers, composites = [], []
    for plate in pictures_of(small_set / "plate"):
        face = rng.uniform(0, 0.5, plate.shape).astype(np.float32) * alpha
        layers.append(np.dstack([face, alpha, alpha]))
        composites.append(face + (1 - alpha) * plate)
    return layers, composites


def test_a_layer_and_its_composite_score_the_same(small_set: Path, tmp_path: Path) -> None:
    layers, composites = layer_and_composite(small_set)
    layer = score_sequence(write_sequence(tmp_path / "layer", layers, LAYER), small_set)
    composite = score_sequence(write_sequence(tmp_path / "composite", composites), small_set)
    assert replace(layer, matte_iou=None) == composite
    assert layer.matte_iou is not None and 0.5 < layer.matte_iou < 1


def test_a_layer_as_small_as_the_face_scores_like_a_whole_one(small_set: Path, tmp_path: Path) -> None:
    layers, _ = layer_and_composite(small_set)
    whole = score_sequence(write_sequence(tmp_path / "whole", layers, LAYER), small_set)
    for number, layer in zip(NUMBERS, layers, strict=True):
        frame = Frame.of(layer, LAYER)
        small = replace(frame, pixels=layer[10:32, 12:34].copy(), data_window=Box(12, 10, 34, 32))
        write_frame(tmp_path / f"small/small.{number}.exr", replace(small, float_channels=frozenset(LAYER)))
    assert score_sequence(tmp_path / "small/small.####.exr", small_set) == whole


def test_an_empty_layer_is_the_plate(small_set: Path, tmp_path: Path) -> None:
    for number in NUMBERS:
        empty = Frame.of(np.zeros((1, 1, 5)), LAYER)
        write_frame(tmp_path / f"empty.{number}.exr", replace(empty, display_window=Box(0, 0, WIDTH, HEIGHT)))
    score = score_sequence(tmp_path / "empty.####.exr", small_set)
    assert replace(score, matte_iou=None).psnr_training == score.plate.psnr_training
    assert score.matte_iou == 0


def test_a_composite_with_the_exact_matte_in_alpha_has_an_iou_of_1(small_set: Path, tmp_path: Path) -> None:
    truth, matte = pictures_of(small_set / "truth"), pictures_of(small_set / "matte")
    result = [np.dstack(pair) for pair in zip(truth, matte, strict=True)]
    score = score_sequence(write_sequence(tmp_path / "result", result), small_set)
    assert (score.psnr_training, score.matte_iou) == (HIGHEST_PSNR, 1.0)


def test_the_face_matte_counts_before_alpha(small_set: Path, tmp_path: Path) -> None:
    layers, _ = layer_and_composite(small_set)
    for layer, matte in zip(layers, pictures_of(small_set / "matte"), strict=True):
        layer[..., 4] = matte[..., 0]
    assert score_sequence(write_sequence(tmp_path / "layer", layers, LAYER), small_set).matte_iou == 1


def test_a_missing_frame_is_named(small_set: Path) -> None:
    (small_set / "truth/truth.1002.exr").rename(small_set / "gone.exr")
    with pytest.raises(MissingFrameError, match="lacks frame 1002"):
        score_sequence(small_set / "truth/truth.####.exr", small_set)


def test_another_display_window_is_refused(small_set: Path, tmp_path: Path) -> None:
    result = write_sequence(tmp_path / "large", [np.ones((HEIGHT, WIDTH + 2, 3))] * 3)
    with pytest.raises(PlateError, match=r"display window of frame 1001 of .* is 50x40 .* plate's is 48x40"):
        score_sequence(result, small_set)


def test_values_that_are_no_numbers_are_refused(small_set: Path, tmp_path: Path) -> None:
    truth = pictures_of(small_set / "truth")
    truth[1][20, 20, 1] = np.nan
    with pytest.raises(BrokenFrameError, match=r"result\.1002\.exr holds values that are no numbers"):
        score_sequence(write_sequence(tmp_path / "result", truth), small_set)


def test_a_folder_without_a_set_is_refused(small_set: Path) -> None:
    (small_set / "truth.json").unlink()
    with pytest.raises(SettingsError, match="holds no finished benchmark set"):
        score_sequence(small_set / "truth/truth.####.exr", small_set)


def test_a_set_without_a_face_is_refused(small_set: Path) -> None:
    write_sequence(small_set / "matte", [np.zeros((HEIGHT, WIDTH))] * 3)
    with pytest.raises(SettingsError, match="No face is seen"):
        score_sequence(small_set / "truth/truth.####.exr", small_set)


def test_a_frame_whose_face_is_hidden_is_left_out(small_set: Path) -> None:
    mattes = pictures_of(small_set / "matte")
    mattes[1][:] = 0
    write_sequence(small_set / "matte", mattes)
    score = score_sequence(small_set / "plate/plate.####.exr", small_set)
    assert score.psnr_training is not None and score.flicker is None


def test_scoring_stops_when_asked(small_set: Path) -> None:
    score = score_sequence(small_set / "truth/truth.####.exr", small_set, lambda progress: progress.done < 2)
    assert (score.frames, score.completed, score.psnr_training) == (2, False, HIGHEST_PSNR)


def test_ssim_is_that_of_scikit_image() -> None:
    metrics = pytest.importorskip("skimage.metrics")
    rng = np.random.default_rng(3)
    first = rng.uniform(0, 1, (40, 50, 3)).astype(np.float32)
    second = first + rng.normal(0, 0.1, first.shape).astype(np.float32)
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1.0}
    _, expected = metrics.structural_similarity(first, second, channel_axis=2, full=True, **settings)
    inner = np.s_[5:-5, 5:-5]
    np.testing.assert_allclose(ssim_map(first, second)[inner], expected[inner], atol=1e-5)
