"""How much each vertex of the coarse head follows each movement.

A handful of vertices is pinned by hand; between them the weights are the smoothest possible: bi-harmonic, after
Jacobson et al., "Bounded Biharmonic Weights for Real-Time Deformation", 2011, here as one linear solve with a little
of the harmonic energy added, and clipped instead of bounded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sparse
from scipy.sparse.linalg import splu

from understudy.synthetic.cage import HeadCage
from understudy.synthetic.falloff import Floats, smoothstep
from understudy.synthetic.landmarks import (
    EYES,
    FACE_LANDMARKS,
    FACE_OVAL,
    INNER_LIPS,
    INNER_LOWER_LIP,
    INNER_UPPER_LIP,
    LEFT_EYE,
    LOWER_LIP,
    OUTER_LIPS,
    RIGHT_EYE,
    UPPER_LIP,
)
from understudy.synthetic.mesh import adjacency

__all__ = ["RigWeights", "solve_weights"]


@dataclass(frozen=True)
class RigWeights:
    """Weights (V,) float64 of the coarse vertices; pairs are (subject's right, left).

    Attributes:
        jaw: Follows the lower jaw.
        lip_corner: Follows a corner of the mouth.
        cheek: Follows the cheek when smiling.
        upper_lip: Follows the upper lip.
        lower_lip: Follows the lower lip.
        lips: Follows both lips, for puckering.
        brow_inner: Follows the inner end of a brow.
        brow_outer: Follows the outer end of a brow.
        head: 1 follows the turning head, 0 stays with the torso.
        face: Share of the source identity in an ideal swap: 1 inside the face, 0 on its oval and beyond.
    """

    jaw: Floats
    lip_corner: tuple[Floats, Floats]
    cheek: tuple[Floats, Floats]
    upper_lip: Floats
    lower_lip: Floats
    lips: Floats
    brow_inner: tuple[Floats, Floats]
    brow_outer: tuple[Floats, Floats]
    head: Floats
    face: Floats


_Pins = dict[int, float]

_NOSE = (1, 2, 4, 5, 6, 19, 94, 195, 197)

_UPPER_FACE = (
    1, 2, 4, 5, 6, 98, 327, 97, 326, 94, 164, 168, 8, 9, 151, 116, 345, 117, 346, 118, 347, 119, 348, 120, 349,
    10, 338, 297, 332, 284, 251, 389, 356, 454, 109, 67, 103, 54, 21, 162, 127, 234,
    50, 280, 36, 266, 165, 391, 167, 393, 93, 323,
)  # fmt: skip
"""Skin that stays with the skull when the jaw opens."""

_CHIN = (
    152, 148, 176, 149, 377, 400, 378, 175, 199, 200, 18, 83, 313, 201, 421, 208, 428, 171, 396, 194, 418,
    182, 406, 32, 262, 140, 369, 150, 379,
)  # fmt: skip

_JAW_SLOPE = {
    61: .45, 291: .45, 78: .45, 308: .45, 76: .45, 306: .45, 62: .45, 292: .45,
    136: .92, 365: .92, 172: .8, 397: .8, 58: .55, 288: .55, 132: .2, 361: .2,
    205: .12, 425: .12, 187: .2, 411: .2, 207: .35, 427: .35, 214: .55, 434: .55, 212: .6, 432: .6,
}  # fmt: skip
"""Skin that follows the jaw in part: corners of the mouth, cheeks and the line of the jaw."""

_LIP_CORNERS = (
    {61: 1., 78: .9, 76: .97, 62: .93, 146: .8, 185: .8, 91: .5, 40: .5, 191: .72, 95: .72, 80: .45, 88: .45, 57: .9},
    {291: 1., 308: .9, 306: .97, 292: .93, 375: .8, 409: .8, 321: .5, 270: .5, 415: .72, 324: .72, 310: .45, 318: .45,
     287: .9},
)  # fmt: skip

_UPPER_LIP_MIDDLE = (
    0, 11, 12, 13, 37, 267, 72, 302, 38, 268, 82, 312, 81, 311, 41, 271, 73, 303, 39, 269,
)  # fmt: skip

_LOWER_LIP_MIDDLE = (
    17, 16, 15, 14, 84, 314, 85, 315, 86, 316, 87, 317, 178, 402, 179, 403, 180, 404, 181, 405,
)  # fmt: skip

_FACE_BY_EDGES_FROM_OVAL = (0, 0.45, 0.9, 1)


def solve_weights(cage: HeadCage) -> RigWeights:
    """All weights of a coarse head."""
    neighbours = adjacency(len(cage.vertices), cage.triangles)
    solver = _WeightSolver(cage, neighbours)
    mouth_fixed = (0, 13, 14, 17, 2, 1, 152, *_NOSE)
    right, left = _LIP_CORNERS
    return RigWeights(
        jaw=solver.solve(_jaw_pins(cage)),
        lip_corner=(
            solver.handle(right, fixed=mouth_fixed, around=61, radius=5.2),
            solver.handle(left, fixed=mouth_fixed, around=291, radius=5.2),
        ),
        cheek=(
            solver.handle(_ones((205, 50, 36, 101, 118)), (61, *RIGHT_EYE.ring, *_NOSE), 50, 4.5),
            solver.handle(_ones((425, 280, 266, 330, 347)), (291, *LEFT_EYE.ring, *_NOSE), 280, 4.5),
        ),
        upper_lip=solver.handle(_ones(_UPPER_LIP_MIDDLE) | {2: 0.2}, (61, 291, 14, 17, 1, 4, 78, 308), 0, 4.0),
        lower_lip=solver.handle(_ones(_LOWER_LIP_MIDDLE), (61, 291, 13, 0, 152, 200, 78, 308), 17, 3.6),
        lips=solver.handle(_ones((*OUTER_LIPS, *INNER_LIPS, *UPPER_LIP, *LOWER_LIP)), (1, 2, 4), 13, 5.5),
        brow_inner=(
            solver.handle(_ones((107, 55, 66, 65)), (6, 168), 107, 4.5),
            solver.handle(_ones((336, 285, 296, 295)), (6,), 336, 4.5),
        ),
        brow_outer=(
            solver.handle(_ones((70, 46, 63, 53, 105, 52)), RIGHT_EYE.ring, 63, 5.0),
            solver.handle(_ones((300, 276, 293, 283, 334, 282)), LEFT_EYE.ring, 293, 5.0),
        ),
        head=_head_weights(cage),
        face=_face_weights(cage, neighbours),
    )


def _ones(indices: Iterable[int]) -> _Pins:
    return dict.fromkeys(indices, 1.0)


def _zeros(indices: Iterable[int]) -> _Pins:
    return dict.fromkeys(indices, 0.0)


class _WeightSolver:
    """Solves for smooth weights between pinned vertices of one cage."""

    def __init__(self, cage: HeadCage, neighbours: sparse.csr_matrix) -> None:
        valence = np.asarray(neighbours.sum(axis=1)).ravel()
        laplacian = sparse.diags(valence) - neighbours
        self._energy = (laplacian.T @ sparse.diags(1 / valence) @ laplacian).tocsc() + 0.02 * laplacian.tocsc()
        self._cage = cage

    def solve(self, pins: Mapping[int, float]) -> Floats:
        """(V,) weights that equal `pins` where given."""
        weights = np.zeros(len(self._cage.vertices))
        pinned = np.array(sorted(pins))
        weights[pinned] = [pins[index] for index in pinned]
        free = np.setdiff1d(np.arange(len(weights)), pinned)
        pull = -self._energy[free][:, pinned] @ weights[pinned]
        weights[free] = splu(self._energy[free][:, free].tocsc()).solve(pull)
        return np.clip(weights, -0.05, 1.05)

    def handle(self, pins: _Pins, fixed: Iterable[int], around: int, radius: float) -> Floats:
        """(V,) weights of a movement that ends `radius` cm from the vertex `around` and at the face oval."""
        outside = [index for ring in (*self._cage.strips, *self._cage.cloth) for index in ring.tolist()]
        face = self._cage.vertices[:FACE_LANDMARKS]
        distance = np.linalg.norm(face - self._cage.vertices[around], axis=1)
        far = np.flatnonzero(distance > radius).tolist()
        return self.solve(_zeros((*outside, *FACE_OVAL, *fixed, *far)) | pins)


def _jaw_pins(cage: HeadCage) -> _Pins:
    pins = _zeros((*_UPPER_FACE, *(index for eye in EYES for index in eye.ring), *UPPER_LIP))
    pins |= _ones((*LOWER_LIP, *_CHIN)) | _JAW_SLOPE
    for place, (upper, lower) in enumerate(zip(INNER_UPPER_LIP, INNER_LOWER_LIP, strict=True)):
        towards_corner = max(0.0, (abs(place - 4) / 4 - 0.75) / 0.25)
        pins[upper] = 0.45 * towards_corner * 0.4
        pins[lower] = 1 - 0.55 * towards_corner * 0.4
    below_ears = smoothstep(0.55, 0.72, cage.oval_fraction)
    for ring, share in zip(cage.strips, (0.9, 0.75, 0.55, 0.35, 0.2, 0.05, 0, 0), strict=True):
        pins |= dict(zip(ring.tolist(), (share * below_ears).tolist(), strict=True))
    pins |= _zeros(index for ring in cage.cloth for index in ring.tolist())
    for ring in cage.mouth_bag:  # as the inner lips run: right corner, lower lip, left corner, upper lip
        for place, index in enumerate(ring.tolist()):
            pins[index] = 0.45 if place in (0, 10) else (1.0 if place < 10 else 0.0)
    pins[cage.throat] = 0.4
    return pins


def _head_weights(cage: HeadCage) -> Floats:
    """The throat lets go of the head early; over the skull the strips let go only at the nape."""
    weights = np.ones(len(cage.vertices))
    throat_side = smoothstep(0.2, 0.6, cage.oval_fraction)
    at_throat = (1, 1, 1, 0.93, 0.8, 0.6, 0.4, 0.22)
    at_nape = (1, 1, 1, 1, 1, 0.9, 0.55, 0.22)
    for ring, throat, nape in zip(cage.strips, at_throat, at_nape, strict=True):
        weights[ring] = throat * throat_side + nape * (1 - throat_side)
    for ring, share in zip(cage.cloth, (0.12, 0.08, 0, 0, 0, 0), strict=True):
        weights[ring] = share
    return weights


def _face_weights(cage: HeadCage, neighbours: sparse.csr_matrix) -> Floats:
    """Rises over the first edges inside the oval, so that an ideal swap has no seam."""
    edges_from_oval = np.full(len(cage.vertices), len(_FACE_BY_EDGES_FROM_OVAL) - 1)
    reached = np.zeros(len(cage.vertices), dtype=bool)
    reached[list(FACE_OVAL)] = True
    for ring in (*cage.strips, *cage.cloth):
        reached[ring] = True
    edges_from_oval[reached] = 0
    for distance in range(1, len(_FACE_BY_EDGES_FROM_OVAL)):
        touched = (neighbours @ reached.astype(np.float64)) > 0
        edges_from_oval[touched & ~reached] = distance
        reached |= touched
    weights: Floats = np.array(_FACE_BY_EDGES_FROM_OVAL)[edges_from_oval]
    return weights
