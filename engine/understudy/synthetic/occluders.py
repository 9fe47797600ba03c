"""What crosses in front of a face: a bar, or a mannequin's hand, both made of capsules."""

from __future__ import annotations

import numpy as np

from understudy.synthetic.falloff import Floats
from understudy.synthetic.mesh import Triangles, face_outwards, grid_triangles
from understudy.synthetic.performance import Crossing

__all__ = ["capsule", "occluder_meshes"]

_FINGER_LENGTHS = (6.2, 7.4, 7.0, 5.4)

_Mesh = tuple[Floats, Triangles]


def occluder_meshes(crossing: Crossing) -> list[_Mesh]:
    """Vertices (V, 3) in cm, and triangles, of each capsule."""
    rng = np.random.RandomState(300 + crossing.seed)
    side = int(rng.choice([-1, 1]))
    if crossing.kind == "bar":
        return [_bar(crossing.progress, side, slant=np.deg2rad(rng.uniform(-22, 22)))]
    return _hand(crossing.progress, side)


def _bar(progress: float, side: int, slant: float) -> _Mesh:
    centre = np.array([side * (-17 + 34 * progress), 0, 14.0])
    half = np.array([np.sin(slant), np.cos(slant), 0]) * 40
    return capsule(centre - half, centre + half, 1.6, 1.6, around=28)


def _hand(progress: float, side: int) -> list[_Mesh]:
    """Rises, passes over the face, and sinks."""
    palm = np.array([side * (9 - 15 * progress), -19 + 21 * np.sin(np.pi * progress) ** 0.8, 12.5], np.float64)
    parts = [
        capsule(palm + [side * 6, -26, 1], palm + [side * 0.5, -3, 0], 3.4, 2.7, around=28),
        capsule(palm + [-1.9, -0.5, 0], palm + [1.9, -0.5, 0], 2.2, 2.2),
        capsule(palm + [-1.6, -2.5, 0], palm + [1.6, -2.5, 0], 2.2, 2.2),
    ]
    lengths = _FINGER_LENGTHS if side > 0 else _FINGER_LENGTHS[::-1]
    for finger, length in enumerate(lengths):
        x = -2.9 + 1.95 * finger
        knuckle = palm + [x, 0.9, 0.2]
        middle = knuckle + [0.10 * x, length * 0.55, 0.8 - 0.2 * finger]
        tip = middle + [0.06 * x, length * 0.45, -0.3]
        parts.append(capsule(knuckle, middle, 1.02, 0.92, around=16))
        parts.append(capsule(middle, tip, 0.92, 0.76, around=16))
    thumb = capsule(palm + [-side * 2.6, -2.5, 0.4], palm + [-side * 5.2, 1.2, 1.2], 1.25, 0.95, around=16)
    return [*parts, thumb]


def capsule(
    start: Floats, end: Floats, start_radius: float, end_radius: float, around: int = 20
) -> tuple[Floats, Triangles]:
    """A tapering rod with round ends: vertices (V, 3) in cm, and triangles."""
    axis = end - start
    length = np.linalg.norm(axis)
    axis = axis / length
    side = np.cross(axis, [0, 0, 1.0]) if abs(axis[2]) < 0.9 else np.cross(axis, [1.0, 0, 0])
    side /= np.linalg.norm(side)
    third = np.cross(axis, side)
    start_cap = np.linspace(0, 1, 14)[:6] / np.linspace(0, 1, 14)[5] * np.pi / 2 * 0.999
    end_cap = np.linspace(0.01, 1, 6) * np.pi / 2
    shaft = np.linspace(0.05, 0.95, 6)
    heights = np.concatenate([-start_radius * np.cos(start_cap), length * shaft, length + end_radius * np.sin(end_cap)])
    radii = np.concatenate(
        [
            start_radius * np.sin(start_cap) + 1e-3,
            start_radius + (end_radius - start_radius) * shaft,
            end_radius * np.cos(end_cap) + 1e-3,
        ]
    )
    angle = np.linspace(0, 2 * np.pi, around, endpoint=False)[:, None, None]
    rim = np.cos(angle) * side + np.sin(angle) * third
    vertices = (start + heights[None, :, None] * axis + radii[None, :, None] * rim).reshape(-1, 3)
    triangles = grid_triangles(around, len(heights), closed=True)
    return vertices, face_outwards(vertices, triangles, (start + end) / 2)
