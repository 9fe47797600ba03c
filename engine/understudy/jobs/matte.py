"""The matte job: learns a shot's matte from the few frames that an artist painted."""

from __future__ import annotations

import contextlib
import json
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch

from understudy import __version__
from understudy.color import TrainingSpace
from understudy.durable import sweep
from understudy.errors import ModelFileError, NoFaceError, SettingsError
from understudy.faces.crop import FaceCrop, crop_face, crop_region
from understudy.faces.face import Alignment
from understudy.faces.matte import PlateMatte
from understudy.geometry import Box, apply_transform, bounds_of_points, inverse
from understudy.jobs.found_tracks import read_found_tracks, warn_of_choice
from understudy.jobs.learned_matte import LearnedMatte, codes_of, read_learned_facts, write_learned_matte
from understudy.jobs.shot import OpenedShot, check_free_space, open_shot
from understudy.jobs.shot_mattes import MatteSequence
from understudy.model.device import chosen_device
from understudy.model.matte_net import MATTE_SIZE_STEP
from understudy.model.tensor_file import read_tensors, write_tensors
from understudy.plates import Frame, format_frames, repaired
from understudy.progress import OnProgress, Progress, ignore_progress
from understudy.provenance import json_hash
from understudy.settings.project import ProjectFolder
from understudy.sheet import Picture, fitted, labelled_sheet, write_png
from understudy.training.matte_trainer import MatteSamples, MatteTrainer

__all__ = ["DEFAULT_ITERATIONS", "DEFAULT_SIZE", "LearntMatte", "planned_matte", "remove_matte", "run_matte"]

DEFAULT_ITERATIONS = 1500
DEFAULT_SIZE = 192
"""Side of the crops that the network sees, in pixels; the plate's own edges are found afterwards."""

_LOGGER = logging.getLogger(__name__)
_STATE_SCHEMA = "matte-state-1"
_MARGIN = 0.15
_FEWEST, _MOST = 3, 200
_SAVE_SECONDS = 20.0
_RECENT = 50
_SHEET_WIDTH = 320
_SHEET_ROWS = 8
_TINT: npt.NDArray[np.float32] = np.array([0.05, 0.75, 0.25], np.float32)


@dataclass(frozen=True)
class LearntMatte:
    """What a matte job made.

    Attributes:
        path: The learned matte; None when the job was stopped before it ended.
        sheet: Painted frames beside what was learned; None likewise.
        frames: The painted frames that it has learned from.
        iteration: How many iterations it has learned, in all runs.
        loss: Mean of the last iterations; None when there was nothing left to do.
        completed: False when it was stopped.
    """

    path: Path | None
    sheet: Path | None
    frames: tuple[int, ...]
    iteration: int
    loss: float | None
    completed: bool

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "matte": str(self.path or ""),
            "sheet": str(self.sheet or ""),
            "frames": format_frames(self.frames),
            "iteration": self.iteration,
            "loss": self.loss,
            "completed": self.completed,
        }


@dataclass(frozen=True, eq=False)
class _Painted:
    """One painted frame.

    Attributes:
        frame: The plate, as much of it as is needed.
        alignment: Of the face.
        matte: What was painted.
    """

    frame: Frame
    alignment: Alignment
    matte: PlateMatte


