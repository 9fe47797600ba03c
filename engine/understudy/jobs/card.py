"""The card of a model file: who is in it, what it is, and what may be done with it; as values and as a page to read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from understudy.color.curve import LARGEST_KEPT, OFFSET, SLOPE, SMALLEST_KEPT, TOE, ZERO_CODE, ZERO_SLOPE
from understudy.color.training_space import MIDDLE_GREY
from understudy.model.parts import children_of, holds_a_person, told_child
from understudy.provenance import lineage_of, people_of
from understudy.settings.preset import Preset

__all__ = ["MODEL_FILES", "anonymous", "card_of", "card_page", "consent_summary", "training_space_facts"]

MODEL_FILES = ("snapshot", "weights file")
"""What `inspect` calls the files that have a card."""

_SCHEMA = "card-1"

_NOTICE = "What this network paints is synthetic media. Label it as such wherever it is shown."
_NO_LICENCE = "none given: ask whoever gave you this file what you may do with it"
_UNNAMED = "unnamed"


def card_of(preset: Preset, facts: Mapping[str, Any], tensors: Sequence[str]) -> dict[str, Any]:
    """What there is to say of a snapshot, a weights file or an exported network, as plain values.

    Args:
        preset: That the network was trained with.
        facts: What the snapshot or weights file says of itself.
        tensors: Names of the weights that are in it.

    Raises:
        ModelFileError: It does not say in order what it was begun from.
    """
    children = children_of(tensors)
    return {
        "schema": _SCHEMA,
        "software": facts.get("software", ""),
        "preset": preset.name,
        "size": preset.model.size,
        "parts": {child: sum(name.startswith(f"{child}.") for name in tensors) for child in children},
        "iteration": facts.get("iteration", 0),
        "identities": facts.get("identities") or {},
        "paints_somebody": any(map(holds_a_person, children)),
        "trained_on": people_of(facts),
        "lineage": lineage_of(facts),
        "consent_summary": consent_summary(facts),
        "licence": facts.get("licence") or _NO_LICENCE,
        "face_scale": facts.get("face_scale"),
        "training_space": training_space_facts(),
        "notice": _NOTICE,
    }


def consent_summary(facts: Mapping[str, Any]) -> str:
    """In a sentence: who has consented, for whom nobody needed to, and whom nobody asked."""
    people = [*people_of(facts), *_ancestors(lineage_of(facts))]
    if people and all(person.get("kind") == "synthetic" for person in people):
        return "synthetic performers only: no person was photographed"
    return "; ".join(dict.fromkeys(_consent_of(person) for person in people)) or "not known"


def training_space_facts() -> dict[str, Any]:
    """The encoding of what goes into the network and comes out: everything that another program needs to compute it."""
    return {
        "curve": "facelog",
        "primaries": "AP1",
        "slope": SLOPE,
        "offset": OFFSET,
        "toe": TOE,
        "zero_code": ZERO_CODE,
        "zero_slope": ZERO_SLOPE,
        "middle_grey": MIDDLE_GREY,
        "smallest_shown": SMALLEST_KEPT,
        "largest_shown": LARGEST_KEPT,
    }


def card_page(card: Mapping[str, Any], file: str) -> str:
    """The card as a page in Markdown.

    Args:
        card: As `card_of` gives it.
        file: Name of the file that it belongs to.
    """
    parts = ", ".join(f"{told_child(child)} ({count} tensors)" for child, count in card["parts"].items())
    people = [_told_person(person) for person in card["trained_on"]] or ["not known"]
    space = card["training_space"]
    whom = (
        "It paints faces of people it was trained on: their consent must cover each use."
        if card["paints_somebody"]
        else "It paints nobody by itself. It was shaped by the faces of the people below all the same."
    )
    lines = [
        f"# {file}",
        "",
        f"Made by {card['software'] or 'Understudy'}. {_NOTICE}",
        "",
        f"- **What it is**: {parts or 'a network without weights'}, of preset {card['preset']}, {card['size']} px.",
        f"- **Trained for**: {card['iteration']} iterations.",
        f"- **Licence**: {card['licence']}.",
        f"- **Consent**: {card['consent_summary']}.",
        f"- **Whom it holds**: {whom}",
        f"- **Training space**: {space['curve']} on {space['primaries']}: {space['slope']:.7g} * log2(light + "
        f"{space['toe']:g}) + {space['offset']:.7g}, below 0 its tangent; faces brought to {space['middle_grey']}.",
        "",
        "## Trained on",
        "",
        *(f"- {line}" for line in people),
    ]
    if card["lineage"]:
        lines += ["", "## Begun from", "", *(line for entry in card["lineage"] for line in _told_entry(entry, 0))]
    return "\n".join(lines) + "\n"


def anonymous(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts without names of people, files and productions: each person becomes "person 1", and so on, throughout.

    The hash of a consent record stays, so that whoever has the record can tell whose it is, and nobody else can.

    Args:
        facts: What a snapshot says of itself.
    """
    names: dict[tuple[str, str], str] = {}

    def renamed(person: Mapping[str, Any]) -> dict[str, Any]:
        key = str(person.get("identity")), str(person.get("record_sha256", ""))
        name = names.setdefault(key, f"person {len(names) + 1}")
        kept = {field: person[field] for field in ("role", "faces", "kind", "id", "record_sha256") if field in person}
        return {"identity": name, **kept}

    def entry_of(entry: Mapping[str, Any]) -> dict[str, Any]:
        people = [(str(person.get("identity")), renamed(person)) for person in entry["trained_on"]]
        painted = entry.get("paints", [])
        return {
            **entry,
            "file": _UNNAMED,
            "trained_on": [person for _, person in people],
            "paints": [person["identity"] for name, person in people if name in painted],
            "lineage": [entry_of(older) for older in entry["lineage"]],
        }

    people = people_of(facts)
    own = {str(person["identity"]): renamed(person)["identity"] for person in people}
    changed = {**facts, "trained_on": [renamed(person) for person in people]}
    changed["lineage"] = [entry_of(entry) for entry in lineage_of(facts)]
    if isinstance(facts.get("identities"), dict):
        changed["identities"] = {role: own.get(name, _UNNAMED) for role, name in facts["identities"].items()}
    return changed


