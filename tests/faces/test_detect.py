from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from understudy.faces.alignment import align_face, fit_alignment, native_px, template
from understudy.faces.detect import FaceFinder
from understudy.geometry import Box, apply_transform

PORTRAIT_FACE = (0.435, 0.215)
"""Middle of the astronaut's face as shares of the portrait's width and height."""


@pytest.fixture(scope="module")
def finder() -> Iterator[FaceFinder]:
    with FaceFinder() as made:
        yield made


def whole(plate: np.ndarray) -> Box:
    return Box(0, 0, plate.shape[1], plate.shape[0])


@pytest.mark.parametrize("side", [600, 1200, 2160, 4000])
def test_a_photographed_face_is_found_in_a_4k_frame(
    finder: FaceFinder, portrait_plate: Callable[..., np.ndarray], side: int
) -> None:
    """The face is about a fifth of the portrait's side: 5 to 37 % of the frame's height."""
    left, top = (1500, 700) if side < 2000 else (200, -(side // 40))
    plate = portrait_plate(3840, 2160, side, left, max(top, 0))
    (face,) = finder.find(plate, whole(plate), 1001)
    middle = np.mean([face.box[:2], face.box[2:]], axis=0)
    expected = np.array([left, max(top, 0)]) + side * np.array(PORTRAIT_FACE)
    assert np.abs(middle - expected).max() < 0.04 * side
    assert 0.15 * side < face.box[3] - face.box[1] < 0.28 * side


def test_landmarks_move_with_the_face(finder: FaceFinder, portrait_plate: Callable[..., np.ndarray]) -> None:
    here = finder.find(portrait_plate(), Box(0, 0, 640, 480), 1)[0]
    there = finder.find(portrait_plate(left=87, top=31), Box(0, 0, 640, 480), 2)[0]
    moved = there.landmarks_plate - here.landmarks_plate
    np.testing.assert_allclose(moved.mean(axis=0), [27, 11], atol=0.5)


@pytest.mark.parametrize("gain", [1 / 64, 1, 64])
def test_a_face_is_found_at_any_exposure(
    finder: FaceFinder, portrait_plate: Callable[..., np.ndarray], gain: float
) -> None:
    plate = portrait_plate() * np.float32(gain)
    assert len(finder.find(plate, whole(plate), 1)) == 1


def test_a_data_window_moves_the_landmarks_with_it(
    finder: FaceFinder, portrait_plate: Callable[..., np.ndarray]
) -> None:
    plate = portrait_plate()
    here = finder.find(plate, Box(0, 0, 640, 480), 1)[0]
    there = finder.find(plate, Box(-100, 50, 540, 530), 1)[0]
    np.testing.assert_allclose(there.landmarks_plate - here.landmarks_plate, np.tile([-100, 50], (478, 1)), atol=1e-6)


def test_an_anamorphic_face_is_aligned_in_square_pixels(
    finder: FaceFinder, portrait_plate: Callable[..., np.ndarray]
) -> None:
    plate = portrait_plate()
    squeezed = np.ascontiguousarray(plate.reshape(480, 320, 2, 3).mean(axis=2))
    face = finder.find(squeezed, Box(0, 0, 320, 480), 1, pixel_aspect=2.0)[0]
    square = align_face(finder.find(plate, whole(plate), 1)[0]).aligned_from_plate
    wide = align_face(face, pixel_aspect=2.0).aligned_from_plate
    middle = np.array([[160.0, 110.0]])
    np.testing.assert_allclose(apply_transform(wide, middle), apply_transform(square, middle * (2, 1)), atol=0.02)


def test_an_empty_frame_holds_no_face(finder: FaceFinder) -> None:
    assert finder.find(np.full((480, 640, 3), 0.18, np.float32), Box(0, 0, 640, 480), 1) == ()
    assert finder.find(np.full((480, 640, 3), np.nan, np.float32), Box(0, 0, 640, 480), 1) == ()


def test_an_alignment_brings_the_eyes_onto_the_template(
    finder: FaceFinder, portrait_plate: Callable[..., np.ndarray]
) -> None:
    plate = portrait_plate()
    face = finder.find(plate, whole(plate), 1)[0]
    aligned = apply_transform(fit_alignment(face.landmarks_plate), face.landmarks_plate[[33, 263]])
    np.testing.assert_allclose(aligned, template()[[0, 3]], atol=0.03)
    assert 90 < native_px(fit_alignment(face.landmarks_plate)) < 140