def run_matte(
    folder: ProjectFolder,
    shot_name: str,
    identity: str,
    painted: Path,
    channel: str | None = None,
    *,
    iterations: int = DEFAULT_ITERATIONS,
    minutes: float | None = None,
    size: int = DEFAULT_SIZE,
    seed: int = 0,
    device: str = "auto",
    on_progress: OnProgress = ignore_progress,
) -> LearntMatte:
    """Learns `shots/SHOT/matte/IDENTITY.safetensors`, which swaps and facesets of the shot then take their matte from.

    A run with the same painted frames goes on where the last one stood; other frames begin anew.

    Args:
        folder: The project.
        shot_name: The shot; its faces were found.
        identity: Whose face.
        painted: Path pattern of the frames that the artist painted, in the plate's geometry, 1 where the face is to be
            replaced.
        channel: Which channel of them; A, else the only one, else R when None.
        iterations: Iteration to reach, over all runs.
        minutes: The longest that this run learns.
        size: Side of the crops that the network sees, in pixels.
        seed: Of weights and changes: the same seed gives the same matte on the same kind of device.
        device: "auto", or a device of PyTorch such as "cpu" or "cuda:1".
        on_progress: Told after each iteration; False saves and stops.

    Raises:
        SettingsError: The painted frames are too few, too many, or not mattes.
        NoFaceError: None of them holds a face of the identity.
        UnderstudyError: Anything else that is wrong; the matte that the shot has stays as it is.
    """
    folder.identity(identity)
    if size < 64 or size % MATTE_SIZE_STEP:
        raise SettingsError(f"The network's crops cannot have {size} px: take a multiple of {MATTE_SIZE_STEP} from 64.")
    place = chosen_device(device)
    shot = open_shot(folder, shot_name)
    sequence = MatteSequence.open(painted.expanduser().absolute(), channel, shot)
    frames = _read_painted(folder, shot, identity, sequence, size)
    check_free_space(folder.path)
    path = folder.learned_matte(shot_name, identity)
    sweep(path.parent)
    samples, training = _samples_of(shot, frames, size)
    facts = _facts(shot, identity, sequence, frames, training, size, seed)
    trainer = MatteTrainer(samples, seed, place)
    state = path.with_suffix(".state.safetensors")
    _resume(trainer, state, facts["recipe"])
    if trainer.iteration >= iterations and _is_of(path, facts["recipe"], trainer.iteration):
        return LearntMatte(path, _sheet_path(path), tuple(facts["frames"]), trainer.iteration, None, True)
    loss, is_stopped = _learn(trainer, state, facts, iterations, minutes, on_progress)
    if is_stopped:
        return LearntMatte(None, None, tuple(facts["frames"]), trainer.iteration, loss, False)
    facts = {**facts, "iteration": trainer.iteration, "loss": loss, "software": f"understudy {__version__}"}
    net = trainer.learned()
    write_learned_matte(path, net, size, training, facts)
    learned = LearnedMatte(net, size, training, "", place)
    sheet = _sheet_path(path)
    write_png(sheet, _sheet(shot, learned, frames))
    return LearntMatte(path, sheet, tuple(facts["frames"]), trainer.iteration, loss, True)


def planned_matte(
    folder: ProjectFolder, shot_name: str, identity: str, painted: Path, channel: str | None, size: int = DEFAULT_SIZE
) -> str:
    """The frames that `run_matte` would learn from, as a range; everything is checked and nothing is written.

    Raises:
        UnderstudyError: As `run_matte`.
    """
    folder.identity(identity)
    shot = open_shot(folder, shot_name)
    sequence = MatteSequence.open(painted.expanduser().absolute(), channel, shot)
    frames = _read_painted(folder, shot, identity, sequence, size)
    return format_frames(tuple(one.alignment.frame for one in frames))


def remove_matte(folder: ProjectFolder, shot_name: str, identity: str, dry_run: bool = False) -> tuple[Path, ...]:
    """Deletes what a shot has learned of an identity's matte; returns the files.

    Args:
        folder: The project.
        shot_name: The shot.
        identity: Whose face.
        dry_run: Delete nothing.

    Raises:
        UnknownNameError: The project has no such shot or identity.
        SettingsError: There is nothing to remove.
    """
    folder.shot(shot_name)
    folder.identity(identity)
    path = folder.learned_matte(shot_name, identity)
    files = tuple(one for one in (path, path.with_suffix(".state.safetensors"), _sheet_path(path)) if one.is_file())
    if not files:
        raise SettingsError(f"Shot '{shot_name}' has learned no matte of '{identity}': there is nothing to remove.")
    for file in files if not dry_run else ():
        with contextlib.suppress(FileNotFoundError):
            file.unlink()
    return files


def _sheet_path(path: Path) -> Path:
    return path.with_suffix(".png")


