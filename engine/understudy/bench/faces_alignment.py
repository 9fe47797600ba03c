"""How steadily faces are aligned: against the exact landmarks of synthetic performers, free, shaken and covered."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from understudy.color import DEFAULT_CONFIG
from understudy.errors import SettingsError
from understudy.faces.alignment import STABLE_LANDMARKS, fit_alignment, fit_motion, head_pose, native_px
from understudy.faces.detect import FaceFinder
from understudy.faces.face import Alignment, Face
from understudy.faces.proportion import measured_face_scale
from understudy.faces.steady import anchored
from understudy.geometry import Box, Points, Transform, apply_transform, fit_similarity, inverse
from understudy.jobs.finding import find_faces
from understudy.jobs.found_tracks import read_found_tracks
from understudy.jobs.shot import open_shot
from understudy.plates import Frame, write_frame
from understudy.progress import OnProgress, Progress, ignore_progress
from understudy.settings.project import create_project
from understudy.synthetic.camera import Camera
from understudy.synthetic.figure import pose_figure
from understudy.synthetic.lighting import light_rig
from understudy.synthetic.performance import Moment, perform
from understudy.synthetic.performer import Performer, make_performer
from understudy.synthetic.render import COLOR_SPACE, SyntheticFrame, Take, render_frame

__all__ = ["SHOTS", "AlignmentFigures", "ShotFigures", "StagedShot", "measure"]


@dataclass(frozen=True)
class StagedShot:
    """A shot to render.

    Attributes:
        kind: "free"; "shake", a head shaken twice a second by 15 degrees; "turn", one that turns by 60 degrees to one
            side and back in two seconds; or "covered", by a bar or a hand.
        identity: Whose head.
        performance: What it plays.
        frames: First and last frame of the performance.
    """

    kind: str
    identity: int
    performance: int
    frames: tuple[int, int]


SHOTS = (
    *(StagedShot("free", identity, 2 * identity + 3, (4, 39)) for identity in (25, 26, 27, 28, 37, 38)),
    StagedShot("shake", 25, 58, (0, 35)),
    StagedShot("shake", 38, 57, (0, 35)),
    StagedShot("turn", 27, 59, (0, 48)),
    StagedShot("turn", 37, 60, (0, 48)),
    StagedShot("covered", 26, 56, (26, 73)),
    StagedShot("covered", 28, 61, (26, 73)),
)
"""Performers that took no part in choosing the weights of the stable landmarks."""

_CROP = 1024
_FPS = 24.0
_SHAKEN_DEGREES, _SHAKEN_CM, _SHAKEN_HZ = 15.0, 1.0, 2.0
_TURNED_DEGREES, _TURNED_HZ = 60.0, 0.5
_FILL = 0.8
_COVERED = 0.9
"""Of the stable landmarks that must be seen for a frame not to count as covered."""

_WANTED = (
    *(("free", name, wanted) for name, wanted in (("whole_px", 2.0), ("own_px", 2.0), ("jitter_px", 0.4))),
    ("free", "steadier", 5.0),
    ("shake", "lag_frames", 0.25),
)
_CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
_AHEAD_SIDE = 384
_STRAIGHT = tuple(Moment(yaw=yaw, pitch=pitch) for yaw, pitch in ((0, 0), (20, 0), (-20, 5), (0, -10)))

_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ShotFigures:
    """One shot. Pixels are those of a crop of 1024; errors are of the crop's corners, root mean square.

    Attributes:
        shot: Kind, identity and performance.
        frames: In which the face was found or filled in.
        missing: Frames without a face.
        filled: Frames that were filled in.
        native_px: Plate pixels that the square spans, median.
        whole_px: Against the alignment by the true landmarks.
        own_px: The same without the shot's own constant part, one similarity for all of its frames.
        skull_px: As `own_px`, against the same head in the same pose without any expression: what brows, lids and
            smiles move the crop by is in it.
        jitter_px: How much that changes from frame to frame.
        found_px: `own_px` of each frame's landmarks by themselves, as they were found.
        found_jitter_px: `jitter_px` of those.
        lag_frames: Of the square's middle behind the truth's; negative is ahead.
        covered_px: `own_px` over the frames in which something covers the face; None where nothing does.
        covered_found_px: The same of each frame's landmarks by themselves, where a face was found.
        yaw_degrees: Mean error of yaw.
        pitch_degrees: Mean error of pitch.
        settle_s: CPU seconds for each frame of solving the track.
    """

    shot: str
    frames: int
    missing: int
    filled: int
    native_px: float
    whole_px: float
    own_px: float
    skull_px: float
    jitter_px: float
    found_px: float
    found_jitter_px: float
    lag_frames: float
    covered_px: float | None
    covered_found_px: float | None
    yaw_degrees: float
    pitch_degrees: float
    settle_s: float

    @property
    def steadier(self) -> float:
        """How many times less the alignment jitters than what was found."""
        return self.found_jitter_px / max(self.jitter_px, 1e-9)


@dataclass(frozen=True, eq=False)
class AlignmentFigures:
    """What was measured.

    Attributes:
        shots: One for each.
        pitch_spread: Standard deviation over performers of the mean error of pitch, degrees: 0 means that pitch says
            the same of all. None with fewer than two.
        scale_error: Root mean square, over pairs of the free performers, of what `measured_face_scale` errs by.
        scale_unmeasured: The same when no scale is measured.
    """

    shots: tuple[ShotFigures, ...]
    pitch_spread: float | None
    scale_error: float | None
    scale_unmeasured: float | None

    def rows(self) -> list[tuple[str, ...]]:
        """A table: heads, then shot by shot, then what is wanted of all of a kind, root mean square."""
        errors = ("whole px", "own px", "skull px", "jitter px", "found jitter")
        heads = ("shot", *errors, "x steadier", "lag", "covered", "filled")
        rows = [heads, *(_row(one) for one in self.shots)]
        for kind, name, wanted in _WANTED:
            values = [getattr(one, name) for one in self.shots if one.shot.startswith(kind)]
            if values:
                mean = _rms(np.array(values))
                verdict = "met" if (mean >= wanted) is (name == "steadier") else "NOT met"
                rows.append((f"{kind}: {name} {mean:.2f}, wanted {wanted:g}", *[""] * 8, verdict))
        if self.pitch_spread is not None:
            rows.append((f"pitch differs between performers by {self.pitch_spread:.1f} degrees", *[""] * 9))
        if self.scale_error is not None and self.scale_unmeasured is not None:
            words = f"face scale errs by {self.scale_error:.1%}, unmeasured {self.scale_unmeasured:.1%}"
            rows.append((words, *[""] * 9))
        return rows

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "shots": [{**asdict(one), "steadier": one.steadier} for one in self.shots],
            "pitch_spread_degrees": self.pitch_spread,
            "face_scale_error": self.scale_error,
            "face_scale_unmeasured": self.scale_unmeasured,
        }


def measure(
    *,
    shots: Sequence[StagedShot] = SHOTS,
    side: int = 640,
    cache_folder: Path | None = None,
    on_progress: OnProgress = ignore_progress,
) -> AlignmentFigures | None:
    """Renders shots, finds the face, solves its track, and holds the result against the true landmarks.

    Args:
        shots: What to render.
        side: Of the pictures, in pixels; a face's square spans about 0.71 of it.
        cache_folder: Where painted identities are kept.
        on_progress: Told after each shot; False stops.

    Returns:
        None when it was stopped.

    Raises:
        SettingsError: A shot in which no face was found cannot be measured.
    """
    figures: list[ShotFigures] = []
    free: dict[int, list[Alignment]] = {}
    for index, shot in enumerate(shots):
        with tempfile.TemporaryDirectory(prefix="understudy-alignment-") as name:
            truth = _rendered(shot, side, Path(name), cache_folder)
            one, alignments = _measured(shot, truth, Path(name))
        figures.append(one)
        if shot.kind == "free":
            free.setdefault(shot.identity, []).extend(alignments)
        if not on_progress(Progress("aligning faces", index + 1, len(shots), one.shot)) and index + 1 < len(shots):
            return None
    pitches = [one.pitch_degrees for one in figures if one.shot.startswith("free")]
    scales = _face_scales(free, cache_folder)
    return AlignmentFigures(
        shots=tuple(figures),
        pitch_spread=float(np.std(pitches)) if len(pitches) > 1 else None,
        scale_error=_rms(np.array([measured - true for measured, true in scales])) if scales else None,
        scale_unmeasured=_rms(np.array([true for _, true in scales])) if scales else None,
    )


@dataclass(frozen=True, eq=False)
class _Truth:
    """What is true of a frame.

    Attributes:
        alignment: By the exact landmarks.
        skull_from_plate: The transform by those of the same head without any expression.
        seen: Share of the stable landmarks that nothing which crosses the face hides.
    """

    alignment: Alignment
    skull_from_plate: Transform
    seen: float

    @staticmethod
    def of(frame: SyntheticFrame, number: int, performer: Performer) -> _Truth:
        """Not anchored yet."""
        landmarks = frame.landmarks_plate.astype(np.float64)
        seen = float(frame.visible[list(STABLE_LANDMARKS)].mean()) if frame.moment.crossing else 1.0
        moment = frame.moment
        blank = Moment(moment.yaw, moment.pitch, moment.roll, moment.x, moment.y, moment.z)
        skull, _ = frame.camera.plate_from_world(pose_figure(performer, blank).landmarks)
        pose = _pose(frame.head_rotation)
        alignment = Alignment(number, fit_motion(landmarks, 1.0, *pose[:2]), landmarks, 1.0, pose)
        return _Truth(alignment, fit_motion(skull, 1.0, *pose[:2]), seen)


def _rendered(shot: StagedShot, side: int, path: Path, cache_folder: Path | None) -> dict[int, _Truth]:
    """Writes the shot's plate, and returns what is true of each of its frames."""
    camera = Camera.framing((side, side), fill=_FILL, cy=0.5)
    take = Take(shot.performance, lighting_seed=shot.performance + 3, size=(side, side), camera=camera)
    performer = make_performer(shot.identity, cache_folder=cache_folder)
    played = perform(take.performance_seed, take.length, _FPS)
    truth: dict[int, _Truth] = {}
    for number in range(shot.frames[0], shot.frames[1] + 1):
        moment = played[number] if shot.kind == "covered" else replace(played[number], crossing=None)
        if shot.kind == "shake":
            turn = math.sin(2 * math.pi * _SHAKEN_HZ * number / _FPS)
            moment = replace(moment, yaw=_SHAKEN_DEGREES * turn, x=moment.x + _SHAKEN_CM * turn)
        if shot.kind == "turn":
            turn = (1 - math.cos(2 * math.pi * _TURNED_HZ * number / _FPS)) / 2
            moment = replace(moment, yaw=_TURNED_DEGREES * turn, pitch=moment.pitch / 2)
        rig = light_rig(take.lighting_seed, number / _FPS, take.light_gain, take.wetness)
        frame = render_frame(performer, moment, rig, take, number)
        write_frame(path / "plate" / f"plate.{1001 + number}.exr", Frame.of(frame.pixels))
        truth[1001 + number] = _Truth.of(frame, 1001 + number, performer)
    placed = anchored([one.alignment for one in truth.values()])
    return {each.frame: replace(truth[each.frame], alignment=each) for each in placed}


