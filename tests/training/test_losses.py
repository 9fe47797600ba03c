"""The loss: zero for what is right, and blind to nothing inside the matte."""

from __future__ import annotations

import numpy as np
import torch
from skimage.metrics import structural_similarity as reference_ssim

from understudy.training.losses import FaceLoss, structural_similarity


def test_a_perfect_face_costs_nothing() -> None:
    face = torch.rand(2, 3, 32, 32)
    assert FaceLoss(1.0, 1.0, 0.1)(face, face, torch.ones(2, 1, 32, 32)).abs() < 1e-5


def test_structural_similarity_is_that_of_the_paper() -> None:
    draws = np.random.default_rng(2)
    first = draws.uniform(0.2, 0.6, (40, 40)).astype(np.float32)
    second = first + draws.normal(0.0, 0.05, first.shape).astype(np.float32)
    _, expected = reference_ssim(
        first, second, data_range=0.5, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True
    )
    ours = structural_similarity(*(torch.from_numpy(picture)[None, None] for picture in (first, second)))
    np.testing.assert_allclose(ours[0, 0, 6:-6, 6:-6], expected[6:-6, 6:-6], atol=1e-4)


def test_pixels_outside_the_matte_count_by_their_weight() -> None:
    wanted, matte = torch.zeros(1, 3, 20, 20), torch.zeros(1, 1, 20, 20)
    matte[..., :10] = 1.0
    inside, outside = wanted.clone(), wanted.clone()
    inside[..., :10] = 0.1
    outside[..., 10:] = 0.1
    loss = FaceLoss(0.0, 1.0, 0.25)
    torch.testing.assert_close(loss(outside, wanted, matte) / loss(inside, wanted, matte), torch.tensor(0.25))


def test_a_small_matte_counts_as_much_as_a_large_one() -> None:
    wanted = torch.zeros(1, 3, 20, 20)
    small, large = torch.zeros(1, 1, 20, 20), torch.ones(1, 1, 20, 20)
    small[..., 8:12, 8:12] = 1.0
    loss = FaceLoss(0.0, 1.0, 0.0)
    torch.testing.assert_close(loss(wanted + 0.1, wanted, small), loss(wanted + 0.1, wanted, large))


def test_a_face_without_a_matte_costs_a_number() -> None:
    face = torch.rand(1, 3, 32, 32)
    assert torch.isfinite(FaceLoss(1.0, 1.0, 0.0)(face, face + 0.1, torch.zeros(1, 1, 32, 32)))
