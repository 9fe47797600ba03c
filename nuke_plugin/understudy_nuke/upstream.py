"""What is connected to the node: the files of an unmodified Read, or something that has to be rendered.

In Indie a run of Python may touch some ten nodes: there only the nearest are looked at.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import nuke

from understudy_nuke._engine.errors import SettingsError
from understudy_nuke.color import PlateColor, ScriptColor, plate_color, read_color

__all__ = [
    "MATTE",
    "MOST_IN_INDIE",
    "PLATE",
    "Upstream",
    "absolute",
    "connected_node",
    "frame_hashes",
    "look_upstream",
    "passes_on",
    "plate_node",
    "why_no_files",
]

PLATE = 0
"""Number of the node's input for the plate."""

MATTE = 3
"""Number of the node's input for the artist's matte."""

MOST_IN_INDIE = 5
"""Upstream nodes that one button may touch there; the node itself, Root, a Write and the new nodes come to that."""

_TRANSPARENT = ("Dot", "NoOp")
_NOT_PIXELS = re.compile(r"xpos|ypos|selected|note_font.*|tile_color|gl_color|hide_input|label|icon|bookmark|postage.*")
_VIEWS = re.compile(r"%[vV]")
_MOST_NODES = 2000


@dataclass(frozen=True)
class Upstream:
    """The plate as the script shows it.

    Attributes:
        pattern: Of the Read's files, such as /plates/a.%04d.exr; empty when there is none that can be used.
        first: First frame.
        last: Last frame.
        color: What the script says of the space of what will be read: of the files, or of what is rendered.
        layer: Layer of the files that holds the picture; empty for the root.
        why_rendered: Why the files cannot be used as they are; empty when they can.
    """

    pattern: str
    first: int
    last: int
    color: PlateColor
    layer: str
    why_rendered: str


def connected_node(node: nuke.Node, number: int) -> nuke.Node | None:
    """The node that gives what is connected to an input, past dots and what is switched off; None without one."""
    found = node.input(number)
    while found is not None and passes_on(found):
        found = found.input(0)
    return found


def plate_node(node: nuke.Node) -> nuke.Node:
    """The node that gives the plate, past dots and what is switched off.

    Raises:
        SettingsError: Nothing is connected.
    """
    found = connected_node(node, PLATE)
    if found is None:
        raise SettingsError(
            f"Nothing is connected to the input 'plate' of {node.fullName()}. Connect the plate, or name its files in "
            "'Plate' (tab Shot)."
        )
    return found


def look_upstream(found: nuke.Node, script: ScriptColor) -> Upstream:
    """What a node that gives the plate is, without rendering anything.

    Args:
        found: Of `plate_node`.
        script: Of the script that holds it.
    """
    color, pattern = plate_color(script, "", is_raw=True), ""
    if found.Class() == "Read":
        color, pattern = read_color(found, script), absolute(nuke.filename(found) or "")
    why = _why_rendered(found, pattern, color)
    if why:
        return Upstream("", int(found.firstFrame()), int(found.lastFrame()), plate_color(script, "", True), "", why)
    return Upstream(pattern, int(found.firstFrame()), int(found.lastFrame()), color, _layer(found), "")


def frame_hashes(
    top: nuke.Node, root: nuke.Node, frames: Iterable[int], most_in_indie: int = MOST_IN_INDIE
) -> dict[int, str]:
    """What each frame of a node depends on, as a short hash: knobs upstream, files of Reads, the script's colour.

    Empty when that is not known: in Indie, with more nodes upstream than may be touched.

    Args:
        top: The node.
        root: Of its script.
        frames: Numbers of the frames.
        most_in_indie: How many nodes may be touched there.
    """
    most = most_in_indie if nuke.env.get("indie") else _MOST_NODES
    nodes = _upstream_of(top, most)
    if nodes is None:
        return {}
    still = hashlib.sha256()
    moving = []
    for name in ("colorManagement", "OCIO_config", "workingSpaceLUT", "format", "fps"):
        still.update(f"{name}={root[name].toScript()};".encode())
    for node in nodes:
        still.update(f"{node.fullName()} {node.Class()} {_inputs(node)}\n".encode())
        for name, knob in sorted(node.knobs().items()):
            if _NOT_PIXELS.fullmatch(name):
                continue
            still.update(f"{name}={knob.toScript()};".encode())
            if isinstance(knob, nuke.Array_Knob) and knob.hasExpression():
                moving.append(knob)
        if node.Class() == "Read":
            still.update(_files_stamp(absolute(nuke.filename(node) or "")).encode())
    base = still.hexdigest()
    return {frame: _short(base, [knob.getValueAt(frame) for knob in moving]) for frame in frames}


