"""Haar wavelets lose nothing and sort detail by how fine it is."""

from __future__ import annotations

import pytest
import torch

from understudy.model.haar import haar_from_pixels, pixels_from_haar


@pytest.mark.parametrize("side", [2, 4, 8])
def test_pixels_come_back_from_their_wavelets(side: int) -> None:
    pictures = torch.rand(2, 3, 16, 24, dtype=torch.float64) * 9.0 - 1.0
    wavelets = haar_from_pixels(pictures, side)
    assert wavelets.shape == (2, 3 * side**2, 16 // side, 24 // side)
    torch.testing.assert_close(pixels_from_haar(wavelets, side), pictures)


def test_an_even_picture_has_no_detail() -> None:
    wavelets = haar_from_pixels(torch.full((1, 3, 8, 8), 0.7), 4)
    torch.testing.assert_close(wavelets[:, :3], torch.full((1, 3, 2, 2), 0.7))
    assert float(wavelets[:, 3:].abs().max()) < 1e-6


def test_the_finest_detail_comes_last() -> None:
    stripes = torch.tensor([0.0, 1.0]).repeat(4).expand(1, 1, 8, 8)
    wavelets = haar_from_pixels(stripes, 4)
    assert not wavelets[:, 1:4].any()  # the coarse octave
    assert float(wavelets[:, 4:].abs().max()) > 0.0
