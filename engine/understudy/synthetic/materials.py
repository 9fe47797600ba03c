"""What each part is made of: sample values turned into the inputs of shading."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from understudy.synthetic.canvas import azimuth_from_u
from understudy.synthetic.eye_material import dress_eyes
from understudy.synthetic.falloff import Floats, smoothstep
from understudy.synthetic.figure import Attribute, Figure, Part
from understudy.synthetic.performer import Performer, PerformerSkin
from understudy.synthetic.sampling import Samples
from understudy.synthetic.surface import Surface, bare_surface

__all__ = ["dress_samples"]

_ROW = 16384
_MOUTH_COLOR = np.array([0.30, 0.09, 0.08], np.float32)
_LID_TINT = np.array([0.85, 0.48, 0.45])
_SKIN_WRAP = np.array([0.34, 0.14, 0.08], np.float32)
_BAR_COLOR = (0.10, 0.13, 0.16)
_FRAME_COLOR = (0.02, 0.02, 0.02)
_TOOTH_COLOR = np.array([0.66, 0.60, 0.50])
_GUM_COLOR = np.array([0.42, 0.14, 0.13])


def dress_samples(performer: Performer, figure: Figure, samples: Samples) -> Surface:
    """The surface at every sample of a picture."""
    surface = bare_surface(samples)
    _dress_skin(surface, performer, figure, samples)
    _dress_ears(surface, performer, samples)
    _dress_cloth(surface, performer, samples)
    _dress_occluder(surface, performer, figure, samples)
    _dress_mouth(surface, samples)
    dress_eyes(surface, performer, figure, samples)
    return surface


@dataclass(eq=False)
class _SkinValues:
    """Texture values at N samples: albedo (N, 3), surface (N, 3), slopes (N, 2), as in `FaceTextures`."""

    albedo: Floats
    surface: Floats
    slopes: Floats


def _dress_skin(surface: Surface, performer: Performer, figure: Figure, samples: Samples) -> None:
    skin = np.flatnonzero(samples.part == Part.SKIN)
    if not len(skin):
        return
    own_uv = _uv_at(performer.own, samples, skin)
    values = _looked_up(performer.own, own_uv)
    if performer.swapped_in is not None:
        _put_face_in(values, performer, performer.swapped_in, samples, skin)
    in_mouth = samples.attributes[skin, Attribute.MOUTH][:, None]
    behind_lid = samples.attributes[skin, Attribute.LID][:, None]
    albedo = values.albedo * (1 - in_mouth) + _MOUTH_COLOR * in_mouth
    lid_color = (performer.face.tone * _LID_TINT).astype(np.float32)
    surface.albedo[skin] = albedo * (1 - behind_lid) + behind_lid * lid_color
    roughness, hair, lips = values.surface.T
    surface.roughness[skin] = roughness * (1 - 0.5 * in_mouth[:, 0])
    surface.wrap[skin] = _SKIN_WRAP * (1 - hair)[:, None] + np.float32(0.05)
    surface.oil[skin] = 0.16 * (1 - hair) * (roughness < 0.56) + 0.45 * lips
    relief = values.slopes * (1 - in_mouth) * (1 - behind_lid)
    surface.normal[skin] = _bumped(surface.normal[skin], own_uv[:, 0], relief, figure.head_rotation)


def _uv_at(skin: PerformerSkin, samples: Samples, chosen: npt.NDArray[np.int64]) -> Floats:
    corners = skin.corner_uv[samples.triangle[chosen]]
    uv: Floats = np.einsum("nk,nkc->nc", samples.weights[chosen], corners)
    return uv


def _looked_up(skin: PerformerSkin, uv: Floats) -> _SkinValues:
    textures = skin.textures
    return _SkinValues(*(_bilinear(layer, uv) for layer in (textures.albedo, textures.surface, textures.slopes)))


def _bilinear(layer: npt.NDArray[np.float32], uv: Floats) -> npt.NDArray[np.float32]:
    """(N, C) float32 values of a layer at texture coordinates (N, 2).

    In rows of 16384, because OpenCV's remap is limited to pictures of 32767 pixels a side.
    """
    size = layer.shape[0]
    count = len(uv)
    rows = -(-count // _ROW)
    padding = (0, rows * _ROW - count)
    column = np.pad(((uv[:, 0] % 1) * size - 0.5).astype(np.float32), padding).reshape(rows, _ROW)
    row = np.pad((uv[:, 1] * size - 0.5).astype(np.float32), padding).reshape(rows, _ROW)
    found = cv2.remap(layer, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found.reshape(rows * _ROW, -1)[:count], np.float32)


def _put_face_in(
    values: _SkinValues,
    performer: Performer,
    swapped_in: PerformerSkin,
    samples: Samples,
    skin: npt.NDArray[np.int64],
) -> None:
    """Mixes the skin of the source identity in; the fringe of the head stays in front of it."""
    weight = samples.attributes[skin, Attribute.FACE]
    inside = np.flatnonzero(weight > 0.002)
    put_in = _looked_up(swapped_in, _uv_at(swapped_in, samples, skin[inside]))
    hair = values.surface[inside, 1:2]
    share = smoothstep(0.1, 0.75, weight[inside])[:, None].astype(np.float32) * (1 - hair)
    gain = performer.swapped_in_gain.astype(np.float32)
    values.albedo[inside] = values.albedo[inside] * (1 - share) + share * put_in.albedo * gain
    values.surface[inside] = values.surface[inside] * (1 - share) + share * put_in.surface
    values.slopes[inside] = values.slopes[inside] * (1 - share) + share * put_in.slopes


def _bumped(normal: Floats, u: Floats, relief: Floats, head_rotation: Floats) -> Floats:
    """Normals (N, 3) tilted by slopes (N, 2) along the azimuth and downwards."""
    azimuth = azimuth_from_u(u % 1, knots=2001)
    along = np.stack([np.cos(azimuth), np.zeros_like(azimuth), -np.sin(azimuth)], axis=1) @ head_rotation.T
    upwards = np.cross(normal, along)
    tilted = normal - (relief[:, :1] * along - relief[:, 1:] * upwards)
    unit: Floats = tilted / np.linalg.norm(tilted, axis=1, keepdims=True)
    return unit


def _dress_ears(surface: Surface, performer: Performer, samples: Samples) -> None:
    ear = samples.part == Part.EAR
    surface.albedo[ear] = performer.own.textures.tone * np.array([1.0, 0.82, 0.8])
    surface.wrap[ear] = (0.42, 0.2, 0.12)
    surface.roughness[ear] = 0.46


def _dress_cloth(surface: Surface, performer: Performer, samples: Samples) -> None:
    cloth = samples.part == Part.CLOTH
    position = samples.position[cloth]
    weave = 1 + 0.12 * np.sin(position[:, :1] * 9.0) * np.sin(position[:, 1:2] * 9.0)
    surface.albedo[cloth] = performer.cloth_color * weave
    surface.roughness[cloth] = 0.8
    surface.reflectance[cloth] = 0.02


def _dress_occluder(surface: Surface, performer: Performer, figure: Figure, samples: Samples) -> None:
    """The bar is dark and shiny; the hand has the performer's own skin, a fringe its hair; spectacles are black."""
    occluder = samples.part == Part.OCCLUDER
    is_worn = occluder & (samples.attributes[:, Attribute.LOCAL] > 0.5)
    crossing, moment = occluder & ~is_worn, figure.moment
    if moment.worn:
        is_hair = moment.worn == "fringe"
        surface.albedo[is_worn] = _hair_color(performer) if is_hair else _FRAME_COLOR
        surface.roughness[is_worn] = 0.42 if is_hair else 0.25
    if moment.crossing is None:
        return
    if moment.crossing.kind == "bar":
        surface.albedo[crossing] = _BAR_COLOR
        surface.roughness[crossing] = 0.2
        surface.reflectance[crossing] = 0.06
    else:
        surface.albedo[crossing] = performer.own.textures.tone * np.array([1.02, 0.95, 0.93])
        surface.wrap[crossing] = (0.34, 0.14, 0.08)
        surface.roughness[crossing] = 0.5


@lru_cache(maxsize=4)
def _hair_color(performer: Performer) -> Floats:
    """Mean albedo (3,) of what hair covers on the head; once for all frames, because it looks at every texel."""
    textures = performer.own.textures
    covered = textures.surface[..., 1] > 0.9
    return np.asarray(textures.albedo[covered].mean(axis=0) if covered.any() else _FRAME_COLOR, np.float64)


def _dress_mouth(surface: Surface, samples: Samples) -> None:
    tooth = samples.part == Part.TEETH
    gum, gap = (samples.attributes[tooth, Attribute.LOCAL + i][:, None] for i in (0, 1))
    surface.albedo[tooth] = _TOOTH_COLOR * (1 - 0.75 * gap) * (1 - gum) + gum * _GUM_COLOR
    surface.roughness[tooth] = 0.22
    surface.reflectance[tooth] = 0.04
    surface.wrap[tooth] = 0.25
    surface.occlusion[tooth] *= 0.75
    tongue = samples.part == Part.TONGUE
    surface.albedo[tongue] = (0.42, 0.16, 0.15)
    surface.roughness[tongue] = 0.3
    surface.wrap[tongue] = (0.3, 0.1, 0.1)
