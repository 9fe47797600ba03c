"""The painted surface of an identity, kept on disk because painting takes seconds."""

from __future__ import annotations

import hashlib
import logging
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from understudy.durable import replacing, user_cache_folder
from understudy.errors import WriteError
from understudy.synthetic.canvas import TEXTURE_SIZE, Canvas, Layer
from understudy.synthetic.falloff import Floats
from understudy.synthetic.hair import paint_brows, paint_hair_cap, paint_lashes
from understudy.synthetic.head import head_topology
from understudy.synthetic.identity import neutral_head
from understudy.synthetic.landmarks import BROW_CENTRE
from understudy.synthetic.skin import (
    Complexion,
    SkinZones,
    paint_lips,
    paint_nostrils,
    paint_pores,
    paint_skin,
    paint_wrinkles,
)

__all__ = ["FaceTextures", "default_cache_folder", "load_textures", "paint_textures"]

logger = logging.getLogger(__name__)

_SKIN_TONES = np.array(
    [
        [0.62, 0.40, 0.31],
        [0.50, 0.305, 0.22],
        [0.40, 0.235, 0.16],
        [0.27, 0.15, 0.098],
        [0.17, 0.088, 0.056],
        [0.56, 0.36, 0.26],
    ]
)
_HAIR_COLORS = np.array(
    [
        [0.02, 0.014, 0.010],
        [0.055, 0.030, 0.016],
        [0.14, 0.075, 0.035],
        [0.32, 0.20, 0.09],
        [0.16, 0.05, 0.02],
        [0.25, 0.24, 0.23],
    ]
)
_IRIS_COLORS = np.array(
    [[0.11, 0.055, 0.025], [0.09, 0.15, 0.23], [0.10, 0.15, 0.07], [0.20, 0.12, 0.04], [0.16, 0.19, 0.20]]
)

_TEXELS_PER_CM_ACROSS = 62.0
_TEXELS_PER_CM_DOWN = TEXTURE_SIZE / 36.0

_DECIDING_FILES = (
    "canvas.py",
    "cage.py",
    "falloff.py",
    "hair.py",
    "head.py",
    "identity.py",
    "landmarks.py",
    "mesh.py",
    "skin.py",
    "template.npz",
    "template.py",
    "textures.py",
)
"""Files of this folder that decide what a texture looks like."""


@dataclass(frozen=True)
class FaceTextures:
    """Skin and hair of an identity; layers as in `canvas`.

    Attributes:
        albedo: (size, size, 3) float32 linear RGB, 0.002..0.95.
        surface: (size, size, 3) float32: roughness 0.2..0.8, coverage by hair 0..1, by lips 0..1.
        slopes: (size, size, 2) float32: rise of the bumps to the right and downwards, cm per cm.
        hair_thickness: (size, size) float32, 0..1.
        tone: (3,) mean albedo of the skin, linear RGB.
        iris_color: (3,) linear RGB.
        iris_radius: cm.
        is_bald: True when the hair does not raise the scalp.
    """

    albedo: Layer
    surface: Layer
    slopes: Layer
    hair_thickness: Layer
    tone: Floats
    iris_color: Floats
    iris_radius: float
    is_bald: bool


def default_cache_folder() -> Path:
    """Where baked textures are kept unless somebody says otherwise."""
    return user_cache_folder() / "synthetic"


@lru_cache(maxsize=4)
def load_textures(seed: int, cache_folder: Path | None = None) -> FaceTextures:
    """The textures of an identity, from the cache when they are there, else painted and kept.

    Args:
        seed: The identity.
        cache_folder: Where baked textures are kept; `default_cache_folder()` when None. A folder that cannot be
            written only costs the time to paint again.
    """
    path = (cache_folder or default_cache_folder()) / f"identity-{seed}-{_cache_key()}.npz"
    arrays = _read_cache(path)
    if arrays is None:
        logger.info("painting the textures of identity %d", seed)
        arrays = _packed(paint_textures(seed))
        _write_cache(path, arrays)
    return _unpacked(arrays)


