"""Losses keep one gradient for each face, and are what plain operators make of their formulas."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from understudy.model.live_tensors import LiveTensors
from understudy.settings.training import LossSettings
from understudy.training.batches import Batch
from understudy.training.losses import FaceLoss, kept_gradient, structural
from understudy.training.losses.detail import focal_frequency_loss, gradient_loss
from understudy.training.losses.pixels import charbonnier_loss, l1_loss, l2_loss, log_cosh_loss
from understudy.training.losses.structural import ms_ssim_loss, ssim_loss, structural_similarity
from understudy.training.painting import Painting

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
PLAIN = (l1_loss, l2_loss, log_cosh_loss, charbonnier_loss, gradient_loss, focal_frequency_loss)
EVERYTHING = LossSettings(
    ssim=1.0, ms_ssim=0.5, l1=1.0, l2=0.5, log_cosh=0.5, charbonnier=0.5, gradient=0.5, focal_frequency=0.5
)


def pictures(count: int, side: int, kind: torch.dtype = torch.float32) -> tuple[Tensor, Tensor, Tensor]:
    """A face with grain, the same with other grain, and weights that are those of no flat matte."""
    draws = torch.Generator().manual_seed(side)
    coarse = torch.rand(count, 3, 6, 6, generator=draws, dtype=kind) * 0.5
    face = functional.interpolate(coarse, (side, side + 2), mode="bicubic")
    painted, wanted = face + 0.03 * torch.randn(2, *face.shape, generator=draws, dtype=kind)
    weight = torch.rand(count, 1, side, side + 2, generator=draws, dtype=kind)
    return painted.requires_grad_(), wanted, weight


def plain_moments(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Luminance, and contrast and structure, as Wang et al. 2004 write them, by a window of one piece."""
    places = torch.arange(11, dtype=first.dtype) - 5
    line = torch.exp(-(places**2) / 4.5)
    window = (line[:, None] * line / line.sum() ** 2).expand(3, 1, 11, 11)

    def mean(picture: Tensor) -> Tensor:
        return functional.conv2d(functional.pad(picture, (5, 5, 5, 5), mode="reflect"), window, groups=3)

    mean_1, mean_2 = mean(first), mean(second)
    spread = mean(first**2) - mean_1**2 + mean(second**2) - mean_2**2
    joint = mean(first * second) - mean_1 * mean_2
    luminance = (2 * mean_1 * mean_2 + 0.005**2) / (mean_1**2 + mean_2**2 + 0.005**2)
    return luminance, (2 * joint + 0.015**2) / (spread + 0.015**2)


def plain_ssim_loss(painted: Tensor, wanted: Tensor, share: Tensor) -> Tensor:
    luminance, contrast = plain_moments(painted, wanted)
    return ((1 - luminance * contrast).mean(dim=1, keepdim=True) * share).sum(dim=(1, 2, 3))


def plain_ms_ssim_loss(painted: Tensor, wanted: Tensor, share: Tensor) -> Tensor:
    """Of pictures of 22 to 43 px: two scales."""
    likeness = torch.ones(len(share), dtype=share.dtype)
    for scale, weight in enumerate((0.0448 / 0.3304, 0.2856 / 0.3304)):
        luminance, contrast = plain_moments(painted, wanted)
        term = luminance * contrast if scale else contrast
        likeness = likeness * (term.mean(dim=1, keepdim=True) * share).sum(dim=(1, 2, 3)) ** weight
        painted, wanted, share = (functional.avg_pool2d(each, 2) for each in (painted, wanted, share))
        share = share / share.sum(dim=(2, 3), keepdim=True)
    return 1 - likeness


