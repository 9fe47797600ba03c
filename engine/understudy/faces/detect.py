"""Finds faces in a frame: a detector over tiles of it, then a face mesh. The only importer of mediapipe.

mediapipe's full-range detector sees 192 pixels of whatever it is shown, and its face mesh misses heads below about a
quarter of the frame's height. So the detector is shown the frame, then overlapping tiles of it, and the mesh is only
ever run on a levelled crop around a find, several times with small shifts, and averaged: its landmarks jitter by about
two thousandths of the face's height from one feed, and the mean of n feeds by a factor of sqrt(n) less.
"""

from __future__ import annotations

import contextlib
import math
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from understudy.color import MIDDLE_GREY, TrainingSpace, luminance
from understudy.errors import FaceError
from understudy.faces.face import Face
from understudy.geometry import Box, Points, Transform, apply_transform, compose, inverse
from understudy.resample import resample_roughly, source_region

__all__ = ["FaceFinder"]

Pixels = npt.NDArray[np.float32]
View = npt.NDArray[np.uint8]

_VIEW_SIDE = 2048
_TILE_SHARES = (0.5, 0.3)
_MESH_SIDE = 384
_MOST_MESH_SAMPLES = 4
_MESH_FIELD = 1.8
_FIRST_SCALES = (1.0, 0.75, 1.3)
_FEEDS = ((0.0, 0.0, 1.0), (0.03, -0.02, 1.06), (-0.02, 0.03, 0.94), (-0.03, -0.03, 1.03))
"""Shift in x and y as a share of the crop, and its scale, of each feed of the mesh."""

_LEAST_SCORE = 0.5
_LEAST_OVERLAP = 0.3


@dataclass(frozen=True)
class _Find:
    """What the detector says: box and eye points in the frame's square pixels."""

    left: float
    top: float
    right: float
    bottom: float
    roll: float
    score: float