def _told_person(person: Mapping[str, Any]) -> str:
    faces = f"{person['faces']} faces" if "faces" in person else "an unknown number of faces"
    return f"{person['identity']}: {faces}, {person.get('role', 'unknown role')} identity; {_kind_of(person)}"


def _consent_of(person: Mapping[str, Any]) -> str:
    return f"{person.get('identity')}: {_kind_of(person)}"


def _kind_of(person: Mapping[str, Any]) -> str:
    kind = person.get("kind")
    if kind == "record":
        production = f" for {person['production']}" if person.get("production") else ""
        return f"consent record {person.get('id', '')}{production}"
    if kind == "synthetic":
        return "synthetic performer"
    return "nobody was asked (a target identity needs no record)" if kind == "none" else "consent not known"


def _ancestors(lineage: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Everybody whom the files that a model was begun from, and those before them, had seen."""
    people: list[Mapping[str, Any]] = []
    waiting = list(lineage)
    while waiting:
        entry = waiting.pop(0)
        people.extend(entry["trained_on"])
        waiting.extend(entry["lineage"])
    return people


def _told_entry(entry: Mapping[str, Any], depth: int) -> list[str]:
    """A line for a file that a model was begun from, and lines for those before it."""
    parts = ", ".join(told_child(str(child)) for child in entry["parts"])
    people = ", ".join(str(person.get("identity")) for person in entry["trained_on"]) or "not known"
    line = (
        f"{'  ' * depth}- {parts} of {entry.get('file')} (preset {entry.get('preset')}, iteration "
        f"{entry.get('iteration')}, SHA-256 {str(entry.get('sha256'))[:16]}), trained on {people}"
    )
    older = [text for before in entry["lineage"] for text in _told_entry(before, depth + 1)] if depth < 8 else []
    return [line, *older]
