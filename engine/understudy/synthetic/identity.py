"""Who a performer is: traits drawn from a seed, and the neutral head they make."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from understudy.synthetic.falloff import Floats, smoothstep
from understudy.synthetic.head import head_topology
from understudy.synthetic.landmarks import EYES

__all__ = ["EYE_RADIUS", "IdentityTraits", "NeutralHead", "draw_traits", "ideal_swap_head", "neutral_head"]

EYE_RADIUS = 1.30
"""Radius of the eyeball in cm."""

# Mean and spread of each trait, in the order they are drawn: a change of order changes every identity.
_TRAIT_DRAWS = {
    "skull_width": (0, 0.035),
    "skull_height": (0, 0.03),
    "skull_depth": (0, 0.03),
    "jaw_width": (0, 0.09),
    "chin_length": (0, 0.5),
    "chin_projection": (0, 0.35),
    "cheekbone": (0, 0.35),
    "cheek_hollow": (0, 0.25),
    "forehead": (0, 0.3),
    "nose_width": (0, 0.14),
    "nose_projection": (0, 0.35),
    "nose_length": (0, 0.3),
    "nose_bridge": (0, 0.3),
    "nose_bump": (0, 0.18),
    "nose_tip_lift": (0, 0.25),
    "eye_distance": (0, 0.16),
    "eye_size": (0.05, 0.07),
    "eye_height": (0, 0.15),
    "eye_tilt": (0, 4.0),
    "eye_opening": (0.17, 0.10),
    "brow_height": (0, 0.22),
    "brow_ridge": (0, 0.22),
    "brow_tilt": (0, 0.15),
    "mouth_width": (0, 0.09),
    "lip_fullness": (0.16, 0.2),
    "mouth_height": (0, 0.22),
    "mouth_projection": (0, 0.18),
    "asymmetry": (0, 0.12),
    "spare": (0, 1),  # drawn and dropped, free for a new trait
    "hair_thickness": (0, 0.5),
    "neck_width": (0, 0.06),
    "fullness": (0, 0.5),
}

_ANCHORS = (33, 263, 133, 362, 1, 152, 10, 234, 454)
"""Landmarks whose mean is the place of a face on its head."""


@dataclass(frozen=True)
class IdentityTraits:
    """How an identity differs from the template: cm, or shares of a size; eye_tilt in degrees."""

    skull_width: float
    skull_height: float
    skull_depth: float
    jaw_width: float
    chin_length: float
    chin_projection: float
    cheekbone: float
    cheek_hollow: float
    forehead: float
    nose_width: float
    nose_projection: float
    nose_length: float
    nose_bridge: float
    nose_bump: float
    nose_tip_lift: float
    eye_distance: float
    eye_size: float
    eye_height: float
    eye_tilt: float
    eye_opening: float
    brow_height: float
    brow_ridge: float
    brow_tilt: float
    mouth_width: float
    lip_fullness: float
    mouth_height: float
    mouth_projection: float
    asymmetry: float
    hair_thickness: float
    neck_width: float
    fullness: float


@dataclass(frozen=True)
class NeutralHead:
    """A coarse head at rest.

    Attributes:
        vertices: (V, 3) float64, cm, head space, as in `HeadCage`.
        eye_centres: (3,) for the right and the left eye, far enough behind the lids to clear them by 1 mm.
    """

    vertices: Floats
    eye_centres: tuple[Floats, Floats]


def draw_traits(seed: int) -> IdentityTraits:
    """The traits of an identity; extremes beyond 1.7 sigma are clipped, because they look unhealthy."""
    rng = np.random.RandomState(1000 + seed)
    traits = {
        name: mean + float(np.clip(rng.randn(), -1.7, 1.7) * spread) for name, (mean, spread) in _TRAIT_DRAWS.items()
    }
    del traits["spare"]
    traits["hair_thickness"] = 0.9 + abs(traits["hair_thickness"])
    return IdentityTraits(**traits)


def neutral_head(seed: int) -> NeutralHead:
    """The neutral head of an identity."""
    return _with_eyes(_deform(head_topology().cage.vertices, draw_traits(seed)))


def ideal_swap_head(target: NeutralHead, source: NeutralHead) -> NeutralHead:
    """The source identity's face on the target identity's head."""
    share = head_topology().weights.face[:, None]
    anchors = list(_ANCHORS)
    shift = target.vertices[anchors].mean(axis=0) - source.vertices[anchors].mean(axis=0)
    return _with_eyes(target.vertices * (1 - share) + (source.vertices + shift) * share)


def _with_eyes(vertices: Floats) -> NeutralHead:
    right, left = (_eye_centre(vertices, eye.ring, eye.upper_lid[3], eye.lower_lid[3]) for eye in EYES)
    return NeutralHead(vertices, (right, left))


def _eye_centre(vertices: Floats, ring: tuple[int, ...], upper: int, lower: int) -> Floats:
    """Where a sphere touches both lids in the middle, less 1 mm for their thickness."""
    lid_edge = vertices[list(ring)]
    centre: Floats = (lid_edge.min(axis=0) + lid_edge.max(axis=0)) / 2
    depth = (vertices[upper, 2] + vertices[lower, 2]) / 2
    half_opening = (vertices[upper, 1] - vertices[lower, 1]) / 2
    centre[2] = depth - np.sqrt((EYE_RADIUS + 0.10) ** 2 - half_opening**2)
    return centre


class _Displacement:
    """Smooth displacements of points, collected feature by feature.

    Attributes:
        x, y, z: (V,) where the points were, cm.
        across: |x|.
        side: Sign of x.
        move: (V, 3) how far they go.
    """

    def __init__(self, points: Floats) -> None:
        self.x, self.y, self.z = (points[:, axis].copy() for axis in range(3))
        self.across, self.side = np.abs(self.x), np.sign(self.x)
        self.move = np.zeros_like(points)

    def ball(self, across: float, y: float, z: float, radius: float) -> Floats:
        """A Gaussian window about a point and its mirror image."""
        square = (self.across - across) ** 2 + (self.y - y) ** 2 + (self.z - z) ** 2
        window: Floats = np.exp(-square / (radius * radius))
        return window


def _deform(points: Floats, traits: IdentityTraits) -> Floats:
    """The template's coarse head (V, 3) with the traits of an identity."""
    at = _Displacement(points)
    _shape_jaw_and_chin(at, traits)
    _shape_cheeks_and_forehead(at, traits)
    _shape_nose(at, traits)
    _shape_eyes_and_brows(at, traits)
    _shape_mouth(at, traits)
    _shape_neck_and_symmetry(at, traits)
    above_shoulders = smoothstep(-17, -12, at.y)
    growth = np.array([traits.skull_width, traits.skull_height, traits.skull_depth])
    deformed: Floats = (points + at.move) * (1 + growth * above_shoulders[:, None])
    return deformed


