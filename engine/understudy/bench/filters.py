"""Ways to resample, compared: how near a crop that is put back comes to its plate, and what a smaller crop makes up.

Decision 0003 rests on these tables. The candidates are written for clearness, not for speed, apart from the one in use.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage

from understudy.color import TrainingSpace
from understudy.geometry import Box, Transform, apply_transform, inverse
from understudy.progress import OnProgress, Progress, ignore_progress
from understudy.resample import resample
from understudy.synthetic.camera import Camera
from understudy.synthetic.performer import make_performer
from understudy.synthetic.render import Take, render_shot

__all__ = ["FilterResult", "compare_filters"]

Pixels = npt.NDArray[np.float32]
Positions = npt.NDArray[np.float64]
Sampler = Callable[[Pixels, Positions, Positions], Pixels]
"""Codes (H, W, C) at rows and columns (h, w), in indices of the picture: (h, w, C)."""

Curve = tuple[Callable[[Pixels], Pixels], Callable[[Pixels], Pixels]]
Resampler = Callable[[Pixels, Transform, tuple[int, int]], Pixels]
"""The picture seen through source_from_target, height and width as given."""

_SIDE = 400
_ROLL = math.radians(12)
_TRAINING = TrainingSpace()


@dataclass(frozen=True)
class FilterResult:
    """Tables of figures by row and column.

    Attributes:
        kernels: PSNR in dB in training space between a plate and its crop put back, within the face, on
            asinh(light / 0.1), by content and plate pixels to a pixel of the crop.
        curves: The same for a quintic spline on other scales of value, and the worst error, in parts of a thousand, of
            a soft lamp of 200 beside a dip to -0.1, of the value or of 0.05 where that is larger.
        shrinking: For crops smaller than the plate: the same PSNR; what is left, in dB, of stripes whose frequency is
            0.7 of what the crop can show, and 1.4 of it; and the share of its light that a small lamp keeps.
    """

    kernels: dict[str, dict[str, float]]
    curves: dict[str, dict[str, float]]
    shrinking: dict[str, dict[str, float]]

    def to_json(self) -> dict[str, Any]:
        """The tables by their names."""
        return {"kernels": self.kernels, "curves": self.curves, "shrinking": self.shrinking}


def compare_filters(on_progress: OnProgress = ignore_progress) -> FilterResult | None:
    """All tables; None when it was stopped.

    Args:
        on_progress: Called after each row; False stops.
    """
    contents = _contents()
    tables: dict[str, dict[str, dict[str, float]]] = {"kernels": {}, "curves": {}, "shrinking": {}}
    rows = [
        *(("kernels", name, _kernel_row, way) for name, way in _kernels().items()),
        *(("curves", name, _curve_row, way) for name, way in _curves().items()),
        *(("shrinking", name, _shrinking_row, way) for name, way in _low_passes().items()),
    ]
    for index, (table, name, row, way) in enumerate(rows):
        tables[table][name] = row(way, contents)
        if not on_progress(Progress("comparing filters", index + 1, len(rows), name)):
            return None
    return FilterResult(**tables)


def _kernel_row(way: Resampler, contents: Mapping[str, Pixels]) -> dict[str, float]:
    return {
        f"{name} {scale:g}": _out_and_back(pixels, scale, way)
        for scale in (1.0, 0.73, 1.37)
        for name, pixels in contents.items()
    }


def _curve_row(way: Resampler, contents: Mapping[str, Pixels]) -> dict[str, float]:
    y, x = np.mgrid[0:_SIDE, 0:_SIDE]

    def spot(column: float, row: float, width: float) -> Pixels:
        square = (x - column) ** 2 + (y - row) ** 2
        return np.asarray(np.exp(-square / (2 * width**2))[..., None], np.float32)

    plate = np.repeat(
        0.3 + 200 * spot(_SIDE / 2 - 30, _SIDE / 2, 9) - 0.4 * spot(_SIDE / 2 + 30, _SIDE / 2, 12), 3, axis=2
    )
    back, inside = _trip(plate, 1.37, way)
    error = np.abs(back - plate)[inside] / np.maximum(np.abs(plate[inside]), 0.05)
    return {name: _out_and_back(pixels, 1.0, way) for name, pixels in contents.items()} | {
        "lamp and dip": 1000 * float(error.max())
    }


def _shrinking_row(way: Resampler, contents: Mapping[str, Pixels]) -> dict[str, float]:
    row = {}
    for scale in (1.37, 2.0, 3.0):
        row[f"face {scale:g}"] = _out_and_back(contents["face"], scale, way)
        row[f"0.7 {scale:g}"], row[f"1.4 {scale:g}"] = (
            _left_of_stripes(0.7, scale, way),
            _left_of_stripes(1.4, scale, way),
        )
        row[f"lamp {scale:g}"] = _light_kept(scale, way)
    return row


def _contents() -> dict[str, Pixels]:
    """A synthetic face at its native size, the same with grain, and noise up to shares of the Nyquist frequency."""
    size = (1024, 1024)
    take = Take(1, 0, size, Camera.framing(size, 1.0, 0.5, 0.47), occluder=False)
    middle = slice(size[0] // 2 - _SIDE // 2, size[0] // 2 + _SIDE // 2)
    face = next(iter(render_shot(make_performer(6), take, [3]))).pixels[middle, middle].astype(np.float32)
    random = np.random.default_rng(5)
    noise = random.standard_normal(face.shape).astype(np.float32)
    grainy = face + noise * np.float32(0.05) * np.sqrt(np.maximum(face, 1e-3) * np.float32(0.18))
    return {"face": face, "grainy": grainy, "noise 0.5": _band(random, 0.5), "noise 0.7": _band(random, 0.7)}


def _band(random: np.random.Generator, share: float) -> Pixels:
    """Noise below this share of the Nyquist frequency, in training space about 0.4."""
    spectrum = np.fft.fft2(random.standard_normal((_SIDE, _SIDE, 3)), axes=(0, 1))
    frequency = np.fft.fftfreq(_SIDE) * 2
    spectrum *= (np.hypot(frequency[:, None], frequency[None]) <= share)[..., None]
    values = np.fft.ifft2(spectrum, axes=(0, 1)).real
    return _TRAINING.decode((0.4 + 0.05 * values / values.std()).astype(np.float32))


def _trip(plate: Pixels, scale: float, way: Resampler) -> tuple[Pixels, npt.NDArray[np.bool_]]:
    """A plate put back from a crop, turned by 12 degrees, of `scale` plate pixels to a pixel; and where to look."""
    side = round(_SIDE * 0.98 / scale / (math.cos(_ROLL) + math.sin(_ROLL)))
    linear = scale * np.array([[math.cos(_ROLL), -math.sin(_ROLL)], [math.sin(_ROLL), math.cos(_ROLL)]])
    middle = np.array([_SIDE / 2 + 0.37, _SIDE / 2 - 0.21])
    plate_from_crop = np.column_stack([linear, middle - linear @ (side / 2, side / 2)])
    back = way(way(plate, plate_from_crop, (side, side)), inverse(plate_from_crop), (_SIDE, _SIDE))
    y, x = np.mgrid[0:_SIDE, 0:_SIDE] + 0.5
    return back, np.hypot(x - _SIDE / 2, y - _SIDE / 2) < side * scale * 0.4


def _out_and_back(plate: Pixels, scale: float, way: Resampler) -> float:
    back, inside = _trip(plate, scale, way)
    error = (_TRAINING.encode(back) - _TRAINING.encode(plate))[inside].astype(np.float64)
    return -10 * math.log10(float(np.mean(error**2)))


def _left_of_stripes(share: float, scale: float, way: Resampler) -> float:
    """Of stripes at this share of the crop's Nyquist frequency, askew, small and therefore alike on every curve: dB."""
    y, x = np.mgrid[0:_SIDE, 0:_SIDE]
    phase = np.pi * share / scale * (x * math.cos(0.2) + y * math.sin(0.2))
    plate = np.repeat((0.5 + 0.05 * np.cos(phase))[..., None], 3, axis=2).astype(np.float32)
    small = _smaller(plate, scale, way)
    rim = small.shape[0] // 6
    return 20 * math.log10(float(small[rim:-rim, rim:-rim].std()) / 0.05 * math.sqrt(2) + 1e-6)


