"""A move of a patch, and the map that four pinned corners make."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from understudy.geometry import Box, compose, crop_from_aligned, inverse, square_pixels_from_plate
from understudy.host_files import PatchMove


@pytest.fixture(params=[1.0, 2.0], ids=["square pixels", "anamorphic"])
def move(request: pytest.FixtureRequest) -> PatchMove:
    """Three frames with a hole between, in a display window that does not begin at 0."""
    plate_from_crop = {}
    for number in (1001, 1002, 1005):
        turn, side = np.radians(7.0 * (number - 1000)), 300.0 + number % 10
        cosine, sine = np.cos(turn) / side, np.sin(turn) / side
        aligned_from_square = np.array([[cosine, sine, -0.9], [-sine, cosine, -1.1]])
        aligned_from_plate = compose(aligned_from_square, square_pixels_from_plate(request.param))
        plate_from_crop[number] = inverse(compose(crop_from_aligned(512), aligned_from_plate))
    return PatchMove("sh010.a", 512, Box(10, 20, 1930, 1100), request.param, plate_from_crop)


@pytest.fixture
def pinned() -> Callable[[np.ndarray, np.ndarray], Callable[[np.ndarray], np.ndarray]]:
    """The projective map that takes four points to four others, as a host computes it from a corner pin."""

    def solve(from_points: np.ndarray, to_points: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        rows, values = [], []
        for (x, y), (u, v) in zip(from_points, to_points, strict=True):
            rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
            values += [u, v]
        matrix = np.append(np.linalg.solve(np.array(rows, float), np.array(values, float)), 1.0).reshape(3, 3)

        def apply(points: np.ndarray) -> np.ndarray:
            mapped = np.column_stack([points, np.ones(len(points))]) @ matrix.T
            return mapped[:, :2] / mapped[:, 2:]

        return apply

    return solve
