"""Nuke as a test holds it: its script, its main thread, and what it showed to the artist."""

from __future__ import annotations

import queue
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.nuke_plugin.stand_in import rendering
from tests.nuke_plugin.stand_in.frames import Format, FrameRange
from tests.nuke_plugin.stand_in.knobs import Knob
from tests.nuke_plugin.stand_in.node_classes import NODE_CLASSES
from tests.nuke_plugin.stand_in.nodes import Group, Node, Root
from tests.nuke_plugin.stand_in.pictures import Picture
from tests.nuke_plugin.stand_in.script_nodes import group_text, node_of
from tests.nuke_plugin.stand_in.strict import LEDGER, fail
from tests.nuke_script import SELECTION, read_script, tkinter

__all__ = ["Callback", "Host"]


COLORSPACES = ("ACES2065-1", "ACEScct", "ACEScg", "Linear Rec.709 (sRGB)", "Raw", "scene_linear")


@dataclass
class Callback:
    """Something that was registered with `nuke.addKnobChanged` and the like."""

    event: str
    call: Callable[..., Any]
    arguments: tuple[Any, ...]
    named: dict[str, Any]
    node_class: str
    node: Node | None = None


@dataclass
class Host:
    """One Nuke. A test's own thread is its main thread.

    Attributes:
        version: (major, minor, release).
        has_window: False for terminal mode: `nuke.GUI`.
        is_indie: True for the Indie edition.
        messages: What stood in modal boxes, each of which stops the artist.
        printed: What went to `nuke.tprint`, `warning`, `error` and `debug`.
        plugin_paths: Folders, first hit first.
        renderer: Called as `renderer(write_node, frame, path)` in place of the evaluator; None for the evaluator.
        rendered: Path of every frame that was written.
        colorspaces: What a Read that is created from now on can be in.
        answers: What `nuke.ask` and `getInput` answer, the next one first.
    """

    version: tuple[int, int, int] = (15, 1, 0)
    has_window: bool = True
    is_indie: bool = False
    messages: list[str] = field(default_factory=list)
    printed: list[str] = field(default_factory=list)
    plugin_paths: list[Path] = field(default_factory=list)
    callbacks: list[Callback] = field(default_factory=list)
    renderer: Callable[[Node, int, Path], None] | None = None
    rendered: list[Path] = field(default_factory=list)
    answers: list[Any] = field(default_factory=list)
    frame: int = 1
    is_modified: bool = False
    script_name: str = ""
    formats: list[Format] = field(default_factory=list)
    colorspaces: list[str] = field(default_factory=lambda: [*COLORSPACES])
    tasks: list[Any] = field(default_factory=list)
    open_groups: list[Group] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.formats = self.formats or [Format(2048, 1556, 0, 0, 2048, 1556, 1.0, "2K_Super_35(full-ap)")]
        self.context: list[tuple[Node, Knob | None]] = []
        self.waiting: queue.Queue[Callable[[], None]] = queue.Queue()
        self.is_executing = False
        self._pictures: dict[tuple[int, int], Picture] = {}
        self._tcl: Any = None
        self._tcl_place: tuple[Node, int] | None = None
        self._in_knob_changed = False
        self.clear()

    def clear(self) -> None:
        """An empty script; nobody is told."""
        self.root_node = Root(self, "Root", None)
        self.root_node._knobs["name"]._held = "root"
        self.root_node._knobs["format"]._held = self.formats[0].name()
        self.open_groups = [self.root_node]

    def everything(self, group: Group | None = None) -> Iterator[Node]:
        """All nodes, those inside groups too."""
        for node in (group or self.root_node)._children:
            yield node
            if isinstance(node, Group):
                yield from self.everything(node)

    def free_name(self, name: str, taken: set[str]) -> str:
        """The name, or with the next number where it is taken."""
        stem = re.sub(r"\d+$", "", name)
        number = int(name[len(stem) :] or 1)
        while name in taken:
            name, number = f"{stem}{number}", number + 1
        return name

    # -- scripts ---------------------------------------------------------------------------------------------------

    def read(self, text: str, selected: Node | None = None) -> list[Node]:
        """Adds the nodes of a script or pasted text to the open group, and runs their onCreate."""
        script = read_script(text, selected is not None)
        group = self.open_groups[-1]
        for name, value in script.knobs.items():
            if name not in {"inputs", "name"}:
                self.root_node._knob(name)._read(value)
        made: dict[int, Node] = {}
        if selected is not None:
            made[id(SELECTION)] = selected
        nodes = [node_of(self, source, group, made) for source in script.children]
        for node in nodes:
            self.created(node)
        return nodes

    def text(self) -> str:
        """The script as Nuke would save it."""
        lines = [f"version {'.'.join(map(str, self.version[:2]))} v{self.version[2] or 1}", "Root {", " inputs 0"]
        lines += [self.root_node._script().replace(" name root", " name untitled"), "}"]
        return "\n".join([*lines, *group_text(self.root_node)]) + "\n"

    def open(self, text: str) -> None:
        """Replaces the script: closes the one that is open, and loads."""
        self.close()
        self.read(text)
        self._call_back("OnScriptLoad", self.root_node, None)

    def close(self) -> None:
        """Closes the script, and with it every node."""
        self._call_back("OnScriptClose", self.root_node, None)
        for node in list(self.root_node._children):
            self._destroy(node)
        self.clear()

    def create(self, kind: str, knobs: str = "") -> Node:
        """A new node as from the menu: connected to what is selected, then selected alone."""
        group = self.open_groups[-1]
        selected = next((node for node in group._children if node._knobs["selected"]._held[0]), None)
        path = next((one for folder in self.plugin_paths if (one := folder / f"{kind}.gizmo").is_file()), None)
        if path is not None:
            (node,) = self.read(path.read_text(), selected)
        elif kind in NODE_CLASSES and kind not in {"Root"}:
            node = Group(self, kind, group) if kind == "Group" else Node(self, kind, group)
            node._knobs["name"]._held = self.free_name(f"{kind.rstrip('0123456789')}1", _names(group))
            group._children.append(node)
            if selected is not None and NODE_CLASSES[kind].most:
                node._inputs = [selected]
        else:
            return fail(f"createNode: no node class or gizmo '{kind}' on {[str(path) for path in self.plugin_paths]}")
        if knobs:
            node.readKnobs(knobs)
        if path is None:
            self.created(node)
        node.selectOnly()
        return node

    def delete(self, node: Node) -> None:
        """Removes a node; what was connected to it goes on above."""
        assert node._parent is not None
        node._parent._children.remove(node)
        above = node._inputs[0] if node._inputs else None
        for other in node._parent._children:
            other._inputs = [above if one is node else one for one in other._inputs]
        self._destroy(node)

    def _destroy(self, node: Node) -> None:
        for one in [*(self.everything(node) if isinstance(node, Group) else ()), node]:
            self.run(one._knobs["onDestroy"]._held, one)
            self._call_back("OnDestroy", one, None)
            one._is_deleted = True

    # -- Python of nodes -------------------------------------------------------------------------------------------

    def run(self, code: str, node: Node, knob: Knob | None = None) -> None:
        """Runs the Python of a button or callback, as Nuke does."""
        if not code.strip():
            return
        module = sys.modules["nuke"]
        self.context.append((node, knob))
        try:
            exec(compile(code, f"{node._name}.{knob._name if knob else 'callback'}", "exec"), {"nuke": module})
        finally:
            self.context.pop()

    def press(self, node: Node, name: str) -> None:
        """Presses a button."""
        knob = node._knob(name)
        if not hasattr(knob, "execute"):
            fail(f"{node._name}.{name} is no button")
        if not knob._is_enabled or not knob._is_visible:
            fail(f"{node._name}.{name} cannot be pressed: it is {'hidden' if knob._is_enabled else 'disabled'}")
        knob.execute()

    def edit(self, node: Node, name: str, value: Any) -> None:
        """Sets a knob as the artist does, in the panel."""
        knob = node._knob(name)
        if not knob._is_enabled:
            fail(f"{node._name}.{name} is disabled: the artist cannot change it")
        knob.setValue(value)

    def knob_changed(self, node: Node, knob: Knob) -> None:
        """Runs what waits for a change; not again for what it changes itself."""
        if self._in_knob_changed or knob._name == "knobChanged":
            return
        self._in_knob_changed = True
        try:
            self.run(node._knobs["knobChanged"]._held, node, knob)
            self._call_back("KnobChanged", node, knob)
        finally:
            self._in_knob_changed = False

    def created(self, node: Node) -> None:
        """Runs a node's onCreate, and what was registered for its class."""
        self.run(node._knobs["onCreate"]._held, node)
        self._call_back("OnCreate", node, None)

    def _call_back(self, event: str, node: Node, knob: Knob | None) -> None:
        for callback in list(self.callbacks):
            is_meant = callback.node_class in {"*", node._kind} and callback.node in {None, node}
            if callback.event == event and is_meant:
                self.context.append((node, knob))
                try:
                    callback.call(*callback.arguments, **callback.named)
                finally:
                    self.context.pop()

    # -- main thread -----------------------------------------------------------------------------------------------

    def pump(self, until: Callable[[], object] | None = None, timeout_s: float = 20.0) -> None:
        """Lets the main thread do what other threads asked of it.

        Args:
            until: Goes on till this is true; None for what waits already.
            timeout_s: How long at most; then the test fails.
        """
        end = time.monotonic() + timeout_s
        while True:
            while not self.waiting.empty():
                self.waiting.get()()
            if until is None or until():
                return
            if time.monotonic() > end:
                fail(f"What was waited for did not come in {timeout_s:g} s. Messages: {self.messages}, {self.printed}")
            try:
                self.waiting.get(timeout=0.02)()
            except queue.Empty:
                continue

    def in_main_thread(self, call: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        """Puts a call into the main thread's queue."""
        if threading.current_thread() is threading.main_thread():
            fail("executeInMainThread is called in the main thread, where it hangs Nuke")
        self.waiting.put(lambda: call(*arguments, **named))

    @contextmanager
    def counting(self, most: int = 10) -> Iterator[dict[int, str]]:
        """Fails when Python uses more nodes than the Indie edition allows."""
        LEDGER.touched = {}
        yield LEDGER.touched
        if len(LEDGER.touched) > most:
            fail(f"{len(LEDGER.touched)} nodes were used, {most} are allowed: {sorted(LEDGER.touched.values())}")

    # -- Tcl -------------------------------------------------------------------------------------------------------

    def tcl_for(self, node: Node, frame: int) -> Any:
        """The Tcl interpreter, set to a node and frame."""
        if self._tcl is None:
            self._tcl = tkinter.Tcl()
            for word, answer in (("value", self._tcl_value), ("knob", self._tcl_value), ("exists", self._tcl_exists)):
                self._tcl.createcommand(word, answer)
        self._tcl_place = node, frame
        return self._tcl

    def _tcl_value(self, name: str) -> str:
        assert self._tcl_place is not None
        node, frame = self._tcl_place
        try:
            return node._text_named(name, frame)
        finally:
            self._tcl_place = node, frame

    def _tcl_exists(self, name: str) -> str:
        assert self._tcl_place is not None
        node, _ = self._tcl_place
        *path, last = name.split(".")
        place = node._find(".".join(path)) if path else node
        if last.startswith("input") and last[5:].isdigit():
            return str(int(place.input(int(last[5:])) is not None))
        return str(int(last in place._knobs))

    # -- pictures --------------------------------------------------------------------------------------------------

    def picture(self, node: Node, frame: int | None = None) -> Picture:
        """What a node shows."""
        return rendering.picture_of(node, self.frame if frame is None else frame)

    def render(self, write: Node, frames: Iterator[int] | list[int]) -> None:
        """Renders a Write's frames into its files."""
        self.is_executing = True
        try:
            for frame in frames:
                path = Path(write._knob("file")._numbered(frame))
                if not path.parent.is_dir() and not write._number("create_directories", frame):
                    raise RuntimeError(f"{write._name}: {path.parent} does not exist")
                path.parent.mkdir(parents=True, exist_ok=True)
                if self.renderer is not None:
                    self.renderer(write, frame, path)
                else:
                    rendering.write_picture(write, frame, path)
                self.rendered.append(path)
        finally:
            self.is_executing = False

    def format_named(self, name: str) -> Format:
        """A format by its name, or by the numbers that a script has."""
        for one in self.formats:
            if one.name() == name:
                return one
        if not name:
            return self.format_named(self.root_node._knobs["format"]._held)
        return Format.of_text(name)

    def format_of(self, node: Node) -> Format:
        return rendering.format_of(node, self.frame)

    def bbox_of(self, node: Node) -> Any:
        return rendering.bbox_of(node, self.frame)

    def channels_of(self, node: Node) -> list[str]:
        return sorted(self.picture(node).planes)

    def metadata_of(self, node: Node, time_: float | None = None) -> dict[str, Any]:
        return rendering.metadata_of(node, self.frame if time_ is None else int(time_))

    def sample_of(self, node: Node, channel: str, x: float, y: float, frame: float | None) -> float:
        return rendering.sample_of(node, channel, x, y, self.frame if frame is None else int(frame))

    def range_of(self, node: Node) -> tuple[int, int]:
        return rendering.range_of(node, self.frame)

    def frame_range(self, first: int, last: int) -> FrameRange:
        return FrameRange(first, last, 1)

    def error_of(self, node: Node) -> str:
        try:
            self.picture(node)
        except rendering.NodeError as error:
            return str(error)
        return ""


def _names(group: Group) -> set[str]:
    return {node._name for node in group._children}
