"""What a head has besides skin: eyeballs, ears, teeth and tongue."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from understudy.synthetic.falloff import Floats, smoothstep
from understudy.synthetic.identity import NeutralHead
from understudy.synthetic.landmarks import LIP_CENTRES
from understudy.synthetic.mesh import Triangles, face_outwards, grid_triangles, triangle_normals

__all__ = ["PartMesh", "ears", "teeth", "tongue", "unit_sphere"]

_EAR_LANDMARKS = (234, 454)
_TEETH_PER_SIDE = 7.0
_TOOTH_HEIGHT = 1.35


@dataclass(frozen=True)
class PartMesh:
    """A rigid part in head space.

    Attributes:
        vertices: (V, 3) float64, cm.
        triangles: (T, 3).
        occlusion: (V,) 0..1: ambient light that reaches each vertex.
        local: (V, 3): whatever the part's material wants to know of a vertex.
    """

    vertices: Floats
    triangles: Triangles
    occlusion: Floats
    local: Floats


@lru_cache(maxsize=1)
def unit_sphere() -> tuple[Floats, Triangles]:
    """A sphere of radius 1 with its poles on the z axis: vertices (V, 3) and triangles."""
    around, down = 56, 40
    azimuth = np.linspace(0, 2 * np.pi, around, endpoint=False)
    polar = np.linspace(1e-3, np.pi - 1e-3, down)
    azimuth, polar = np.meshgrid(azimuth, polar, indexing="ij")
    points = np.stack([np.sin(polar) * np.cos(azimuth), np.sin(polar) * np.sin(azimuth), np.cos(polar)], axis=-1)
    vertices = points.reshape(-1, 3)
    return vertices, face_outwards(vertices, grid_triangles(around, down, closed=True), vertices.mean(axis=0))


def tongue(neutral: NeutralHead) -> PartMesh:
    """The tongue with the jaw closed; it moves with the jaw."""
    sphere, triangles = unit_sphere()
    y, z = neutral.vertices[list(LIP_CENTRES)].mean(axis=0)[1:]
    vertices = sphere * [1.45, 0.5, 1.9] + [0, y - 0.85, z - 2.7]
    return PartMesh(vertices, triangles, np.full(len(vertices), 0.55), sphere)


def teeth(neutral: NeutralHead, upper: bool) -> PartMesh:
    """One row of teeth with its gum, jaw closed. `local` is gum, gap between teeth, and height along the tooth."""
    columns, rows = 140, 12
    along, height = np.meshgrid(np.linspace(-1, 1, columns), np.linspace(0, 1, rows), indexing="ij")
    lip_y, lip_z = neutral.vertices[list(LIP_CENTRES)].mean(axis=0)[1:]
    x = (2.25 if upper else 1.9) * np.sin(along * 1.35) / np.sin(1.35)
    across_tooth = (np.abs(along) * _TEETH_PER_SIDE) % 1
    from_middle = 2 * across_tooth - 1
    bulge = 0.055 * np.sqrt(np.clip(1 - from_middle**2, 0, 1))
    edge = 0.05 * from_middle**4
    if upper:
        y = lip_y + 0.02 + edge + height * _TOOTH_HEIGHT - 0.10
    else:
        y = lip_y - 0.04 - edge - height * _TOOTH_HEIGHT + 0.02
    arch = lip_z - 0.50 - 0.27 * x**2 - (0 if upper else 0.22)
    z = arch + bulge * (1 - height * 0.6) - 0.18 * (height - 0.3) ** 2 - 0.5 * smoothstep(0.12, 0, height) * 0.3
    vertices = np.stack([x, y, z], axis=-1).reshape(-1, 3)
    triangles = grid_triangles(columns, rows)
    if triangle_normals(vertices, triangles)[:, 2].sum() < 0:
        triangles = triangles[:, ::-1]
    gum = smoothstep(0.50, 0.60, height + 0.14 * from_middle**2)
    gap = np.exp(-((np.minimum(across_tooth, 1 - across_tooth) / 0.055) ** 2)) * (1 - gum)
    occlusion = np.clip(1.0 - 0.26 * np.abs(x) - (0 if upper else 0.12), 0.06, 1).ravel()
    return PartMesh(vertices, triangles, occlusion, np.stack([gum, gap, height], axis=-1).reshape(-1, 3))


def ears(neutral: NeutralHead) -> tuple[PartMesh, PartMesh]:
    """The subject's right and left ear."""
    right, left = (
        _placed_ear(neutral.vertices[landmark], side) for side, landmark in zip((-1, 1), _EAR_LANDMARKS, strict=True)
    )
    return right, left


@lru_cache(maxsize=1)
def _ear_shape() -> tuple[Floats, Triangles, Floats]:
    """A left ear about its own centre (x outwards, y up, z forward), triangles, and occlusion (V,).

    A polar disc whose height follows the profile of helix, scapha, antihelix and concha.
    """
    around, outwards = 56, 26
    angle = np.linspace(0, 2 * np.pi, around, endpoint=False)
    angle, radius = np.meshgrid(angle, np.linspace(0.001, 1.12, outwards), indexing="ij")
    cos, sin = np.cos(angle), np.sin(angle)
    backwards = 0.5 - 0.5 * cos
    inside = np.minimum(radius, 1)
    lobe = 1 - 0.30 * np.exp(-(((angle - 4.712) / 0.8) ** 2))
    forward = cos * inside * 1.75 * (1 + 0.18 * sin) * lobe
    up = sin * inside * 3.15
    rim = smoothstep(0.08, 0.35, backwards + 0.25 * np.maximum(sin, 0))
    helix = 0.30 * np.exp(-(((radius - 0.86) / 0.10) ** 2)) * rim
    scapha = 0.12 * np.exp(-(((radius - 0.71) / 0.06) ** 2)) * rim
    antihelix = 0.24 * np.exp(-(((radius - 0.56) / 0.11) ** 2)) * rim * (1 - 0.6 * (sin < -0.6))
    concha = 0.55 * np.exp(-((np.hypot(radius * cos - 0.18, radius * sin + 0.12) / 0.34) ** 2))
    edge = np.maximum(radius - 1, 0) * 7
    height = 0.45 * (1 - inside**6) + helix + antihelix - concha - edge - scapha
    vertices = np.stack([height, up, forward], axis=-1).reshape(-1, 3)
    occlusion = np.clip(0.55 + 0.9 * height, 0.3, 1).ravel()
    return vertices, grid_triangles(around, outwards, closed=True), occlusion


def _placed_ear(landmark: Floats, side: int) -> PartMesh:
    shape, triangles, occlusion = _ear_shape()
    flare, tilt = np.deg2rad(28), np.deg2rad(-9)
    x = shape[:, 0] * np.cos(flare) - shape[:, 2] * np.sin(flare)
    z = shape[:, 0] * np.sin(flare) + shape[:, 2] * np.cos(flare)
    y = shape[:, 1] * np.cos(tilt) - z * np.sin(tilt)
    z = shape[:, 1] * np.sin(tilt) + z * np.cos(tilt)
    vertices = np.stack([x * side, y, z], axis=1) + landmark + np.array([side * 0.05, 0.25, -1.75])
    if (triangle_normals(vertices, triangles)[:, 0] * side).sum() < 0:
        triangles = triangles[:, ::-1]
    return PartMesh(vertices, triangles, occlusion, vertices * 0.1)
