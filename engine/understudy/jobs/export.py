"""Model files to give away, each with a card that says who is in it and what may be done with it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from understudy.color.curve import LARGEST_KEPT, SMALLEST_KEPT
from understudy.durable import write_text
from understudy.errors import SettingsError, UnknownNameError
from understudy.faces.alignment import ANCHOR_LANDMARKS
from understudy.jobs.asked import pair_of_snapshot
from understudy.jobs.card import anonymous, card_of, card_page, training_space_facts
from understudy.jobs.transfer import check_carried_consent
from understudy.model.inference import FORMATS, INPUT, Format, SwapPath, output_names, write_network
from understudy.model.parts import IDENTITIES, PARTS, children_of, holds_a_person, identity_of, part_of, shapes_of
from understudy.model.snapshot import Snapshot, newest_snapshot, read_snapshot, write_weights
from understudy.model.swap_model import SwapModel
from understudy.provenance import check_consent, lineage_of, people_of
from understudy.settings.project import ProjectFolder

__all__ = ["ExportedNetwork", "ExportedWeights", "export_network", "export_weights"]

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


@dataclass(frozen=True)
class ExportedNetwork:
    """A network that was written for another program, or would be.

    Attributes:
        path: The file.
        card: Its card, as a page beside it.
        size: Side of what goes in and comes out, in pixels.
        outputs: What comes out, by name.
        difference: How far its answers lie from the model's, in codes; None when nothing was written.
        limit: How far they may.
    """

    path: Path
    card: Path
    size: int
    outputs: tuple[str, ...]
    difference: float | None
    limit: float


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
        out: `FILE.safetensors`; its card is `FILE.safetensors.card.md` beside it.
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


def export_network(
    folder: ProjectFolder,
    model_name: str,
    out: Path,
    kind: Format,
    size: int | None = None,
    licence: str = "",
    without_names: bool = False,
    dry_run: bool = False,
) -> ExportedNetwork:
    """Writes the swap of a model's newest snapshot as a network that another program can run, with a card.

    It is held against the model before it gets its name. What stands around it, from light to codes and back, is told
    in the file's metadata and in docs/transfer.md.

    Args:
        folder: The project.
        model_name: The model.
        out: `FILE.pt` for TorchScript, `FILE.onnx` for ONNX; its card is the same with `.card.md` behind it.
        kind: Which of the two.
        size: Side of the square in pixels; the model's when None. Only fully convolutional networks take others.
        licence: What the receiver may do with it.
        without_names: Say "person 1" for people, and nothing of productions.
        dry_run: Check everything and write nothing.

    Raises:
        SettingsError: The size or the file's name cannot be meant, a file is there already, or a package is missing.
        ConsentError: Somebody's consent does not hold.
        ModelFileError: The model has no snapshot, swaps nobody, or the file's answers are not its own.
        WriteError: A file cannot be written.
    """
    suffix, limit = FORMATS[kind]
    card_path = _checked(out, (suffix,))
    snapshot_path = newest_snapshot(folder.model(model_name))
    snapshot = read_snapshot(snapshot_path)
    pair_of_snapshot(snapshot.facts, snapshot_path)
    _check_consents(folder, snapshot.facts, paints=True)
    swap = SwapPath(_sized(snapshot, size))
    side = swap.model.settings.size
    facts = given_facts(snapshot, licence, without_names)
    names = [name for name in snapshot.weights if identity_of(name.partition(".")[0]) != "target"]
    card = card_of(snapshot.preset, facts, names) | {"size": side}
    outputs = output_names(swap, side)
    difference = None
    if not dry_run:
        metadata = {**card, **_signature(side, outputs), "alignment": _alignment(facts)}
        write_text(card_path, card_page(card, out.name))
        difference = write_network(out, swap, side, kind, metadata, (SMALLEST_KEPT, LARGEST_KEPT))
    return ExportedNetwork(out, card_path, side, outputs, difference, limit)


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


def _sized(snapshot: Snapshot, size: int | None) -> SwapModel:
    """The model of a snapshot, for pictures of another size if its weights allow that."""
    preset = snapshot.preset
    if preset.model.kind == "identity":
        raise SettingsError(f"Preset '{preset.name}' returns its input: there is no network to export.")
    if size is None or size == preset.model.size:
        return snapshot.build()
    other = preset.with_overrides([f"model.size={size}"])
    shapes = shapes_of(other.model)
    fixed = [name for name, weight in snapshot.weights.items() if shapes[name].shape != weight.shape]
    if fixed:
        raise SettingsError(
            f"The network of '{preset.name}' is made for {preset.model.size} px only, because of '{fixed[0]}'; "
            "export it without --size, or train a fully convolutional one."
        )
    return replace(snapshot, preset_json=other.to_json()).build()


def _signature(size: int, outputs: Sequence[str]) -> dict[str, Any]:
    """What goes in and comes out, for whoever calls the network."""
    codes = "float32 RGB, training space, rows from the top"
    told = {"painted": (3, codes), "matte": (1, "float32, 0..1")}
    return {
        "input": {"name": INPUT, "shape": ["batch", 3, size, size], "holds": codes},
        "outputs": [
            {"name": name, "shape": ["batch", told[name][0], size, size], "holds": told[name][1]} for name in outputs
        ],
    }


def _alignment(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Where these landmarks of MediaPipe's face mesh lie in the square, 0 to 1: what a crop has to be aligned to."""
    return {"landmarks": list(ANCHOR_LANDMARKS), "template": facts.get("alignment_template")}


def _checked(out: Path, suffixes: Sequence[str]) -> Path:
    """The place of the card of a file; both must be free."""
    if out.suffix not in suffixes:
        raise SettingsError(f"{out} should end in {' or '.join(suffixes)}: name the file so.", path=str(out))
    card = out.with_name(f"{out.name}.card.md")
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
