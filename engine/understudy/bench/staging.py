"""Heads and a photograph put into large frames at a known size, turn, place and exposure, with their true landmarks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from understudy.bench.made_up_shot import texture
from understudy.color import DEFAULT_CONFIG, ColorConfig
from understudy.faces.place import place_of_landmarks
from understudy.geometry import Box, Points, apply_transform, bounds_of_points, inverse
from understudy.synthetic.camera import Camera
from understudy.synthetic.lighting import light_rig
from understudy.synthetic.performance import Moment
from understudy.synthetic.performer import make_performer
from understudy.synthetic.render import COLOR_SPACE, Take, render_frame

__all__ = ["FRAME_SIZE", "Cutout", "Staged", "portrait", "rendered", "stage"]

Pixels = npt.NDArray[np.float32]

FRAME_SIZE = (4096, 2160)

_RENDER_SIDE, _RENDER_FILL = 768, 0.62
_BACKGROUND_GAIN = 0.4
_FACE_MIDDLE, _FACE_SHARE = (0.435, 0.215), 0.207
"""Where the astronaut's face lies in her portrait, and forehead to chin, as shares of its side."""


@dataclass(frozen=True, eq=False)
class Cutout:
    """A face to be put into frames.

    Attributes:
        pixels: (H, W, 3) float32 AP1 scene-linear.
        alpha: (H, W) float32 0..1: what is put in.
        middle: Of the face, x and y in pixels.
        height: Forehead (landmark 10) to chin (152) in pixels, when the face is frontal.
        landmarks: (478, 2) its true landmarks in pixels; NaN where they are not known.
    """

    pixels: Pixels
    alpha: Pixels
    middle: tuple[float, float]
    height: float
    landmarks: Points


@dataclass(frozen=True, eq=False)
class Staged:
    """A frame with one face.

    Attributes:
        pixels: (H, W, 3) float32 AP1 scene-linear.
        plate_from_cutout: (2, 3) where the cutout's pixels lie.
    """

    pixels: Pixels
    plate_from_cutout: npt.NDArray[np.float64]

    def in_cutout(self, landmarks_plate: Points) -> Points:
        """Landmarks (478, 2) of the frame in the cutout's own pixels."""
        return apply_transform(inverse(self.plate_from_cutout), landmarks_plate)


def rendered(identity: int, moment: Moment, seconds: float = 0.0) -> Cutout:
    """A synthetic performer's head, without what is behind it."""
    side = (_RENDER_SIDE, _RENDER_SIDE)
    take = Take(identity, identity, side, Camera.framing(side, _RENDER_FILL))
    frame = render_frame(make_performer(identity), moment, light_rig(identity, seconds), take)
    color = ColorConfig.load(DEFAULT_CONFIG)
    pixels = color.ap1_from_working(color.to_working(frame.pixels.astype(np.float32), COLOR_SPACE))
    landmarks = frame.landmarks_plate.astype(np.float64)
    place = place_of_landmarks(landmarks)
    return Cutout(pixels, frame.alpha.astype(np.float32), (place.x, place.y), _frontal_height(identity), landmarks)


@lru_cache(maxsize=16)
def _frontal_height(identity: int) -> float:
    side = (64, 64)
    frame = render_frame(
        make_performer(identity),
        Moment(),
        light_rig(identity),
        Take(0, identity, side, Camera.framing(side, _RENDER_FILL)),
    )
    return float(np.linalg.norm(frame.landmarks_plate[10] - frame.landmarks_plate[152])) * _RENDER_SIDE / side[0]


def portrait() -> Cutout | None:
    """The astronaut Eileen Collins, photographed by NASA, public domain; None where scikit-image is not installed."""
    try:
        data: Any = import_module("skimage.data")
    except ImportError:
        return None
    color = ColorConfig.load(DEFAULT_CONFIG)
    encoded = data.astronaut().astype(np.float32) / 255
    pixels = color.ap1_from_working(color.to_working(encoded, "srgb_rec709_scene"))
    side = pixels.shape[0]
    middle = (_FACE_MIDDLE[0] * side, _FACE_MIDDLE[1] * side)
    return Cutout(pixels, np.ones(pixels.shape[:2], np.float32), middle, _FACE_SHARE * side, np.full((478, 2), np.nan))


def stage(
    cutout: Cutout,
    share: float,
    middle: tuple[float, float] = (0.5, 0.5),
    roll: float = 0.0,
    stops: float = 0.0,
    surround_stops: float | None = None,
    size: tuple[int, int] = FRAME_SIZE,
) -> Staged:
    """A frame with a face in it, before a texture of all sizes with highlights up to 24.

    Args:
        cutout: The face.
        share: Its height as a share of the frame's, when it is frontal.
        middle: Of the face, as shares of the frame's width and height.
        roll: Degrees that it is turned clockwise.
        stops: Exposure.
        surround_stops: Exposure of the rest; the same when None.
        size: Width and height of the frame.
    """
    width, height = size
    scale = share * height / cutout.height
    angle = math.radians(roll)
    linear = scale * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    shift = np.array([middle[0] * width, middle[1] * height]) - linear @ np.array(cutout.middle)
    plate_from_cutout = np.column_stack([linear, shift])
    frame = _background(size) * np.float32(2.0 ** (stops if surround_stops is None else surround_stops))
    across, down = cutout.pixels.shape[1], cutout.pixels.shape[0]
    corners = apply_transform(plate_from_cutout, [(0, 0), (across, 0), (0, down), (across, down)])
    region = bounds_of_points(corners).grown(2).intersect(Box(0, 0, width, height))
    premultiplied = np.dstack([cutout.pixels * cutout.alpha[..., None], cutout.alpha])
    put = _warped(premultiplied, plate_from_cutout, region)
    part = frame[region.slices(Box(0, 0, width, height))]
    part *= 1 - put[..., 3:]
    part += put[..., :3] * np.float32(2.0**stops)
    return Staged(frame, plate_from_cutout)


@lru_cache(maxsize=2)
def _background(size: tuple[int, int]) -> Pixels:
    return np.ascontiguousarray(texture(size)[..., :3]) * np.float32(_BACKGROUND_GAIN)


def _warped(pixels: Pixels, plate_from_cutout: npt.NDArray[np.float64], region: Box) -> Pixels:
    """The pixels in a region of a frame, without aliasing where they shrink; OpenCV counts from a pixel's middle."""
    scale = math.hypot(*plate_from_cutout[:, 0])
    while scale < 0.5:
        pixels = cv2.resize(pixels, (pixels.shape[1] // 2, pixels.shape[0] // 2), interpolation=cv2.INTER_AREA)
        plate_from_cutout = np.column_stack([plate_from_cutout[:, :2] * 2, plate_from_cutout[:, 2]])
        scale *= 2
    if scale < 1:
        pixels = cv2.GaussianBlur(pixels, (0, 0), 0.4 / scale)
    linear = plate_from_cutout[:, :2]
    shift = linear @ (0.5, 0.5) + plate_from_cutout[:, 2] - 0.5 - (region.left, region.top)
    size = (region.width, region.height)
    # Linear: cubic kernels ring below zero at highlights.
    warped = cv2.warpAffine(pixels, np.column_stack([linear, shift]), size, flags=cv2.INTER_LINEAR)
    return np.asarray(warped, np.float32)
