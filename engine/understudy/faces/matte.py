"""Mattes of a face: drawn from landmarks, or given, and multiplied by what an artist made; softly and for certain."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from understudy.compiled import compiled
from understudy.faces.outline import DEFAULT, face_outline
from understudy.geometry import Box, Points, Transform, apply_transform, bounds_of_points, compose, inverse
from understudy.resample import resample, source_region
from understudy.settings.matte import MatteSettings

__all__ = ["DRAWN", "Matte", "MatteRule", "Mattes", "PlateMatte", "draw_mattes", "matte_bounds"]

_CORE_GAP = 0.01
_BORDER = 0.04
_SOLID = (0.98, 0.995)
_TILE = 16

_SQUARE: Points = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
_EVERYWHERE = Box(-(1 << 24), -(1 << 24), 1 << 24, 1 << 24)

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

    def times(self, *factors: Matte) -> Mattes:
        """These mattes multiplied by others (H, W), 0..1; the core stays where all of them are solid."""
        soft, core = self.soft, self.core
        for factor in factors:
            soft = soft * factor
            core = core * np.clip((factor - _SOLID[0]) / (_SOLID[1] - _SOLID[0]), 0, 1, dtype=np.float32)
        return Mattes(soft, core)

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


@dataclass(frozen=True, eq=False)
class PlateMatte:
    """A matte that lies in the plate.

    Attributes:
        values: (H, W) float32 0..1.
        box: The plate's pixels that they are of.
        beyond: 0..1: what every other pixel of the plate has.
    """

    values: Matte
    box: Box
    beyond: float = 0.0

    def over(self, box: Box) -> Matte:
        """(box.height, box.width) float32 of these pixels of the plate."""
        whole = np.full((box.height, box.width), self.beyond, np.float32)
        shared = self.box.intersect(box)
        if not shared.is_empty:
            whole[shared.slices(box)] = self.values[shared.slices(self.box)]
        return whole

    def seen(self, to_plate: Transform, box: Box) -> Matte:
        """(box.height, box.width) float32 of pixels that `to_plate` takes to the plate's."""
        if np.array_equal(to_plate, np.eye(3)[:2]):
            return self.over(box)
        region = source_region(to_plate, box, _EVERYWHERE)
        values = resample(self.over(region)[..., None], region, to_plate, box)[..., 0]
        return np.asarray(np.clip(values, 0, 1), np.float32)


@dataclass(frozen=True, eq=False)
class MatteRule:
    """How the mattes of one face in one frame come about.

    Attributes:
        settings: Of the drawing, and what is taken.
        learned: Stands for the drawn matte; None where the shot has learned none.
        times: What the matte is multiplied by: an artist's roto, or where nothing covers the face; None for 1.
    """

    settings: MatteSettings = DEFAULT
    learned: PlateMatte | None = None
    times: PlateMatte | None = None

    def mattes(
        self,
        landmarks_plate: Points,
        aligned_from_plate: Transform,
        to_plate: Transform,
        box: Box,
        model: Matte | None = None,
    ) -> Mattes:
        """The mattes of a face.

        Args:
            landmarks_plate: (478, 2) plate pixels.
            aligned_from_plate: The face's alignment, as it is drawn.
            to_plate: Takes the pixels to draw to plate pixels: `plate_from_crop`, or the identity for the plate itself.
            box: The pixels to draw.
            model: (box.height, box.width) float32 0..1, the model's own matte there; None where it has none.

        Returns:
            Mattes of shape (box.height, box.width).
        """
        is_model = model is not None and self.settings.taken_from == "model"
        factors: list[Matte] = []
        if self.learned is None and not is_model:
            drawn = draw_mattes(landmarks_plate, aligned_from_plate, to_plate, box, self.settings)
        else:
            # what a network says ends softly where its picture ends, and has no feather of ours
            fade = np.empty((box.height, box.width), np.float32)
            _fill_fade(_aligned_from_index(aligned_from_plate, to_plate, box), fade)
            drawn = Mattes(fade, fade)
            factors += [self.learned.seen(to_plate, box)] if self.learned is not None and not is_model else []
        factors += [model] if model is not None and self.settings.taken_from != "landmarks" else []
        factors += [self.times.seen(to_plate, box)] if self.times is not None else []
        return drawn.times(*factors)

    def bounds(self, landmarks_plate: Points, aligned_from_plate: Transform) -> Box:
        """Plate pixels beyond which a face has no matte."""
        if self.learned is None and self.settings.taken_from != "model":
            return matte_bounds(landmarks_plate, aligned_from_plate, self.settings)
        return bounds_of_points(apply_transform(inverse(aligned_from_plate), _SQUARE))


DRAWN = MatteRule()
"""By the landmarks alone, with settings as they are when nothing is said."""


