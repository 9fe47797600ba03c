"""The project: a folder with `understudy.yaml`, which names identities and shots, and the folders of what is made."""

from __future__ import annotations

import contextlib
import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, model_validator

from understudy.durable import sweep, write_text
from understudy.errors import ProjectError, SettingsError, UnknownNameError, WriteError
from understudy.lock import ProcessLock
from understudy.settings.matte import ArtistMatte, MatteSettings, ShotMatte
from understudy.settings.validation import Settings, apply_overrides, read_yaml, validated

__all__ = [
    "DEFAULT_PRESET",
    "NOBODY",
    "Compression",
    "IdentityEntry",
    "Project",
    "ProjectFolder",
    "ShotEntry",
    "SwapSettings",
    "check_name",
    "create_project",
    "sole_writer",
]

DEFAULT_PRESET = "u256"
"""What `train` takes when neither the command line nor the project names a preset."""

NOBODY = "-"
"""Whose a face is that is no identity of the project: a passer-by, a poster, a find that is no face."""

_LOGGER = logging.getLogger(__name__)
_FILE = "understudy.yaml"
_LOCK_FILE = ".understudy.lock"
_MOST_WAIT_S = 10.0
_SCHEMA = "project-1"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_RESERVED = {
    "con",
    "prn",
    "aux",
    "nul",
    *(f"{port}{digit}" for port in ("com", "lpt") for digit in range(1, 10)),
}
_HEADER = (
    "# Understudy project. Edit freely; commands that add shots or identities rewrite the file without comments.\n"
)


class IdentityEntry(Settings):
    """A person, or a synthetic performer."""

    role: Literal["source", "target"]
    """`source`: the face that is put in; `target`: the face in the plate that goes."""

    synthetic: bool = False
    """True when no living person was photographed: nobody needs to consent."""

    consent: str | None = None
    """Path of the consent record (a YAML file), from the project folder."""

    @model_validator(mode="after")
    def _one_of_both(self) -> IdentityEntry:
        if self.synthetic and self.consent:
            raise ValueError("an identity is either synthetic or has a consent record, not both")
        return self


Gain = Annotated[float, Field(gt=0.0, le=1000.0)]
"""A factor on light."""


class ShotEntry(Settings):
    """A plate and how it is to be read."""

    plate: str
    """Path pattern with #### or %04d, one picture, or a movie; relative ones start at the project folder."""

    frames: str | None = None
    """Frame range, such as 1001-1100, in a movie from 1 on; everything on disk when left out."""

    colorspace: str | None = None
    """Space, role or alias of the project's OCIO config; decided from the file when left out."""

    layer: str | None = None
    """Layer, part or view of the EXR to take RGB from; the root when left out."""

    missing: Literal["error", "hold", "skip"] = "error"
    """Frames that are not on disk: stop, show the nearest earlier one instead, or leave them out."""

    exposure: Annotated[float, Field(ge=-24.0, le=24.0)] | None = None
    """Stops by which the shot's faces are raised before the model sees them; measured when left out."""

    tracks: str | None = None
    """Path of a .csv, .nk or .setting with an artist's tracks, which the face then moves with; none when left out."""

    artist_matte: ArtistMatte | None = None
    """A roto or occlusion matte that an artist made of the shot; none when left out."""

    matte: ShotMatte | None = None
    """What this shot's mattes have otherwise than the project's."""

    white_balance: tuple[Gain, Gain, Gain] | None = None
    """Gains of R, G and B, ACEScg light, before the exposure; as the project's white_balance says when left out."""


Compression = Literal[
    "none", "rle", "zip", "zips", "piz", "pxr24", "b44", "b44a", "dwaa", "dwab", "htj2k256", "htj2k32"
]
"""What an EXR may be compressed with: `plates.COMPRESSIONS`, which settings may not import."""


class SwapSettings(Settings):
    """What `swap` writes."""

    st_map: bool = False
    """Add the layers st.U and st.V: where each plate pixel lies in the unblended crop."""

    crops: bool = False
    """Also write the unblended swapped crops, as a sequence of their own."""

    cryptomatte: bool = False
    """Also write a Cryptomatte of the source identity, as a sequence of its own."""

    face_scale: Annotated[float, Field(ge=0.5, le=2.0)] | None = None
    """How large the new face's features are drawn, 1 as large as the old one's; measured from both when left out."""

    snapshot: Annotated[int, Field(ge=0)] | Literal["newest", "best"] = "newest"
    """Which snapshot of the model swaps: `newest`; `best`, by its loss on held-out faces; or that of an iteration."""

    compression: Compression = "zips"
    """Of the EXRs; zips is lossless and quick to scrub."""

    @model_validator(mode="after")
    def _st_map_stays_exact(self) -> SwapSettings:
        if self.st_map and self.compression == "pxr24":
            raise ValueError("pxr24 cuts the 32 bits of the ST map to 24; with st_map take zips, zip, piz, rle or none")
        return self


