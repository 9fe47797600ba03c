"""Measures a result against the ideal swap, inside the exact face matte of a benchmark set.

Everything but `hdr_relative_error` is measured in training space: AP1 pixels, one exposure for the whole set so that
the median luminance of the true faces is middle grey, then the log curve that a network sees. Judge by several numbers:
codes forgive lost highlights, which only the relative error sees.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from understudy.color import ColorConfig, TrainingSpace, luminance
from understudy.errors import BrokenFrameError, PlateError, SettingsError
from understudy.geometry import Box
from understudy.plates import Frame, Plate, find_sequence, read_frame
from understudy.progress import OnProgress, Progress, ignore_progress
from understudy.synthetic.benchmark import SET_SEQUENCES
from understudy.synthetic.render import COLOR_SPACE

__all__ = ["HIGHEST_PSNR", "Measures", "Score", "score_sequence", "ssim_map", "top_octave_of"]

HIGHEST_PSNR = 120.0
"""Decibels; what equal pictures get, because JSON has no infinity."""

_AP1 = "ACEScg"
_HDR_LUMINANCE = 2.0
_SAMPLED_FRAMES = 64
_SAMPLES_PER_FRAME = 20_000
_SSIM_SIDE = 11
_SSIM_SIGMA = 1.5
_BINOMIAL = np.array([1, 4, 6, 4, 1], np.float64) / 16
_SSIM_STABILISERS = (0.01**2, 0.03**2)

_RGB = ("R", "G", "B")

_Picture = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Measures:
    """How near a sequence comes to the truth; None where there was nothing to measure.

    Attributes:
        psnr_training: Decibels at peak 1, mean over frames, 120 at most. Higher is better.
        ssim_training: Structural similarity at data range 1, mean over frames; 1 is equal.
        hdr_relative_error: Mean of |result - truth| / truth over scene-linear pixels whose true luminance is above 2;
            0 is equal. A pixel's three channels are summed before they are divided.
        flicker: Mean of |change of the result - change of the truth| from frame to frame; 0 moves exactly as it.
        top_octave: Energy of the finest detail, those frequencies that half as many pixels could not show, as a share
            of the truth's; 1 is as sharp. Blur lowers it, noise raises it.
        matte_iou: Intersection over union of the result's matte and the true one at 0.5, mean over frames.
    """

    psnr_training: float | None
    ssim_training: float | None
    hdr_relative_error: float | None
    flicker: float | None
    top_octave: float | None
    matte_iou: float | None


@dataclass(frozen=True)
class Score(Measures):
    """The measures of a result, beside those of doing nothing.

    Attributes:
        plate: The same measures of the untouched plate.
        frames: Frames measured.
        completed: False when the caller asked to stop; the measures are those of the frames until then.
    """

    plate: Measures
    frames: int
    completed: bool

    @property
    def gain_db(self) -> float | None:
        """Decibels of `psnr_training` that the result has more than the plate."""
        if self.psnr_training is None or self.plate.psnr_training is None:
            return None
        return self.psnr_training - self.plate.psnr_training

    def to_json(self) -> dict[str, Any]:
        """Plain values: the measures by name, `plate` with the same names, `gain_db`, `frames` and `completed`."""
        return asdict(self) | {"gain_db": self.gain_db}


def score_sequence(result_pattern: str | Path, set_folder: Path, on_progress: OnProgress = ignore_progress) -> Score:
    """Measures a result against a set that `write_set` wrote.

    Args:
        result_pattern: Pattern of the result's frames, numbered as the plate and in the plate's colour space: whole
            pictures, or premultiplied layers with A, which are put over the plate first. A layer's pixels outside its
            matte are black. The matte that counts is the channel `face.A`, else `A`.
        set_folder: The set.
        on_progress: Called for each frame; False stops.

    Raises:
        MissingFrameError: The result lacks a frame of the set.
        SettingsError: The folder holds no set, or the set no face.
        PlateError: A frame cannot be read, or does not fit the plate.
    """
    truth = _Truth.open(set_folder)
    result = find_sequence(result_pattern)
    result.check_frames(truth.plate.numbers)
    of_result, of_plate = _Tally(), _Tally()
    total = len(truth.plate.numbers)
    for done, number in enumerate(truth.plate.numbers, start=1):
        face = truth.face(number)
        plate = read_frame(truth.plate.path(number))
        shown, matte = _composite(read_frame(result.path(number)), plate, f"frame {number} of {result.pattern}")
        of_plate.add(face, truth.cut_out(plate.layer(_RGB), face.box, truth.plate.path(number)))
        of_result.add(face, truth.cut_out(shown, face.box, result.path(number)))
        of_result.add_matte(face, matte)
        if not on_progress(Progress("scoring", done, total, f"frame {number}")):
            break
    return Score(**vars(of_result.measures()), plate=of_plate.measures(), frames=done, completed=done == total)


def top_octave_of(picture: _Picture) -> npt.NDArray[np.float64]:
    """The finest detail of a picture: what is left when it is smoothed by a binomial kernel of 5 x 5 and subtracted.

    The lowest level of a Laplacian pyramid (Burt and Adelson, "The Laplacian Pyramid as a Compact Image Code", 1983,
    with a = 0.375), at every pixel instead of every other; borders are mirrored.

    Args:
        picture: (H, W, C) float32, in training space.

    Returns:
        (H, W, C) float64, around 0.
    """
    values = picture.astype(np.float64)
    smooth = cv2.sepFilter2D(values, cv2.CV_64F, _BINOMIAL, _BINOMIAL, borderType=cv2.BORDER_REFLECT)
    return np.asarray(values - smooth, np.float64)


def ssim_map(first: _Picture, second: _Picture) -> npt.NDArray[np.float64]:
    """Structural similarity of each value, at data range 1.

    Wang et al., "Image quality assessment: from error visibility to structural similarity", 2004, equation 13, with
    the Gaussian window of 11 x 11 and sigma 1.5; borders are mirrored.

    Args:
        first: (H, W, C) float32, 0..1 and beyond.
        second: The same shape.

    Returns:
        (H, W, C) float64, 1 where both are equal.
    """
    a, b = first.astype(np.float64), second.astype(np.float64)
    mean_a, mean_b = _window_means(a), _window_means(b)
    variance_a = _window_means(a * a) - mean_a * mean_a
    variance_b = _window_means(b * b) - mean_b * mean_b
    covariance = _window_means(a * b) - mean_a * mean_b
    c1, c2 = _SSIM_STABILISERS
    likeness = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    similarity: npt.NDArray[np.float64] = likeness / (
        (mean_a * mean_a + mean_b * mean_b + c1) * (variance_a + variance_b + c2)
    )
    return similarity


def _window_means(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    means = cv2.GaussianBlur(values, (_SSIM_SIDE, _SSIM_SIDE), _SSIM_SIGMA, borderType=cv2.BORDER_REFLECT)
    return np.asarray(means, np.float64)


@dataclass(frozen=True, eq=False)
class _Cutout:
    """The pixels round a face.

    Attributes:
        linear: (H, W, 3) float32 AP1, scene-linear.
        codes: (H, W, 3) float32 in training space.
    """

    linear: _Picture
    codes: _Picture


@dataclass(frozen=True, eq=False)
class _TrueFace:
    """What is true of one frame.

    Attributes:
        number: The frame.
        whole_matte: (height, width) float32 0..1 of the whole picture: the exact face matte.
        box: What is cut out of the picture: the face, and what the windows of SSIM see round it.
        cutout: The truth there.
    """

    number: int
    whole_matte: _Picture
    box: Box
    cutout: _Cutout

    @property
    def matte(self) -> _Picture:
        """(H, W) float32 0..1: the matte in the box."""
        return self.whole_matte[self.box.top : self.box.bottom, self.box.left : self.box.right]


@dataclass(frozen=True, eq=False)
class _Truth:
    """The sequences of a set and the space that they are measured in.

    Attributes:
        plate: The target identity.
        truth: The ideal swap.
        mattes: The exact face matte of the ideal swap.
        training: Brings the median luminance of the true faces to middle grey.
    """

    plate: Plate
    truth: Plate
    mattes: Plate
    training: TrainingSpace

    @staticmethod
    def open(folder: Path) -> _Truth:
        """The truth of a set on disk."""
        if not (folder / "truth.json").is_file():
            raise SettingsError(
                f"{folder} holds no finished benchmark set; write or finish one with `understudy synth set`.",
                folder=str(folder),
            )
        plate, truth, mattes = (find_sequence(folder / name / f"{name}.####.exr") for name in SET_SEQUENCES[:3])
        for sequence in (truth, mattes):
            sequence.check_frames(plate.numbers)
        level = _median_luminance(truth, mattes)
        if level is None:
            raise SettingsError(f"No face is seen in {truth.pattern}; write another set.", folder=str(folder))
        return _Truth(plate, truth, mattes, TrainingSpace.normalising((level, level, level), white_balance=False))

    def face(self, number: int) -> _TrueFace:
        """The true face of a frame; an empty box when it is hidden."""
        matte = read_frame(self.mattes.path(number)).channel("A")
        box = _box_round(matte)
        path = self.truth.path(number)
        return _TrueFace(number, matte, box, self.cut_out(read_frame(path).layer(_RGB), box, path))

    def cut_out(self, pixels: _Picture, box: Box, path: Path) -> _Cutout:
        """The box of a picture (height, width, 3) in the set's colour space; `path` is for messages.

        Raises:
            BrokenFrameError: Values there are no numbers.
        """
        cut = np.ascontiguousarray(pixels[box.top : box.bottom, box.left : box.right])
        if not np.isfinite(cut).all():
            raise BrokenFrameError(
                f"{path} holds values that are no numbers where the face is; render it again.", path=str(path)
            )
        linear = ColorConfig.load().converted(cut, COLOR_SPACE, _AP1)
        return _Cutout(linear, self.training.encode(linear))


def _median_luminance(truth: Plate, mattes: Plate) -> float | None:
    """Median AP1 luminance of the true faces, from pixels spread over the set; None when there is no face."""
    sampled = []
    for number in truth.numbers[:: max(1, len(truth.numbers) // _SAMPLED_FRAMES)]:
        inside = np.flatnonzero(read_frame(mattes.path(number)).channel("A") > 0.5)
        inside = inside[:: max(1, len(inside) // _SAMPLES_PER_FRAME)]
        pixels = read_frame(truth.path(number)).layer(_RGB).reshape(-1, 3)[inside]
        sampled.append(luminance(ColorConfig.load().converted(pixels[None], COLOR_SPACE, _AP1))[0])
    samples = np.concatenate(sampled)
    return float(np.median(samples)) if len(samples) else None


def _box_round(matte: _Picture) -> Box:
    """The box of all coverage and of what the windows of SSIM see round it; an empty one when there is none."""
    rows, columns = np.flatnonzero(matte.any(axis=1)), np.flatnonzero(matte.any(axis=0))
    if not len(rows):
        return Box(0, 0, 0, 0)
    face = Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    return face.grown(_SSIM_SIDE // 2).intersect(Box(0, 0, matte.shape[1], matte.shape[0]))


def _shared(first: Box, second: Box) -> Box:
    """The pixels in both boxes; a box of no size when they do not meet, which is safe to slice with."""
    both = first.intersect(second)
    return Box(0, 0, 0, 0) if both.is_empty else both


def _composite(result: Frame, plate: Frame, name: str) -> tuple[_Picture, _Picture | None]:
    """What a result shows over the plate (height, width, 3), and its matte (height, width) if it has one."""
    if result.display_window != plate.display_window:
        theirs, ours = result.display_window, plate.display_window
        raise PlateError(
            f"The display window of {name} is {theirs.width}x{theirs.height} at ({theirs.left}, {theirs.top}), the "
            f"plate's is {ours.width}x{ours.height} at ({ours.left}, {ours.top}); render it in the plate's.",
            name=name,
        )
    shared = _shared(result.data_window, plate.data_window)
    here, there = shared.slices(result.data_window), shared.slices(plate.data_window)
    shown = plate.layer(_RGB).copy()
    pixels = result.layer(_RGB)[here]
    if "A" in result.channels:
        alpha = result.channel("A")[here]
        if _is_layer(result, pixels, alpha):
            pixels = pixels + (1 - alpha[..., None]) * shown[there]
    shown[there] = pixels
    matte_channel = next((channel for channel in ("face.A", "A") if channel in result.channels), None)
    if matte_channel is None:
        return shown, None
    matte = np.zeros(shown.shape[:2], np.float32)
    matte[there] = result.channel(matte_channel)[here]
    return shown, matte


def _is_layer(result: Frame, pixels: _Picture, alpha: _Picture) -> bool:
    """True for a premultiplied layer: it is smaller than the picture, or black wherever its alpha is 0."""
    covers_all = result.display_window.intersect(result.data_window) == result.display_window
    return not covers_all or not pixels[alpha == 0].any()


class _Tally:
    """Gathers the measures of one sequence, frame by frame."""

    def __init__(self) -> None:
        self._psnr: list[float] = []
        self._ssim: list[float] = []
        self._hdr_error = 0.0
        self._hdr_pixels = 0
        self._iou: list[float] = []
        self._flicker = 0.0
        self._flicker_weight = 0.0
        self._detail = 0.0
        self._true_detail = 0.0
        self._before: tuple[_TrueFace, _Picture] | None = None

    def add(self, face: _TrueFace, seen: _Cutout) -> None:
        """Measures one frame; frames come in order."""
        weight = float(face.matte.sum(dtype=np.float64))
        if weight == 0:
            self._before = None
            return
        error = seen.codes - face.cutout.codes
        self._psnr.append(_psnr(float(((error**2).mean(axis=2) * face.matte).sum(dtype=np.float64)) / weight))
        similarity = ssim_map(seen.codes, face.cutout.codes).mean(axis=2)
        self._ssim.append(float((similarity * face.matte).sum()) / weight)
        bright = (luminance(face.cutout.linear) > _HDR_LUMINANCE) & (face.matte > 0.5)
        true, shown = face.cutout.linear[bright], seen.linear[bright]
        self._hdr_error += float((np.abs(shown - true).sum(axis=1) / true.sum(axis=1)).sum(dtype=np.float64))
        self._hdr_pixels += len(true)
        self._detail += _energy(top_octave_of(seen.codes), face.matte)
        self._true_detail += _energy(top_octave_of(face.cutout.codes), face.matte)
        self._add_flicker(face, error)

    def add_matte(self, face: _TrueFace, matte: _Picture | None) -> None:
        """Measures the result's matte (height, width) of one frame."""
        if matte is None:
            return
        true, seen = face.whole_matte > 0.5, matte > 0.5
        union = int((true | seen).sum())
        if union:
            self._iou.append(int((true & seen).sum()) / union)

    def measures(self) -> Measures:
        """What was gathered."""
        return Measures(
            psnr_training=_mean(self._psnr),
            ssim_training=_mean(self._ssim),
            hdr_relative_error=self._hdr_error / self._hdr_pixels if self._hdr_pixels else None,
            flicker=self._flicker / self._flicker_weight if self._flicker_weight else None,
            top_octave=self._detail / self._true_detail if self._true_detail else None,
            matte_iou=_mean(self._iou),
        )

    def _add_flicker(self, face: _TrueFace, error: _Picture) -> None:
        """The change of the result less that of the truth is the change of the error."""
        if self._before is not None and self._before[0].number == face.number - 1:
            before, error_before = self._before
            shared = _shared(face.box, before.box)
            now, then = shared.slices(face.box), shared.slices(before.box)
            weight = np.minimum(face.matte[now], before.matte[then])
            change = np.abs(error[now] - error_before[then]).mean(axis=2)
            self._flicker += float((change * weight).sum(dtype=np.float64))
            self._flicker_weight += float(weight.sum(dtype=np.float64))
        self._before = face, error


def _psnr(mean_square: float) -> float:
    return min(HIGHEST_PSNR, 10 * float(np.log10(1 / max(mean_square, 1e-30))))


def _energy(detail: npt.NDArray[np.float64], matte: _Picture) -> float:
    return float(((detail**2).sum(axis=2) * matte).sum(dtype=np.float64))


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None
