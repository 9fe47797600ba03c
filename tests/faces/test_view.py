from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest

from understudy.faces.alignment import align_face, with_view
from understudy.faces.face import Face
from understudy.faces.sight import Sight
from understudy.faces.view import FaceView, look_at
from understudy.geometry import Box


def plate() -> np.ndarray:
    import cv2

    noise = np.random.default_rng(2).standard_normal((300, 300, 1)).astype(np.float32)
    return np.repeat(np.exp(cv2.GaussianBlur(noise, (0, 0), 3) * 4)[..., None], 3, axis=2)


def sight(pixels: np.ndarray) -> Sight:
    return Sight(pixels.astype(np.float32), Box(0, 0, 300, 300))


@pytest.fixture
def face(face_at: Callable[..., Face]) -> Face:
    return face_at(1, 150, 150, 220)


def view_of(face: Face, pixels: np.ndarray) -> FaceView:
    view = look_at(sight(pixels), align_face(face).aligned_from_plate)
    assert view is not None
    return view


def test_a_view_is_the_same_in_any_light(face: Face) -> None:
    dim, shaded = plate() / 16, plate() * np.linspace(0.5, 2, 300)[:, None, None]
    for other in (dim, shaded):
        apart = np.abs(view_of(face, other).pixels.astype(float) - view_of(face, plate()).pixels)
        assert np.median(apart) <= 2


def test_a_face_beyond_the_pixels_has_no_view(face_at: Callable[..., Face]) -> None:
    beyond = face_at(1, 5000, 150, 220)
    assert look_at(sight(plate()), align_face(beyond).aligned_from_plate) is None
    assert with_view(beyond, sight(plate())).view is None


def test_a_face_keeps_its_view_in_its_record(face: Face) -> None:
    seen = with_view(face, sight(plate()))
    again = Face.from_json(1, json.loads(json.dumps(seen.to_json()))).view
    assert seen.view is not None and again is not None
    assert np.abs(again.pixels.astype(float) - seen.view.pixels).mean() < 3
    np.testing.assert_allclose(again.view_from_plate, seen.view.view_from_plate, atol=1e-8)
    assert Face.from_json(1, face.to_json()).view is None


def test_a_damaged_view_is_told(face: Face) -> None:
    values = view_of(face, plate()).to_json()
    for broken in ("!", "", values["jpeg"][:40]):
        with pytest.raises(ValueError):
            FaceView.from_json({**values, "jpeg": broken})
