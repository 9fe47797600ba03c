"""What a start from another model saves a new pair: from one earlier pair, or from many identities.

Synthetic performers, rendered and cropped at their exact landmarks, so that finding faces plays no part. A start has
been trained for as long as the fresh model that it is held against. The error is that of the averaged weights on frames
that nobody has learned from, in performances and light of their own.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from understudy.color import ColorConfig, TrainingSpace
from understudy.errors import SettingsError
from understudy.faces.alignment import align_face
from understudy.faces.crop import crop_face
from understudy.faces.face import Face
from understudy.model.parts import IDENTITIES
from understudy.model.snapshot import read_snapshot
from understudy.plates import Frame
from understudy.progress import OnProgress, Progress
from understudy.settings.preset import Preset
from understudy.synthetic.performer import make_performer
from understudy.synthetic.render import COLOR_SPACE, Take, render_shot
from understudy.training.batches import FaceCodes, centre_codes, quantised
from understudy.training.joining import joined_faces
from understudy.training.preview import Look
from understudy.training.trainer import train
from understudy.training.transfer import Start, Transfer, plan_transfer

__all__ = ["Performer", "StartResult", "TransferResult", "measure_starts", "synthetic_performer"]

_CHUNK = 12
"""Frames that share a performance and a light."""

_HELD_OUT_SEEDS = 5000
_SPREAD = 8
"""Every so many frames of a performance are taken, so that a few show much of it."""

_LENGTH = _CHUNK * _SPREAD
_MOST_CHECKED = 16


class Performer(NamedTuple):
    """Faces of one performer.

    Attributes:
        learned: To learn from.
        held_out: To measure on.
    """

    learned: FaceCodes
    held_out: FaceCodes


@dataclass(frozen=True)
class StartResult:
    """How a new pair fared from one start.

    Attributes:
        start: What it began from, in words.
        iterations: Where its error was measured.
        errors: Mean absolute error inside the matte, in codes, of both identities, at each of them.
        reached: Iteration at which its error is the one that the fresh model ends with; None when it never is.
        seconds: Processor time of the training up to there.
    """

    start: str
    iterations: tuple[int, ...]
    errors: tuple[float, ...]
    reached: float | None
    seconds: float | None


@dataclass(frozen=True)
class TransferResult:
    """All starts of a new pair, the fresh one first.

    Attributes:
        preset: That all were trained with.
        size: In pixels.
        people: How many identities the start from many had.
        length: Iterations of each run, and of each start before it.
        starts: The runs.
    """

    preset: str
    size: int
    people: int
    length: int
    starts: tuple[StartResult, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**vars(self), "starts": [dict(vars(start)) for start in self.starts]}

    def rows(self) -> list[list[str]]:
        """A row for each start: its name, error at the first measure and at the end, iterations and seconds."""
        return [
            [
                start.start,
                f"{start.errors[0]:.4f}",
                f"{start.errors[-1]:.4f}",
                "-" if start.reached is None else f"{start.reached:.0f}",
                "-" if start.seconds is None else f"{start.seconds:.0f} s",
            ]
            for start in self.starts
        ]


def synthetic_performer(
    seed: int, frames: int, preset: Preset, color: ColorConfig, cache_folder: Path | None = None
) -> Performer:
    """Faces of a synthetic performer, as `extract` and `training.loading` would make them of a perfect search.

    Args:
        seed: Of the identity.
        frames: How many to learn from; half as many more are held out.
        preset: Gives size and margin.
        color: Any config.
        cache_folder: Where painted textures are kept.
    """
    performer = make_performer(seed, cache_folder=cache_folder)
    kinds = []
    for count, first in ((frames, 0), (-(-frames // 2), _HELD_OUT_SEEDS)):
        codes, mattes = [], []
        for number in range(0, count, _CHUNK):
            take_seed = 1 + 2 * (first + 100 * seed + number // _CHUNK)  # odd: crossed by a hand, which is left out
            side = 2 * preset.model.size
            take = Take(take_seed, take_seed, (side, side), occluder=False, length=_LENGTH)
            crops = []
            for frame in render_shot(performer, take, range(0, min(_CHUNK, count - number) * _SPREAD, _SPREAD)):
                face = Face(frame.number, frame.landmarks_plate.astype(np.float64), frame.landmark_depth, 1.0)
                plate = Frame.of(frame.pixels)
                crops.append(crop_face(plate, COLOR_SPACE, color, align_face(face), preset.model.size, preset.margin))
            red, green, blue = np.median([crop.face_rgb for crop in crops], axis=0).tolist()
            space = TrainingSpace.normalising((red, green, blue), white_balance=True)
            codes += [quantised(space.encode(crop.pixels)) for crop in crops]
            mattes += [(np.clip(crop.mattes.soft, 0, 1) * 255 + 0.5).astype(np.uint8) for crop in crops]
        kinds.append(FaceCodes(np.stack(codes), np.stack(mattes)))
    return Performer(*kinds)


def measure_starts(
    folder: Path,
    performers: Sequence[Performer],
    preset: Preset,
    length: int,
    on_progress: OnProgress,
    measures: int = 20,
) -> TransferResult | None:
    """Trains a new pair from five starts and measures each on the way; None when stopped.

    Fresh; encoder and inter, and all parts, of one earlier pair; the same of many identities. The rate is constant
    after the warm-up, so that a run's length does not bend its curve.

    Args:
        folder: An empty one, to work in.
        performers: The new pair, target first; then the others, of whom the first two are the earlier pair.
        preset: What all are trained with.
        length: Iterations of each run, and of each start.
        on_progress: Called after each iteration; False stops.
        measures: How often a run is measured.

    Raises:
        SettingsError: There are fewer than four performers, or fewer iterations than measures.
    """
    if len(performers) < 4 or not 2 <= measures <= length:
        raise SettingsError("A comparison needs four performers or more, and at least as many iterations as measures.")
    chosen = preset.with_overrides(["training.cool_down=0.0", "training.keep=1"])
    target, source, *others = performers
    runs = _Runs(folder, chosen, length, measures, on_progress)
    pair = runs.start("one pair", others[0].learned, others[1].learned, one_decoder=False)
    many = [other.learned for other in others]
    half = len(many) // 2
    everybody = runs.start("many", joined_faces(many), joined_faces(many[half:] + many[:half]), one_decoder=True)
    if pair is None or everybody is None:
        return None
    described = ("encoder", "inter")
    starts: dict[str, Transfer | None] = {
        "fresh": None,
        "one pair: encoder, inter": plan_transfer(chosen, {}, [pair], described),
        "one pair: all parts": plan_transfer(chosen, {}, [pair]),
        f"{len(many)} people: encoder, inter": plan_transfer(chosen, {}, [everybody], described),
        f"{len(many)} people: all parts": plan_transfer(chosen, {}, [everybody]),
    }
    results: list[StartResult] = []
    for name, transfer in starts.items():
        curve = runs.curve(name, target, source, transfer)
        if curve is None:
            return None
        iterations, errors, seconds = curve
        goal = results[0].errors[-1] if results else errors[-1]
        reached = _reached(iterations, errors, goal)
        results.append(StartResult(name, iterations, errors, reached, None if reached is None else reached * seconds))
    return TransferResult(preset.name, preset.model.size, len(many), length, tuple(results))


class _Runs:
    """Training runs in a folder, all alike but for faces and start."""

    def __init__(self, folder: Path, preset: Preset, length: int, measures: int, on_progress: OnProgress) -> None:
        self._folder, self._preset, self._length = folder, preset, length
        self._stops = [round(length * number / measures) for number in range(1, measures + 1)]
        self._on_progress = on_progress

    def start(self, name: str, target: FaceCodes, source: FaceCodes, one_decoder: bool) -> Start | None:
        """A model to start from; None when stopped."""
        clock = _Clock(name, self._length, self._on_progress)
        path = self._train(name, target, source, self._length, clock, one_decoder=one_decoder)
        return None if path is None else Start(path, "", read_snapshot(path))

    def curve(
        self, name: str, target: Performer, source: Performer, transfer: Transfer | None
    ) -> tuple[tuple[int, ...], tuple[float, ...], float] | None:
        """Iterations, errors there, and processor seconds of one iteration; None when stopped."""
        clock, errors = _Clock(name, self._length, self._on_progress), []
        for end in self._stops:
            path = self._train(name, target.learned, source.learned, end, clock, transfer=transfer)
            if path is None:
                return None
            errors.append(_error(path, {"target": target.held_out, "source": source.held_out}))
        return tuple(self._stops), tuple(errors), clock.seconds_of_one

    def _train(
        self, name: str, target: FaceCodes, source: FaceCodes, end: int, clock: _Clock, **how: Any
    ) -> Path | None:
        clock.begin()
        result = train(
            self._folder / "".join(letter if letter.isalnum() else "_" for letter in name),
            self._preset,
            target,
            source,
            {},
            iterations=end,
            look=Look(lambda codes: (np.clip(codes, 0, 1) * 255).astype(np.uint8), lambda codes: codes, {}),
            on_progress=clock.tick,
            **how,
        )
        return result.snapshot if result.completed else None


class _Clock:
    """Processor time between iterations, without what saving and measuring take."""

    def __init__(self, name: str, length: int, on_progress: OnProgress) -> None:
        self._name, self._length, self._on_progress = name, length, on_progress
        self._last: float | None = None
        self._seconds, self._counted = 0.0, 0

    @property
    def seconds_of_one(self) -> float:
        """Mean of one iteration."""
        return self._seconds / max(self._counted, 1)

    def begin(self) -> None:
        """What goes before the next iteration's end is not training alone."""
        self._last = None

    def tick(self, progress: Progress) -> bool:
        """An iteration has ended."""
        now = time.process_time()
        if self._last is not None:
            self._seconds, self._counted = self._seconds + now - self._last, self._counted + 1
        goes_on = self._on_progress(Progress(self._name, progress.done, self._length, progress.message))
        self._last = time.process_time()
        return goes_on