def _measured(staged: StagedShot, truth: Mapping[int, _Truth], path: Path) -> tuple[ShotFigures, list[Alignment]]:
    """The shot's figures and alignments, by the way that `extract` goes."""
    name = f"{staged.kind} {staged.identity}, performance {staged.performance}"
    folder = create_project(path / "project", DEFAULT_CONFIG)
    folder = folder.save(folder.with_shot("s", {"plate": "../plate/plate.####.exr", "colorspace": COLOR_SPACE}))
    shot = open_shot(folder, "s")
    find_faces(folder, shot, shot.frames, ignore_progress)
    tracks = read_found_tracks(folder, shot)
    begun = time.process_time()
    alignments = list(tracks.alignments(None).values())
    spent = time.process_time() - begun
    if len(alignments) < 4:
        raise SettingsError(f"No face was found in the shot '{name}', so there is no alignment to measure.")
    found = {number: _by_itself(one.faces[0]) for number, one in tracks.found.items() if one.faces}
    steady = {one.frame: one for one in alignments}
    covered = frozenset(number for number, frame in truth.items() if frame.seen < _COVERED)
    exact = {number: frame.alignment.aligned_from_plate for number, frame in truth.items()}
    own, by_itself = _own_errors(steady, exact, covered), _own_errors(found, exact, covered)
    skull = _own_errors(steady, {number: frame.skull_from_plate for number, frame in truth.items()}, covered)
    true_poses = np.array([truth[one.frame].alignment.pose for one in alignments])
    off = np.mean(np.array([one.pose for one in alignments]) - true_poses, axis=0)
    return ShotFigures(
        shot=name,
        frames=len(alignments),
        missing=len(truth) - len(alignments),
        filled=sum(one.is_filled for one in alignments),
        native_px=float(np.median([native_px(one.aligned_from_plate) for one in alignments])),
        whole_px=_rms(np.array(list(_errors(steady, exact).values()))),
        own_px=_rms(np.array(list(own.values()))),
        skull_px=_rms(np.array(list(skull.values()))),
        jitter_px=_jitter(own),
        found_px=_rms(np.array(list(by_itself.values()))),
        found_jitter_px=_jitter(by_itself),
        lag_frames=_lag(steady, exact),
        covered_px=_rms(np.array([own[n] for n in covered if n in own])) if covered else None,
        covered_found_px=_rms(np.array([by_itself[n] for n in covered if n in by_itself])) if covered else None,
        yaw_degrees=float(off[0]),
        pitch_degrees=float(off[1]),
        settle_s=spent / len(alignments),
    ), alignments


