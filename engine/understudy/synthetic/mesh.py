"""Triangle meshes: subdivision, normals, winding and regular grids."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import numpy.typing as npt
import scipy.sparse as sparse

from understudy.synthetic.falloff import Floats

__all__ = [
    "Triangles",
    "adjacency",
    "face_outwards",
    "grid_triangles",
    "loop_subdivision",
    "orient_triangles",
    "triangle_normals",
    "vertex_normals",
]

Triangles = npt.NDArray[np.int64]
"""(T, 3) int64 vertex indices, counter-clockwise seen from outside."""


def loop_subdivision(vertex_count: int, triangles: Triangles) -> tuple[sparse.csr_matrix, Triangles]:
    """One step of Loop's scheme (Loop, "Smooth Subdivision Surfaces Based on Triangles", 1987).

    Old vertices keep their index; the vertex of edge e gets index `vertex_count + e`. Interior vertices use Warren's
    weights (3/16 for valence 3, else 3/(8 n)).

    Args:
        vertex_count: Vertices of the coarse mesh.
        triangles: Its triangles.

    Returns:
        The sparse matrix (fine vertices, coarse vertices), and the fine triangles. Fine triangle i descends from
        coarse triangle i modulo the number of coarse triangles.
    """
    count = len(triangles)
    sides = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1)
    opposite = np.concatenate([triangles[:, 2], triangles[:, 0], triangles[:, 1]])
    edges, edge_of_side, uses = np.unique(sides, axis=0, return_inverse=True, return_counts=True)
    edge_of_side = edge_of_side.ravel()
    on_border = uses == 1

    weights = _EntryList()
    _weigh_edge_vertices(weights, vertex_count, edges, edge_of_side, opposite, on_border)
    _weigh_old_vertices(weights, vertex_count, edges, on_border)
    matrix = weights.matrix((vertex_count + len(edges), vertex_count))

    first, second, third = (vertex_count + edge_of_side[i * count : (i + 1) * count] for i in range(3))
    corners = triangles.T
    fine = [(corners[0], first, third), (corners[1], second, first), (corners[2], third, second)]
    return matrix, np.concatenate([np.stack(triple, axis=1) for triple in [*fine, (first, second, third)]])


class _EntryList:
    """Collects (row, column, value) entries of a sparse matrix."""

    def __init__(self) -> None:
        self._rows: list[npt.NDArray[np.int64]] = []
        self._columns: list[npt.NDArray[np.int64]] = []
        self._values: list[Floats] = []

    def add(self, rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64], values: Floats | float) -> None:
        self._rows.append(rows)
        self._columns.append(columns)
        self._values.append(np.broadcast_to(np.asarray(values, dtype=np.float64), rows.shape))

    def matrix(self, shape: tuple[int, int]) -> sparse.csr_matrix:
        places = (np.concatenate(self._rows), np.concatenate(self._columns))
        return sparse.csr_matrix((np.concatenate(self._values), places), shape)


def _weigh_edge_vertices(
    weights: _EntryList,
    vertex_count: int,
    edges: npt.NDArray[np.int64],
    edge_of_side: npt.NDArray[np.int64],
    opposite: npt.NDArray[np.int64],
    on_border: npt.NDArray[np.bool_],
) -> None:
    """A new vertex is 3/8 of each end and 1/8 of each opposite corner; on the border the midpoint."""
    new_vertices = vertex_count + np.arange(len(edges))
    of_ends = np.where(on_border, 0.5, 0.375)
    weights.add(new_vertices, edges[:, 0], of_ends)
    weights.add(new_vertices, edges[:, 1], of_ends)
    inside = ~on_border[edge_of_side]
    weights.add(new_vertices[edge_of_side[inside]], opposite[inside], 0.125)


def _weigh_old_vertices(
    weights: _EntryList,
    vertex_count: int,
    edges: npt.NDArray[np.int64],
    on_border: npt.NDArray[np.bool_],
) -> None:
    """An old vertex moves towards its neighbours; on the border only towards those along the border."""
    valence = np.bincount(edges.ravel(), minlength=vertex_count)
    vertex_on_border = np.zeros(vertex_count, dtype=bool)
    vertex_on_border[edges[on_border].ravel()] = True
    of_neighbour = np.where(valence == 3, 3 / 16, 3 / (8 * np.maximum(valence, 1)))
    interior = np.flatnonzero(~vertex_on_border)
    weights.add(interior, interior, 1 - valence[interior] * of_neighbour[interior])
    for here, there in ((0, 1), (1, 0)):
        free = edges[~vertex_on_border[edges[:, here]]]
        weights.add(free[:, here], free[:, there], of_neighbour[free[:, here]])
        along = edges[on_border]
        weights.add(along[:, here], along[:, there], 0.125)
    border = np.flatnonzero(vertex_on_border)
    weights.add(border, border, 0.75)


def triangle_normals(vertices: Floats, triangles: Triangles) -> Floats:
    """(T, 3) outward normals, each as long as twice its triangle's area."""
    first, second, third = (vertices[triangles[:, corner]] for corner in range(3))
    normals: Floats = np.cross(second - first, third - first)
    return normals


