"""Merging facesets: the crops of several sets of one performer come together in one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from understudy.durable import replacing, sweep
from understudy.errors import ConsentError, FacesetError, SettingsError, UnknownNameError
from understudy.faces.curation import CropKey, read_curation, write_curation
from understudy.faces.faceset import Faceset
from understudy.jobs.shot import check_free_space
from understudy.provenance import check_consent, read_consent
from understudy.settings.project import ProjectFolder, check_name, sole_writer

__all__ = ["MergedFaceset", "merge_facesets"]


@dataclass(frozen=True)
class MergedFaceset:
    """What came from one faceset.

    Attributes:
        place: Its folder.
        shots: Name in the grown faceset by name there.
        copied: Crops that were copied, by their new shot and frame.
        kept: Crops that were there already.
    """

    place: Path
    shots: Mapping[str, str]
    copied: tuple[CropKey, ...]
    kept: int

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"from": str(self.place), "shots": dict(self.shots), "copied": len(self.copied), "kept": self.kept}


@dataclass(frozen=True, eq=False)
class _Other:
    """A faceset to take crops from, and the project and identity that answer for it."""

    faceset: Faceset
    project: ProjectFolder
    identity: str

    def is_of(self, folder: ProjectFolder) -> bool:
        """True when it is of this project, where a shot's name means one plate."""
        return self.project.path.resolve() == folder.path.resolve()


def merge_facesets(
    folder: ProjectFolder, into: str, others: Sequence[str], dry_run: bool = False
) -> tuple[MergedFaceset, ...]:
    """Copies the crops of other facesets into an identity's, with their training spaces and what was decided of them.

    The others stay as they are. A shot whose name both have, but not with the same plate space and gains, is taken over
    under the name `OTHER.SHOT`; within one project a name means one plate, and where both have a frame of it the grown
    set keeps its own. A kill leaves a faceset with a part of the crops; the same command goes on.

    Args:
        folder: The project.
        into: The identity whose faceset grows; a new one is made where it has none.
        others: Names of the project's identities, or folders of facesets of other projects.
        dry_run: Check everything and write nothing.

    Raises:
        UnknownNameError: The project has no such identity.
        FacesetError: A faceset is missing or damaged, or has an unfinished shot.
        ConsentError: The consent of the identity does not cover the other faces.
        SettingsError: Crops of another size, margin or colour config; another crop of the same shot and frame.
        WriteError: A file cannot be written.
    """
    folder.identity(into)
    found = [_other(folder, into, name) for name in others]
    for other in found:
        _check_consent(folder, into, other)
    first = found[0].faceset
    path = folder.faceset(into)
    own = (
        Faceset.open(path) if Faceset.exists(path) else replace(first, folder=path, identity=into, shots={}, records={})
    )
    for other in found:
        _check_form(own, other.faceset)
    if not dry_run:
        check_free_space(folder.path)
        sweep(own.folder, own.crop_path("", 0).parent)
    made = []
    for other in found:
        merged, own = _merged(folder, own, other, dry_run)
        made.append(merged)
    return tuple(made)


def _merged(folder: ProjectFolder, own: Faceset, other: _Other, dry_run: bool) -> tuple[MergedFaceset, Faceset]:
    """What came of one faceset, and the grown one."""
    source = other.faceset
    shots = {name: name for name in source.shots} if other.is_of(folder) else _shot_names(own, other)
    records = {
        (shots[shot], frame): replace(record, shot=shots[shot]) for (shot, frame), record in source.records.items()
    }
    for key, record in records.items():
        there = own.records.get(key)
        if there is not None and there.stamp != record.stamp and not other.is_of(folder):
            raise SettingsError(
                f"Both '{own.identity}' and {source.folder} have a crop of frame {key[1]} of shot '{key[0]}', made "
                f"differently. Extract that shot anew in one of them, or leave it out of one.",
                shot=key[0],
                frame=key[1],
            )
    if other.is_of(folder):  # of one plate, the grown set's own crops and space stay
        records = {key: one for key, one in records.items() if key not in own.records or own.holds(*key, one.stamp)}
    missing = [key for key, one in records.items() if not own.holds(*key, one.stamp)]
    merged = MergedFaceset(source.folder, shots, tuple(missing), len(records) - len(missing))
    entries = {shots[name]: entry for name, entry in source.shots.items()}
    entries |= {name: entry for name, entry in own.shots.items() if other.is_of(folder) and name in entries}
    if dry_run:
        return merged, replace(own, shots={**own.shots, **entries}, records={**own.records, **records})
    own = own.with_shots(entries)
    old_name = {new: name for name, new in shots.items()}
    for key in missing:
        _copy(source.crop_path(old_name[key[0]], key[1]), own.crop_path(*key))
        own.add_record(records[key])
    with sole_writer(folder.path):
        before = read_curation(own.folder)
        after = before.with_those_of(source.curation, shots, f"merge {source.identity}")
        if after != before:
            write_curation(own.folder, after)
    return merged, own.on_disk()


