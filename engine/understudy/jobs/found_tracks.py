"""The tracks of a shot, and whose they are: what every job that follows a face begins with."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from understudy.errors import NoFaceError
from understudy.faces.assignment import Assignments, read_assignments, tracks_of
from understudy.faces.face import Alignment, FoundFrame, read_found_frames
from understudy.faces.guided import ArtistTracks
from understudy.faces.steady import aligned_track, looks_at, measure_track
from understudy.faces.track import Track, cut_frames, link_tracks
from understudy.jobs.shot import OpenedShot
from understudy.jobs.tracks import guided_by_artist, shot_tracks
from understudy.plates import format_frames
from understudy.progress import OnProgress, Progress
from understudy.settings.project import NOBODY, ProjectFolder

__all__ = ["FoundTracks", "read_found_tracks", "warn_of_choice", "warn_of_filled"]

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
            steady = aligned_track(track, self.shot.pixel_aspect, self.kept_in)
            found.update({one.frame: one for one in steady if one.frame in self.found})
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
    return FoundTracks(shot, found, link_tracks(found), assignments, shot_tracks(folder, shot), kept_in)


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
    cuts = cut_frames(tracks.found)
    if taken is None or not (cuts or sum(len(track.faces) for track in free) > len(taken.faces)):
        return
    _LOGGER.warning(
        "Shot %s has %d tracks of which it was not said whose they are%s. Number %d, the largest, is taken for %s, "
        "with faces that are alone in their frames: %s. %s",
        tracks.shot.name,
        len(free),
        f", and a cut at {format_frames(cuts)}" if cuts else "",
        taken.number,
        identity,
        format_frames(taken.frames),
        how,
    )
