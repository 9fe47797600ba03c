"""Where in a frame to look for faces: squares of it, coarse and fine, upright and turned, shown to the detector."""

from __future__ import annotations

import math
from collections.abc import Iterable

from understudy.faces.networks import DETECTOR_SIDE, Detection, FaceNetworks
from understudy.faces.place import Place
from understudy.faces.sight import Sight, locally_exposed
from understudy.geometry import apply_transform

__all__ = ["around", "coarse_squares", "detected", "fine_squares", "turned"]

_PADDED = 1.5
"""The widest look, in sides of the frame: a face that fills the frame is still small enough there."""

_FINE_SHARE = 0.4
_LEAST_SQUARE = 280.0
"""The finest squares as a share of the frame's shorter side, and their least side in pixels; the detector sees faces
down to an eighth of a square."""

_LANDMARKS_FROM_BOX = (1.04, 0.01, -0.01)
"""Side of the square around a face's landmarks in sides of the detector's box, and how far its middle lies to the right
and below, on the mean of 60 synthetic faces; spread 0.05, 0.07 and 0.03."""

_SAME = 0.5
"""Places that are nearer, in sides, and by size and roll, are one find: the surest stands for them."""

_QUARTER = math.pi / 2


def coarse_squares(sight: Sight) -> list[Place]:
    """The whole frame and some around it, then squares of its shorter side: faces of a tenth of it and more."""
    left, top, right, bottom = sight.bounds
    whole = Place((left + right) / 2, (top + bottom) / 2, max(right - left, bottom - top) * _PADDED, 0.0)
    return [whole, *_squares(sight, sight.shorter_side)]


def fine_squares(sight: Sight) -> list[Place]:
    """Smaller squares that cover the frame: faces of a twentieth of it and more. Small frames have none."""
    side = max(sight.shorter_side * _FINE_SHARE, _LEAST_SQUARE)
    return _squares(sight, side) if side < sight.shorter_side * 0.75 else []


def turned(squares: Iterable[Place]) -> list[Place]:
    """The squares turned by a quarter, by half, and by three quarters: the detector bears 45 degrees of roll."""
    return [square.changed(turn=turn) for square in squares for turn in (_QUARTER, 2 * _QUARTER, -_QUARTER)]


def around(place: Place) -> list[Place]:
    """Looks for a face that was lost near a place: levelled and turned, near and from further away."""
    near, far = place.changed(scale=2.5), place.changed(scale=5.0)
    return [near, far, *turned([near, far])]


def detected(networks: FaceNetworks, sight: Sight, squares: Iterable[Place]) -> list[tuple[Place, float]]:
    """Places where the detector sees a face in some of these squares, with its score, the surest first.

    Args:
        networks: They see.
        sight: The frame.
        squares: Of it.
    """
    finds = []
    for square in squares:
        square_from_view = square.square_from_view(DETECTOR_SIDE)
        view = locally_exposed(sight.seen(square_from_view, DETECTOR_SIDE))
        finds += [(_place_of(detection, square), detection.score) for detection in networks.detect(view)]
    kept: list[tuple[Place, float]] = []
    for place, score in sorted(finds, key=lambda find: -find[1]):
        if all(place.distance(other) > _SAME for other, _ in kept):
            kept.append((place, score))
    return kept


def _place_of(detection: Detection, square: Place) -> Place:
    """The square around the landmarks that a detection promises."""
    side, right, down = _LANDMARKS_FROM_BOX
    square_from_view = square.square_from_view(1)
    corners = apply_transform(square_from_view, [(detection.left, detection.top), (detection.right, detection.bottom)])
    eyes = apply_transform(square_from_view, detection.eyes)
    roll = math.atan2(eyes[1, 1] - eyes[0, 1], eyes[1, 0] - eyes[0, 0])
    middle = corners.mean(axis=0)
    longer = max(detection.right - detection.left, detection.bottom - detection.top) * square.side
    return Place(float(middle[0]), float(middle[1]), longer, roll).changed(right, down, side)


def _squares(sight: Sight, side: float) -> list[Place]:
    """Squares of this side that cover the frame and overlap by at least a third."""
    left, top, right, bottom = sight.bounds
    xs, ys = _middles(left, right, side), _middles(top, bottom, side)
    return [Place(x, y, side, 0.0) for y in ys for x in xs]


def _middles(start: float, end: float, side: float) -> list[float]:
    if side >= end - start:
        return [(start + end) / 2]
    count = math.ceil((end - start - side) / (side * 2 / 3)) + 1
    return [start + side / 2 + index * (end - start - side) / (count - 1) for index in range(count)]
