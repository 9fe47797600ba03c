"""Writes shots and benchmark sets of synthetic performers to disk, with their truth.

A set has a plate of the target identity, the *truth* (the source identity's face on the target identity's head, in the
same performance and light: what a perfect swap gives), the exact face matte of the truth, and training footage of both
identities in other performances and other light. Pictures are EXRs in half float, in `render.COLOR_SPACE`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np

from understudy.errors import SettingsError
from understudy.plates import Frame, write_frame
from understudy.progress import OnProgress, Progress, ignore_progress
from understudy.synthetic.camera import Camera
from understudy.synthetic.ledger import Ledger
from understudy.synthetic.performance import SHORTEST_PERFORMANCE, Worn
from understudy.synthetic.performer import make_performer
from understudy.synthetic.render import COLOR_SPACE, SyntheticFrame, Take, render_shot
from understudy.synthetic.textures import load_textures
from understudy.synthetic.workers import WorkerPool

__all__ = ["FIRST_FRAME", "SET_SEQUENCES", "Written", "write_set", "write_shot"]

FIRST_FRAME = 1001

SET_SEQUENCES = ("plate", "truth", "matte", "train_target", "train_source")
"""Sequences of a set: `DIR/plate/plate.####.exr` and so on."""

_CHUNK = 12
"""Training frames that share a performance and a light."""

_TRAINING_SEEDS = {"train_target": 1000, "train_source": 2000}
"""What is added to the plate's seeds, so that training never shows the plate's performance or light."""

_END_OF_SEEDS = 2**31
_LAST_NUMBER = 9999
_MOST_WORKERS = 1024
_SMALLEST_SIDE = 64
_LARGEST_SIZE = (4096, 2160)
_SHOT_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_DESCRIPTION = "Synthetic performer, rendered from a seed; no person was photographed."


@dataclass(frozen=True)
class Written:
    """What a run wrote.

    Attributes:
        folder: Where.
        truth: The file with landmarks, poses and seeds; there only when `completed`.
        patterns: Sequences in the folder, as patterns with `####`.
        frames: Pictures that the shot or set has, mattes not counted.
        rendered: Those that this run rendered; the others were there.
        completed: False when the caller asked to stop.
    """

    folder: Path
    truth: Path
    patterns: tuple[str, ...]
    frames: int
    rendered: int
    completed: bool


@dataclass(frozen=True)
class _Picture:
    """One picture to render and write.

    Attributes:
        folder: The shot's or set's folder.
        sequence: What its files are called before the frame number.
        subfolder: Where in the folder they lie, "" or a name with a slash.
        number: Frame number of the file.
        frame: Frame of the performance.
        take: How it is shot.
        identity_seed: Whose head.
        face_seed: Whose face; None for the head's own.
        tone_match: As in `make_performer`.
        with_matte: Also write the face matte, as sequence `matte`.
        cache_folder: Where baked textures are kept.
    """

    folder: Path
    sequence: str
    subfolder: str
    number: int
    frame: int
    take: Take
    identity_seed: int
    face_seed: int | None
    tone_match: float
    with_matte: bool
    cache_folder: Path | None

    @property
    def file(self) -> str:
        """The picture's path inside the folder."""
        return f"{self.subfolder}{self.sequence}.{self.number:04d}.exr"

    @property
    def matte_file(self) -> str:
        """The matte's path inside the folder."""
        return f"matte/matte.{self.number:04d}.exr"

    @property
    def patterns(self) -> tuple[str, ...]:
        """The sequences that it belongs to."""
        mattes = (str(self.folder / "matte/matte.####.exr"),) if self.with_matte else ()
        return (str(self.folder / f"{self.subfolder}{self.sequence}.####.exr"), *mattes)


