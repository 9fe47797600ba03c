"""The camera that looks at a performer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from understudy.synthetic.falloff import Floats

__all__ = ["HEAD_HEIGHT", "Camera"]

HEAD_HEIGHT = 24.0
"""Height of a head in cm, crown to chin, that framing reckons with."""

_AIM_HEIGHT = -0.6


@dataclass(frozen=True)
class Camera:
    """A pinhole on the +z axis that looks along -z.

    Plate points are x then y, pixels, y down, the first pixel's centre at (0.5, 0.5).

    Attributes:
        distance: From the origin, cm.
        focal_px: Focal length in pixels.
        centre_x: Where the axis meets the picture, pixels.
        centre_y: The same, downwards.
    """

    distance: float
    focal_px: float
    centre_x: float
    centre_y: float

    @staticmethod
    def framing(
        size: tuple[int, int], fill: float = 0.60, cx: float = 0.5, cy: float = 0.47, distance: float = 95.0
    ) -> Camera:
        """A camera that frames a head.

        Args:
            size: Width and height of the picture.
            fill: Share of the picture's height that 24 cm of head take.
            cx: Centre of the head as a share of the width.
            cy: The same of the height, from the top.
            distance: cm.
        """
        width, height = size
        return Camera(distance, fill * height / HEAD_HEIGHT * distance, cx * width, cy * height)

    def plate_from_world(self, points: Floats) -> tuple[Floats, Floats]:
        """Plate points (N, 2) and depths (N,) in cm of world points (N, 3)."""
        depth = self.distance - points[:, 2]
        x = self.centre_x + self.focal_px * points[:, 0] / depth
        y = self.centre_y - self.focal_px * (points[:, 1] - _AIM_HEIGHT) / depth
        return np.stack([x, y], axis=1), depth

    def depth_px(self, depth: Floats) -> Floats:
        """Depths in cm as pixels in front of the origin, at the scale a pixel has there."""
        pixels: Floats = (self.distance - depth) * self.focal_px / self.distance
        return pixels
