"""Soft shadows of one light, by a depth map seen from the light (Williams, "Casting Curved Shadows", 1978).

Softened by percentage-closer filtering (Reeves et al., 1987) with twelve taps on a disc that is turned at random.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from understudy.synthetic.falloff import Floats
from understudy.synthetic.figure import Figure, Part
from understudy.synthetic.lighting import Light
from understudy.synthetic.raster import rasterize

__all__ = ["lit_share"]

_MAP_SIZE = 768
_TAPS = 12
_GOLDEN_ANGLE = 2.39996
_SURFACE_OFFSET = 0.10
_DEPTH_BIAS = 0.14
_LOWEST_FRAMED = -22.0


def lit_share(figure: Figure, light: Light, position: Floats, normal: Floats) -> npt.NDArray[np.float32]:
    """How much of the light reaches each point.

    Args:
        figure: What casts the shadow; eyes do not, because lids lie closer to them than the map can tell.
        light: Where the light comes from.
        position: (N, 3) float32 world points.
        normal: (N, 3) float32 unit normals there.

    Returns:
        (N,) float32, 0 in shadow to 1 in the light.
    """
    axes = _axes_from_direction(light.direction)
    in_light = figure.vertices @ axes
    framed = in_light[figure.vertices[:, 1] > _LOWEST_FRAMED, :2]
    low, high = framed.min(axis=0) - 1, framed.max(axis=0) + 1
    scale = _MAP_SIZE / (high - low).max()
    texels = (in_light[:, :2] - low) * scale * [1, -1] + [0, _MAP_SIZE]
    casting = figure.triangles[figure.parts != Part.EYE]
    _, depth_map = rasterize(texels, -in_light[:, 2], casting, _MAP_SIZE, _MAP_SIZE)

    at = (position + normal * _SURFACE_OFFSET) @ axes
    x, y = (at[:, 0] - low[0]) * scale, _MAP_SIZE - (at[:, 1] - low[1]) * scale
    radius = (1.2 + light.softness * 9) * scale * 0.06 + 0.8
    return _filtered(depth_map, x, y, -at[:, 2] - _DEPTH_BIAS, radius)


def _axes_from_direction(direction: Floats) -> npt.NDArray[np.float32]:
    """(3, 3) columns: right, up and towards the light."""
    towards = direction / np.linalg.norm(direction)
    right = np.cross([0, 1.0, 0], towards)
    right /= np.linalg.norm(right)
    return np.asarray(np.stack([right, np.cross(towards, right), towards], axis=1), np.float32)


def _filtered(
    depth_map: npt.NDArray[np.float32], x: Floats, y: Floats, depth: Floats, radius: float
) -> npt.NDArray[np.float32]:
    last = depth_map.shape[0] - 1
    lit = np.zeros(len(x), np.float32)
    turn = np.random.RandomState(0).rand(len(x)).astype(np.float32) * 6.283
    for tap in range(_TAPS):
        distance = radius * np.sqrt((tap + 0.5) / _TAPS)
        angle = tap * _GOLDEN_ANGLE + turn
        column = np.clip(x + distance * np.cos(angle), 0, last).astype(np.int32)
        row = np.clip(y + distance * np.sin(angle), 0, last).astype(np.int32)
        lit += depth_map[row, column] > depth
    return np.asarray(lit / _TAPS, np.float32)
