"""Cryptomatte 1.2.0: mattes that carry the name of what they cover.

A name becomes a number by MurmurHash3 (Appleby, public domain), the number's bits become a float, and a picture keeps
in each pixel the numbers it shows, each beside its coverage. Hosts then pick mattes by name or by a click. The floats
only hold while nobody filters, converts or rounds them: 32-bit channels, lossless compression, no colour space.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

__all__ = ["CHANNELS", "LAYER", "attributes_of", "id_of", "murmur3_32", "ranked_planes"]

LAYER = "CryptoIdentity"
"""Name of the layer, beside the customary CryptoObject, CryptoMaterial and CryptoAsset."""

CHANNELS = tuple(f"{LAYER}00.{name}" for name in "rgba")
"""Number and coverage of rank 0, then of rank 1: one face, and nothing behind it."""

_MASK = 0xFFFFFFFF


def murmur3_32(data: bytes, seed: int = 0) -> int:
    """The 32-bit variant of MurmurHash3 for x86, 0 to 2**32 - 1."""
    state = seed
    whole = len(data) // 4 * 4
    for start in range(0, whole, 4):
        state ^= _scrambled(int.from_bytes(data[start : start + 4], "little"))
        state = (_rotated(state, 13) * 5 + 0xE6546B64) & _MASK
    if len(data) > whole:
        state ^= _scrambled(int.from_bytes(data[whole:], "little"))
    state ^= len(data)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
        state = ((state ^ (state >> shift)) * factor) & _MASK
    return state


def id_of(name: str) -> int:
    """The bits of the float32 that stands for a name: its hash, with one bit flipped where it would be no plain number.

    Exponents of all zeros (denormal) and all ones (infinite, not a number) would not survive every program.
    """
    bits = murmur3_32(name.encode())
    exponent = bits >> 23 & 0xFF
    return bits ^ (1 << 23) if exponent in (0, 255) else bits


def ranked_planes(coverage: npt.NDArray[np.float32], name: str) -> npt.NDArray[np.float32]:
    """(H, W, 4) float32 for `CHANNELS`: the name's number and its coverage, then nothing.

    Args:
        coverage: (H, W) float32 0..1.
        name: Of what is covered. Pixels without coverage have the number 0: nothing is there.
    """
    number = np.array(id_of(name), np.uint32).view(np.float32)
    planes = np.zeros((*coverage.shape, 4), np.float32)
    planes[..., 0] = np.where(coverage > 0, number, np.float32(0))
    planes[..., 1] = coverage
    return planes


def attributes_of(names: Iterable[str]) -> dict[str, str]:
    """The EXR attributes that make the layer a Cryptomatte, with the manifest: each name and its number in hex."""
    key = f"cryptomatte/{id_of(LAYER):08x}"[: len("cryptomatte/") + 7]
    manifest = {name: f"{id_of(name):08x}" for name in names}
    return {
        f"{key}/name": LAYER,
        f"{key}/hash": "MurmurHash3_32",
        f"{key}/conversion": "uint32_to_float32",
        f"{key}/manifest": json.dumps(manifest, ensure_ascii=False, separators=(",", ":")),
    }


def _scrambled(block: int) -> int:
    return _rotated(block * 0xCC9E2D51 & _MASK, 15) * 0x1B873593 & _MASK


def _rotated(value: int, bits: int) -> int:
    return (value << bits | value >> (32 - bits)) & _MASK
