"""Where a face lies before its alignment is known: the turned square of the frame in which the mesh looks for it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from understudy.geometry import Points, Transform, apply_transform

__all__ = ["MESH_FIELD", "Place", "place_of_landmarks"]

MESH_FIELD = 1.5
"""Side of what the mesh sees, in sides of the square around the face.

The mesh errs least there: its landmarks lie 0.040 of the distance of the eyes from the truth of synthetic heads,
0.047 at 1.3 or 1.65, and twice as far at 1.15 or 1.8 (docs/decisions/0013-finding-faces.md)."""

_OUTLINE = 468
"""Landmarks but the irises, which have no part in where a face ends."""

_RIGHT_EYE, _LEFT_EYE = (33, 133), (362, 263)


@dataclass(frozen=True)
class Place:
    """A turned square around a face, in square pixels of the plate.

    Attributes:
        x: Of its middle.
        y: Likewise.
        side: In pixels.
        roll: Radians that the head is turned clockwise in the picture.
    """

    x: float
    y: float
    side: float
    roll: float

    def square_from_view(self, view_side: int, field: float = 1.0) -> Transform:
        """Takes the pixels of a view, in which the face is upright, to the plate's square pixels.

        Args:
            view_side: Of the view, in its own pixels.
            field: What the view shows, in sides of this square.
        """
        scale = self.side * field / view_side
        cosine, sine = math.cos(self.roll) * scale, math.sin(self.roll) * scale
        linear = np.array([[cosine, -sine], [sine, cosine]])
        middle = np.array([view_side / 2, view_side / 2])
        return np.column_stack([linear, np.array([self.x, self.y]) - linear @ middle])

    def changed(self, right: float = 0.0, down: float = 0.0, scale: float = 1.0, turn: float = 0.0) -> Place:
        """This place moved along the face's own axes, in sides, then enlarged, and turned by radians."""
        cosine, sine = math.cos(self.roll), math.sin(self.roll)
        x = self.x + (right * cosine - down * sine) * self.side
        y = self.y + (right * sine + down * cosine) * self.side
        return Place(x, y, self.side * scale, self.roll + turn)

    def distance(self, other: Place) -> float:
        """How far this place is from another, in its own sides: by shift, size or roll, whatever is most."""
        shift = math.hypot(self.x - other.x, self.y - other.y) / self.side
        turn = abs((self.roll - other.roll + math.pi) % (2 * math.pi) - math.pi)
        return max(shift, abs(math.log(other.side / self.side)), turn)


def place_of_landmarks(points: Points) -> Place:
    """The square around a face's landmarks, levelled by its eyes.

    Args:
        points: (478, 2), square pixels of the plate.
    """
    right_eye, left_eye = points[list(_RIGHT_EYE)].mean(axis=0), points[list(_LEFT_EYE)].mean(axis=0)
    roll = math.atan2(left_eye[1] - right_eye[1], left_eye[0] - right_eye[0])
    cosine, sine = math.cos(roll), math.sin(roll)
    levelled_from_square = np.array([[cosine, sine, 0.0], [-sine, cosine, 0.0]])
    levelled = apply_transform(levelled_from_square, points[:_OUTLINE])
    low, high = levelled.min(axis=0), levelled.max(axis=0)
    middle = (low + high) / 2 @ levelled_from_square[:, :2]
    return Place(float(middle[0]), float(middle[1]), max(1e-3, float((high - low).max())), roll)
