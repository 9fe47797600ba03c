"""Takes the noise out of a course of values over time and leaves the movement in, without a knob to turn."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_solve_banded, cholesky_banded

__all__ = ["smoothed"]

_ORDER = 3
"""Third differences: a course that is straight, or bends evenly, is followed exactly; what counts is how the
acceleration changes. Noise is mostly third difference, and the movement of a head hardly is."""

_STIFFNESSES = np.geomspace(1e-3, 1e7, 21)
"""From nothing taken out to what turns a second of film into one arc."""

_ROUNDS = 3
_DEVIATIONS = 1.4826
"""Standard deviations in a median of departures, of which a few may lie far off."""

_OUTLYING = 4.0

_Floats = npt.NDArray[np.float64]


def smoothed(values: _Floats, certainty: _Floats, most_noise: _Floats) -> _Floats:
    """The courses that most probably lie behind noisy values; where a row is not known, what lies between.

    Each column x minimises |x - values|^2 + stiffness |third differences of x|^2, a smoothing spline on frames
    (Whittaker, "On a new method of graduation", 1923). It looks to both sides evenly, so it has no lag. Its stiffness
    is the one that makes the values most probable (restricted maximum likelihood; Wahba, "A comparison of GCV and GML
    for choosing the smoothing parameter", 1985): noise and liveliness of the movement are both told from the values.
    Rows that lie far off count less, and so do sudden changes of the movement, which are then kept.

    Args:
        values: (N, D), a row for each frame; what stands in unknown rows does not matter.
        certainty: (N,) 0..1, what a row counts; 0 is not known. At least one is more.
        most_noise: (D,): no column is smoothed by more than this, root mean square. Few values that move fast look like
            noise.
    """
    is_known = certainty > 0
    if is_known.sum() <= _ORDER + 1:
        return _between(values, is_known)
    filled = _between(values, is_known)
    rows, bends = certainty, np.ones(len(values) - _ORDER)
    fitted = filled
    for _ in range(_ROUNDS):
        fitted, noise, liveliness = _fitted(filled, rows, bends, most_noise)
        rows = certainty * _weights(np.abs(filled - fitted) / noise, is_known)
        bends = _weights(np.abs(np.diff(fitted, _ORDER, axis=0)) / liveliness, np.ones(len(bends), np.bool_))
    return fitted


def _fitted(values: _Floats, rows: _Floats, bends: _Floats, most_noise: _Floats) -> tuple[_Floats, _Floats, _Floats]:
    """The courses (N, D) at each column's best stiffness, and what noise and third differences (D,) then are."""
    penalty = _penalty(bends)
    known = rows > 0
    freedom = max(float(known.sum()) - _ORDER, 1.0)
    best = np.full(values.shape[1], np.inf)
    fitted, chosen = values.copy(), np.ones(values.shape[1])
    weighted = rows[:, None] * values
    floor = 1e-18 + 1e-12 * (np.ptp(values, axis=0) ** 2)
    left = floor
    for stiffness in _STIFFNESSES:
        system = stiffness * penalty
        system[0] += rows + 1e-12
        triangle = cholesky_banded(system, lower=True)
        course = cho_solve_banded((triangle, True), weighted)
        error = np.maximum((weighted * (values - course)).sum(axis=0), 0) + floor
        determinant = 2 * float(np.log(triangle[0]).sum())
        unlikely = freedom * np.log(error) + determinant - len(bends) * np.log(stiffness)
        typical = _DEVIATIONS * np.median(np.abs(values - course)[known], axis=0)
        is_better = (unlikely < best) & (typical <= most_noise)
        best = np.where(is_better, unlikely, best)
        fitted[:, is_better] = course[:, is_better]
        chosen, left = np.where(is_better, stiffness, chosen), np.where(is_better, error, left)
    variance = left / freedom
    return fitted, np.sqrt(variance), np.sqrt(variance / chosen)


def _weights(departures: _Floats, is_known: npt.NDArray[np.bool_]) -> _Floats:
    """(N,) 0..1 for departures (N, D): Cauchy's, by their root mean square against four times the usual one."""
    size = np.sqrt((departures**2).mean(axis=1))
    usual = float(np.median(size[is_known]))
    return np.asarray(1 / (1 + (size / (_OUTLYING * max(usual, 1e-9))) ** 2))


def _penalty(bends: _Floats) -> _Floats:
    """(4, N) lower bands of the sum of squared third differences, each with its weight."""
    taps = np.array([-1.0, 3.0, -3.0, 1.0])
    bands = np.zeros((_ORDER + 1, len(bends) + _ORDER))
    for one in range(_ORDER + 1):
        for other in range(one, _ORDER + 1):
            bands[other - one, one : one + len(bends)] += taps[one] * taps[other] * bends
    return bands


def _between(values: _Floats, is_known: npt.NDArray[np.bool_]) -> _Floats:
    """The values, and on straight lines between them where they are not known."""
    places = np.arange(len(values))
    known = places[is_known]
    return np.stack([np.interp(places, known, column[is_known]) for column in values.T], axis=1)
