"""Rendered performers: repeatable, bright, and true in what they say of themselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from understudy.synthetic.camera import Camera
from understudy.synthetic.performance import Moment, between, perform
from understudy.synthetic.performer import make_performer
from understudy.synthetic.render import SyntheticFrame, Take, render_shot

TARGET, SOURCE = 7, 4
SIZE = (64, 64)
NOSE_TIP = 1
PLATE_MEAN = [0.33298, 0.33771, 0.28641]
SWAP_MEAN = [0.48035, 0.36156, 0.28173]
MATTE_SUMS = (488.25, 151.0)


@pytest.fixture(scope="session")
def render(cache_folder: Path):
    """One frame of a take of the target identity, or of the source identity's face on its head."""

    def of(take: Take, frame: int = 10, face_seed: int | None = None, identity_seed: int = TARGET) -> SyntheticFrame:
        performer = make_performer(identity_seed, face_seed, 1.0, cache_folder)
        return next(render_shot(performer, take, [frame]))

    return of


def test_pictures_stay_those_of_earlier_versions(render) -> None:
    plate = render(Take(1, 0, SIZE))
    swap = render(Take(1, 3, SIZE), 50, SOURCE)
    assert plate.pixels.mean(axis=(0, 1)) == pytest.approx(PLATE_MEAN, rel=1e-3)
    assert swap.pixels.mean(axis=(0, 1)) == pytest.approx(SWAP_MEAN, rel=1e-3)
    assert (plate.matte.sum(), swap.matte.sum()) == pytest.approx(MATTE_SUMS, rel=1e-3)


def test_the_same_seeds_give_the_same_bits(render) -> None:
    first, second = render(Take(1, 2, SIZE)), render(Take(1, 2, SIZE))
    np.testing.assert_array_equal(first.pixels, second.pixels)


def test_another_identity_has_another_face(render) -> None:
    target, source = render(Take(1, 2, SIZE)), render(Take(1, 2, SIZE), identity_seed=SOURCE)
    inside = np.minimum(target.matte, source.matte) == 1
    assert np.abs(target.pixels - source.pixels)[inside].mean() > 0.05


def test_an_ideal_swap_changes_the_face_and_keeps_the_set(render) -> None:
    plate, swap = render(Take(1, 2, SIZE)), render(Take(1, 2, SIZE), face_seed=SOURCE)
    behind = (plate.alpha == 0) & (swap.alpha == 0)
    np.testing.assert_array_equal(plate.pixels[behind], swap.pixels[behind])
    inside = np.minimum(plate.matte, swap.matte) == 1
    assert np.abs(plate.pixels - swap.pixels)[inside].mean() > 0.02
    assert plate.pose == swap.pose


def test_an_identity_swapped_with_itself_is_itself(render) -> None:
    plate, swap = render(Take(1, 2, SIZE)), render(Take(1, 2, SIZE), face_seed=TARGET)
    np.testing.assert_array_equal(plate.pixels, swap.pixels)


def test_highlights_go_far_above_1_and_nothing_below_0(render) -> None:
    pixels = render(Take(1, 2, (128, 128))).pixels
    assert pixels.max() > 4
    assert pixels.min() >= 0 and np.isfinite(pixels).all()


def test_the_nose_lies_in_the_matte_and_is_seen(render) -> None:
    frame = render(Take(1, 2, SIZE), frame=0)
    x, y = frame.landmarks_plate[NOSE_TIP].astype(int)
    assert frame.matte[y, x] == 1
    assert frame.visible[NOSE_TIP]


def test_landmarks_scale_with_the_picture(render) -> None:
    small, large = render(Take(1, 2, SIZE)), render(Take(1, 2, (128, 128)))
    np.testing.assert_allclose(large.landmarks_plate, 2 * small.landmarks_plate, rtol=1e-5)


