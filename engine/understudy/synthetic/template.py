"""The 468-vertex face that every performer is made from.

`template.npz` holds `vertices` (468, 3) float64 in cm and `triangles` (T, 3) int64. It was made without any scan or
photograph:

1. A crude cartoon face was painted: skin ellipse, hair, eyes, brow arcs, shaded nose, lips.
2. The FaceMesh landmark model was run on it, and its 468 points kept as (x, -y, -z).
3. The points were made symmetric by averaging each with its nearest mirrored neighbour, turned so that the forehead
   (10) stands above the chin (152), scaled so that the outer eye corners (33, 263) are 8.89 cm apart, and shifted so
   that 33 lies at y = 2.66, z = 3.17.
4. The triangles are all 3-cliques of FaceMesh's edge list, less those that break "an edge borders at most two
   triangles"; their winding was made consistent by propagation.

Axes here and in all head geometry: centimetres, +x to the subject's left, +y up, +z out of the face.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from understudy.synthetic.falloff import Floats
from understudy.synthetic.landmarks import (
    EYES,
    INNER_LIPS,
    INNER_LOWER_LIP,
    INNER_UPPER_LIP,
    LOWER_LIP_ROWS,
    UPPER_LIP_ROWS,
)

__all__ = ["TEMPLATE_PATH", "Template", "load_template"]

TEMPLATE_PATH = Path(__file__).with_name("template.npz")

_ROW_SHARES = (0.2, 0.28, 0.38)
"""How much of the gap between the lips each row moves, from the skin inwards."""


@dataclass(frozen=True)
class Template:
    """The average face, mouth closed, with holes for the eyes and the mouth.

    Attributes:
        vertices: (468, 3) float64, x y z, cm.
        triangles: (T, 3) int64, counter-clockwise seen from outside.
    """

    vertices: Floats
    triangles: npt.NDArray[np.int64]


@lru_cache(maxsize=1)
def load_template() -> Template:
    """The template from the package, opened at the eyes and closed at the lips."""
    with np.load(TEMPLATE_PATH, allow_pickle=False) as stored:
        vertices, triangles = stored["vertices"], stored["triangles"]
    return Template(_close_mouth(vertices), _face_outwards(vertices, _cut_holes(triangles)))


def _cut_holes(triangles: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The triangles without those that span an eye or the opening of the mouth."""
    rings = [set(eye.ring) for eye in EYES] + [set(INNER_LIPS)]
    kept = [triangle for triangle in triangles if not any(set(triangle) <= ring for ring in rings)]
    return np.array(kept)


def _face_outwards(vertices: Floats, triangles: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    corners = vertices[triangles]
    facing = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 2]
    return triangles if np.median(facing) >= 0 else triangles[:, ::-1]


def _close_mouth(vertices: Floats) -> Floats:
    """Moves the lips together: a landmark model leaves 2 to 5 mm between them in a neutral face."""
    upper, lower = list(INNER_UPPER_LIP), list(INNER_LOWER_LIP)
    gap = vertices[upper] - vertices[lower]
    closed = vertices.copy()
    closed[upper] -= gap * 0.499
    closed[lower] += gap * 0.499
    for upper_row, lower_row, share in zip(UPPER_LIP_ROWS, LOWER_LIP_ROWS, _ROW_SHARES, strict=True):
        closed[list(upper_row)] -= gap * share
        closed[list(lower_row)] += gap * share
    return closed