def write_shot(
    folder: Path,
    *,
    identity_seed: int,
    performance_seed: int,
    lighting_seed: int,
    frames: int,
    first_frame: int = FIRST_FRAME,
    size: tuple[int, int] = (1024, 1024),
    face_seed: int | None = None,
    tone_match: float = 1.0,
    name: str = "plate",
    fill: float = 0.6,
    cx: float = 0.5,
    cy: float = 0.47,
    occluder: bool = True,
    worn: Worn | None = None,
    workers: int | None = None,
    cache_folder: Path | None = None,
    on_progress: OnProgress = ignore_progress,
) -> Written:
    """Writes `folder/<name>.####.exr`, RGB, and `folder/truth.json`.

    Args:
        folder: Is made when it is not there; a run that was stopped goes on.
        identity_seed: Whose head.
        performance_seed: What is played.
        lighting_seed: In which light.
        frames: How many.
        first_frame: Number of the first one.
        size: Width and height.
        face_seed: Another identity's face, for an ideal swap.
        tone_match: 1 scales that face's albedo to the tone of the head.
        name: What the files are called before the frame number.
        fill: Share of the picture's height that 24 cm of head take.
        cx: Centre of the head as a share of the width.
        cy: The same of the height, from the top.
        occluder: Whether something crosses the face; it does so from 38 to 66 % of the performance, which is at least
            96 frames long.
        worn: What the performer has before the face all the time, if anything.
        workers: Processes; as many as there are cores when None. The pictures do not depend on it.
        cache_folder: Where baked textures are kept.
        on_progress: Called for each frame; False stops after the frames in work.

    Raises:
        SettingsError: A value makes no sense, or the folder holds a shot made with other settings.
        WriteError: The folder cannot be written.
    """
    settings = {
        "kind": "shot",
        "identity_seed": identity_seed,
        "performance_seed": performance_seed,
        "lighting_seed": lighting_seed,
        "frames": frames,
        "first_frame": first_frame,
        "size": size,
        "face_seed": face_seed,
        "tone_match": tone_match,
        "name": name,
        "fill": fill,
        "cx": cx,
        "cy": cy,
        "occluder": occluder,
        "worn": worn,
    }
    _check(settings)
    return _write(folder, settings, _shot_pictures(folder, settings, cache_folder), workers, on_progress)


def write_set(
    folder: Path,
    *,
    target_seed: int,
    source_seed: int,
    frames: int,
    train_frames: int,
    performance_seed: int = 1,
    lighting_seed: int = 1,
    size: tuple[int, int] = (1024, 1024),
    train_size: tuple[int, int] | None = None,
    fill: float = 0.6,
    cx: float = 0.5,
    cy: float = 0.47,
    occluder: bool = True,
    worn: Worn | None = None,
    target_footage: bool = True,
    workers: int | None = None,
    cache_folder: Path | None = None,
    on_progress: OnProgress = ignore_progress,
) -> Written:
    """Writes a benchmark set: the sequences of `SET_SEQUENCES`, numbered from 1001, and `folder/truth.json`.

    Args:
        folder: Is made when it is not there; a run that was stopped goes on.
        target_seed: The target identity: whose head, and the face that goes.
        source_seed: The source identity: the face that is put in.
        frames: Of plate, truth and matte.
        train_frames: Of each identity's training footage: chunks of 12 frames, each another performance in another
            light, from all over the performance so that poses vary; nothing crosses the face.
        performance_seed: What is played in the plate.
        lighting_seed: In which light.
        size: Width and height of plate, truth and matte.
        train_size: The same of training footage; None is a square as high as the plate. The head takes 0.6 of it.
        fill: Share of the plate's height that 24 cm of head take.
        cx: Centre of the head as a share of the plate's width.
        cy: The same of the height, from the top.
        occluder: Whether something crosses the face in the plate; see `write_shot`.
        worn: What the target identity has before the face in the plate, if anything.
        target_footage: False leaves out `train_target`, for a target identity that is learned from the plate. The same
            set with it can be made of that later.
        workers: Processes; as many as there are cores when None. The pictures do not depend on it.
        cache_folder: Where baked textures are kept.
        on_progress: Called for each picture; False stops after those in work.

    Raises:
        SettingsError: A value makes no sense, or the folder holds a set made with other settings.
        WriteError: The folder cannot be written.
    """
    settings = {
        "kind": "set",
        "target_seed": target_seed,
        "source_seed": source_seed,
        "frames": frames,
        "train_frames": train_frames,
        "performance_seed": performance_seed,
        "lighting_seed": lighting_seed,
        "size": size,
        "train_size": train_size or (min(size), min(size)),
        "fill": fill,
        "cx": cx,
        "cy": cy,
        "occluder": occluder,
        "worn": worn,
    }
    _check(settings)
    footage = {"train_target": target_seed, "train_source": source_seed}
    if not target_footage:
        del footage["train_target"]
    pictures = _plate_and_truth(folder, settings, cache_folder)
    for sequence, seed in footage.items():
        pictures += _training_footage(folder, settings, sequence, seed, cache_folder)
    return _write(folder, settings, pictures, workers, on_progress)