def _read_painted(
    folder: ProjectFolder, shot: OpenedShot, identity: str, sequence: MatteSequence, size: int
) -> list[_Painted]:
    """The painted frames that hold the identity's face, with what of the plate is needed."""
    tracks = read_found_tracks(folder, shot)
    warn_of_choice(tracks, identity)
    alignments = tracks.alignments(identity)
    numbers = tuple(number for number in sequence.plate.numbers if number in set(shot.frames))
    chosen = tuple(number for number in numbers if number in alignments)
    if not chosen:
        if numbers and any(number in tracks.found for number in numbers):
            raise tracks.without(identity, numbers)
        raise NoFaceError(
            f"None of the painted frames {format_frames(sequence.plate.numbers)} of {sequence.plate.pattern} was "
            f"searched for faces in shot '{shot.name}'. Run: understudy extract {shot.name} --identity {identity}",
            shot=shot.name,
        )
    if len(chosen) != len(sequence.plate.numbers):
        others = tuple(sorted(set(sequence.plate.numbers) - set(chosen)))
        _LOGGER.warning(
            "Painted frame %s holds no face of '%s' in shot %s, and is left out.",
            format_frames(others),
            identity,
            shot.name,
        )
    if not _FEWEST <= len(chosen) <= _MOST:
        raise SettingsError(
            f"{len(chosen)} painted frames hold a face of '{identity}'; paint {_FEWEST} to {_MOST}, some of them where "
            "something begins to cover the face, covers it, and leaves it.",
            frames=chosen,
        )
    frames = []
    for number in chosen:
        alignment = alignments[number]
        frame = shot.read(number, crop_region(alignment, size, _MARGIN))
        frames.append(_Painted(frame, alignment, sequence.read(number, frame.data_window)))
    _check_painted(frames, sequence)
    return frames


def _check_painted(frames: Sequence[_Painted], sequence: MatteSequence) -> None:
    """Raises when what was painted is the same all over: the alpha of an opaque picture, or an empty layer."""
    for value, what in ((1.0, "1"), (0.0, "0")):
        if all((one.matte.over(one.frame.data_window) == value).all() for one in frames):
            raise SettingsError(
                f"{sequence.plate.pattern} is {what} all over in every frame. Say which channel was painted with "
                "--channel, such as R.",
                pattern=sequence.plate.pattern,
            )


def _samples_of(shot: OpenedShot, frames: Sequence[_Painted], size: int) -> tuple[MatteSamples, TrainingSpace]:
    """What the network learns from, and the space in which the painted faces come out grey."""
    crops = [
        crop_face(one.frame, shot.space.name, shot.color, one.alignment, size, _MARGIN, shot.layer) for one in frames
    ]
    mattes = [_painted_in(crop, one.matte) for crop, one in zip(crops, frames, strict=True)]
    inside = np.concatenate([crop.pixels[matte > 0.5] for crop, matte in zip(crops, mattes, strict=True)])
    if not len(inside):
        raise SettingsError("Nothing is painted where the face is: white says what is to be replaced.")
    red, green, blue = np.median(inside, axis=0).tolist()
    training = TrainingSpace.normalising((red, green, blue), white_balance=True)

    def stacked(pictures: Sequence[npt.NDArray[np.float32]]) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(np.stack(pictures), np.float32))

    samples = MatteSamples(
        codes=stacked([codes_of(crop, training).transpose(2, 0, 1) for crop in crops]),
        drawn=stacked([crop.mattes.soft[None] for crop in crops]),
        painted=stacked([matte[None] for matte in mattes]),
        size=size,
    )
    return samples, training


def _painted_in(crop: FaceCrop, matte: PlateMatte) -> npt.NDArray[np.float32]:
    side = crop.pixels.shape[0]
    return matte.seen(inverse(crop.crop_from_plate), Box(0, 0, side, side))


def _facts(
    shot: OpenedShot,
    identity: str,
    sequence: MatteSequence,
    frames: Sequence[_Painted],
    training: TrainingSpace,
    size: int,
    seed: int,
) -> dict[str, Any]:
    """What a learned matte says of itself; `recipe` is a hash of all that decides it but the iterations."""
    numbers = [one.alignment.frame for one in frames]
    made_of = {
        "painted": [sequence.stamp(number) for number in numbers],
        "plates": [shot.stamp(number) for number in numbers],
        "alignments": [np.round(one.alignment.aligned_from_plate, 7).tolist() for one in frames],
        "landmarks": [np.round(one.alignment.landmarks_plate, 2).tolist() for one in frames],
        "training": training.to_json(),
        "size": size,
        "seed": seed,
        "software": __version__,
    }
    return {
        "shot": shot.name,
        "identity": identity,
        "painted": sequence.plate.pattern,
        "frames": numbers,
        "seed": seed,
        "recipe": json_hash(made_of),
    }


