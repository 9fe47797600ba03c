"""The training space in PyTorch; that it is OCIO's is held in tests/color."""

from __future__ import annotations

import numpy as np
import torch

from understudy.training.codes import codes_from_light, light_from_codes, relit


def test_one_stop_more_light_doubles_the_scene() -> None:
    # grey 0.18 and its double, by the curve's formula in double precision
    codes = 0.0715897142 * np.log2(np.array([0.18, 0.36]) + 0.012) + 0.5704423511
    grey = torch.full((1, 3, 2, 2), codes[0], dtype=torch.float32)
    torch.testing.assert_close(relit(grey, torch.ones_like(grey)), torch.full_like(grey, codes[1]))


def test_light_below_zero_is_relit_as_light() -> None:
    light = torch.tensor([[[[-0.05, -0.001, 0.0, 0.001]]]])
    relit_light = light_from_codes(relit(codes_from_light(light), torch.ones_like(light)))
    torch.testing.assert_close(relit_light, 2 * light, atol=1e-7, rtol=1e-5)


def test_no_more_light_leaves_codes_as_they_are() -> None:
    codes = torch.linspace(-0.5, 1.5, 4096)
    torch.testing.assert_close(relit(codes, torch.zeros_like(codes)), codes, atol=5e-7, rtol=0.0)