def paint_textures(seed: int) -> FaceTextures:
    """The textures of an identity, painted anew; about ten seconds."""
    rng = np.random.RandomState(5000 + seed)
    fine_vertices = head_topology().fine_from_cage @ neutral_head(seed).vertices
    complexion = _draw_complexion(rng)
    canvas = Canvas(rng, fine_vertices, complexion.tone)
    zones = paint_skin(canvas, complexion)
    lips = paint_lips(canvas, complexion)
    paint_nostrils(canvas)
    paint_wrinkles(canvas)
    paint_pores(canvas, zones)
    brows = paint_brows(canvas, complexion)
    paint_lashes(canvas, complexion)
    cap = paint_hair_cap(canvas, complexion)
    roughness = _roughness(canvas, zones, lips, brows, cap.coverage)
    has_any_iris = complexion.tone.mean() > 0.2
    iris_color = _IRIS_COLORS[rng.randint(len(_IRIS_COLORS)) if has_any_iris else 0]
    return FaceTextures(
        albedo=np.clip(canvas.albedo, 0.002, 0.95).astype(np.float32),
        surface=np.stack([np.clip(roughness, 0.2, 0.8), cap.coverage, lips], axis=-1).astype(np.float32),
        slopes=_slopes(canvas.height),
        hair_thickness=cap.thickness,
        tone=complexion.tone,
        iris_color=iris_color,
        iris_radius=rng.uniform(0.56, 0.62),
        is_bald=cap.is_bald,
    )


def _draw_complexion(rng: np.random.RandomState) -> Complexion:
    tone = _SKIN_TONES[rng.randint(len(_SKIN_TONES))] * (1 + 0.06 * rng.randn(3))
    hair = rng.choice([0, 0, 1, 1, 2, 3, 4, 5]) if tone.mean() > 0.2 else 0
    return Complexion(tone, _HAIR_COLORS[hair], is_male=bool(rng.rand() < 0.6))


def _roughness(canvas: Canvas, zones: SkinZones, lips: Layer, brows: Layer, hair: Layer) -> Layer:
    """Oilier between the brows and on the nose; glossy lips."""
    oily = np.clip(zones.nose + 0.6 * canvas.spot(BROW_CENTRE, 150, 110) + 0.3 * zones.cheeks, 0, 1)
    roughness = 0.47 - 0.07 * oily + 0.03 * canvas.middle
    roughness = roughness * (1 - lips) + lips * (0.30 + 0.03 * canvas.middle)
    roughness = roughness * (1 - brows) + brows * 0.65
    roughness = roughness * (1 - hair) + hair * 0.42
    return np.asarray(roughness + canvas.rng.uniform(-0.04, 0.05), np.float32)


def _slopes(height: Layer) -> Layer:
    right = cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=3) / 8 * _TEXELS_PER_CM_ACROSS
    down = cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=3) / 8 * _TEXELS_PER_CM_DOWN
    return np.asarray(np.stack([right, down], axis=-1), np.float32)


@lru_cache(maxsize=1)
def _cache_key() -> str:
    folder = Path(__file__).parent
    return hashlib.sha256(b"".join((folder / name).read_bytes() for name in _DECIDING_FILES)).hexdigest()[:12]


def _packed(textures: FaceTextures) -> dict[str, Any]:
    """The arrays as stored: layers in half precision, which halves the file and is finer than the eye."""
    return {
        name: value.astype(np.float16) if isinstance(value, np.ndarray) and value.ndim >= 2 else np.asarray(value)
        for name, value in vars(textures).items()
    }


def _unpacked(arrays: Mapping[str, Any]) -> FaceTextures:
    layers = ("albedo", "surface", "slopes", "hair_thickness")
    return FaceTextures(
        **{name: arrays[name].astype(np.float32) for name in layers},
        tone=arrays["tone"],
        iris_color=arrays["iris_color"],
        iris_radius=float(arrays["iris_radius"]),
        is_bald=bool(arrays["is_bald"]),
    )


def _read_cache(path: Path) -> dict[str, Any] | None:
    """The stored arrays, or None when there are none that can be used: the caller paints them again."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return {name: stored[name] for name in FaceTextures.__dataclass_fields__}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile) as error:
        logger.info("%s cannot be used (%s); painting again", path, error)
        return None


def _write_cache(path: Path, arrays: Mapping[str, Any]) -> None:
    """Keeps the layers; a folder that cannot be written costs time, not the work."""
    try:
        with replacing(path) as beside:
            np.savez(beside, **arrays)
    except WriteError as error:
        logger.info("textures are not kept: %s", error.message)
