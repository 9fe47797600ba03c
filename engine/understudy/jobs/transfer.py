"""Which files a new model starts from, and whether the people in them have agreed."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from understudy.errors import ConsentError, ModelFileError, PlateError
from understudy.faces.alignment import is_template
from understudy.jobs.asked import known_lineage
from understudy.model.snapshot import newest_snapshot, read_facts, read_start
from understudy.provenance import check_consent, file_hash, lineage_of
from understudy.settings.preset import Preset
from understudy.settings.project import ProjectFolder
from understudy.training.checkpoint import is_begun
from understudy.training.trainer import CHECKPOINTS
from understudy.training.transfer import Start, Transfer, plan_transfer

__all__ = ["begin_or_go_on", "check_carried_consent", "open_transfer"]

_LOGGER = logging.getLogger(__name__)


def begin_or_go_on(
    folder: ProjectFolder,
    model_name: str,
    preset: Preset,
    identities: Mapping[str, str],
    paths: Sequence[Path],
    parts: Sequence[str] | None = None,
    mapping: Sequence[str] = (),
) -> tuple[Transfer | None, list[dict[str, Any]]]:
    """What a model takes over from others now, and what it has ever taken over: its lineage.

    A model that has a checkpoint goes on from it, and remembers what it was begun from.

    Args:
        folder: The project.
        model_name: The model.
        preset: Its preset.
        identities: Whose faces it paints, by role.
        paths: Snapshots and weights files that a new model starts from.
        parts: As in `plan_transfer`.
        mapping: As in `plan_transfer`.

    Raises:
        UnderstudyError: As `open_transfer`; or the model's record is damaged.
    """
    if is_begun(folder.model(model_name) / CHECKPOINTS):
        if paths:
            _LOGGER.warning("Model %s goes on from its own checkpoint: --init-from is for new models.", model_name)
        lineage = known_lineage(folder, model_name) or _lineage_of_snapshot(folder.model(model_name))
        check_carried_consent(folder, lineage)
        return None, lineage
    transfer = open_transfer(folder, preset, identities, paths, parts, mapping)
    for line in transfer.lines() if transfer else ():
        _LOGGER.info("Model %s %s", model_name, line)
    return transfer, transfer.lineage() if transfer else []


def open_transfer(
    folder: ProjectFolder,
    preset: Preset,
    identities: Mapping[str, str],
    paths: Sequence[Path],
    parts: Sequence[str] | None = None,
    mapping: Sequence[str] = (),
) -> Transfer | None:
    """What a new model takes over from snapshots and weights files; None when none are given.

    Args:
        folder: The project.
        preset: Of the new model.
        identities: Whose faces it paints, by role.
        paths: The files, the most important first.
        parts: As in `plan_transfer`.
        mapping: As in `plan_transfer`.

    Raises:
        SettingsError: A part or a mapping cannot be meant.
        ConsentError: A decoder contains a person whose consent this project does not hold.
        ModelFileError: A file cannot be used, or what was asked for does not fit.
    """
    if not paths:
        return None
    starts = []
    for path in paths:
        snapshot = read_start(path)
        starts.append(Start(path, file_hash(path), snapshot))
        _warn_of_other_framing(path, snapshot.facts)
    transfer = plan_transfer(preset, identities, starts, parts, mapping)
    check_carried_consent(folder, transfer.lineage())
    return transfer


def check_carried_consent(folder: ProjectFolder, lineage: Sequence[Mapping[str, Any]], shot: str | None = None) -> None:
    """Returns when everybody whose face is in weights that were taken over may be used in this project today.

    A decoder contains the people that it has learned to paint, wherever that was. One who has signed a consent record
    must have it in this project too: the same record, or one of their own under the same name. Nobody needs to consent
    for a synthetic performer, nor, as in all of Understudy, for a target identity.

    Args:
        folder: The project.
        lineage: As `Transfer.lineage` or `provenance.lineage_of` says it.
        shot: The shot that a model which came of it is to swap; None while training.

    Raises:
        ConsentError: Somebody's consent is not here, or does not hold.
    """
    for person, file in _painted(lineage):
        if person.get("kind") != "record":
            continue
        name = _same_person(folder, person)
        if name is None:
            identity, record = str(person["identity"])[:64], str(person.get("id", ""))[:16]
            raise ConsentError(
                f"The decoder in {file} contains '{identity}' (consent record {record}), whose consent this project "
                f"does not hold. Add it with: understudy identity add {identity} --role source --consent FILE, or take "
                "only what paints nobody: --parts encoder,inter",
                identity=identity,
            )
        check_consent(folder, name, shot)


def _lineage_of_snapshot(model_folder: Path) -> list[dict[str, Any]]:
    """What the newest snapshot says, for a model whose record was deleted; nothing where there is none."""
    with suppress(ModelFileError):
        return lineage_of(read_facts(newest_snapshot(model_folder))[1])
    return []


def _painted(lineage: Sequence[Mapping[str, Any]]) -> Iterator[tuple[dict[str, Any], str]]:
    """Everybody in the decoders that were taken over, and in those that these had begun from; with the file's name."""
    waiting = list(lineage)
    while waiting:
        entry = waiting.pop()
        if not entry["paints"]:
            continue
        for person in entry["trained_on"]:
            if person["identity"] in entry["paints"]:
                yield person, str(entry.get("file", ""))
        waiting.extend(entry["lineage"])


def _same_person(folder: ProjectFolder, person: Mapping[str, Any]) -> str | None:
    """The identity of this project with the person's consent record, else the one with their name and a record."""
    entries = {name: entry for name, entry in folder.project.identities.items() if entry.consent}
    for name, entry in entries.items():
        with suppress(PlateError):
            if file_hash(folder.path / Path(str(entry.consent)).expanduser()) == person.get("record_sha256"):
                return name
    return person["identity"] if person["identity"] in entries else None


def _warn_of_other_framing(path: Path, facts: Mapping[str, Any]) -> None:
    """A model that saw faces lying elsewhere in their crops has to learn where they lie anew."""
    there = facts.get("alignment_template")
    if there is not None and not is_template(there):
        _LOGGER.warning("%s was trained on faces that lie otherwise in their crops; expect a slow start.", path)