def vertex_normals(vertices: Floats, triangles: Triangles) -> Floats:
    """(V, 3) unit normals: the area-weighted mean of the triangles around each vertex."""
    of_triangles = triangle_normals(vertices, triangles)
    normals = np.zeros_like(vertices)
    for corner in range(3):
        for axis in range(3):
            normals[:, axis] += np.bincount(triangles[:, corner], of_triangles[:, axis], len(vertices))
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    unit: Floats = normals / np.maximum(lengths, 1e-9)
    return unit


def orient_triangles(triangles: Triangles, trusted: int) -> Triangles:
    """The triangles with the winding of the first `trusted` ones carried over shared edges to all others."""
    oriented = triangles.copy()
    around_edge: dict[frozenset[int], list[int]] = defaultdict(list)
    for index, triangle in enumerate(triangles):
        for corner in range(3):
            around_edge[frozenset((triangle[corner], triangle[(corner + 1) % 3]))].append(index)
    done = np.arange(len(triangles)) < trusted
    waiting = list(range(trusted))
    while waiting:
        triangle = oriented[waiting.pop()]
        for start, end in zip(triangle, np.roll(triangle, -1), strict=True):
            for neighbour in around_edge[frozenset((start, end))]:
                if done[neighbour]:
                    continue
                corners = list(oriented[neighbour])
                if (corners.index(end) - corners.index(start)) % 3 == 1:  # neighbours run an edge in opposite ways
                    oriented[neighbour] = oriented[neighbour][::-1]
                done[neighbour] = True
                waiting.append(neighbour)
    return oriented


def adjacency(vertex_count: int, triangles: Triangles) -> sparse.csr_matrix:
    """(V, V) float64, 1 where two vertices share an edge."""
    sides = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    one_way = sparse.csr_matrix((np.ones(len(sides)), (sides[:, 0], sides[:, 1])), (vertex_count, vertex_count))
    return ((one_way + one_way.T) > 0).astype(np.float64).tocsr()


def grid_triangles(columns: int, rows: int, closed: bool = False) -> Triangles:
    """Triangles of a grid whose vertex (column, row) has index column * rows + row.

    Args:
        columns: Vertices around.
        rows: Vertices along.
        closed: Join the last column to the first, as for a tube.
    """
    column = np.arange(columns if closed else columns - 1)[:, None]
    row = np.arange(rows - 1)[None]
    next_column = (column + 1) % columns
    square = [column * rows + row, next_column * rows + row, next_column * rows + row + 1, column * rows + row + 1]
    corners = [corner.ravel() for corner in square]
    halves = [(corners[0], corners[1], corners[2]), (corners[0], corners[2], corners[3])]
    return np.concatenate([np.stack(half, axis=1) for half in halves])


def face_outwards(vertices: Floats, triangles: Triangles, inside: Floats) -> Triangles:
    """The triangles of a roughly convex body, turned round if they face the point `inside` (3,)."""
    outwards = vertices[triangles].mean(axis=1) - inside
    facing = (triangle_normals(vertices, triangles) * outwards).sum()
    return triangles if facing > 0 else triangles[:, ::-1]
