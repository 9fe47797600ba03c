"""Searches the frames of a shot for faces, and keeps what is found in its `faces.jsonl`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace

from understudy.faces.alignment import with_view
from understudy.faces.cuts import is_cut
from understudy.faces.detect import CYCLE, FaceFinder, FaceFollower
from understudy.faces.face import FoundFrame, append_found_frame, read_found_frames
from understudy.faces.sight import Sight
from understudy.jobs.pipeline import frames_in_order
from understudy.jobs.shot import OpenedShot
from understudy.plates import Pixels
from understudy.progress import OnProgress, Progress
from understudy.settings.project import ProjectFolder

__all__ = ["find_faces", "search_stamp", "sight_of"]

_FINDER = "finder-4"


def find_faces(folder: ProjectFolder, shot: OpenedShot, frames: Sequence[int], on_progress: OnProgress) -> bool:
    """Searches frames that were not searched before, or whose file has changed since; False when stopped.

    Each frame's faces are on disk before the next frame is begun. A search that goes on after frames that were
    searched before follows the faces that were found there.
    """
    path = folder.faces_file(shot.name)
    looked_at = {*frames, *(number - 1 for number in frames)} & set(shot.frames)
    stamps = {number: search_stamp(shot, number) for number in looked_at}
    known = {number: each for number, each in read_found_frames(path).items() if each.stamp == stamps.get(number)}
    missing = [number for number in frames if number not in known]
    if not missing:
        return True
    found = {number: each for number, each in known.items() if number in set(frames)}
    done = len(frames) - len(missing)
    with FaceFinder() as finder, closing(frames_in_order(missing, lambda number: sight_of(shot, number))) as sights:
        follower = FaceFollower(finder)
        for number, sight in sights:
            if number - 1 in known:
                follower.go_on_from(known[number - 1], shot.pixel_aspect)
            faces, look = follower.next(sight, number)
            viewed = tuple(with_view(face, sight) for face in faces)
            found[number] = FoundFrame(number, viewed, stamps[number], look)
            for line in [*_with_newcomers(shot, follower, found, number), found[number]]:
                append_found_frame(path, line)
                found[line.frame] = line
            done += 1
            if not on_progress(Progress("finding faces", done, len(frames), f"frame {number}")) and done < len(frames):
                return False
    return True


def _with_newcomers(
    shot: OpenedShot, follower: FaceFollower, found: Mapping[int, FoundFrame], number: int
) -> list[FoundFrame]:
    """Frames before this one, ascending, with the newcomers of this one where they were there already.

    What is small or turned is looked for once in a cycle; from where it was found it is followed back.
    """
    changed: dict[int, FoundFrame] = {}
    for newcomer in follower.newcomers:
        face, after = newcomer, found[number]
        for earlier in range(number - 1, number - CYCLE, -1):
            before = changed.get(earlier, found.get(earlier))
            if before is None or is_cut(before.look, after.look):
                break
            sight = sight_of(shot, earlier)
            seen = follower.came_with(sight, earlier, face, before.faces)
            if seen is None:
                break
            faces = tuple(sorted((*before.faces, with_view(seen, sight)), key=lambda each: -each.score))
            face, after = seen, replace(before, faces=faces)
            changed[earlier] = after
    return [changed[earlier] for earlier in sorted(changed)]


def search_stamp(shot: OpenedShot, number: int) -> str:
    """What a frame's line in `faces.jsonl` must say for its faces not to be searched for again."""
    return f"{shot.stamp(number)}:{_FINDER}"


def sight_of(shot: OpenedShot, number: int) -> Sight:
    """A frame of a shot, to be searched for faces; only what is looked at is converted."""
    frame = shot.read(number)

    def ap1_from_plate(pixels: Pixels) -> Pixels:
        return shot.color.ap1_from_working(shot.color.to_working(pixels, shot.space.name))

    return Sight(frame.rgb(shot.layer), frame.data_window, shot.pixel_aspect, ap1_from_plate)
