"""What light meets at each sample: the common input of every material."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from understudy.synthetic.figure import Attribute, Part
from understudy.synthetic.sampling import Samples

__all__ = ["Surface", "bare_surface"]


@dataclass(eq=False)
class Surface:
    """N surface points; materials fill in their own rows.

    Attributes:
        position: (N, 3) float32, world, cm.
        normal: (N, 3) float32, unit, with bumps.
        smooth_normal: (N, 3) float32, unit, of the mesh.
        albedo: (N, 3) float32 linear RGB.
        roughness: (N,) float32, 0..1.
        reflectance: (N,) float32, mirror reflectance seen straight on.
        wrap: (N, 3) float32: how far light wraps round, by channel; a cheap stand-in for scattering under the skin.
        oil: (N,) float32: strength of the second, sharper highlight.
        occlusion: (N,) float32, 0..1: ambient light that arrives.
        in_mouth: (N,) float32, 0..1: inside the mouth, where lights without shadows would leak in.
    """

    position: npt.NDArray[np.float32]
    normal: npt.NDArray[np.float32]
    smooth_normal: npt.NDArray[np.float32]
    albedo: npt.NDArray[np.float32]
    roughness: npt.NDArray[np.float32]
    reflectance: npt.NDArray[np.float32]
    wrap: npt.NDArray[np.float32]
    oil: npt.NDArray[np.float32]
    occlusion: npt.NDArray[np.float32]
    in_mouth: npt.NDArray[np.float32]


def bare_surface(samples: Samples) -> Surface:
    """A grey surface with the samples' geometry."""
    count = len(samples.part)
    smooth_normal = samples.normal / (np.linalg.norm(samples.normal, axis=1, keepdims=True) + np.float32(1e-9))
    is_lining = (samples.part == Part.TEETH) | (samples.part == Part.TONGUE)
    depth_in_mouth = np.clip(samples.attributes[:, Attribute.MOUTH], 0, 1) * (samples.part == Part.SKIN)
    return Surface(
        position=samples.position,
        normal=smooth_normal.copy(),
        smooth_normal=smooth_normal,
        albedo=np.full((count, 3), 0.2, np.float32),
        roughness=np.full(count, 0.45, np.float32),
        reflectance=np.full(count, 0.028, np.float32),
        wrap=np.zeros((count, 3), np.float32),
        oil=np.zeros(count, np.float32),
        occlusion=samples.attributes[:, Attribute.OCCLUSION].copy(),
        in_mouth=np.where(is_lining, 1, depth_in_mouth).astype(np.float32),
    )
