"""What is added to a project's file: the project itself, its shots, its identities; each checked before it is kept."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from understudy.color import ColorConfig, pinned_name
from understudy.errors import ProjectError, SettingsError
from understudy.geometry import Box
from understudy.jobs.shot import OpenedShot, config_of, open_shot
from understudy.jobs.shot_mattes import MatteSequence
from understudy.jobs.tracks import shot_tracks
from understudy.plates import find_sequence, format_frames, parse_frames, read_header
from understudy.provenance import ConsentRecord, read_consent
from understudy.settings.matte import ArtistMatte
from understudy.settings.project import Project, ProjectFolder, create_project

__all__ = ["AddedIdentity", "AddedShot", "add_identity", "add_shot", "planned_project"]

Missing = Literal["error", "hold", "skip"]


@dataclass(frozen=True)
class AddedShot:
    """A shot as it was added, and what its plate is taken to be.

    Attributes:
        shot: Opened with what was said.
        pattern: The plate's path pattern, absolute.
        display_window: Of the first frame: the agreed picture area.
        data_window: Of the first frame: where pixels are.
        missing: What frames that are not on disk do.
        tracks: The file with an artist's tracks, absolute; None without one.
        matte: Path pattern of an artist's matte, absolute; None without one.
    """

    shot: OpenedShot
    pattern: Path
    display_window: Box
    data_window: Box
    missing: Missing
    tracks: Path | None = None
    matte: Path | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values; windows are left, top, right, bottom in pixels, y down, right and bottom excluded."""
        shot = self.shot
        return {
            "shot": shot.name,
            "plate": str(self.pattern),
            "frames": format_frames(shot.frames),
            "count": len(shot.frames),
            "first": shot.frames[0],
            "last": shot.frames[-1],
            "layer": shot.selected or "",
            "missing": self.missing,
            "tracks": str(self.tracks) if self.tracks else "",
            "matte": str(self.matte) if self.matte else "",
            "left_out": format_frames(tuple(sorted(shot.left_out))) if shot.left_out else "",
            "ocio": shot.color.name,
            "working": shot.color.working,
            "colorspace": shot.space.name,
            "reason": shot.space.reason,
            "is_guess": shot.space.is_guess,
            "losses": list(shot.space.losses),
            "result_colorspace": shot.color.result_space(shot.space.name),
            "display_window": _edges(self.display_window),
            "data_window": _edges(self.data_window),
            "pixel_aspect": shot.pixel_aspect,
        }


@dataclass(frozen=True)
class AddedIdentity:
    """An identity as it was added.

    Attributes:
        name: In the project.
        role: "source" or "target".
        synthetic: True when nobody was photographed.
        record: The consent that it was added with; None without one.
    """

    name: str
    role: str
    synthetic: bool
    record: ConsentRecord | None

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        record = self.record
        return {
            "identity": self.name,
            "role": self.role,
            "synthetic": self.synthetic,
            "person": record.person if record else "",
            "valid_until": str(record.valid_until) if record else "",
        }


def planned_project(path: Path, ocio: str) -> ProjectFolder:
    """The project that `create_project` would make here, with its OCIO config checked; nothing is written.

    Args:
        path: The folder.
        ocio: A built-in config's name, a path, or "$OCIO"; it is kept under its exact name.

    Raises:
        UnknownNameError: There is no such config.
        ColorError: It cannot be used.
    """
    pinned = pinned_name(ocio)
    config = ColorConfig.load(str(Path(pinned).absolute()) if Path(pinned).is_file() else pinned)
    return ProjectFolder(path, Project(ocio=config.name))


