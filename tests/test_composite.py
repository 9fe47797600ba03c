from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.faces.conftest import made_up_landmarks
from tests.synthetic.conftest import TARGET
from understudy import cryptomatte
from understudy.color import ColorConfig, TrainingSpace
from understudy.composite import (
    LAYER_CHANNELS,
    PlacedFace,
    composite_face,
    crop_picture,
    crypto_layers,
    empty_layers,
    layers_of,
    place_face,
)
from understudy.faces.alignment import align_face, native_px
from understudy.faces.crop import SwappedFace, crop_face
from understudy.faces.face import Face
from understudy.geometry import Box, apply_transform, compose, crop_from_aligned
from understudy.plates import Frame, read_frame, write_frame
from understudy.synthetic.camera import Camera
from understudy.synthetic.performer import make_performer
from understudy.synthetic.render import COLOR_SPACE, Take, render_shot


@pytest.fixture
def plate() -> Frame:
    pixels = np.random.default_rng(5).uniform(-0.1, 2, (200, 220, 4)).astype(np.float32)
    return Frame(pixels, ("R", "G", "B", "A"), Box(-10, -5, 210, 195), Box(0, 0, 192, 180), 1.0, {"reelName": "A1"})


@pytest.fixture
def swapped() -> SwappedFace:
    face = Face(7, (made_up_landmarks() - 0.5) * 120 + (100.4, 90.2), np.zeros(478, np.float32), 0.8)
    alignment = align_face(face)
    pixels = np.full((128, 128, 3), 1.0, np.float32) * np.array([3.0, 0.5, -0.05], np.float32)
    return SwappedFace(pixels, alignment, compose(crop_from_aligned(128), alignment.aligned_from_plate))


def placed_in(frame: Frame, swapped: SwappedFace) -> PlacedFace:
    placed = place_face(swapped, frame)
    assert placed is not None
    return placed


def test_pixels_outside_the_matte_are_the_plates_own_bits(
    plate: Frame, swapped: SwappedFace, color: ColorConfig
) -> None:
    layers = layers_of(placed_in(plate, swapped), plate, "ACEScg", color, {})
    comp = composite_face(layers, plate, "ACEScg", color, {})
    changed = (comp.pixels != plate.pixels).any(axis=2)
    matte = np.zeros(plate.pixels.shape[:2], np.float32)
    matte[layers.data_window.slices(plate.data_window)] = layers.channel("A")
    assert changed.any()
    assert not changed[matte == 0].any()


def test_inside_the_core_a_composite_is_the_swapped_face(
    plate: Frame, swapped: SwappedFace, color: ColorConfig
) -> None:
    layers = layers_of(placed_in(plate, swapped), plate, "ACEScg", color, {})
    comp = composite_face(layers, plate, "ACEScg", color, {})
    np.testing.assert_allclose(comp.rgb()[95, 110], [3.0, 0.5, -0.05], rtol=1e-3)
    assert comp.channel("A")[95, 110] == 1


@pytest.mark.parametrize("kind", ["half", "float", "layer", "no alpha"])
def test_over_of_the_files_is_exactly_the_composites_file(
    plate: Frame, swapped: SwappedFace, color: ColorConfig, tmp_path: Path, kind: str
) -> None:
    layer = "beauty" if kind == "layer" else None
    channels = {"layer": tuple(f"beauty.{name}" for name in "RGBA"), "no alpha": ("R", "G", "B")}
    names = channels.get(kind, plate.channels)
    frame = replace(plate, pixels=plate.pixels[..., : len(names)], channels=names)
    frame = replace(frame, float_channels=frozenset(names) if kind == "float" else frozenset())
    write_frame(tmp_path / "plate.exr", frame)
    frame = read_frame(tmp_path / "plate.exr")
    layers = layers_of(placed_in(frame, swapped), frame, "ACEScg", color, {})
    write_frame(tmp_path / "face.exr", layers)
    write_frame(tmp_path / "comp.exr", composite_face(layers, frame, "ACEScg", color, {}, layer))
    face, comp = read_frame(tmp_path / "face.exr"), read_frame(tmp_path / "comp.exr")

    front = np.zeros((*frame.pixels.shape[:2], 4), np.float32)
    front[face.data_window.slices(frame.data_window)] = face.layer(("R", "G", "B", "A"))
    wanted = tuple(f"{layer}.{name}" if layer else name for name in "RGBA"[: len(names)])
    over = front[..., : len(names)] + frame.layer(wanted) * (1 - front[..., 3:])
    stored = over if kind == "float" else over.astype(np.float16).astype(np.float32)
    assert (front[..., 3] > 0).sum() > 1000
    np.testing.assert_array_equal(comp.layer(wanted), stored)


