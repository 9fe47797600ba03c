"""Face crops in memory, and the batches that are made of them.

Every draw is keyed by seed, iteration and identity, and by nothing else: a run that was resumed sees the batches that
an uninterrupted one would have seen.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from understudy.color.curve import LARGEST_KEPT, SMALLEST_KEPT
from understudy.errors import SettingsError
from understudy.settings.training import TrainingSettings
from understudy.training.codes import relit

__all__ = ["CODE_RANGE", "Batch", "FaceCodes", "centre_codes", "make_batch", "quantised"]

CODE_RANGE = (SMALLEST_KEPT, LARGEST_KEPT)
"""Codes that 0 and 65535 stand for; in between the steps are 1/32768, finer than half precision at 1."""

_WARP_POINTS = 5
_LIGHT_POINTS = 3


@dataclass(frozen=True, eq=False)
class FaceCodes:
    """All faces of one identity that a model learns from.

    Attributes:
        codes: (N, S, S, 3) uint16 RGB, `quantised` training space. S is `crop_side`: the model's square and the margin
            round it, from which the random turns and shifts are filled. May be a memory map.
        mattes: (N, S, S) uint8, 255 inside the face.
    """

    codes: npt.NDArray[np.uint16]
    mattes: npt.NDArray[np.uint8]

    def __post_init__(self) -> None:
        shape = self.codes.shape
        if len(shape) != 4 or shape[3] != 3 or shape[1] != shape[2] or self.mattes.shape != shape[:3]:
            raise ValueError(f"codes {shape} and mattes {self.mattes.shape} are no crops")
        if self.codes.dtype != np.uint16 or self.mattes.dtype != np.uint8:
            raise ValueError("codes are uint16 and mattes uint8")

    def __len__(self) -> int:
        return self.codes.shape[0]


@dataclass(frozen=True, eq=False)
class Batch:
    """What one identity shows in one iteration.

    Attributes:
        seen: (B, 3, size, size) float32, training space: the faces, warped; what the network is given.
        wanted: (B, 3, size, size) float32, training space: the same faces unwarped; what it should paint.
        matte: (B, 1, size, size) float32, 0..1, of the wanted faces.
    """

    seen: Tensor
    wanted: Tensor
    matte: Tensor


def quantised(codes: npt.NDArray[np.float32]) -> npt.NDArray[np.uint16]:
    """Codes of any shape as uint16 over `CODE_RANGE`; the few beyond it are clipped, for learning only.

    Args:
        codes: Float32, training space.
    """
    low, high = CODE_RANGE
    return (np.clip((codes - low) / (high - low), 0.0, 1.0) * 65535.0 + 0.5).astype(np.uint16)


def centre_codes(faces: FaceCodes, indices: npt.NDArray[np.int64], size: int, device: torch.device) -> Tensor:
    """The model's square of some faces, untouched: (B, 3, size, size) float32, training space.

    Args:
        faces: Of one identity.
        indices: (B,) which of them.
        size: Of the model's square, in pixels.
        device: Where the result lies.
    """
    codes, _ = _taken(faces, indices, device)
    start = (codes.shape[-1] - size) // 2
    return codes[:, :, start : start + size, start : start + size].contiguous()


def make_batch(
    faces: FaceCodes, size: int, settings: TrainingSettings, key: tuple[int, int], device: torch.device
) -> Batch:
    """The batch of one identity in one iteration.

    Each face is drawn, turned, zoomed, shifted and put in another light; what the network sees is warped as well, so
    that it cannot copy shapes but must know the face. Position and warp make one grid, so that every picture is
    sampled once.

    Args:
        faces: Of one identity.
        size: Of the model's square, in pixels.
        settings: Batch, seed, and how strongly to change what is drawn.
        key: Iteration and a number that stands for the identity.
        device: Where the batch is made.
    """
    draws = _generator(settings.seed, *key)
    count = settings.batch
    indices = torch.randint(len(faces), (count,), generator=draws).numpy()
    placing = _placing(settings, size / faces.codes.shape[1], draws)
    warp = torch.randn(count, 2, _WARP_POINTS, _WARP_POINTS, generator=draws) * (2.0 * settings.warp)
    light = _light(settings, draws)

    codes, mattes = _taken(faces, indices, device)
    placing, warp, light = placing.to(device), warp.to(device), light.to(device)
    square = functional.affine_grid(_upright(count, device), [count, 1, size, size], align_corners=False)
    bent = square + _enlarged(warp, size).permute(0, 2, 3, 1)
    wanted_grid, seen_grid = _placed(placing, square), _placed(placing, bent)
    both = torch.cat([_sampled(codes, seen_grid, "bilinear"), _sampled(codes, wanted_grid, "bicubic")])
    both = relit(both, _enlarged(light, size).repeat(2, 1, 1, 1))
    return Batch(both[:count], both[count:], _sampled(mattes, wanted_grid, "bilinear"))


def _generator(seed: int, iteration: int, identity: int) -> torch.Generator:
    key = hashlib.blake2b(f"{seed} {iteration} {identity}".encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(key, "big") >> 1)


def _taken(faces: FaceCodes, indices: npt.NDArray[np.int64], device: torch.device) -> tuple[Tensor, Tensor]:
    if len(faces) == 0:
        raise SettingsError("There are no faces to learn from.")
    stored = torch.from_numpy(np.ascontiguousarray(faces.codes[indices]).view(np.int16)).to(device)
    low, high = CODE_RANGE
    # int16 is what every version of PyTorch can move; the mask makes the upper half positive again
    codes = (stored.to(torch.int32) & 0xFFFF).to(torch.float32) * ((high - low) / 65535.0) + low
    mattes = torch.from_numpy(np.ascontiguousarray(faces.mattes[indices])).to(device).to(torch.float32) / 255.0
    return codes.permute(0, 3, 1, 2), mattes[:, None]


def _placing(settings: TrainingSettings, share: float, draws: torch.Generator) -> Tensor:
    """(B, 2, 3): crop from square, both -1..1; `share` is how much of the crop's side the square has."""
    count = settings.batch

    def uniform(most: float) -> Tensor:
        return (torch.rand(count, generator=draws) * 2.0 - 1.0) * most

    turn = torch.deg2rad(uniform(settings.turn_degrees))
    zoom = torch.exp(uniform(settings.zoom)) * share
    shift_x, shift_y = uniform(2.0 * settings.shift) * share, uniform(2.0 * settings.shift) * share
    mirror = torch.where(uniform(1.0) < 0.0, -1.0, 1.0) if settings.flip else torch.ones(count)
    cosine, sine = torch.cos(turn) * zoom, torch.sin(turn) * zoom
    first = torch.stack([cosine * mirror, -sine, shift_x], dim=1)
    second = torch.stack([sine * mirror, cosine, shift_y], dim=1)
    return torch.stack([first, second], dim=1)


