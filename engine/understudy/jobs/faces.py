"""The faces of a shot as they are said to people and hosts: tracks, sizes in the plate, and the crops made of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from understudy.faces.alignment import native_px
from understudy.faces.face import read_found_frames
from understudy.faces.faceset import Faceset
from understudy.faces.track import Track, link_tracks
from understudy.jobs.extract import shot_alignments
from understudy.jobs.inspect import write_faceset_sheet
from understudy.jobs.shot import open_shot
from understudy.plates import format_frames
from understudy.settings.project import ProjectFolder

__all__ = ["CropsOfShot", "FacesOfShot", "describe_faces"]

_MOST_TRACKS = 100
_MOST_ON_SHEET = 96


@dataclass(frozen=True)
class CropsOfShot:
    """The crops that one identity's faceset has of a shot.

    Attributes:
        identity: Whose.
        size: Side of the model's square, in pixels.
        crops: How many there are of this shot.
        enlarged: How many of them span fewer plate pixels than `size`.
        without_crop: Frames in which the shot's main face was found, but of which there is no crop.
    """

    identity: str
    size: int
    crops: int
    enlarged: int
    without_crop: tuple[int, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**vars(self), "without_crop": _range(self.without_crop)}


@dataclass(frozen=True, eq=False)
class FacesOfShot:
    """What was found in a shot.

    Attributes:
        shot: Its name.
        searched: Frames in which faces were searched for.
        without_face: Those in which there is none.
        tracks: Largest first; number 1 is of the main face, which is cropped.
        native_px: How many plate pixels the main face's square spans, by frame.
        facesets: Those that hold crops of the shot.
        sheet: A picture of the crops; None when none was asked for, or there are none.
    """

    shot: str
    searched: tuple[int, ...]
    without_face: tuple[int, ...]
    tracks: tuple[Track, ...]
    native_px: dict[int, float]
    facesets: tuple[CropsOfShot, ...]
    sheet: Path | None

    def to_json(self) -> dict[str, Any]:
        """Plain values: at most 100 tracks, frames as ranges."""
        sizes = sorted(self.native_px.values())
        shown = self.tracks[:_MOST_TRACKS]
        return {
            "shot": self.shot,
            "searched": _range(self.searched),
            "without_face": _range(self.without_face),
            "tracks": [
                {
                    "track": track.number,
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
            "sheet": str(self.sheet) if self.sheet else "",
        }


def describe_faces(folder: ProjectFolder, shot_name: str, with_sheet: bool = False) -> FacesOfShot:
    """The faces found in a shot so far, and the crops made of them. A shot that was not searched has none.

    Args:
        folder: The project.
        shot_name: The shot.
        with_sheet: Also write a picture of at most 96 of the crops, evenly spaced, beside those of the first faceset
            that holds the shot: `facesets/IDENTITY/sheet_SHOT.png`.

    Raises:
        UnderstudyError: The shot's plate, its faces or a faceset cannot be read.
    """
    shot = open_shot(folder, shot_name)
    own = set(shot.frames)
    found = {number: one for number, one in read_found_frames(folder.faces_file(shot_name)).items() if number in own}
    sizes = {number: native_px(one.aligned_from_plate) for number, one in shot_alignments(folder, shot).items()}
    facesets = _facesets(folder, shot_name, sizes)
    sheet = None
    if with_sheet and facesets:
        sheet = write_faceset_sheet(folder, facesets[0].identity, shot_name, _MOST_ON_SHEET)
    return FacesOfShot(
        shot=shot_name,
        searched=tuple(found),
        without_face=tuple(number for number, one in found.items() if not one.faces),
        tracks=link_tracks(found),
        native_px=sizes,
        facesets=facesets,
        sheet=sheet,
    )


def _facesets(folder: ProjectFolder, shot_name: str, sizes: dict[int, float]) -> tuple[CropsOfShot, ...]:
    holding = []
    for identity in folder.project.identities:
        if not Faceset.exists(folder.faceset(identity)):
            continue
        faceset = Faceset.open(folder.faceset(identity))
        own = {record.frame: record.native_px for record in faceset.records.values() if record.shot == shot_name}
        if own:
            enlarged = sum(size < faceset.size for size in own.values())
            without = tuple(number for number in sizes if number not in own)
            holding.append(CropsOfShot(identity, faceset.size, len(own), enlarged, without))
    return tuple(holding)


def _range(frames: tuple[int, ...]) -> str:
    return format_frames(frames) if frames else ""