def _by_itself(face: Face) -> Alignment:
    """How a face's own landmarks say that it moved."""
    pose = head_pose(face)
    return Alignment(
        face.frame, fit_motion(face.landmarks_plate, 1.0, *pose[:2]), face.landmarks_plate, face.score, pose
    )


def _errors(
    alignments: Mapping[int, Alignment],
    true: Mapping[int, Transform],
    correction: Transform | None = None,
) -> dict[int, Points]:
    """(4, 2) by frame: where the true crop's corners come to lie, less where they belong, in pixels of the crop."""
    errors = {}
    for number, one in alignments.items():
        plate = apply_transform(inverse(true[number]), _CORNERS)
        placed = apply_transform(one.aligned_from_plate, plate)
        errors[number] = _CROP * ((placed if correction is None else apply_transform(correction, placed)) - _CORNERS)
    return errors


def _own_errors(
    alignments: Mapping[int, Alignment], true: Mapping[int, Transform], covered: frozenset[int]
) -> dict[int, Points]:
    """As `_errors`, without the one similarity that all uncovered frames have in common."""
    whole = _errors(alignments, true)
    seen = [errors for number, errors in whole.items() if number not in covered] or list(whole.values())
    placed = np.concatenate(seen) / _CROP + np.tile(_CORNERS, (len(seen), 1))
    return _errors(alignments, true, fit_similarity(placed, np.tile(_CORNERS, (len(seen), 1))))


