"""The functions of the module `nuke`, on top of a `Host`."""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.nuke_plugin.stand_in import frames, knobs
from tests.nuke_plugin.stand_in.host import Host
from tests.nuke_plugin.stand_in.menus import MenuBar, ToolBar
from tests.nuke_plugin.stand_in.nodes import Group, Node, Root
from tests.nuke_plugin.stand_in.strict import LEDGER, any_thread, fail

__all__ = ["Nuke"]


class Nuke:
    """The functions of the module `nuke`; each method is one of them."""

    def __init__(self, host: Host) -> None:
        self._host = host

    # -- nodes -----------------------------------------------------------------------------------------------------

    def thisNode(self) -> Node | None:
        return self._host.context[-1][0] if self._host.context else None

    def thisKnob(self) -> knobs.Knob | None:
        return self._host.context[-1][1] if self._host.context else None

    def thisGroup(self) -> Group:
        return self._host.open_groups[-1]

    def thisClass(self) -> str:
        return self._host.context[-1][0]._kind if self._host.context else ""

    def thisParent(self) -> Group | None:
        return self._host.context[-1][0]._parent if self._host.context else None

    def root(self) -> Root:
        return self._host.root_node

    def allNodes(
        self,
        filter: str = "",
        group: Group | None = None,
        recurseGroups: bool = False,
    ) -> list[Node]:
        place = group or self._host.open_groups[-1]
        found = list(self._host.everything(place)) if recurseGroups else list(place._children)
        chosen = [node for node in found if not filter or node._kind == filter]
        LEDGER.touched.update({id(node): node._full_name() for node in chosen})
        return chosen

    def toNode(self, s: str) -> Node | None:
        if s == "root":
            return self._host.root_node
        for start in (self._host.open_groups[-1], self._host.root_node):
            node: Node | None = start
            for word in s.removeprefix("root.").split("."):
                node = node._child(word) if isinstance(node, Group) else None
            if node is not None:
                return node
        return None

    def exists(self, s: str) -> bool:
        node = self.toNode(s)
        if node is not None:
            return True
        place, _, last = s.rpartition(".")
        owner = self.toNode(place) if place else None
        return owner is not None and last in owner._knobs

    def selectedNodes(self, filter: str = "") -> list[Node]:
        chosen = [node for node in self._host.open_groups[-1]._children if node._knobs["selected"]._held[0]]
        return [node for node in chosen if not filter or node._kind == filter]

    def selectedNode(self) -> Node:
        chosen = self.selectedNodes()
        if not chosen:
            raise ValueError("no node selected")
        return chosen[-1]

    def createNode(self, typ: str, knobs: str = "", inpanel: bool = True) -> Node:
        made = self._host.create(typ, knobs)
        made._is_shown = bool(inpanel) and self._host.has_window
        return made

    def delete(self, n: Node) -> None:
        self._host.delete(n)

    def nodePaste(self, s: str) -> Node | None:
        if s == "%clipboard%":
            fail("nodePaste('%clipboard%') takes what the artist has in the clipboard, which is nothing of ours")
        return self._pasted(Path(s).read_text())

    def scriptReadFile(self, s: str) -> None:
        self._pasted(Path(s).read_text())

    def scriptReadText(self, s: str) -> None:
        self._pasted(s)

    def _pasted(self, text: str) -> Node | None:
        chosen = self.selectedNodes()
        nodes = self._host.read(text, chosen[-1] if chosen else None)
        for node in self._host.open_groups[-1]._children:
            node._knobs["selected"]._held = [float(node in nodes)]
        return nodes[-1] if nodes else None

    def nodeCopy(self, s: str) -> None:
        fail("nodeCopy is not known to this stand-in")

    def filename(self, node: Node, i: int = 0) -> str | None:
        knob: Any = node._knobs.get("file")
        if knob is None:
            return None
        if i not in {0, 1}:
            fail(f"nuke.filename(node, {i}): 1 is nuke.REPLACE")
        return (knob._numbered(self._host.frame) if i else knob._evaluated(self._host.frame)) or None

    # -- script ----------------------------------------------------------------------------------------------------

    def frame(self, f: int | None = None) -> int | None:
        if f is None:
            return self._host.frame
        self._host.frame = int(f)
        return None

    def scriptName(self) -> str:
        if not self._host.script_name:
            raise RuntimeError("no script is open")
        return self._host.script_name

    def modified(self, state: bool | None = None) -> bool:
        if state is not None:
            self._host.is_modified = state
        return self._host.is_modified

    def scriptClear(self) -> None:
        self._host.close()

    def formats(self) -> list[frames.Format]:
        return list(self._host.formats)

    def addFormat(self, s: str) -> frames.Format:
        made = frames.Format.of_text(s)
        self._host.formats.append(made)
        return made

    def views(self) -> list[str]:
        return ["main"]

    def tcl(self, cmd: str, *args: str) -> str:
        return str(self._host.tcl_for(self._host.root_node, self._host.frame).eval(" ".join((cmd, *args))))

    def knobDefault(self, classknob: str, value: str | None = None) -> str | None:
        return None

    def getOcioColorSpaces(self) -> list[str]:
        return list(self._host.colorspaces)

    def usingOcio(self) -> bool:
        return str(self._host.root_node._knob("colorManagement").value()) == "OCIO"

    # -- rendering -------------------------------------------------------------------------------------------------

    def execute(
        self,
        nameOrNode: Node | str,
        start: int | frames.FrameRange | frames.FrameRanges,
        end: int | None = None,
        incr: int = 1,
        views: list[str] | None = None,
        continueOnError: bool = False,
    ) -> None:
        write = self.toNode(nameOrNode) if isinstance(nameOrNode, str) else nameOrNode
        if write is None or write._kind != "Write":
            fail(f"nuke.execute takes a Write, not {nameOrNode!r}")
        if isinstance(start, (frames.FrameRange, frames.FrameRanges)):
            numbers = frames.FrameRanges(
                list(start) if isinstance(start, frames.FrameRanges) else [start]
            ).toFrameList()
        else:
            first = int(start)
            numbers = list(range(first, int(first if end is None else end) + 1, incr))
        self._host.render(write, numbers)

    def executing(self, f: float | None = None) -> bool:
        return self._host.is_executing

    # -- threads ---------------------------------------------------------------------------------------------------

    @any_thread
    def executeInMainThread(
        self, call: Callable[..., Any], args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> None:
        self._host.in_main_thread(call, args if isinstance(args, tuple) else (args,), kwargs or {})

    @any_thread
    def executeInMainThreadWithResult(
        self, call: Callable[..., Any], args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        done, answer = threading.Event(), []

        def call_and_say(*arguments: Any, **named: Any) -> None:
            try:
                answer.append(call(*arguments, **named))
            except BaseException:  # Nuke prints it and gives None
                traceback.print_exc()
                answer.append(None)
            finally:
                done.set()

        self._host.in_main_thread(call_and_say, args if isinstance(args, tuple) else (args,), kwargs or {})
        while not done.wait(0.1):
            if not threading.main_thread().is_alive():
                return None
        return answer[0]

    # -- what the artist sees --------------------------------------------------------------------------------------

    def _modal(self, what: str, text: str) -> None:
        if not self._host.has_window:
            fail(f"nuke.{what} without a window: {text}")
        self._host.messages.append(text)

    def message(self, prompt: str) -> None:
        self._modal("message", prompt)

    def alert(self, prompt: str) -> None:
        self._modal("alert", prompt)

    def ask(self, prompt: str) -> bool:
        self._modal("ask", prompt)
        return bool(self._host.answers.pop(0))

    def getInput(self, prompt: str, default: str = "") -> str | None:
        self._modal("getInput", prompt)
        answer = self._host.answers.pop(0)
        return None if answer is None else str(answer)

    @any_thread
    def tprint(self, *args: Any, sep: str = " ", end: str = "\n", file: Any = None) -> None:
        self._host.printed.append(sep.join(map(str, args)))

    @any_thread
    def warning(self, message: str) -> None:
        self._host.printed.append(message)

    @any_thread
    def error(self, message: str) -> None:
        self._host.printed.append(message)

    @any_thread
    def debug(self, message: str) -> None:
        self._host.printed.append(message)

    def menu(self, name: str) -> MenuBar:
        if not self._host.has_window:
            raise RuntimeError("menu() is not available without a window")
        if name not in {"Nuke", "Nodes", "Pane", "Properties", "Animation", "Viewer", "Node Graph", "Axis"}:
            fail(f"There is no menu '{name}'")
        return _menu(self._host, name, MenuBar)

    def toolbar(self, name: str, create: bool = True) -> ToolBar | None:
        if not self._host.has_window:
            raise RuntimeError("toolbar() is not available without a window")
        return _menu(self._host, name, ToolBar)

    def getPaneFor(self, panelName: str) -> Any:
        return None

    def show(self, n: Node, forceFloat: bool = False) -> None:
        n._is_shown = True

    def zoom(self, scale: float = 0, center: Any = None, group: Any = None) -> float:
        return 1.0

    # -- plug-ins --------------------------------------------------------------------------------------------------

    def pluginAddPath(self, args: str | list[str], addToSysPath: bool = True) -> None:
        self._add_paths(args, addToSysPath, first=True)

    def pluginAppendPath(self, args: str | list[str], addToSysPath: bool = True) -> None:
        self._add_paths(args, addToSysPath, first=False)

    def _add_paths(self, paths: str | list[str], to_sys_path: bool, first: bool) -> None:
        caller = sys._getframe(3).f_globals.get("__file__", "")
        for path in [paths] if isinstance(paths, str) else paths:
            whole = Path(path) if Path(path).is_absolute() else Path(caller).parent / path
            self._host.plugin_paths.insert(0 if first else len(self._host.plugin_paths), whole)
            if to_sys_path:
                sys.path.insert(0, str(whole))

    def pluginPath(self) -> list[str]:
        return [str(path) for path in self._host.plugin_paths]


def _menu(host: Host, name: str, kind: type[MenuBar] | type[ToolBar]) -> Any:
    menus: dict[str, Any] = host.__dict__.setdefault("menus", {})
    return menus.setdefault(name, kind(name))
