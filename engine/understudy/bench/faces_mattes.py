"""How well mattes cover the face: against exact mattes of synthetic performers, free and with something before it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from understudy.color import DEFAULT_CONFIG
from understudy.errors import SettingsError
from understudy.faces.face import Alignment
from understudy.faces.outline import directions
from understudy.geometry import Transform, apply_transform, inverse
from understudy.jobs.finding import find_faces
from understudy.jobs.found_tracks import read_found_tracks
from understudy.jobs.matte import DEFAULT_ITERATIONS, DEFAULT_SIZE, run_matte
from understudy.jobs.shot import OpenedShot, open_shot
from understudy.jobs.shot_mattes import ShotMattes, open_mattes
from understudy.plates import Frame, write_frame
from understudy.progress import OnProgress, Progress, ignore_progress
from understudy.settings.project import ProjectFolder, create_project
from understudy.synthetic.performance import Worn
from understudy.synthetic.performer import make_performer
from understudy.synthetic.render import COLOR_SPACE, SyntheticFrame, Take, render_shot

__all__ = ["PAINTED_SHOTS", "FREE_IDENTITIES", "PaintedShot", "MatteFigures", "MatteScore", "measure"]

FREE_IDENTITIES = (21, 22, 23, 24, 25, 26)
"""Performers of whom the outline's constants were not measured (those were 1 to 10)."""


@dataclass(frozen=True)
class PaintedShot:
    """A shot of which some frames are painted.

    Attributes:
        what: In words.
        identity: Whose head.
        performance: What is played; a hand crosses in odd ones.
        frames: Of the performance, one after the other.
        before: What is before the face: "hand", or a bar, in some frames, and only those are scored; or what is worn.
        painted: How many frames are painted, evenly over the shot.
        wanted: The lowest overlap of a learned matte that is good enough; None where nothing is asked.
    """

    what: str
    identity: int
    performance: int
    frames: tuple[int, ...] = tuple(range(32, 68))
    before: Literal["nothing", "hand"] | Worn = "hand"
    painted: int = 10
    wanted: float | None = None

    @property
    def worn(self) -> Worn | None:
        """What is worn, if anything."""
        return None if self.before == "nothing" or self.before == "hand" else self.before


_FREE_FRAMES = tuple(range(4, 40))
"""One after the other, as a shot has them: landmarks are settled over the track before a matte is drawn."""

PAINTED_SHOTS = (
    PaintedShot("nothing crosses", 21, 43, _FREE_FRAMES, "nothing", painted=3, wanted=0.96),
    PaintedShot("nothing crosses", 26, 53, _FREE_FRAMES, "nothing", painted=3, wanted=0.96),
    PaintedShot("a hand crosses", 7, 7, wanted=0.93),
    PaintedShot("a hand crosses", 3, 5, wanted=0.93),
    PaintedShot("hair over the brow", 22, 45, before="fringe"),
    PaintedShot("glasses", 25, 51, before="glasses"),
)

_COVERED = 0.01
_SHOT, _IDENTITY = "s", "performer"
_Picture = npt.NDArray[np.float32]


@dataclass(frozen=True)
class MatteScore:
    """How a kind of matte did over some frames.

    Attributes:
        what: Frames and matte, in words.
        iou: Intersection over union with the exact matte at 0.5, mean over frames.
        worst: The lowest of a frame.
        frames: How many.
        flicker: Mean change of the matte's error from frame to frame, as a share of the face's area; None where the
            frames do not follow each other.
        wanted: The lowest `iou` that is good enough; None where nothing is asked.
    """

    what: str
    iou: float
    worst: float
    frames: int
    flicker: float | None = None
    wanted: float | None = None