def test_what_crosses_the_face_is_not_in_its_matte(render) -> None:
    crossed, free = render(Take(1, 2, SIZE), 50), render(Take(1, 2, SIZE, occluder=False), 50)
    assert crossed.occluder.sum() > 100 and not free.occluder.any()
    assert (crossed.matte + crossed.occluder).max() <= 1 + 1e-6
    assert crossed.matte.sum() < free.matte.sum()
    assert crossed.visible.sum() < free.visible.sum()


@pytest.mark.parametrize("worn", ["glasses", "fringe"])
def test_what_is_worn_lies_before_the_face_and_moves_with_it(render, worn: str) -> None:
    bare = render(Take(1, 2, (128, 128), occluder=False))
    covered, later = (render(Take(1, 2, (128, 128), occluder=False, worn=worn), number) for number in (10, 60))
    hidden = (covered.occluder > 0.5) & (bare.matte > 0.5)
    assert hidden.sum() > 0.02 * bare.matte.sum() and not covered.matte[covered.occluder == 1].any()
    assert np.abs(covered.pixels - bare.pixels)[hidden].mean() > 0.05
    np.testing.assert_array_equal(covered.landmarks_plate, bare.landmarks_plate)
    places = [np.argwhere(frame.occluder > 0.5).mean(axis=0)[::-1] for frame in (covered, later)]
    heads = [frame.landmarks_plate[[33, 263]].mean(axis=0) for frame in (covered, later)]
    assert np.linalg.norm(heads[1] - heads[0]) > 4
    assert np.linalg.norm((places[1] - places[0]) - (heads[1] - heads[0])) < 4


def test_a_head_outside_the_picture_leaves_the_set(render) -> None:
    frame = render(Take(1, 2, SIZE, Camera.framing(SIZE, cx=-6.0)))
    assert not frame.alpha.any() and not frame.visible.any()
    assert frame.pixels.any()


def test_a_head_larger_than_the_picture_fills_it(render) -> None:
    frame = render(Take(1, 2, SIZE, Camera.framing(SIZE, fill=3.0)))
    assert frame.matte.mean() > 0.9


def test_motion_blur_softens_edges_and_keeps_the_landmarks(render) -> None:
    sharp, blurred = render(Take(1, 2, SIZE), 30), render(Take(1, 2, SIZE, motion_blur=3), 30)
    assert ((blurred.alpha > 0) & (blurred.alpha < 1)).sum() > ((sharp.alpha > 0) & (sharp.alpha < 1)).sum()
    np.testing.assert_array_equal(sharp.landmarks_plate, blurred.landmarks_plate)


def test_grain_is_the_same_each_time_and_has_no_bias(render) -> None:
    clean, first, second = render(Take(1, 2, SIZE)), *(render(Take(1, 2, SIZE, grain=0.1)) for _ in range(2))
    np.testing.assert_array_equal(first.pixels, second.pixels)
    assert np.abs(first.pixels - clean.pixels).mean() > 0.01
    assert (first.pixels - clean.pixels).mean() == pytest.approx(0, abs=2e-3)


def test_a_performance_is_smooth_and_within_the_poses_of_a_scene() -> None:
    moments = perform(5, 200)
    yaw = np.array([moment.yaw for moment in moments])
    assert np.abs(yaw).max() < 60 and np.abs(np.diff(yaw)).max() < 8
    assert all(0 <= moment.jaw <= 1 and 0 <= moment.blink <= 1 for moment in moments)


def test_even_performances_are_crossed_by_a_bar_and_odd_ones_by_a_hand() -> None:
    kinds = [{moment.crossing.kind for moment in perform(seed, 96) if moment.crossing} for seed in (2, 3)]
    assert kinds == [{"bar"}, {"hand"}]


def test_half_a_frame_later_lies_on_the_slope_between_the_neighbours() -> None:
    assert between(Moment(yaw=3), Moment(yaw=1), Moment(yaw=5), 0.5).yaw == 4