def _shape_jaw_and_chin(at: _Displacement, traits: IdentityTraits) -> None:
    x, y, z, move = at.x, at.y, at.z, at.move
    jaw = smoothstep(2, -6, y) * smoothstep(-16, -9.5, y)
    move[:, 0] += x * (traits.jaw_width * jaw)
    chin = smoothstep(-4.5, -9, y) * smoothstep(-15, -10, y)
    move[:, 1] -= traits.chin_length * chin * smoothstep(-3, 2, z)
    point = np.exp(-(((y + 8.3) / 2.2) ** 2) - (x / 3.5) ** 2)
    move[:, 2] += traits.chin_projection * point * smoothstep(0, 3, z)


def _shape_cheeks_and_forehead(at: _Displacement, traits: IdentityTraits) -> None:
    side, move = at.side, at.move
    bone = at.ball(5.3, 0.6, 3.0, 2.6)
    move[:, 0] += side * traits.cheekbone * bone
    move[:, 2] += 0.4 * traits.cheekbone * bone
    hollow = at.ball(4.3, -3.2, 3.6, 2.6)
    move[:, 0] -= side * (0.5 * traits.cheek_hollow - 0.3 * traits.fullness) * hollow
    move[:, 2] -= (traits.cheek_hollow - 0.6 * traits.fullness) * hollow
    jowl = at.ball(3.5, -7.5, 2.0, 3.0)
    move[:, 0] += side * 0.5 * traits.fullness * jowl
    move[:, 1] -= 0.2 * traits.fullness * jowl
    move[:, 2] += traits.forehead * np.exp(-(((at.y - 7) / 2.4) ** 2)) * smoothstep(0, 4, at.z)


