"""Batches: where their pixels come from, and that they depend on nothing but their key."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from understudy.geometry import crop_side
from understudy.model.live_tensors import LiveTensors
from understudy.settings.preset import Preset
from understudy.settings.training import TrainingSettings
from understudy.training import batches
from understudy.training.batches import FaceCodes, centre_batch, centre_codes, make_batch, quantised

CPU = torch.device("cpu")
STILL = TrainingSettings(
    batch=2,
    warp=0.0,
    turn_degrees=0.0,
    zoom=0.0,
    shift=0.0,
    exposure_stops=0.0,
    tint_stops=0.0,
    falloff_stops=0.0,
)


@pytest.fixture
def noise() -> FaceCodes:
    values = np.random.default_rng(1).uniform(0.2, 0.6, (1, 80, 80, 3)).astype(np.float32)
    return FaceCodes(quantised(values), np.full((1, 80, 80), 255, np.uint8))


def test_quantised_codes_come_back_within_half_a_step(noise: FaceCodes) -> None:
    values = np.linspace(-0.5, 1.5, 75, dtype=np.float32).reshape(1, 5, 5, 3)
    faces = FaceCodes(quantised(values), np.zeros((1, 5, 5), np.uint8))
    back = centre_codes(faces, np.array([0]), 5, CPU).permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(back, values, atol=0.6 / 32767)


def test_a_crop_has_the_margin_on_both_sides() -> None:
    assert crop_side(128, 0.125) == 160
    assert crop_side(1024, 0.125) == 1280


def test_crops_of_unlike_shapes_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="no crops"):
        FaceCodes(np.zeros((2, 8, 8, 3), np.uint16), np.zeros((2, 8, 9), np.uint8))


def test_without_draws_a_batch_is_the_middle_of_its_crop(noise: FaceCodes) -> None:
    batch = make_batch(noise, 64, STILL, (0, 0), CPU)
    middle = centre_codes(noise, np.array([0, 0]), 64, CPU)
    torch.testing.assert_close(batch.wanted, middle, atol=1e-4, rtol=0.0)
    torch.testing.assert_close(batch.seen, middle, atol=1e-4, rtol=0.0)


def test_only_what_is_seen_is_warped(noise: FaceCodes) -> None:
    batch = make_batch(noise, 64, STILL.model_copy(update={"warp": 0.05}), (0, 0), CPU)
    middle = centre_codes(noise, np.array([0, 0]), 64, CPU)
    torch.testing.assert_close(batch.wanted, middle, atol=1e-4, rtol=0.0)
    assert (batch.seen - middle).abs().mean() > 0.01


def test_light_changes_both_and_leaves_the_matte(source: FaceCodes) -> None:
    still = make_batch(source, 64, STILL, (0, 0), CPU)
    brighter = make_batch(source, 64, STILL.model_copy(update={"falloff_stops": 0.5}), (0, 0), CPU)
    torch.testing.assert_close(brighter.seen, brighter.wanted, atol=2e-2, rtol=0.0)
    assert (brighter.wanted - still.wanted).abs().max() > 0.005
    assert torch.equal(brighter.matte, still.matte)


def test_the_same_key_draws_the_same_batch(preset: Preset, source: FaceCodes) -> None:
    first, again = (make_batch(source, 64, preset.training, (41, 1), CPU) for _ in range(2))
    assert torch.equal(first.seen, again.seen)
    assert torch.equal(first.wanted, again.wanted)


@pytest.mark.parametrize(("key", "seed"), [((42, 1), 1), ((41, 0), 1), ((41, 1), 2)])
def test_another_key_draws_another_batch(preset: Preset, source: FaceCodes, key: tuple[int, int], seed: int) -> None:
    first = make_batch(source, 64, preset.training, (41, 1), CPU)
    other = make_batch(source, 64, preset.training.model_copy(update={"seed": seed}), key, CPU)
    assert not torch.equal(first.seen, other.seen)


def test_a_batch_does_not_touch_the_default_generator(preset: Preset, source: FaceCodes) -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    make_batch(source, 64, preset.training, (0, 0), CPU)
    assert torch.equal(torch.rand(1), expected)


def test_mirroring_turns_half_of_the_faces_round(source: FaceCodes) -> None:
    flipping = STILL.model_copy(update={"flip": True, "batch": 64})
    batch = make_batch(source, 64, flipping, (0, 0), CPU)
    columns = torch.arange(64.0)
    middles = (batch.matte[:, 0].sum(1) * columns).sum(1) / batch.matte[:, 0].sum((1, 2))
    assert 0.2 < (middles < 31.4).float().mean() < 0.8


@pytest.mark.parametrize("rows", [slice(0, 1), slice(1, 3), slice(3, 4)])
def test_a_share_of_a_batch_is_that_part_of_the_whole(preset: Preset, source: FaceCodes, rows: slice) -> None:
    settings = preset.training.model_copy(update={"batch": 4, "flip": True})
    whole = make_batch(source, 64, settings, (7, 0), CPU)
    share = make_batch(source, 64, settings, (7, 0), CPU, rows=rows)
    assert torch.equal(share.seen, whole.seen[rows])
    assert torch.equal(share.wanted, whole.wanted[rows])
    assert torch.equal(share.matte, whole.matte[rows])


@pytest.mark.parametrize("side", [64, 32])
def test_faces_made_one_by_one_are_those_made_at_once(
    with_poses: FaceCodes, side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = TrainingSettings(batch=3, warp=0.05, eyes_weight=1.0)
    at_once = make_batch(with_poses, 64, settings, (0, 0), CPU, side=side)
    monkeypatch.setattr(batches, "_PIXELS_AT_ONCE", 1)
    one_by_one = make_batch(with_poses, 64, settings, (0, 0), CPU, side=side)
    assert all(torch.equal(getattr(at_once, name), getattr(one_by_one, name)) for name in vars(at_once))


def test_what_a_batch_takes_on_its_way_does_not_grow_with_it(
    source: FaceCodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "_PIXELS_AT_ONCE", 1)

    def peak(count: int) -> int:
        with LiveTensors() as live:
            make_batch(source, 64, TrainingSettings(batch=count), (0, 0), CPU)
        return live.peak

    made = 7 * 64 * 64 * 4  # what is seen, what is wanted, and a matte, of one face
    # each is there twice while the faces are put together
    assert peak(12) <= peak(4) + 8 * 2 * made


def test_a_smaller_batch_shows_the_same_faces_averaged(preset: Preset, source: FaceCodes) -> None:
    whole = make_batch(source, 64, preset.training, (7, 0), CPU)
    small = make_batch(source, 64, preset.training, (7, 0), CPU, side=16)
    assert small.seen.shape == small.wanted.shape == (2, 3, 16, 16) and small.matte.shape == (2, 1, 16, 16)
    for name, span in (("seen", 0.3), ("wanted", 0.3), ("matte", 1.0)):
        averaged = torch.nn.functional.avg_pool2d(getattr(whole, name), 4)
        # the disc's edge is a pixel wide here; moved by half a pixel it would differ by 0.04 of its span
        assert (averaged - getattr(small, name)).abs().mean() < 0.03 * span, name


def test_areas_move_with_the_faces(with_poses: FaceCodes) -> None:
    """The eyes' map here is a part of the matte's place, so it must lie there however a face is placed."""
    settings = STILL.model_copy(update={"eyes_weight": 1.0, "shift": 0.1, "turn_degrees": 20.0, "batch": 8})
    as_large = np.kron(with_poses.areas[..., 0], np.ones((1, 4, 4), np.uint8))  # as another matte, at the crops' size
    marked = FaceCodes(with_poses.codes, as_large, with_poses.areas)
    batch = make_batch(marked, 64, settings, (3, 0), CPU)
    assert batch.areas is not None and batch.areas.shape == (8, 2, 64, 64)
    assert (batch.areas[:, :1] - batch.matte).abs().mean() < 0.02 < batch.matte.mean()
    assert not batch.areas[:, 1].any()


def test_areas_are_made_only_where_something_weighs_by_them(with_poses: FaceCodes) -> None:
    assert make_batch(with_poses, 64, STILL, (0, 0), CPU).areas is None


def test_a_batch_of_faces_as_they_are_holds_their_middle(with_poses: FaceCodes) -> None:
    batch = centre_batch(with_poses, np.array([2]), 64, CPU)
    assert torch.equal(batch.wanted, centre_codes(with_poses, np.array([2]), 64, CPU))
    assert torch.equal(batch.matte[0, 0] * 255, torch.from_numpy(with_poses.mattes[2, 8:-8, 8:-8]).float())
    # the map's cells of four pixels from 16 to 40 of the crop begin 8 pixels earlier in its middle
    assert batch.areas is not None
    assert batch.areas[0, 0, 12:28, 12:28].min() == 1.0 and not batch.areas[0, 0, 36:].any()


def test_areas_and_poses_of_other_faces_are_a_mistake(target: FaceCodes) -> None:
    with pytest.raises(ValueError, match="are none of 4 crops"):
        FaceCodes(target.codes, target.mattes, np.zeros((3, 4, 4, 2), np.uint8))
    with pytest.raises(ValueError, match="are none of 4 crops"):
        FaceCodes(target.codes, target.mattes, None, np.zeros((4, 3), np.float32))
