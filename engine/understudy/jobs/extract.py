"""The extract job: finds the faces of a shot, makes one person's steady, and crops them into a faceset."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from understudy.color import pinned_name
from understudy.durable import sweep
from understudy.errors import FacesetError, NoFaceError, SettingsError
from understudy.faces.alignment import native_px
from understudy.faces.crop import FaceCrop, crop_face, crop_region
from understudy.faces.face import Alignment
from understudy.faces.faceset import Faceset, Normalisation
from understudy.jobs.extract_report import write_report
from understudy.jobs.finding import find_faces, search_stamp
from understudy.jobs.found_tracks import read_found_tracks, warn_of_choice, warn_of_double, warn_of_filled
from understudy.jobs.pipeline import frames_in_order
from understudy.jobs.shot import OpenedShot, check_free_space, open_shot
from understudy.jobs.shot_mattes import ShotMattes, open_mattes
from understudy.jobs.tracks import shot_tracks
from understudy.plates import format_frames
from understudy.progress import OnProgress, Progress, ignore_progress
from understudy.provenance import json_hash
from understudy.settings.preset import Preset
from understudy.settings.project import ProjectFolder

__all__ = ["Extracted", "find_faces", "run_extract", "search_stamp"]

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class Extracted:
    """What an extract job made.

    Attributes:
        faceset: The identity's faceset after it; None when it was stopped before.
        searched: Frames in which faces were searched for.
        without_face: Frames that hold no face.
        too_small: Frames whose face spans fewer plate pixels than was asked for, left out.
        enlarged: Frames whose face spans fewer plate pixels than the crop has.
        cropped: Crops made by this run.
        kept: Crops that were there already and still hold.
        completed: False when it was stopped.
        report: The page on the whole faceset; None when it was stopped before, or a crop of it cannot be read.
    """

    faceset: Faceset | None
    searched: int
    without_face: tuple[int, ...]
    too_small: tuple[int, ...]
    enlarged: tuple[int, ...]
    cropped: int
    kept: int
    completed: bool
    report: Path | None = None


def run_extract(
    folder: ProjectFolder,
    shot_name: str,
    identity: str,
    preset: Preset,
    frames: str | None = None,
    on_progress: OnProgress = ignore_progress,
) -> Extracted:
    """Finds, tracks, aligns and crops one identity's face in a shot into `facesets/IDENTITY`.

    It is the face of the tracks that are assigned to the identity, else that of the shot's main person of whom nothing
    was said. Crops of these frames that were made of another face, before an assignment was changed, are deleted.

    Args:
        folder: The project.
        shot_name: The shot.
        identity: Whose face it is.
        preset: Gives the crops' size and margin.
        frames: Frames to do, such as 1001-1010; all when None.
        on_progress: Called after each frame; False stops after it.

    Raises:
        UnderstudyError: What is wrong, before anything is written if it can be known then.
    """
    folder.identity(identity)
    shot = open_shot(folder, shot_name)
    chosen = shot.choose(frames)
    shot_tracks(folder, shot)  # what is wrong with the artist's file is said before the long search
    mattes = open_mattes(folder, shot, identity)
    faceset = _faceset_for(folder, identity, preset)
    check_free_space(folder.path)
    sweep(faceset.folder, faceset.crop_path(shot_name, 0).parent)
    if not find_faces(folder, shot, chosen, on_progress):
        return Extracted(None, 0, (), (), (), 0, 0, completed=False)
    tracks = read_found_tracks(folder, shot)
    warn_of_choice(tracks, identity)
    warn_of_double(folder, tracks, identity)
    if not tracks.measure(identity, on_progress):
        return Extracted(None, 0, (), (), (), 0, 0, completed=False)
    solved = {number: one for number, one in tracks.alignments(identity).items() if number in set(chosen)}
    warn_of_filled(shot_name, solved.values())
    alignments = {number: one for number, one in solved.items() if not one.is_filled}
    if not alignments:
        if Faceset.exists(faceset.folder):
            faceset.with_records_on_disk().without_crops(shot.name, frozenset(chosen))
        raise tracks.without(identity, chosen)
    wanted, too_small, enlarged = _by_size(alignments, folder.project.min_native, shot_name, preset)
    mattes.check_frames(shot_name, [item.frame for item in wanted])
    stamps = {item.frame: _crop_stamp(shot, item, faceset, mattes) for item in wanted}
    cropped, completed = _write_crops(shot, faceset, wanted, stamps, mattes, on_progress)
    faceset = faceset.with_records_on_disk()
    report = None
    if completed:
        entry = folder.shot(shot_name)
        normalisation = Normalisation(folder.project.white_balance, entry.exposure, entry.white_balance)
        faceset = faceset.finished_shot(shot.name, shot.space.name, frozenset(chosen), normalisation, stamps)
        report = _reported(folder, identity)
    without = tuple(number for number in chosen if number not in solved)
    if without:
        _LOGGER.warning("No face in frame %s of shot %s.", format_frames(without), shot.name)
    return Extracted(
        faceset=faceset,
        searched=len(chosen),
        without_face=without,
        too_small=too_small,
        enlarged=enlarged,
        cropped=cropped,
        kept=len(wanted) - cropped if completed else 0,
        completed=completed,
        report=report,
    )


def _reported(folder: ProjectFolder, identity: str) -> Path | None:
    """The report on the whole faceset; None, with a warning, when a crop of another shot of it cannot be read."""
    try:
        return write_report(folder, identity)
    except FacesetError as error:
        _LOGGER.warning("The report on faceset %s was not written: %s", identity, error.message)
        return None


def _by_size(
    alignments: dict[int, Alignment], least: int, shot_name: str, preset: Preset
) -> tuple[list[Alignment], tuple[int, ...], tuple[int, ...]]:
    """The faces that are large enough, the frames of those that are not, and of those that will be enlarged."""
    sizes = {number: native_px(alignment.aligned_from_plate) for number, alignment in alignments.items()}
    too_small = tuple(number for number in alignments if sizes[number] < least)
    if len(too_small) == len(alignments):
        raise NoFaceError(
            f"Every face of shot '{shot_name}' spans fewer than {least} plate pixels (the largest "
            f"{max(sizes.values()):.0f}). Ask for less with --min-native.",
            shot=shot_name,
        )
    wanted = [alignment for number, alignment in alignments.items() if number not in set(too_small)]
    enlarged = tuple(item.frame for item in wanted if sizes[item.frame] < preset.model.size)
    if enlarged:
        _LOGGER.warning(
            "%d of %d faces span fewer than %d plate pixels (the smallest %.0f): their crops are enlarged.",
            len(enlarged),
            len(wanted),
            preset.model.size,
            min(sizes[number] for number in enlarged),
        )
    return wanted, too_small, enlarged


def _faceset_for(folder: ProjectFolder, identity: str, preset: Preset) -> Faceset:
    """The identity's faceset to add to, which must have this size and margin, or a new one."""
    path = folder.faceset(identity)
    size, margin = preset.model.size, preset.margin
    if not Faceset.exists(path):
        return Faceset(path, identity, size, margin, pinned_name(folder.project.ocio)).with_records_on_disk()
    faceset = Faceset.open(path)
    if (faceset.size, faceset.margin) != (size, margin):
        raise SettingsError(
            f"Faceset '{identity}' holds crops for {faceset.size} px with margin {faceset.margin:g}, and preset "
            f"'{preset.name}' asks for {size} px with {margin:g}. Name the same preset, or delete {path}.",
            path=str(path),
        )
    faceset.expect_config(pinned_name(folder.project.ocio))
    return faceset