def test_a_face_that_was_unpremultiplied_and_premultiplied_again_gives_the_composite_within_a_step_of_half(
    plate: Frame, swapped: SwappedFace, color: ColorConfig
) -> None:
    textured = replace(swapped, pixels=np.random.default_rng(1).uniform(0, 9, (128, 128, 3)).astype(np.float32))
    layers = layers_of(placed_in(plate, textured), plate, "ACEScg", color, {})
    matte = layers.layer(("A",))
    straight = np.divide(layers.rgb(), matte, out=np.zeros_like(layers.rgb()), where=matte > 0)
    view = layers.data_window.slices(plate.data_window)
    over = straight * matte + plate.pixels[view][..., :3] * (1 - matte)
    comp = composite_face(layers, plate, "ACEScg", color, {}).rgb()[view]
    stored = comp.astype(np.float16)
    step = np.spacing(np.abs(stored)).astype(np.float32)
    difference = np.abs(over.astype(np.float16).astype(np.float32) - stored.astype(np.float32))
    assert (difference <= step).all() and (difference > 0).mean() < 1e-3


def test_infinite_and_missing_numbers_of_a_plate_stay_outside_and_vanish_under_the_face(
    plate: Frame, swapped: SwappedFace, color: ColorConfig
) -> None:
    pixels = plate.pixels.copy()
    pixels[2, 3, 0], pixels[2, 4, 1] = np.inf, np.nan
    pixels[95, 110, 0], pixels[95, 111, 1] = np.inf, np.nan
    frame = replace(plate, pixels=pixels)
    layers = layers_of(placed_in(frame, swapped), frame, "ACEScg", color, {})
    comp = composite_face(layers, frame, "ACEScg", color, {})
    np.testing.assert_array_equal(comp.pixels[2].view(np.uint32), frame.pixels[2].view(np.uint32))
    np.testing.assert_allclose(comp.rgb()[95, 110:112], [[3.0, 0.5, -0.05]] * 2, rtol=1e-3)


@pytest.mark.parametrize("space", ["ARRI LogC4", "sRGB - Texture"])
def test_what_is_not_scene_linear_gets_its_results_in_the_working_space(
    plate: Frame, swapped: SwappedFace, color: ColorConfig, space: str
) -> None:
    codes = replace(plate, pixels=np.clip(plate.pixels, 0, 1))
    layers = layers_of(placed_in(codes, swapped), codes, space, color, {})
    comp = composite_face(layers, codes, space, color, {})
    light = color.to_working(codes.rgb(), space)
    over = light.copy()
    view = layers.data_window.slices(codes.data_window)
    over[view] = layers.rgb() + light[view] * (1 - layers.layer(("A",)))
    np.testing.assert_array_equal(comp.rgb(), over)
    for picture in (layers, comp):
        assert picture.metadata["understudy/colorspace"] == "ACEScg"
        assert picture.metadata["understudy/plateColorspace"] == color.space(space)
        assert picture.metadata["colorInteropID"] == "lin_ap1_scene"


