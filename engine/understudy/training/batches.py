"""Face crops in memory, and the batches that are made of them.

Every draw is keyed by seed, iteration and identity, and by nothing else: a run that was resumed sees the batches that
an uninterrupted one would have seen. What is drawn for a batch does not depend on who makes it or how much of it, so
that several processes can each make their share of the same one. Draws are a few numbers for each face and made on the
processor; all work on pixels is done on the device, for many small faces at once, or for few large ones.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from understudy.color.curve import LARGEST_KEPT, SMALLEST_KEPT
from understudy.settings.training import TrainingSettings
from understudy.training.codes import relit
from understudy.training.sampling import drawn_faces

__all__ = ["CODE_RANGE", "Batch", "FaceCodes", "centre_batch", "centre_codes", "make_batch", "quantised"]

CODE_RANGE = (SMALLEST_KEPT, LARGEST_KEPT)
"""Codes that 0 and 65535 stand for; in between the steps are 1/32768, finer than half precision at 1."""

_PIXELS_AT_ONCE = 1 << 21
"""Of how many pixels of crops pictures are made at once: of one face of 1024 px with its margin, or of as many smaller
ones as have no more. On the way they take some twenty times the memory."""

_WARP_POINTS = 5
_LIGHT_POINTS = 3


@dataclass(frozen=True, eq=False)
class FaceCodes:
    """All faces of one identity that a model learns from.

    Attributes:
        codes: (N, S, S, 3) uint16 RGB, `quantised` training space. S is `crop_side`: the model's square and the margin
            round it, from which the random turns and shifts are filled. May be a memory map.
        mattes: (N, S, S) uint8, 255 inside the face. May be a memory map.
        areas: (N, A, A, 2) uint8 over the same square, mostly smaller: 255 in the eyes, and in the mouth. None where it
            is not known where they are.
        poses: (N, 2) float32, yaw and pitch in degrees. None where they are not known.
    """

    codes: npt.NDArray[np.uint16]
    mattes: npt.NDArray[np.uint8]
    areas: npt.NDArray[np.uint8] | None = None
    poses: npt.NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        shape = self.codes.shape
        if len(shape) != 4 or shape[3] != 3 or shape[1] != shape[2] or self.mattes.shape != shape[:3]:
            raise ValueError(f"codes {shape} and mattes {self.mattes.shape} are no crops")
        if self.codes.dtype != np.uint16 or self.mattes.dtype != np.uint8:
            raise ValueError("codes are uint16 and mattes uint8")
        if self.areas is not None and (self.areas.shape[::3] != (shape[0], 2) or self.areas.dtype != np.uint8):
            raise ValueError(f"areas {self.areas.shape} are none of {shape[0]} crops")
        if self.poses is not None and self.poses.shape != (shape[0], 2):
            raise ValueError(f"poses {self.poses.shape} are none of {shape[0]} crops")

    def __len__(self) -> int:
        return self.codes.shape[0]


@dataclass(frozen=True, eq=False)
class Batch:
    """What one identity shows in one iteration.

    Attributes:
        seen: (B, 3, size, size) float32, training space: the faces, warped; what the network is given.
        wanted: (B, 3, size, size) float32, training space: the same faces unwarped; what it should paint.
        matte: (B, 1, size, size) float32, 0..1, of the wanted faces.
        areas: (B, 2, size, size) float32, 0..1, of the wanted faces: the eyes, and the mouth. None when nothing weighs
            by them.
    """

    seen: Tensor
    wanted: Tensor
    matte: Tensor
    areas: Tensor | None = None


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
    return _centre(_taken_codes(faces, indices, device), size)


def centre_batch(faces: FaceCodes, indices: npt.NDArray[np.int64], size: int, device: torch.device) -> Batch:
    """Some faces as they are, without any draw: what is seen is what is wanted.

    Args:
        faces: Of one identity.
        indices: (B,) which of them.
        size: Of the model's square, in pixels.
        device: Where the batch lies.
    """
    codes = centre_codes(faces, indices, size, device)
    matte = _centre(_taken_shares(faces.mattes[..., None], indices, device), size)
    if faces.areas is None:
        return Batch(codes, codes, matte)
    share = torch.eye(2, 3, device=device).repeat(len(indices), 1, 1) * (size / faces.codes.shape[1])
    grid = functional.affine_grid(share, [len(indices), 2, size, size], align_corners=False)
    return Batch(codes, codes, matte, _sampled(_taken_shares(faces.areas, indices, device), grid, "bilinear"))


def make_batch(
    faces: FaceCodes,
    size: int,
    settings: TrainingSettings,
    key: tuple[int, ...],
    device: torch.device,
    *,
    side: int | None = None,
    rows: slice = slice(None),
) -> Batch:
    """The batch of one identity in one iteration, or a part of it.

    Each face is drawn, turned, zoomed, shifted and put in another light; what the network sees is warped as well, so
    that it cannot copy shapes but must know the face. Position and warp make one grid, so that every picture is
    sampled once.

    Args:
        faces: Of one identity.
        size: Of the model's square, in pixels of the crops.
        settings: Batch, seed, and how strongly to change what is drawn.
        key: Iteration, a number that stands for the identity, and what else shall bring other draws.
        device: Where the batch is made.
        side: Of the pictures of the batch, in pixels; `size` when None. Where it is less, crops are averaged down.
        rows: Which faces of the batch to make, all by default. Others draw the same for the rest.
    """
    draws = _generator(settings.seed, *key)
    indices = drawn_faces(len(faces), faces.poses, settings, draws)
    placing = _placing(settings, size / faces.codes.shape[1], draws)
    warp = torch.randn(settings.batch, 2, _WARP_POINTS, _WARP_POINTS, generator=draws) * (2.0 * settings.warp)
    light = _light(settings, draws)

    indices, side = indices[rows], size if side is None else side
    placing, warp, light = placing[rows].to(device), warp[rows].to(device), light[rows].to(device)
    at_once = max(1, _PIXELS_AT_ONCE // faces.codes.shape[1] ** 2)
    with_areas = settings.eyes_weight > 0.0 or settings.mouth_weight > 0.0
    parts = []
    for first in range(0, len(indices), at_once):
        part = slice(first, first + at_once)
        drawn = _Drawn(indices[part], placing[part], warp[part], light[part])
        parts.append(_batch_of(faces, drawn, side, size // side, device, with_areas=with_areas))
    return parts[0] if len(parts) == 1 else _joined(parts)


class _Drawn(NamedTuple):
    """What was drawn for some faces: which, how each is placed and bent, and what light falls on it."""

    indices: npt.NDArray[np.int64]
    placing: Tensor
    warp: Tensor
    light: Tensor


def _batch_of(
    faces: FaceCodes, drawn: _Drawn, side: int, shrink: int, device: torch.device, *, with_areas: bool
) -> Batch:
    """The faces that were drawn."""
    codes = _averaged(_taken_codes(faces, drawn.indices, device), shrink)
    mattes = _averaged(_taken_shares(faces.mattes[..., None], drawn.indices, device), shrink)
    count = len(drawn.indices)
    square = functional.affine_grid(_upright(count, device), [count, 1, side, side], align_corners=False)
    bent = square + _enlarged(drawn.warp, side).permute(0, 2, 3, 1)
    wanted_grid, seen_grid = _placed(drawn.placing, square), _placed(drawn.placing, bent)
    stops = _enlarged(drawn.light, side)
    seen = relit(_sampled(codes, seen_grid, "bilinear"), stops)
    wanted = relit(_sampled(codes, wanted_grid, "bicubic"), stops)
    areas = None
    if faces.areas is not None and with_areas:
        areas = _sampled(_taken_shares(faces.areas, drawn.indices, device), wanted_grid, "bilinear")
    return Batch(seen, wanted, _sampled(mattes, wanted_grid, "bilinear"), areas)


def _joined(parts: Sequence[Batch]) -> Batch:
    seen, wanted, matte = (torch.cat([getattr(part, name) for part in parts]) for name in ("seen", "wanted", "matte"))
    areas = [part.areas for part in parts if part.areas is not None]
    return Batch(seen, wanted, matte, torch.cat(areas) if areas else None)


def _generator(seed: int, *key: int) -> torch.Generator:
    text = " ".join(str(number) for number in (seed, *key))
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "big") >> 1)


def _taken_codes(faces: FaceCodes, indices: npt.NDArray[np.int64], device: torch.device) -> Tensor:
    """(B, 3, S, S) float32, training space."""
    # int16 is what every version of PyTorch can move; the mask makes the upper half positive again
    stored = _moved(np.ascontiguousarray(faces.codes[indices]).view(np.int16), device)
    low, high = CODE_RANGE
    codes = (stored.to(torch.int32) & 0xFFFF).to(torch.float32) * ((high - low) / 65535.0) + low
    return codes.permute(0, 3, 1, 2)


def _taken_shares(maps: npt.NDArray[np.uint8], indices: npt.NDArray[np.int64], device: torch.device) -> Tensor:
    """(B, C, S, S) float32, 0..1, of maps (N, S, S, C)."""
    return _moved(np.ascontiguousarray(maps[indices]), device).to(torch.float32).permute(0, 3, 1, 2) / 255.0


def _moved(values: npt.NDArray[np.generic], device: torch.device) -> Tensor:
    """On the device; to CUDA from pinned memory, so that the copy waits for no kernel and no kernel for the host."""
    tensor: Tensor = torch.from_numpy(values)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


def _centre(pictures: Tensor, size: int) -> Tensor:
    start = (pictures.shape[-1] - size) // 2
    return pictures[:, :, start : start + size, start : start + size].contiguous()


def _averaged(pictures: Tensor, shrink: int) -> Tensor:
    """The pictures at a whole fraction of their side, over the same square."""
    if shrink <= 1:
        return pictures
    return functional.adaptive_avg_pool2d(pictures, round(pictures.shape[-1] / shrink))


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
