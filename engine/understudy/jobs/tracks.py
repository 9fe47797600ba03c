"""An artist's tracks of a shot: read from the file that the project names, and laid under the shot's alignments."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from understudy.faces.face import Alignment
from understudy.faces.guided import ArtistTracks, guided_track
from understudy.host_files import read_tracks
from understudy.jobs.shot import OpenedShot
from understudy.plates import format_frames
from understudy.settings.project import ProjectFolder

__all__ = ["guided_by_artist", "shot_tracks"]

_LOGGER = logging.getLogger(__name__)


def shot_tracks(folder: ProjectFolder, shot: OpenedShot) -> ArtistTracks | None:
    """The artist's tracks of a shot; None when the project names none.

    Raises:
        SettingsError: The file cannot be read, or its frames are not the shot's.
    """
    path = folder.tracks_file(shot.name)
    return read_tracks(path, shot.frames, shot.display_window, shot.pixel_aspect) if path else None


def guided_by_artist(
    shot: OpenedShot, alignments: Sequence[Alignment], tracks: ArtistTracks | None
) -> tuple[Alignment, ...]:
    """The alignments of one face of a shot with the motion of the artist's tracks; as they are when there are none.

    What the tracks do not say, or say against the landmarks, is a warning in the log.
    """
    if tracks is None or not alignments:
        return tuple(alignments)
    made = guided_track(alignments, tracks, shot.pixel_aspect)
    if made.are_beside:
        _LOGGER.warning(
            "Shot %s: the points of %s lie beside the face, so they are another's: the landmarks alone align it.",
            shot.name,
            tracks.origin,
        )
        return made.alignments
    names = tracks.names
    shown = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
    _LOGGER.info("Shot %s: the face moves with %s: %d points (%s).", shot.name, tracks.origin, len(names), shown)
    for frames, what in (
        (
            made.unguided,
            "no point, or points that make the face four times too large or small: the landmarks alone align it",
        ),
        (made.placed_only if len(names) > 1 else (), "one place only, so that size and roll are the landmarks'"),
        (made.loose, "points that move against each other by more than 3 % of the model's square"),
        (
            made.astray,
            "points that do not move with the face: it lies elsewhere by more than 10 % of the model's square",
        ),
    ):
        if frames:
            _LOGGER.warning("Shot %s: %s has, in frame %s, %s.", shot.name, tracks.origin, format_frames(frames), what)
    return made.alignments