class FaceFinder:
    """Finds faces; holds mediapipe's graphs, which take a moment to build. One for each thread; close it after use.

    Raises:
        FaceError: mediapipe or the system libraries that it needs are missing.
    """

    def __init__(self) -> None:
        with _quiet_native_logging():
            solutions = _mediapipe().solutions
            self._detector = solutions.face_detection.FaceDetection(
                model_selection=1, min_detection_confidence=_LEAST_SCORE
            )
            self._mesh = solutions.face_mesh.FaceMesh(
                static_image_mode=True, max_num_faces=1, refine_landmarks=True, min_detection_confidence=0.3
            )
            for graph in (self._detector, self._mesh):
                graph.process(np.zeros((_MESH_SIDE, _MESH_SIDE, 3), np.uint8))
        self._has_seen_a_face = False

    def close(self) -> None:
        """Frees the graphs."""
        self._detector.close()
        self._mesh.close()

    def __enter__(self) -> FaceFinder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def find(self, pixels: Pixels, window: Box, frame: int, pixel_aspect: float = 1.0) -> tuple[Face, ...]:
        """The faces in a frame, most certain first; none is an empty tuple.

        Args:
            pixels: (H, W, 3) float32 RGB, AP1 scene-linear, unbounded.
            window: Where `pixels` lie in the plate.
            frame: The frame's number.
            pixel_aspect: Of the plate; faces are looked for in square pixels.
        """
        view_from_plate, view = _detector_view(pixels, window, pixel_aspect)
        plate_from_view = inverse(view_from_plate)
        height, width = view.shape[:2]
        faces: list[Face] = []
        for tiles in _searches(width, height):
            finds = [find for tile in tiles for find in self._finds_in(view, tile)]
            for find in _without_doubles(finds):
                face = self._face_of(find, plate_from_view, pixels, window, frame, pixel_aspect)
                if face is not None and all(_overlap(face.box, other.box) < _LEAST_OVERLAP for other in faces):
                    faces.append(face)
            if faces:
                break
        return tuple(sorted(faces, key=lambda face: -face.score))

    def _finds_in(self, view: View, tile: Box) -> list[_Find]:
        shown = np.ascontiguousarray(view[tile.top : tile.bottom, tile.left : tile.right])
        detections = self._detector.process(shown).detections or ()
        return [_find_of(detection, tile) for detection in detections]

    def _face_of(
        self, find: _Find, plate_from_view: Transform, pixels: Pixels, window: Box, frame: int, pixel_aspect: float
    ) -> Face | None:
        """The face at a find: a first feed finds where it lies exactly, the others are averaged."""
        firsts = (
            self._mesh_points(compose(plate_from_view, _view_from_mesh(find, 0, 0, scale)), pixels, window)
            for scale in _FIRST_SCALES
        )
        first = next((seen for seen in firsts if seen is not None), None)
        if first is None:
            return None
        exact = _find_of_landmarks(apply_transform(inverse(plate_from_view), first[0]), find.score)
        fed = [
            self._mesh_points(compose(plate_from_view, _view_from_mesh(exact, *feed)), pixels, window)
            for feed in _FEEDS
        ]
        answers = [seen for seen in fed if seen is not None]
        if len(answers) * 2 < len(_FEEDS):
            return None
        landmarks = np.mean([points for points, _ in answers], axis=0)
        depths = np.mean([depths for _, depths in answers], axis=0) * math.sqrt(pixel_aspect)
        return Face(frame, landmarks, depths.astype(np.float32), find.score)

    def _mesh_points(
        self, plate_from_mesh: Transform, pixels: Pixels, window: Box
    ) -> tuple[Points, npt.NDArray[np.float32]] | None:
        target = Box(0, 0, _MESH_SIDE, _MESH_SIDE)
        region = source_region(plate_from_mesh, target, window)
        if region.width < 8 or region.height < 8:
            return None
        part = pixels[region.slices(window)]
        seen = resample_roughly(part, region, plate_from_mesh, target, most_samples=_MOST_MESH_SAMPLES)
        with contextlib.nullcontext() if self._has_seen_a_face else _quiet_native_logging():
            answer = self._mesh.process(_exposed_view(seen)).multi_face_landmarks
        self._has_seen_a_face |= bool(answer)
        if not answer:
            return None
        points = np.array([(point.x, point.y, point.z) for point in answer[0].landmark]) * _MESH_SIDE
        middle = points[:, :2].mean(axis=0) / _MESH_SIDE
        if np.abs(middle - 0.5).max() > 0.3:
            return None
        span = math.sqrt(abs(float(np.linalg.det(plate_from_mesh[:, :2]))))
        return apply_transform(plate_from_mesh, points[:, :2]), (-points[:, 2] * span).astype(np.float32)


def _mediapipe() -> Any:
    try:
        import mediapipe
    except ImportError as error:
        raise FaceError(
            f"mediapipe, which finds faces, cannot be loaded ({error}). On Debian or Ubuntu run: "
            "apt-get install libgl1 libegl1 libgles2"
        ) from error
    return mediapipe


