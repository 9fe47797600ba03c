"""Mattes from landmarks: where the face is, softly and for certain."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from understudy.compiled import compiled
from understudy.geometry import Box, Points, Transform, apply_transform, bounds_of_points, compose, inverse

__all__ = ["FACE_OVAL", "Mattes", "draw_mattes", "matte_bounds"]

FACE_OVAL: tuple[int, ...] = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)
"""Landmarks around the face, from the top of the forehead clockwise in the picture."""

_OUTSIDE = 0.01
_INSIDE = 0.05
_CORE = 0.06
_BORDER = 0.04
_TILE = 16

Matte = npt.NDArray[np.float32]
"""(H, W) float32, 0..1."""


@dataclass(frozen=True, eq=False)
class Mattes:
    """The mattes of one face over some pixels.

    Attributes:
        soft: (H, W) float32 0..1: coverage, 0 outside the face and 1 inside, with a wide feather between.
        core: (H, W) float32 0..1: solid inside, where `soft` is 1.
    """

    soft: Matte
    core: Matte

    @property
    def edge(self) -> Matte:
        """(H, W) float32 0..1: 1 where `soft` is a half, 0 where it is 0 or 1."""
        return 4 * self.soft * (1 - self.soft)

    def extent(self, box: Box) -> Box:
        """The smallest part of the drawn `box` that holds all of the soft matte; may be empty."""
        rows, columns = np.flatnonzero(self.soft.any(axis=1)), np.flatnonzero(self.soft.any(axis=0))
        if not len(rows):
            return Box(box.left, box.top, box.left, box.top)
        return Box(
            box.left + int(columns[0]),
            box.top + int(rows[0]),
            box.left + int(columns[-1]) + 1,
            box.top + int(rows[-1]) + 1,
        )


def draw_mattes(landmarks_plate: Points, aligned_from_plate: Transform, to_plate: Transform, box: Box) -> Mattes:
    """The mattes of a face, drawn at the resolution in which they are needed.

    The feather runs from 1 % of the square outside the face oval to 5 % inside. Near the border of the square, beyond
    which the model sees nothing, the matte fades out. Distances are exact and measured in the square, so that a face
    looks the same in its crop and in a plate of any pixel aspect.

    Args:
        landmarks_plate: (478, 2) plate pixels.
        aligned_from_plate: The face's alignment.
        to_plate: Takes the pixels to draw to plate pixels: `plate_from_crop`, or the identity for the plate itself.
        box: The pixels to draw.

    Returns:
        Mattes of shape (box.height, box.width).
    """
    oval = apply_transform(aligned_from_plate, landmarks_plate[list(FACE_OVAL)])
    pixels_from_index = np.array([[1.0, 0.0, box.left + 0.5], [0.0, 1.0, box.top + 0.5]])
    aligned_from_index = compose(aligned_from_plate, to_plate, pixels_from_index)
    soft, core = np.empty((2, box.height, box.width), np.float32)
    _fill_mattes(_edges(oval), aligned_from_index, soft, core)
    return Mattes(soft, core)


def matte_bounds(landmarks_plate: Points, aligned_from_plate: Transform) -> Box:
    """Plate pixels beyond which a face has no matte."""
    oval = landmarks_plate[list(FACE_OVAL)]
    plate_from_aligned = inverse(aligned_from_plate)
    reach = math.ceil(_OUTSIDE * float(np.abs(plate_from_aligned[:, :2]).sum(axis=1).max()))
    return bounds_of_points(oval).grown(reach)


def _edges(outline: Points) -> Points:
    """(N, 5) float64 of a closed outline (N, 2): start, way to the next point, and 1 / its length squared or 0."""
    ways = np.roll(outline, -1, axis=0) - outline
    squares = (ways**2).sum(axis=1)
    return np.column_stack([outline, ways, np.divide(1, squares, out=np.zeros_like(squares), where=squares > 0)])


@compiled
def _fill_mattes(edges: Points, aligned_from_index: Transform, soft: Matte, core: Matte) -> None:
    """Fills both mattes, square by square.

    No distance changes faster than the place does: where a square's middle lies further from feather and border than
    its corners do from its middle, the whole square is 0 or 1. Elsewhere only the edges that can be the nearest are
    asked.
    """
    height, width = soft.shape
    corner = (
        _TILE
        / 2
        * np.sqrt(
            (abs(aligned_from_index[0, 0]) + abs(aligned_from_index[0, 1])) ** 2
            + (abs(aligned_from_index[1, 0]) + abs(aligned_from_index[1, 1])) ** 2
        )
    )
    distances, near = np.empty(len(edges)), np.empty(edges.shape)
    for top in range(0, height, _TILE):
        for left in range(0, width, _TILE):
            bottom, right = min(top + _TILE, height), min(left + _TILE, width)
            x, y = _aligned(aligned_from_index, left + (_TILE - 1) / 2, top + (_TILE - 1) / 2)
            for edge in range(len(edges)):
                distances[edge] = math.sqrt(_squared_distance(edges[edge], x, y))
            nearest, inside = distances.min(), _is_inside(edges, x, y)
            signed = nearest if inside else -nearest
            to_border = min(0.5 - abs(x - 0.5), 0.5 - abs(y - 0.5))
            if signed < -_OUTSIDE - corner or to_border < -corner:
                soft[top:bottom, left:right] = 0
                core[top:bottom, left:right] = 0
            elif signed > _CORE + corner and to_border > _BORDER + corner:
                soft[top:bottom, left:right] = 1
                core[top:bottom, left:right] = 1
            else:
                count = 0
                for edge in range(len(edges)):
                    if distances[edge] <= nearest + 2 * corner:
                        near[count] = edges[edge]
                        count += 1
                for row in range(top, bottom):
                    for column in range(left, right):
                        x, y = _aligned(aligned_from_index, column, row)
                        if nearest <= corner:
                            inside = _is_inside(edges, x, y)
                        soft[row, column], core[row, column] = _matte_at(near[:count], inside, x, y)


@compiled
def _matte_at(edges: Points, inside: bool, x: float, y: float) -> tuple[float, float]:
    """Soft and core matte at one place of the unit square."""
    square = np.inf
    for edge in range(len(edges)):
        square = min(square, _squared_distance(edges[edge], x, y))
    distance = math.sqrt(square) if inside else -math.sqrt(square)
    to_border = min(0.5 - abs(x - 0.5), 0.5 - abs(y - 0.5))
    soft = _ramp(-_OUTSIDE, _INSIDE, distance) * _ramp(0.0, _BORDER, to_border)
    return soft, (_ramp(_INSIDE, _CORE, distance) if to_border >= _BORDER else 0.0)


@compiled
def _aligned(aligned_from_index: Transform, column: float, row: float) -> tuple[float, float]:
    return (
        aligned_from_index[0, 0] * column + aligned_from_index[0, 1] * row + aligned_from_index[0, 2],
        aligned_from_index[1, 0] * column + aligned_from_index[1, 1] * row + aligned_from_index[1, 2],
    )


@compiled
def _squared_distance(edge: npt.NDArray[np.float64], x: float, y: float) -> float:
    """From a place to the nearest point of an edge."""
    across, down = x - edge[0], y - edge[1]
    share = min(max((across * edge[2] + down * edge[3]) * edge[4], 0.0), 1.0)
    across, down = across - share * edge[2], down - share * edge[3]
    return float(across * across + down * down)


@compiled
def _is_inside(edges: Points, x: float, y: float) -> bool:
    """Whether a ray to the right crosses the outline an odd number of times."""
    inside = False
    for edge in range(len(edges)):
        first, second = edges[edge, 1], edges[edge, 1] + edges[edge, 3]
        if (first > y) != (second > y) and x < edges[edge, 0] + (y - first) / (second - first) * edges[edge, 2]:
            inside = not inside
    return inside


@compiled
def _ramp(start: float, end: float, value: float) -> float:
    """0 up to `start`, 1 from `end`, the cubic 3t^2 - 2t^3 between."""
    t = min(max((value - start) / (end - start), 0.0), 1.0)
    return t * t * (3 - 2 * t)