def test_a_scene_linear_plate_keeps_its_space_and_a_stale_tag_does_not(
    plate: Frame, swapped: SwappedFace, color: ColorConfig
) -> None:
    stale = {"colorInteropID": "srgb_rec709_scene", "chromaticities": (0.6,) * 8, "lensModel": "T/1"}
    frame = replace(plate, metadata=stale)
    rec709 = layers_of(placed_in(frame, swapped), frame, "lin_rec709_scene", color, {})
    red = color.converted(np.array([[[3.0, 0.5, -0.05]]], np.float32), "ACEScg", "lin_rec709_scene")
    np.testing.assert_allclose(rec709.rgb()[60, 60], red[0, 0], rtol=2e-3, atol=1e-3)
    assert rec709.metadata["colorInteropID"] == "lin_rec709_scene"
    assert rec709.metadata["lensModel"] == "T/1" and "chromaticities" not in rec709.metadata
    awg = composite_face(rec709, frame, "Linear ARRI Wide Gamut 4", color, {})
    assert "colorInteropID" not in awg.metadata


def test_a_grey_plate_gets_a_grey_composite(plate: Frame, swapped: SwappedFace, color: ColorConfig) -> None:
    grey = replace(plate, pixels=plate.pixels[..., :1], channels=("Y",))
    layers = layers_of(placed_in(grey, swapped), grey, "ACEScg", color, {})
    comp = composite_face(layers, grey, "ACEScg", color, {})
    assert comp.channels == ("Y",)
    assert comp.channel("Y")[95, 110] == pytest.approx((3.0 + 0.5 - 0.05) / 3, rel=1e-3)
    np.testing.assert_array_equal(comp.pixels[:10], grey.pixels[:10])


def test_layers_are_as_large_as_the_face_and_named_as_documented(
    plate: Frame, swapped: SwappedFace, color: ColorConfig, tmp_path: Path
) -> None:
    wide = replace(plate, pixel_aspect=2.0)
    layers = layers_of(placed_in(wide, swapped), wide, "ACEScg", color, {"understudy/frame": 7}, with_st=True)
    write_frame(tmp_path / "a.exr", layers)
    back = read_frame(tmp_path / "a.exr")
    assert set(back.channels) == {*LAYER_CHANNELS, "st.U", "st.V"}
    assert (back.display_window, back.pixel_aspect) == (plate.display_window, 2.0)
    assert back.data_window.width < 120 and back.data_window.height < 120
    assert back.metadata["reelName"] == "A1" and back.metadata["understudy/frame"] == 7
    assert back.float_channels == {"st.U", "st.V"}
    np.testing.assert_array_equal(back.layer(LAYER_CHANNELS[:5]), layers.layer(LAYER_CHANNELS[:5]))
    np.testing.assert_array_equal(back.channel("face.A"), back.channel("A"))


def test_the_st_map_says_where_each_pixel_lies_in_the_crop(
    plate: Frame, swapped: SwappedFace, color: ColorConfig
) -> None:
    layers = layers_of(placed_in(plate, swapped), plate, "ACEScg", color, {}, with_st=True)
    box = layers.data_window
    x, y = apply_transform(swapped.crop_from_plate, [[box.left + 10.5, box.top + 20.5]])[0]
    assert layers.channel("st.U")[20, 10] == pytest.approx(x / 128, abs=1e-5)
    assert layers.channel("st.V")[20, 10] == pytest.approx(1 - y / 128, abs=1e-5)


def test_the_unblended_crop_says_how_to_put_it_back(
    plate: Frame, swapped: SwappedFace, color: ColorConfig, tmp_path: Path
) -> None:
    write_frame(tmp_path / "crop.exr", crop_picture(swapped, plate, "ACEScg", color, {"understudy/frame": 7}))
    back = read_frame(tmp_path / "crop.exr")
    numbers = np.array([float(word) for word in back.metadata["understudy/cropFromPlate"].split()])
    np.testing.assert_allclose(numbers.reshape(2, 3), swapped.crop_from_plate, rtol=1e-11)
    assert back.pixels.shape == (128, 128, 3)
    assert back.metadata["reelName"] == "A1" and back.metadata["understudy/colorspace"] == "ACEScg"


