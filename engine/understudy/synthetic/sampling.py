"""Where a picture is sampled, and how samples become pixels.

Every pixel has 2 x 2 samples for visibility. Where all four see one part at nearly one depth, the pixel is shaded
once, at its centre; elsewhere each sample is shaded. That costs about 1.3 times as much as no antialiasing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from understudy.geometry import Box
from understudy.synthetic.camera import Camera
from understudy.synthetic.falloff import Floats
from understudy.synthetic.figure import Figure
from understudy.synthetic.raster import barycentrics, rasterize

__all__ = ["Samples", "sample_figure"]

_Sample = TypeVar("_Sample", bound=np.generic)

_PER_SIDE = 2
_PER_PIXEL = _PER_SIDE * _PER_SIDE
_FLAT_DEPTH = 0.16
_LANDMARK_CLEARANCE = 0.35


@dataclass(frozen=True, eq=False)
class Samples:
    """What is shaded for one picture, N samples.

    Attributes:
        position: (N, 3) float32, world, cm.
        normal: (N, 3) float32, interpolated, not normalised.
        attributes: (N, 7) float32, columns by `figure.Attribute`.
        part: (N,) int8, `figure.Part`.
        triangle: (N,) the triangle each sample lies in.
        weights: (N, 3) float32 barycentrics in it.
        size: Width and height of the picture.
        window: The part of it that the figure can touch.
        whole_pixels: Pixels of the window that are shaded once; theirs are the first samples.
        split_pixels: Pixels of the window that are shaded sample by sample.
        owner: For each of the remaining samples, its place in `split_pixels`.
        depth: (2 * window height, 2 * window width) float32, cm.
    """

    position: npt.NDArray[np.float32]
    normal: npt.NDArray[np.float32]
    attributes: npt.NDArray[np.float32]
    part: npt.NDArray[np.int8]
    triangle: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float32]
    size: tuple[int, int]
    window: Box
    whole_pixels: npt.NDArray[np.int64]
    split_pixels: npt.NDArray[np.int64]
    owner: npt.NDArray[np.int64]
    depth: npt.NDArray[np.float32]

    def resolve(self, values: Floats) -> npt.NDArray[np.float32]:
        """(height, width, C) float32 pictures of values (N, C); 0 where there is no sample."""
        whole = len(self.whole_pixels)
        window = np.zeros((self.window.height * self.window.width, values.shape[1]), np.float32)
        window[self.whole_pixels] = values[:whole]
        for channel in range(values.shape[1]):
            sums = np.bincount(self.owner, values[whole:, channel], len(self.split_pixels))
            window[self.split_pixels, channel] = sums / _PER_PIXEL
        width, height = self.size
        picture = np.zeros((height, width, values.shape[1]), np.float32)
        rows, columns = self.window.slices(Box(0, 0, width, height))
        picture[rows, columns] = window.reshape(self.window.height, self.window.width, values.shape[1])
        return picture

    def sees(self, plate_points: Floats, depth: Floats) -> npt.NDArray[np.bool_]:
        """(P,) whether points (P, 2) at depths (P,) in cm lie in the picture and nothing is in front of them."""
        corner = np.array([self.window.left, self.window.top])
        sample = np.floor((plate_points - corner) * _PER_SIDE).astype(int)
        in_window = ((sample >= 0) & (sample < self.depth.shape[::-1])).all(axis=1)
        column, row = sample[in_window].T
        visible = np.zeros(len(depth), dtype=bool)
        visible[in_window] = depth[in_window] < self.depth[row, column] + _LANDMARK_CLEARANCE
        return visible


def sample_figure(figure: Figure, camera: Camera, size: tuple[int, int]) -> Samples:
    """The samples of a figure that a picture of `size` (width, height) needs."""
    plate_points, depth = camera.plate_from_world(figure.vertices)
    window = _touched_window(plate_points, size)
    xy = ((plate_points - [window.left, window.top]) * _PER_SIDE).astype(np.float32)
    width, height = window.width * _PER_SIDE, window.height * _PER_SIDE
    seen, seen_depth = rasterize(xy, depth, figure.triangles, width, height)
    by_pixel, depth_by_pixel = _samples_by_pixel(seen), _samples_by_pixel(seen_depth)
    whole, split = _divide_pixels(figure, by_pixel, depth_by_pixel)
    hit = by_pixel[split] >= 0
    whole_row, whole_column = np.divmod(whole, max(window.width, 1))
    split_row, split_column = np.divmod(split, max(window.width, 1))
    sample_row, sample_column = np.divmod(np.arange(_PER_PIXEL), _PER_SIDE)
    x_split = (split_column[:, None] * _PER_SIDE + sample_column + 0.5)[hit]
    y_split = (split_row[:, None] * _PER_SIDE + sample_row + 0.5)[hit]
    x = np.concatenate([(whole_column + 0.5) * _PER_SIDE, x_split]).astype(np.float32)
    y = np.concatenate([(whole_row + 0.5) * _PER_SIDE, y_split]).astype(np.float32)
    triangle = np.concatenate([by_pixel[whole, 0], by_pixel[split][hit]])
    corners = figure.triangles[triangle]
    weights = barycentrics(xy, (1 / depth).astype(np.float32), corners, x, y)
    known = np.concatenate([figure.vertices, figure.normals, figure.attributes], axis=1)
    values = np.einsum("nk,nkc->nc", weights, known[corners])
    return Samples(
        position=values[:, :3],
        normal=values[:, 3:6],
        attributes=values[:, 6:],
        part=figure.parts[triangle],
        triangle=triangle,
        weights=weights,
        size=size,
        window=window,
        whole_pixels=whole,
        split_pixels=split,
        owner=np.repeat(np.arange(len(split)), hit.sum(axis=1)),
        depth=seen_depth,
    )


def _touched_window(plate_points: Floats, size: tuple[int, int]) -> Box:
    left, top = np.floor(plate_points.min(axis=0)).astype(int)
    right, bottom = np.ceil(plate_points.max(axis=0)).astype(int) + 1
    touched = Box(int(left), int(top), int(right), int(bottom)).intersect(Box(0, 0, *size))
    return Box(0, 0, 0, 0) if touched.is_empty else touched


def _samples_by_pixel(samples: npt.NDArray[_Sample]) -> npt.NDArray[_Sample]:
    """(pixels, 4) from a picture of samples."""
    height, width = samples.shape[0] // _PER_SIDE, samples.shape[1] // _PER_SIDE
    squares = samples.reshape(height, _PER_SIDE, width, _PER_SIDE).transpose(0, 2, 1, 3)
    return squares.reshape(height * width, _PER_PIXEL)


def _divide_pixels(
    figure: Figure, seen: npt.NDArray[np.int32], depth: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Pixels that one sample stands for, and the others that the figure touches."""
    touched = (seen >= 0).any(axis=1)
    part = np.where(seen >= 0, figure.parts[seen], -1)
    with np.errstate(invalid="ignore"):  # infinity less infinity, where nothing is seen
        flat = depth.max(axis=1) - depth.min(axis=1) < _FLAT_DEPTH
    whole = touched & (part.min(axis=1) == part.max(axis=1)) & flat
    return np.flatnonzero(whole), np.flatnonzero(touched & ~whole)
