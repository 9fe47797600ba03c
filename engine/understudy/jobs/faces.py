"""The faces of a shot as they are said to people and hosts: tracks, whose they are, and the crops made of them."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from understudy.durable import sweep
from understudy.errors import SettingsError
from understudy.faces.alignment import native_px
from understudy.faces.assignment import read_assignments, write_assignments
from understudy.faces.faceset import Faceset
from understudy.faces.track import Track, cut_frames, link_tracks
from understudy.jobs.found_tracks import FoundTracks, frames_of_another, read_found_tracks
from understudy.jobs.shot import open_shot
from understudy.jobs.track_sheet import write_track_sheet
from understudy.plates import format_frames
from understudy.settings.project import NOBODY, ProjectFolder, sole_writer

__all__ = ["CropsOfShot", "FacesOfShot", "MatteOfShot", "describe_faces"]

_LOGGER = logging.getLogger(__name__)
_MOST_TRACKS = 100


@dataclass(frozen=True)
class CropsOfShot:
    """The crops that one identity's faceset has of a shot.

    Attributes:
        identity: Whose.
        size: Side of the model's square, in pixels.
        crops: How many there are of this shot.
        enlarged: How many of them span fewer plate pixels than `size`.
        without_crop: Frames in which a face of the identity was found, but of which there is no crop.
        of_another: Frames whose crop is of a face that is not the identity's by now.
    """

    identity: str
    size: int
    crops: int
    enlarged: int
    without_crop: tuple[int, ...]
    of_another: tuple[int, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        ranges = {"without_crop": _range(self.without_crop), "of_another": _range(self.of_another)}
        return {**vars(self), **ranges}


@dataclass(frozen=True)
class MatteOfShot:
    """The matte that a shot has learned of one identity's face.

    Attributes:
        identity: Whose.
        painted: The frames that an artist painted for it.
        iteration: How long it has learned.
        is_taken: False where the settings leave it out.
    """

    identity: str
    painted: tuple[int, ...]
    iteration: int
    is_taken: bool

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**vars(self), "painted": _range(self.painted)}


@dataclass(frozen=True, eq=False)
class FacesOfShot:
    """What was found in a shot.

    Attributes:
        shot: Its name.
        searched: Frames in which faces were searched for.
        without_face: Those in which there is none.
        filled: Frames in which the main face is covered or was not found, and the frames around say where it is.
        cuts: Frames before which all tracks end, since the picture does not go on or somebody said so.
        tracks: The largest first.
        identities: Whose each of them is, by its number: an identity, "-" for nobody, or empty when nothing was said.
        native_px: How many plate pixels the square of the main face spans, by frame: of the identity that has the
            largest of the assigned tracks, or of the largest track when none is assigned.
        facesets: Those that hold crops of the shot.
        mattes: What the shot has learned from painted frames.
        sheet: A picture of the tracks; None when none was asked for, or there are none.
    """

    shot: str
    searched: tuple[int, ...]
    without_face: tuple[int, ...]
    filled: tuple[int, ...]
    cuts: tuple[int, ...]
    tracks: tuple[Track, ...]
    identities: dict[int, str]
    native_px: dict[int, float]
    facesets: tuple[CropsOfShot, ...]
    mattes: tuple[MatteOfShot, ...]
    sheet: Path | None

    def to_json(self) -> dict[str, Any]:
        """Plain values: at most 100 tracks, frames as ranges."""
        sizes = sorted(self.native_px.values())
        shown = self.tracks[:_MOST_TRACKS]
        return {
            "shot": self.shot,
            "searched": _range(self.searched),
            "without_face": _range(self.without_face),
            "filled": _range(self.filled),
            "cuts": _range(self.cuts),
            "tracks": [
                {
                    "track": track.number,
                    "identity": self.identities[track.number],
                    "frames": format_frames(track.frames),
                    "count": len(track.frames),
                    "height_px": round(track.height_px, 1),
                }
                for track in shown
            ],
            "more_tracks": len(self.tracks) - len(shown),
            "native_px": {
                "smallest": round(sizes[0], 1),
                "median": round(float(np.median(sizes)), 1),
                "largest": round(sizes[-1], 1),
            }
            if sizes
            else None,
            "facesets": [faceset.to_json() for faceset in self.facesets],
            "mattes": [matte.to_json() for matte in self.mattes],
            "sheet": str(self.sheet) if self.sheet else "",
        }


def describe_faces(
    folder: ProjectFolder,
    shot_name: str,
    with_sheet: bool = False,
    assign: Mapping[int, str] | None = None,
    cuts: Mapping[int, bool] | None = None,
    dry_run: bool = False,
) -> FacesOfShot:
    """The faces found in a shot so far, and the crops made of them. A shot that was not searched has none.

    Args:
        folder: The project.
        shot_name: The shot.
        with_sheet: Also write a picture of the largest tracks, `shots/SHOT/tracks.png`.
        assign: Say first whose tracks are: an identity by number of the track, "-" for nobody, or an empty text to take
            back what was said. It is kept in `shots/SHOT/assignments.json`.
        cuts: Say first, by frame, that a cut is there which was not seen, or that none is. Kept there too.
        dry_run: Keep nothing of both, and tell what would be.

    Raises:
        UnknownNameError: The project has no such identity, or the shot no such track.
        SettingsError: Two tracks that share a frame are given to one identity, a cut is no frame of the shot, or cuts
            and assignments are said at once: tracks get other numbers by a cut.
        UnderstudyError: The shot's plate, its faces or a faceset cannot be read.
    """
    shot = open_shot(folder, shot_name)
    if assign and cuts:
        raise SettingsError(
            "Tracks get other numbers by a cut. Say the cuts first; then look at the list, and say whose tracks are."
        )
    tracks = read_found_tracks(folder, shot)
    if cuts:
        tracks = _with_cuts(folder, tracks, cuts, dry_run)
    if assign:
        tracks = _assigned(folder, tracks, assign, dry_run)
    main = tracks.alignments(next(iter(tracks.assigned), None))
    sheet = None
    if with_sheet and tracks.tracks:
        sheet = write_track_sheet(folder.faces_file(shot_name).with_name("tracks.png"), tracks)
    return FacesOfShot(
        shot=shot_name,
        searched=tuple(tracks.found),
        without_face=tuple(number for number, one in tracks.found.items() if not one.faces),
        filled=tuple(number for number, one in main.items() if one.is_filled),
        cuts=tracks.cuts,
        tracks=tracks.tracks,
        identities={track.number: tracks.assignments.identity_of(track) for track in tracks.tracks},
        native_px={number: native_px(one.aligned_from_plate) for number, one in main.items()},
        facesets=_facesets(folder, tracks),
        mattes=_mattes(folder, shot_name),
        sheet=sheet,
    )


def _assigned(folder: ProjectFolder, tracks: FoundTracks, assign: Mapping[int, str], dry_run: bool) -> FoundTracks:
    """The tracks with what is said of them now, on disk too; what somebody else said meanwhile stays."""
    for name in assign.values():
        if name not in ("", NOBODY):
            folder.identity(name)
    if dry_run:
        return tracks.with_assignments(tracks.assignments.with_assigned(tracks.tracks, assign))
    path = folder.assignments_file(tracks.shot.name)
    with sole_writer(folder.path):
        sweep(path.parent)
        before = tracks.with_assignments(read_assignments(path))
        after = before.with_assignments(before.assignments.with_assigned(tracks.tracks, assign))
        write_assignments(path, after.assignments)
    for track in tracks.tracks:
        lost = before.assignments.identity_of(track)
        if track.number not in assign and lost != after.assignments.identity_of(track):
            _LOGGER.warning(
                "Shot %s: track %d, in the same frames, is no longer %s's.", tracks.shot.name, track.number, lost
            )
    return after


def _with_cuts(folder: ProjectFolder, tracks: FoundTracks, cuts: Mapping[int, bool], dry_run: bool) -> FoundTracks:
    """The tracks as they are with these cuts, on disk too; what was said of the faces stays with them."""
    first, *others = tracks.shot.frames
    for frame in cuts:
        if frame not in others:
            where = f"frames {format_frames(tuple(others))}" if others else "no frame, since it has one"
            raise SettingsError(
                f"No cut can be at {frame}: shot '{tracks.shot.name}' begins at {first}, and can have cuts at {where}.",
                shot=tracks.shot.name,
            )
    path = folder.assignments_file(tracks.shot.name)
    with contextlib.nullcontext() if dry_run else sole_writer(folder.path):
        kept = read_assignments(path)
        seen = cut_frames(tracks.found)
        said = {**kept.cuts, **cuts}
        needed = {frame: is_there for frame, is_there in said.items() if is_there != (frame in seen)}
        after = replace(kept, cuts=needed)
        if not dry_run:
            sweep(path.parent)
            write_assignments(path, after)
    return replace(tracks, tracks=link_tracks(tracks.found, after.cuts), assignments=after)


def _facesets(folder: ProjectFolder, tracks: FoundTracks) -> tuple[CropsOfShot, ...]:
    holding = []
    for identity in folder.project.identities:
        if not Faceset.exists(folder.faceset(identity)):
            continue
        faceset = Faceset.open(folder.faceset(identity))
        own = {record.frame: record for record in faceset.records.values() if record.shot == tracks.shot.name}
        if own:
            enlarged = sum(record.native_px < faceset.size for record in own.values())
            found = {face.frame for track in tracks.of(identity) for face in track.faces}
            without = tuple(sorted(found - own.keys()))
            others = frames_of_another(own, identity, tracks.tracks, tracks.assignments)
            holding.append(CropsOfShot(identity, faceset.size, len(own), enlarged, without, others))
    return tuple(holding)


def _mattes(folder: ProjectFolder, shot: str) -> tuple[MatteOfShot, ...]:
    known = {name: folder.learned_matte(shot, name) for name in folder.project.identities}
    there = {name: path for name, path in known.items() if path.is_file()}
    if not there:
        return ()
    from understudy.jobs.learned_matte import read_learned_facts  # loads torch, which a shot without one need not

    is_taken = folder.matte_settings(shot).learned
    facts = {name: read_learned_facts(path) for name, path in there.items()}
    return tuple(
        MatteOfShot(name, tuple(values.get("frames", ())), int(values.get("iteration", 0)), is_taken)
        for name, values in facts.items()
    )


def _range(frames: tuple[int, ...]) -> str:
    return format_frames(frames) if frames else ""
