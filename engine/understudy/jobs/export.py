"""Model files to give away, each with a card that says who is in it and what may be done with it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from understudy.durable import write_text
from understudy.errors import SettingsError, UnknownNameError
from understudy.jobs.card import anonymous, card_of, card_page, training_space_facts
from understudy.jobs.transfer import check_carried_consent
from understudy.model.parts import IDENTITIES, PARTS, children_of, holds_a_person, identity_of, part_of
from understudy.model.snapshot import Snapshot, newest_snapshot, read_snapshot, write_weights
from understudy.provenance import check_consent, lineage_of, people_of
from understudy.settings.project import ProjectFolder

__all__ = ["ExportedWeights", "export_weights"]

_LOGGER = logging.getLogger(__name__)
_MOST_LICENCE = 2000
_KEPT = ("software", "iteration", "identities", "trained_on", "lineage", "alignment_template", "face_scale")
"""Facts of a snapshot that go with its weights; names of shots and colour configs do not."""


@dataclass(frozen=True)
class ExportedWeights:
    """A weights file that was written, or would be.

    Attributes:
        path: The file.
        card: Its card, as a page beside it.
        tensors: How many it has.
        children: Which parts, as the model calls them.
        consent: Who has consented to what, in a sentence.
    """

    path: Path
    card: Path
    tensors: int
    children: tuple[str, ...]
    consent: str


def export_weights(
    folder: ProjectFolder,
    model_name: str,
    out: Path,
    parts: Sequence[str] = ("encoder",),
    licence: str = "",
    without_names: bool = False,
    dry_run: bool = False,
) -> ExportedWeights:
    """Writes parts of a model's newest snapshot to give away, with a card.

    What is given away cannot be called back, so that everybody whom the model was trained on must be in this project
    with a consent that holds today, even when only the encoder is given away.

    Args:
        folder: The project.
        model_name: The model.
        out: `FILE.safetensors`; its card is `FILE.card.md` beside it.
        parts: Any of encoder, inter, decoder, target and source; or "all".
        licence: What the receiver may do with it.
        without_names: Say "person 1" for people, and nothing of productions.
        dry_run: Check everything and write nothing.

    Raises:
        SettingsError: A part or the file's name cannot be meant, or a file is there already.
        ConsentError: Somebody's consent does not hold.
        ModelFileError: The model has no snapshot, or it is damaged.
        WriteError: A file cannot be written.
    """
    card_path = _checked(out, (".safetensors",))
    if len(licence) > _MOST_LICENCE:
        raise SettingsError(f"The licence has {len(licence)} characters; give its name or address, not its text.")
    snapshot = read_snapshot(newest_snapshot(folder.model(model_name)))
    chosen = _chosen(snapshot, parts)
    _check_consents(folder, snapshot.facts, any(map(holds_a_person, chosen)))
    facts = given_facts(snapshot, licence, without_names)
    names = [name for name in snapshot.weights if name.partition(".")[0] in chosen]
    card = card_of(snapshot.preset, facts, names)
    if not dry_run:
        write_text(card_path, card_page(card, out.name))
        write_weights(out, snapshot, chosen, facts)
    return ExportedWeights(out, card_path, len(names), chosen, card["consent_summary"])


def given_facts(snapshot: Snapshot, licence: str, without_names: bool) -> dict[str, Any]:
    """What a file that is given away says of itself.

    Args:
        snapshot: Whose weights it has.
        licence: What the receiver may do with it; empty for none.
        without_names: As in `export_weights`.
    """
    facts = {name: snapshot.facts[name] for name in _KEPT if name in snapshot.facts}
    facts |= {"trained_on": people_of(snapshot.facts), "snapshot": snapshot.hash}
    if without_names:
        facts = anonymous(facts)
    return {**facts, "licence": licence, "training_space": training_space_facts()}


def _checked(out: Path, suffixes: Sequence[str]) -> Path:
    """The place of the card of a file; both must be free."""
    if out.suffix not in suffixes:
        raise SettingsError(f"{out} should end in {' or '.join(suffixes)}: name the file so.", path=str(out))
    card = out.with_suffix(".card.md")
    for path in (out, card):
        if path.exists():
            raise SettingsError(f"{path} is there already; name another file, or delete it.", path=str(path))
    return card


def _chosen(snapshot: Snapshot, parts: Sequence[str]) -> tuple[str, ...]:
    """The children of the model that these parts are."""
    there = children_of(snapshot.weights)
    known = (*PARTS, *IDENTITIES, "all")
    for name in parts:
        if name not in known:
            raise UnknownNameError("part", name, known, cure="Separate several by commas.")
    chosen = tuple(child for child in there if "all" in parts or part_of(child) in parts or identity_of(child) in parts)
    if not chosen:
        raise SettingsError(f"The model has no {' and no '.join(parts)}; it has: {', '.join(there) or 'no weights'}.")
    return chosen


def _check_consents(folder: ProjectFolder, facts: Mapping[str, Any], paints: bool) -> None:
    """Everybody whom a model was trained on agrees today; and so do those in decoders that it had begun from."""
    for person in people_of(facts):
        if person.get("kind") == "record" or (person.get("role") == "source" and person.get("kind") is None):
            check_consent(folder, person["identity"])
            _LOGGER.warning(
                "%s has a consent record: see that what it allows covers giving the weights away.", person["identity"]
            )
    if paints:
        check_carried_consent(folder, lineage_of(facts))