@dataclass(frozen=True, eq=False)
class MatteFigures:
    """What was measured.

    Attributes:
        scores: One for each kind of frame and matte.
        beyond: Per cent of the model's square by which the exact matte goes beyond the drawn outline, for 36 directions
            from straight up clockwise; mean over the free frames. 0 all round is an outline without bias.
        not_found: Frames without a face, of all that were searched.
        searched: How many were searched.
        learning_s: CPU seconds in which one matte was learned, mean; None when none was.
    """

    scores: tuple[MatteScore, ...]
    beyond: tuple[float, ...]
    not_found: int
    searched: int
    learning_s: float | None

    def rows(self) -> list[tuple[str, ...]]:
        """A table: its heads, then its rows."""
        heads = ("mattes", "IoU at 0.5", "lowest", "frames", "flicker", "wanted")
        rows = [
            (
                one.what,
                f"{one.iou:.3f}",
                f"{one.worst:.3f}",
                str(one.frames),
                "" if one.flicker is None else f"{one.flicker:.4f}",
                "" if one.wanted is None else f"{one.wanted:.2f} {'met' if one.iou >= one.wanted else 'NOT met'}",
            )
            for one in self.scores
        ]
        return [heads, *rows]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "scores": [dict(vars(one)) for one in self.scores],
            "beyond_outline_per_cent": list(self.beyond),
            "not_found": self.not_found,
            "searched": self.searched,
            "learning_cpu_s": self.learning_s,
        }


@dataclass(frozen=True, eq=False)
class _Overlap:
    """One frame's matte beside the exact one.

    Attributes:
        number: The frame.
        iou: At 0.5.
        error: (H, W) float32: the matte less the exact one.
        area: Pixels of the exact one.
    """

    number: int
    iou: float
    error: _Picture
    area: float


def measure(
    *,
    side: int = 512,
    free: Sequence[int] = FREE_IDENTITIES,
    painted: Sequence[PaintedShot] = PAINTED_SHOTS,
    free_frames: Sequence[int] = _FREE_FRAMES,
    iterations: int = DEFAULT_ITERATIONS,
    size: int = DEFAULT_SIZE,
    cache_folder: Path | None = None,
    on_progress: OnProgress = ignore_progress,
) -> MatteFigures | None:
    """Renders performers, finds their faces, draws and learns mattes, and holds them against the exact ones.

    The exact matte leaves out hands, the frame of spectacles, and hair.

    Args:
        side: Of the pictures, in pixels; a face's square spans about 0.65 of it.
        free: Identities for frames in which nothing crosses.
        painted: Shots of which some frames are painted, and the others scored before and after.
        free_frames: Frames of each free performance.
        iterations: Of learning.
        size: Of the crops that are learned from.
        cache_folder: Where painted identities are kept.
        on_progress: Told after each performer; False stops.

    Returns:
        What was measured; None when it was stopped.

    Raises:
        SettingsError: No face was found in any of the frames.
    """
    drawn: list[list[_Overlap]] = []
    learned: list[_Learned] = []
    beyond: list[npt.NDArray[np.float64]] = []
    found, searched = 0, 0
    total = len(free) + len(painted)
    with tempfile.TemporaryDirectory(prefix="understudy-mattes-") as name:
        for index, identity in enumerate(free):
            take = Take(2 * identity + 1, identity, (side, side), occluder=False)
            stage = _Stage.render(Path(name) / f"free{identity}", identity, take, free_frames, cache_folder)
            drawn.append(stage.overlaps(open_mattes(stage.folder, stage.shot, _IDENTITY)))
            beyond += stage.beyond_outline()
            found, searched = found + len(stage.alignments), searched + len(stage.truth)
            if not on_progress(Progress("free frames", index + 1, total, f"identity {identity}")):
                return None
        for index, shot in enumerate(painted):
            take = Take(shot.performance, shot.identity, (side, side), occluder=shot.before == "hand", worn=shot.worn)
            stage = _Stage.render(Path(name) / f"painted{index}", shot.identity, take, shot.frames, cache_folder)
            found, searched = found + len(stage.alignments), searched + len(stage.truth)
            learned.append(_Learned(shot, *stage.learned(shot, iterations, size)))
            done = len(free) + index + 1
            message = f"{shot.what}, identity {shot.identity}"
            if not on_progress(Progress("painted shots", done, total, message)) and done < total:
                return None
    mean = np.mean(beyond, axis=0) if beyond else np.zeros(0)
    return MatteFigures(
        scores=_scores(drawn, learned),
        beyond=tuple(round(float(value), 2) for value in mean),
        not_found=searched - found,
        searched=searched,
        learning_s=round(float(np.mean([one.seconds for one in learned])), 1) if learned else None,
    )


