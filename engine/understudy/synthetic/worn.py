"""What a performer wears before the face: the frame of spectacles, or a fringe of hair. Both move with the head."""

from __future__ import annotations

import numpy as np

from understudy.synthetic.falloff import Floats
from understudy.synthetic.identity import NeutralHead
from understudy.synthetic.landmarks import BROW_CENTRE, FACE_LANDMARKS, FACE_OVAL
from understudy.synthetic.mesh import Triangles
from understudy.synthetic.occluders import capsule
from understudy.synthetic.performance import Worn

__all__ = ["worn_meshes"]

_NOSE_ROOT = 168
_RIM_WIDTH, _RIM_HEIGHT, _RIM_RADIUS = 2.5, 2.0, 0.17
_RIM_PIECES = 28
_CLEAR_OF_FACE = 0.45
"""Centimetres between skin and what is worn."""

_TEMPLE = np.array([[7.4, 0.3, 0.5], [8.1, 0.3, -4.0]])
"""Where the frame goes to the ear, from the eye's height, on the subject's left."""

_STRANDS = 70
_HAIRLINE = (*FACE_OVAL[-4:], *FACE_OVAL[:5])
_STRAND_RADII = (0.17, 0.15, 0.10, 0.03)
_LOWEST, _HIGHEST = -1.0, 1.4
"""Centimetres above the middle of the brows at which strands end."""

_Mesh = tuple[Floats, Triangles]


def worn_meshes(worn: Worn | None, neutral: NeutralHead, seed: int) -> list[_Mesh]:
    """Vertices (V, 3) in cm, head space, and triangles, of each piece.

    Args:
        worn: What, if anything.
        neutral: The head that wears it.
        seed: Lays the strands of a fringe.
    """
    if worn == "glasses":
        return _glasses(neutral)
    return _fringe(neutral, np.random.RandomState(700 + seed)) if worn == "fringe" else []


def _glasses(neutral: NeutralHead) -> list[_Mesh]:
    """Two rims, a bridge, and what leads to the ears; no lenses."""
    front = neutral.vertices[_NOSE_ROOT, 2] + _CLEAR_OF_FACE
    turn = np.linspace(0, 2 * np.pi, _RIM_PIECES, endpoint=False)
    pieces: list[tuple[Floats, Floats]] = []
    inner = []
    for centre in neutral.eye_centres:
        side = np.sign(centre[0])
        across, up = _RIM_WIDTH * np.cos(turn), _RIM_HEIGHT * np.sin(turn)
        wrapped = front - 0.05 * np.maximum(side * (centre[0] + across), 0) ** 1.5
        rim = np.column_stack([centre[0] + across, centre[1] - 0.2 + up, wrapped])
        pieces += list(zip(rim, np.roll(rim, -1, axis=0), strict=True))
        inner.append(rim[np.argmin(np.abs(rim[:, 0]))])
        outer = rim[np.argmax(np.abs(rim[:, 0]))]
        before_ear, over_ear = _TEMPLE * [side, 1, 1] + [0, centre[1], 0]
        pieces += [(outer, before_ear), (before_ear, over_ear)]
    pieces.append((inner[0] + [0, 0.3, 0], inner[1] + [0, 0.3, 0]))
    return [capsule(start, end, _RIM_RADIUS, _RIM_RADIUS, around=10) for start, end in pieces]


def _fringe(neutral: NeutralHead, rng: np.random.RandomState) -> list[_Mesh]:
    """Strands that hang from the hairline over the forehead, some down to the brows and beyond."""
    face = neutral.vertices[:FACE_LANDMARKS]
    hairline = neutral.vertices[list(_HAIRLINE)]
    brows = face[BROW_CENTRE, 1]
    meshes = []
    for _ in range(_STRANDS):
        at = rng.uniform(0, len(hairline) - 1)
        before = min(int(at), len(hairline) - 2)
        root = hairline[before] + (at - before) * (hairline[before + 1] - hairline[before])
        tip = np.array([0.85 * root[0] + rng.normal(0, 0.7), brows + rng.uniform(_LOWEST, _HIGHEST)])
        places = [root + [0, 1.6, -0.5]]
        for share in (0.35, 0.7, 1.0):
            x, y = root[:2] + (tip - root[:2]) * share + [rng.normal(0, 0.12), 0]
            places.append(np.array([x, y, _skin_depth(face, x, y) + _CLEAR_OF_FACE * rng.uniform(0.6, 1.2)]))
        for piece in range(len(places) - 1):
            thick, thin = _STRAND_RADII[piece : piece + 2]
            meshes.append(capsule(places[piece], places[piece + 1], thick, thin, around=8))
    return meshes


def _skin_depth(face: Floats, x: float, y: float) -> float:
    """How far forward the skin lies: a mean of landmarks, the nearest counting most."""
    weights = np.exp(-((face[:, 0] - x) ** 2 + (face[:, 1] - y) ** 2) / 0.6)
    return float((weights * face[:, 2]).sum() / max(weights.sum(), 1e-9))