def add_shot(
    folder: ProjectFolder,
    name: str,
    plate: Path,
    *,
    frames: str | None = None,
    colorspace: str | None = None,
    layer: str | None = None,
    missing: Missing = "error",
    tracks: Path | None = None,
    matte: ArtistMatte | None = None,
    dry_run: bool = False,
) -> AddedShot:
    """Adds a shot to a project, or changes one; what was set by hand in `understudy.yaml` stays.

    Args:
        folder: The project; one of `planned_project` is made with its first shot.
        name: What the shot is called.
        plate: Path pattern with #### or %04d, one picture, or a movie.
        frames: Such as 1001-1100; from the first on disk to the last when None.
        colorspace: Space, role or alias of the project's OCIO config; decided from the file when None.
        layer: Layer, part or view to take RGB from; the root when None.
        missing: What frames that are not on disk do: "error" stops, "hold" shows the nearest earlier one, "skip" leaves
            them out.
        tracks: A .csv, .nk or .setting with an artist's tracks, which the face shall move with; none when None.
        matte: An artist's roto or occlusion matte, its path as the caller's folder has it; none when None.
        dry_run: Check everything and write nothing.

    Raises:
        UnderstudyError: The plate cannot be used so; the project is as it was.
    """
    absolute = plate.expanduser().absolute()
    found = find_sequence(absolute)
    chosen = parse_frames(frames) if frames else found.numbers if missing == "skip" else found.span
    if colorspace is not None:
        config_of(folder).space(colorspace)
    values = {
        "plate": folder.kept_path(absolute),
        "frames": format_frames(chosen),
        "colorspace": colorspace,
        "layer": layer,
        "missing": missing,
        "tracks": folder.kept_path(tracks.expanduser().absolute()) if tracks else None,
        "artist_matte": _kept_matte(folder, matte),
    }
    with_it = ProjectFolder(folder.path, _with_shot(folder, name, values))
    shot = open_shot(with_it, name)
    shot_tracks(with_it, shot)
    pattern = with_it.artist_matte(name)
    if matte and pattern:
        sequence = MatteSequence.open(pattern, matte.channel, shot)
        if matte.missing == "error":
            sequence.check_frames(name, shot.frames)
    header = read_header(shot.plate.path(shot.frames[0]), shot.selected, shot.plate.source(shot.frames[0]))
    if not dry_run:
        if not ProjectFolder.is_at(folder.path):
            with contextlib.suppress(ProjectError):  # somebody else was quicker
                create_project(folder.path, folder.project.ocio)
        folder.changed(lambda now: _with_shot(now, name, values))
    return AddedShot(
        shot=shot,
        pattern=with_it.plate_pattern(name),
        display_window=header.display_window,
        data_window=header.data_window,
        missing=missing,
        tracks=with_it.tracks_file(name),
        matte=pattern,
    )


def add_identity(
    folder: ProjectFolder,
    name: str,
    role: Literal["source", "target"],
    *,
    synthetic: bool = False,
    consent: Path | None = None,
    dry_run: bool = False,
) -> AddedIdentity:
    """Adds an identity to a project, or changes one: its role and its consent.

    Args:
        folder: The project.
        name: What the identity is called.
        role: "source": the face that is put in; "target": the face in the plate that goes.
        synthetic: No living person was photographed.
        consent: The consent record, a YAML file.
        dry_run: Check everything and write nothing.

    Raises:
        SettingsError: A source identity has neither mark nor record.
        ConsentError: The record is missing, incomplete, or its document was changed.
        UnderstudyError: Anything else; the project is as it was.
    """
    if role == "source" and not synthetic and consent is None:
        raise SettingsError(
            f"A source identity needs consent: understudy identity add {name} --role source --consent FILE, or "
            "--synthetic. An empty record to fill in is written by: understudy identity form FILE"
        )
    record = read_consent(consent.absolute()) if consent is not None else None
    values: dict[str, object] = {"role": role, "synthetic": synthetic}
    if consent is not None:
        values["consent"] = folder.kept_path(consent.absolute())
    folder.with_identity(name, values)
    if not dry_run:
        folder.changed(lambda now: now.with_identity(name, values))
    return AddedIdentity(name, role, synthetic, record)


def _with_shot(folder: ProjectFolder, name: str, values: Mapping[str, Any]) -> Project:
    """The settings with a shot, whose exposure, white balance and matte's drawing stay as they were set by hand."""
    before = folder.project.shots.get(name)
    by_hand = {name: getattr(before, name) for name in ("exposure", "white_balance", "matte")} if before else {}
    return folder.with_shot(name, {**values, **by_hand})


def _kept_matte(folder: ProjectFolder, matte: ArtistMatte | None) -> dict[str, Any] | None:
    """The entry of an artist's matte, its path as the project file keeps it."""
    if matte is None:
        return None
    return {**matte.model_dump(), "path": folder.kept_path(Path(matte.path).expanduser().absolute())}


def _edges(box: Box) -> list[int]:
    return [box.left, box.top, box.right, box.bottom]
