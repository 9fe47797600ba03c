"""Eyes: iris, pupil, sclera, the shadow of the lids, and the cornea that makes the catch-lights."""

from __future__ import annotations

import numpy as np

from understudy.synthetic.falloff import Floats, smoothstep
from understudy.synthetic.figure import Attribute, Figure, Part
from understudy.synthetic.identity import EYE_RADIUS
from understudy.synthetic.landmarks import EYES, EyeLandmarks
from understudy.synthetic.performer import Performer
from understudy.synthetic.sampling import Samples
from understudy.synthetic.surface import Surface

__all__ = ["dress_eyes"]

_CORNEA_EDGE = 1.25
"""Where the cornea ends, in iris radii."""


def dress_eyes(surface: Surface, performer: Performer, figure: Figure, samples: Samples) -> None:
    """Fills in the samples that lie on the eyeballs."""
    eyes = np.flatnonzero(samples.part == Part.EYE)
    if not len(eyes):
        return
    direction = samples.attributes[eyes, Attribute.LOCAL :]
    direction = direction / np.linalg.norm(direction, axis=1, keepdims=True)
    iris_angle = np.arcsin(performer.face.iris_radius / EYE_RADIUS)
    from_pupil = np.arccos(np.clip(direction[:, 2], -1, 1)) / iris_angle
    around = np.arctan2(direction[:, 1], direction[:, 0])
    surface.albedo[eyes] = _albedo(from_pupil, around, performer.face.iris_color)
    surface.roughness[eyes] = np.where(from_pupil < 1.15, 0.07, 0.13)
    surface.reflectance[eyes] = 0.025
    surface.wrap[eyes] = 0.2
    position = figure.head_from_world(samples.position[eyes])
    for index, eye in enumerate(EYES):
        mine = (position[:, 0] < 0) == (eye.side < 0)
        centre_x = performer.neutral.eye_centres[index][0]
        surface.occlusion[eyes[mine]] = _lid_shadow(figure, eye, position[mine], centre_x)
        cornea = np.flatnonzero(mine & (from_pupil < _CORNEA_EDGE))
        bulging = _cornea_normals(direction[cornea], from_pupil[cornea])
        world_from_gaze = figure.head_rotation @ figure.head_from_gaze[index]
        surface.normal[eyes[cornea]] = bulging @ world_from_gaze.T


def _albedo(from_pupil: Floats, around: Floats, iris_color: Floats) -> Floats:
    """(N, 3) linear RGB by distance from the pupil's centre in iris radii, and angle around it."""
    t = from_pupil
    fibres = 0.5 + 0.22 * np.sin(around * 47 + 3 * np.sin(around * 9 + 6 * t))
    fibres = fibres + 0.2 * np.sin(around * 83 + 5 * t) + 0.18 * np.sin(around * 23 - 4 * t)
    iris = iris_color[None] * (0.55 + 0.9 * fibres[:, None]) * (1.25 - 0.5 * smoothstep(0.75, 1.0, t))[:, None]
    iris = iris * (1 + 0.8 * np.exp(-(((t - 0.48) / 0.12) ** 2)))[:, None]
    pupil = smoothstep(0.42, 0.36, t)[:, None]
    iris = iris * (1 - pupil) + pupil * 0.003
    limbus = smoothstep(0.82, 1.0, t)[:, None]
    iris = iris * (1 - 0.8 * limbus) + 0.8 * limbus * 0.012
    sclera = np.array([0.52, 0.46, 0.43]) * (1 - 0.25 * smoothstep(1.2, 2.6, t))[:, None]
    sclera = sclera - np.array([0, 0.07, 0.07]) * smoothstep(1.6, 2.8, t)[:, None]  # redder towards the corners
    share = smoothstep(0.94, 1.06, t)[:, None]
    albedo: Floats = iris * (1 - share) + sclera * share
    return albedo


def _lid_shadow(figure: Figure, eye: EyeLandmarks, position: Floats, centre_x: float) -> Floats:
    """Ambient light (N,) at points (N, 3) in head space: less right under the upper lid and at the corners."""
    x, y = position[:, 0], position[:, 1]
    below_upper = _line_height(figure, eye.upper_lid, x) - y
    above_lower = y - _line_height(figure, eye.lower_lid, x)
    light = 0.86 * (1 - 0.8 * np.exp(-np.maximum(below_upper, 0) / 0.17))
    light = light * (1 - 0.4 * np.exp(-np.maximum(above_lower, 0) / 0.10))
    shadow: Floats = light * (1 - 0.35 * smoothstep(0.85, 1.25, np.abs(x - centre_x)))
    return shadow


def _line_height(figure: Figure, lid: tuple[int, ...], x: Floats) -> Floats:
    line = figure.head_from_world(figure.landmarks[list(lid)])
    line = line[np.argsort(line[:, 0])]
    height: Floats = np.interp(x, line[:, 0], line[:, 1])
    return height


def _cornea_normals(direction: Floats, from_pupil: Floats) -> Floats:
    """Normals (N, 3) of a sphere of about 0.6 eye radii over the iris, in the eye's own frame.

    The smaller radius is what makes catch-lights of more than 10 on an eye.
    """
    sine = np.hypot(direction[:, 0], direction[:, 1]) + 1e-6
    steeper = np.clip(sine * (1 + 0.62 * smoothstep(1.22, 0.95, from_pupil)), 0, 0.95)
    across = direction[:, :2] / sine[:, None] * steeper[:, None]
    return np.column_stack([across, np.sqrt(1 - steeper * steeper)])
