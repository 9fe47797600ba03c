from __future__ import annotations

import numpy as np
import pytest
import torch

from understudy.errors import SettingsError
from understudy.settings.training import TrainingSettings
from understudy.training.sampling import chances, drawn_faces

POSES = np.array([[1, 1], [2, 2], [3, 8], [45, 1], [46, -35]], np.float32)


def draws(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_every_yaw_comes_as_often() -> None:
    np.testing.assert_allclose(chances(POSES[:, :1]), [1 / 6, 1 / 6, 1 / 6, 1 / 4, 1 / 4])


def test_every_pose_comes_as_often() -> None:
    np.testing.assert_allclose(chances(POSES), [1 / 9, 1 / 9, 1 / 9, 1 / 3, 1 / 3])


@pytest.mark.parametrize(("balance", "expected"), [("none", 0.4), ("yaw", 0.5), ("pose", 2 / 3)])
def test_faces_are_drawn_by_their_chances(balance: str, expected: float) -> None:
    drawn = drawn_faces(5, POSES, TrainingSettings(batch=256, balance=balance), draws())
    assert np.mean(drawn >= 3) == pytest.approx(expected, abs=0.08)


def test_poses_that_are_not_known_cannot_be_balanced() -> None:
    with pytest.raises(SettingsError, match="balance=yaw needs poses"):
        drawn_faces(5, None, TrainingSettings(balance="yaw"), draws())
