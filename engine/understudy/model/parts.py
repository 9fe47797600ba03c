"""What the parts of a swap model are called, and whose they are: what can be taken from one model into another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Literal, get_args

import torch
from torch import Tensor

from understudy.model.swap_model import Identity, SwapModel, build_model
from understudy.settings.network import ModelSettings

__all__ = [
    "IDENTITIES",
    "PARTS",
    "Part",
    "child_of",
    "children_of",
    "holds_a_person",
    "identity_of",
    "part_of",
    "renamed_for",
    "share_decoder",
    "shapes_of",
    "shared_name",
    "told_child",
]

Part = Literal["encoder", "inter", "decoder"]

PARTS: tuple[Part, ...] = get_args(Part)
"""In the order in which a face goes through them."""

IDENTITIES: tuple[Identity, ...] = get_args(Identity)


def child_of(weight: str) -> str:
    """The child of the model that a weight belongs to: `target` of `target.head.bias`."""
    return weight.partition(".")[0]


def children_of(weights: Iterable[str]) -> tuple[str, ...]:
    """The children that these weights belong to, each once, in their order."""
    return tuple(dict.fromkeys(child_of(weight) for weight in weights))


def part_of(child: str) -> Part:
    """Which part a child is, or is one of: what neither sees nor presses a face paints it."""
    if child.startswith("encoder"):
        return "encoder"
    return "inter" if child.startswith("inter") else "decoder"


def identity_of(child: str) -> Identity | None:
    """Which identity a child is for; None when both share it."""
    words = child.split("_")
    return next((identity for identity in IDENTITIES if identity in words), None)


def holds_a_person(child: str) -> bool:
    """True of what paints a face or belongs to one identity: such weights contain how a person looks."""
    return part_of(child) == "decoder" or identity_of(child) is not None


def renamed_for(child: str, identity: Identity) -> str:
    """What the same child of the other identity is called; a shared child keeps its name."""
    own = identity_of(child)
    return "_".join(identity if word == own else word for word in child.split("_"))


def shared_name(child: str) -> str:
    """What a child is called in a network in which both identities share it: `inter` for `inter_source`."""
    return "_".join(word for word in child.split("_") if word not in IDENTITIES) or "decoder"


def told_child(child: str) -> str:
    """What a child is called in a sentence."""
    part, identity = part_of(child), identity_of(child)
    name = part if child in PARTS or child in IDENTITIES else f"{part} ({child})"
    return f"{name} of the {identity} identity" if identity else name


@lru_cache(maxsize=8)
def shapes_of(settings: ModelSettings) -> Mapping[str, Tensor]:
    """The weights of a network by name, with shapes and types and no numbers; not to be changed."""
    with torch.device("meta"):
        return build_model(settings).state_dict()


def share_decoder(model: SwapModel) -> None:
    """Makes both identities be painted by one decoder, in place: whatever belongs to the source becomes the target's.

    Names stay, so that its snapshots are those of any other model; both decoders in them are equal.
    """
    children = dict(model.named_children())
    for name, child in children.items():
        if identity_of(name) == "target" and renamed_for(name, "source") in children:
            setattr(model, renamed_for(name, "source"), child)