@pytest.fixture(params=["whole", "pieces"])
def _pieces(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Faces one after the other, in strips of 7 rows."""
    if request.param == "pieces":
        monkeypatch.setattr(kept_gradient, "_PIXELS_AT_ONCE", 1)
        monkeypatch.setattr(structural, "_PIXELS_AT_ONCE", 7 * 42)


@pytest.mark.usefixtures("_pieces")
def test_all_losses_and_their_gradients_are_those_of_plain_operators_in_double_precision() -> None:
    painted, wanted, weight = pictures(3, 40, torch.float64)
    of_each = FaceLoss(EVERYTHING, 0.1)._of_pictures(painted, wanted, weight)
    share = weight / weight.sum(dim=(2, 3), keepdim=True)
    plain = plain_ssim_loss(painted, wanted, share) + 0.5 * plain_ms_ssim_loss(painted, wanted, share)
    for loss in PLAIN:
        plain = plain + (1.0 if loss is l1_loss else 0.5) * loss(painted, wanted, share)
    torch.testing.assert_close(of_each, plain, rtol=1e-12, atol=0.0)
    towards = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    ours, expected = (torch.autograd.grad(costs @ towards, painted)[0] for costs in (of_each, plain))
    torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-12 * float(expected.abs().max()))


@pytest.mark.usefixtures("_pieces")
def test_a_presets_loss_is_that_of_plain_operators_within_a_millionth() -> None:
    painted, wanted, matte = pictures(2, 40)
    loss = FaceLoss(LossSettings(ssim=1.0, l1=1.0), 0.1)(Painting((painted,)), Batch(wanted, wanted, matte))
    weight = 0.1 + 0.9 * matte
    share = weight / weight.sum(dim=(2, 3), keepdim=True)
    plain = plain_ssim_loss(*(each.double() for each in (painted, wanted, share))).float().mean()
    plain = plain + l1_loss(painted, wanted, share).mean()
    torch.testing.assert_close(loss, plain, rtol=1e-6, atol=0.0)


@pytest.mark.parametrize("loss", [ssim_loss, ms_ssim_loss])
def test_gradients_of_similarity_are_what_small_steps_show(loss: Loss, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(structural, "_PIXELS_AT_ONCE", 5 * 13)
    painted, wanted, weight = pictures(1, 11, torch.float64)
    share = weight / weight.sum(dim=(2, 3), keepdim=True)
    assert torch.autograd.gradcheck(lambda picture: loss(picture, wanted, share), painted)


@pytest.mark.usefixtures("_pieces")
def test_similarity_at_every_pixel_is_that_of_the_paper_at_the_edges_too() -> None:
    painted, wanted, _ = pictures(2, 40, torch.float64)
    luminance, contrast = plain_moments(painted, wanted)
    torch.testing.assert_close(structural_similarity(painted, wanted), (luminance * contrast).detach())
    torch.testing.assert_close(structural_similarity(painted, wanted, with_luminance=False), contrast.detach())


def test_a_gradient_to_what_was_wanted_is_refused() -> None:
    painted, wanted, weight = pictures(1, 12)
    with pytest.raises(ValueError, match="only what was painted"):
        ssim_loss(painted, wanted.requires_grad_(), weight)


def test_all_losses_together_keep_one_picture_for_each_face() -> None:
    painted, wanted, matte = pictures(4, 126)
    painting, batch = Painting((painted,)), Batch(wanted, wanted, matte)
    with LiveTensors() as live:
        loss = FaceLoss(EVERYTHING, 0.1)(painting, batch)
    picture = painted.nbytes // len(painted)
    assert loss.requires_grad
    assert 4 * picture <= live.live < 4.1 * picture


def test_what_losses_need_on_their_way_does_not_grow_with_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_gradient, "_PIXELS_AT_ONCE", 126 * 128)

    def beyond_kept(count: int) -> int:
        painted, wanted, matte = pictures(count, 126)
        with LiveTensors() as live:
            FaceLoss(EVERYTHING, 0.1)(Painting((painted,)), Batch(wanted, wanted, matte))
        return live.peak - painted.nbytes

    assert beyond_kept(8) < beyond_kept(2) + 6 * 4 * 126 * 128 * 4
