"""Puts an expression and a head pose on a neutral head."""

from __future__ import annotations

import numpy as np

from understudy.synthetic.cage import Indices
from understudy.synthetic.falloff import Floats
from understudy.synthetic.head import head_topology
from understudy.synthetic.identity import EYE_RADIUS, NeutralHead
from understudy.synthetic.landmarks import EYES, INNER_LIPS, LIP_CENTRES, EyeLandmarks
from understudy.synthetic.performance import Moment

__all__ = ["HEAD_PIVOT", "JAW_PIVOT", "JAW_RANGE_DEGREES", "head_rotation", "pose_cage", "turn_head"]

HEAD_PIVOT = np.array([0.0, -5.0, -4.0])
"""The point the head turns about, cm."""

JAW_PIVOT = np.array([0.0, 0.6, -1.6])
"""A point on the axis through the condyles, cm."""

JAW_RANGE_DEGREES = 22.0


def head_rotation(yaw: float, pitch: float, roll: float) -> Floats:
    """(3, 3) rotation of column vectors from degrees: pitch (+ looks up) first, then yaw, then roll."""
    y, p, r = np.deg2rad([yaw, pitch, roll])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    about_z = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    rotation: Floats = about_z @ about_y @ about_x
    return rotation


def pose_cage(neutral: NeutralHead, moment: Moment) -> Floats:
    """The coarse head (V, 3) with the moment's expression, in head space."""
    vertices = neutral.vertices.copy()
    _move_lips(vertices, moment)
    _pucker(vertices, moment.pucker)
    _move_brows(vertices, moment)
    vertices = _open_jaw(vertices, moment)
    rings = head_topology().cage.lids
    for eye, centre, lid in zip(EYES, neutral.eye_centres, rings, strict=True):
        _close_lids(vertices, eye, centre, moment)
        _line_eye_socket(vertices, eye, centre, lid)
    _line_mouth(vertices, neutral, moment.jaw)
    return vertices


def turn_head(vertices: Floats, moment: Moment) -> Floats:
    """The coarse head (V, 3) with the moment's pose; the turn fades down the neck."""
    share = np.round(head_topology().weights.head * 24) / 24  # few values, so few rotations
    turned = np.empty_like(vertices)
    for level in np.unique(share):
        here = share == level
        rotation = head_rotation(moment.yaw * level, moment.pitch * level, moment.roll * level)
        turned[here] = (vertices[here] - HEAD_PIVOT) @ rotation.T + HEAD_PIVOT
    return turned


def _move_lips(vertices: Floats, moment: Moment) -> None:
    weights = head_topology().weights
    smile = moment.smile
    for eye, corner, cheek in zip(EYES, weights.lip_corner, weights.cheek, strict=True):
        pull = smile + eye.side * moment.smile_side
        vertices += np.outer(corner, [eye.side * 0.75 * pull, 0.62 * pull, -0.55 * abs(pull)])
        strength = 1 if pull > 0 else 0.3
        vertices += np.outer(cheek, [eye.side * 0.18 * pull, 0.38 * pull, 0.38 * pull]) * strength
    up = 0.28 * max(smile, 0) + 0.45 * moment.upper_lip
    vertices += np.outer(weights.upper_lip, [0, up, -0.1 * smile + 0.1 * moment.upper_lip])
    vertices += np.outer(weights.lower_lip, [0, -0.05 * smile - 0.4 * moment.lower_lip, -0.08 * smile])


def _pucker(vertices: Floats, amount: float) -> None:
    if not amount:
        return
    from_centre = vertices - vertices[list(LIP_CENTRES)].mean(axis=0)
    share = head_topology().weights.lips * amount
    vertices[:, 0] -= from_centre[:, 0] * 0.38 * share
    vertices[:, 2] += (0.75 - 0.06 * from_centre[:, 0] ** 2) * share
    off_line = np.abs(from_centre[:, 1]) > 0.02
    vertices[:, 1] += np.sign(from_centre[:, 1]) * 0.08 * share * off_line


def _move_brows(vertices: Floats, moment: Moment) -> None:
    weights = head_topology().weights
    raised, frown = moment.brow, moment.frown
    for eye, inner, outer in zip(EYES, weights.brow_inner, weights.brow_outer, strict=True):
        vertices += np.outer(inner, [0, 0.75 * raised, 0.1 * raised]) * 0.8
        vertices += np.outer(outer, [0, 0.75 * raised, 0.05 * raised]) * 0.75
        vertices += np.outer(inner, [-eye.side * 0.38 * frown, -0.42 * frown, 0.18 * frown])


def _open_jaw(vertices: Floats, moment: Moment) -> Floats:
    """Turns the jaw about the condyles; the lips narrow a little as it opens."""
    weights = head_topology().weights
    if moment.jaw:
        angle = weights.jaw * np.deg2rad(JAW_RANGE_DEGREES * moment.jaw)
        from_pivot = vertices - JAW_PIVOT
        cos, sin = np.cos(angle), np.sin(angle)
        narrowing = np.sign(vertices[:, 0]) * 0.12 * moment.jaw * weights.lips * np.abs(vertices[:, 0])
        y = from_pivot[:, 1] * cos - from_pivot[:, 2] * sin
        z = from_pivot[:, 1] * sin + from_pivot[:, 2] * cos
        vertices = np.stack([vertices[:, 0] - narrowing, y + JAW_PIVOT[1], z + JAW_PIVOT[2]], axis=1)
    if moment.jaw_side:
        vertices[:, 0] += 0.5 * moment.jaw_side * weights.jaw
    return vertices


