"""Who may be put into a plate, and what every output says of itself."""

from __future__ import annotations

import datetime
import fnmatch
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from understudy import __version__
from understudy.durable import write_text
from understudy.errors import ConsentError, ModelFileError, PlateError, SettingsError
from understudy.settings.project import ProjectFolder
from understudy.settings.validation import Settings, read_yaml, validated

__all__ = [
    "OUTPUT_SCHEMA",
    "Consent",
    "ConsentRecord",
    "attributes_of",
    "check_consent",
    "file_hash",
    "json_hash",
    "lineage_of",
    "people_of",
    "person_in",
    "read_consent",
    "write_consent_form",
]

OUTPUT_SCHEMA = "output-2"
"""What a result is: since 2 it is scene-linear whatever its plate, and defines its composite."""

_DIGITAL_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
_HASH = r"[0-9a-f]{64}"
_DEEPEST_LINEAGE = 32

_FORM = """\
# Consent of one person to be the source identity: the face that is put into a plate.
# Fill in every line, then run:  understudy identity add NAME --role source --consent {name}
schema: consent-1
status: active            # set to revoked when consent is taken back: train and swap then refuse
person: ""                # who consents: full name of the performer
granted_by: ""            # who signed: the performer, or who may sign for them
production: ""            # the production it is for
shots: ["*"]              # names of the project's shots it covers; * stands for any characters
use: ""                   # what the face may be used for, in a sentence
document: ""              # path of the signed document, from this file's folder
document_sha256: ""       # its SHA-256, so that another document cannot take its place: sha256sum FILE
granted: {today}       # the day of the signature
valid_until: {later}   # the last day it holds
"""


class ConsentRecord(Settings):
    """The contents of a consent record."""

    status: Literal["active", "revoked"]
    """Revoked consent stops `train` and `swap`."""

    person: Annotated[str, Field(min_length=1)]
    """Who consents."""

    granted_by: Annotated[str, Field(min_length=1)]
    """Who signed."""

    production: Annotated[str, Field(min_length=1)]
    """The production it is for."""

    shots: Annotated[tuple[str, ...], Field(min_length=1)]
    """Names of shots, with * for any characters."""

    use: Annotated[str, Field(min_length=1)]
    """What the face may be used for."""

    document: Annotated[str, Field(min_length=1)]
    """Path of the signed document, from the record's folder."""

    document_sha256: Annotated[str, Field(pattern=f"^{_HASH}$")]
    """SHA-256 of the document, lower case."""

    granted: datetime.date
    """The day of the signature."""

    valid_until: datetime.date
    """The last day it holds."""

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> ConsentRecord:
        if self.valid_until < self.granted:
            raise ValueError("valid_until lies before granted")
        return self


@dataclass(frozen=True)
class Consent:
    """That a source identity may be used, and why; what snapshots and outputs carry.

    Attributes:
        identity: Its name in the project.
        kind: "synthetic", or "record".
        id: First 16 hex digits of the record's hash; "synthetic" without one.
        record_sha256: SHA-256 of the record file; empty without one.
        production: The production it is for; empty for synthetic identities.
    """

    identity: str
    kind: str
    id: str
    record_sha256: str
    production: str

    def to_json(self) -> dict[str, str]:
        """Plain values."""
        return dict(vars(self))


def write_consent_form(path: Path) -> None:
    """Writes an empty consent record with a line of explanation for each field.

    Raises:
        SettingsError: The file is there already.
        WriteError: It cannot be written.
    """
    if path.exists():
        raise SettingsError(f"{path} is there already; name another file.", path=str(path))
    today = datetime.date.today()
    later = today.replace(year=today.year + 1, day=min(today.day, 28))
    write_text(path, _FORM.format(name=path.name, today=today, later=later))


def read_consent(path: Path) -> ConsentRecord:
    """A consent record whose document is there and unchanged.

    Raises:
        ConsentError: The record or its document is missing, incomplete or changed.
    """
    values = read_yaml(path, ConsentError)
    if values.pop("schema", None) != "consent-1":
        raise ConsentError(f"{path}: field 'schema': this version reads consent-1.", path=str(path), field="schema")
    record = validated(ConsentRecord, values, str(path), ConsentError)
    document = path.parent / record.document
    if not document.is_file():
        raise ConsentError(f"{path}: its document {document} is not there.", path=str(path), document=str(document))
    if file_hash(document) != record.document_sha256:
        raise ConsentError(
            f"{path}: its document {document} has another SHA-256 than the record says; it was changed or replaced.",
            path=str(path),
            document=str(document),
        )
    return record


