"""The loss of a face: zero for what is right, and blind to nothing inside the matte."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from understudy.color.training_space import MIDDLE_GREY, TrainingSpace
from understudy.settings.preset import load_preset
from understudy.settings.training import LossSettings
from understudy.training.batches import Batch
from understudy.training.losses import FaceLoss
from understudy.training.losses.structural import structural_similarity
from understudy.training.painting import Painting

PICTURES = ("ssim", "ms_ssim", "l1", "l2", "log_cosh", "charbonnier", "gradient", "focal_frequency")


def face_loss(outside: float = 0.1, eyes: float = 0.0, mouth: float = 0.0, **weights: float) -> FaceLoss:
    return FaceLoss(LossSettings(**weights), outside, eyes, mouth)


def cost(loss: FaceLoss, painted: Tensor, wanted: Tensor, matte: Tensor, areas: Tensor | None = None) -> Tensor:
    return loss(Painting((painted,)), Batch(wanted, wanted, matte, areas))


@pytest.mark.parametrize("name", PICTURES)
def test_a_perfect_face_costs_nothing_and_a_wrong_one_pulls_back(name: str) -> None:
    wanted, matte = torch.rand(2, 3, 32, 32), torch.ones(2, 1, 32, 32)
    assert cost(face_loss(**{name: 1.0}), wanted, wanted, matte).abs() < 1e-5
    painted = (wanted + 0.05 * torch.randn(wanted.shape)).requires_grad_()
    loss = cost(face_loss(**{name: 1.0}), painted, wanted, matte)
    loss.backward()
    nearer = painted.detach() - 1e-2 / painted.grad.norm() * painted.grad
    assert cost(face_loss(**{name: 1.0}), nearer, wanted, matte) < loss


@pytest.mark.parametrize("name", ["l1", "l2", "log_cosh", "charbonnier", "gradient"])
def test_pixels_outside_the_matte_count_by_their_weight(name: str) -> None:
    wanted, matte = torch.zeros(1, 3, 20, 20), torch.zeros(1, 1, 20, 20)
    matte[..., :10] = 1.0
    inside, outside = wanted.clone(), wanted.clone()
    inside[..., 5], outside[..., 15] = 0.1, 0.1
    loss = face_loss(0.25, **{name: 1.0})
    torch.testing.assert_close(
        cost(loss, outside, wanted, matte) / cost(loss, inside, wanted, matte), torch.tensor(0.25)
    )


@pytest.mark.parametrize("name", ["l1", "l2", "log_cosh", "charbonnier"])
def test_a_small_matte_counts_as_much_as_a_large_one(name: str) -> None:
    wanted = torch.zeros(1, 3, 20, 20)
    small, large = torch.zeros(1, 1, 20, 20), torch.ones(1, 1, 20, 20)
    small[..., 8:12, 8:12] = 1.0
    loss = face_loss(0.0, **{name: 1.0})
    torch.testing.assert_close(cost(loss, wanted + 0.1, wanted, small), cost(loss, wanted + 0.1, wanted, large))


@pytest.mark.parametrize("name", PICTURES)
def test_a_face_without_a_matte_costs_a_number(name: str) -> None:
    face = torch.rand(1, 3, 32, 32)
    assert torch.isfinite(cost(face_loss(0.0, **{name: 1.0}), face + 0.1, face, torch.zeros(1, 1, 32, 32)))


def test_eyes_and_mouth_count_more_by_what_is_added() -> None:
    wanted, matte, areas = torch.zeros(1, 3, 8, 8), torch.ones(1, 1, 8, 8), torch.zeros(1, 2, 8, 8)
    areas[:, 0, 0, 0] = areas[:, 1, 7, 7] = 1.0
    eye, mouth, cheek = (wanted.clone() for _ in range(3))
    eye[..., 0, 0], mouth[..., 7, 7], cheek[..., 4, 4] = 0.1, 0.1, 0.1
    loss = face_loss(0.1, eyes=3.0, mouth=2.0, l1=1.0)
    of_eye, of_mouth, of_cheek = (cost(loss, one, wanted, matte, areas) for one in (eye, mouth, cheek))
    torch.testing.assert_close(torch.stack([of_eye, of_mouth]) / of_cheek, torch.tensor([4.0, 3.0]))


def grey(stops: float) -> float:
    """Code of a grey that is so many stops brighter than the middle of a face."""
    space = TrainingSpace()
    return float(space.encode(np.full((1, 1, 3), MIDDLE_GREY * 2.0**stops, np.float32))[0, 0, 0])


@pytest.mark.parametrize(("stops", "times"), [(-3.0, 1.0), (1.0, 1.0), (1.5, 11.0), (2.0, 21.0), (5.0, 21.0)])
def test_highlights_of_the_face_count_more(stops: float, times: float) -> None:
    wanted, matte = torch.full((1, 3, 32, 32), grey(0.0)), torch.ones(1, 1, 32, 32)
    wanted[..., 4, 4], matte[..., 9, :] = grey(stops), 0.0
    loss = FaceLoss(LossSettings(l1=1.0), 0.1, highlights_weight=20.0)
    weights = loss.pixel_weights(Batch(wanted, wanted, matte))[0, 0]
    assert float(weights[4, 4]) == pytest.approx(times, rel=0.05)
    assert float(weights[5, 5]) == 1.0 and float(weights[9, 9]) == pytest.approx(0.1)


def test_highlights_outside_the_matte_count_no_more() -> None:
    wanted, matte = torch.full((1, 3, 32, 32), grey(3.0)), torch.zeros(1, 1, 32, 32)
    loss = FaceLoss(LossSettings(l1=1.0), 0.1, highlights_weight=20.0)
    torch.testing.assert_close(loss.pixel_weights(Batch(wanted, wanted, matte)), torch.full_like(matte, 0.1))


def test_a_face_that_is_half_in_the_sun_learns_the_other_half_as_well() -> None:
    wanted, matte = torch.full((1, 3, 32, 32), grey(-1.0)), torch.ones(1, 1, 32, 32)
    wanted[..., :16] = grey(3.0)
    weights = FaceLoss(LossSettings(l1=1.0), 0.1, highlights_weight=60.0).pixel_weights(Batch(wanted, wanted, matte))
    assert float(weights[..., :16].sum() / weights[..., 16:].sum()) == pytest.approx(2.0)


def test_losses_are_added_by_weight() -> None:
    painted, wanted, matte = torch.rand(2, 3, 32, 32), torch.rand(2, 3, 32, 32), torch.rand(2, 1, 32, 32)
    apart = {name: float(cost(face_loss(**{name: 1.0}), painted, wanted, matte)) for name in PICTURES}
    together = cost(face_loss(**dict.fromkeys(PICTURES, 0.5)), painted, wanted, matte)
    assert float(together) == pytest.approx(0.5 * sum(apart.values()), rel=1e-5)


def test_coarser_pictures_are_compared_with_the_wanted_one_averaged() -> None:
    wanted, matte = torch.rand(1, 3, 32, 32), torch.ones(1, 1, 32, 32)
    half = torch.nn.functional.avg_pool2d(wanted, 2)
    batch = Batch(wanted, wanted, matte)
    loss = face_loss(l1=1.0, coarse=0.5)
    assert loss(Painting((half, wanted)), batch) < 1e-6
    torch.testing.assert_close(loss(Painting((half + 0.1, wanted)), batch), torch.tensor(0.5))


def test_a_predicted_matte_is_compared_with_the_drawn_one() -> None:
    wanted, drawn = torch.rand(1, 3, 16, 16), torch.rand(1, 1, 16, 16)
    batch = Batch(wanted, wanted, drawn)
    for weights in ({"matte": 1.0}, {"matte_entropy": 1.0}):
        loss = face_loss(l1=1.0, **weights)
        assert loss(Painting((wanted,), drawn), batch).abs() < 1e-5
        assert loss(Painting((wanted,), 1.0 - drawn), batch) > 0.1
        assert torch.isfinite(loss(Painting((wanted,), torch.zeros_like(drawn)), batch))


def old_face_loss(ssim: float, l1: float, outside: float, painted: Tensor, wanted: Tensor, matte: Tensor) -> Tensor:
    """The loss of presets from before losses had names, as it was computed then."""
    mask = outside + (1.0 - outside) * matte
    share = mask / mask.sum(dim=(2, 3), keepdim=True).clamp_min(1e-6)
    loss = 10.0 * l1 * ((painted - wanted).abs().mean(dim=1, keepdim=True) * share).sum(dim=(1, 2, 3))
    unlike = (1.0 - structural_similarity(painted, wanted)).mean(dim=1, keepdim=True)
    return (loss + ssim * (unlike * share).sum(dim=(1, 2, 3))).mean()


@pytest.mark.parametrize(("name", "ssim"), [("u64", 0.5), ("u128", 0.5), ("u256", 1.0), ("u512", 1.0), ("u1024", 1.0)])
def test_early_presets_cost_what_they_did(name: str, ssim: float) -> None:
    draws = torch.Generator().manual_seed(3)
    painted, wanted = torch.rand(2, 2, 3, 64, 64, generator=draws)
    matte = torch.rand(2, 1, 64, 64, generator=draws)
    loss = replace(FaceLoss.of(load_preset(name).training), highlights_weight=0.0)  # which is newer
    old = old_face_loss(ssim, 1.0, 0.1, painted, wanted, matte)
    torch.testing.assert_close(cost(loss, painted, wanted, matte), old, rtol=1e-6, atol=0.0)


def test_gradients_are_those_of_the_formula_in_double_precision() -> None:
    draws = torch.Generator().manual_seed(4)
    painted, wanted = torch.rand(2, 1, 3, 12, 12, generator=draws, dtype=torch.float64)
    share = torch.rand(1, 1, 12, 12, generator=draws, dtype=torch.float64)
    share = share / share.sum()

    def smooth(picture: Tensor) -> Any:
        loss = face_loss(ssim=1.0, ms_ssim=1.0, l2=1.0, log_cosh=1.0, charbonnier=1.0)
        return loss._of_pictures(picture, wanted, share)

    assert torch.autograd.gradcheck(smooth, painted.requires_grad_())
