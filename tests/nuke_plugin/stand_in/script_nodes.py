"""Nodes out of a script, and the script of a group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.nuke_plugin.stand_in.knobs import knob_of
from tests.nuke_plugin.stand_in.node_classes import NODE_CLASSES
from tests.nuke_plugin.stand_in.nodes import Group, Node
from tests.nuke_plugin.stand_in.strict import fail
from tests.nuke_script import ScriptNode

if TYPE_CHECKING:
    from tests.nuke_plugin.stand_in.host import Host

__all__ = ["group_text", "node_of"]


def node_of(host: Host, source: ScriptNode, parent: Group, made: dict[int, Node]) -> Node:
    """A node, and everything inside it, out of a script.

    Args:
        host: The stand-in.
        source: What stands in the script.
        parent: The group that it goes into.
        made: Nodes of this group by identity of their source; gets the new one.
    """
    node = Group(host, source.kind, parent) if source.kind == "Group" else Node(host, source.kind, parent)
    for definition in source.user_knobs:
        node._add_knob(knob_of(definition))
    taken = {child._name for child in parent._children}
    parent._children.append(node)
    node._knobs["name"]._held = host.free_name(source.name or f"{source.kind}1", taken)
    node._inputs = [made.get(id(upstream)) if upstream is not None else None for upstream in source.inputs]
    if len(node._inputs) > NODE_CLASSES[source.kind].most:
        fail(f"{source.kind} {source.name} has {NODE_CLASSES[source.kind].most} inputs, not {len(node._inputs)}")
    made[id(source)] = node
    if isinstance(node, Group):
        node._layers = list(source.layers)
        inside: dict[int, Node] = {}
        for child in source.children:
            node_of(host, child, node, inside)
    node._read_knobs({name: text for name, text in source.knobs.items() if name != "name"})
    return node


def group_text(group: Group) -> list[str]:
    """The nodes of a group, each after what it is connected to."""
    lines: list[str] = [f"add_layer {{{layer.split('.')[0]} {layer}}}" for layer in group._layers]
    done: dict[int, str] = {}

    def write(node: Node) -> None:
        if id(node) in done:
            return
        for upstream in node._inputs:
            if upstream is not None:
                write(upstream)
        for upstream in reversed(node._inputs):
            lines.append(f"push {'0' if upstream is None else '$' + done[id(upstream)]}")
        lines.extend([f"{node._kind} {{", f" inputs {len(node._inputs)}", node._script(), "}"])
        if isinstance(node, Group):
            lines.extend([*group_text(node), "end_group"])
        done[id(node)] = f"N{len(done):x}_{len(lines)}"
        lines.append(f"set {done[id(node)]} [stack 0]")

    for node in group._children:
        write(node)
    return lines