def _plate_take(settings: Mapping[str, Any]) -> Take:
    """A take from the start of its performance, which goes on for a frame at least."""
    return Take(
        performance_seed=settings["performance_seed"],
        lighting_seed=settings["lighting_seed"],
        size=settings["size"],
        camera=Camera.framing(settings["size"], settings["fill"], settings["cx"], settings["cy"]),
        occluder=settings["occluder"],
        worn=settings["worn"],
        length=max(settings["frames"] + 1, SHORTEST_PERFORMANCE),
    )


def _shot_pictures(folder: Path, settings: Mapping[str, Any], cache_folder: Path | None) -> list[_Picture]:
    take = _plate_take(settings)
    return [
        _Picture(
            folder=folder,
            sequence=settings["name"],
            subfolder="",
            number=settings["first_frame"] + frame,
            frame=frame,
            take=take,
            identity_seed=settings["identity_seed"],
            face_seed=settings["face_seed"],
            tone_match=settings["tone_match"],
            with_matte=False,
            cache_folder=cache_folder,
        )
        for frame in range(settings["frames"])
    ]


def _plate_and_truth(folder: Path, settings: Mapping[str, Any], cache_folder: Path | None) -> list[_Picture]:
    take = _plate_take(settings)
    return [
        _Picture(
            folder=folder,
            sequence=sequence,
            subfolder=f"{sequence}/",
            number=FIRST_FRAME + frame,
            frame=frame,
            take=take,
            identity_seed=settings["target_seed"],
            face_seed=settings["source_seed"] if sequence == "truth" else None,
            tone_match=1.0,
            with_matte=sequence == "truth",
            cache_folder=cache_folder,
        )
        for sequence in ("plate", "truth")
        for frame in range(settings["frames"])
    ]


def _training_footage(
    folder: Path, settings: Mapping[str, Any], sequence: str, identity_seed: int, cache_folder: Path | None
) -> list[_Picture]:
    pictures = []
    for index in range(settings["train_frames"]):
        chunk, place = divmod(index, _CHUNK)
        in_chunk = min(_CHUNK, settings["train_frames"] - chunk * _CHUNK)
        offset = _TRAINING_SEEDS[sequence] + chunk
        take = Take(
            performance_seed=settings["performance_seed"] + offset,
            lighting_seed=settings["lighting_seed"] + offset,
            size=settings["train_size"],
            occluder=False,
        )
        pictures.append(
            _Picture(
                folder=folder,
                sequence=sequence,
                subfolder=f"{sequence}/",
                number=FIRST_FRAME + index,
                frame=place * SHORTEST_PERFORMANCE // in_chunk,
                take=take,
                identity_seed=identity_seed,
                face_seed=None,
                tone_match=1.0,
                with_matte=False,
                cache_folder=cache_folder,
            )
        )
    return pictures


def _write(
    folder: Path,
    settings: Mapping[str, Any],
    pictures: Sequence[_Picture],
    workers: int | None,
    on_progress: OnProgress,
) -> Written:
    """Renders what is not there yet, and closes the ledger when all is."""
    if workers is not None:
        _check_whole("workers", workers, 1, _MOST_WORKERS)
    ledger = Ledger(folder, settings, [picture.file for picture in pictures])
    waiting = [picture for picture in pictures if not ledger.is_finished(picture.file)]
    there = len(pictures) - len(waiting)
    rendered, stopped = 0, False

    def wanted() -> Iterator[_Picture]:
        for picture in waiting:
            if stopped:
                return
            yield picture

    with WorkerPool(workers, most=len(waiting)) as pool:
        if _paint_identities(pool, waiting, on_progress):
            for record in pool.results(_render, wanted()):
                ledger.add(record)
                rendered += 1
                progress = Progress("rendering", there + rendered, len(pictures), record["files"][0])
                stopped = not on_progress(progress) or stopped
    completed = ledger.is_complete
    if completed:
        ledger.close()
    patterns = tuple(dict.fromkeys(pattern for picture in pictures for pattern in picture.patterns))
    return Written(folder, ledger.truth_path, patterns, len(pictures), rendered, completed)


def _paint_identities(pool: WorkerPool, pictures: Sequence[_Picture], on_progress: OnProgress) -> bool:
    """Fills the texture cache before frames begin, so that no two workers paint one identity; False to stop."""
    seeds = {picture.identity_seed for picture in pictures}
    seeds |= {picture.face_seed for picture in pictures if picture.face_seed is not None}
    tasks = [(seed, pictures[0].cache_folder) for seed in sorted(seeds)]
    return all(
        on_progress(Progress("painting", done, len(tasks), f"identity {seed}"))
        for done, seed in enumerate(pool.results(_paint, tasks), start=1)
    )