def _crop_stamp(shot: OpenedShot, alignment: Alignment, faceset: Faceset, mattes: ShotMattes) -> str:
    return json_hash(
        {
            "file": shot.stamp(alignment.frame),
            "alignment": np.round(alignment.aligned_from_plate, 7).tolist(),
            "landmarks": np.round(alignment.landmarks_plate, 2).tolist(),
            "size": faceset.size,
            "margin": faceset.margin,
            "mattes": mattes.stamp(alignment.frame),
        }
    )[:16]


def _write_crops(
    shot: OpenedShot,
    faceset: Faceset,
    wanted: Sequence[Alignment],
    stamps: dict[int, str],
    mattes: ShotMattes,
    on_progress: OnProgress,
) -> tuple[int, bool]:
    """Writes the crops that are not there yet; returns how many, and whether none is missing now."""
    by_frame = {item.frame: item for item in wanted}
    missing = [number for number in by_frame if not faceset.holds(shot.name, number, stamps[number])]
    done, cropped = len(wanted) - len(missing), 0
    mended: dict[int, int] = {}
    size, margin = faceset.size, faceset.margin

    def crop_of(number: int) -> FaceCrop:
        alignment = by_frame[number]
        frame = shot.read(number, mattes.region(alignment, crop_region(alignment, size, margin)))
        crop = crop_face(frame, shot.space.name, shot.color, alignment, size, margin, shot.layer)
        return replace(crop, rule=mattes.rule(shot, frame, alignment))

    with closing(frames_in_order(missing, crop_of)) as crops:
        for number, crop in crops:
            mended.update({number: crop.mended} if crop.mended else {})
            faceset.write_crop(shot.name, crop, stamps[number], shot.color)
            done, cropped = done + 1, cropped + 1
            if not on_progress(Progress("cropping faces", done, len(wanted), f"frame {number}")) and done < len(wanted):
                break
    if mended:
        _LOGGER.warning(
            "Shot %s: %d pixels around the face are no numbers (NaN or infinite), in frame %s; in the crops their "
            "neighbours stand for them.",
            shot.name,
            sum(mended.values()),
            format_frames(tuple(mended)),
        )
    return cropped, cropped == len(missing)
