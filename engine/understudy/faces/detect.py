"""Finds faces in a frame, at any size, turn and exposure, and follows them from frame to frame.

The detector is shown squares of the frame, coarse and fine, upright and turned; the mesh judges what it finds, and
says where the face lies exactly. A face that was found before is looked for where it is expected, which needs no
detector; what it is said to be never depends on that: its landmarks are measured from its own place.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from understudy.faces.cuts import frame_look, is_cut
from understudy.faces.face import Face, FoundFrame
from understudy.faces.mesh import Measured, measure, settle
from understudy.faces.networks import FaceNetworks
from understudy.faces.place import Place, place_of_landmarks
from understudy.faces.search import around, coarse_squares, detected, fine_squares, turned
from understudy.faces.sight import Sight
from understudy.geometry import Box, Transform, apply_transform, square_pixels_from_plate

__all__ = ["CYCLE", "FaceFinder", "FaceFollower"]

Pixels = npt.NDArray[np.float32]

CYCLE = 24
"""Frames in which every part of the picture is searched once, fine and turned, for faces that come in."""

_NEW, _KNOWN = (5.0, 0.040), (1.0, 0.060)
"""Least presence and most spread of a face that was not there before, and of one that was: a hand that passes over it
does not end it. What the detector takes for faces where there are none has a presence of 5 at most, and what it sees in
a part of a face that fills the frame, a spread of 0.045 (docs/decisions/0013-finding-faces.md)."""

_LEAST_OVERLAP = 0.3
_LONGEST_STEP = 3
"""Frames after which a face is no longer where it was."""

_REACH = 0.6
"""How far from where it was expected, in its own sides, and by what size or roll, a face is still the same one."""


class FaceFinder:
    """Finds faces; holds mediapipe's graphs, which take a moment to build. One for each thread; close it after use.

    Raises:
        FaceError: mediapipe or the system libraries that it needs are missing.
    """

    def __init__(self) -> None:
        self._networks = FaceNetworks()

    def close(self) -> None:
        """Frees the graphs."""
        self._networks.close()

    def __enter__(self) -> FaceFinder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def find(
        self,
        pixels: Pixels,
        window: Box,
        frame: int,
        pixel_aspect: float = 1.0,
        ap1_from_plate: Callable[[Pixels], Pixels] | None = None,
    ) -> tuple[Face, ...]:
        """The faces in a frame of which nothing is known, the surest first; none is an empty tuple.

        Args:
            pixels: (H, W, C) float32 RGB first, unbounded; NaN and infinities are passed over.
            window: Where `pixels` lie in the plate.
            frame: The frame's number.
            pixel_aspect: Of the plate; faces are looked for in square pixels.
            ap1_from_plate: Converts (h, w, 3) float32 pixels to AP1, scene-linear; None when they are that.
        """
        return self.search(Sight(pixels, window, pixel_aspect, ap1_from_plate), frame)

    def search(self, sight: Sight, frame: int) -> tuple[Face, ...]:
        """The faces in a frame: upright ones of all sizes; where there is none, turned ones."""
        coarse, fine = coarse_squares(sight), fine_squares(sight)
        faces: tuple[Face, ...] = ()
        for squares in ([*coarse, *fine], turned(coarse), turned(fine)):
            faces = self.add(sight, frame, faces, squares)
            if faces:
                break
        return faces

    def add(self, sight: Sight, frame: int, faces: Sequence[Face], squares: Iterable[Place]) -> tuple[Face, ...]:
        """These faces, and those that the detector sees beside them in some squares of the frame."""
        candidates = []
        for place, _ in detected(self._networks, sight, squares):
            if not any(_lies_in(place, sight, face) for face in faces):
                face = self.at(sight, frame, _and_upside_down(place))
                candidates += [face] if face is not None else []
        found = list(faces)
        for face in sorted(candidates, key=lambda candidate: -candidate.score):
            if all(_overlap(face.box, other.box) < _LEAST_OVERLAP for other in found):
                found.append(face)
        return tuple(sorted(found, key=lambda face: -face.score))

    def at(self, sight: Sight, frame: int, places: Iterable[Place], is_known: bool = False) -> Face | None:
        """The face at the surest of some places; None when there is none.

        Args:
            sight: The frame.
            frame: Its number.
            places: About where it is, each with another roll or size.
            is_known: True when it was there in a frame before: then less has to be seen of it.
        """
        place, presence = max((settle(self._networks, sight, place) for place in places), key=lambda found: found[1])
        least, most = _KNOWN if is_known else _NEW
        if presence < least:
            return None
        measured = measure(self._networks, sight, place)
        is_face = measured.presence >= least and measured.spread <= most
        return _face_of(measured, sight, frame) if is_face else None

    def again(self, sight: Sight, frame: int, places: Iterable[Place]) -> Face | None:
        """A face that is known, at one of the places where it may be by now; None when it is at none."""
        for place in places:
            face = self.at(sight, frame, (place,), is_known=True)
            if face is not None and place.distance(_place_of(face, sight.square_from_plate)) < _REACH:
                return face
        return None

    def near(self, sight: Sight, frame: int, place: Place) -> Face | None:
        """The face that the detector sees around a place where one was; None when there is none."""
        for find, _ in detected(self._networks, sight, around(place)):
            face = self.at(sight, frame, _and_upside_down(find))
            if face is not None:
                return face
        return None


@dataclass(frozen=True, eq=False)
class _Known:
    """A face of frames before.

    Attributes:
        place: Where it was last.
        motion: How far it moved from one frame to the next, right and down in square pixels.
        frame: When it was there.
    """

    place: Place
    motion: tuple[float, float]
    frame: int

    def expected(self, frame: int) -> Place:
        """Where it is in a frame if it moved on."""
        right, down = self.motion
        frames = frame - self.frame
        return Place(self.place.x + right * frames, self.place.y + down * frames, self.place.side, self.place.roll)


class FaceFollower:
    """Finds the faces of a shot's frames in turn: those of the frame before where they are expected, and new ones.

    A face that is lost is looked for around its last place, at any turn, for a while. In each frame the whole is
    searched coarsely, and a part of it finely and turned; the first frame, one after a cut, and one that comes long
    after the last are searched as `FaceFinder.search` does.

    Args:
        finder: Finds them.

    Attributes:
        newcomers: The faces of the last frame that were not known in the one before, from which it goes on: they may
            have been there for less than a cycle.
    """

    def __init__(self, finder: FaceFinder) -> None:
        self.newcomers: tuple[Face, ...] = ()
        self._finder = finder
        self._frame: int | None = None
        self._look: tuple[float, ...] = ()
        self._known: list[_Known] = []

    def go_on_from(self, found: FoundFrame, pixel_aspect: float = 1.0) -> None:
        """Takes the faces of a frame that was searched before as known, so that the next one is followed from there."""
        square_from_plate = square_pixels_from_plate(pixel_aspect)
        self._frame, self._look = found.frame, found.look
        self._known = [_known(face, square_from_plate) for face in found.faces]

    def next(self, sight: Sight, frame: int) -> tuple[tuple[Face, ...], tuple[float, ...]]:
        """The faces of the next frame, the surest first, and its look, as `cuts.frame_look` gives it."""
        look = frame_look(sight.overview)
        self.newcomers = ()
        if self._frame is not None and 0 < frame - self._frame <= _LONGEST_STEP and not is_cut(self._look, look):
            faces = self._follow(sight, frame)
        else:
            faces = self._finder.search(sight, frame)
            self._known = [_known(face, sight.square_from_plate) for face in faces]
        self._frame, self._look = frame, look
        return faces, look

    def _follow(self, sight: Sight, frame: int) -> tuple[Face, ...]:
        followed: list[Face] = []
        known: list[_Known] = []
        for old in self._known:
            face = self._found_again(sight, frame, old)
            if face is None:
                known.append(old)
            elif all(_overlap(face.box, other.box) < _LEAST_OVERLAP for other in followed):
                followed.append(face)
                known.append(_known(face, sight.square_from_plate, old))
        faces = self._finder.add(sight, frame, followed, _part_of_cycle(sight, frame))
        new = [face for face in faces if face not in followed]
        self.newcomers = tuple(new)
        self._known = [old for old in known if self._is_open(old, sight, frame, new)]
        self._known += [_known(face, sight.square_from_plate) for face in new]
        return faces

    def _is_open(self, old: _Known, sight: Sight, frame: int, new: Sequence[Face]) -> bool:
        """True when a face is still there, or was lost lately and did not come back as a new one."""
        if old.frame == frame:
            return True
        return frame - old.frame < CYCLE and not any(_lies_in(old.expected(frame), sight, face) for face in new)

    def _found_again(self, sight: Sight, frame: int, old: _Known) -> Face | None:
        face = self._finder.again(sight, frame, (old.expected(frame), old.place))
        return face or self._finder.near(sight, frame, old.place)

    def came_with(self, sight: Sight, frame: int, later: Face, beside: Sequence[Face]) -> Face | None:
        """A newcomer in the frame before the one in which it was found; None when it is not there.

        Args:
            sight: The frame before.
            frame: Its number.
            later: The newcomer.
            beside: The other faces of that frame.
        """
        face = self._finder.again(sight, frame, (_place_of(later, sight.square_from_plate),))
        return (
            face
            if face is not None and not any(_overlap(face.box, other.box) >= _LEAST_OVERLAP for other in beside)
            else None
        )


def _part_of_cycle(sight: Sight, frame: int) -> list[Place]:
    """What is searched in a frame for faces that come in: the whole coarsely, and a part of the rest."""
    coarse, fine = coarse_squares(sight), fine_squares(sight)
    return coarse + [*fine, *turned(coarse), *turned(fine)][frame % CYCLE :: CYCLE]


def _and_upside_down(place: Place) -> tuple[Place, Place]:
    """A find, and the same turned by half: the detector takes some faces for upright ones that are not."""
    return place, place.changed(turn=math.pi)


def _face_of(measured: Measured, sight: Sight, frame: int) -> Face:
    landmarks = apply_transform(sight.plate_from_square, measured.points)
    return Face(frame, landmarks, measured.depths.astype(np.float32), measured.score)


def _place_of(face: Face, square_from_plate: Transform) -> Place:
    return place_of_landmarks(apply_transform(square_from_plate, face.landmarks_plate))


def _known(face: Face, square_from_plate: Transform, before: _Known | None = None) -> _Known:
    """A face as one to be followed, with its motion from where it was before."""
    place = _place_of(face, square_from_plate)
    if before is None:
        return _Known(place, (0.0, 0.0), face.frame)
    frames = face.frame - before.frame
    motion = (place.x - before.place.x) / frames, (place.y - before.place.y) / frames
    return _Known(place, motion, face.frame)


def _lies_in(place: Place, sight: Sight, face: Face) -> bool:
    """True when a place is that of a face that is known, more or less."""
    known = _place_of(face, sight.square_from_plate)
    return math.hypot(place.x - known.x, place.y - known.y) < 0.5 * max(place.side, known.side)


def _overlap(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Shared area over the smaller box's area."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    smaller = min((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return width * height / max(smaller, 1e-9)
