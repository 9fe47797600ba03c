"""The surface that skin and hair are painted on: the head unrolled to a square.

Texture coordinates (u, v) run from 0 to 1. u is the azimuth about the axis (x = 0, z = -4 cm), stretched so that the
front gets most texels; v falls with y + r/2, which keeps the undersides of chin and nose from collapsing to a line.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from understudy.synthetic.falloff import Floats
from understudy.synthetic.landmarks import FACE_LANDMARKS

__all__ = [
    "TEXTURE_SIZE",
    "Canvas",
    "Layer",
    "azimuth_from_u",
    "blurred",
    "darkened",
    "fixed_point",
    "fractal_noise",
    "uv_from_head",
]

TEXTURE_SIZE = 2048

Layer = npt.NDArray[np.float32]
"""(TEXTURE_SIZE, TEXTURE_SIZE) or (..., 3) float32, rows from the crown (v = 0) downwards."""

_HEIGHT_SPAN = 36.0
_TOP_HEIGHT = 16.0
_FIXED_POINT_BITS = 4


def uv_from_head(points: Floats) -> Floats:
    """Texture coordinates (..., 2) of points (..., 3) on a neutral head, cm."""
    x, y, z = points[..., 0], points[..., 1], points[..., 2] + 4.0
    half_turns = np.arctan2(x, z) / np.pi
    u = 0.5 + 0.5 * (1.4 * half_turns - 0.4 * half_turns**3)
    v = (_TOP_HEIGHT - (y + 0.5 * np.hypot(x, z))) / _HEIGHT_SPAN
    return np.stack([u, v], axis=-1)


def azimuth_from_u(u: Floats, knots: int = 4001) -> Floats:
    """Azimuth in radians (0 in front, + to the subject's left), by interpolation; undoes `uv_from_head`."""
    half_turns = np.linspace(-1, 1, knots)
    azimuth: Floats = np.interp(u, 0.5 + 0.5 * (1.4 * half_turns - 0.4 * half_turns**3), half_turns) * np.pi
    return azimuth


def fractal_noise(
    rng: np.random.RandomState, cells: int, octaves: int = 5, gain: float = 0.5, aspect: float = 1.0
) -> Layer:
    """A layer of smooth noise, mean 0 and variance about 1.

    Args:
        rng: Source of the noise.
        cells: Cells across in the first octave; each further octave has twice as many.
        octaves: How many; those finer than the texture are left out.
        gain: Amplitude of an octave over the one before.
        aspect: Cells down per cell across; small values draw out vertical strands.
    """
    size = TEXTURE_SIZE
    noise = np.zeros((size, size), np.float32)
    amplitude, power = 1.0, 0.0
    for octave in range(octaves):
        across = int(cells * 2**octave)
        down = max(2, int(across * aspect))
        if max(across, down) > size:
            break
        octave_cells = rng.randn(min(down, size), min(across, size)).astype(np.float32)
        noise += amplitude * cv2.resize(octave_cells, (size, size), interpolation=cv2.INTER_CUBIC)
        power += amplitude * amplitude
        amplitude *= gain
    return np.asarray(noise / np.sqrt(power), np.float32)


def blurred(layer: Layer, sigma: float) -> Layer:
    """The layer after a Gaussian of `sigma` texels."""
    return np.asarray(cv2.GaussianBlur(layer, (0, 0), sigma), np.float32)


def darkened(density: Floats, absorption: Sequence[float]) -> Layer:
    """(..., 3) factors on albedo of a pigment layer, by the Beer-Lambert law: exp(-density * absorption)."""
    return np.asarray(np.exp(-density[..., None] * np.array(absorption)), np.float32)


def fixed_point(points: Floats) -> npt.NDArray[np.int32]:
    """Texel positions as OpenCV's drawing wants them for `shift=4`, rounded to a sixteenth."""
    return np.asarray(np.round(points * 2**_FIXED_POINT_BITS), np.int32)


def _truncated(point: Floats) -> tuple[int, int]:
    return int(point[0] * 2**_FIXED_POINT_BITS), int(point[1] * 2**_FIXED_POINT_BITS)


class Canvas:
    """An identity's head, unrolled, while it is painted.

    Attributes:
        rng: Where every brush stroke draws its chance from; the order of strokes is part of an identity.
        landmarks: (468, 2) float64, texels.
        albedo: (size, size, 3) float32 linear RGB, 0..1.
        height: (size, size) float32, cm: bumps too fine for the mesh.
        coarse, middle, fine: Three layers of noise that many strokes share.
        heights: (size, 1) float64: y + r/2 of each row, cm.
    """

    def __init__(self, rng: np.random.RandomState, fine_vertices: Floats, tone: Floats) -> None:
        self.rng = rng
        self.landmarks = uv_from_head(fine_vertices[:FACE_LANDMARKS]) * TEXTURE_SIZE
        self.coarse = fractal_noise(rng, 6, 4)
        self.middle = fractal_noise(rng, 40, 4)
        self.fine = fractal_noise(rng, 220, 3)
        self.albedo = np.ones((TEXTURE_SIZE, TEXTURE_SIZE, 3), np.float32) * tone.astype(np.float32)
        self.height = self.blank()
        rows = (np.arange(TEXTURE_SIZE) + 0.5) / TEXTURE_SIZE
        self.heights = (_TOP_HEIGHT - rows * _HEIGHT_SPAN)[:, None]

    @staticmethod
    def blank() -> Layer:
        """A layer of zeros."""
        return np.zeros((TEXTURE_SIZE, TEXTURE_SIZE), np.float32)

    def height_of(self, landmark: int) -> float:
        """The value of `heights` at a landmark."""
        return float(_TOP_HEIGHT - self.landmarks[landmark, 1] / TEXTURE_SIZE * _HEIGHT_SPAN)

    def area(self, outline: Sequence[int], softness: float) -> Layer:
        """1 inside a polygon of landmarks, blurred by `softness` texels."""
        layer = self.blank()
        polygon = fixed_point(self.landmarks[list(outline)])
        cv2.fillPoly(layer, [polygon], (1.0,), shift=_FIXED_POINT_BITS, lineType=cv2.LINE_AA)
        return blurred(layer, softness)

    def hard_area(self, outline: Sequence[int]) -> Layer:
        """1 inside a polygon of landmarks, 0 outside."""
        layer = self.blank()
        cv2.fillPoly(layer, [fixed_point(self.landmarks[list(outline)])], (1.0,), shift=_FIXED_POINT_BITS)
        return layer

    def spot(self, landmarks: int | Sequence[int], radius_u: float, radius_v: float) -> Layer:
        """A Gaussian about a landmark or the mean of some, radii in texels."""
        indices = [landmarks] if isinstance(landmarks, int) else list(landmarks)
        centre = self.landmarks[indices].mean(axis=0)
        across = (np.arange(TEXTURE_SIZE)[None] - centre[0]) / radius_u
        down = (np.arange(TEXTURE_SIZE)[:, None] - centre[1]) / radius_v
        return np.asarray(np.exp(-(across * across + down * down)), np.float32)

    def dot(self, layer: Layer, centre: Floats, radius: float, value: float) -> None:
        """Draws a disc; centre and radius in texels."""
        radius_fixed = int(2**_FIXED_POINT_BITS * radius)
        cv2.circle(layer, _truncated(centre), radius_fixed, (value,), -1, cv2.LINE_AA, _FIXED_POINT_BITS)

    def stroke(self, layer: Layer, start: Floats, end: Floats, value: float, thickness: int) -> None:
        """Draws a straight line between two texel positions."""
        cv2.line(layer, _truncated(start), _truncated(end), (value,), thickness, cv2.LINE_AA, _FIXED_POINT_BITS)

    def path(self, layer: Layer, points: Floats, value: float, thickness: int) -> None:
        """Draws a line through texel positions (N, 2)."""
        lines = [fixed_point(points)]
        cv2.polylines(layer, lines, False, (value,), thickness, cv2.LINE_AA, _FIXED_POINT_BITS)

    def mix(self, color: Floats, coverage: Layer) -> None:
        """Lays a colour (3,) or layer (size, size, 3) over the albedo, as opaque as `coverage` (size, size)."""
        share = coverage[..., None]
        self.albedo = (self.albedo * (1 - share) + color.astype(np.float32) * share).astype(np.float32)
