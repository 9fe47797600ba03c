"""What is told to be a cut, on photographs: the measurement behind the threshold."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from skimage import data

from understudy.faces.cuts import frame_look, is_cut, look_change

NAMES = ("astronaut", "chelsea", "coffee", "rocket")


def photograph(name: str) -> np.ndarray:
    """(H, W, 3) float32, as light."""
    return (getattr(data, name)()[..., :3].astype(np.float32) / 255) ** 2.2


def test_another_photograph_is_a_cut() -> None:
    looks = [frame_look(photograph(name)) for name in NAMES]
    assert all(is_cut(one, other) and is_cut(other, one) for one, other in combinations(looks, 2))
    changes = [look_change(one, other) for one, other in combinations(looks, 2)]
    assert (round(min(changes), 1), round(max(changes), 1)) == (0.8, 1.5)


@pytest.mark.parametrize("name", NAMES)
def test_what_moves_or_lights_up_is_no_cut(name: str) -> None:
    picture = photograph(name)
    height, width = picture.shape[:2]
    step = width // 10
    body = picture.copy()
    body[height // 4 :, width // 2 : width * 3 // 4] = 0.02
    nearer = picture[height // 8 : -height // 8, width // 8 : -width // 8]
    look = frame_look(picture)
    for after in (picture * 4, body, nearer):
        assert look_change(look, frame_look(after)) < 0.7 and not is_cut(look, frame_look(after))
    assert look_change(frame_look(picture[:, :-step]), frame_look(picture[:, step:])) < 0.7


def test_noise_in_the_dark_is_no_cut() -> None:
    dark = 0.002 * photograph("rocket")
    looks = [
        frame_look(dark + np.random.default_rng(seed).normal(0, 0.002, dark.shape).astype(np.float32))
        for seed in range(2)
    ]
    assert not is_cut(*looks)


def test_a_look_is_small_and_knows_every_size() -> None:
    for shape in ((1, 1, 3), (7, 5, 3), (480, 640, 3)):
        look = frame_look(np.full(shape, -0.1, np.float32))
        assert len(look) == 48 and np.isfinite(look).all()


def test_a_frame_without_a_look_begins_no_cut() -> None:
    look = frame_look(photograph("coffee"))
    assert not is_cut((), look) and not is_cut(look, ())
