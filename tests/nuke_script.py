"""Nuke scripts read by a real Tcl interpreter, as Nuke reads them, into a graph of nodes.

What stands in a script are commands: one per node, with its knobs in braces. A node takes its inputs from a stack and
puts itself there; a `Group` is followed by its own nodes, on a stack of their own, up to `end_group`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest

tkinter = pytest.importorskip("tkinter", reason="Python has no Tcl here", exc_type=ImportError)

__all__ = ["SELECTION", "ScriptError", "ScriptNode", "UserKnob", "curve_of", "read_script", "words"]

GROUPS = ("Group", "Gizmo")


class ScriptError(AssertionError):
    """Text that Nuke would not read, or would read as something else than was meant."""


@dataclass(frozen=True)
class UserKnob:
    """One `addUserKnob`.

    Attributes:
        kind: Number of the knob's type.
        name: Its name.
        options: `l` (label), `t` (tooltip), `T` (text, code or target), `M` (menu), `R` (range, two words), `n`.
        flags: `+STARTLINE`, `-STARTLINE`, `+INVISIBLE` and the like.
    """

    kind: int
    name: str
    options: dict[str, str]
    flags: tuple[str, ...]


@dataclass(eq=False)
class ScriptNode:
    """A node as the script has it.

    Attributes:
        kind: Its class, such as "Merge2".
        knobs: Text of each knob by name, in the script's order.
        inputs: What it is connected to, input 0 first; None for nothing.
        user_knobs: Knobs that the script adds.
        children: A group's own nodes.
        layers: What `add_layer` declared in this group, channel by channel.
    """

    kind: str
    knobs: dict[str, str] = field(default_factory=dict)
    inputs: list[ScriptNode | None] = field(default_factory=list)
    user_knobs: list[UserKnob] = field(default_factory=list)
    children: list[ScriptNode] = field(default_factory=list)
    layers: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.knobs.get("name", "")

    def node(self, name: str) -> ScriptNode:
        """The group's node of this name."""
        for child in self.children:
            if child.name == name:
                return child
        raise ScriptError(f"{self.name or self.kind} has no node '{name}': {[child.name for child in self.children]}")

    def everything(self) -> Iterator[ScriptNode]:
        """This node and all inside it."""
        yield self
        for child in self.children:
            yield from child.everything()


SELECTION = ScriptNode("Selection", {"name": "selection"})
"""Stands for the node that is selected when a text is pasted."""


def words(text: str) -> list[str]:
    """The words of a Tcl list."""
    return [str(word) for word in _interpreter().splitlist(text)]


def curve_of(text: str) -> dict[int, float] | None:
    """Value by frame of an animated knob's text, such as `curve x1 2 x5 3`; None when it is no curve."""
    first, *keys = words(text)
    if first != "curve":
        return None
    return {int(key[1:]): float(value) for key, value in zip(keys[::2], keys[1::2], strict=True)}


def read_script(text: str, selected: bool = False) -> ScriptNode:
    """A script as a group whose `children` are the nodes of the top level.

    Args:
        text: The script, gizmo or pasted text.
        selected: Something is selected, to which a pasted text connects: `SELECTION` lies on the stack.

    Raises:
        ScriptError: The text is no script.
    """
    reader = _Reader(selected)
    try:
        reader.tcl.eval(text)
    except tkinter.TclError as error:
        raise reader.failure or ScriptError(f"Tcl cannot read this script: {error}") from error
    if len(reader.open) != 1:
        raise ScriptError(f"{reader.open[-1].group.knobs.get('name', 'A group')} lacks its end_group")
    return reader.open[0].group


@cache
def _interpreter() -> Any:
    return tkinter.Tcl()


@dataclass
class _Level:
    """A group that is being read, and the stack of its nodes."""

    group: ScriptNode
    stack: list[ScriptNode | None]


class _Reader:
    def __init__(self, selected: bool) -> None:
        self.open = [_Level(ScriptNode("Root"), [SELECTION] if selected else [])]
        self.failure: ScriptError | None = None
        self.pushed: dict[str, ScriptNode] = {}
        self.tcl: Any = tkinter.Tcl()
        for command in ("stack", "push", "version", "add_layer", "end_group", "define_window_layout_xml"):
            self.tcl.createcommand(command, getattr(self, f"_{command}"))
        self.tcl.createcommand("unknown", self._node)

    def _fail(self, sentence: str) -> None:
        self.failure = self.failure or ScriptError(sentence)
        raise self.failure

    def _stack(self, depth: str) -> str:
        stack = self.open[-1].stack
        if int(depth) >= len(stack):
            return "0"
        node = stack[-1 - int(depth)]
        if node is None:
            return "0"
        self.pushed[f"node{id(node)}"] = node
        return f"node{id(node)}"

    def _push(self, what: str) -> None:
        if what != "0" and what not in self.pushed:
            self._fail(f"push {what}: no such node")
        self.open[-1].stack.append(self.pushed.get(what))

    def _version(self, *_: str) -> None: ...

    def _define_window_layout_xml(self, *_: str) -> None: ...

    def _add_layer(self, text: str) -> None:
        layer, *channels = words(text)
        for channel in channels:
            if not channel.startswith(f"{layer}."):
                self._fail(f"add_layer {{{text}}}: {channel} is not of layer {layer}")
        self.open[-1].group.layers += channels

    def _end_group(self) -> None:
        if len(self.open) == 1:
            self._fail("end_group without a Group")
        level = self.open.pop()
        self.open[-1].stack.append(level.group)

    def _node(self, kind: str, *bodies: str) -> None:
        if len(bodies) != 1 or not kind[0].isupper():
            self._fail(f"'{' '.join((kind, *bodies))[:80]}' is neither a node nor a command of a script")
        node = self._with_knobs(ScriptNode(kind), bodies[0])
        level = self.open[-1]
        if kind == "Root":
            level.group.knobs = node.knobs
            return
        wanted = sum(int(number) for number in node.knobs.pop("inputs", "1").split("+"))
        node.inputs = [level.stack.pop() if level.stack else None for _ in range(wanted)]
        level.group.children.append(node)
        if kind in GROUPS:
            self.open.append(_Level(node, []))
        else:
            level.stack.append(node)

    def _with_knobs(self, node: ScriptNode, body: str) -> ScriptNode:
        pairs = words(body)
        if len(pairs) % 2:
            self._fail(f"{node.kind}: knob '{pairs[-1]}' has no value")
        for name, value in zip(pairs[::2], pairs[1::2], strict=True):
            if name == "addUserKnob":
                node.user_knobs.append(self._user_knob(value))
            elif name in node.knobs:
                self._fail(f"{node.kind} {node.name}: knob '{name}' stands twice")
            else:
                node.knobs[name] = value
        return node

    def _user_knob(self, text: str) -> UserKnob:
        kind, name, *rest = words(text)
        options: dict[str, str] = {}
        flags: list[str] = []
        while rest:
            word = rest.pop(0)
            if word[0] in "+-":
                flags.append(word)
            elif word == "R":
                options["R"] = f"{rest.pop(0)} {rest.pop(0)}"
            elif word in {"l", "t", "T", "M", "n"}:
                options[word] = rest.pop(0)
            else:
                self._fail(f"addUserKnob {{{text}}}: '{word}' is no option")
        return UserKnob(int(kind), name, options, tuple(flags))
