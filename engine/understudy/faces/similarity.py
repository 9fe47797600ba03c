"""How alike two crops of one identity are: their light, small and with exposure taken out, and their landmarks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from understudy.faces.face import Alignment
from understudy.faces.quality import LOOK_SIDE, STOPS_PER_LOOK, Measures
from understudy.geometry import apply_transform

__all__ = ["alike_groups", "likeness", "nearest_crops", "similarity_of"]

_LIGHT_WEIGHT = 10.0
_SHAPE_WEIGHT = 100.0
"""A tenth of a stop (root mean square over the face) counts as much as a hundredth of the square (over the
landmarks): about what a small change of expression does to both."""

_EVERY_LANDMARK = 6
"""All over the face, since the mesh is numbered in patches; the rest would say the same."""

_BLOCK = 512

Likeness = npt.NDArray[np.float32]
"""(N, F) float32, one row for each crop: Euclidean distances between rows are what `similarity_of` takes."""


def likeness(crops: Sequence[tuple[Alignment, Measures]]) -> Likeness:
    """Where each crop lies among all looks that a face can have; distances count tenths of a stop and per cents."""
    y, x = (np.mgrid[0:LOOK_SIDE, 0:LOOK_SIDE] + 0.5) / LOOK_SIDE - 0.5
    inside = (x / 0.34) ** 2 + (y / 0.40) ** 2 <= 1  # the face in the square: what is behind it may change freely
    light = np.array([measures.look[inside] for _, measures in crops], np.float32) * STOPS_PER_LOOK
    shape = np.array(
        [
            apply_transform(alignment.aligned_from_plate, alignment.landmarks_plate[:468:_EVERY_LANDMARK]).ravel()
            for alignment, _ in crops
        ],
        np.float32,
    )
    light, shape = light.reshape(len(crops), -1), shape.reshape(len(crops), -1)
    light *= _LIGHT_WEIGHT / max(1.0, np.sqrt(light.shape[1]))
    shape *= _SHAPE_WEIGHT / max(1.0, np.sqrt(shape.shape[1] / 2))
    return np.hstack([light, shape])


def similarity_of(distance: float) -> float:
    """0..1 of a distance between two rows of `likeness`: 1 the same face twice, 0.5 at a distance of 1."""
    return 1.0 / (1.0 + distance)


def nearest_crops(rows: Likeness) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.intp]]:
    """How far each crop (N,) is from the one most like it, and which that is (N,); infinitely far for one alone."""
    count = len(rows)
    distances, places = np.full(count, np.inf, np.float32), np.zeros(count, np.intp)
    for start in range(0, count, _BLOCK):
        block = slice(start, min(start + _BLOCK, count))
        between = _distances(rows[block], rows)
        between[np.arange(block.stop - start), np.arange(start, block.stop)] = np.inf
        places[block] = between.argmin(axis=1)
        distances[block] = between.min(axis=1)
    return distances, places


def alike_groups(rows: Likeness, similarity: float, best_first: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    """Groups of crops that are as good as the same; each begins with the one that is worth keeping.

    Going through the crops, best first, each takes with it those that are at least so similar to it and were not taken
    yet. So all of a group are like its first, and a slow turn of the head does not become one group through its steps.

    Args:
        rows: Of `likeness`.
        similarity: 0..1, as `similarity_of`.
        best_first: Places of all crops, the best first.

    Returns:
        Groups of two and more, as places, in the order of their first.
    """
    reach, count = 1.0 / max(similarity, 1e-6) - 1.0, len(rows)
    alike: list[npt.NDArray[np.intp]] = []
    for start in range(0, count, _BLOCK):
        alike += [np.flatnonzero(row <= reach) for row in _distances(rows[start : start + _BLOCK], rows)]
    is_free = np.ones(count, bool)
    groups = []
    for place in best_first:
        if is_free[place]:
            is_free[place] = False
            taken = alike[place][is_free[alike[place]]]
            is_free[taken] = False
            groups += [(int(place), *taken.tolist())] if len(taken) else []
    return tuple(groups)


def _distances(some: Likeness, others: Likeness) -> Likeness:
    """(N, M) Euclidean distances. Rows are centred first: the square of a difference is lost beside that of a mean."""
    middle = others.mean(axis=0) if len(others) else 0.0
    some, others = some - middle, others - middle
    squares = (some**2).sum(axis=1)[:, None] + (others**2).sum(axis=1) - 2 * some @ others.T
    return np.asarray(np.sqrt(np.maximum(squares, 0.0)), np.float32)
