"""Each loss against its formula, computed another way."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from skimage.metrics import structural_similarity as reference_ssim

from understudy.training.losses.detail import focal_frequency_loss, gradient_loss
from understudy.training.losses.pixels import charbonnier_loss, l2_loss, log_cosh_loss
from understudy.training.losses.structural import ms_ssim_loss, structural_similarity

Faces = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]


@pytest.fixture
def faces() -> Faces:
    """Two pictures (48, 40), the second a disturbed copy of the first."""
    draws = np.random.default_rng(2)
    first = draws.uniform(0.2, 0.6, (48, 40)).astype(np.float32)
    return first, first + draws.normal(0.0, 0.05, first.shape).astype(np.float32)


def tensors(faces: Faces) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    first, second = (torch.from_numpy(picture)[None, None].expand(1, 3, -1, -1) for picture in faces)
    return first, second, torch.full((1, 1, *first.shape[2:]), 1.0 / first[0, 0].numel())


def test_structural_similarity_is_that_of_the_paper(faces: Faces) -> None:
    _, expected = reference_ssim(
        *faces, data_range=0.5, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True
    )
    first, second, _ = tensors(faces)
    ours = structural_similarity(first, second)
    np.testing.assert_allclose(ours[0, 0, 6:-6, 6:-6], expected[6:-6, 6:-6], atol=1e-4)


def test_ms_ssim_is_the_product_of_its_scales(faces: Faces) -> None:
    def terms(first: torch.Tensor, second: torch.Tensor) -> tuple[float, float]:
        """Mean SSIM, and mean of its contrast and structure term: SSIM over its luminance term."""
        whole, contrast = (
            structural_similarity(first, second, with_luminance=with_luminance) for with_luminance in (True, False)
        )
        return float(whole.mean()), float(contrast.mean())

    first, second, share = tensors(faces)
    fine, coarse = terms(first, second), terms(*(torch.nn.functional.avg_pool2d(face, 2) for face in (first, second)))
    # 40 px hold the window of 11 px at two scales; their weights share all
    weights = np.array([0.0448, 0.2856]) / (0.0448 + 0.2856)
    expected = 1 - fine[1] ** weights[0] * coarse[0] ** weights[1]
    assert float(ms_ssim_loss(first, second, share)) == pytest.approx(expected, rel=1e-4)


def test_ms_ssim_of_opposites_is_a_number() -> None:
    face = torch.rand(1, 3, 32, 32)
    painted = (1.0 - face).requires_grad_()
    loss = ms_ssim_loss(painted, face, torch.full((1, 1, 32, 32), 1 / 1024))
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(painted.grad).all()


def test_pixel_losses_are_their_formulas(faces: Faces) -> None:
    x = 10.0 * (faces[1].astype(np.float64) - faces[0])
    first, second, share = tensors(faces)
    assert float(l2_loss(second, first, share)) == pytest.approx(np.mean(x**2), rel=1e-4)
    assert float(log_cosh_loss(second, first, share)) == pytest.approx(np.mean(np.log(np.cosh(x))), rel=1e-4)
    assert float(charbonnier_loss(second, first, share)) == pytest.approx(np.mean(np.hypot(x, 0.01) - 0.01), rel=1e-4)


def test_log_cosh_bears_any_difference() -> None:
    assert float(log_cosh_loss(torch.full((1, 3, 1, 1), 50.0), torch.zeros(1, 3, 1, 1), torch.ones(1, 1, 1, 1))) == (
        pytest.approx(500.0 - np.log(2.0))
    )


def test_gradient_loss_sees_steps_and_no_level(faces: Faces) -> None:
    x = 10.0 * (faces[1].astype(np.float64) - faces[0])
    first, second, share = tensors(faces)
    expected = (np.abs(np.diff(x, axis=0)).sum() + np.abs(np.diff(x, axis=1)).sum()) / x.size
    assert float(gradient_loss(second, first, share)) == pytest.approx(expected, rel=1e-4)
    assert float(gradient_loss(first + 0.3, first, share)) == pytest.approx(0.0, abs=1e-5)


@pytest.mark.parametrize("width", [39, 40])
def test_focal_frequency_loss_is_that_of_the_whole_spectrum(faces: Faces, width: int) -> None:
    narrow = tuple(face[:, :width] for face in faces)
    spectrum = np.fft.fft2(10.0 * (narrow[1].astype(np.float64) - narrow[0]), norm="ortho")
    weight = np.abs(spectrum) / np.abs(spectrum).max()
    expected = np.mean(weight * np.abs(spectrum) ** 2)
    first, second, share = tensors(narrow)
    assert float(focal_frequency_loss(second, first, share)[0]) == pytest.approx(expected, rel=1e-4)
