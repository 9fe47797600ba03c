"""The tracks of a shot, and whose they are: what every job that follows a face begins with."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from understudy.errors import NoFaceError
from understudy.faces.assignment import NOTHING_SAID, Assignments, read_assignments, tracks_of
from understudy.faces.face import Alignment, FoundFrame, read_found_frames
from understudy.faces.faceset import CropRecord, Faceset
from understudy.faces.guided import ArtistTracks
from understudy.faces.steady import aligned_track, looks_at, measure_track
from understudy.faces.track import Track, cut_frames, link_tracks
from understudy.jobs.shot import OpenedShot
from understudy.jobs.tracks import guided_by_artist, shot_tracks
from understudy.plates import format_frames
from understudy.progress import OnProgress, Progress
from understudy.settings.project import NOBODY, ProjectFolder

__all__ = [
    "FoundTracks",
    "frames_of_another",
    "read_found_tracks",
    "warn_of_another",
    "warn_of_choice",
    "warn_of_double",
    "warn_of_filled",
]

_LOGGER = logging.getLogger(__name__)
_MOST_NAMED = 6


@dataclass(frozen=True, eq=False)
class FoundTracks:
    """The faces of a shot that were found so far.

    Attributes:
        shot: The shot.
        found: The shot's frames that were searched, ascending.
        tracks: The largest first.
        assignments: Whose they are, as far as somebody has said.
        artist: The artist's tracks of points that move with a face; None when the shot names none.
        kept_in: Folder of what was measured of the tracks.
    """

    shot: OpenedShot
    found: Mapping[int, FoundFrame]
    tracks: tuple[Track, ...]
    assignments: Assignments
    artist: ArtistTracks | None
    kept_in: Path

    @property
    def cuts(self) -> tuple[int, ...]:
        """The frames after which no track goes on: as the pictures or an artist say."""
        return cut_frames(self.found, self.assignments.cuts)

    @property
    def assigned(self) -> tuple[str, ...]:
        """The identities that have tracks, that of the largest first."""
        whose = map(self.assignments.identity_of, self.tracks)
        return tuple(dict.fromkeys(name for name in whose if name not in ("", NOBODY)))

    def of(self, identity: str | None) -> tuple[Track, ...]:
        """The tracks of one identity; of the main person of whom nothing was said when None."""
        return tracks_of(identity, self.tracks, self.assignments)

    def measure(self, identity: str | None, on_progress: OnProgress) -> bool:
        """Measures an identity's tracks, which `alignments` needs, and which takes long the first time.

        Returns:
            False when it was stopped; what was measured of finished tracks is kept.
        """
        tracks = self.of(identity)
        total, done = sum(map(looks_at, tracks)), 0

        def on_frame() -> bool:
            nonlocal done
            done += 1
            return on_progress(Progress("aligning faces", done, total)) or done == total

        return all(measure_track(track, self.shot.pixel_aspect, self.kept_in, on_frame) for track in tracks)

    def alignments(self, identity: str | None) -> dict[int, Alignment]:
        """The steady alignment of an identity's face by frame, ascending; empty when it has no track.

        Each track is made steady by itself: between two of them lies a cut, or a time without a face. Short holes in a
        track are filled in where they were searched. The face moves as the artist's tracks do where the shot names some
        that lie on it.
        """
        found: dict[int, Alignment] = {}
        for track in reversed(self.of(identity)):  # in a frame that two of them hold, the larger one counts
            for one in aligned_track(track, self.shot.pixel_aspect, self.kept_in):
                other = found.get(one.frame)
                is_guess = one.is_filled and other is not None and not other.is_filled
                if one.frame in self.found and not is_guess:
                    found[one.frame] = one
        ordered = [found[number] for number in sorted(found)]
        return {one.frame: one for one in guided_by_artist(self.shot, ordered, self.artist)}

    def with_assignments(self, assignments: Assignments) -> FoundTracks:
        """The same tracks, said to be others'."""
        return replace(self, assignments=assignments)

    def without(self, identity: str | None, frames: Sequence[int]) -> NoFaceError:
        """Why none of these frames, which were searched, holds a face of the identity."""
        where = f"{len(frames)} frames of shot '{self.shot.name}' ({format_frames(tuple(frames))})"
        others = [track for track in self.tracks if set(frames).intersection(track.frames)]
        if others:
            whose = f" of '{identity}'" if identity else ""
            return NoFaceError(
                f"No face{whose} is in {where}: they hold track {self._named(others)}. Say which is whose with: "
                f"understudy faces {self.shot.name} --assign TRACK={identity or 'NAME'}",
                shot=self.shot.name,
            )
        return NoFaceError(
            f"No face was found in {where}. Check the plate's colour space with: understudy inspect PLATE; or leave "
            "these frames out with --frames.",
            shot=self.shot.name,
        )

    def _named(self, tracks: Sequence[Track]) -> str:
        """Tracks in words, each with whose it is."""
        words = []
        for track in tracks[:_MOST_NAMED]:
            name = self.assignments.identity_of(track)
            words.append(f"{track.number} ({'nobody' if name == NOBODY else name or 'not assigned'})")
        return ", ".join(words) + (" and more" if len(tracks) > _MOST_NAMED else "")