@torch.no_grad()
def _error(snapshot: Path, faces: Mapping[str, FaceCodes]) -> float:
    """Mean absolute error of the rebuilt faces inside their mattes, in codes, over both identities."""
    model = read_snapshot(snapshot).build()
    size, means = model.settings.size, []
    for identity in IDENTITIES:
        shown = faces[identity]
        indices = np.unique(np.linspace(0, len(shown) - 1, _MOST_CHECKED).round().astype(np.int64))
        codes = centre_codes(shown, indices, size, torch.device("cpu"))
        start = (shown.codes.shape[1] - size) // 2
        inside = shown.mattes[indices][:, start : start + size, start : start + size]
        matte = torch.from_numpy(inside.astype(np.float32) / 255.0)[:, None]
        off = (model(codes, identity) - codes).abs().mean(dim=1, keepdim=True) * matte
        means.append(float(off.sum() / matte.sum().clamp_min(1e-6)))
    return sum(means) / len(means)


def _reached(iterations: Sequence[int], errors: Sequence[float], goal: float) -> float | None:
    """The first iteration at which the error is `goal`, between two measures by a straight line."""
    for index, error in enumerate(errors):
        if error <= goal:
            if index == 0:
                return float(iterations[0])
            before, then = errors[index - 1], iterations[index - 1]
            return then + (iterations[index] - then) * (before - goal) / max(before - error, 1e-12)
    return None