def _rms(errors: _Floats) -> float:
    """Of points (..., 2) their distances', of values their own."""
    if not errors.size:
        return 0.0
    squares = (errors**2).sum(axis=-1) if errors.ndim > 1 else errors**2
    return float(np.sqrt(squares.mean()))


def _jitter(errors: Mapping[int, Points]) -> float:
    steps = [errors[number + 1] - errors[number] for number in errors if number + 1 in errors]
    return _rms(np.array(steps)) if steps else 0.0


def _lag(alignments: Mapping[int, Alignment], true: Mapping[int, Transform]) -> float:
    """Frames by which the square's middle follows the truth's: the error's share of its velocity."""
    middle = np.array([[0.5, 0.5]])
    numbers = [number for number in alignments if number - 1 in true and number + 1 in true]
    middles = {number: apply_transform(inverse(transform), middle)[0] for number, transform in true.items()}
    placed = [apply_transform(inverse(alignments[number].aligned_from_plate), middle)[0] for number in numbers]
    error = np.array(placed) - np.array([middles[number] for number in numbers])
    speed = np.array([(middles[number + 1] - middles[number - 1]) / 2 for number in numbers])
    error, speed = error - error.mean(axis=0), speed - speed.mean(axis=0)
    return float(-(error * speed).sum() / max(float((speed**2).sum()), 1e-12))