def read_found_tracks(folder: ProjectFolder, shot: OpenedShot) -> FoundTracks:
    """The shot's tracks, from all of its frames that were searched so far.

    Raises:
        FaceError: The shot's `faces.jsonl` or `assignments.json` is damaged.
        SettingsError: The artist's tracks cannot be read, or their frames are not the shot's.
    """
    known, own = read_found_frames(folder.faces_file(shot.name)), set(shot.frames)
    found = {number: one for number, one in known.items() if number in own}
    assignments = read_assignments(folder.assignments_file(shot.name))
    kept_in = folder.faces_file(shot.name).with_name("settled")
    return FoundTracks(
        shot, found, link_tracks(found, assignments.cuts), assignments, shot_tracks(folder, shot), kept_in
    )


def frames_of_another(
    crops: Mapping[int, CropRecord], identity: str, tracks: Sequence[Track], assignments: Assignments
) -> tuple[int, ...]:
    """The frames, ascending, whose crop is of a face that is not the identity's, or not any more.

    It is another's when the identity has its face elsewhere in the frame, or when the face is said to be another's.

    Args:
        crops: An identity's crops of a shot, by frame.
        identity: Whose.
        tracks: Of the shot, the largest first.
        assignments: Of the shot.
    """
    own = {face.frame: face for track in reversed(tracks_of(identity, tracks, assignments)) for face in track.faces}
    said = {
        (face.frame, face.box)
        for track in tracks
        if assignments.identity_of(track) not in ("", identity)
        for face in track.faces
    }
    boxes: dict[int, list[tuple[float, float, float, float]]] = {}
    for frame, box in said:
        boxes.setdefault(frame, []).append(box)
    return tuple(
        number
        for number, record in sorted(crops.items())
        if (number in own and not _is_within(record, own[number].box))
        or (number not in own and any(_is_within(record, box) for box in boxes.get(number, ())))
    )


def warn_of_another(folder: ProjectFolder, faceset: Faceset) -> None:
    """Says in the log which crops of a faceset show a face that was given to somebody else since they were made.

    Only shots of which somebody has said something are looked at; their plates are not.

    Raises:
        FaceError: A shot's `faces.jsonl` or `assignments.json` is damaged.
    """
    for shot in faceset.shots:
        assignments = read_assignments(folder.assignments_file(shot))
        if assignments == NOTHING_SAID or not folder.faces_file(shot).is_file():
            continue
        crops = {record.frame: record for record in faceset.learned.values() if record.shot == shot}
        tracks = link_tracks(read_found_frames(folder.faces_file(shot)), assignments.cuts)
        others = frames_of_another(crops, faceset.identity, tracks, assignments)
        if others:
            _LOGGER.warning(
                "Faceset %s holds another's face in %d crops of shot %s (%s): its tracks were assigned anew since. "
                "Bring it up to date with: understudy extract %s --identity %s",
                faceset.identity,
                len(others),
                shot,
                format_frames(others),
                shot,
                faceset.identity,
            )


