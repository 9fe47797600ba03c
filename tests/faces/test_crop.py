from __future__ import annotations

from collections.abc import Callable

import numpy as np

from understudy.color import ColorConfig
from understudy.faces.alignment import align_face
from understudy.faces.crop import crop_face
from understudy.faces.face import Face
from understudy.geometry import Box, apply_transform
from understudy.plates import Frame


def ramp(box: Box) -> Frame:
    """A plate whose red is x and whose green is y, in plate pixels."""
    x, y = np.meshgrid(np.arange(box.left, box.right) + 0.5, np.arange(box.top, box.bottom) + 0.5)
    pixels = np.dstack([x, y, np.ones_like(x)]).astype(np.float32)
    return Frame(pixels, ("R", "G", "B"), box, Box(0, 0, 400, 400))


def test_a_crop_holds_the_plate_at_its_place(color: ColorConfig, face_at: Callable[..., Face]) -> None:
    crop = crop_face(
        ramp(Box(-20, -10, 380, 420)), "ACEScg", color, align_face(face_at(1, 190, 200, 250, 20)), 64, 0.125
    )
    assert crop.pixels.shape == (80, 80, 3)
    points = apply_transform(crop.crop_from_plate, [[190.0, 200.0], [150.0, 220.0]])
    for (x, y), expected in zip(np.floor(points).astype(int), ([190, 200], [150, 220]), strict=True):
        np.testing.assert_allclose(crop.pixels[y, x, :2], expected, atol=4)


def test_a_highlight_of_200_does_not_ring(color: ColorConfig, face_at: Callable[..., Face]) -> None:
    pixels = np.full((400, 400, 3), 0.18, np.float32)
    pixels[195:205, 195:205] = 200
    crop = crop_face(Frame.of(pixels), "ACEScg", color, align_face(face_at(1, 200.3, 200.6, 250, 9)), 256)
    assert crop.pixels.min() > 0.05
    assert crop.pixels.max() < 260


def test_beyond_the_plate_the_border_is_repeated(color: ColorConfig, face_at: Callable[..., Face]) -> None:
    pixels = np.full((400, 400, 3), 0.18, np.float32)
    crop = crop_face(Frame.of(pixels), "ACEScg", color, align_face(face_at(1, 0, 200, 250)), 64)
    np.testing.assert_allclose(crop.pixels, 0.18, rtol=1e-4)


def test_a_face_beside_the_plate_is_black(color: ColorConfig, face_at: Callable[..., Face]) -> None:
    crop = crop_face(Frame.of(np.ones((40, 40, 3))), "ACEScg", color, align_face(face_at(1, 900, 900, 100)), 64)
    assert crop.pixels.max() == 0


def test_the_median_of_the_face_is_the_faces(color: ColorConfig, face_at: Callable[..., Face]) -> None:
    pixels = np.zeros((400, 400, 3), np.float32)
    pixels[80:320, 80:320] = (0.5, 0.4, 0.3)
    crop = crop_face(Frame.of(pixels), "ACEScg", color, align_face(face_at(1, 200, 200, 250)), 64, 0.5)
    np.testing.assert_allclose(crop.face_rgb, (0.5, 0.4, 0.3), rtol=1e-4)
