"""A z-buffer in numpy: which triangle a sample sees, and where in the triangle.

Triangles are grouped by the size of their bounding box. All candidate samples of a group are tested at once, and the
nearest triangle is found by one `minimum.at` on keys that hold depth in the high bits and the triangle in the low.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from understudy.synthetic.falloff import Floats

__all__ = ["barycentrics", "rasterize"]

_SIZES = np.array([1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 1024, 2048, 4096, 8192])
_CANDIDATES_AT_ONCE = 3_000_000
_EMPTY = np.iinfo(np.int64).max

_Indices = npt.NDArray[np.integer[Any]]


class _Triangles:
    """Triangles in sample space, as corner and two sides."""

    def __init__(self, corners: Floats) -> None:
        self.x, self.y = corners[:, 0, 0], corners[:, 0, 1]
        self.ax, self.ay = corners[:, 1, 0] - self.x, corners[:, 1, 1] - self.y
        self.bx, self.by = corners[:, 2, 0] - self.x, corners[:, 2, 1] - self.y
        self.area: Floats = self.ax * self.by - self.ay * self.bx


def rasterize(
    xy: Floats, depth: Floats, triangles: _Indices, width: int, height: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """What each sample sees; triangles that face away are not seen.

    Args:
        xy: (V, 2) vertices in samples, y down, sample centres at .5.
        depth: (V,) smaller is nearer.
        triangles: (T, 3), counter-clockwise seen from in front with y up.
        width: Samples across.
        height: Samples down.

    Returns:
        The triangle (height, width) int32, -1 where there is none, and its depth (height, width) float32, infinite
        where there is none.
    """
    xy, depth = np.asarray(xy, np.float32), np.asarray(depth, np.float32)
    corners, corner_depth = xy[triangles], depth[triangles]
    shape = _Triangles(corners)
    low = np.maximum(np.ceil(corners.min(axis=1) - 0.5).astype(np.int32), 0)
    high = np.minimum(np.floor(corners.max(axis=1) - 0.5).astype(np.int32), [width - 1, height - 1])
    size = high - low + 1
    seen = np.flatnonzero((size > 0).all(axis=1) & (shape.area < -1e-9))  # with y down, a front face has negative area
    nearest, farthest = float(corner_depth.min()), float(corner_depth.max())
    steps = (2**30 - 1) / max(farthest - nearest, 1e-6)
    keys = np.full(width * height, _EMPTY, np.int64)
    for members, group_width, group_height in _groups(seen, size[seen]):
        row, column = np.divmod(np.arange(group_width * group_height, dtype=np.int32), group_width)
        px = low[members, 0][:, None] + column[None]
        py = low[members, 1][:, None] + row[None]
        inside, u, v = _inside(shape, members, px, py)
        inside &= (px <= high[members, 0][:, None]) & (py <= high[members, 1][:, None])
        which, candidate = np.nonzero(inside)
        if not len(which):
            continue
        owner = members[which]
        first = corner_depth[owner, 0]
        u, v = u[which, candidate], v[which, candidate]
        z = first + u * (corner_depth[owner, 1] - first) + v * (corner_depth[owner, 2] - first)
        quantised = ((z - nearest) * steps).astype(np.int64)
        sample = py[which, candidate].astype(np.int64) * width + px[which, candidate]
        np.minimum.at(keys, sample, (quantised << 32) | owner)
    hit = keys != _EMPTY
    triangle = np.where(hit, keys & 0xFFFFFFFF, -1).astype(np.int32)
    sample_depth = np.where(hit, (keys >> 32) / steps + nearest, np.inf).astype(np.float32)
    return triangle.reshape(height, width), sample_depth.reshape(height, width)


def _groups(members: _Indices, size: _Indices) -> Iterator[tuple[_Indices, int, int]]:
    """Triangles whose boxes fit one group width and height, in batches that fit memory."""
    size_class = np.searchsorted(_SIZES, size[:, 0]) * 64 + np.searchsorted(_SIZES, size[:, 1])
    order = np.argsort(size_class, kind="stable")
    classes, starts = np.unique(size_class[order], return_index=True)
    if not len(classes):
        return
    ends = np.append(starts[1:], len(order))
    for this, start, end in zip(classes, starts, ends, strict=True):
        width, height = int(_SIZES[this // 64]), int(_SIZES[this % 64])
        batch = max(1, _CANDIDATES_AT_ONCE // (width * height))
        for first in range(start, end, batch):
            yield members[order[first : min(first + batch, end)]], width, height


def _inside(
    shape: _Triangles, members: _Indices, px: _Indices, py: _Indices
) -> tuple[npt.NDArray[np.bool_], Floats, Floats]:
    """Whether sample centres (N, S) lie in triangles (N,), and their barycentrics of the second and third corner."""
    x = px + np.float32(0.5) - shape.x[members][:, None]
    y = py + np.float32(0.5) - shape.y[members][:, None]
    inverse_area = (1 / shape.area[members])[:, None]
    u = (x * shape.by[members][:, None] - y * shape.bx[members][:, None]) * inverse_area
    v = (shape.ax[members][:, None] * y - shape.ay[members][:, None] * x) * inverse_area
    return (u >= 0) & (v >= 0) & (u + v <= 1), u, v


def barycentrics(xy: Floats, inverse_depth: Floats, corners: _Indices, x: Floats, y: Floats) -> Floats:
    """Perspective-correct weights (N, 3) float32 of the corners of the triangle that each sample sees.

    A sample at the edge of a triangle may lie a little outside it; weights reach from -0.25 to 1.25.

    Args:
        xy: (V, 2) vertices in samples.
        inverse_depth: (V,) 1 / depth.
        corners: (N, 3) vertices of each sample's triangle.
        x: (N,) samples across.
        y: (N,) samples down.
    """
    shape = _Triangles(xy[corners])
    inverse_area = 1 / shape.area
    right, down = x - shape.x, y - shape.y
    u = (right * shape.by - down * shape.bx) * inverse_area
    v = (shape.ax * down - shape.ay * right) * inverse_area
    weights = np.clip(np.stack([1 - u - v, u, v], axis=1), -0.25, 1.25)
    weights *= inverse_depth[corners]
    weights /= weights.sum(axis=1, keepdims=True)
    return np.asarray(weights, np.float32)
