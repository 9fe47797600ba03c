"""How large the features of two performers are against their heads, from their facesets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from understudy.faces.face import Alignment
from understudy.geometry import apply_transform

__all__ = ["measured_face_scale"]

_MOST_YAW, _MOST_PITCH = 30.0, 20.0
_FEWEST = 5

_LIMITS = (0.9, 1.1)

_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Yardstick:
    """What is about as large in every head.

    Attributes:
        ends: Landmarks at both ends, for each length that is taken.
        at_rest: Quantile of the lengths that is the face's own.
    """

    ends: tuple[tuple[int, int], ...]
    at_rest: float = 0.5

    def log_lengths(self, alignments: Sequence[Alignment]) -> _Floats:
        """(N,) logarithms of its length in each face, in sides of the aligned square."""
        logs = []
        for one in alignments:
            points = apply_transform(one.aligned_from_plate, one.landmarks_plate)
            lengths = [float(np.linalg.norm(points[first] - points[last])) for first, last in self.ends]
            logs.append(np.log(np.maximum(lengths, 1e-6)).mean())
        return np.array(logs)


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

    Alignment brings the eyes, brows and noses of all faces onto one template. A performer whose features are small in
    a large head is so enlarged, and would come out with features too large for the head, a part of the likeness lost.
    Three yardsticks against the template tell by how much; each errs by itself, and their mean is believed. Lengths
    shrink as a head turns: their logarithms are fitted by a plane over yaw and pitch squared, one for
    both identities, and what is left between the two counts (docs/decisions/0012-proportion.md).

    Args:
        target: Of the target identity's faces.
        source: Of the source identity's faces.

    Returns:
        0.9..1.1; 1.0 when either has fewer than 5 faces within 30 degrees of yaw and 20 of pitch.
    """
    ahead = [[one for one in faces if _looks_ahead(one)] for faces in (target, source)]
    if min(map(len, ahead)) < _FEWEST:
        return 1.0
    turned = [np.radians(np.array([one.pose[:2] for one in faces])) ** 2 for faces in ahead]
    ratios = []
    for yardstick in _YARDSTICKS:
        logs = [yardstick.log_lengths(faces) for faces in ahead]
        shrinks = _shrinking(turned, logs)
        of_target, of_source = (
            np.quantile(values - bent @ shrinks, yardstick.at_rest) for values, bent in zip(logs, turned, strict=True)
        )
        ratios.append(of_target - of_source)
    return float(np.clip(np.exp(np.mean(ratios)), *_LIMITS))


def _looks_ahead(alignment: Alignment) -> bool:
    yaw, pitch, _ = alignment.pose
    return abs(yaw) <= _MOST_YAW and abs(pitch) <= _MOST_PITCH


def _shrinking(turned: Sequence[_Floats], logs: Sequence[_Floats]) -> _Floats:
    """(2,): what a length's logarithm changes by with yaw and pitch squared, the same in both facesets."""
    bent = np.concatenate([each - each.mean(axis=0) for each in turned])
    values = np.concatenate([each - each.mean() for each in logs])
    return np.asarray(np.linalg.lstsq(bent, values, rcond=1e-3)[0])