def draw_mattes(
    landmarks_plate: Points,
    aligned_from_plate: Transform,
    to_plate: Transform,
    box: Box,
    settings: MatteSettings = DEFAULT,
) -> Mattes:
    """The mattes of a face by its landmarks alone, drawn at the resolution in which they are needed.

    The matte is a half on the outline (`face_outline`, moved by `settings.grow`) and changes to both sides of it as the
    feathers say. The core begins 1 % of the square inside of where the matte is solid. Near the border of the square,
    beyond which the model sees nothing, both fade out. Distances are exact and measured in the square, so that a face
    looks the same in its crop and in a plate of any pixel aspect.

    Args:
        landmarks_plate: (478, 2) plate pixels.
        aligned_from_plate: The face's alignment.
        to_plate: Takes the pixels to draw to plate pixels: `plate_from_crop`, or the identity for the plate itself.
        box: The pixels to draw.
        settings: Outline and feather.

    Returns:
        Mattes of shape (box.height, box.width).
    """
    outline = face_outline(landmarks_plate, aligned_from_plate, settings)
    soft, core = np.empty((2, box.height, box.width), np.float32)
    aligned_from_index = _aligned_from_index(aligned_from_plate, to_plate, box)
    _fill_mattes(_edges(outline), aligned_from_index, _ramps(settings), soft, core)
    return Mattes(soft, core)


def matte_bounds(landmarks_plate: Points, aligned_from_plate: Transform, settings: MatteSettings = DEFAULT) -> Box:
    """Plate pixels beyond which a face has no drawn matte."""
    plate_from_aligned = inverse(aligned_from_plate)
    outline = apply_transform(plate_from_aligned, face_outline(landmarks_plate, aligned_from_plate, settings))
    reach = -_ramps(settings)[0] * float(np.abs(plate_from_aligned[:, :2]).sum(axis=1).max())
    return bounds_of_points(outline).grown(max(0, math.ceil(reach)))


def _ramps(settings: MatteSettings) -> tuple[float, float, float, float]:
    """Distances inwards from the outline, as shares of the square: where the matte is 0, a half, 1, and the core is."""
    half = -settings.grow / 100
    solid = half + settings.feather_in / 100
    return half - settings.feather_out / 100, half, solid, solid + _CORE_GAP


def _aligned_from_index(aligned_from_plate: Transform, to_plate: Transform, box: Box) -> Transform:
    pixels_from_index = np.array([[1.0, 0.0, box.left + 0.5], [0.0, 1.0, box.top + 0.5]])
    return compose(aligned_from_plate, to_plate, pixels_from_index)


def _edges(outline: Points) -> Points:
    """(N, 5) float64 of a closed outline (N, 2): start, way to the next point, and 1 / its length squared or 0."""
    ways = np.roll(outline, -1, axis=0) - outline
    squares = (ways**2).sum(axis=1)
    return np.column_stack([outline, ways, np.divide(1, squares, out=np.zeros_like(squares), where=squares > 0)])


@compiled
def _fill_mattes(
    edges: Points, aligned_from_index: Transform, ramps: tuple[float, float, float, float], soft: Matte, core: Matte
) -> None:
    """Fills both mattes, tile by tile.

    No distance changes faster than the place does: where a tile's middle lies further from feather and border than its
    corners do from its middle, the whole tile is 0 or 1. Elsewhere only the edges that can be the nearest are asked.
    """
    height, width = soft.shape
    outside, solid = ramps[0], ramps[3]
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
            if signed < outside - corner or to_border < -corner:
                soft[top:bottom, left:right] = 0
                core[top:bottom, left:right] = 0
            elif signed > solid + corner and to_border > _BORDER + corner:
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
                        soft[row, column], core[row, column] = _matte_at(near[:count], ramps, inside, x, y)


@compiled
def _fill_fade(aligned_from_index: Transform, fade: Matte) -> None:
    """Fills a matte that is 1 but near the border of the square."""
    for row in range(fade.shape[0]):
        for column in range(fade.shape[1]):
            x, y = _aligned(aligned_from_index, column, row)
            fade[row, column] = _ramp(0.0, _BORDER, min(0.5 - abs(x - 0.5), 0.5 - abs(y - 0.5)))


@compiled
def _matte_at(
    edges: Points, ramps: tuple[float, float, float, float], inside: bool, x: float, y: float
) -> tuple[float, float]:
    """Soft and core matte at one place of the unit square."""
    square = np.inf
    for edge in range(len(edges)):
        square = min(square, _squared_distance(edges[edge], x, y))
    distance = math.sqrt(square) if inside else -math.sqrt(square)
    to_border = min(0.5 - abs(x - 0.5), 0.5 - abs(y - 0.5))
    # one cubic when both feathers are alike, else a half of one on each side, which meet in value
    span = ramps[1] - ramps[0] if distance < ramps[1] else ramps[2] - ramps[1]
    soft = _ramp(ramps[1] - span, ramps[1] + span, distance) * _ramp(0.0, _BORDER, to_border)
    return soft, (_ramp(ramps[2], ramps[3], distance) if to_border >= _BORDER else 0.0)


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
