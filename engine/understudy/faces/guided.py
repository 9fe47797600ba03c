"""Alignment along an artist's tracks: the tracked points say how the face moves, the landmarks where it lies in them.

In square pixels a similarity is one product and one sum of complex numbers, z -> a z + b: `a` holds scale and roll.
Points and transforms are written so here, because a least-squares fit is then a line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from understudy.faces.face import Alignment
from understudy.geometry import Transform, compose, inverse, square_pixels_from_plate

__all__ = ["ArtistTracks", "GuidedTrack", "guided_track"]

Complex = npt.NDArray[np.complex128]

_LEAST_SPREAD = 0.02
"""Points that lie closer to their mean than this share of the square say nothing about size and roll."""

_LOOSE = 0.03
_ASTRAY = 0.1
_BESIDE = 1.0
_RESIZED = 4.0
_ROUNDS = 20
_MIDDLE = 0.5 + 0.5j
_CORNERS: Complex = _MIDDLE + 0.3 * np.array([-1 - 1j, 1 - 1j, -1 + 1j, 1 + 1j])


@dataclass(frozen=True, eq=False)
class ArtistTracks:
    """Points that an artist followed through a shot, and that move with the head.

    Attributes:
        origin: What they come from, for messages, such as "Tracker4 'Tracker1' of /shows/a.nk".
        points_plate: x and y in plate pixels, by frame and by the point's name. A frame may lack some or all points.
    """

    origin: str
    points_plate: Mapping[int, Mapping[str, tuple[float, float]]]

    @property
    def names(self) -> tuple[str, ...]:
        """Of all points, in the order in which they come up."""
        return tuple(dict.fromkeys(name for points in self.points_plate.values() for name in points))


@dataclass(frozen=True, eq=False)
class GuidedTrack:
    """A track whose alignments follow an artist's points.

    Attributes:
        alignments: One for each that was given, in the same order; landmarks, confidence and pose are as they were.
        unguided: Frames without a point, or whose points would make the face four times larger than the landmarks do in
            any frame, or smaller: their alignment is still that of the landmarks.
        placed_only: Frames with one point, or with points that nearly coincide: place from the points, size and roll
            from the landmarks.
        loose: Frames in which the points moved against each other by more than 3 % of the model's square.
        astray: Frames in which the landmarks put the face elsewhere, by more than 10 % of the model's square.
        are_beside: True when the face lies a whole square or more beside the points, so that they are another's: then
            nothing was changed.
    """

    alignments: tuple[Alignment, ...]
    unguided: tuple[int, ...]
    placed_only: tuple[int, ...]
    loose: tuple[int, ...]
    astray: tuple[int, ...]
    are_beside: bool = False


def guided_track(alignments: Sequence[Alignment], tracks: ArtistTracks, pixel_aspect: float = 1.0) -> GuidedTrack:
    """The alignments of one track with the motion of the artist's points.

    Each point gets one fixed place in the unit square; a frame's alignment is the similarity that brings its points
    there (`fit_similarity` of all of them). So the points' motion becomes the face's whole motion, with none of the
    landmarks' noise. Where in the square the places lie together, how large and how rolled, is the landmarks' word: the
    mean over all frames, without those that depart from it most.

    Args:
        alignments: Of one track, at least one, as `aligned_track` gives them.
        tracks: The artist's points; frames without alignment are ignored.
        pixel_aspect: Of the plate.
    """
    square_from_plate = square_pixels_from_plate(pixel_aspect)
    seen = _points_square(alignments, tracks, pixel_aspect)
    own = np.array([_complex(compose(one.aligned_from_plate, inverse(square_from_plate))) for one in alignments])
    places = _settled_places(seen, own)
    guided = _fitted(seen, places)
    is_fitted = np.isfinite(guided[:, 0])
    if is_fitted.any():
        correction = _mean_correction(own[is_fitted], guided[is_fitted])
        places = correction[0] * places + correction[1]
        guided = np.column_stack([correction[0] * guided[:, 0], correction[0] * guided[:, 1] + correction[1]])
    is_likely = _likely(own, guided)
    guided[is_fitted & ~is_likely] = np.nan
    if _are_beside(places[np.isfinite(places)]):
        return GuidedTrack(tuple(alignments), (), (), (), (), are_beside=True)
    is_placed = np.isfinite(seen).any(axis=1) & ~is_fitted
    is_fitted &= is_likely
    guided[is_placed] = _moved(own[is_placed], seen[is_placed], places)
    is_guided = is_fitted | is_placed
    made = tuple(
        replace(one, aligned_from_plate=compose(_transform(to), square_from_plate)) if is_ours else one
        for one, to, is_ours in zip(alignments, guided, is_guided, strict=True)
    )
    frames = np.array([one.frame for one in alignments])
    return GuidedTrack(
        alignments=made,
        unguided=_where(frames, ~is_guided),
        placed_only=_where(frames, is_placed),
        loose=_where(frames, _departure(seen, guided, places) > _LOOSE),
        astray=_where(frames, _disagreement(own, guided) > _ASTRAY),
    )


def _points_square(alignments: Sequence[Alignment], tracks: ArtistTracks, pixel_aspect: float) -> Complex:
    """(frames, points) in square pixels; NaN where a frame lacks a point."""
    columns = {name: column for column, name in enumerate(tracks.names)}
    seen = np.full((len(alignments), len(columns)), complex(np.nan, np.nan))
    for row, alignment in enumerate(alignments):
        for name, (x, y) in tracks.points_plate.get(alignment.frame, {}).items():
            seen[row, columns[name]] = complex(x * pixel_aspect, y)
    return seen


def _settled_places(seen: Complex, own: Complex) -> Complex:
    """(points,) in the unit square: where the points lie, as one rigid shape; NaN for points that are never seen.

    They begin where the landmarks' alignments put them on average; then frames are fitted to them and they to the
    frames in turn (generalised Procrustes analysis: Gower, "Generalized Procrustes analysis", 1975). A rigid shape is
    found in the first round; more rounds serve points that are handed over from one to the next.
    """
    where_landmarks_say = own[:, :1] * seen + own[:, 1:]
    places = np.array([_robust_mean(column[np.isfinite(column)][:, None])[0] for column in where_landmarks_say.T])
    for _ in range(_ROUNDS):
        guided = _fitted(seen, places)
        mapped = guided[:, :1] * seen + guided[:, 1:]
        is_known = np.isfinite(mapped)
        counts = is_known.sum(axis=0)
        means = np.where(is_known, mapped, 0).sum(axis=0) / np.maximum(counts, 1)
        places = np.where(counts > 0, means, places)
    return places


def _fitted(seen: Complex, places: Complex) -> Complex:
    """(frames, 2): `a` and `b` that bring each frame's points to their places; NaN where the points do not say both."""
    is_known = np.isfinite(seen) & np.isfinite(places)
    weights = is_known / np.maximum(is_known.sum(axis=1, keepdims=True), 1)
    points, targets = np.where(is_known, seen, 0), np.where(is_known, places, 0)
    middle, target = (weights * points).sum(axis=1), (weights * targets).sum(axis=1)
    points, targets = points - middle[:, None], targets - target[:, None]
    spread = np.sqrt((weights * np.abs(targets) ** 2).sum(axis=1))
    size = (weights * np.abs(points) ** 2).sum(axis=1)
    says_both = (is_known.sum(axis=1) >= 2) & (spread >= _LEAST_SPREAD) & (size > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        scale_and_roll = (weights * np.conj(points) * targets).sum(axis=1) / size
    scale_and_roll = np.where(says_both & (np.abs(scale_and_roll) > 0), scale_and_roll, complex(np.nan, np.nan))
    return np.column_stack([scale_and_roll, target - scale_and_roll * middle])


def _mean_correction(own: Complex, guided: Complex) -> Complex:
    """(2,): what takes the guided alignments, all alike, to where the landmarks' alignments lie on average."""
    scale_and_roll = own[:, 0] / guided[:, 0]
    shift = scale_and_roll * (_MIDDLE - guided[:, 1]) + own[:, 1] - _MIDDLE
    mean = _robust_mean(np.column_stack([shift, np.log(scale_and_roll)]))
    correction = np.exp(mean[1])
    return np.array([correction, _MIDDLE + mean[0] - correction * _MIDDLE])


def _are_beside(places: Complex) -> bool:
    """True when the middle of the face lies outside the points, by more than a square."""
    if not len(places):
        return False
    middle = places.mean()
    radius = np.sqrt((np.abs(places - middle) ** 2).mean())
    return bool(abs(middle - _MIDDLE) > radius + _BESIDE)


def _likely(own: Complex, guided: Complex) -> npt.NDArray[np.bool_]:
    """(frames,): True where the face is not impossibly large or small; False unguided."""
    sizes, landmarks = 1 / np.abs(guided[:, 0]), 1 / np.abs(own[:, 0])
    return np.asarray((sizes > landmarks.min() / _RESIZED) & (sizes < landmarks.max() * _RESIZED))


def _moved(own: Complex, seen: Complex, places: Complex) -> Complex:
    """The landmarks' alignments, shifted so that the points come to their places."""
    error = places - own[:, :1] * seen - own[:, 1:]
    is_known = np.isfinite(error)
    shift = np.where(is_known, error, 0).sum(axis=1) / np.maximum(is_known.sum(axis=1), 1)
    return np.column_stack([own[:, 0], own[:, 1] + shift])


def _robust_mean(values: Complex) -> Complex:
    """(D,): mean of the rows (K, D) that lie within three times the median departure from the median; NaN of none."""
    if not len(values):
        return np.full(values.shape[1], complex(np.nan, np.nan))
    median = np.median(values.real, axis=0) + 1j * np.median(values.imag, axis=0)
    departure = np.linalg.norm(values - median, axis=1)
    kept = departure <= 3 * np.median(departure) + 1e-12
    return np.asarray(values[kept].mean(axis=0))


def _departure(seen: Complex, guided: Complex, places: Complex) -> npt.NDArray[np.float64]:
    """(frames,): how far points lie from their places, as a share of the square, root mean square; 0 of none."""
    error = np.abs(guided[:, :1] * seen + guided[:, 1:] - places) ** 2
    is_known = np.isfinite(error)
    return np.asarray(np.sqrt(np.where(is_known, error, 0).sum(axis=1) / np.maximum(is_known.sum(axis=1), 1)))


def _disagreement(own: Complex, guided: Complex) -> npt.NDArray[np.float64]:
    """(frames,): how far landmarks and points put the face's corners apart, as a share of the square; 0 unguided."""
    with np.errstate(invalid="ignore"):
        corners_square = (_CORNERS - guided[:, 1:]) / guided[:, :1]
    apart = np.abs(own[:, :1] * corners_square + own[:, 1:] - _CORNERS)
    return np.asarray(np.nan_to_num(np.sqrt((apart**2).mean(axis=1)), nan=0.0))


def _complex(to_from: Transform) -> Complex:
    """(2,): `a` and `b` of a similarity."""
    return np.array([complex(to_from[0, 0], to_from[1, 0]), complex(to_from[0, 2], to_from[1, 2])])


def _transform(values: Complex) -> Transform:
    """The similarity of `a` and `b`; inverse of `_complex`."""
    turn, shift = values
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


def _where(frames: npt.NDArray[np.int_], chosen: npt.NDArray[np.bool_]) -> tuple[int, ...]:
    return tuple(int(number) for number in frames[chosen])
