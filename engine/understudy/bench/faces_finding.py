"""How surely faces are found by size, turn and exposure, how far their landmarks agree, and what it costs."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from understudy.bench.staging import Cutout, Staged, portrait, rendered, stage
from understudy.color import DEFAULT_CONFIG, ColorConfig
from understudy.faces.alignment import with_view
from understudy.faces.detect import FaceFinder, FaceFollower
from understudy.faces.face import Face
from understudy.faces.place import place_of_landmarks
from understudy.faces.sight import Sight
from understudy.geometry import Box, Points
from understudy.plates import Frame, read_frame, write_frame
from understudy.progress import OnProgress, Progress, ignore_progress
from understudy.synthetic.performance import Moment, perform

__all__ = ["FindingResult", "Share", "measure"]

_IDENTITIES = (21, 22, 23)
_SIZES = (0.05, 0.07, 0.10, 0.15, 0.25, 0.50, 0.80, 1.20)
_YAWS = (0, 15, 30, 45, 60, 75, 90)
_ROLLS = (0.0, 22.5, 45.0, 67.5, 90.0, 112.5, 135.0, 157.5, 180.0)
_STOPS = (-4, -3, -2, -1, 0, 1, 2, 3, 4)
_PHOTO_ROLLS = (0.0, 45.0, 90.0, 135.0, 180.0, 225.0, 270.0, 315.0)
_SURE = 0.95
_NEAR, _ALIKE = 0.25, 1.4
"""A face is the true one when its middle lies as near, in sides, and its size is off by no more than this factor."""

_EYES_OF_FACE = 0.58
"""Distance of the outer corners of the eyes, of forehead to chin: 8.9 cm of 15.3 on the average head."""

_SEQUENCE = 20
_COST_FRAMES = 12


@dataclass(frozen=True)
class Share:
    """How often a face was found.

    Attributes:
        found: Frames in which it was.
        frames: Frames in which it could have been.
        error: Median of the landmarks' rms distance from the truth, in distances of the eyes; NaN where none was found.
    """

    found: int
    frames: int
    error: float

    @property
    def share(self) -> float:
        """0..1."""
        return self.found / max(self.frames, 1)


@dataclass(frozen=True)
class FindingResult:
    """What was measured, in frames of 4096x2160.

    Attributes:
        shares: By kind (size in % of the frame's height, yaw, roll, stops, stops of the face before a rest of 0 stops)
            and by value.
        required: Frames with a face of 10 % of the height and more and yaw within 45 degrees.
        false_faces: Faces that were found where there is none, in all frames.
        smallest: The smallest size, in %, from which on 95 % are found; NaN when none.
        largest_yaw: Up to which 95 % are found, in degrees.
        photograph: Frames with a photographed face; `error` is the largest rms distance of the landmarks from their
            mean over all frames, in distances of the eyes. None where scikit-image is not installed.
        chunked: Landmarks of a shot whose second half is searched alone against those of one search: rms in distances
            of the eyes; and the same of what landmarks err by from frame to frame (their noise).
        cost_ms: CPU of one frame once a face was found, by step.
    """

    shares: dict[str, dict[str, Share]]
    required: Share
    false_faces: int
    smallest: float
    largest_yaw: float
    photograph: Share | None
    chunked: tuple[float, float]
    cost_ms: dict[str, float]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    def rows(self) -> list[list[str]]:
        """A table: its heads, then what was measured."""
        rows = [["faces in 4096x2160", "found", "landmarks off, of the eyes' distance"]]
        for kind, values in self.shares.items():
            rows += [[f"{kind} {value}", *_cells(share)] for value, share in values.items()]
        rows.append(["10 % and more, yaw within 45", *_cells(self.required)])
        rows.append(["photograph: 8 sizes, 8 rolls, 9 exposures", *_photo_cells(self.photograph)])
        rows.append(["false faces", str(self.false_faces), ""])
        rows.append(["smallest size found in 95 %", f"{self.smallest:g} %", ""])
        rows.append(["largest yaw found in 95 %", f"{self.largest_yaw:g} degrees", ""])
        rows.append(
            ["searched in two halves against at once", "", f"{self.chunked[0]:.4f} (noise {self.chunked[1]:.4f})"]
        )
        rows += [[f"CPU of a frame: {step}", f"{cost:.0f} ms", ""] for step, cost in self.cost_ms.items()]
        return rows


@dataclass(frozen=True)
class _Case:
    """One frame to be searched: the face, how it is staged, and what it counts for."""

    kind: str
    value: str
    identity: int
    yaw: float = 0.0
    share: float = 0.25
    roll: float = 0.0
    stops: float = 0.0
    surround_stops: float | None = None


def measure(on_progress: OnProgress = ignore_progress) -> FindingResult | None:
    """Measures on synthetic performers and a photograph; None when it was stopped. Takes some minutes.

    Args:
        on_progress: Called after each frame; False stops.
    """
    outcomes: list[tuple[_Case, float | None, int]] = []
    cases = list(_cases())
    with FaceFinder() as finder:
        for index, case in enumerate(cases):
            outcomes.append((case, *_outcome(finder, case, index)))
            if not on_progress(Progress("finding faces", index + 1, len(cases), f"{case.kind} {case.value}")):
                return None
        on_progress(Progress("finding a photographed face", 0, 1, ""))
        photograph = _photographed(finder)
    chunked = _chunked()
    shares: dict[str, dict[str, Share]] = {}
    for case in cases:
        shares.setdefault(case.kind, {}).setdefault(case.value, _share(outcomes, case.kind, case.value))
    required = [error for case, error, _ in outcomes if case.share >= 0.1 and abs(case.yaw) <= 45]
    return FindingResult(
        shares,
        _share_of(required),
        sum(false for _, _, false in outcomes),
        _smallest(shares["size %"]),
        _largest(shares["yaw"]),
        photograph,
        chunked,
        _cost(),
    )


def _cases() -> Iterator[_Case]:
    """All frames: sizes with two yaws, the other kinds one by one."""
    for index, identity in enumerate(_IDENTITIES):
        side = -1 if index % 2 else 1
        for share in _SIZES:
            for yaw in (0, 45):
                yield _Case("size %", f"{share * 100:g}", identity, side * yaw, share)
        for yaw in _YAWS:
            for share in (0.1, 0.4):
                yield _Case("yaw", str(yaw), identity, side * yaw, share)
        for roll in _ROLLS:
            yield _Case("roll", f"{roll:g}", identity, side * 15, 0.15, side * roll)
        for stops in _STOPS:
            yield _Case("stops", f"{stops:+d}", identity, 0, 0.2, 0, stops)
        for stops in (-4, 4):
            yield _Case("stops before a rest of 0", f"{stops:+d}", identity, 0, 0.2, 0, stops, 0.0)


def _outcome(finder: FaceFinder, case: _Case, index: int) -> tuple[float | None, int]:
    """The landmarks' error when the face was found, else None; and how many false faces were."""
    cutout = _head(case.identity, case.yaw)
    random = np.random.default_rng(index)
    # Larger faces stay in the middle, so that they are whole; those that fill the frame are cut by it.
    free = max(0.0, 0.5 - 0.6 * case.share)
    middle = (0.5 + random.uniform(-free, free), 0.5 + random.uniform(-free, free))
    staged = stage(cutout, case.share, middle, case.roll, case.stops, case.surround_stops)
    faces = finder.find(staged.pixels, _window(staged.pixels), index)
    errors = [_error(staged, cutout, face) for face in faces]
    true = [error for error in errors if error is not None]
    return min(true, default=None), len(errors) - len(true)


def _error(staged: Staged, cutout: Cutout, face: Face) -> float | None:
    """The landmarks' rms distance from the truth, in distances of the eyes, when it is the true face."""
    points = staged.in_cutout(face.landmarks_plate)
    found, true = place_of_landmarks(points), place_of_landmarks(cutout.landmarks)
    if np.hypot(found.x - true.x, found.y - true.y) > _NEAR * true.side:
        return None
    if not 1 / _ALIKE < found.side / true.side < _ALIKE:
        return None
    return _rms(points - cutout.landmarks) / _eye_distance(cutout)


def _photographed(finder: FaceFinder) -> Share | None:
    """The portrait at all sizes, rolls and exposures: found, and the largest distance of one from the mean of all."""
    cutout = portrait()
    if cutout is None:
        return None
    stagings = [
        *((share, 0.0, 0.0) for share in _SIZES),
        *((0.3, roll, 0.0) for roll in _PHOTO_ROLLS),
        *((0.3, 0.0, float(stops)) for stops in _STOPS),
    ]
    found = []
    for share, roll, stops in stagings:
        staged = stage(cutout, share, roll=roll, stops=stops)
        faces = finder.find(staged.pixels, _window(staged.pixels), 1)
        found += [staged.in_cutout(face.landmarks_plate) for face in faces[:1]]
    mean = np.mean(found, axis=0)
    eyes = float(np.linalg.norm(mean[33] - mean[263]))
    return Share(len(found), len(stagings), max(_rms(points - mean) for points in found) / eyes)


def _chunked() -> tuple[float, float]:
    """How far a shot's landmarks differ when its second half is searched alone; and how far one frame's jitter."""
    performance = perform(3, 96)
    frames: list[tuple[Cutout, Staged]] = []
    for number in range(_SEQUENCE):
        cutout = rendered(_IDENTITIES[0], replace(performance[number], crossing=None), number / 24)
        frames.append((cutout, stage(cutout, 0.4, (0.45 + 0.004 * number, 0.5), size=(1024, 540))))
    sights = [Sight(staged.pixels, _window(staged.pixels)) for _, staged in frames]
    with FaceFinder() as finder:
        whole, half = FaceFollower(finder), FaceFollower(finder)
        once = [whole.next(sight, number)[0][0] for number, sight in enumerate(sights)]
        again = [half.next(sights[number], number)[0][0] for number in range(_SEQUENCE // 2, _SEQUENCE)]
    apart, errors = [], []
    for (cutout, staged), face in zip(frames, once, strict=True):
        errors.append((staged.in_cutout(face.landmarks_plate) - cutout.landmarks) / _eye_distance(cutout))
    for (cutout, staged), one, other in zip(frames[_SEQUENCE // 2 :], once[_SEQUENCE // 2 :], again, strict=True):
        apart.append(staged.in_cutout(one.landmarks_plate) - staged.in_cutout(other.landmarks_plate))
        apart[-1] /= _eye_distance(cutout)
    # The second difference of independent noise has six times its variance, and hardly anything of a smooth course.
    return _rms(np.array(apart)), _rms(np.diff(errors, 2, axis=0)) / float(np.sqrt(6))


def _cost() -> dict[str, float]:
    """CPU of one frame of 4K, on the mean after the first: reading, overview, finding, following and keeping a view."""
    color = ColorConfig.load(DEFAULT_CONFIG)
    cutout = _head(_IDENTITIES[0], 0)
    spent = {"reading and decoding (ZIP, RGB half)": 0.0, "overview": 0.0, "finding and tracking": 0.0}

    def ap1_from_plate(pixels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return color.ap1_from_working(color.to_working(pixels, "ACES2065-1"))

    with tempfile.TemporaryDirectory(prefix="us-bench-") as folder, FaceFinder() as finder:
        follower = FaceFollower(finder)
        for number in range(_COST_FRAMES + 1):
            path = Path(folder) / "plate.exr"
            write_frame(path, Frame.of(stage(cutout, 0.15, (0.4 + 0.002 * number, 0.5)).pixels), "zip")
            times = [time.process_time()]
            frame = read_frame(path)
            times.append(time.process_time())
            sight = Sight(frame.rgb(), frame.data_window, 1.0, ap1_from_plate)
            times.append(time.process_time())
            for face in follower.next(sight, number)[0]:
                with_view(face, sight).to_json()
            times.append(time.process_time())
            if number:
                for step, seconds in zip(spent, np.diff(times), strict=True):
                    spent[step] += float(seconds) * 1000 / _COST_FRAMES
    return spent | {"all but reading": spent["overview"] + spent["finding and tracking"]}


@lru_cache(maxsize=8)
def _head(identity: int, yaw: float) -> Cutout:
    return rendered(identity, Moment(yaw=yaw))


def _window(pixels: npt.NDArray[np.float32]) -> Box:
    return Box(0, 0, pixels.shape[1], pixels.shape[0])


def _share(outcomes: Sequence[tuple[_Case, float | None, int]], kind: str, value: str) -> Share:
    return _share_of([error for case, error, _ in outcomes if (case.kind, case.value) == (kind, value)])


def _share_of(errors: Sequence[float | None]) -> Share:
    known = [error for error in errors if error is not None]
    return Share(len(known), len(errors), float(np.median(known)) if known else float("nan"))


def _smallest(by_size: dict[str, Share]) -> float:
    """The smallest size from which on all are found in 95 %."""
    smallest = float("nan")
    for size, share in sorted(by_size.items(), key=lambda item: -float(item[0])):
        if share.share < _SURE:
            break
        smallest = float(size)
    return smallest


def _largest(by_yaw: dict[str, Share]) -> float:
    """The largest yaw up to which all are found in 95 %."""
    largest = float("nan")
    for yaw, share in sorted(by_yaw.items(), key=lambda item: float(item[0])):
        if share.share < _SURE:
            break
        largest = float(yaw)
    return largest


def _rms(differences: Points) -> float:
    """Root of the mean square of vectors (..., 2)."""
    return float(np.sqrt((differences**2).sum(axis=-1).mean()))


def _eye_distance(cutout: Cutout) -> float:
    """Between the outer corners, as if the head were frontal, in the cutout's pixels."""
    return _EYES_OF_FACE * cutout.height


def _cells(share: Share) -> tuple[str, str]:
    return f"{share.found} of {share.frames}", "" if np.isnan(share.error) else f"{share.error:.3f}"


def _photo_cells(share: Share | None) -> tuple[str, str]:
    if share is None:
        return "left out: scikit-image is not installed", ""
    return f"{share.found} of {share.frames}", f"{share.error:.3f} at most"
