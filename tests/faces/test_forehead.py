from __future__ import annotations

from dataclasses import replace

import numpy as np

from understudy.faces.alignment import square_from_head
from understudy.faces.face import Alignment
from understudy.faces.forehead import FOREHEAD_EDGE, with_steady_forehead
from understudy.geometry import apply_transform, inverse

EDGE = list(FOREHEAD_EDGE)
ACROSS = np.linspace(-1, 1, len(EDGE))
OWN = np.column_stack([6 * ACROSS, 8.8 - 2 * ACROSS**2, 4.2 - 3.5 * ACROSS**2])
"""(9, 3) centimetres: a forehead that is half a centimetre higher than the average one, and a little broader."""


def alignment(frame: int, yaw: float = 0.0, pitch: float = 0.0, raised: float = 0.0) -> Alignment:
    """A head that fills 400 plate pixels; its forehead's edge is found too high by a share of the square."""
    aligned_from_plate = np.array([[0.0025, 0.0, -0.3 - 0.01 * frame], [0.0, 0.0025, -0.2]])
    in_square = square_from_head(yaw, pitch)
    landmarks = np.random.default_rng(frame).uniform(200, 400, (478, 2))
    seen = OWN @ in_square[:, :3].T + in_square[:, 3] - (0, raised)
    landmarks[EDGE] = apply_transform(inverse(aligned_from_plate), seen)
    return Alignment(frame, aligned_from_plate, landmarks, 1.0, (yaw, pitch, 0.0))


def edges(alignments: tuple[Alignment, ...] | list[Alignment]) -> np.ndarray:
    """(N, 9, 2) in the square."""
    return np.array([apply_transform(one.aligned_from_plate, one.landmarks_plate[EDGE]) for one in alignments])


def test_brows_do_not_move_the_foreheads_edge() -> None:
    frowned = [alignment(n, pitch=n - 10, raised=0.03 * np.sin(n)) for n in range(20)]
    steady, truth = edges(with_steady_forehead(frowned)), edges([alignment(n, pitch=n - 10) for n in range(20)])
    assert np.abs(edges(frowned) - truth).max() > 0.025
    assert np.abs(steady - truth).max() < 0.006


def test_it_turns_with_the_head() -> None:
    turned = [alignment(n, yaw=6 * (n - 10), pitch=10 * np.sin(n / 3)) for n in range(21)]
    truth = edges(turned)
    assert np.abs(truth - truth.mean(axis=0)).max() > 0.05
    assert np.abs(edges(with_steady_forehead(turned)) - truth).max() < 0.01


def test_one_frame_says_all_that_there_is_to_say() -> None:
    ahead, profile = alignment(1, 20, -5, raised=0.02), alignment(1, 90.0, 0.0)
    assert np.abs(edges(with_steady_forehead([ahead])) - edges([ahead])).max() < 1e-5
    assert np.abs(edges(with_steady_forehead([profile])) - edges([profile])).max() < 0.006


def test_only_frames_in_which_the_face_was_found_count() -> None:
    found = [alignment(n) for n in range(5)]
    filled = [replace(alignment(n, raised=0.2), is_filled=True) for n in range(5, 8)]
    made = with_steady_forehead(found + filled)
    assert np.abs(edges(made) - edges(found)[0]).max() < 1e-6
    assert [one.is_filled for one in made] == [one.is_filled for one in found + filled]


def test_nothing_else_is_changed() -> None:
    given = [alignment(n, raised=0.01 * n) for n in range(3)]
    others = [n for n in range(478) if n not in FOREHEAD_EDGE]
    for before, after in zip(given, with_steady_forehead(given), strict=True):
        assert np.array_equal(before.landmarks_plate[others], after.landmarks_plate[others])
        assert (after.frame, after.pose, after.confidence) == (before.frame, before.pose, before.confidence)
    assert with_steady_forehead([]) == ()
