"""The upper edge of the forehead, which stays with the skull: the mesh moves it with the brows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from understudy.faces.alignment import square_from_head
from understudy.faces.face import Alignment
from understudy.geometry import apply_transform, inverse

__all__ = ["FOREHEAD_EDGE", "with_steady_forehead"]

_HEAD: dict[int, tuple[float, float, float]] = {
    54: (-6.279, 6.615, 1.426),
    103: (-5.133, 7.486, 2.66),
    67: (-3.524, 8.006, 3.729),
    109: (-1.891, 8.236, 4.275),
    10: (0.0, 8.262, 4.482),
    338: (1.891, 8.236, 4.275),
    297: (3.524, 8.006, 3.729),
    332: (5.133, 7.486, 2.66),
    284: (6.279, 6.615, 1.426),
}
"""Landmark: x to the picture's right, y up, z towards the camera, in centimetres of an average head: MediaPipe's
canonical face."""

FOREHEAD_EDGE: tuple[int, ...] = tuple(_HEAD)
"""The landmarks along the hairline. No skin is followed there, and the mesh sees no edge either: it guesses."""

_TRUST = np.array([1e-6, 1e-6, 0.1])
"""What the average head's breadth, height and depth count for, in frames that show them. Depth is hardly seen in most
tracks, breadth not at all in a profile."""


def with_steady_forehead(alignments: Sequence[Alignment]) -> tuple[Alignment, ...]:
    """The alignments with the landmarks of the forehead's upper edge as one rigid shape, which turns with the head.

    Where each lies on the head is found by least squares over all frames in which the face was found, its depth held
    near the average head's. A raised brow lifts the mesh's edge by up to 4 % of the square, a head's not at all; the
    mean over a track is right to 1 or 2 % (docs/decisions/0015-learned-mattes.md).

    Args:
        alignments: Of one track, by `fit_motion`.
    """
    counted = np.array([not one.is_filled for one in alignments])
    if not counted.any():
        return tuple(alignments)
    edge, average = list(FOREHEAD_EDGE), np.array(list(_HEAD.values()), np.float64)
    turned = np.array([square_from_head(*one.pose[:2]) for one in alignments])
    seen = np.array([apply_transform(one.aligned_from_plate, one.landmarks_plate[edge]) for one in alignments])
    beside, by = (seen - _shown(average, turned))[counted], turned[counted, :, :3]
    normal = np.einsum("nij,nik->jk", by, by)
    normal += np.diag(_TRUST) * normal.trace() / 2
    own = average + np.linalg.solve(normal, np.einsum("nij,nki->jk", by, beside)).T
    made = []
    for one, places in zip(alignments, _shown(own, turned), strict=True):
        landmarks = one.landmarks_plate.copy()
        landmarks[edge] = apply_transform(inverse(one.aligned_from_plate), places)
        made.append(replace(one, landmarks_plate=landmarks))
    return tuple(made)


def _shown(head: npt.NDArray[np.float64], turned: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(N, K, 2): where places on a head (K, 3) lie in the square, in each of N poses (N, 2, 4)."""
    return np.asarray(head @ turned[:, :, :3].transpose(0, 2, 1) + turned[:, None, :, 3])
