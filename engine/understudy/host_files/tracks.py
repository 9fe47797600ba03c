"""An artist's tracks from a file: a CSV of points, nodes of Nuke, or tools of Fusion, as points in plate pixels."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from understudy.faces.guided import ArtistTracks
from understudy.geometry import Box, Points, points_from_st, y_down_from_y_up
from understudy.host_files.fusion_tracks import fusion_points
from understudy.host_files.keys import MovingPoints, unreadable
from understudy.host_files.nuke_tracks import nuke_points
from understudy.plates import format_frames

__all__ = ["read_tracks"]

_MOST_BYTES = 64 << 20
_COLUMNS = ("frame", "point", "x", "y")


def read_tracks(path: Path, frames: Sequence[int], display_window: Box, pixel_aspect: float = 1.0) -> ArtistTracks:
    """The points of a file of tracks, in the frames of a shot.

    Args:
        path: A `.csv` with the columns frame, point, x and y, in plate pixels, y down, the first pixel's centre at
            (0.5, 0.5); a `.nk` with a Tracker4, CornerPin2D or Transform; or a `.setting` with a Tracker.
        frames: Of the shot, ascending.
        display_window: Of the plate: hosts count from its bottom left.
        pixel_aspect: Of the plate.

    Raises:
        SettingsError: It is none of these, its frames are not the shot's, or nodes in it move differently.
    """
    read, to_plate = _reader(path, frames, display_window, pixel_aspect)
    found = read(_text(path))
    if not found.points:
        first, last = (f"{time:g}" for time in found.span)
        raise unreadable(
            path,
            f"{found.node or 'it'} has keys from frame {first} to {last}, and none in the shot's frames "
            f"{format_frames(tuple(frames))}; move the keys to the plate's frame numbers",
        )
    origin = f"{found.node} of {path}" if found.node else str(path)
    return ArtistTracks(origin, {frame: _in_plate(points, to_plate) for frame, points in found.points.items()})


def _reader(
    path: Path, frames: Sequence[int], display_window: Box, pixel_aspect: float
) -> tuple[Callable[[str], MovingPoints], Callable[[Points], Points]]:
    """What reads the points of a kind of file, and what takes them to the plate's pixels."""
    kind = path.suffix.lower()
    if kind == ".csv":
        return partial(_csv_points, path=path, frames=frames), np.asarray
    if kind == ".nk":
        size = (display_window.width, display_window.height)
        read = partial(nuke_points, path=path, frames=frames, size=size, pixel_aspect=pixel_aspect)
        return read, partial(y_down_from_y_up, display_window=display_window)
    if kind == ".setting":
        return partial(fusion_points, path=path, frames=frames), partial(points_from_st, display_window=display_window)
    raise unreadable(path, "tracks are read from a .csv, a .nk of Nuke, or a .setting of Fusion; name one of these")


def _in_plate(
    points: Mapping[str, tuple[float, float]], to_plate: Callable[[Points], Points]
) -> dict[str, tuple[float, float]]:
    moved = to_plate(np.array(list(points.values()), np.float64))
    return {name: (float(x), float(y)) for name, (x, y) in zip(points, moved, strict=True)}


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise unreadable(path, f"it is larger than {_MOST_BYTES >> 20} MiB, too large for tracks; save them alone")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise unreadable(path, f"the tracks cannot be read ({error.strerror}); name a file that is there") from error
    except UnicodeDecodeError as error:
        raise unreadable(path, "it is no text, so it holds no tracks; name a .csv, .nk or .setting") from error


def _csv_points(text: str, path: Path, frames: Sequence[int]) -> MovingPoints:
    lines = csv.reader(text.splitlines())
    header = [name.strip().lower() for name in next(lines, [])]
    if not set(_COLUMNS) <= set(header):
        raise unreadable(path, "its first line is not frame,point,x,y; write that above the points")
    columns = [header.index(name) for name in _COLUMNS]
    wanted, times = set(frames), set()
    points: dict[int, dict[str, tuple[float, float]]] = {}
    for row in lines:
        if not any(cell.strip() for cell in row):
            continue
        number = lines.line_num
        try:
            frame_text, name, *place = (row[column].strip() for column in columns)
            frame, (x, y) = int(frame_text), map(float, place)
        except (ValueError, IndexError):
            raise unreadable(path, f"line {number} is not a frame, a name and two numbers") from None
        if not (math.isfinite(x) and math.isfinite(y)):
            raise unreadable(path, f"line {number} is not a frame, a name and two numbers")
        times.add(frame)
        if frame not in wanted:
            continue
        if name in points.setdefault(frame, {}):
            raise unreadable(path, f"line {number} has point '{name}' of frame {frame} once more; keep one of both")
        points[frame][name] = (x, y)
    if not times:
        raise unreadable(path, "it has no points below its first line")
    return MovingPoints("", (min(times), max(times)), points)