@contextlib.contextmanager
def _quiet_native_logging() -> Iterator[None]:
    """The C++ part of mediapipe writes notices to stderr while it starts, before any level can be set."""
    os.environ.setdefault("GLOG_minloglevel", "3")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        sys.stderr.flush()
        kept, silent = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    except OSError:
        yield
        return
    try:
        os.dup2(silent, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(silent)
        os.close(kept)


def _detector_view(pixels: Pixels, window: Box, pixel_aspect: float) -> tuple[Transform, View]:
    """The frame in log codes, which show a face at any exposure, in square pixels, at most 2048 on a side."""
    import cv2

    scale = min(1.0, _VIEW_SIDE / max(window.width * pixel_aspect, window.height))
    width = max(1, round(window.width * pixel_aspect * scale))
    height = max(1, round(window.height * scale))
    shrunk = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    codes = TrainingSpace().encode(np.ascontiguousarray(shrunk, np.float32))
    scale_x, scale_y = width / window.width, height / window.height
    view_from_plate = np.array([[scale_x, 0, -window.left * scale_x], [0, scale_y, -window.top * scale_y]])
    return view_from_plate, _eight_bits(codes)


def _exposed_view(pixels: Pixels) -> View:
    """A crop as a screen would show it, exposed so that its middle's geometric mean is grey, with a soft shoulder."""
    inner = luminance(pixels[_MESH_SIDE // 4 : -_MESH_SIDE // 4, _MESH_SIDE // 4 : -_MESH_SIDE // 4])
    level = float(np.exp(np.log(np.maximum(inner, 1e-6)).mean()))
    exposed = np.maximum(pixels, 0) * np.float32(MIDDLE_GREY / max(level, 1e-6))
    shouldered = exposed * (1 + exposed / 9) / (1 + exposed)
    return _eight_bits(np.power(np.clip(shouldered, 0, 1), np.float32(1 / 2.2)))


def _eight_bits(values: Pixels) -> View:
    return (np.clip(np.nan_to_num(values), 0, 1) * 255 + 0.5).astype(np.uint8)


def _searches(width: int, height: int) -> Iterator[list[Box]]:
    """Tiles to search together, coarse to fine: the next ones are only needed when these hold no face."""
    yield [Box(0, 0, width, height), *_tiles(width, height, min(width, height))]
    for share in _TILE_SHARES:
        yield _tiles(width, height, round(min(width, height) * share))


def _tiles(width: int, height: int, side: int) -> list[Box]:
    """Square tiles of this side that cover the view and overlap by at least a third."""
    lefts, tops = _starts(width, side), _starts(height, side)
    return [Box(left, top, min(left + side, width), min(top + side, height)) for top in tops for left in lefts]


def _starts(length: int, side: int) -> list[int]:
    if side >= length:
        return [0]
    count = math.ceil((length - side) / (side * 2 / 3)) + 1
    return [round(index * (length - side) / (count - 1)) for index in range(count)]


def _find_of(detection: Any, tile: Box) -> _Find:
    box = detection.location_data.relative_bounding_box
    eyes = detection.location_data.relative_keypoints
    roll = math.atan2((eyes[1].y - eyes[0].y) * tile.height, (eyes[1].x - eyes[0].x) * tile.width)
    left, top = tile.left + box.xmin * tile.width, tile.top + box.ymin * tile.height
    return _Find(
        left,
        top,
        left + box.width * tile.width,
        top + box.height * tile.height,
        roll,
        float(detection.score[0]),
    )


def _find_of_landmarks(landmarks_view: Points, score: float) -> _Find:
    """The find that the mesh's own landmarks give; its middle and size move less than the detector's."""
    low, high = landmarks_view.min(axis=0), landmarks_view.max(axis=0)
    right_eye, left_eye = landmarks_view[[33, 133]].mean(axis=0), landmarks_view[[362, 263]].mean(axis=0)
    roll = math.atan2(left_eye[1] - right_eye[1], left_eye[0] - right_eye[0])
    return _Find(float(low[0]), float(low[1]), float(high[0]), float(high[1]), roll, score)


def _without_doubles(finds: list[_Find]) -> list[_Find]:
    kept: list[_Find] = []
    for find in sorted(finds, key=lambda item: -item.score):
        box = (find.left, find.top, find.right, find.bottom)
        if all(_overlap(box, (other.left, other.top, other.right, other.bottom)) < _LEAST_OVERLAP for other in kept):
            kept.append(find)
    return kept


def _overlap(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Shared area over the smaller box's area."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    smaller = min((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return width * height / max(smaller, 1e-9)


def _view_from_mesh(find: _Find, shift_x: float, shift_y: float, scale: float) -> Transform:
    """Takes the mesh's square to the view: around the find, levelled by its eyes, shifted and scaled a little."""
    side = max(find.right - find.left, find.bottom - find.top) * _MESH_FIELD * scale
    centre_x = (find.left + find.right) / 2 + shift_x * side
    centre_y = (find.top + find.bottom) / 2 + shift_y * side
    cosine, sine = math.cos(find.roll), math.sin(find.roll)
    linear = np.array([[cosine, -sine], [sine, cosine]]) * (side / _MESH_SIDE)
    middle = np.array([_MESH_SIDE / 2, _MESH_SIDE / 2])
    return np.column_stack([linear, np.array([centre_x, centre_y]) - linear @ middle])