def _shape_nose(at: _Displacement, traits: IdentityTraits) -> None:
    x, y, z, across, move = at.x, at.y, at.z, at.across, at.move
    height = smoothstep(-2.8, -1.6, y) * smoothstep(3.4, 1.4, y)
    wings = np.exp(-(((y + 1.1) / 1.3) ** 2)) * np.exp(-((across / 2.6) ** 4)) * 1.3
    move[:, 0] += x * traits.nose_width * wings
    move[:, 0] += x * 0.6 * traits.nose_width * height * np.exp(-((across / 2.2) ** 4))
    tip = np.exp(-((x / 1.5) ** 2) - ((y + 0.8) / 1.6) ** 2) * smoothstep(4.8, 6.5, z)
    move[:, 2] += traits.nose_projection * tip
    end = np.exp(-((across / 1.9) ** 2) - ((y + 1.2) / 1.5) ** 2) * smoothstep(4.3, 5.8, z)
    move[:, 1] -= traits.nose_length * end
    lift = np.exp(-((x / 0.9) ** 2) - ((y + 0.6) / 1.0) ** 2) * smoothstep(5.5, 7.0, z)
    move[:, 1] += traits.nose_tip_lift * lift
    move[:, 2] += traits.nose_bridge * np.exp(-((x / 1.1) ** 2) - ((y - 2.2) / 1.8) ** 2)
    move[:, 2] += traits.nose_bump * np.exp(-((x / 0.9) ** 2) - ((y - 0.9) / 0.8) ** 2)


def _shape_eyes_and_brows(at: _Displacement, traits: IdentityTraits) -> None:
    """Moves, scales and tilts the eyes about their centres."""
    y, z, across, side, move = at.y, at.z, at.across, at.side, at.move
    from_centre, above_centre = across - 3.15, y - 2.62
    eye = np.exp(-(((from_centre / 2.3) ** 2 + (above_centre / 1.5) ** 2) ** 1.5)) * smoothstep(-1, 2, z)
    growth = traits.eye_size * eye
    move[:, 0] += side * (traits.eye_distance * eye + from_centre * growth)
    move[:, 1] += traits.eye_height * eye + above_centre * (growth + traits.eye_opening * eye)
    move[:, 1] += np.tan(np.deg2rad(traits.eye_tilt)) * from_centre * eye
    brow = np.exp(-(((across - 3.2) / 2.9) ** 2) - ((y - 4.7) / 1.1) ** 2) * smoothstep(0, 2.5, z)
    move[:, 1] += brow * (traits.brow_height + traits.brow_tilt * (across - 3))
    move[:, 2] += traits.brow_ridge * brow


def _shape_mouth(at: _Displacement, traits: IdentityTraits) -> None:
    x, y, z, across, move = at.x, at.y, at.z, at.across, at.move
    mouth = np.exp(-((across / 4.2) ** 2 + ((y + 4.3) / 2.2) ** 2)) * smoothstep(2, 3.5, z)
    move[:, 0] += x * traits.mouth_width * mouth * 1.2
    move[:, 1] += traits.mouth_height * mouth
    move[:, 2] += traits.mouth_projection * mouth
    lips = np.exp(-((across / 2.9) ** 4 + ((y + 4.25) / 1.35) ** 4)) * smoothstep(2.8, 3.8, z)
    move[:, 1] += (y + 4.25) * traits.lip_fullness * lips
    move[:, 2] += 0.35 * traits.lip_fullness * lips


def _shape_neck_and_symmetry(at: _Displacement, traits: IdentityTraits) -> None:
    x, y, z, move = at.x, at.y, at.z, at.move
    neck = smoothstep(-9.5, -11.5, y) * smoothstep(-16.5, -14.5, y)
    move[:, 0] += x * traits.neck_width * neck
    move[:, 2] += (z + 5) * traits.neck_width * neck
    lean = np.exp(-(((y + 2) / 4) ** 2)) * smoothstep(2, 5, z)
    move[:, 0] += 0.35 * traits.asymmetry * lean
    tilt = np.tanh(x / 3) * np.exp(-(((y - 1) / 5) ** 2)) * smoothstep(0, 3, z)
    move[:, 1] += 0.25 * traits.asymmetry * tilt