class Project(Settings):
    """The contents of `understudy.yaml`."""

    ocio: str
    """Exact name of a built-in OCIO config, or the path of one."""

    preset: str = DEFAULT_PRESET
    """Preset of models that name none."""

    overrides: tuple[str, ...] = ()
    """`field=value` changes to the preset, applied before those of the command line."""

    white_balance: bool = True
    """Normalise each colour channel on the face, not only exposure: shots in different light train together."""

    identities: dict[str, IdentityEntry] = Field(default_factory=dict)
    """By name."""

    shots: dict[str, ShotEntry] = Field(default_factory=dict)
    """By name."""

    min_native: Annotated[int, Field(ge=0, le=8192)] = 0
    """Faces that span fewer plate pixels than this are left out of facesets."""

    matte: MatteSettings = MatteSettings()
    """How mattes are drawn, for all shots."""

    swap: SwapSettings = SwapSettings()
    """What `swap` writes."""

    @model_validator(mode="after")
    def _names_are_folder_names(self) -> Project:
        for kind, names in (("identity", self.identities), ("shot", self.shots)):
            for name in names:
                if not _is_safe(name):
                    raise ValueError(f"{kind} '{name}' cannot be a folder's name: use letters, digits, - _ and .")
        return self


@dataclass(frozen=True)
class ProjectFolder:
    """A project on disk: its settings and the places of what is made from them.

    Attributes:
        path: The folder.
        project: What `understudy.yaml` says.
    """

    path: Path
    project: Project

    @staticmethod
    def open(path: Path) -> ProjectFolder:
        """The project in a folder.

        Raises:
            ProjectError: No project is there, or its file is broken; the message names file, field and reason.
        """
        file = path / _FILE
        if not ProjectFolder.is_at(path):
            raise ProjectError(
                f"{path} is no project: it has no {_FILE}. Make one with: understudy new {path}",
                path=str(path),
            )
        values = read_yaml(file, ProjectError)
        if values.pop("schema", None) != _SCHEMA:
            raise ProjectError(f"{file}: field 'schema': this version reads {_SCHEMA}.", path=str(file), field="schema")
        values = {key: value for key, value in values.items() if value is not None}
        return ProjectFolder(path, validated(Project, values, str(file), ProjectError))

    @staticmethod
    def is_at(path: Path) -> bool:
        """True when a folder is a project."""
        return (path / _FILE).is_file()

    def shot(self, name: str) -> ShotEntry:
        """A shot by name.

        Raises:
            UnknownNameError: The project has none of this name.
        """
        if name not in self.project.shots:
            cure = f"Add it with: understudy shot add {name} --plate PATTERN"
            raise UnknownNameError("shot", name, self.project.shots, f"project {self.path}", cure)
        return self.project.shots[name]

    def identity(self, name: str) -> IdentityEntry:
        """An identity by name.

        Raises:
            UnknownNameError: The project has none of this name.
        """
        if name not in self.project.identities:
            cure = f"Add it with: understudy identity add {name} --role source|target"
            raise UnknownNameError("identity", name, self.project.identities, f"project {self.path}", cure)
        return self.project.identities[name]

    def plate_pattern(self, shot: str) -> Path:
        """The shot's plate pattern as an absolute path."""
        return (self.path / Path(self.shot(shot).plate).expanduser()).absolute()

    def tracks_file(self, shot: str) -> Path | None:
        """The file with an artist's tracks of a shot as an absolute path; None when it names none."""
        tracks = self.shot(shot).tracks
        return (self.path / Path(tracks).expanduser()).absolute() if tracks else None

    def artist_matte(self, shot: str) -> Path | None:
        """Path pattern of an artist's matte of a shot, absolute; None when it has none."""
        matte = self.shot(shot).artist_matte
        return (self.path / Path(matte.path).expanduser()).absolute() if matte else None

    def learned_matte(self, shot: str, identity: str) -> Path:
        """Where `understudy matte` keeps what it has learned of an identity's face in a shot."""
        return self.path / "shots" / shot / "matte" / f"{identity}.safetensors"

    def matte_settings(self, shot: str) -> MatteSettings:
        """How the mattes of a shot are drawn: the project's settings with what the shot has otherwise."""
        own = self.shot(shot).matte
        return own.over(self.project.matte) if own else self.project.matte

    def kept_path(self, path: Path) -> str:
        """An absolute path as the project file keeps it: relative when it lies inside the project."""
        home = self.path.absolute()
        normal = Path(os.path.normpath(path))
        return str(normal.relative_to(home)) if normal.is_relative_to(home) else str(normal)

    def faces_file(self, shot: str) -> Path:
        """Where `extract` keeps the faces found in a shot."""
        return self.path / "shots" / shot / "faces.jsonl"

    def assignments_file(self, shot: str) -> Path:
        """Where `faces --assign` keeps whose the faces found in a shot are."""
        return self.path / "shots" / shot / "assignments.json"

    def faceset(self, identity: str) -> Path:
        """The folder of an identity's crops."""
        return self.path / "facesets" / identity

    def model(self, name: str) -> Path:
        """The folder of a model.

        Raises:
            ProjectError: The name cannot be a folder's.
        """
        return self.path / "models" / check_name("model", name)

    def swaps(self, shot: str) -> Path:
        """The folder of a shot's results."""
        return self.path / "swaps" / shot

    def save(self, project: Project) -> ProjectFolder:
        """This folder with other settings, on disk too; the old file stays whole until the new one is.

        Raises:
            WriteError: The file cannot be written.
        """
        values: dict[str, Any] = {"schema": _SCHEMA, **project.model_dump(mode="json", exclude_defaults=True)}
        values = {key: value for key, value in values.items() if value not in (None, {}, [], ())}
        text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=110)
        write_text(self.path / _FILE, _HEADER + text)
        return ProjectFolder(self.path, project)

    def changed(self, change: Callable[[ProjectFolder], Project]) -> ProjectFolder:
        """This folder with a change, on disk too, that loses nobody else's: it is applied to what the file says now.

        Args:
            change: Returns the settings that shall be, from the folder as it is on disk at this moment; quick, because
                all others who would change the project wait for it.

        Raises:
            ProjectError: The file is broken, or somebody else changes it and does not end.
            WriteError: The file cannot be written.
        """
        with sole_writer(self.path):
            sweep(self.path)
            now = ProjectFolder.open(self.path)
            return now.save(change(now))

    def with_shot(self, name: str, values: Mapping[str, Any]) -> Project:
        """The settings with one more shot, or a changed one.

        Raises:
            ProjectError: The name or a value is wrong.
        """
        entry = validated(ShotEntry, values, f"shot {check_name('shot', name)}", ProjectError)
        return self.project.model_copy(update={"shots": {**self.project.shots, name: entry}})

    def with_identity(self, name: str, values: Mapping[str, Any]) -> Project:
        """The settings with one more identity, or a changed one.

        Raises:
            ProjectError: The name or a value is wrong.
        """
        entry = validated(IdentityEntry, values, f"identity {check_name('identity', name)}", ProjectError)
        return self.project.model_copy(update={"identities": {**self.project.identities, name: entry}})

    def with_overrides(self, overrides: tuple[str, ...]) -> Project:
        """The settings with `field=value` changes, for one command.

        Raises:
            SettingsError: An override is wrong.
        """
        values = apply_overrides(self.project.model_dump(mode="json"), overrides)
        return validated(Project, values, "--set", SettingsError)


