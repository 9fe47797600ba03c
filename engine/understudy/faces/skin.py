"""How the skin of a face moved between frames, measured in pictures.

All views of a track are bent to one layout by their landmarks, so that pose and expression, as far as the landmarks
know them, are gone. Between two bent views there is then only what the landmarks got wrong in one and not in the other,
and that is a small displacement which optical flow measures to a fraction of a pixel, even between frames that are a
second apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from scipy.spatial import Delaunay

from understudy.faces.view import VIEW_SIDE, FaceView
from understudy.geometry import Points

__all__ = ["SKIN_LANDMARKS", "Moves", "OnFrame", "go_on", "measure_moves", "skin_likeness"]

SKIN_LANDMARKS = 468
"""The first landmarks lie on the skin; the others, the irises, turn beneath it."""

_SMOOTHED = 1 / 64
"""Reach of the mean of the flow about a landmark, as a share of the view: finer is noise, coarser mixes nose and
cheek."""

_TRUSTED_OVER = 1 / 40
_NOISE_SQUARED = 4.0
_BORDER = 3

OnFrame = Callable[[], bool]
"""Called after each frame; False stops."""

_Floats = npt.NDArray[np.float64]
_Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Moves:
    """What was measured between pairs of frames.

    Attributes:
        first: (M,) rows of the frames from which.
        second: (M,) rows of the frames to which; larger than `first`.
        moved: (M, 468, 2) pixels of a view: second landmark less first landmark, each in the view of its own frame.
        trust: (M, 468) 0..1: likeness of the skin about the landmark in both frames.
    """

    first: npt.NDArray[np.int_]
    second: npt.NDArray[np.int_]
    moved: _Floats
    trust: _Floats


def go_on() -> bool:
    """The callback for callers who do not watch."""
    return True


def measure_moves(
    views: Sequence[FaceView | None], landmarks_view: _Floats, gaps: Sequence[int], on_frame: OnFrame = go_on
) -> Moves | None:
    """The skin's motion between every frame and those that come `gaps` later.

    Dense inverse search (Kroeger et al., "Fast optical flow using dense inverse search", ECCV 2016) between the bent
    views, averaged about each landmark. What is trusted is told by the normalised correlation of both views where the
    flow brings them together: a hand, a highlight or a hidden cheek has none.

    Args:
        views: Of a track, in the order of its frames; None where there is none.
        landmarks_view: (N, 468, 2) pixels of each frame's own view, as well as they are known.
        gaps: Between rows, at least 1.
        on_frame: Called after each frame.

    Returns:
        None when it was stopped.
    """
    layout = _Layout(np.median(landmarks_view, axis=0))
    flow: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow.setFinestScale(0)
    bent: dict[int, _Bent] = {}  # of the frames that are still needed: a whole shot of them would fill the memory
    rows: list[tuple[int, int]] = []
    moved, trust = [], []
    for second, view in enumerate(views):
        bent.pop(second - max(gaps) - 1, None)
        if view is None:
            if not on_frame():
                return None
            continue
        after = bent[second] = layout.bent(view.pixels, landmarks_view[second])
        for first in sorted(second - gap for gap in set(gaps) if second - gap in bent):
            shift, likeness = _shift(flow, bent[first].picture, after.picture, layout.points)
            landed = layout.points + shift
            rows.append((first, second))
            moved.append(_sampled(after.places, landed) - landmarks_view[first])
            is_inside = layout.holds(layout.points) & layout.holds(landed)
            trust.append(np.where(is_inside, np.clip(likeness, 0, 1), 0))
        if not on_frame():
            return None
    pairs = np.array(rows, np.int_).reshape(-1, 2)
    shape = (len(rows), len(layout.points))
    return Moves(pairs[:, 0], pairs[:, 1], np.array(moved).reshape(*shape, 2), np.array(trust).reshape(shape))


def skin_likeness(one: FaceView, landmarks_view: Points, other: FaceView, other_landmarks_view: Points) -> float:
    """How alike the skin of two faces is, 0..1: the median over the landmarks of what `measure_moves` calls trust.

    A person in two frames in a row has 0.8 and more, in very fast moves 0.55; two people have 0.4 to 0.65, and up to
    0.8 where faces are small and show little detail.

    Args:
        one: How a face looks.
        landmarks_view: (468, 2) its landmarks, in pixels of that view.
        other: How another looks.
        other_landmarks_view: Of that, in pixels of its own view.
    """
    moves = measure_moves((one, other), np.stack([landmarks_view, other_landmarks_view]), (1,))
    return float(np.median(moves.trust)) if moves is not None and len(moves.trust) else 0.0


@dataclass(frozen=True, eq=False)
class _Bent:
    """A view that was bent to the layout.

    Attributes:
        picture: (256, 256) uint8; grey outside the face.
        places: (256, 256, 2) float32: where each of its pixels lies in the view; 0, 0 outside the face.
    """

    picture: _Picture
    places: npt.NDArray[np.float32]


class _Layout:
    """Where each landmark lies in bent views, and how a view is bent to it: linearly in each triangle."""

    def __init__(self, points: Points) -> None:
        self.points = points
        triangles = Delaunay(points)
        centres = np.arange(VIEW_SIDE) + 0.5
        pixels = np.stack(np.meshgrid(centres, centres), axis=-1).reshape(-1, 2)
        found = triangles.find_simplex(pixels)
        corner = triangles.transform[found]
        two = np.einsum("nij,nj->ni", corner[:, :2], pixels - corner[:, 2])
        shares = np.column_stack([two, 1 - two.sum(axis=1)])
        shares[found < 0] = 0
        columns = triangles.simplices[found]
        across = np.repeat(np.arange(len(pixels)), 3)
        self._places_from_points = csr_matrix(
            (shares.ravel(), (across, columns.ravel())), shape=(len(pixels), len(points))
        )
        face = np.asarray(found >= 0, np.uint8).reshape(VIEW_SIDE, VIEW_SIDE)
        face[:1], face[-1:], face[:, :1], face[:, -1:] = 0, 0, 0, 0
        self._inner = cv2.erode(face, np.ones((2 * _BORDER + 1, 2 * _BORDER + 1), np.uint8))

    def holds(self, points: Points) -> npt.NDArray[np.bool_]:
        """(N,): whether points of a bent view lie on the face, and not at its outline, which is no place on skin."""
        cells = np.clip(points.astype(np.int_), 0, VIEW_SIDE - 1)
        return np.asarray(self._inner[cells[:, 1], cells[:, 0]] > 0)

    def bent(self, pixels: _Picture, landmarks_view: Points) -> _Bent:
        """A view (256, 256) in which the landmarks lie as in the layout."""
        flat = self._places_from_points @ landmarks_view
        places = np.asarray(flat.reshape(VIEW_SIDE, VIEW_SIDE, 2), np.float32)
        picture = cv2.remap(pixels, places[..., 0] - 0.5, places[..., 1] - 0.5, cv2.INTER_CUBIC)
        picture[~places.any(axis=-1)] = 128
        return _Bent(np.asarray(picture, np.uint8), places)


def _shift(flow: Any, before: _Picture, after: _Picture, points: Points) -> tuple[Points, _Floats]:
    """Displacement (468, 2) at the points, and likeness (468,) -1..1 of the pictures there."""
    field = flow.calc(before, after, None)
    centres = np.arange(VIEW_SIDE, dtype=np.float32)
    columns, rows = np.meshgrid(centres, centres)
    brought = cv2.remap(after, columns + field[..., 0], rows + field[..., 1], cv2.INTER_LINEAR)
    likeness = _correlation(before, np.asarray(brought, np.uint8))
    smooth = cv2.GaussianBlur(field, (0, 0), VIEW_SIDE * _SMOOTHED)
    return _sampled(smooth, points), _sampled(likeness[..., None], points)[:, 0]


def _correlation(one: _Picture, other: _Picture) -> npt.NDArray[np.float32]:
    """(256, 256): normalised correlation about each pixel, less where both are flat."""

    def mean(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return np.asarray(cv2.GaussianBlur(values, (0, 0), VIEW_SIDE * _TRUSTED_OVER), np.float32)

    first, second = one.astype(np.float32) - 128, other.astype(np.float32) - 128
    middle, middle_other = mean(first), mean(second)
    shared = mean(first * second) - middle * middle_other
    own = mean(first * first) - middle**2 + _NOISE_SQUARED
    others = mean(second * second) - middle_other**2 + _NOISE_SQUARED
    return np.asarray(shared / np.sqrt(own * others), np.float32)


def _sampled(field: npt.NDArray[np.float32], points: Points) -> _Floats:
    """(N, C): values of a picture (256, 256, C) at points, whose first pixel's centre is (0.5, 0.5)."""
    at = np.asarray(points - 0.5, np.float32)
    taken = cv2.remap(field, at[None, :, 0], at[None, :, 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(taken, np.float64).reshape(len(points), -1)