def _pose(rotation: _Floats) -> tuple[float, float, float]:
    """Yaw, pitch and roll of a true rotation, as `Alignment.pose` counts them."""
    yaw = math.degrees(math.atan2(rotation[0, 2], rotation[2, 2]))
    pitch = math.degrees(math.asin(max(-1.0, min(1.0, float(rotation[1, 2])))))
    return yaw, pitch, math.degrees(math.atan2(-rotation[1, 0], rotation[1, 1]))


def _face_scales(free: Mapping[int, Sequence[Alignment]], cache_folder: Path | None) -> list[tuple[float, float]]:
    """For each ordered pair of performers: logarithms of the measured scale, and of the one of the ideal swap.

    The ideal swap is measured by the landmarks that are found in it: what they get wrong of a face they get wrong in
    its own footage too, and the scale is there to make up for that as well.
    """
    with FaceFinder() as finder:
        own = {identity: _log_size(finder, identity, identity, cache_folder) for identity in free}
        return [
            (
                math.log(measured_face_scale(free[target], free[source])),
                _log_size(finder, target, source, cache_folder) - own[target],
            )
            for target, source in permutations(free, 2)
        ]


def _log_size(finder: FaceFinder, head: int, face: int, cache_folder: Path | None) -> float:
    """Logarithm of how many pixels the square of a face spans that looks ahead, mean over a few turns."""
    camera = Camera.framing((_AHEAD_SIDE, _AHEAD_SIDE), fill=_FILL, cy=0.5)
    take = Take(1, lighting_seed=3, size=(_AHEAD_SIDE, _AHEAD_SIDE), camera=camera)
    performer, rig = make_performer(head, face, cache_folder=cache_folder), light_rig(3, 0.0)
    sizes = []
    for number, moment in enumerate(_STRAIGHT):
        pixels = render_frame(performer, moment, rig, take, number).pixels
        for one in finder.find(pixels, Box(0, 0, _AHEAD_SIDE, _AHEAD_SIDE), number)[:1]:
            sizes.append(math.log(native_px(fit_alignment(one.landmarks_plate))))
    if not sizes:
        raise SettingsError(f"No face was found of performer {face} on head {head}, so there is no scale to measure.")
    return float(np.mean(sizes))


def _row(one: ShotFigures) -> tuple[str, ...]:
    covered = "" if one.covered_px is None else f"{one.covered_px:.1f} (found {one.covered_found_px or 0:.0f})"
    return (
        f"{one.shot}, {one.native_px:.0f} px",
        f"{one.whole_px:.1f}",
        f"{one.own_px:.2f}",
        f"{one.skull_px:.2f}",
        f"{one.jitter_px:.2f}",
        f"{one.found_jitter_px:.2f}",
        f"{one.steadier:.1f}",
        f"{one.lag_frames:+.3f}",
        covered,
        str(one.filled),
    )
