"""Faces over time: links the faces of a shot into tracks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, permutations
from typing import NamedTuple

import numpy as np

from understudy.faces.appearance import UNLIKE, alike
from understudy.faces.cuts import is_cut, look_change
from understudy.faces.face import Face, FoundFrame

__all__ = ["LONGEST_GAP", "Track", "cut_frames", "link_tracks", "main_track"]

_LEAST_OVERLAP = 0.25
LONGEST_GAP = 12
"""Frames after its last face at which a track is at its end: half a second."""

_REMEMBERED, _BELIEVED = 4, 6
"""Faces from which a track's speed is told, and frames for which it is believed: heads turn back."""

_CONTESTED = 0.5
"""Share of an overlap at which another with the same face, or the same track, makes it doubtful: then looks count."""

_LOOKS_COUNT = 2.0
"""What likeness counts beside an overlap, both 0..1: people differ by about 0.3."""

_SUDDEN_STOPS, _SUDDEN_TIMES = 0.1, 2.0
"""Change of the picture above which, if it is so much more than before and after it, a cut is possible."""

_LESS_ALIKE = 0.1
"""By how much likeness must fall at a cut. Strong grain alone takes it to 0.56, in all frames alike."""

_IN_A_ROW = 2
"""Frames between two of one person's in which skin stays alike; one may be missing, or the plate be on twos."""

_NOTHING_SAID: Mapping[int, bool] = {}

_Edges = tuple[float, float, float, float]
"""Left, top, right, bottom in plate pixels."""


@dataclass(frozen=True, eq=False)
class Track:
    """One person through a shot.

    Attributes:
        number: 1 for the largest track of the shot, 2 for the next.
        faces: At most one for each frame, ascending.
        starts: Frames in which a new movement begins, after a cut or where the face was lost; the first need not be
            among them.
    """

    number: int
    faces: tuple[Face, ...]
    starts: frozenset[int] = frozenset()

    @property
    def frames(self) -> tuple[int, ...]:
        """Numbers of the frames in which the face was found."""
        return tuple(face.frame for face in self.faces)

    @property
    def height_px(self) -> float:
        """Median height of the landmarks' box, in plate pixels."""
        return float(np.median([face.box[3] - face.box[1] for face in self.faces]))


def link_tracks(found: Mapping[int, FoundFrame], said: Mapping[int, bool] = _NOTHING_SAID) -> tuple[Track, ...]:
    """The shot's faces as tracks, the largest first.

    A face joins the track that is expected where it is: one whose last box, at most 12 frames ago, moved on as it
    moved before, overlaps it most; a track that stopped or turned is looked for where it was last. A face that
    overlaps none by a quarter (of the union) starts a new track, and so do all faces after a cut. Where two tracks
    could take a face, or a track two faces, what they look like counts too. Size is the sum of the boxes' heights over
    the frames.

    Args:
        found: The frames that were searched.
        said: As `cut_frames` takes it.
    """
    tracks: list[list[Face]] = []
    open_tracks: list[list[Face]] = []
    cuts = set(cut_frames(found, said))
    for frame in sorted(found):
        open_tracks = [track for track in open_tracks if frame not in cuts and frame - track[-1].frame <= LONGEST_GAP]
        started = [[face] for face in _joining_none(open_tracks, found[frame].faces)]
        tracks.extend(started)
        open_tracks.extend(started)
    ordered = sorted(tracks, key=lambda track: (-sum(face.box[3] - face.box[1] for face in track), track[0].frame))
    return tuple(Track(number, tuple(track)) for number, track in enumerate(ordered, start=1))


def cut_frames(found: Mapping[int, FoundFrame], said: Mapping[int, bool] = _NOTHING_SAID) -> tuple[int, ...]:
    """The frames, ascending, whose picture does not go on from that of the frame searched before.

    A picture that changes much is one; and one that changes suddenly, if less, in which other people's faces are where
    faces were.

    Args:
        found: The frames that were searched.
        said: By frame, whether an artist says that a cut is there; elsewhere the pictures say it.
    """
    frames = [found[number] for number in sorted(found)]
    changes = [look_change(before.look, after.look) for before, after in pairwise(frames)]
    cuts = []
    for place, (before, after) in enumerate(pairwise(frames)):
        words = [said[frame] for frame in said if before.frame < frame <= after.frame]
        around = [*changes[max(0, place - 1) : place], *changes[place + 1 : place + 2]]
        is_sudden = changes[place] > max(_SUDDEN_STOPS, _SUDDEN_TIMES * max(around, default=0.0))
        earlier = frames[place - 1] if place else None
        if (
            any(words)
            if words
            else is_cut(before.look, after.look) or (is_sudden and _shows_others(before, after, earlier))
        ):
            cuts.append(after.frame)
    return tuple(cuts)


def main_track(tracks: Sequence[Track]) -> Track | None:
    """The main person among these as one track: the largest, and of frames it lacks the faces of those that follow on.

    None when there is no track. A head that leaves the frame and returns, or turns fast, breaks tracks; as long as no
    second face is in the frame it is still the same person.

    Args:
        tracks: The largest first.
    """
    if not tracks:
        return None
    counts = Counter(face.frame for track in tracks for face in track.faces)
    faces = {face.frame: (tracks[0], face) for face in tracks[0].faces}
    for track in tracks[1:]:
        faces.update({face.frame: (track, face) for face in track.faces if counts[face.frame] == 1})
    ordered = [faces[frame] for frame in sorted(faces)]
    starts = {face.frame for (before, _), (track, face) in pairwise(ordered) if track is not before}
    return Track(tracks[0].number, tuple(face for _, face in ordered), frozenset(starts))


