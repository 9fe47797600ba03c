from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.faces.conftest import made_up_landmarks
from understudy.color import ColorConfig
from understudy.composite import LAYER_CHANNELS, composite_face, empty_layers, layers_of, place_face
from understudy.faces.alignment import align_face
from understudy.faces.crop import SwappedFace
from understudy.faces.face import Face
from understudy.geometry import Box, apply_transform, compose, crop_from_aligned
from understudy.plates import Frame, read_frame, write_frame


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


def test_pixels_outside_the_matte_are_the_plates_own_bits(
    plate: Frame, swapped: SwappedFace, color: ColorConfig
) -> None:
    placed = place_face(swapped, plate)
    comp = composite_face(placed, plate, "ARRI LogC4", color, {})
    changed = (comp.pixels != plate.pixels).any(axis=2)
    matte = np.zeros(plate.pixels.shape[:2], np.float32)
    matte[placed.box.slices(plate.data_window)] = placed.mattes.soft
    assert changed.any()
    assert not changed[matte == 0].any()


def test_inside_the_core_a_composite_is_the_swapped_face(
    plate: Frame, swapped: SwappedFace, color: ColorConfig
) -> None:
    comp = composite_face(place_face(swapped, plate), plate, "ACEScg", color, {})
    np.testing.assert_allclose(comp.rgb()[95, 110], [3.0, 0.5, -0.05], rtol=1e-3)
    np.testing.assert_array_equal(comp.channel("A"), plate.channel("A"))


def test_layers_over_the_plate_give_the_composite(plate: Frame, swapped: SwappedFace, color: ColorConfig) -> None:
    placed = place_face(swapped, plate)
    layers = layers_of(placed, plate, "ACEScg", color, {})
    over = plate.pixels[..., :3].copy()
    view = layers.data_window.slices(plate.data_window)
    over[view] = layers.rgb() + over[view] * (1 - layers.channel("A")[..., None])
    comp = composite_face(placed, plate, "ACEScg", color, {})
    np.testing.assert_allclose(over, comp.rgb(), atol=1e-5)


def test_layers_are_as_large_as_the_face_and_named_as_documented(
    plate: Frame, swapped: SwappedFace, color: ColorConfig, tmp_path
) -> None:
    layers = layers_of(place_face(swapped, plate), plate, "ACEScg", color, {"understudy/frame": 7}, with_st=True)
    write_frame(tmp_path / "a.exr", layers)
    back = read_frame(tmp_path / "a.exr")
    assert set(back.channels) == {*LAYER_CHANNELS, "st.U", "st.V"}
    assert back.display_window == plate.display_window
    assert back.data_window.width < 120 and back.data_window.height < 120
    assert back.metadata["reelName"] == "A1" and back.metadata["understudy/frame"] == 7
    assert back.float_channels == {"st.U", "st.V"}
    np.testing.assert_array_equal(back.channel("face.A"), back.channel("A"))


def test_the_st_map_says_where_each_pixel_lies_in_the_crop(
    plate: Frame, swapped: SwappedFace, color: ColorConfig
) -> None:
    layers = layers_of(place_face(swapped, plate), plate, "ACEScg", color, {}, with_st=True)
    box = layers.data_window
    x, y = apply_transform(swapped.crop_from_plate, [[box.left + 10.5, box.top + 20.5]])[0]
    assert layers.channel("st.U")[20, 10] == pytest.approx(x / 128, abs=1e-5)
    assert layers.channel("st.V")[20, 10] == pytest.approx(1 - y / 128, abs=1e-5)


def test_a_face_beside_the_plate_is_not_placed(plate: Frame, swapped: SwappedFace) -> None:
    far = replace(plate, data_window=Box(1000, 1000, 1220, 1200))
    assert place_face(swapped, far) is None


def test_a_frame_without_face_has_an_empty_result_and_its_own_composite(plate: Frame, color: ColorConfig) -> None:
    assert empty_layers(plate, {}).pixels.max() == 0
    comp = composite_face(None, plate, "ACEScg", color, {})
    np.testing.assert_array_equal(comp.pixels, plate.pixels)


def test_a_face_in_a_layer_leaves_the_root_alone(swapped: SwappedFace, color: ColorConfig) -> None:
    pixels = np.random.default_rng(5).uniform(0, 2, (200, 220, 6)).astype(np.float32)
    window = Box(0, 0, 220, 200)
    frame = Frame(pixels, ("R", "G", "B", "beauty.R", "beauty.G", "beauty.B"), window, window)
    comp = composite_face(place_face(swapped, frame), frame, "ACEScg", color, {}, layer="beauty")
    np.testing.assert_array_equal(comp.rgb(), frame.rgb())
    assert (comp.rgb("beauty") != frame.rgb("beauty")).any()