def _light(settings: TrainingSettings, draws: torch.Generator) -> Tensor:
    """(B, 3, 3, 3): stops for R, G and B at coarse places: exposure, tint, and light that falls off over the face."""
    count = settings.batch
    exposure = (torch.rand(count, 1, 1, 1, generator=draws) * 2.0 - 1.0) * settings.exposure_stops
    tint = torch.randn(count, 3, 1, 1, generator=draws) * settings.tint_stops
    falloff = torch.randn(count, 1, _LIGHT_POINTS, _LIGHT_POINTS, generator=draws) * settings.falloff_stops
    return exposure + tint + falloff


def _upright(count: int, device: torch.device) -> Tensor:
    return torch.eye(2, 3, device=device).repeat(count, 1, 1)


def _enlarged(coarse: Tensor, size: int) -> Tensor:
    return functional.interpolate(coarse, size=(size, size), mode="bicubic", align_corners=True)


def _placed(placing: Tensor, grid: Tensor) -> Tensor:
    """Points (B, H, W, 2) of the square as points of the crop."""
    turned = torch.einsum("bij,bhwj->bhwi", placing[:, :, :2], grid)
    return turned + placing[:, None, None, :, 2]


def _sampled(pictures: Tensor, grid: Tensor, mode: str) -> Tensor:
    return functional.grid_sample(pictures, grid, mode=mode, padding_mode="border", align_corners=False)
