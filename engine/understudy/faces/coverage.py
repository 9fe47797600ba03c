"""Which head poses a faceset has, on a grid of yaw and pitch, and which it lacks for a shot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["PITCHES", "POSE_REACH", "YAWS", "PoseCell", "cell_of", "out_of_reach", "pose_grid"]

_STEP = 15
YAWS: tuple[int, ...] = tuple(range(-75, 76, _STEP))
"""Middles of the grid's columns in degrees; the outermost hold all that turns further."""

PITCHES: tuple[int, ...] = tuple(range(45, -46, -_STEP))
"""Middles of the grid's rows in degrees, looking up first; the outermost hold all that tilts further."""

POSE_REACH = 15.0
"""Degrees of yaw and pitch together within which one pose stands for another: a cell of the grid."""

Pose = tuple[float, float, float]
"""Yaw, pitch, roll in degrees, as `Alignment.pose`."""


class PoseCell(NamedTuple):
    """A cell of the grid."""

    yaw: int
    """Degrees, one of `YAWS`."""

    pitch: int
    """Degrees, one of `PITCHES`."""


def cell_of(pose: Pose) -> PoseCell:
    """The cell in which a pose lies. Roll does not count: alignment takes it away."""
    return PoseCell(_nearest(pose[0], YAWS), _nearest(pose[1], PITCHES))


def pose_grid(poses: Sequence[Pose]) -> dict[PoseCell, tuple[int, ...]]:
    """Which of the poses lie in each cell, as places in the sequence; every cell is there, from the top left on."""
    members: dict[PoseCell, list[int]] = {PoseCell(yaw, pitch): [] for pitch in PITCHES for yaw in YAWS}
    for index, pose in enumerate(poses):
        members[cell_of(pose)].append(index)
    return {cell: tuple(indices) for cell, indices in members.items()}


def out_of_reach(wanted: npt.NDArray[np.float64], owned: npt.NDArray[np.float64], reach: float) -> npt.NDArray[np.intp]:
    """Places of the wanted values of which no owned one is within reach.

    Args:
        wanted: (N, D), such as yaw and pitch.
        owned: (M, D); may be empty.
        reach: The farthest that two values stand for each other.

    Returns:
        (K,) indices into `wanted`, ascending.
    """
    if not len(owned):
        return np.arange(len(wanted))
    nearest = [float(((owned - one) ** 2).sum(axis=1).min()) for one in wanted]
    return np.flatnonzero(np.array(nearest) > reach**2)


def _nearest(angle: float, middles: Sequence[int]) -> int:
    return min(middles, key=lambda middle: abs(middle - angle))
