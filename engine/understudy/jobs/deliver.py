"""The deliver job: what a host needs to lift a shot's patch and put it back by hand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from understudy.durable import write_text
from understudy.errors import FacesetError, NoFaceError, SettingsError
from understudy.faces.faceset import Faceset
from understudy.geometry import compose, crop_from_aligned, inverse, painted_from_crop
from understudy.host_files import PatchMove, corner_pin_text, setting_text, tracker_text
from understudy.jobs.asked import pair_of_snapshot
from understudy.jobs.found_tracks import FoundTracks, read_found_tracks
from understudy.jobs.shot import open_shot
from understudy.jobs.swap import face_scale_of
from understudy.model.snapshot import chosen_snapshot, read_snapshot
from understudy.plates import format_frames
from understudy.settings.project import ProjectFolder

__all__ = ["Delivered", "read_patch_move", "run_deliver"]


@dataclass(frozen=True)
class Delivered:
    """How the patch moves, and where that is written.

    Attributes:
        move: The patch's place in each frame.
        cornerpin: Corner pins for Nuke.
        tracker: A tracker for Nuke.
        fusion: Tools for Fusion.
    """

    move: PatchMove
    cornerpin: Path
    tracker: Path
    fusion: Path

    @property
    def files(self) -> tuple[Path, Path, Path]:
        """All of them."""
        return self.cornerpin, self.tracker, self.fusion

    def to_json(self) -> dict[str, Any]:
        """Plain values: the frames as a range, the crop's side in pixels, the files, and each of them by its name."""
        return {
            "shot": self.move.shot,
            "frames": format_frames(tuple(self.move.plate_from_crop)),
            "count": len(self.move.plate_from_crop),
            "side": self.move.side,
            "files": [str(path) for path in self.files],
            "cornerpin": str(self.cornerpin),
            "tracker": str(self.tracker),
            "fusion": str(self.fusion),
        }


def run_deliver(
    folder: ProjectFolder,
    shot_name: str,
    model_name: str | None = None,
    out: Path | None = None,
    fusion_first: int | None = None,
    dry_run: bool = False,
) -> Delivered:
    """Writes how a shot's patch moves, as text for Nuke and Fusion; all files have the same keys.

    Args:
        folder: The project.
        shot_name: The shot.
        model_name: As for `read_patch_move`.
        out: Folder for the files, made when it is not there; swaps/SHOT when None.
        fusion_first: Time of the first key in Fusion; the plate's frame number when None.
        dry_run: Check everything and write nothing.

    Raises:
        WriteError: A file cannot be written.
        UnderstudyError: As `read_patch_move`.
    """
    move = read_patch_move(folder, shot_name, model_name)
    target = out or folder.swaps(shot_name)
    made = Delivered(
        move,
        cornerpin=target / f"{shot_name}_cornerpin.nk",
        tracker=target / f"{shot_name}_tracker.nk",
        fusion=target / f"{shot_name}.setting",
    )
    if not dry_run:
        texts = (corner_pin_text(move), tracker_text(move), setting_text(move, fusion_first))
        for path, text in zip(made.files, texts, strict=True):
            write_text(path, text)
    return made


def read_patch_move(folder: ProjectFolder, shot_name: str, model_name: str | None = None) -> PatchMove:
    """How the crop of a shot's face moves through its plate.

    Args:
        folder: The project.
        shot_name: The shot.
        model_name: The model whose crops are put back, into the face of its target identity. When None it is the face
            of the only target identity that has tracks of the shot, or the main face when none has, at the size that
            the shot's facesets agree on, and as large as it was cropped: a model's own face scale is not known then.

    Raises:
        NoFaceError: No face was found in the shot yet.
        FacesetError: The crop's size is not known: no faceset holds the shot, or several of different sizes.
        SettingsError: No model was named, and several target identities have tracks.
        UnderstudyError: The shot or the model cannot be used.
    """
    shot = open_shot(folder, shot_name)
    tracks = read_found_tracks(folder, shot)
    if model_name:
        snapshot = read_snapshot(chosen_snapshot(folder.model(model_name), folder.project.swap.snapshot))
        identity: str | None = pair_of_snapshot(snapshot.facts, folder.model(model_name)).target
    else:
        identity = _only_target(folder, tracks)
    alignments = tracks.alignments(identity)
    if not alignments and tracks.found:
        raise tracks.without(identity, tuple(tracks.found))
    if not alignments:
        raise NoFaceError(
            f"No face was found in shot '{shot_name}' yet. Run: understudy extract {shot_name} --identity NAME",
            shot=shot_name,
        )
    if model_name:
        size, scale = snapshot.preset.model.size, face_scale_of(folder, snapshot)
    else:
        size, scale = _size_of_facesets(folder, shot_name), 1.0
    return PatchMove(
        shot=shot_name,
        side=size,
        display_window=shot.display_window,
        pixel_aspect=shot.pixel_aspect,
        plate_from_crop={
            number: inverse(
                compose(painted_from_crop(size, scale), crop_from_aligned(size), alignments[number].aligned_from_plate)
            )
            for number in sorted(alignments)
        },
    )


def _only_target(folder: ProjectFolder, tracks: FoundTracks) -> str | None:
    """The target identity that has tracks of the shot; None when none has."""
    known = folder.project.identities
    targets = [name for name in tracks.assigned if name in known and known[name].role == "target"]
    if len(targets) > 1:
        raise SettingsError(
            f"Shot '{tracks.shot.name}' has tracks of {' and '.join(sorted(targets))}. "
            "Name the model that swaps with --model.",
            shot=tracks.shot.name,
        )
    return targets[0] if targets else None


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
