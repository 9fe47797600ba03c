"""What all performers share: the coarse head, its weights, and the fine mesh that subdivision makes of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import scipy.sparse as sparse

from understudy.synthetic.cage import HeadCage, build_cage
from understudy.synthetic.falloff import Floats
from understudy.synthetic.mesh import Triangles, adjacency, loop_subdivision
from understudy.synthetic.weights import RigWeights, solve_weights

__all__ = ["HeadTopology", "head_topology"]


@dataclass(frozen=True)
class HeadTopology:
    """The head without its shape.

    Attributes:
        cage: The coarse head.
        weights: How its vertices follow the movements.
        fine_from_cage: (fine, coarse) sparse: two steps of Loop subdivision. Coarse vertices keep their index.
        triangles: Fine triangles.
        triangle_is_cloth: (T,) bool.
        triangle_in_face: (T,) bool: inside the face oval, lids and mouth included. Taken from the coarse triangle each
            fine one descends from, because a threshold on a subdivided weight overshoots the oval.
        cloth: (fine,) float64, 1 on cloth.
        mouth: (fine,) 0..1, rises from the lips into the mouth.
        lid: (fine,) 0..1, rises from the lid edge into the eyeball.
        face: (fine,) 0..1, share of the source identity in an ideal swap.
        mean_of_neighbours: (fine, fine) float32 sparse, rows sum to 1.
    """

    cage: HeadCage
    weights: RigWeights
    fine_from_cage: sparse.csr_matrix
    triangles: Triangles
    triangle_is_cloth: npt.NDArray[np.bool_]
    triangle_in_face: npt.NDArray[np.bool_]
    cloth: Floats
    mouth: Floats
    lid: Floats
    face: Floats
    mean_of_neighbours: sparse.csr_matrix


@lru_cache(maxsize=1)
def head_topology() -> HeadTopology:
    """The one topology; takes about a second the first time."""
    cage = build_cage()
    weights = solve_weights(cage)
    once, middle_triangles = loop_subdivision(len(cage.vertices), cage.triangles)
    twice, triangles = loop_subdivision(once.shape[0], middle_triangles)
    fine_from_cage = (twice @ once).tocsr()
    cloth = fine_from_cage @ _labelled(cage, zip(cage.cloth, (1,) * 6, strict=True))
    mouth_rings = [*zip(cage.mouth_bag, (0.5, 0.9, 1, 1), strict=True), (np.array([cage.throat]), 1)]
    lid_rings = [pair for lid in cage.lids for pair in zip(lid, (0.8, 1), strict=True)]
    return HeadTopology(
        cage=cage,
        weights=weights,
        fine_from_cage=fine_from_cage,
        triangles=triangles,
        triangle_is_cloth=cloth[triangles].mean(axis=1) > 0.55,
        triangle_in_face=_inside_oval(cage, len(triangles)),
        cloth=cloth,
        mouth=np.clip(fine_from_cage @ _labelled(cage, mouth_rings), 0, 1),
        lid=fine_from_cage @ _labelled(cage, lid_rings),
        face=np.clip(fine_from_cage @ weights.face, 0, 1),
        mean_of_neighbours=_mean_of_neighbours(fine_from_cage.shape[0], triangles),
    )


def _labelled(cage: HeadCage, rings: Iterable[tuple[npt.NDArray[np.int64], float]]) -> Floats:
    labels = np.zeros(len(cage.vertices))
    for ring, value in rings:
        labels[ring] = value
    return labels


def _inside_oval(cage: HeadCage, fine_count: int) -> npt.NDArray[np.bool_]:
    ancestor = np.arange(fine_count) % len(cage.triangles)
    first_outer = cage.face_triangle_count
    return (ancestor < first_outer) | (ancestor >= first_outer + cage.outer_triangle_count)


def _mean_of_neighbours(vertex_count: int, triangles: Triangles) -> sparse.csr_matrix:
    neighbours = adjacency(vertex_count, triangles).astype(np.float32)
    valence = np.asarray(neighbours.sum(axis=1)).ravel()
    return sparse.diags(1 / np.maximum(valence, 1)).astype(np.float32) @ neighbours
