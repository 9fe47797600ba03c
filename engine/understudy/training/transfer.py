"""What a new model takes over from others: whole parts, matched by what they do and by whom they paint.

A part fits whole or not at all: half an encoder describes faces in words that the other half does not know.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from understudy.errors import ModelFileError, SettingsError, UnknownNameError
from understudy.model.parts import (
    IDENTITIES,
    PARTS,
    child_of,
    children_of,
    holds_a_person,
    identity_of,
    part_of,
    renamed_for,
    shapes_of,
    shared_name,
    told_child,
)
from understudy.model.snapshot import Snapshot
from understudy.model.swap_model import Identity, SwapModel
from understudy.provenance import lineage_of, people_of
from understudy.settings.differences import told_differences
from understudy.settings.preset import Preset

__all__ = ["Start", "TakenChild", "Transfer", "plan_transfer"]


@dataclass(frozen=True, eq=False)
class Start:
    """A file that another model starts from.

    Attributes:
        path: Where it lies.
        sha256: Of the file, 64 hexadecimal digits.
        snapshot: What is in it; of a weights file, some parts only.
    """

    path: Path
    sha256: str
    snapshot: Snapshot

    @property
    def identities(self) -> dict[Identity, str]:
        """Whose faces its decoders paint, by role; nothing for a model of many identities."""
        said = self.snapshot.facts.get("identities")
        return {role: str(said[role]) for role in IDENTITIES if role in said} if isinstance(said, dict) else {}


@dataclass(frozen=True)
class TakenChild:
    """A part that is taken over.

    Attributes:
        child: What it becomes in the new model.
        origin: What it is in the file.
        start: Which of the files, from 0.
        tensors: How many it has.
    """

    child: str
    origin: str
    start: int
    tensors: int


@dataclass(frozen=True, eq=False)
class Transfer:
    """What is taken over from where, and what is not.

    Attributes:
        starts: The files, the most important first.
        taken: Parts that fit.
        left: Why each of the other parts begins anew, in a sentence.
        weights: Of the parts that fit, by their names in the new model; on the CPU.
    """

    starts: tuple[Start, ...]
    taken: tuple[TakenChild, ...]
    left: tuple[str, ...]
    weights: Mapping[str, Tensor]

    def load_into(self, model: SwapModel) -> None:
        """Puts the weights into a model, on its own device; its other parts stay as they are."""
        model.load_state_dict(dict(self.weights), strict=False)

    def lines(self) -> list[str]:
        """What the user is told: a line for each part."""
        lines = []
        for each in self.taken:
            start = self.starts[each.start]
            whose = _whose(each.origin, start)
            origin = "" if each.origin == each.child and not whose else f" from the {told_child(each.origin)}{whose}"
            lines.append(f"takes the {told_child(each.child)}{origin}: {each.tensors} tensors of {start.path}")
        return [*lines, *self.left]

    def lineage(self) -> list[dict[str, Any]]:
        """What the new model remembers of each file that it has taken something from, as plain values.

        Raises:
            ModelFileError: A file does not say in order what it was begun from.
        """
        lineage = []
        for number, start in enumerate(self.starts):
            parts = {each.child: each.origin for each in self.taken if each.start == number}
            if not parts:
                continue
            facts = start.snapshot.facts
            people = people_of(facts)
            held = {identity_of(origin) for origin in parts.values() if holds_a_person(origin)}
            lineage.append(
                {
                    "file": start.path.name,
                    "sha256": start.sha256,
                    "model_hash": start.snapshot.hash,
                    "preset": start.snapshot.preset.name,
                    "iteration": facts.get("iteration"),
                    "parts": parts,
                    "trained_on": people,
                    "paints": [name for name, roles in _roles(facts, people).items() if held & roles],
                    "lineage": lineage_of(facts),
                }
            )
        return lineage


def plan_transfer(
    preset: Preset,
    identities: Mapping[str, str],
    starts: Sequence[Start],
    parts: Sequence[str] | None = None,
    mapping: Sequence[str] = (),
) -> Transfer:
    """What of these files a new model can take over.

    Of each part, the first file counts in which it fits. A part that belongs to one identity comes from the same
    identity's, whatever its role was there; else from the same role's; else from the one that both share.

    Args:
        preset: Of the new model.
        identities: Whose faces the new model paints, by role; empty for a model of many identities.
        starts: The files, the most important first.
        parts: Any of encoder, inter and decoder, and target or source for what belongs to one identity only: all of
            them must fit. All that fit are taken when None.
        mapping: `FROM=TO` changes to whose part becomes whose: a role or an identity in the file, and one of the new
            model.

    Raises:
        SettingsError: A part or a mapping cannot be meant.
        UnknownNameError: A mapping names an identity that is not there.
        ModelFileError: A part that was asked for does not fit, or nothing does.
    """
    for name in parts or ():
        if name not in (*PARTS, *IDENTITIES):
            raise UnknownNameError("part", name, (*PARTS, *IDENTITIES), cure="Separate several by commas.")
    shapes = shapes_of(preset.model)
    changed = _mapped(mapping, identities, starts)
    taken: list[TakenChild] = []
    left: list[str] = []
    weights: dict[str, Tensor] = {}
    for child in children_of(shapes):
        if parts is not None and part_of(child) not in parts and identity_of(child) not in parts:
            continue
        wanted = {name: shape for name, shape in shapes.items() if child_of(name) == child}
        reasons = []
        for number, start in enumerate(starts):
            origin = _origin(child, start, identities, changed)
            found = _renamed(start.snapshot.weights, origin, child)
            reason = _misfit(wanted, found, child, origin, start, preset)
            if not reason:
                taken.append(TakenChild(child, origin, number, len(found)))
                weights |= found
                break
            reasons.append(reason)
        else:
            left.extend(reasons)
    if left and (parts is not None or not taken):
        raise _refusal(left, taken, starts)
    return Transfer(tuple(starts), tuple(taken), tuple(f"begins anew: {reason}" for reason in left), weights)


def _mapped(mapping: Sequence[str], identities: Mapping[str, str], starts: Sequence[Start]) -> dict[str, str]:
    """Role or name in the files by role in the new model."""
    changed: dict[str, str] = {}
    for entry in mapping:
        origin, is_said, goal = (word.strip() for word in entry.partition("="))
        if not is_said or not origin or not goal:
            raise SettingsError(f"--map {entry}: write --map FROM=TO, such as source=target or ann=target.")
        roles = [role for role in IDENTITIES if goal in (role, identities.get(role))]
        if not roles:
            raise UnknownNameError("identity", goal, (*IDENTITIES, *identities.values()), "the new model")
        known = {name for start in starts for name in start.identities.values()}
        if origin not in IDENTITIES and origin not in known:
            raise UnknownNameError("identity", origin, (*IDENTITIES, *known), "the files to begin from")
        if roles[0] in changed:
            raise SettingsError(f"--map {entry}: what becomes the {roles[0]} identity's was said already.")
        changed[roles[0]] = origin
    return changed


def _origin(child: str, start: Start, identities: Mapping[str, str], changed: Mapping[str, str]) -> str:
    """Which child of a file becomes this child of the new model; empty when none can."""
    there = children_of(start.snapshot.weights)
    role = identity_of(child)
    if role is None:
        # of many identities, what belongs to either paints them all
        alike = [name for name in there if not start.identities and shared_name(name) == child]
        return child if child in there else next(iter(alike), "")
    roles = {start.identities.get(other): other for other in IDENTITIES} | {other: other for other in IDENTITIES}
    said = changed.get(role)
    if said is not None:
        tried = [renamed_for(child, roles[said])] if said in roles else []
    else:
        tried = [renamed_for(child, roles.get(identities.get(role), role)), child]
    tried.append(shared_name(child))
    return next((name for name in tried if name in there), "")


def _renamed(weights: Mapping[str, Tensor], origin: str, child: str) -> dict[str, Tensor]:
    """The weights of one child of a file, by the names that they have in another child."""
    return {
        child + name[len(origin) :]: weight for name, weight in weights.items() if origin and child_of(name) == origin
    }


def _misfit(
    wanted: Mapping[str, Tensor],
    found: Mapping[str, Tensor],
    child: str,
    origin: str,
    start: Start,
    preset: Preset,
) -> str:
    """Why a child of a file cannot become this one; empty when it can."""
    if not found:
        return f"{start.path} holds nothing that could be the {told_child(child)}"
    other = [name for name in wanted if name not in found or found[name].shape != wanted[name].shape]
    strange = [name for name in found if name not in wanted]
    if not other and not strange:
        return ""
    first = (other or strange)[0]
    here = f"is {tuple(wanted[first].shape)} here" if first in wanted else "is not here"
    there = f"{tuple(found[first].shape)} there" if first in found else "missing there"
    network = start.snapshot.preset
    differing = told_differences(network.model, preset.model, "model")
    return (
        f"the {told_child(child)} does not fit: {len(other) + len(strange)} of {len(wanted)} tensors differ from the "
        f"{told_child(origin)} in {start.path}, and the first, '{first.partition('.')[2]}', {here} and {there} "
        f"(its preset '{network.name}' has {differing or 'the same network'})"
    )


def _refusal(left: Sequence[str], taken: Sequence[TakenChild], starts: Sequence[Start]) -> ModelFileError:
    path = starts[0].path
    if not taken:
        return ModelFileError(
            f"Nothing in {path} fits this network: {left[0]}. Begin from a model of the same preset.", path=str(path)
        )
    fitting = dict.fromkeys(identity_of(each.child) or part_of(each.child) for each in taken)
    counts = ", ".join(f"{told_child(each.child)} ({each.tensors} tensors)" for each in taken)
    return ModelFileError(
        f"Nothing was taken over, because {left[0]}. What fits: {counts}. Take that with --parts {','.join(fitting)}.",
        path=str(path),
    )


def _whose(origin: str, start: Start) -> str:
    role = identity_of(origin)
    name = start.identities.get(role) if role else None
    return f" ({name})" if name else ""


def _roles(facts: Mapping[str, Any], people: Sequence[Mapping[str, Any]]) -> dict[str, set[Identity | None]]:
    """In which decoders each person is: those of their role; in all of them in a model of many identities."""
    is_pair = isinstance(facts.get("identities"), dict)
    everywhere: set[Identity | None] = {None, *IDENTITIES}
    return {
        person["identity"]: {None, role} if is_pair and (role := person.get("role")) in IDENTITIES else everywhere
        for person in people
    }