def absolute(path: str) -> str:
    """A file name of the script as an absolute path with forward slashes; Nuke starts from the project directory."""
    if not path:
        return ""
    folder = str(nuke.root()["project_directory"].getEvaluatedValue() or "") or os.getcwd()  # noqa: PTH109
    return os.path.normpath(os.path.join(folder, path)).replace("\\", "/")  # noqa: PTH118


def passes_on(node: nuke.Node) -> bool:
    """True for what gives on what is connected to it: dots, and what is switched off."""
    if node.Class() in _TRANSPARENT:
        return True
    disable = node.knob("disable")
    return node.Class() != "Read" and disable is not None and bool(disable.value())


def why_no_files(found: nuke.Node, pattern: str) -> str:
    """Why a node's picture is not that of files which the engine could read; empty when it may be.

    Args:
        found: The node.
        pattern: Of its files; empty for none.
    """
    if found.Class() != "Read":
        return f"what is connected is a {found.Class()}, not a Read"
    if not pattern.lower().endswith((".exr", ".sxr")):
        return "the Read's files are no EXRs"
    if _VIEWS.search(pattern):
        return "the Read has a file for each view"
    if str(found["frame"].value() or ""):
        return "the Read shifts its frames"
    return ""


def _why_rendered(found: nuke.Node, pattern: str, color: PlateColor) -> str:
    return why_no_files(found, pattern) or ("" if color.is_for_files else color.reason)


def _layer(read: nuke.Node) -> str:
    """The one layer with a picture in it, of files without a root."""
    channels = set(read.channels())
    layers = sorted({name.rsplit(".", 1)[0] for name in channels if name.endswith(".red")})
    whole = [name for name in layers if {f"{name}.green", f"{name}.blue"} <= channels]
    return whole[0] if len(whole) == 1 and whole[0] != "rgba" else ""


def _upstream_of(top: nuke.Node, most: int) -> list[nuke.Node] | None:
    """The node, all above it and all inside of those, in an order that does not change; None when they are too many."""
    names, nodes, waiting = set(), [], [top]
    while waiting:
        node = waiting.pop(0)
        if node.fullName() in names:
            continue
        if len(nodes) == most:
            return None
        names.add(node.fullName())
        nodes.append(node)
        waiting += [above for above in _above(node) if above is not None]
        waiting += node.nodes() if isinstance(node, nuke.Group) else []
    return nodes


def _above(node: nuke.Node) -> list[nuke.Node | None]:
    """What is connected to a node; for the Input of a group, what is connected to the group there."""
    if node.Class() == "Input":
        return [node.parent().input(int(node["number"].value()))]
    return [node.input(index) for index in range(node.inputs())]


def _inputs(node: nuke.Node) -> str:
    return ",".join(found.fullName() if found is not None else "-" for found in _above(node))


def _files_stamp(pattern: str) -> str:
    """Number, sizes and latest change of the files of a pattern; of all of them, since times may be shifted above."""
    path = Path(pattern)
    names = re.compile("".join(r"-?\d+" if part.startswith(("%", "#")) else re.escape(part) for part in _parts(path)))
    count = size = latest = 0
    with contextlib.suppress(OSError), os.scandir(path.parent) as entries:
        for entry in entries:
            if names.fullmatch(entry.name):
                found = entry.stat()
                count, size, latest = count + 1, size + found.st_size, max(latest, found.st_mtime_ns)
    return f"{pattern} {count} {size} {latest}"


def _parts(path: Path) -> list[str]:
    return re.split(r"(%\d*d|#+)", path.name)


def _short(base: str, values: list[object]) -> str:
    return hashlib.sha256(f"{base} {values!r}".encode()).hexdigest()[:12]