def check_consent(
    folder: ProjectFolder, identity: str, shot: str | None = None, today: datetime.date | None = None
) -> Consent:
    """Returns when this identity may be used, else raises; asked of source identities, and of all in pretraining.

    Args:
        folder: The project.
        identity: Its name.
        shot: The shot it is put into; None while training.
        today: The day that counts; the machine's date when None.

    Raises:
        ConsentError: No record, not this shot, not this day, or revoked; says which command adds one.
    """
    entry = folder.identity(identity)
    if entry.synthetic:
        return Consent(identity, "synthetic", "synthetic", "", "")
    cure = f"understudy identity add {identity} --role {entry.role} --consent FILE (or --synthetic)"
    whose = f"{entry.role.capitalize()} identity"
    if entry.consent is None:
        raise ConsentError(
            f"{whose} '{identity}' has no consent record, so nothing was started. Add one with: {cure}",
            identity=identity,
        )
    path = folder.path / Path(entry.consent).expanduser()
    record = read_consent(path)
    day = today or datetime.date.today()
    reason = ""
    if record.status == "revoked":
        reason = "was revoked"
    elif not record.granted <= day <= record.valid_until:
        reason = f"holds from {record.granted} to {record.valid_until}, and today is {day}"
    elif shot is not None and not any(fnmatch.fnmatchcase(shot, pattern) for pattern in record.shots):
        reason = f"covers the shots {', '.join(record.shots)}, not '{shot}'"
    if reason:
        raise ConsentError(
            f"The consent of {whose.lower()} '{identity}' ({path}) {reason}. Add a new record with: {cure}",
            identity=identity,
            path=str(path),
        )
    sha = file_hash(path)
    return Consent(identity, "record", sha[:16], sha, record.production)


def person_in(folder: ProjectFolder, identity: str, faces: int) -> dict[str, Any]:
    """Whose faces a model learns from, as its snapshots remember: name, role, how many faces, and the consent.

    A target identity needs none, so that it may have the kind "none".

    Args:
        folder: The project.
        identity: Its name.
        faces: How many of its faces are learned from.

    Raises:
        ConsentError: It has a consent record that does not hold.
    """
    entry = folder.identity(identity)
    known: dict[str, Any] = {"identity": identity, "role": entry.role, "faces": faces}
    if entry.role == "target" and not entry.synthetic and entry.consent is None:
        return {**known, "kind": "none"}
    return {**known, **check_consent(folder, identity).to_json()}


def people_of(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Whose faces the weights of a snapshot or weights file have seen, each as `person_in` writes it.

    Args:
        facts: What the file says of itself; of early files, the little that can be told from their other facts.
    """
    people = facts.get("trained_on")
    if isinstance(people, list):
        return [person for person in people if isinstance(person, dict) and isinstance(person.get("identity"), str)]
    identities, consent = facts.get("identities"), facts.get("consent")
    if not isinstance(identities, dict):
        return []
    of_source = dict(consent) if isinstance(consent, dict) else {}
    return [
        {**(of_source if role == "source" else {}), "identity": str(identities[role]), "role": role}
        for role in ("target", "source")
        if role in identities
    ]


def lineage_of(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What a model was begun from, as `training.transfer` remembers it: each entry with its people and those before it.

    Args:
        facts: What a file, or an entry of such a list, says of itself.

    Raises:
        ModelFileError: It is no such list: whose faces the weights have seen cannot be told.
    """
    return _entries(facts.get("lineage"), 0)


def _entries(lineage: Any, depth: int) -> list[dict[str, Any]]:
    if lineage is None:
        return []
    if not isinstance(lineage, list) or depth > _DEEPEST_LINEAGE:
        raise _broken_lineage()
    entries = []
    for entry in lineage:
        if not isinstance(entry, dict) or not _is_whole(entry):
            raise _broken_lineage()
        entries.append({**entry, "trained_on": people_of(entry), "lineage": _entries(entry.get("lineage"), depth + 1)})
    return entries


def _is_whole(entry: Mapping[str, Any]) -> bool:
    parts, paints = entry.get("parts"), entry.get("paints")
    return (
        isinstance(parts, dict)
        and all(isinstance(origin, str) for origin in parts.values())
        and isinstance(paints, list)
        and all(isinstance(name, str) for name in paints)
    )


def _broken_lineage() -> ModelFileError:
    return ModelFileError(
        "A model file does not say in order what it was begun from, so that nobody can tell whose faces are in it. "
        "Use another one, or export it again."
    )


def attributes_of(consent: Mapping[str, str], model_hash: str, recipe_hash: str, plate_hash: str) -> dict[str, str]:
    """What every output says of itself in its EXR header.

    Args:
        consent: `Consent.to_json` of the source identity.
        model_hash: SHA-256 of the snapshot.
        recipe_hash: SHA-256 of everything that decided the pixels.
        plate_hash: SHA-256 of the plate's file.
    """
    return {
        "understudy/schema": OUTPUT_SCHEMA,
        "understudy/software": f"understudy {__version__}",
        "understudy/digitalSourceType": _DIGITAL_SOURCE_TYPE,
        "understudy/sourceIdentity": consent["identity"],
        "understudy/consentKind": consent["kind"],
        "understudy/consentId": consent["id"],
        "understudy/consentHash": consent["record_sha256"],
        "understudy/modelHash": model_hash,
        "understudy/recipeHash": recipe_hash,
        "understudy/plateHash": plate_hash,
    }


def file_hash(path: Path) -> str:
    """SHA-256 of a file, 64 hex digits.

    Raises:
        PlateError: The file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise PlateError(f"{path} cannot be read: {error.strerror or error}.", path=str(path)) from error


def json_hash(values: Any) -> str:
    """SHA-256 of plain values, the same for the same values in any order of keys."""
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
