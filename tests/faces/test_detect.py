from __future__ import annotations

from collections.abc import Callable, Iterator

import cv2
import numpy as np
import pytest

from understudy.faces.alignment import align_face, fit_alignment, native_px, template
from understudy.faces.detect import FaceFinder, FaceFollower
from understudy.faces.sight import Sight
from understudy.geometry import Box, apply_transform, inverse

PORTRAIT_FACE = (0.435, 0.215)
"""Middle of the astronaut's face as shares of the portrait's width and height."""


@pytest.fixture(scope="module")
def finder() -> Iterator[FaceFinder]:
    with FaceFinder() as made:
        yield made


def whole(plate: np.ndarray) -> Box:
    return Box(0, 0, plate.shape[1], plate.shape[0])


@pytest.mark.parametrize("side", [600, 4000])
def test_a_photographed_face_is_found_in_a_4k_frame(
    finder: FaceFinder, portrait_plate: Callable[..., np.ndarray], side: int
) -> None:
    """The face is about a fifth of the portrait's side: 6 and 37 % of the frame's height."""
    left, top = (1500, 700) if side < 2000 else (200, -(side // 40))
    plate = portrait_plate(3840, 2160, side, left, max(top, 0))
    (face,) = finder.find(plate, whole(plate), 1001)
    middle = np.mean([face.box[:2], face.box[2:]], axis=0)
    expected = np.array([left, max(top, 0)]) + side * np.array(PORTRAIT_FACE)
    assert np.abs(middle - expected).max() < 0.04 * side
    assert 0.15 * side < face.box[3] - face.box[1] < 0.28 * side


def staged(portrait: np.ndarray, share: float, roll: float = 0.0, stops: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """A frame of 640x360 with the portrait's face in its middle, and the transform that put it there.

    Its height is a share of the frame's.
    """
    scale, angle = share * 360 / (0.207 * 512), np.radians(roll)
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shift = np.array([320, 180]) - linear @ (512 * np.array(PORTRAIT_FACE))
    opencv = np.column_stack([linear, linear @ (0.5, 0.5) + shift - 0.5])
    soft = cv2.GaussianBlur(portrait, (0, 0), max(0.4 / scale, 0.1))
    plate = cv2.warpAffine(soft, opencv, (640, 360), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return plate * np.float32(2.0**stops), np.column_stack([linear, shift])


def test_landmarks_agree_at_all_sizes_rolls_and_exposures(finder: FaceFinder, portrait: np.ndarray) -> None:
    """Root mean square over the landmarks, brought back to the portrait, against their mean: below 2 % of the eyes."""
    cases = [(0.15, 0, 0), (0.5, 0, 0), (1.2, 0, 0), (0.4, 67.5, 0), (0.4, 180, 0), (0.4, 270, 0)]
    cases += [(0.4, 0, -4), (0.4, 0, 4)]
    found = []
    for case in cases:
        plate, plate_from_portrait = staged(portrait, *case)
        (face,) = finder.find(plate, whole(plate), 1)
        found.append(apply_transform(inverse(plate_from_portrait), face.landmarks_plate))
    mean = np.mean(found, axis=0)
    eyes = np.linalg.norm(mean[33] - mean[263])
    for points in found:
        assert np.sqrt(((points - mean) ** 2).sum(axis=1).mean()) < 0.02 * eyes


def test_a_face_that_is_half_covered_or_half_out_of_the_frame_is_less_certain(
    finder: FaceFinder, portrait: np.ndarray
) -> None:
    plate, _ = staged(portrait, 0.5)
    clear = finder.find(plate, whole(plate), 1)[0]
    covered = plate.copy()
    left, top, right, bottom = (round(edge) for edge in clear.box)
    covered[top:bottom, left : (left + right) // 2] = (0.3, 0.2, 0.1)
    below = plate[: round(0.45 * top + 0.55 * bottom)]
    assert clear.score > 0.9
    for worse in (covered, np.ascontiguousarray(below)):
        (face,) = finder.find(worse, whole(worse), 1)
        assert face.score < clear.score - 0.15


def test_a_dark_face_before_a_bright_background_is_found(finder: FaceFinder, portrait: np.ndarray) -> None:
    plate, _ = staged(portrait, 0.3)
    dark = np.full_like(plate, 4.0)
    dark[60:340, 200:440] = plate[60:340, 200:440] / 16
    assert len(finder.find(dark, whole(dark), 1)) == 1


def test_a_plate_in_another_space_is_converted_where_it_is_looked_at(finder: FaceFinder, portrait: np.ndarray) -> None:
    plate, _ = staged(portrait, 0.3)
    here = finder.find(plate, whole(plate), 1)[0]
    seen: list[int] = []

    def light_from_log(pixels: np.ndarray) -> np.ndarray:
        seen.append(pixels.size)
        return np.exp2(pixels, dtype=np.float32)

    log = np.log2(np.maximum(cv2.resize(plate, (2560, 1440), interpolation=cv2.INTER_LINEAR), 1e-4))
    there = finder.find(log, whole(log), 1, ap1_from_plate=light_from_log)[0]
    assert sum(seen) < log.size / 2
    eyes = np.linalg.norm(here.landmarks_plate[33] - here.landmarks_plate[263])
    away = there.landmarks_plate / 4 - here.landmarks_plate
    assert np.sqrt((away**2).sum(axis=1).mean()) < 0.02 * eyes


def test_a_followed_face_is_where_a_search_of_its_frame_alone_finds_it(
    finder: FaceFinder, portrait: np.ndarray
) -> None:
    """What is kept of the frames before must stay below the landmarks' noise: 0.2 % of the distance of the eyes."""
    follower = FaceFollower(finder)
    for number, roll in enumerate((0, 6, 12), start=7):
        plate, _ = staged(portrait, 0.4, roll)
        ((followed,), _) = follower.next(Sight(plate, whole(plate)), number)
        alone = finder.find(plate, whole(plate), number)[0]
        eyes = np.linalg.norm(alone.landmarks_plate[33] - alone.landmarks_plate[263])
        away = followed.landmarks_plate - alone.landmarks_plate
        assert np.sqrt((away**2).sum(axis=1).mean()) < 0.002 * eyes


def test_a_lost_face_is_found_again_at_another_turn(finder: FaceFinder, portrait: np.ndarray) -> None:
    follower = FaceFollower(finder)
    counts = []
    for number, roll in enumerate((0.0, None, 180.0), start=100):
        plate = np.full((360, 640, 3), 0.2, np.float32) if roll is None else staged(portrait, 0.4, roll)[0]
        counts.append(len(follower.next(Sight(plate, whole(plate)), number)[0]))
    assert counts == [1, 0, 1]


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