def _paint(task: tuple[int, Path | None]) -> int:
    seed, cache_folder = task
    load_textures(seed, cache_folder)
    return seed


def _render(picture: _Picture) -> dict[str, Any]:
    """Renders and writes one picture; returns its record for the ledger."""
    performer = make_performer(picture.identity_seed, picture.face_seed, picture.tone_match, picture.cache_folder)
    frame = next(render_shot(performer, picture.take, [picture.frame]))
    metadata = {"colorInteropID": COLOR_SPACE, "ImageDescription": _DESCRIPTION, "FramesPerSecond": (24, 1)}
    files = [picture.file]
    write_frame(picture.folder / picture.file, Frame.of(frame.pixels, metadata=metadata))
    if picture.with_matte:
        files.append(picture.matte_file)
        matte_metadata = metadata | {"colorInteropID": "data"}
        write_frame(picture.folder / picture.matte_file, Frame.of(frame.matte, metadata=matte_metadata))
    return {
        "files": files,
        "sequence": picture.sequence,
        "number": picture.number,
        "identity_seed": picture.identity_seed,
        "face_seed": performer.face_seed,
        "performance_seed": picture.take.performance_seed,
        "lighting_seed": picture.take.lighting_seed,
        **_facts(frame),
    }


def _facts(frame: SyntheticFrame) -> dict[str, Any]:
    """What is true of a rendered frame, as JSON values.

    Points are plate points, x y, pixels, y down, the first pixel's centre (0.5, 0.5).
    """
    values = {name: round(value, 5) for name, value in vars(frame.moment).items() if isinstance(value, float)}
    pose = {name: values.pop(name) for name in ("yaw", "pitch", "roll", "x", "y", "z")}
    crossing = frame.moment.crossing
    return {
        "frame": frame.number,
        "pose": pose,
        "expression": values,
        "crossed_by": crossing.kind if crossing else None,
        "worn": frame.moment.worn,
        "landmarks_plate": np.round(frame.landmarks_plate.astype(np.float64), 3).tolist(),
        "hidden_landmarks": np.flatnonzero(~frame.visible).tolist(),
    }


def _check(settings: Mapping[str, Any]) -> None:
    """Returns when a shot or set can be made with these settings.

    Raises:
        SettingsError: It cannot; the first fault is named.
    """
    for name, value in settings.items():
        if name.endswith("_seed") and value is not None:
            _check_whole(name, value, 0, _END_OF_SEEDS - 1)
        elif name in ("size", "train_size"):
            _check_size(name, value)
    first_frame = settings.get("first_frame", FIRST_FRAME)
    _check_whole("first_frame", first_frame, 0, _LAST_NUMBER)
    for name in ("frames", "train_frames"):
        _check_whole(name, settings.get(name, 1), 1, _LAST_NUMBER + 1 - first_frame)
    for name, low, high in (("fill", 0.02, 4.0), ("cx", -1.0, 2.0), ("cy", -1.0, 2.0), ("tone_match", 0.0, 1.0)):
        value = settings.get(name, 0.5)
        if not low <= value <= high:
            raise SettingsError(f"{name} is {value}; it must lie between {low:g} and {high:g}.", field=name)
    if settings.get("worn") not in (None, *get_args(Worn)):
        raise SettingsError(f"Nobody wears '{settings['worn']}'; name glasses or fringe.", field="worn")
    if settings["kind"] == "set" and settings["target_seed"] == settings["source_seed"]:
        seed = settings["target_seed"]
        raise SettingsError(f"Target and source identity are both {seed}; name two.", field="source_seed")
    if not _SHOT_NAME.fullmatch(settings.get("name", "plate")):
        raise SettingsError(
            f"'{settings['name']}' cannot name a sequence; use letters, digits, '-' and '_'.", field="name"
        )


def _check_whole(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise SettingsError(f"{name} is {value}; it must lie between {low} and {high}.", field=name)


def _check_size(name: str, size: tuple[int, int]) -> None:
    width, height = size
    (widest, highest), least = _LARGEST_SIZE, _SMALLEST_SIDE
    if not (least <= width <= widest and least <= height <= highest):
        raise SettingsError(
            f"{name} is {width}x{height}; it must lie between {least}x{least} and {widest}x{highest}.", field=name
        )
