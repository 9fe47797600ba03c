"""The move of a patch: where the square that the model paints lies in each frame of a plate."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from understudy.faces.alignment import ANCHOR_LANDMARKS, template
from understudy.geometry import Box, Points, Transform, apply_transform, inverse

__all__ = ["CORNERS", "TRACKS", "PatchMove"]

CORNERS: tuple[str, ...] = ("BottomLeft", "BottomRight", "TopRight", "TopLeft")
"""The order of a patch's corners, which is that of a CornerPin2D's pins 1 to 4; Fusion has inputs of these names."""

_CORNERS_OF_SQUARE = np.array([[0.0, 1.0], [1.0, 1.0], [1.0, 0.0], [0.0, 0.0]])

TRACKS: Mapping[str, int] = {"eye_picture_left": 33, "eye_picture_right": 263, "nose_bridge": 168, "nose_base": 2}
"""Names of the tracked points, and the landmarks of an average face whose places in the crop they are."""


@dataclass(frozen=True, eq=False)
class PatchMove:
    """How the crop of a shot's face moves through its plate.

    Attributes:
        shot: Name of the shot.
        side: Of the crop, in its own square pixels.
        display_window: Of the plate; hosts count from its bottom left.
        pixel_aspect: Of the plate.
        plate_from_crop: Takes crop pixels to plate pixels, by frame, frames ascending.
    """

    shot: str
    side: int
    display_window: Box
    pixel_aspect: float
    plate_from_crop: Mapping[int, Transform]

    @property
    def name(self) -> str:
        """The shot's name as the start of a node's: letters, digits and _ only."""
        return f"understudy_{re.sub('[^A-Za-z0-9]', '_', self.shot)}"

    @property
    def crop_window(self) -> Box:
        """The crop's pixels."""
        return Box(0, 0, self.side, self.side)

    def corners_crop(self) -> Points:
        """(4, 2) crop pixels: the crop's corners, in the order of `CORNERS`."""
        return np.asarray(_CORNERS_OF_SQUARE * self.side, np.float64)

    def corners_plate(self) -> dict[int, Points]:
        """(4, 2) plate pixels by frame: where the crop's corners lie, in the order of `CORNERS`."""
        return {number: apply_transform(to, self.corners_crop()) for number, to in self.plate_from_crop.items()}

    def plate_corners_crop(self) -> dict[int, Points]:
        """(4, 2) crop pixels by frame: where the plate's corners lie, in the order of `CORNERS`."""
        window = self.display_window
        corners = _CORNERS_OF_SQUARE * (window.width, window.height) + (window.left, window.top)
        return {number: apply_transform(inverse(to), corners) for number, to in self.plate_from_crop.items()}

    def tracks_plate(self) -> dict[int, Points]:
        """(4, 2) plate pixels by frame: the points of `TRACKS`, which are fixed in the crop and move as it does.

        They are not the landmarks of single frames, which jitter and change with the expression: a match-move by them
        is the alignment itself.
        """
        rows = [ANCHOR_LANDMARKS.index(landmark) for landmark in TRACKS.values()]
        points = template()[rows] * self.side
        return {number: apply_transform(to, points) for number, to in self.plate_from_crop.items()}