def _resume(trainer: MatteTrainer, state: Path, recipe: str) -> None:
    """Goes on where the last run of the same recipe stood; what cannot be read is begun anew."""
    if not state.is_file():
        return
    try:
        tensors, record = read_tensors(state, _STATE_SCHEMA, "matte's state")
        if record.get("recipe") == recipe:
            trainer.resume(tensors, int(record["iteration"]))
            _LOGGER.info("The matte goes on at iteration %d.", trainer.iteration)
    except (ModelFileError, KeyError, ValueError, TypeError) as error:
        _LOGGER.warning("%s is begun anew: %s", state, error)


def _is_of(path: Path, recipe: str, iteration: int) -> bool:
    """True when a finished matte of this recipe and iteration is there."""
    if not path.is_file():
        return False
    try:
        facts = read_learned_facts(path)
    except ModelFileError:
        return False
    return facts.get("recipe") == recipe and facts.get("iteration") == iteration


def _learn(
    trainer: MatteTrainer,
    state: Path,
    facts: Mapping[str, Any],
    iterations: int,
    minutes: float | None,
    on_progress: OnProgress,
) -> tuple[float | None, bool]:
    """Learns to the end and saves; returns the mean of the last losses, and whether it was stopped from outside."""
    losses: list[float] = []
    begun = saved = time.monotonic()
    is_stopped = False
    while trainer.iteration < iterations and not is_stopped:
        losses = [*losses[1 - _RECENT :], trainer.step()]
        report = Progress("learning the matte", trainer.iteration, iterations, f"loss {np.mean(losses):.4f}")
        is_stopped = not on_progress(report) and trainer.iteration < iterations
        now = time.monotonic()
        if minutes is not None and now - begun >= minutes * 60:
            break
        if now - saved >= _SAVE_SECONDS:
            _save(trainer, state, facts)
            saved = time.monotonic()
    if losses:
        _save(trainer, state, facts)
    return (round(float(np.mean(losses)), 6) if losses else None), is_stopped


def _save(trainer: MatteTrainer, state: Path, facts: Mapping[str, Any]) -> None:
    record = {"recipe": facts["recipe"], "iteration": trainer.iteration}
    write_tensors(state, _STATE_SCHEMA, trainer.tensors(), json.loads(json.dumps(record)))


def _sheet(shot: OpenedShot, learned: LearnedMatte, frames: Sequence[_Painted]) -> Picture:
    """Painted frames: the plate, what was painted over it, what was learned over it, and where both differ."""
    step = max(1, -(-len(frames) // _SHEET_ROWS))
    shown = list(frames)[::step]
    rows = [_sheet_row(shot, learned, one) for one in shown]
    names = [str(one.alignment.frame) for one in shown]
    return labelled_sheet(("plate", "painted", "learned", "difference"), rows, names)


def _sheet_row(shot: OpenedShot, learned: LearnedMatte, one: _Painted) -> list[Picture]:
    corners = apply_transform(inverse(one.alignment.aligned_from_plate), [[0, 0], [1, 0], [0, 1], [1, 1]])
    box = bounds_of_points(corners).intersect(one.frame.data_window)
    seen, _ = repaired(one.frame.rgb(shot.layer)[box.slices(one.frame.data_window)])
    light = shot.color.to_working(seen, shot.space.name)
    stops = float(np.log2(np.mean(learned.training.gains)))
    plate = shot.color.display(light, shot.color.working, stops)
    mattes = [one.matte.over(box), learned.matte_of(shot, one.frame, one.alignment).over(box)]
    pictures = [plate, *(_tinted(plate, matte) for matte in mattes), _grey(np.abs(mattes[0] - mattes[1]))]
    side = (_SHEET_WIDTH, _SHEET_WIDTH)
    return [
        np.asarray(cv2.resize(fitted(picture, _SHEET_WIDTH), side, interpolation=cv2.INTER_AREA), np.uint8)
        for picture in pictures
    ]


def _tinted(picture: Picture, matte: npt.NDArray[np.float32]) -> Picture:
    """The picture with a green veil where the matte is."""
    share = 0.5 * matte[..., None]
    return np.asarray(picture * (1 - share) + 255 * _TINT * share + 0.5, np.uint8)


def _grey(values: npt.NDArray[np.float32]) -> Picture:
    return np.repeat(np.asarray(np.clip(values, 0, 1) * 255 + 0.5, np.uint8)[..., None], 3, axis=2)
