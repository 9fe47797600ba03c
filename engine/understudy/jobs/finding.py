"""Searches the frames of a shot for faces, and keeps what is found in its `faces.jsonl`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from understudy.faces.detect import FaceFinder, FaceFollower
from understudy.faces.face import FoundFrame, append_found_frame, read_found_frames
from understudy.faces.sight import Sight
from understudy.jobs.pipeline import frames_in_order
from understudy.jobs.shot import OpenedShot
from understudy.plates import Pixels
from understudy.progress import OnProgress, Progress
from understudy.settings.project import ProjectFolder

__all__ = ["find_faces", "search_stamp", "sight_of"]

_FINDER = "finder-2"


def find_faces(folder: ProjectFolder, shot: OpenedShot, frames: Sequence[int], on_progress: OnProgress) -> bool:
    """Searches frames that were not searched before, or whose file has changed since; False when stopped.

    Each frame's faces are on disk before the next frame is begun. A search that goes on after frames that were
    searched before follows the faces that were found there.
    """
    path = folder.faces_file(shot.name)
    known = read_found_frames(path)
    stamps = {number: search_stamp(shot, number) for number in frames}
    missing = [number for number in frames if number not in known or known[number].stamp != stamps[number]]
    if not missing:
        return True
    done = len(frames) - len(missing)
    with FaceFinder() as finder, closing(frames_in_order(missing, lambda number: sight_of(shot, number))) as sights:
        follower = FaceFollower(finder)
        for number, sight in sights:
            before = known.get(number - 1)
            if before is not None and number - 1 in shot.frames and before.stamp == search_stamp(shot, number - 1):
                follower.go_on_from(before, shot.pixel_aspect)
            faces, look = follower.next(sight, number)
            append_found_frame(path, FoundFrame(number, faces, stamps[number], look))
            done += 1
            if not on_progress(Progress("finding faces", done, len(frames), f"frame {number}")) and done < len(frames):
                return False
    return True


def search_stamp(shot: OpenedShot, number: int) -> str:
    """What a frame's line in `faces.jsonl` must say for its faces not to be searched for again."""
    return f"{shot.stamp(number)}:{_FINDER}"


def sight_of(shot: OpenedShot, number: int) -> Sight:
    """A frame of a shot, to be searched for faces; only what is looked at is converted."""
    frame = shot.read(number)

    def ap1_from_plate(pixels: Pixels) -> Pixels:
        return shot.color.ap1_from_working(shot.color.to_working(pixels, shot.space.name))

    return Sight(frame.rgb(shot.layer), frame.data_window, shot.pixel_aspect, ap1_from_plate)
