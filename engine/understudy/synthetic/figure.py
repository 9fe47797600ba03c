"""A performer at one moment: all its triangles in front of the camera.

World space: centimetres, the camera on the +z axis, the head about the origin.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from understudy.synthetic.falloff import Floats, smoothstep
from understudy.synthetic.head import HeadTopology, head_topology
from understudy.synthetic.identity import EYE_RADIUS
from understudy.synthetic.landmarks import EYES, FACE_LANDMARKS
from understudy.synthetic.mesh import Triangles, vertex_normals
from understudy.synthetic.occluders import occluder_meshes
from understudy.synthetic.parts import ears, teeth, tongue, unit_sphere
from understudy.synthetic.performance import Moment
from understudy.synthetic.performer import Performer
from understudy.synthetic.rig import (
    HEAD_PIVOT,
    JAW_PIVOT,
    JAW_RANGE_DEGREES,
    head_rotation,
    pose_cage,
    turn_head,
)
from understudy.synthetic.worn import worn_meshes

__all__ = ["Attribute", "Figure", "Part", "pose_figure"]

_EYE_CONVERGENCE_DEGREES = 1.5


class Part(IntEnum):
    """What a triangle belongs to."""

    SKIN = 0
    EYE = 1
    TEETH = 2
    TONGUE = 3
    EAR = 4
    CLOTH = 5
    OCCLUDER = 6


class Attribute(IntEnum):
    """Columns of `Figure.attributes`."""

    OCCLUSION = 0
    FACE = 1
    MOUTH = 2
    LID = 3
    LOCAL = 4


_ATTRIBUTES = 7


@dataclass(frozen=True, eq=False)
class Figure:
    """Triangles and what shading wants to know of them.

    Attributes:
        vertices: (V, 3) float32, world, cm.
        normals: (V, 3) float32, unit.
        triangles: (T, 3) int32; the first ones are those of the fine head mesh, in its order.
        parts: (T,) int8, `Part`.
        attributes: (V, 7) float32, columns by `Attribute`: ambient light that arrives 0..1, share of the source
            identity in an ideal swap 0..1, depth in the mouth 0..1, behind the lid edge 0..1, and three values that
            each part defines (skin: coverage by hair, 0, 0; eyes: direction from the eye's centre; teeth: gum, gap,
            height; occluders: 1 where it is worn).
        landmarks: (478, 3) float64, world, cm.
        head_from_gaze: (3, 3) rotations of the right and the left eye.
        head_rotation: (3, 3).
        shift: (3,) of the head, cm.
        moment: What is played.
    """

    vertices: npt.NDArray[np.float32]
    normals: npt.NDArray[np.float32]
    triangles: npt.NDArray[np.int32]
    parts: npt.NDArray[np.int8]
    attributes: npt.NDArray[np.float32]
    landmarks: Floats
    head_from_gaze: tuple[Floats, Floats]
    head_rotation: Floats
    shift: Floats
    moment: Moment

    def head_from_world(self, points: Floats) -> Floats:
        """Points (N, 3) as if the head were at rest."""
        unturned: Floats = (points - self.shift - HEAD_PIVOT) @ self.head_rotation + HEAD_PIVOT
        return unturned

    def world_from_head(self, points: Floats) -> Floats:
        """Points (N, 3) moved with the head; inverse of `head_from_world`."""
        return _world_from_head(points, self.head_rotation, self.shift)


def _world_from_head(points: Floats, rotation: Floats, shift: Floats) -> Floats:
    turned: Floats = (points - HEAD_PIVOT) @ rotation.T + HEAD_PIVOT + shift
    return turned


class _Assembly:
    """Collects parts into one mesh."""

    def __init__(self) -> None:
        self._vertices: list[Floats] = []
        self._normals: list[Floats] = []
        self._triangles: list[Triangles] = []
        self._parts: list[npt.NDArray[np.int8]] = []
        self._attributes: list[Floats] = []
        self._count = 0

    def add(
        self,
        vertices: Floats,
        normals: Floats,
        triangles: Triangles,
        parts: npt.NDArray[np.int8],
        attributes: Floats,
    ) -> None:
        self._vertices.append(vertices)
        self._normals.append(normals)
        self._triangles.append(triangles + self._count)
        self._parts.append(parts)
        self._attributes.append(attributes)
        self._count += len(vertices)

    def add_part(
        self,
        part: Part,
        vertices: Floats,
        triangles: Triangles,
        occlusion: Floats | float = 1.0,
        local: Floats | float = 0.0,
        in_face: bool = True,
        normals: Floats | None = None,
    ) -> None:
        attributes = np.zeros((len(vertices), _ATTRIBUTES))
        attributes[:, Attribute.OCCLUSION] = occlusion
        attributes[:, Attribute.FACE] = float(in_face)
        attributes[:, Attribute.LOCAL :] = local
        normals = vertex_normals(vertices, triangles) if normals is None else normals
        self.add(vertices, normals, triangles, np.full(len(triangles), part, np.int8), attributes)

    def figure(self, landmarks: Floats, gaze: tuple[Floats, Floats], pose: _Pose, moment: Moment) -> Figure:
        return Figure(
            vertices=np.concatenate(self._vertices).astype(np.float32),
            normals=np.concatenate(self._normals).astype(np.float32),
            triangles=np.concatenate(self._triangles).astype(np.int32),
            parts=np.concatenate(self._parts),
            attributes=np.concatenate(self._attributes).astype(np.float32),
            landmarks=landmarks,
            head_from_gaze=gaze,
            head_rotation=pose.rotation,
            shift=pose.shift,
            moment=moment,
        )


@dataclass(frozen=True, eq=False)
class _Pose:
    rotation: Floats
    shift: Floats

    def place(self, points: Floats) -> Floats:
        return _world_from_head(points, self.rotation, self.shift)


def pose_figure(performer: Performer, moment: Moment) -> Figure:
    """The performer at a moment of its performance."""
    rotation = head_rotation(moment.yaw, moment.pitch, moment.roll)
    pose = _Pose(rotation, np.array([moment.x, moment.y, moment.z]))
    assembly = _Assembly()
    face_landmarks = _add_head(assembly, performer, moment, pose)
    gaze, irises = _add_eyes(assembly, performer, moment, pose)
    _add_mouth(assembly, performer, moment, pose)
    for ear in ears(performer.neutral):
        placed = pose.place(ear.vertices)
        assembly.add_part(Part.EAR, placed, ear.triangles, ear.occlusion, ear.local, in_face=False)
    if moment.crossing is not None:
        for vertices, triangles in occluder_meshes(moment.crossing):
            assembly.add_part(Part.OCCLUDER, vertices, triangles, in_face=False)
    for vertices, triangles in worn_meshes(moment.worn, performer.neutral, performer.identity_seed):
        assembly.add_part(Part.OCCLUDER, pose.place(vertices), triangles, local=1.0, in_face=False)
    return assembly.figure(np.concatenate([face_landmarks, *irises]), gaze, pose, moment)


def _add_head(assembly: _Assembly, performer: Performer, moment: Moment, pose: _Pose) -> Floats:
    """Adds skin, hair and cloth; returns the landmarks (468, 3) of the skin under the hair."""
    topology = head_topology()
    posed = turn_head(pose_cage(performer.neutral, moment), moment)
    skin = topology.fine_from_cage @ posed + pose.shift
    normals = vertex_normals(skin, topology.triangles)
    vertices = skin
    if performer.hair_lift.any():
        vertices = skin + normals * performer.hair_lift[:, None]
        normals = vertex_normals(vertices, topology.triangles)
    attributes = np.zeros((len(vertices), _ATTRIBUTES))
    attributes[:, Attribute.OCCLUSION] = _ambient_occlusion(topology, vertices, normals, pose.rotation)
    attributes[:, Attribute.FACE] = topology.face
    attributes[:, Attribute.MOUTH] = topology.mouth
    attributes[:, Attribute.LID] = np.clip(topology.lid, 0, 1)
    attributes[:, Attribute.LOCAL] = performer.hair
    parts = np.where(topology.triangle_is_cloth, Part.CLOTH, Part.SKIN).astype(np.int8)
    assembly.add(vertices, normals, topology.triangles, parts, attributes)
    landmarks: Floats = skin[:FACE_LANDMARKS].copy()
    return landmarks


def _ambient_occlusion(topology: HeadTopology, vertices: Floats, normals: Floats, rotation: Floats) -> Floats:
    """Light (fine,) 0..1 that reaches each vertex: less in hollows, small and large, in the mouth and under the chin.

    A hollow is where a smoothed copy of the mesh lies outside the mesh.
    """
    light = np.ones(len(vertices))
    smoothed = vertices.astype(np.float32)
    for rounds in range(1, 29):
        smoothed = topology.mean_of_neighbours @ smoothed
        if rounds in (6, 28):
            depth = np.clip(((smoothed - vertices) * normals).sum(axis=1), 0, 1)
            light *= np.exp(-depth * (2.6 if rounds == 6 else 1.6))
    light *= (1 - 0.87 * topology.mouth) * (1 - 0.35 * topology.lid)
    downwards = smoothstep(-0.2, -0.9, (normals @ rotation)[:, 1]) * (topology.cloth < 0.02) * (vertices[:, 1] > -40)
    occlusion: Floats = light * (1 - 0.45 * downwards)
    return occlusion


def _add_eyes(
    assembly: _Assembly, performer: Performer, moment: Moment, pose: _Pose
) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats]]:
    """Adds both eyeballs; returns their rotations (3, 3) and iris landmarks (5, 3): centre, image right, top, ..."""
    sphere, triangles = unit_sphere()
    angle = np.arcsin(performer.face.iris_radius / EYE_RADIUS)
    sin, cos = np.sin(angle), np.cos(angle)
    iris = np.array([[0, 0, 1], [sin, 0, cos], [0, sin, cos], [-sin, 0, cos], [0, -sin, cos]])
    gazes, landmarks = [], []
    for eye, centre in zip(EYES, performer.neutral.eye_centres, strict=True):
        converged = moment.gaze_yaw - eye.side * _EYE_CONVERGENCE_DEGREES
        gaze = head_rotation(converged, moment.gaze_pitch, 0)
        directions = sphere @ gaze.T
        placed = pose.place(directions * EYE_RADIUS + centre)
        normals = directions @ pose.rotation.T
        assembly.add_part(Part.EYE, placed, triangles, local=sphere, normals=normals)
        gazes.append(gaze)
        landmarks.append(pose.place(iris @ gaze.T * EYE_RADIUS + centre))
    return (gazes[0], gazes[1]), (landmarks[0], landmarks[1])


def _add_mouth(assembly: _Assembly, performer: Performer, moment: Moment, pose: _Pose) -> None:
    """Adds teeth and tongue; the lower ones turn with the jaw."""
    angle = np.deg2rad(JAW_RANGE_DEGREES * moment.jaw)
    jaw = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    upper, lower = teeth(performer.neutral, upper=True), teeth(performer.neutral, upper=False)
    on_jaw = tongue(performer.neutral)
    for part, mesh, moves in ((Part.TEETH, upper, False), (Part.TEETH, lower, True), (Part.TONGUE, on_jaw, True)):
        vertices = (mesh.vertices - JAW_PIVOT) @ jaw.T + JAW_PIVOT if moves else mesh.vertices
        assembly.add_part(part, pose.place(vertices), mesh.triangles, mesh.occlusion, mesh.local)
