"""Batches: where their pixels come from, and that they depend on nothing but their key."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from understudy.geometry import crop_side
from understudy.settings.preset import Preset
from understudy.settings.training import TrainingSettings
from understudy.training.batches import FaceCodes, centre_codes, make_batch, quantised

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