def _shows_others(before: FoundFrame, after: FoundFrame, earlier: FoundFrame | None) -> bool:
    """True when faces are where faces were a moment before, and each looks like somebody else.

    Args:
        before: A frame.
        after: The next one that was searched.
        earlier: The one before `before`: grain makes all faces less alike, so that only a fall from there counts.
    """
    likeness = _likeness_in_place(before, after)
    if not likeness or max(likeness) >= UNLIKE:
        return False
    usual = _likeness_in_place(earlier, before) if earlier is not None else []
    return not usual or max(likeness) < min(usual) - _LESS_ALIKE


def _likeness_in_place(before: FoundFrame, after: FoundFrame) -> list[float]:
    """How alike faces of two frames in a row are that overlap; empty where that is not known of all."""
    if after.frame - before.frame > _IN_A_ROW:
        return []
    pairs = [(one, other) for one in before.faces for other in after.faces]
    in_place = [(one, other) for one, other in pairs if _union_overlap(one.box, other.box) >= _LEAST_OVERLAP]
    likeness = [each for one, other in in_place if (each := alike(one, other)) is not None]
    return likeness if len(likeness) == len(in_place) else []


def _joining_none(tracks: Sequence[list[Face]], faces: Sequence[Face]) -> list[Face]:
    """Adds the faces of one frame to the tracks that they belong to; returns those that belong to none."""
    left = list(faces)
    for place in (_expected_box, _last_box):
        for pair in _best_first(place, tracks, left):
            if pair.face in left and pair.track[-1].frame != pair.face.frame:
                pair.track.append(pair.face)
                left.remove(pair.face)
    return left


class _Pair(NamedTuple):
    """A track that may go on with a face.

    Attributes:
        track: Its faces so far.
        face: Of the frame that is looked at.
        overlap: Of the face with the place where the track is looked for.
    """

    track: list[Face]
    face: Face
    overlap: float

    def excludes(self, other: _Pair) -> bool:
        """True when only one of both can be: they have the track or the face in common."""
        return self.track is other.track or self.face is other.face


def _best_first(
    place: Callable[[Sequence[Face], int], _Edges], tracks: Sequence[list[Face]], faces: Sequence[Face]
) -> list[_Pair]:
    """Pairs of tracks and faces that overlap: by overlap, and by looks where one is contested.

    Args:
        place: Where a track is looked for in a frame.
        tracks: That may go on.
        faces: Of one frame.
    """
    pairs = [
        _Pair(track, face, overlap)
        for track in tracks
        for face in faces
        if track[-1].frame != face.frame
        and (overlap := _union_overlap(place(track, face.frame), face.box)) >= _LEAST_OVERLAP
    ]
    ordered: list[_Pair] = []
    for group in _groups(pairs):
        ranked = sorted(zip(_ranks(group), group, strict=True), key=lambda one: -one[0])
        ordered += [pair for _, pair in ranked]
    return ordered


def _ranks(group: Sequence[_Pair]) -> list[float]:
    """What speaks for each pair: its overlap, and where one is contested also how alike its faces are."""
    overlaps = [pair.overlap for pair in group]
    if not _is_contested(group):
        return overlaps
    likeness = [each for pair in group if (each := alike(pair.track[-1], pair.face)) is not None]
    if len(likeness) < len(group):  # faces of early projects have no view
        return overlaps
    return [overlap + _LOOKS_COUNT * each for overlap, each in zip(overlaps, likeness, strict=True)]


def _groups(pairs: Sequence[_Pair]) -> list[list[_Pair]]:
    """The pairs, together with those that they exclude, and so on."""
    groups: list[list[_Pair]] = []
    for pair in pairs:
        joined, apart = [pair], []
        for group in groups:
            if any(pair.excludes(other) for other in group):
                joined += group
            else:
                apart.append(group)
        groups = [*apart, joined]
    return groups


def _is_contested(group: Sequence[_Pair]) -> bool:
    """True when of two pairs that exclude each other the lesser overlaps nearly as much."""
    return any(
        one.excludes(other) and other.overlap > _CONTESTED * one.overlap for one, other in permutations(group, 2)
    )


def _last_box(track: Sequence[Face], _frame: int) -> _Edges:
    return track[-1].box


def _expected_box(track: Sequence[Face], frame: int) -> _Edges:
    """Where a track's face will be in a frame to come when it goes on at the speed of its last faces."""
    first, last = track[-_REMEMBERED:][0], track[-1]
    if first is last:
        return last.box
    ahead = min(frame - last.frame, _BELIEVED) / (last.frame - first.frame)
    x, y = (ahead * (last.box[low] + last.box[low + 2] - first.box[low] - first.box[low + 2]) / 2 for low in (0, 1))
    return last.box[0] + x, last.box[1] + y, last.box[2] + x, last.box[3] + y


def _union_overlap(one: _Edges, other: _Edges) -> float:
    """Shared area over the area of both together."""
    left, top = max(one[0], other[0]), max(one[1], other[1])
    right, bottom = min(one[2], other[2]), min(one[3], other[3])
    shared = max(0.0, right - left) * max(0.0, bottom - top)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return shared / max(areas - shared, 1e-9)