def _is_within(record: CropRecord, box: tuple[float, float, float, float]) -> bool:
    """True when a crop is of the face in this box."""
    left, top, right, bottom = box
    x, y = record.alignment.landmarks_plate.mean(axis=0)
    return bool(left <= x <= right and top <= y <= bottom)


def warn_of_double(folder: ProjectFolder, tracks: FoundTracks, identity: str) -> None:
    """Says in the log which other identities of the same role have crops of the face that is taken for this one.

    Only where it is a guess whose the face is: a wrong --identity would else pass unseen.

    Raises:
        FacesetError: The faceset of one of them is damaged.
    """
    if identity in tracks.assigned:
        return
    faces = {face.frame: face for track in reversed(tracks.of(identity)) for face in track.faces}
    role, name = folder.identity(identity).role, tracks.shot.name
    for other, entry in folder.project.identities.items():
        if other == identity or entry.role != role or not Faceset.exists(folder.faceset(other)):
            continue
        crops = [one for one in Faceset.open(folder.faceset(other)).records.values() if one.shot == name]
        shared = sorted(one.frame for one in crops if one.frame in faces and _is_within(one, faces[one.frame].box))
        if shared:
            _LOGGER.warning(
                "Shot %s: the face that is taken for %s is in faceset %s too, frame %s. If one of the names is "
                "wrong, say whose it is with: understudy faces %s --assign TRACK=NAME",
                name,
                identity,
                other,
                format_frames(tuple(shared)),
                name,
            )


def warn_of_filled(shot_name: str, alignments: Iterable[Alignment]) -> None:
    """Says in the log in which frames a face's place is not seen, but told by the frames around."""
    filled = tuple(one.frame for one in alignments if one.is_filled)
    if filled:
        _LOGGER.warning(
            "Shot %s: the face is covered or was not found in frame %s; the frames around say where it is, and the "
            "layer confidence is low there. Nothing is learned from these frames.",
            shot_name,
            format_frames(filled),
        )


def warn_of_choice(tracks: FoundTracks, identity: str) -> None:
    """Says in the log which tracks were taken for an identity where that is a guess, or leaves some of them over.

    A head that was lost for a while, alone in its shot, is no guess.
    """
    free = tuple(track for track in tracks.tracks if not tracks.assignments.identity_of(track))
    how = f"Say whose they are with: understudy faces {tracks.shot.name} --assign TRACK=NAME"
    if identity in tracks.assigned:
        if free:
            _LOGGER.warning(
                "Shot %s: %s is taken from the tracks assigned to it; nothing was said of track %s. %s",
                tracks.shot.name,
                identity,
                ", ".join(str(track.number) for track in free[:_MOST_NAMED]) + (", ..." if free[_MOST_NAMED:] else ""),
                how,
            )
        return
    taken = next(iter(tracks.of(identity)), None)
    if taken is None or not (tracks.cuts or sum(len(track.faces) for track in free) > len(taken.faces)):
        return
    _LOGGER.warning(
        "Shot %s has %d tracks of which it was not said whose they are%s. Number %d, the largest, is taken for %s%s: "
        "frame %s. %s",
        tracks.shot.name,
        len(free),
        f", and a cut at {format_frames(tracks.cuts)}" if tracks.cuts else "",
        taken.number,
        identity,
        ", with faces of others that are alone in their frames" if taken.starts else "",
        format_frames(taken.frames),
        how,
    )
