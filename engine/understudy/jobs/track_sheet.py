"""A picture of a shot's tracks: a row for each, with its number, whose it is, and its face along the shot."""

from __future__ import annotations

import math
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import numpy as np

from understudy.color import MIDDLE_GREY, luminance
from understudy.faces.face import Face
from understudy.faces.track import Track
from understudy.geometry import Box, Transform
from understudy.jobs.found_tracks import FoundTracks
from understudy.jobs.pipeline import frames_in_order
from understudy.jobs.shot import OpenedShot
from understudy.plates import format_frames, repaired
from understudy.resample import resample_roughly, source_region
from understudy.sheet import Picture, labelled_sheet, write_below, write_png

__all__ = ["write_track_sheet"]

_MOST_TRACKS = 12
_COLUMNS = 8
_SIDE = 144
_FIELD = 1.5
"""What a picture shows, as a share of the face's longer side: enough hair and background to tell who it is."""

_FAR = 1 << 24


def write_track_sheet(path: Path, tracks: FoundTracks) -> Path:
    """Writes the 12 largest tracks, each with up to 8 of its faces, evenly spaced, exposed for the face.

    A row says the track's number, whose it is, its frames, and the height of its face in plate pixels; a picture its
    frame.

    Args:
        path: The PNG to write.
        tracks: Of the shot; at least one.

    Raises:
        PlateError: A frame cannot be read.
        WriteError: The picture cannot be written.
    """
    shown = tracks.tracks[:_MOST_TRACKS]
    chosen = [_spread(track) for track in shown]
    wanted: dict[int, list[Face]] = {}
    for face in sorted((face for faces in chosen for face in faces), key=lambda face: face.frame):
        wanted.setdefault(face.frame, []).append(face)

    def pictures_of(number: int) -> list[Picture]:
        return [_picture(tracks.shot, face) for face in wanted[number]]

    pictures: dict[Face, Picture] = {}
    with closing(frames_in_order(tuple(wanted), pictures_of)) as made:
        for number, seen in made:
            pictures.update(zip(wanted[number], seen, strict=True))
    empty = np.zeros((_SIDE, _SIDE, 3), np.uint8)
    rows = [[*(pictures[face] for face in faces), *[empty] * (_COLUMNS - len(faces))] for faces in chosen]
    write_png(path, labelled_sheet([""] * _COLUMNS, rows, [_label(track, tracks) for track in shown]))
    return path


def _spread(track: Track) -> tuple[Face, ...]:
    """Faces of a track, evenly spaced, with the first and the last."""
    places: Iterable[float] = np.linspace(0, len(track.faces) - 1, min(_COLUMNS, len(track.faces)))
    return tuple(track.faces[round(place)] for place in places)


def _label(track: Track, tracks: FoundTracks) -> str:
    frames, size = format_frames(track.frames), f"{track.height_px:.0f} px"
    return "  ".join(filter(None, (str(track.number), tracks.assignments.identity_of(track), frames, size)))


def _picture(shot: OpenedShot, face: Face) -> Picture:
    """(S, S, 3) uint8: a face in its plate, upright as the plate is, in square pixels, with the frame's number."""
    picture = _seen(shot, face)
    write_below(picture, str(face.frame))
    return picture


def _seen(shot: OpenedShot, face: Face) -> Picture:
    plate_from_picture, target = _plate_from_picture(face, shot.pixel_aspect), Box(0, 0, _SIDE, _SIDE)
    region = source_region(plate_from_picture, target, Box(-_FAR, -_FAR, _FAR, _FAR))
    frame = shot.read(face.frame, region)
    if frame.data_window.is_empty:
        return np.zeros((_SIDE, _SIDE, 3), np.uint8)
    seen, _ = repaired(frame.rgb(shot.layer))
    light = shot.color.ap1_from_working(shot.color.to_working(seen, shot.space.name))
    small = resample_roughly(light, frame.data_window, plate_from_picture, target)
    inner = slice(_SIDE // 3, _SIDE - _SIDE // 3)
    grey = max(float(np.median(luminance(small[inner, inner]))), 1e-6)
    return shot.color.display(shot.color.working_from_ap1(small), shot.color.working, math.log2(MIDDLE_GREY / grey))


def _plate_from_picture(face: Face, pixel_aspect: float) -> Transform:
    left, top, right, bottom = face.box
    scale = _FIELD * max((right - left) * pixel_aspect, bottom - top, 1.0) / _SIDE
    across = scale / pixel_aspect
    return np.array(
        [
            [across, 0.0, (left + right) / 2 - across * _SIDE / 2],
            [0.0, scale, (top + bottom) / 2 - scale * _SIDE / 2],
        ]
    )