def _light_kept(scale: float, way: Resampler) -> float:
    """Share of the light of a lamp of 40 on skin, as wide as a pixel of the crop, that is still there in the crop."""
    y, x = np.mgrid[0:_SIDE, 0:_SIDE]
    lamp = 40 * np.exp(-((x - _SIDE / 2 - 0.3) ** 2 + (y - _SIDE / 2 + 0.4) ** 2) / (2 * (0.5 * scale) ** 2))
    plate = np.repeat((0.18 + lamp)[..., None], 3, axis=2).astype(np.float32)
    return float((_smaller(plate, scale, way)[..., 0] - 0.18).sum() * scale**2 / lamp.sum())


def _smaller(plate: Pixels, scale: float, way: Resampler) -> Pixels:
    side = int(_SIDE / scale)
    return way(plate, np.array([[scale, 0, 0.4], [0, scale, 0.1]]), (side, side))


def _ours(pixels: Pixels, source_from_target: Transform, shape: tuple[int, int]) -> Pixels:
    window = Box(0, 0, pixels.shape[1], pixels.shape[0])
    return resample(pixels, window, source_from_target, Box(0, 0, shape[1], shape[0]))


def _through(
    sampler: Sampler, curve: Curve, low_pass: Callable[[Pixels, float], Pixels] = lambda pixels, _: pixels
) -> Resampler:
    """A resampler made of its three parts."""
    encode, decode = curve

    def way(pixels: Pixels, source_from_target: Transform, shape: tuple[int, int]) -> Pixels:
        y, x = np.mgrid[0 : shape[0], 0 : shape[1]] + 0.5
        places = apply_transform(source_from_target, np.column_stack([x.ravel(), y.ravel()])) - 0.5
        columns, rows = places.T.reshape(2, *shape)
        scale = float(np.hypot(*source_from_target[:, 0]))
        codes = np.ascontiguousarray(encode(low_pass(pixels, scale)), np.float32)
        return np.asarray(decode(np.asarray(sampler(codes, rows, columns), np.float32)), np.float32)

    return way


