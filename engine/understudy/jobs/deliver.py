"""The deliver job: what a host needs to lift a shot's patch and put it back by hand."""

from __future__ import annotations

from pathlib import Path

from understudy.durable import write_text
from understudy.errors import FacesetError, NoFaceError
from understudy.faces.faceset import Faceset
from understudy.geometry import compose, crop_from_aligned, inverse
from understudy.host_files import PatchMove, corner_pin_text, setting_text, tracker_text
from understudy.jobs.extract import shot_alignments
from understudy.jobs.shot import OpenedShot, open_shot
from understudy.model.snapshot import newest_snapshot, read_snapshot
from understudy.plates import read_header
from understudy.settings.project import ProjectFolder

__all__ = ["deliver_paths", "read_patch_move", "write_patch_move"]


def read_patch_move(folder: ProjectFolder, shot_name: str, model_name: str | None = None) -> PatchMove:
    """How the crop of a shot's main face moves through its plate.

    Args:
        folder: The project.
        shot_name: The shot.
        model_name: The model whose crops are put back; None for the size that the shot's facesets agree on.

    Raises:
        NoFaceError: No face was found in the shot yet.
        FacesetError: The crop's size is not known: no faceset holds the shot, or several of different sizes.
        UnderstudyError: The shot or the model cannot be used.
    """
    shot = open_shot(folder, shot_name)
    alignments = shot_alignments(folder, shot)
    if not alignments:
        raise NoFaceError(
            f"No face was found in shot '{shot_name}' yet. Run: understudy extract {shot_name} --identity NAME",
            shot=shot_name,
        )
    if model_name:
        size = read_snapshot(newest_snapshot(folder.model(model_name))).preset.model.size
    else:
        size = _size_of_facesets(folder, shot_name)
    header = read_header(_first_file(shot))
    return PatchMove(
        shot=shot_name,
        side=size,
        display_window=header.display_window,
        pixel_aspect=header.pixel_aspect,
        plate_from_crop={
            number: inverse(compose(crop_from_aligned(size), alignments[number].aligned_from_plate))
            for number in sorted(alignments)
        },
    )


def deliver_paths(folder: Path, shot_name: str) -> tuple[Path, Path, Path]:
    """Where `write_patch_move` writes: Nuke's corner pins, Nuke's tracker, Fusion's tools."""
    return folder / f"{shot_name}_cornerpin.nk", folder / f"{shot_name}_tracker.nk", folder / f"{shot_name}.setting"


def write_patch_move(move: PatchMove, folder: Path, fusion_first: int | None = None) -> tuple[Path, Path, Path]:
    """Writes the files of `deliver_paths`, all with the same keys.

    Args:
        move: Of `read_patch_move`.
        folder: Made when it is not there.
        fusion_first: Time of the first key in Fusion; the plate's frame number when None.

    Raises:
        WriteError: A file cannot be written.
    """
    paths = deliver_paths(folder, move.shot)
    texts = (corner_pin_text(move), tracker_text(move), setting_text(move, fusion_first))
    for path, text in zip(paths, texts, strict=True):
        write_text(path, text)
    return paths


def _first_file(shot: OpenedShot) -> Path:
    return shot.plate.path(shot.frames[0])


def _size_of_facesets(folder: ProjectFolder, shot_name: str) -> int:
    places = [folder.faceset(name) for name in folder.project.identities]
    holding = [faceset for faceset in map(Faceset.open, filter(Faceset.exists, places)) if shot_name in faceset.shots]
    sizes = sorted({faceset.size for faceset in holding})
    if len(sizes) != 1:
        found = f"facesets of {', '.join(map(str, sizes))} px hold shot" if sizes else "no faceset holds shot"
        raise FacesetError(
            f"The size of the crop is not known: {found} '{shot_name}'. Name the model that swaps with --model.",
            shot=shot_name,
        )
    return sizes[0]
