"""Proportion: how large one identity's features are in their face, against another's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from understudy.faces.face import Alignment
from understudy.geometry import apply_transform

__all__ = ["measured_face_scale"]

_BREADTHS = ((234, 454), (127, 356), (132, 361), (162, 389))
"""Landmarks on either side of the face: at the ears, the temples, the jaw's angles, the ends of the brows."""

_MOST_YAW = 45.0
_FEWEST = 5
_TRUST = 0.5
"""Share of the measured difference that is believed: breadths of a face err by as much as they differ."""

_LIMITS = (0.9, 1.1)


def measured_face_scale(target: Sequence[Alignment], source: Sequence[Alignment]) -> float:
    """How large the source identity's face is to be drawn, so that its features suit the target identity's head.

    Alignment brings the eyes, brows and noses of all faces onto one template. A performer whose features are small in
    a broad face is so enlarged, and would come out with features too large for the head, a part of the likeness lost.
    The breadth of the face against the template tells by how much: heads differ less in it. Breadths narrow with yaw;
    the logarithms are fitted by a curve in yaw squared, one for both identities, and what is left between the two, by
    medians, is the logarithm of their ratio. Half of it is believed (docs/decisions/0012-proportion.md).

    Args:
        target: Of the target identity's faces.
        source: Of the source identity's faces.

    Returns:
        0.9..1.1; 1.0 when either has fewer than 5 faces within 45 degrees of yaw.
    """
    seen = [[one for one in faces if abs(one.pose[0]) <= _MOST_YAW] for faces in (target, source)]
    if min(map(len, seen)) < _FEWEST:
        return 1.0
    of_target, of_source = (np.array([_log_breadths(one) for one in faces]) for faces in seen)
    bend_target, bend_source = (np.radians([one.pose[0] for one in faces]) ** 2 for faces in seen)
    ratios = []
    for column in range(len(_BREADTHS)):
        first, second = of_target[:, column], of_source[:, column]
        centred = np.concatenate([bend_target - bend_target.mean(), bend_source - bend_source.mean()])
        values = np.concatenate([first - first.mean(), second - second.mean()])
        slope = float(centred @ values / max(centred @ centred, 1e-9))
        ratios.append(np.median(first - slope * bend_target) - np.median(second - slope * bend_source))
    return float(np.clip(np.exp(_TRUST * np.mean(ratios)), *_LIMITS))


def _log_breadths(alignment: Alignment) -> npt.NDArray[np.float64]:
    """(4,) logarithms of the face's breadths, in sides of the aligned square."""
    shape = apply_transform(alignment.aligned_from_plate, alignment.landmarks_plate)
    return np.log([max(float(np.linalg.norm(shape[left] - shape[right])), 1e-6) for left, right in _BREADTHS])