def _asinh(knee: float) -> Curve:
    return (lambda light: np.arcsinh(light / np.float32(knee))), (lambda codes: np.sinh(codes) * np.float32(knee))


def _kernels() -> dict[str, Resampler]:
    curve = _asinh(0.1)
    samplers: dict[str, Sampler] = {
        "linear": _spline(1),
        "cubic convolution, OpenCV": _opencv(cv2.INTER_CUBIC),
        "Lanczos 8x8, OpenCV": _opencv(cv2.INTER_LANCZOS4),
        "cubic convolution, PyTorch": _pytorch,
        "Catmull-Rom": _weighted(_catmull_rom, 2),
        "Lanczos 6x6": _weighted(_lanczos(3), 3),
        "Lanczos 8x8": _weighted(_lanczos(4), 4),
        "Lanczos 12x12": _weighted(_lanczos(6), 6),
        "cubic spline": _spline(3),
        "quintic spline": _spline(5),
    }
    return {name: _through(sampler, curve) for name, sampler in samplers.items()} | {"as in use": _ours}


def _curves() -> dict[str, Resampler]:
    curves: dict[str, Curve] = {
        "light": (lambda light: light, lambda light: light),
        "training space's log": (_TRAINING.encode, _TRAINING.decode),
        **{f"asinh(light / {knee:g})": _asinh(knee) for knee in (0.02, 0.05, 0.1, 0.2)},
    }
    return {name: _through(_spline(5), curve) for name, curve in curves.items()} | {"as in use": _ours}


def _low_passes() -> dict[str, Resampler]:
    ways: dict[str, Callable[[Pixels, float], Pixels]] = {
        "none": lambda pixels, _: pixels,
        "box": _held(lambda scale: np.maximum(0, np.minimum(1, scale / 2 + 0.5 - np.abs(_taps(scale)))), is_held=False),
        "Gaussian": _held(lambda scale: np.exp(-(_taps(scale) ** 2) / (0.32 * (scale**2 - 1))), is_held=False),
        "Lanczos 3 lobes": _held(lambda scale: _lanczos(3)(_taps(scale) / scale)),
        "Lanczos 3 lobes, not held": _held(lambda scale: _lanczos(3)(_taps(scale) / scale), is_held=False),
        "Lanczos 2 lobes": _held(lambda scale: _lanczos(2)(_taps(scale) / scale)),
        "Lanczos 2 lobes, width 0.9": _held(lambda scale: _lanczos(2)(_taps(scale) / max(1, 0.9 * scale))),
    }
    return {name: _through(_spline(5), _asinh(0.1), way) for name, way in ways.items()} | {"as in use": _ours}


