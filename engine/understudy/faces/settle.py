"""Where each landmark lies in every frame of a track, from what landmarks say of places and pictures of motion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import solveh_banded

from understudy.faces.skin import Moves, OnFrame, go_on, measure_moves
from understudy.faces.view import VIEW_SIDE, VIEW_SPAN, FaceView

__all__ = ["PASSES", "Settled", "settled_landmarks"]

_PIXEL = VIEW_SIDE / (VIEW_SPAN * 1024)
"""Of a crop of 1024, in pixels of a view."""

_PLACE_ERROR = 16.0 * _PIXEL
"""A landmark errs by 5 pixels of a crop of 1024, by nearly as much in the next frame, and independently after five: in
a sum over independent frames it counts as one that errs by 5 * sqrt(2 * 5)."""

_MOVE_ERROR = 0.8 * _PIXEL
"""What a displacement over one frame errs by; over n frames by sqrt(n) times as much."""

_OUTLYING = 1.5
"""Of its error from which a move counts less and less. At twice as much a shadow takes a cheek along."""
_DOUBTED, _TRUSTED = 0.6, 0.95
"""Likeness of skin below which a move counts nothing, and above which all."""

_COVERED, _SEEN = 0.4, 0.7
"""Median likeness of a landmark's skin to that in other frames, at which it is taken for covered, and for seen. Nine
tenths of what a hand hides lie below 0.5, nine tenths of bare skin above, even in short takes of a fast head."""

_GAPS = (1, 2, 3), (1, 3, 9, 27)
"""Frames between which moves are measured, first with the landmarks as they were found, then with better ones. Long
moves keep errors of short ones from adding up."""

PASSES = len(_GAPS)
"""Times that each frame is looked at."""

_ROUNDS = 4

_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Settled:
    """A track's landmarks after all of its frames were weighed against each other.

    Attributes:
        landmarks_view: (N, 468, 2) pixels of each frame's own view.
        belief: (N, 468) 0..1: how much the skin about each landmark looks as it does in most other frames. 0 is
            covered, or put in a quite wrong place; 1 where there are no views to tell by.
    """

    landmarks_view: _Floats
    belief: _Floats

    @property
    def packed_belief(self) -> npt.NDArray[np.uint8]:
        """(N, 468) in 255 steps, as files keep it."""
        return np.asarray(np.round(self.belief * 255), np.uint8)

    def rounded(self) -> Settled:
        """As it comes back from a file, so that what was kept and what was not give the same pixels."""
        return Settled(self.landmarks_view.astype(np.float32).astype(np.float64), self.packed_belief / 255)


def settled_landmarks(
    views: Sequence[FaceView | None], landmarks_view: _Floats, on_frame: OnFrame = go_on
) -> Settled | None:
    """The skin's landmarks, so that from frame to frame they move as the skin does.

    For each landmark the places x minimise, summed over frames, |x_i - found_i|^2 / 16^2 + |x_j - x_i - moved_ij|^2 /
    (0.8^2 (j - i)) (pixels of a crop of 1024), by iteratively reweighted least squares (Holland and Welsch, "Robust
    regression using iteratively reweighted least-squares", 1977): wrong moves are forgotten (Cauchy's weights), wrong
    places still pull a little (Huber's), so that nothing drifts away. It looks to both sides and has no lag. Where
    nothing was measured, what was found stays.

    Args:
        views: In the order of the track's frames; None where there is none.
        landmarks_view: (N, 468, 2) pixels of each frame's own view.
        on_frame: Called twice for each frame.

    Returns:
        None when it was stopped.
    """
    settled, belief = landmarks_view, np.ones(landmarks_view.shape[:2])
    for gaps in _GAPS:
        moves = measure_moves(views, settled, gaps, on_frame)
        if moves is None:
            return None
        if len(moves.first):
            belief = _belief(moves, belief)
            settled = _settled(settled, landmarks_view, moves)
    return Settled(settled, belief)


def _belief(moves: Moves, before: _Floats) -> _Floats:
    """(N, 468): the median of a frame's likenesses to the others, which most of its neighbours must share."""
    belief = before.copy()
    for row in range(len(belief)):
        own = moves.trust[(moves.first == row) | (moves.second == row)]
        if len(own):
            belief[row] = _between(np.median(own, axis=0), _COVERED, _SEEN)
    return belief


def _between(likeness: _Floats, low: float, high: float) -> _Floats:
    """0 at `low` and below, 1 at `high` and above."""
    return np.asarray(np.clip((likeness - low) / (high - low), 0, 1))


def _settled(start: _Floats, found: _Floats, moves: Moves) -> _Floats:
    places = start
    error = (_MOVE_ERROR * np.sqrt(moves.second - moves.first))[:, None]
    sure = _between(moves.trust, _DOUBTED, _TRUSTED) ** 2 / error**2
    for _ in range(_ROUNDS):
        apart = np.linalg.norm(places[moves.second] - places[moves.first] - moves.moved, axis=-1)
        move_weight = sure / (1 + (apart / (_OUTLYING * error)) ** 2)
        off = np.linalg.norm(found - places, axis=-1)
        place_weight = 1 / np.maximum(1, off / _PLACE_ERROR) / _PLACE_ERROR**2
        places = _least_squares(found, place_weight, moves, move_weight)
    return places


def _least_squares(found: _Floats, place_weight: _Floats, moves: Moves, move_weight: _Floats) -> _Floats:
    """Places (N, 468, 2) of least weighted error: a banded system of equations for each landmark."""
    frames, landmarks = place_weight.shape
    bands = int((moves.second - moves.first).max()) + 1
    matrix = np.zeros((bands, frames, landmarks))
    matrix[0] = place_weight
    right = place_weight[..., None] * found
    pull = move_weight[..., None] * moves.moved
    for sign, rows in ((-1, moves.first), (1, moves.second)):
        np.add.at(matrix[0], rows, move_weight)
        np.add.at(right, rows, sign * pull)
    np.add.at(matrix, (moves.second - moves.first, moves.first), -move_weight)
    solved = [solveh_banded(matrix[:, :, k], right[:, k], lower=True) for k in range(landmarks)]
    return np.stack(solved, axis=1)