def _other(folder: ProjectFolder, into: str, name: str) -> _Other:
    """The faceset that is meant: of an identity of this project, or in a folder of another one."""
    if name in folder.project.identities:
        place, project, identity = folder.faceset(name), folder, name
    else:
        place = Path(name).expanduser().absolute()
        if not place.is_dir():
            raise UnknownNameError(
                "identity", name, folder.project.identities, f"project {folder.path}", "A folder may be named as well."
            )
        home, identity = place.parent.parent, place.name
        if place.parent.name != "facesets" or not ProjectFolder.is_at(home):
            raise ConsentError(
                f"{place} lies in no project (PROJECT/facesets/NAME), so that nobody says whose faces it holds. Name a "
                "faceset where it was made.",
                path=str(place),
            )
        project = ProjectFolder.open(home)
        project.identity(identity)
    if place.resolve() == folder.faceset(into).resolve():
        raise SettingsError(f"Faceset '{into}' cannot be merged into itself; name others.", identity=into)
    faceset = Faceset.open(place)
    unfinished = sorted({shot for shot, _ in faceset.records if shot not in faceset.shots})
    if unfinished or not faceset.records:
        what = f"shot '{unfinished[0]}' of it was not extracted to the end" if unfinished else "it holds no crops"
        raise FacesetError(f"{place} cannot be merged: {what}. Run extract there first.", path=str(place))
    return _Other(faceset, project, identity)


def _check_consent(folder: ProjectFolder, into: str, other: _Other) -> None:
    """Returns when the one identity may stand for the other: both synthetic, the same person, or both only replaced.

    A target identity's face goes; it needs no consent, and gives none. So its crops may not become a source's.
    """
    roles = folder.identity(into).role, other.project.identity(other.identity).role
    if roles == ("target", "target"):
        return
    said = f"Crops of '{other.identity}' cannot become '{into}'s"
    if roles != ("source", "source"):
        raise ConsentError(
            f"{said}: one is a source identity, which needs consent, and the other a target identity, which has none.",
            identity=into,
        )
    ours, theirs = check_consent(folder, into), check_consent(other.project, other.identity)
    if ours.kind != theirs.kind:
        raise ConsentError(f"{said}: one is synthetic, and the other a person with a consent record.", identity=into)
    if ours.kind == "record":
        people = [_person(folder, into), _person(other.project, other.identity)]
        if people[0] != people[1]:
            raise ConsentError(
                f"{said}: the consent of '{into}' is {people[0]}'s, and that of '{other.identity}' {people[1]}'s.",
                identity=into,
            )


def _person(folder: ProjectFolder, identity: str) -> str:
    consent = folder.identity(identity).consent
    return read_consent(folder.path / Path(consent or "").expanduser()).person.strip()


def _check_form(own: Faceset, other: Faceset) -> None:
    for what, ours, theirs in (
        ("size", own.size, other.size),
        ("margin", own.margin, other.margin),
        ("OCIO config", own.config, other.config),
    ):
        if ours != theirs:
            raise SettingsError(
                f"{other.folder} has {what} {theirs}, and faceset '{own.identity}' has {ours}. Extract one of them "
                "again with the other's preset and config.",
                path=str(other.folder),
            )


def _shot_names(own: Faceset, other: _Other) -> dict[str, str]:
    """Name in the grown set by name there: another one where the name means another shot, or another light."""
    names = {}
    for shot, entry in other.faceset.shots.items():
        is_new = shot not in own.shots
        names[shot] = shot if is_new or own.shots[shot] == entry or _share(own, other.faceset, shot) else ""
    return {shot: new or check_name("shot", f"{other.identity}.{shot}"[:64]) for shot, new in names.items()}


def _share(own: Faceset, other: Faceset, shot: str) -> bool:
    """True when both have the same crop of a shot: it was merged before, and extracted anew since."""
    theirs = (one for one in other.records.values() if one.shot == shot)
    return any(one.key in own.records and own.records[one.key].stamp == one.stamp for one in theirs)


def _copy(path: Path, to: Path) -> None:
    """The file under another name too: linked where the disk can, since crops are replaced and never changed."""
    if not path.is_file():
        raise FacesetError(f"{path} is missing. Run extract there again.", path=str(path))
    with replacing(to) as beside:
        try:
            os.link(path, beside)
        except OSError:
            shutil.copyfile(path, beside)
