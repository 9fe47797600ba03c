"""Landmarks of one face: the mean of several looks of the mesh at it, a little shifted, and mirrored."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from understudy.faces.mirror import mirrored_landmarks
from understudy.faces.networks import MESH_SIDE, FaceNetworks
from understudy.faces.place import MESH_FIELD, Place, place_of_landmarks
from understudy.faces.sight import Sight, exposed
from understudy.geometry import Points, apply_transform

__all__ = ["Measured", "measure", "settle"]

_FEEDS = (
    (0.030, -0.010),
    (-0.030, 0.010),
    (0.010, 0.030),
    (-0.010, -0.030),
    (0.022, 0.022),
    (-0.022, -0.022),
)
"""Shift to the right and down of each view, in sides of the face; each is shown as it is and mirrored.

Landmarks jitter by 0.0029 of the distance of the eyes from one view and its mirror image, by 0.0014 as the mean of
these six, and by 0.0013 as that of eight. Other sizes than the face's own add to it, since the mesh errs by size."""

_HOPELESS = -4.0
"""Presence below which another look does not help."""

_MOST_SETTLING = 6
_SETTLED = 0.012
"""A place that moves by less, in sides, from one look to the next is the face's own, wherever the search began."""

_DOUBTFUL_PRESENCE, _PRESENCE_SLOPE, _DOUBTFUL_SPREAD = 8.0, 3.0, 0.025
"""Where the odds are even, by how much they change; and the spread at which landmarks count half. On synthetic faces
presence is 29 and spread 0.005 of a clear frontal one, 10 and 0.02 of one that is half covered or half out of the
frame, -6 and 0.05 of a full profile."""

_OUTLYING = 3.0
"""Answers that lie this many times further from the median than the median answer are dropped."""

_Look = tuple[Points, npt.NDArray[np.float64], float]
"""Landmarks (478, 2) and depths (478,) in square pixels of the plate, and presence."""


@dataclass(frozen=True, eq=False)
class Measured:
    """What several looks at one face say.

    Attributes:
        points: (478, 2) float64, square pixels of the plate.
        depths: (478,) float64, square pixels towards the camera from the head's middle; rough.
        presence: Mean logarithm of the odds that there is a face.
        spread: Standard deviation of one answer from the mean, rms over the landmarks, in sides of the face.
        inside: Share of the landmarks that lie in the frame.
    """

    points: Points
    depths: npt.NDArray[np.float64]
    presence: float
    spread: float
    inside: float

    @property
    def score(self) -> float:
        """0..1, how far the landmarks can be believed: 0.95 for a clear frontal face, below 0.5 for one half covered.

        The odds that there is a face at all, less where the looks disagree (their spread is about a third of the
        landmarks' error), times the share of landmarks that lie in the frame.
        """
        is_face = 1 / (1 + math.exp(-(self.presence - _DOUBTFUL_PRESENCE) / _PRESENCE_SLOPE))
        return is_face / (1 + (self.spread / _DOUBTFUL_SPREAD) ** 2) * self.inside


def settle(networks: FaceNetworks, sight: Sight, place: Place) -> tuple[Place, float]:
    """The face's own place, and its presence, from a place near it.

    The mesh looks, and looks again where its own landmarks say that the face is, until that place stays: from wherever
    within reach one begins, the end is the same. Where the presence is low there is no face, and the place is none.
    """
    presence = -math.inf
    for _ in range(_MOST_SETTLING):
        points, _, presence = _looks(networks, sight, place, (False,))[0]
        if presence < _HOPELESS:
            break
        before, place = place, place_of_landmarks(points)
        if before.distance(place) < _SETTLED:
            break
    return place, presence


def measure(networks: FaceNetworks, sight: Sight, place: Place) -> Measured:
    """The landmarks of the face that lies at a place that was settled."""
    looks = [
        look for right, down in _FEEDS for look in _looks(networks, sight, place.changed(right, down), (False, True))
    ]
    presence = float(np.mean([each for _, _, each in looks]))
    answers = np.array([points for points, _, _ in looks])
    kept = _without_outliers(answers)
    points = answers[kept].mean(axis=0)
    depths = np.mean([looks[index][1] for index in np.flatnonzero(kept)], axis=0)
    spread = math.sqrt(float(((answers - points) ** 2).sum(axis=2).mean())) / place.side
    return Measured(points, depths, presence, spread, sight.share_inside(points))


def _looks(networks: FaceNetworks, sight: Sight, place: Place, ways: tuple[bool, ...]) -> list[_Look]:
    """What the mesh sees at a place, shown to it as it is (False) or mirrored (True)."""
    square_from_view = place.square_from_view(MESH_SIDE, MESH_FIELD)
    view = exposed(sight.seen(square_from_view, MESH_SIDE))
    scale = place.side * MESH_FIELD / MESH_SIDE
    looks = []
    for is_mirrored in ways:
        answer = networks.mesh(view[:, ::-1] if is_mirrored else view)
        points, depths = answer.points, answer.depths
        if is_mirrored:
            points, depths = mirrored_landmarks(points, depths, MESH_SIDE)
        looks.append((apply_transform(square_from_view, points), depths * scale, answer.presence))
    return looks


def _without_outliers(answers: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """(N,) True for the answers (N, 478, 2) that lie no further from the median than answers do."""
    away = np.sqrt(((answers - np.median(answers, axis=0)) ** 2).sum(axis=2).mean(axis=1))
    return np.asarray(away <= _OUTLYING * np.median(away))