def _held(taps_of: Callable[[float], Positions], is_held: bool = True) -> Callable[[Pixels, float], Pixels]:
    """A separable low pass in linear light, held to the range of the pixels around or not."""

    def low_pass(pixels: Pixels, scale: float) -> Pixels:
        if scale <= 1.001:
            return pixels
        taps = taps_of(scale)
        kernel = (taps / taps.sum()).astype(np.float32)
        smooth = cv2.sepFilter2D(pixels, -1, kernel, kernel, borderType=cv2.BORDER_REPLICATE)
        if is_held:
            around = np.ones((2 * math.ceil(scale) - 1,) * 2, np.uint8)
            smooth = np.clip(smooth, cv2.erode(pixels, around), cv2.dilate(pixels, around))
        return np.asarray(smooth, np.float32)

    return low_pass


def _taps(scale: float) -> Positions:
    reach = math.ceil(3 * scale)
    return np.arange(-reach, reach + 1, dtype=np.float64)


def _spline(order: int) -> Sampler:
    def sampler(codes: Pixels, rows: Positions, columns: Positions) -> Pixels:
        planes = _planes(codes)
        return np.dstack(
            [ndimage.map_coordinates(plane, (rows, columns), order=order, mode="nearest") for plane in planes]
        )

    return sampler


def _planes(codes: Pixels) -> Iterator[Pixels]:
    return (codes[..., index] for index in range(codes.shape[2]))


def _opencv(kernel: int) -> Sampler:
    def sampler(codes: Pixels, rows: Positions, columns: Positions) -> Pixels:
        places = columns.astype(np.float32), rows.astype(np.float32)
        return np.asarray(cv2.remap(codes, *places, kernel, borderMode=cv2.BORDER_REPLICATE), np.float32)

    return sampler


def _pytorch(codes: Pixels, rows: Positions, columns: Positions) -> Pixels:
    height, width = codes.shape[:2]
    places = np.stack([(2 * columns + 1) / width - 1, (2 * rows + 1) / height - 1], axis=-1)[None].astype(np.float32)
    planes = torch.from_numpy(codes).permute(2, 0, 1)[None]
    grid = torch.from_numpy(places)
    sampled = torch.nn.functional.grid_sample(planes, grid, "bicubic", "border", align_corners=False)
    return np.asarray(sampled[0].permute(1, 2, 0).numpy(), np.float32)


def _weighted(kernel: Callable[[Positions], Positions], reach: int) -> Sampler:
    """A kernel at exact positions, its weights brought to a sum of 1."""

    def sampler(codes: Pixels, rows: Positions, columns: Positions) -> Pixels:
        height, width = codes.shape[:2]
        top, left = np.floor(rows).astype(int), np.floor(columns).astype(int)
        offsets = range(-reach + 1, reach + 1)
        down = np.stack([kernel(rows - top - offset) for offset in offsets])
        across = np.stack([kernel(columns - left - offset) for offset in offsets])
        down, across = down / down.sum(axis=0), across / across.sum(axis=0)
        total = np.zeros((*rows.shape, codes.shape[2]))
        for j, below in enumerate(offsets):
            row = np.clip(top + below, 0, height - 1)
            for i, right in enumerate(offsets):
                total += (down[j] * across[i])[..., None] * codes[row, np.clip(left + right, 0, width - 1)]
        return total.astype(np.float32)

    return sampler


def _catmull_rom(distance: Positions) -> Positions:
    t = np.abs(distance)
    return np.where(t < 1, 1.5 * t**3 - 2.5 * t**2 + 1, np.where(t < 2, -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2, 0))


def _lanczos(lobes: int) -> Callable[[Positions], Positions]:
    return lambda distance: np.where(np.abs(distance) < lobes, np.sinc(distance) * np.sinc(distance / lobes), 0)
