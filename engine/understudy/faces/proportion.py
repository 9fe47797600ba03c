"""How large the features of two performers are against their heads, from their facesets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from understudy.faces.face import Alignment
from understudy.geometry import apply_transform

__all__ = ["measured_face_scale"]

_MOST_YAW, _MOST_PITCH = 30.0, 20.0
_FEWEST = 5
_AHEAD = 3
"""One of so many faces is measured: those that look ahead most, since lengths shrink as a head turns."""

_TRUST = 0.7
"""Share of the measured difference that is believed: in short clips the yardsticks err by as much as heads differ."""

_LIMITS = (0.9, 1.1)


@dataclass(frozen=True)
class _Yardstick:
    """What is about as large in every head.

    Attributes:
        ends: Landmarks at both ends, for each length that is taken.
        at_rest: Quantile of the lengths that is the face's own.
    """

    ends: tuple[tuple[int, int], ...]
    at_rest: float = 0.5

    def log_length(self, alignments: Sequence[Alignment]) -> float:
        """Logarithm of its length in some faces of one identity, in sides of the aligned square."""
        logs = []
        for one in alignments:
            points = apply_transform(one.aligned_from_plate, one.landmarks_plate)
            lengths = [float(np.linalg.norm(points[first] - points[last])) for first, last in self.ends]
            logs.append(np.log(np.maximum(lengths, 1e-6)).mean())
        return float(np.quantile(logs, self.at_rest))


_YARDSTICKS = (
    _Yardstick(((234, 454), (127, 356), (132, 361), (162, 389))),
    _Yardstick(((168, 152),), at_rest=0.3),
    _Yardstick(((469, 471), (474, 476))),
)
"""The head's breadth at the ears, the temples, the jaw's angles and the ends of the brows; its height from the root of
the nose to the chin, which an open mouth makes longer and nothing shorter; the irises, whose diameter is 11.7 mm in
everyone, give or take half a millimetre."""


def measured_face_scale(target: Sequence[Alignment], source: Sequence[Alignment]) -> float:
    """How large the source identity's face is to be drawn, so that its features suit the target identity's head.

    Alignment brings the eyes and noses of all faces onto one template. A performer whose features are small in a large
    head is so enlarged, and would come out with features too large for the head, a part of the likeness lost. Three
    yardsticks against the template tell by how much; each errs by itself, and most of what their mean says is believed
    (docs/decisions/0012-proportion.md).

    Args:
        target: Of the target identity's faces.
        source: Of the source identity's faces.

    Returns:
        0.9..1.1; 1.0 when either has fewer than 5 faces within 30 degrees of yaw and 20 of pitch.
    """
    ahead = [_ahead(faces) for faces in (target, source)]
    if min(map(len, ahead)) < _FEWEST:
        return 1.0
    ratios = [yardstick.log_length(ahead[0]) - yardstick.log_length(ahead[1]) for yardstick in _YARDSTICKS]
    return float(np.clip(np.exp(_TRUST * np.mean(ratios)), *_LIMITS))


def _ahead(alignments: Sequence[Alignment]) -> list[Alignment]:
    """The third of the faces that looks ahead most, or five of them; fewer where the others are turned away."""
    turned = sorted(alignments, key=lambda one: math.hypot(*one.pose[:2]))
    some = turned[: max(_FEWEST, len(turned) // _AHEAD)]
    return [one for one in some if abs(one.pose[0]) <= _MOST_YAW and abs(one.pose[1]) <= _MOST_PITCH]
