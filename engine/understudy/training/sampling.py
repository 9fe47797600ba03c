"""Which faces of a faceset a batch is drawn from."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from understudy.errors import SettingsError
from understudy.settings.training import TrainingSettings

__all__ = ["chances", "drawn_faces"]

_CELL_DEGREES = 10.0
"""Faces whose angles lie in the same ten degrees count as of one pose."""


def drawn_faces(
    count: int, poses: npt.NDArray[np.float32] | None, settings: TrainingSettings, draws: torch.Generator
) -> npt.NDArray[np.int64]:
    """Which faces a batch shows: (batch,) indices, drawn with replacement.

    Args:
        count: How many faces there are.
        poses: (count, 2) yaw and pitch in degrees; None where they are not known.
        settings: Batch and balance.
        draws: Advanced by what is drawn.

    Raises:
        SettingsError: There are no faces, or poses are to be balanced and not known.
    """
    if count == 0:
        raise SettingsError("There are no faces to learn from.")
    if settings.balance == "none":
        return torch.randint(count, (settings.batch,), generator=draws).numpy()
    if poses is None:
        raise SettingsError(
            f"training.balance={settings.balance} needs poses, which these faces do not have. Set it to none."
        )
    angles = poses[:, :1] if settings.balance == "yaw" else poses
    places = torch.rand(settings.batch, generator=draws, dtype=torch.float64).numpy()
    # the sum may fall short of 1 by a rounding
    return np.searchsorted(np.cumsum(chances(angles)), places, side="right").clip(max=count - 1)


def chances(angles: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """How likely each face is to be drawn so that every pose that there is comes as often: (N,) float64, sum 1.

    Args:
        angles: (N, K) degrees, one row a face.
    """
    cells = np.floor(angles / _CELL_DEGREES).astype(np.int64)
    _, cell_of_face, faces_in_cell = np.unique(cells, axis=0, return_inverse=True, return_counts=True)
    weights = 1.0 / faces_in_cell[cell_of_face.reshape(-1)]
    return np.asarray(weights / weights.sum(), np.float64)