def _lid_closing(moment: Moment) -> tuple[float, float]:
    """How far the upper and the lower lid travel; the upper one follows the gaze down."""
    smiling = max(moment.smile, 0)
    upper = float(np.clip(moment.blink + 0.22 * smiling * 0.4 - 0.012 * moment.gaze_pitch, -0.45, 1))
    lower = 0.18 * max(upper, 0) + 0.28 * smiling
    return upper, lower


def _close_lids(vertices: Floats, eye: EyeLandmarks, centre: Floats, moment: Moment) -> None:
    """Slides the upper lid towards its partner on the lower lid, along the eyeball and never into it."""
    closing, raising = _lid_closing(moment)
    upper_rows, lower_rows = list(eye.upper_lid), list(eye.lower_lid)
    upper, lower = vertices[upper_rows], vertices[lower_rows]
    upper_radius, lower_radius = _lengths(upper - centre), _lengths(lower - centre)
    new_lower = lower + (upper - lower) * raising * 0.45
    new_upper = upper + (new_lower + (upper - new_lower) * 0.03 - upper) * closing
    radius = upper_radius + (lower_radius - upper_radius) * max(closing, 0)
    vertices[upper_rows] = _at_radius(new_upper, centre, np.maximum(radius, EYE_RADIUS + 0.07))
    vertices[lower_rows] = _at_radius(new_lower, centre, np.maximum(lower_radius, EYE_RADIUS + 0.07))
    # The skin around a lid sinks in by part of what the eyeball pushes the lid out: it is stretched there.
    upper_sink, lower_sink = new_upper - vertices[upper_rows], new_lower - vertices[lower_rows]
    vertices[list(eye.crease)] += upper_sink * 0.62
    vertices[list(eye.above_crease)] += upper_sink * 0.14
    vertices[list(eye.below_lower)] += lower_sink * 0.6
    for rows, clearance in ((list(eye.crease), 0.17), (list(eye.below_lower), 0.12)):
        distance = _lengths(vertices[rows] - centre)
        vertices[rows] = _at_radius(vertices[rows], centre, np.maximum(distance, EYE_RADIUS + clearance))


def _lengths(vectors: Floats) -> Floats:
    lengths: Floats = np.linalg.norm(vectors, axis=1, keepdims=True)
    return lengths


def _at_radius(points: Floats, centre: Floats, radius: Floats) -> Floats:
    from_centre = points - centre
    moved: Floats = centre + from_centre / _lengths(from_centre) * radius
    return moved


def _line_eye_socket(vertices: Floats, eye: EyeLandmarks, centre: Floats, lid: tuple[Indices, Indices]) -> None:
    """Puts the rings behind the lid edge on the eyeball and inside it."""
    on_eyeball, inside_eyeball = lid
    from_centre = vertices[list(eye.ring)] - centre
    direction = from_centre / _lengths(from_centre)
    vertices[on_eyeball] = centre + direction * (EYE_RADIUS + 0.005)
    axis = direction.mean(axis=0)
    axis /= np.linalg.norm(axis)
    vertices[inside_eyeball] = centre + (direction + (direction - axis) * 0.12) * EYE_RADIUS * 0.84


def _line_mouth(vertices: Floats, neutral: NeutralHead, jaw: float) -> None:
    """Puts the mouth bag behind the lips as they are now; its lower half goes down with the jaw."""
    cage = head_topology().cage
    lips = vertices[list(INNER_LIPS)]
    upwards = np.array([0.0 if place in (0, 10) else (-1.0 if place < 10 else 1.0) for place in range(20)])
    fall = 4.2 * np.sin(np.deg2rad(JAW_RANGE_DEGREES) * jaw)
    drop = np.where(upwards < 0, -fall * 0.55, 0) + np.where(upwards == 0, -fall * 0.25, 0)
    middle = lips[:, 0].mean()
    across = (lips[:, 0] - middle) * 0.93  # never wider than the lips, or it pokes through the cheek
    y, z = neutral.vertices[list(LIP_CENTRES)].mean(axis=0)[1:]
    dome = np.sqrt(np.maximum(0, 1 - (across / 2.9) ** 2))
    behind_lips, behind_teeth, palate, throat_ring = cage.mouth_bag
    vertices[behind_lips] = lips + np.stack([-0.05 * (lips[:, 0] - middle), upwards * 0.12, np.full(20, -0.32)], 1)
    vertices[behind_teeth] = np.stack(
        [middle + across * 0.97, y + upwards * dome + drop * 1.2, z - 0.75 - 0.24 * across**2], axis=1
    )
    vertices[palate] = np.stack(
        [middle + across * 0.95, y + upwards * 1.3 + drop, np.minimum(z - 2.2, z - 1.6 - 0.2 * across**2)], axis=1
    )
    vertices[throat_ring] = np.stack([middle + across * 0.7, y + upwards + drop * 0.8, np.full(20, z - 4.5)], axis=1)
    vertices[cage.throat] = [middle, y - 0.3, z - 5]