def create_project(path: Path, ocio: str) -> ProjectFolder:
    """Makes a project folder.

    Raises:
        ProjectError: One is there already.
        WriteError: The folder cannot be written.
    """
    with sole_writer(path):
        if (path / _FILE).exists():
            raise ProjectError(f"{path} is a project already; its settings are in {path / _FILE}.", path=str(path))
        return ProjectFolder(path, Project(ocio=ocio)).save(Project(ocio=ocio))


@contextlib.contextmanager
def sole_writer(path: Path) -> Iterator[None]:
    """Nobody else changes the project inside: no thread, and no process on a machine that shares the folder.

    Raises:
        ProjectError: Somebody else does for more than ten seconds.
        WriteError: The folder cannot be written.
    """
    lock = ProcessLock(path / _LOCK_FILE)
    try:
        path.mkdir(parents=True, exist_ok=True)
        is_held = lock.take(_MOST_WAIT_S)
    except OSError as error:
        raise WriteError(f"{path} cannot be written: {error.strerror or error}.", path=str(path)) from error
    if not is_held and not lock.fault:
        raise ProjectError(
            f"Process {lock.said()} has been changing the project in {path} for {_MOST_WAIT_S:g} seconds, so nothing "
            "was changed. Try again, or end that process.",
            path=str(path),
        )
    if lock.fault:
        _LOGGER.warning("%s cannot be locked (%s): two changes at the same moment may lose one.", path, lock.fault)
    try:
        yield
    finally:
        lock.release()


def check_name(kind: str, name: str) -> str:
    """The name, when it can be a folder's on every system.

    Raises:
        ProjectError: It cannot.
    """
    if not _is_safe(name):
        article = "an" if kind[0] in "aeiou" else "a"
        raise ProjectError(
            f"'{name}' cannot name {article} {kind}: use 1 to 64 letters, digits, - _ and ., a letter or digit first.",
            kind=kind,
            name=name,
        )
    return name


def _is_safe(name: str) -> bool:
    return bool(_NAME.fullmatch(name)) and not name.endswith(".") and name.split(".")[0].lower() not in _RESERVED