def test_a_cryptomatte_covers_what_the_matte_covers(
    plate: Frame, swapped: SwappedFace, color: ColorConfig, tmp_path: Path
) -> None:
    layers = layers_of(placed_in(plate, swapped), plate, "ACEScg", color, {})
    write_frame(tmp_path / "crypto.exr", crypto_layers(layers, plate, "anna", {"understudy/frame": 7}))
    back = read_frame(tmp_path / "crypto.exr")
    assert back.data_window == layers.data_window and back.float_channels == set(cryptomatte.CHANNELS)
    np.testing.assert_array_equal(back.channel("CryptoIdentity00.g"), layers.channel("face.A"))
    numbers = np.unique(back.channel("CryptoIdentity00.r").copy().view(np.uint32))
    assert set(numbers.tolist()) == {0, cryptomatte.id_of("anna")}
    assert back.layer(cryptomatte.CHANNELS[2:]).max() == 0


def test_a_face_beside_the_plate_is_not_placed(plate: Frame, swapped: SwappedFace) -> None:
    far = replace(plate, data_window=Box(1000, 1000, 1220, 1200))
    assert place_face(swapped, far) is None


@pytest.mark.parametrize("left", [-10, 50])
def test_a_frame_without_face_has_an_empty_result_and_its_own_composite(
    plate: Frame, color: ColorConfig, left: int
) -> None:
    frame = replace(plate, data_window=Box(left, -5, left + 220, 195))
    empty = empty_layers(frame, "ACEScg", color, {})
    assert empty.pixels.max() == 0
    comp = composite_face(empty, frame, "ACEScg", color, {})
    np.testing.assert_array_equal(comp.pixels, frame.pixels)


def test_a_face_in_a_layer_leaves_the_root_alone(swapped: SwappedFace, color: ColorConfig) -> None:
    pixels = np.random.default_rng(5).uniform(0, 2, (200, 220, 6)).astype(np.float32)
    window = Box(0, 0, 220, 200)
    frame = Frame(pixels, ("R", "G", "B", "beauty.R", "beauty.G", "beauty.B"), window, window)
    layers = layers_of(placed_in(frame, swapped), frame, "ACEScg", color, {})
    comp = composite_face(layers, frame, "ACEScg", color, {}, layer="beauty")
    np.testing.assert_array_equal(comp.rgb(), frame.rgb())
    assert (comp.rgb("beauty") != frame.rgb("beauty")).any()


def test_a_crop_put_back_at_native_scale_is_the_plate_to_50_db(color: ColorConfig, cache_folder: Path) -> None:
    """A synthetic head with pores and highlights, through an identity model, inside the core matte."""
    size = (1024, 1024)
    take = Take(1, 0, size, Camera.framing(size, 1.0, 0.5, 0.47), occluder=False)
    picture = next(iter(render_shot(make_performer(TARGET, cache_folder=cache_folder), take, [3])))
    alignment = align_face(Face(1, picture.landmarks_plate, picture.landmark_depth, 1.0))
    plate = Frame.of(picture.pixels)
    side = round(native_px(alignment.aligned_from_plate))
    crop = crop_face(plate, COLOR_SPACE, color, alignment, side)
    placed = place_face(SwappedFace(crop.pixels, alignment, crop.crop_from_plate), plate)
    seen = color.ap1_from_working(color.to_working(plate.rgb()[placed.box.slices(plate.data_window)], COLOR_SPACE))
    training = TrainingSpace.normalising(crop.face_rgb, white_balance=True)
    error = (training.encode(placed.pixels) - training.encode(seen))[placed.mattes.core == 1]
    assert len(error) > 50_000 and seen.max() > 5
    assert -10 * np.log10(np.mean(error.astype(np.float64) ** 2)) > 50
