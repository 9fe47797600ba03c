"""Radiance that surfaces send to the camera.

Diffuse light wraps round the terminator more in red than in blue, and follows the smooth normal in red and the bumped
one in blue: a cheap likeness of scattering under skin. Highlights are two GGX lobes (Walter et al., "Microfacet Models
for Refraction through Rough Surfaces", 2007, equation 33) with Schlick's Fresnel term (1994).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from understudy.synthetic.falloff import Floats
from understudy.synthetic.lighting import Light, LightRig
from understudy.synthetic.surface import Surface

__all__ = ["radiance"]

_Values = npt.NDArray[np.float32]

_PI = np.float32(3.14159)
_BUMP_SHARE = np.array([0.25, 0.6, 0.85], np.float32)
_OCCLUSION_POWERS = (0.8, 1.05, 1.1)
_SHADOW_POWERS = (0.75, 1.0, 1.1)
_UNOCCLUDED_SHARE = 0.35


def radiance(surface: Surface, rig: LightRig, lit_shares: Sequence[_Values | None], camera_distance: float) -> _Values:
    """(N, 3) float32 scene-linear RGB towards the camera.

    Args:
        surface: N points.
        rig: The light.
        lit_shares: For each light of the rig (N,) 0..1, or None for a light without shadows.
        camera_distance: Of the camera on the +z axis, cm.
    """
    with np.errstate(all="ignore"):  # degenerate samples become 0 below
        view = _unit(np.array([0, 0, camera_distance], np.float32) - surface.position)
        facing = np.clip(_dot(surface.normal, view), 0.05, 1)
        occlusion = _powers(surface.occlusion, _OCCLUSION_POWERS)
        diffuse, specular = _ambient(surface, rig, view, facing, occlusion)
        direct_occlusion = _direct_occlusion(surface, occlusion)
        highlight_occlusion = _highlight_occlusion(surface)
        for light, lit in zip(rig.lights, lit_shares, strict=True):
            color = light.color.astype(np.float32)
            shadow = np.float32(1) if lit is None else _powers(lit, _SHADOW_POWERS)
            diffuse += _wrapped(surface, light) * shadow * color * direct_occlusion / _PI
            highlight = _highlights(surface, light, view, rig.wetness) * highlight_occlusion
            specular += (highlight if lit is None else highlight * lit)[:, None] * color
        total = surface.albedo * diffuse + specular
    return np.where(np.isfinite(total), total, np.float32(0)).astype(np.float32)


def _unit(vectors: Floats) -> _Values:
    lengths = np.sqrt(_dot(vectors, vectors))[:, None]
    return np.asarray(vectors / np.maximum(lengths, np.float32(1e-8)), np.float32)


def _dot(first: Floats, second: Floats) -> _Values:
    return np.asarray(np.einsum("nc,nc->n", first, second), np.float32)


def _fifth_power(values: Floats) -> Floats:
    square = values * values
    fifth: Floats = square * square * values
    return fifth


def _powers(values: _Values, exponents: Sequence[float]) -> _Values:
    """(N, 3): values (N,) to one exponent per channel."""
    columns = [values if exponent == 1 else values ** np.float32(exponent) for exponent in exponents]
    return np.stack(columns, axis=1)


def _direct_occlusion(surface: Surface, occlusion: _Values) -> _Values:
    """(N, 3): direct light reaches hollows better than ambient light does, but not the mouth."""
    exempt = (_UNOCCLUDED_SHARE * (1 - surface.in_mouth))[:, None]
    return np.asarray(exempt + (1 - exempt) * occlusion, np.float32)


def _highlight_occlusion(surface: Surface) -> Floats:
    outside = (0.25 + 0.75 * surface.occlusion) * (1 - surface.in_mouth)
    occlusion: Floats = outside + surface.in_mouth * surface.occlusion**2 * 0.5
    return occlusion


def _ambient(
    surface: Surface, rig: LightRig, view: _Values, facing: _Values, occlusion: _Values
) -> tuple[_Values, _Values]:
    """Diffuse irradiance over pi (N, 3), and reflected sky and ground (N, 3)."""
    sky, ground = rig.sky.astype(np.float32), rig.ground.astype(np.float32)
    upwards = 0.5 + 0.5 * surface.normal[:, 1:2]
    diffuse = (sky * upwards + ground * (1 - upwards)) * occlusion
    mirrored_up = 2 * facing * surface.normal[:, 1] - view[:, 1]
    upwards = 0.5 + 0.5 * mirrored_up[:, None]
    base = surface.reflectance
    fresnel = base + (1 - base) * _fifth_power(1 - facing) * (1 - surface.roughness) ** 2
    strength = (fresnel * surface.occlusion * 0.8)[:, None]
    specular = (sky * upwards**2 * 1.2 + ground * (1 - upwards)) * strength
    return diffuse.astype(np.float32), specular.astype(np.float32)


def _wrapped(surface: Surface, light: Light) -> Floats:
    """(N, 3) share of the light's irradiance, wrapped round the terminator and kept in energy."""
    direction = light.direction.astype(np.float32)
    smooth = (surface.smooth_normal @ direction)[:, None]
    bumped = (surface.normal @ direction)[:, None]
    cosine = smooth * (1 - _BUMP_SHARE) + bumped * _BUMP_SHARE
    wrap = surface.wrap + np.float32(light.softness)
    share: Floats = np.maximum((cosine + wrap) / (1 + wrap) ** 2, 0)
    return share


def _highlights(surface: Surface, light: Light, view: _Values, wetness: float) -> Floats:
    """(N,) of the light's irradiance that both lobes reflect towards the camera."""
    direction = light.direction.astype(np.float32)
    half = _unit(view + direction)
    half_facing = np.clip(_dot(surface.normal, half), 0, 1)
    view_half = np.clip(_dot(view, half), 0.05, 1)
    fresnel = surface.reflectance + (1 - surface.reflectance) * _fifth_power(1 - view_half)
    incoming = np.clip(surface.normal @ direction, 0, 1)
    above_horizon = np.clip((surface.smooth_normal @ direction) * 8, 0, 1)
    square = half_facing * half_facing
    lobes: Floats = np.zeros(len(view), np.float32)
    oily = surface.oil
    for weight, roughness in (
        (1 - 0.5 * oily, surface.roughness),
        (oily * (1 + 2.2 * wetness), surface.roughness * (0.55 - 0.28 * wetness)),
    ):
        alpha_square = (np.maximum(roughness, 0.04) ** 2 + light.softness * 0.12) ** 2
        distribution = alpha_square / (_PI * (square * (alpha_square - 1) + 1) ** 2)
        visibility = 0.25 / np.maximum(view_half * view_half * (1 - roughness) + roughness, 0.1)
        lobes = lobes + distribution * visibility * weight
    highlights: Floats = lobes * fresnel * incoming * above_horizon
    return highlights
