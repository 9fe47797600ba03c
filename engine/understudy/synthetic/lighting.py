"""HDR light: a hot key, a coloured fill, a coloured rim and a two-tone ambient, and the set behind the performer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from understudy.synthetic.falloff import Floats, smoothstep

__all__ = ["Light", "LightRig", "light_rig", "set_background"]

_KEY_COLORS = np.array([[1.12, 1.0, 0.86], [1.0, 1.0, 1.0], [0.88, 1.0, 1.16]])
_HUE_OFFSETS = np.array([0, 2.09, 4.19])
_SKY_COLOR = np.array([0.75, 0.85, 1.05])
_GROUND_COLOR = np.array([0.42, 0.34, 0.28])
_BACKGROUND_REDUCTION = 4


@dataclass(frozen=True, eq=False)
class Light:
    """One light, far away.

    Attributes:
        direction: (3,) unit vector towards the light, world.
        color: (3,) irradiance on a surface that faces it, linear RGB.
        softness: 0 is a point; larger ones wrap round and blur highlights and shadows.
        casts_shadow: True for the key.
    """

    direction: Floats
    color: Floats
    softness: float
    casts_shadow: bool


@dataclass(frozen=True, eq=False)
class LightRig:
    """All light at one moment.

    Attributes:
        lights: Key, fill, rim.
        sky: (3,) radiance from above, linear RGB.
        ground: (3,) radiance from below.
        wetness: 0 dry skin, 1 covered in sweat.
        seed: What it was drawn from; chooses the background.
    """

    lights: tuple[Light, ...]
    sky: Floats
    ground: Floats
    wetness: float
    seed: int


def light_rig(seed: int, seconds: float = 0.0, gain: float = 1.0, wetness: float | None = None) -> LightRig:
    """The light of a shot at a moment: the key drifts and flickers.

    Args:
        seed: Chooses the rig.
        seconds: Time since the first frame.
        gain: Factor on the key.
        wetness: 0..1; chosen by the seed when None.
    """
    rng = np.random.RandomState(9000 + seed)
    side = int(rng.choice([-1, 1]))
    key_azimuth, key_elevation = side * rng.uniform(20, 58), rng.uniform(15, 45)
    key_color = _KEY_COLORS[rng.choice([0, 1, 2])]
    key_strength = rng.uniform(7, 13) * gain
    hue = rng.rand() * 6.283
    fill_color = np.clip(1 + 0.75 * np.cos(hue - _HUE_OFFSETS), 0.15, None)
    rim_color = np.clip(1 + 0.6 * np.cos(hue + 2.6 - _HUE_OFFSETS), 0.2, None)
    drift_degrees, flicker = rng.uniform(4, 14), rng.uniform(0.05, 0.3)
    key_azimuth += drift_degrees * np.sin(2 * np.pi * seconds / rng.uniform(2.5, 6))
    key_strength *= 1 + flicker * np.sin(2 * np.pi * seconds / rng.uniform(1.2, 4) + rng.rand() * 6)
    ambient = rng.uniform(0.35, 0.8)
    key_softness = rng.uniform(0.03, 0.09)
    fill_direction = _direction(-side * rng.uniform(45, 80), rng.uniform(-10, 20))
    fill_color = fill_color * rng.uniform(1.0, 2.4)
    rim_direction = _direction(-side * rng.uniform(120, 155), rng.uniform(15, 50))
    rim_color = rim_color * rng.uniform(4, 12)
    lights = (
        Light(_direction(key_azimuth, key_elevation), key_color * key_strength, key_softness, casts_shadow=True),
        Light(fill_direction, fill_color, 0.3, casts_shadow=False),
        Light(rim_direction, rim_color, 0.1, casts_shadow=False),
    )
    if wetness is None:
        wetness = float(np.random.RandomState(9500 + seed).choice([0.0, 0.4, 1.0]))
    sky = ambient * _SKY_COLOR * rng.uniform(0.7, 1.2)
    return LightRig(lights, sky, ambient * _GROUND_COLOR, wetness, seed)


def _direction(azimuth_degrees: float, elevation_degrees: float) -> Floats:
    azimuth, elevation = np.deg2rad([azimuth_degrees, elevation_degrees])
    across = np.cos(elevation)
    return np.array([np.sin(azimuth) * across, np.sin(elevation), np.cos(azimuth) * across])


@lru_cache(maxsize=2)
def set_background(seed: int, width: int, height: int) -> npt.NDArray[np.float32]:
    """An out-of-focus set: wall, furniture, and lamps as discs with radiance up to about 40.

    Returns:
        (height, width, 3) float32 scene-linear RGB, 0 and above. Shared between callers: not to be written to.
    """
    rng = np.random.RandomState(11000 + seed)
    small_width, small_height = width // _BACKGROUND_REDUCTION + 1, height // _BACKGROUND_REDUCTION + 1
    aspect = width / height
    x, y = np.meshgrid(np.linspace(-aspect, aspect, small_width), np.linspace(-1, 1, small_height))
    picture = _furnished_wall(rng, x, y)
    picture = np.asarray(cv2.GaussianBlur(picture.astype(np.float32), (0, 0), small_height / 40), np.float32)
    for _ in range(9):
        picture = picture + _lamp(rng, x, y)
    enlarged = cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR)
    background: npt.NDArray[np.float32] = np.maximum(enlarged, 0).astype(np.float32)
    background.flags.writeable = False
    return background


def _furnished_wall(rng: np.random.RandomState, x: Floats, y: Floats) -> Floats:
    dark = rng.uniform(0.03, 0.25) * rng.uniform(0.7, 1.2, 3)
    light = rng.uniform(0.02, 0.3) * rng.uniform(0.7, 1.2, 3)
    ramp = np.clip(0.5 + 0.4 * y + 0.25 * x * rng.randn(), 0, 1)[..., None]
    wall: Floats = dark * (1 - ramp) + light * ramp
    for _ in range(14):
        centre_x, centre_y = rng.uniform(-1.8, 1.8), rng.uniform(-1, 1)
        half_width, half_height = rng.uniform(0.08, 0.6), rng.uniform(0.1, 0.9)
        outside = np.maximum(abs(x - centre_x) - half_width, abs(y - centre_y) - half_height)
        cover = 0.7 * smoothstep(0.04, -0.04, outside)[..., None]
        wall = wall * (1 - cover) + cover * rng.uniform(0.02, 0.4) * rng.uniform(0.75, 1.1, 3)
    return wall


def _lamp(rng: np.random.RandomState, x: Floats, y: Floats) -> npt.NDArray[np.float32]:
    """A disc of light, brighter at its rim, as a lens out of focus draws a point."""
    centre_x, centre_y, radius = rng.uniform(-1.8, 1.8), rng.uniform(-1, 0.3), rng.uniform(0.02, 0.055)
    distance = np.hypot(x - centre_x, y - centre_y)
    rim = 0.75 + 0.25 * smoothstep(0.5 * radius, radius, distance)
    disc = smoothstep(radius * 1.2, radius * 0.85, distance) * rim
    radiance = np.exp(rng.uniform(-0.5, 3.6)) * rng.uniform(0.35, 1.0, 3)
    return np.asarray(disc[..., None] * radiance * 0.5, np.float32)
