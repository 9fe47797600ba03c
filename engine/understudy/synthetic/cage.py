"""The coarse mesh of a full head: the template's face, continued over skull, neck and shoulders, and inwards.

One clean mesh that subdivision turns into a smooth head. From each vertex of the face oval a strip runs to the neck:
the chin's under the jaw and down the throat, the forehead's over the skull and down the nape. Rings of cloth follow.
From each eye two rings lead into the eyeball, from the lips four rings and an apex make the mouth bag; the rig puts
these where the expression needs them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.interpolate import PchipInterpolator

from understudy.synthetic.falloff import Floats
from understudy.synthetic.landmarks import EYES, FACE_OVAL, INNER_LIPS, LIP_CENTRES
from understudy.synthetic.mesh import Triangles, orient_triangles
from understudy.synthetic.template import load_template

__all__ = ["HeadCage", "Indices", "build_cage"]

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class HeadCage:
    """The coarse head and which of its vertices are what.

    Attributes:
        vertices: (V, 3) float64, cm; the first 468 are the landmarks of the face.
        triangles: (T, 3); the first `face_triangle_count` are the template's.
        face_triangle_count: Triangles of the face itself.
        outer_triangle_count: Triangles after those of the face that lie on skull, neck and cloth.
        oval_fraction: (36,) for each vertex of the face oval: 0 at the forehead, 1 at the chin.
        strips: Eight rings of 36 vertices, from the face oval to the base of the neck.
        cloth: Six rings of 36 vertices, from the collar downwards.
        lids: For each eye its two rings of 16 vertices: on the eyeball, and inside it.
        mouth_bag: Four rings of 20 vertices, from the lips to the throat.
        throat: The vertex that closes the mouth bag.
    """

    vertices: Floats
    triangles: Triangles
    face_triangle_count: int
    outer_triangle_count: int
    oval_fraction: Floats
    strips: tuple[Indices, ...]
    cloth: tuple[Indices, ...]
    lids: tuple[tuple[Indices, Indices], ...]
    mouth_bag: tuple[Indices, ...]
    throat: int


# Strips by hand, for six places along the oval from the forehead (0) to the chin (1): eight points each, cm.
_STRIP_FRACTIONS = (0, 0.25, 0.5, 0.625, 0.75, 1)
_STRIP_POINTS = (
    ((0, 11.3, 2.2), (0, 13.3, -3), (0, 11.3, -9.2), (0, 5, -13),
     (0, -2, -12.2), (0, -7, -10.2), (0, -12, -9.5), (0, -18, -9.8)),
    ((6.5, 8.7, -0.6), (6.9, 9, -4), (6.5, 7.5, -8), (5.3, 3, -10.7),
     (4.6, -2, -10.3), (4.1, -7, -9.2), (4.0, -12, -8.6), (4.2, -18, -8.7)),
    ((7.45, -1.2, -3.6), (7.2, -1.8, -5), (6.7, -2.8, -6.3), (6.2, -4.2, -7),
     (5.7, -6.3, -7.1), (5.4, -9, -6.6), (5.4, -13, -6), (5.7, -18, -5.6)),
    ((6.5, -6.0, -2.4), (6.2, -6.5, -3.2), (5.8, -7.2, -3.9), (5.4, -8.2, -4.3),
     (5.1, -9.7, -4.4), (4.9, -12, -4.3), (4.95, -15, -4.1), (5.2, -18, -4)),
    ((4.75, -8.2, 0.5), (4.6, -8.6, -0.7), (4.3, -9.0, -1.6), (4.1, -9.7, -2.2),
     (4, -10.7, -2.5), (4, -12.5, -2.6), (4.1, -15, -2.5), (4.2, -18, -2.4)),
    ((0, -9.95, 3.0), (0, -9.95, 1.5), (0, -9.9, 0.2), (0, -10.3, -0.7),
     (0, -11.3, -1.2), (0, -13, -1.3), (0, -15.5, -1.2), (0, -18, -1)),
)  # fmt: skip

# Rings of cloth: height, half width, half depth, centre in z, and how much lower the ring lies in front, cm.
_CLOTH_RINGS = (
    (-15.1, 6.5, 5.5, -5.4, 0.7),
    (-15.3, 7.4, 6.1, -5.4, 1.1),
    (-17.0, 12.5, 7.3, -5.4, 0.3),
    (-20.0, 18.5, 8.6, -5.6, 0),
    (-27, 21, 10, -5.4, 0),
    (-48, 22, 11, -5.4, 0),
)


class _GrowingMesh:
    """A mesh that is sewn together ring by ring."""

    def __init__(self, vertices: Floats, triangles: Triangles) -> None:
        self._vertices = [vertices]
        self._triangles = [triangles]
        self._count = len(vertices)

    def add(self, points: Floats) -> Indices:
        """Indices of the new vertices."""
        first = self._count
        self._vertices.append(points)
        self._count += len(points)
        return np.arange(first, self._count)

    def sew(self, ring: Indices, next_ring: Indices) -> None:
        """Joins two closed rings of equally many vertices."""
        ring_turned, next_turned = np.roll(ring, -1), np.roll(next_ring, -1)
        self._triangles.append(np.stack([ring, next_ring, next_turned], axis=1))
        self._triangles.append(np.stack([ring, next_turned, ring_turned], axis=1))

    def sew_to_apex(self, ring: Indices, apex: int) -> None:
        """Closes a ring with a fan of triangles."""
        self._triangles.append(np.stack([ring, np.full(len(ring), apex), np.roll(ring, -1)], axis=1))

    @property
    def vertices(self) -> Floats:
        return np.concatenate(self._vertices)

    @property
    def triangles(self) -> Triangles:
        return np.concatenate(self._triangles)


def build_cage() -> HeadCage:
    """The coarse head around the template; the same for every identity."""
    face = load_template()
    mesh = _GrowingMesh(face.vertices, face.triangles)
    oval_fraction, strip_points = _strip_points()
    strips = _sew_rings(mesh, np.array(FACE_OVAL), list(strip_points))
    cloth = _sew_rings(mesh, strips[-1], _cloth_points(strip_points[-1]))
    outer_triangle_count = len(mesh.triangles) - len(face.triangles)
    lids = tuple(_sew_lid(mesh, face.vertices, eye.ring) for eye in EYES)
    lips = np.array(INNER_LIPS)
    mouth_bag = _sew_rings(mesh, lips, [face.vertices[lips]] * 4)
    throat = int(mesh.add(face.vertices[[LIP_CENTRES[0]]])[0])
    mesh.sew_to_apex(mouth_bag[-1], throat)
    return HeadCage(
        vertices=mesh.vertices,
        triangles=orient_triangles(mesh.triangles, trusted=len(face.triangles)),
        face_triangle_count=len(face.triangles),
        outer_triangle_count=outer_triangle_count,
        oval_fraction=oval_fraction,
        strips=strips,
        cloth=cloth,
        lids=lids,
        mouth_bag=mouth_bag,
        throat=throat,
    )


def _sew_rings(mesh: _GrowingMesh, first: Indices, rings: Sequence[Floats]) -> tuple[Indices, ...]:
    sewn = [first]
    for points in rings:
        ring = mesh.add(points)
        mesh.sew(sewn[-1], ring)
        sewn.append(ring)
    return tuple(sewn[1:])


def _sew_lid(mesh: _GrowingMesh, vertices: Floats, lid_edge: tuple[int, ...]) -> tuple[Indices, Indices]:
    edge = np.array(lid_edge)
    on_eyeball, inside_eyeball = mesh.add(vertices[edge]), mesh.add(vertices[edge])
    mesh.sew(edge, on_eyeball)
    mesh.sew(on_eyeball, inside_eyeball)
    return on_eyeball, inside_eyeball


def _strip_points() -> tuple[Floats, Floats]:
    """Oval fractions (36,), and points (8, 36, 3) of the strips: the hand-set ones, interpolated monotonely."""
    points = np.array(_STRIP_POINTS, dtype=np.float64)
    low = points[:, 4:, 1]
    points[:, 4:, 1] = np.where(low < -9, -9 + (low + 9) * 0.66, low)  # a shorter neck than the points were set for
    points[:, 5:, 0] *= 1.06
    place = np.arange(len(FACE_OVAL))
    fraction = np.where(place <= 18, place / 18, (36 - place) / 18)
    side = np.where(place <= 18, 1.0, -1.0)
    strips = PchipInterpolator(_STRIP_FRACTIONS, points, axis=0)(fraction)
    strips[..., 0] *= side[:, None]
    return fraction, strips.transpose(1, 0, 2)


def _cloth_points(neck: Floats) -> list[Floats]:
    """Rings of cloth with one vertex below each vertex of the neck's base (36, 3)."""
    azimuth = np.arctan2(neck[:, 0], neck[:, 2] + 5.4)
    front, side = np.cos(azimuth), np.sin(azimuth)
    return [
        np.stack([side * half_width, height - drop * front, front * half_depth + centre], axis=1)
        for height, half_width, half_depth, centre, drop in _CLOTH_RINGS
    ]