@dataclass(frozen=True, eq=False)
class _Learned:
    """A shot's frames that were not painted, before and after others were, and the CPU seconds of learning."""

    shot: PaintedShot
    before: list[_Overlap]
    after: list[_Overlap]
    seconds: float


@dataclass(frozen=True, eq=False)
class _Stage:
    """A rendered shot as a project, and its truth.

    Attributes:
        folder: The project.
        shot: Its only shot.
        truth: The rendered frames by number.
        alignments: Of the face, by number.
    """

    folder: ProjectFolder
    shot: OpenedShot
    truth: Mapping[int, SyntheticFrame]
    alignments: Mapping[int, Alignment]

    @staticmethod
    def render(path: Path, identity: int, take: Take, frames: Sequence[int], cache_folder: Path | None) -> _Stage:
        """Renders frames of a take into a project, and finds the face in them."""
        performer = make_performer(identity, cache_folder=cache_folder)
        truth = {1001 + frame.number: frame for frame in render_shot(performer, take, list(frames))}
        for number, frame in truth.items():
            write_frame(path / "plate" / f"plate.{number}.exr", Frame.of(frame.pixels))
        folder = create_project(path / "project", DEFAULT_CONFIG)
        plate = {"plate": "../plate/plate.####.exr", "colorspace": COLOR_SPACE}
        folder = folder.save(folder.with_shot(_SHOT, plate))
        folder = folder.save(folder.with_identity(_IDENTITY, {"role": "target"}))
        shot = open_shot(folder, _SHOT)
        find_faces(folder, shot, shot.frames, ignore_progress)
        return _Stage(folder, shot, truth, read_found_tracks(folder, shot).alignments(_IDENTITY))

    def overlaps(self, mattes: ShotMattes, left_out: frozenset[int] = frozenset()) -> list[_Overlap]:
        """Each frame's matte beside the exact one, as `swap` would write it."""
        made = []
        for number, alignment in self.alignments.items():
            if number in left_out:
                continue
            frame = self.shot.read(number)
            rule = mattes.rule(self.shot, frame, alignment)
            unit = np.eye(3)[:2]
            soft = rule.mattes(alignment.landmarks_plate, alignment.aligned_from_plate, unit, frame.data_window).soft
            exact = self.truth[number].matte
            made.append(_Overlap(number, _iou(soft, exact), soft - exact, float(exact.sum())))
        return made

    def learned(
        self, painted_shot: PaintedShot, iterations: int, size: int
    ) -> tuple[list[_Overlap], list[_Overlap], float]:
        """Frames that were not painted, before and after others were, and the CPU seconds of learning."""
        numbers = list(self.alignments)
        painted = numbers[:: max(1, len(numbers) // painted_shot.painted)][: painted_shot.painted]
        folder = self.folder.path.parent / "painted"
        for number in painted:
            write_frame(folder / f"painted.{number}.exr", Frame.of(self.truth[number].matte))
        idle = {number for number in numbers if self._covered(self.truth[number]) <= _COVERED}
        left_out = frozenset(painted) | (idle if painted_shot.before == "hand" else frozenset())
        before = self.overlaps(open_mattes(self.folder, self.shot, _IDENTITY), left_out)
        begun = time.process_time()
        run_matte(
            self.folder, _SHOT, _IDENTITY, folder / "painted.####.exr", iterations=iterations, size=size, device="cpu"
        )
        spent = time.process_time() - begun
        return before, self.overlaps(open_mattes(self.folder, self.shot, _IDENTITY), left_out), spent

    def beyond_outline(self) -> list[npt.NDArray[np.float64]]:
        """(36,) for each frame: how far the exact matte goes beyond the drawn one, in per cent of the square."""
        mattes = open_mattes(self.folder, self.shot, _IDENTITY)
        rows = []
        for number, alignment in self.alignments.items():
            frame = self.shot.read(number)
            rule = mattes.rule(self.shot, frame, alignment)
            drawn = rule.mattes(
                alignment.landmarks_plate, alignment.aligned_from_plate, np.eye(3)[:2], frame.data_window
            ).soft
            to_plate = inverse(alignment.aligned_from_plate)
            exact, own = (_reach(matte, to_plate) for matte in (self.truth[number].matte, drawn))
            rows.append(100 * (exact - own))
        return rows

    @staticmethod
    def _covered(frame: SyntheticFrame) -> float:
        """Share of the face's surroundings that something covers: of the landmarks' box."""
        low, high = frame.landmarks_plate.min(axis=0).astype(int), frame.landmarks_plate.max(axis=0).astype(int)
        return float(frame.occluder[max(0, low[1]) : high[1], max(0, low[0]) : high[0]].mean())


def _scores(free: Sequence[Sequence[_Overlap]], learned: Sequence[_Learned]) -> tuple[MatteScore, ...]:
    """Of drawn mattes, and of others before and after they were learned; of those that there are."""
    kinds: list[tuple[str, Sequence[Sequence[_Overlap]], float | None]] = (
        [("nothing crosses, drawn from landmarks", free, 0.96)] if any(free) else []
    )
    for what in dict.fromkeys(one.shot.what for one in learned):
        alike = [one for one in learned if one.shot.what == what and one.before]
        if alike:
            kinds.append((f"{what}, drawn, frames not painted", [one.before for one in alike], None))
            kinds.append((f"{what}, learned, frames not painted", [one.after for one in alike], alike[0].shot.wanted))
    if not kinds:
        raise SettingsError("No face was found in any of the frames, so there is no matte to measure.")
    return tuple(_score(*kind) for kind in kinds)


def _score(what: str, shots: Sequence[Sequence[_Overlap]], wanted: float | None) -> MatteScore:
    values = [one.iou for overlaps in shots for one in overlaps]
    changes = [
        float(np.abs(after.error - before.error).sum() / max(1.0, (after.area + before.area) / 2))
        for overlaps in shots
        for before, after in pairwise(overlaps)
        if after.number == before.number + 1
    ]
    flicker = float(np.mean(changes)) if changes else None
    return MatteScore(what, float(np.mean(values)), float(np.min(values)), len(values), flicker, wanted)


def _iou(matte: _Picture, exact: _Picture) -> float:
    seen, true = matte > 0.5, exact > 0.5
    return float((seen & true).sum() / max(1, (seen | true).sum()))


def _reach(matte: _Picture, plate_from_aligned: Transform) -> npt.NDArray[np.float64]:
    """(36,): how far a matte reaches from the square's middle, as a share of the square."""
    steps = np.arange(0, 0.7, 0.002)
    turn = directions(36)
    ways = np.stack([np.sin(turn), -np.cos(turn)], axis=1)
    places = apply_transform(plate_from_aligned, (0.5 + ways[:, None] * steps[None, :, None]).reshape(-1, 2))
    columns, rows = np.floor(places).astype(int).T
    is_there = (columns >= 0) & (rows >= 0) & (columns < matte.shape[1]) & (rows < matte.shape[0])
    inside = np.zeros(len(places), bool)
    inside[is_there] = matte[rows[is_there], columns[is_there]] > 0.5
    inside = inside.reshape(36, -1)
    return np.asarray(np.where(inside, steps, 0).max(axis=1), np.float64)
