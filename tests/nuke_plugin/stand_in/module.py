"""The modules `nuke` and `nukescripts`: what plug-ins call, on top of a `Host`."""

from __future__ import annotations

import inspect
import sys
import threading
import traceback
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.nuke_plugin.stand_in import frames, knobs
from tests.nuke_plugin.stand_in.flags import FLAGS
from tests.nuke_plugin.stand_in.host import Callback, Host
from tests.nuke_plugin.stand_in.menus import Menu, MenuBar, MenuItem, ToolBar
from tests.nuke_plugin.stand_in.node_classes import NODE_CLASSES
from tests.nuke_plugin.stand_in.nodes import Group, Node, Root
from tests.nuke_plugin.stand_in.strict import LEDGER, any_thread, fail, guarded, strict

__all__ = ["EVENTS", "Nuke", "module_of", "nukescripts_of"]

EVENTS = (
    *("OnUserCreate", "OnCreate", "OnDestroy", "OnScriptLoad", "OnScriptSave", "OnScriptClose", "KnobChanged"),
    *("UpdateUI", "Autolabel", "BeforeRender", "AfterRender", "BeforeFrameRender", "AfterFrameRender"),
    *("RenderProgress", "FilenameFilter", "ValidateFilename"),
)
_RENDERS = ("BeforeRender", "AfterRender", "BeforeFrameRender", "AfterFrameRender", "RenderProgress")


class Nuke:
    """The functions of the module `nuke`; each method is one of them."""

    def __init__(self, host: Host) -> None:
        self._host = host

    # -- nodes -----------------------------------------------------------------------------------------------------

    def thisNode(self) -> Node | None:  # noqa: N802
        return self._host.context[-1][0] if self._host.context else None

    def thisKnob(self) -> knobs.Knob | None:  # noqa: N802
        return self._host.context[-1][1] if self._host.context else None

    def thisGroup(self) -> Group:  # noqa: N802
        return self._host.open_groups[-1]

    def thisClass(self) -> str:  # noqa: N802
        return self._host.context[-1][0]._kind if self._host.context else ""

    def thisParent(self) -> Group | None:  # noqa: N802
        return self._host.context[-1][0]._parent if self._host.context else None

    def root(self) -> Root:
        return self._host.root_node

    def allNodes(  # noqa: N802
        self,
        filter: str = "",
        group: Group | None = None,
        recurseGroups: bool = False,  # noqa: N803
    ) -> list[Node]:
        place = group or self._host.open_groups[-1]
        found = list(self._host.everything(place)) if recurseGroups else list(place._children)
        chosen = [node for node in found if not filter or node._kind == filter]
        LEDGER.touched.update({id(node): node._full_name() for node in chosen})
        return chosen

    def toNode(self, s: str) -> Node | None:  # noqa: N802
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

    def selectedNodes(self, filter: str = "") -> list[Node]:  # noqa: N802
        chosen = [node for node in self._host.open_groups[-1]._children if node._knobs["selected"]._held[0]]
        return [node for node in chosen if not filter or node._kind == filter]

    def selectedNode(self) -> Node:  # noqa: N802
        chosen = self.selectedNodes()
        if not chosen:
            raise ValueError("no node selected")
        return chosen[-1]

    def createNode(self, node: str, knobs: str = "", inpanel: bool = True) -> Node:  # noqa: N802
        made = self._host.create(node, knobs)
        made._is_shown = bool(inpanel) and self._host.has_window
        return made

    def delete(self, node: Node) -> None:
        self._host.delete(node)

    def nodePaste(self, s: str) -> Node | None:  # noqa: N802
        if s == "%clipboard%":
            fail("nodePaste('%clipboard%') takes what the artist has in the clipboard, which is nothing of ours")
        return self._pasted(Path(s).read_text())

    def scriptReadFile(self, s: str) -> None:  # noqa: N802
        self._pasted(Path(s).read_text())

    def scriptReadText(self, s: str) -> None:  # noqa: N802
        self._pasted(s)

    def _pasted(self, text: str) -> Node | None:
        chosen = self.selectedNodes()
        nodes = self._host.read(text, chosen[-1] if chosen else None)
        for node in self._host.open_groups[-1]._children:
            node._knobs["selected"]._held = [float(node in nodes)]
        return nodes[-1] if nodes else None

    def nodeCopy(self, s: str) -> None:  # noqa: N802
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

    def scriptName(self) -> str:  # noqa: N802
        if not self._host.script_name:
            raise RuntimeError("no script is open")
        return self._host.script_name

    def modified(self, state: bool | None = None) -> bool:
        if state is not None:
            self._host.is_modified = state
        return self._host.is_modified

    def scriptClear(self) -> None:  # noqa: N802
        self._host.clear()

    def formats(self) -> list[frames.Format]:
        return list(self._host.formats)

    def addFormat(self, s: str) -> frames.Format:  # noqa: N802
        made = frames.Format.of_text(s)
        self._host.formats.append(made)
        return made

    def views(self) -> list[str]:
        return ["main"]

    def tcl(self, cmd: str, *args: str) -> str:
        return str(self._host.tcl_for(self._host.root_node, self._host.frame).eval(" ".join((cmd, *args))))

    def knobDefault(self, classknob: str, value: str | None = None) -> str | None:  # noqa: N802
        return None

    def getOcioColorSpaces(self) -> list[str]:  # noqa: N802
        return list(self._host.colorspaces)

    def usingOcio(self) -> bool:  # noqa: N802
        return str(self._host.root_node._knob("colorManagement").value()) == "OCIO"

    # -- rendering -------------------------------------------------------------------------------------------------

    def execute(
        self,
        nameOrNode: Node | str,  # noqa: N803
        start: int | frames.FrameRange | frames.FrameRanges | None = None,
        end: int | None = None,
        incr: int = 1,
        views: list[str] | None = None,
        continueOnError: bool = False,  # noqa: N803
    ) -> None:
        write = self.toNode(nameOrNode) if isinstance(nameOrNode, str) else nameOrNode
        if write is None or write._kind != "Write":
            fail(f"nuke.execute takes a Write, not {nameOrNode!r}")
        if isinstance(start, (frames.FrameRange, frames.FrameRanges)):
            numbers = frames.FrameRanges(
                list(start) if isinstance(start, frames.FrameRanges) else [start]
            ).toFrameList()
        else:
            first = int(self._host.frame if start is None else start)
            numbers = list(range(first, int(first if end is None else end) + 1, incr))
        self._host.render(write, numbers)

    def executing(self, f: float | None = None) -> bool:
        return self._host.is_executing

    # -- threads ---------------------------------------------------------------------------------------------------

    @any_thread
    def executeInMainThread(  # noqa: N802
        self, call: Callable[..., Any], args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> None:
        self._host.in_main_thread(call, args if isinstance(args, tuple) else (args,), kwargs or {})

    @any_thread
    def executeInMainThreadWithResult(  # noqa: N802
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

    def getInput(self, prompt: str, default: str = "") -> str | None:  # noqa: N802
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

    def menu(self, name: str) -> Menu:
        if not self._host.has_window:
            raise RuntimeError("menu() is not available without a window")
        if name not in {"Nuke", "Nodes", "Pane", "Properties", "Animation", "Viewer", "Node Graph", "Axis"}:
            fail(f"There is no menu '{name}'")
        return _menu(self._host, name, MenuBar)

    def toolbar(self, name: str, create: bool = True) -> Menu | None:
        if not self._host.has_window:
            raise RuntimeError("toolbar() is not available without a window")
        return _menu(self._host, name, ToolBar)

    def getPaneFor(self, panelName: str) -> Any:  # noqa: N802, N803
        return None

    def show(self, n: Node, forceFloat: bool = False) -> None:  # noqa: N803
        n._is_shown = True

    def zoom(self, scale: float = 0, center: Any = None, group: Any = None) -> float:
        return 1.0

    # -- plug-ins --------------------------------------------------------------------------------------------------

    def pluginAddPath(self, args: str | list[str], addToSysPath: bool = True) -> None:  # noqa: N802, N803
        self._add_paths(args, addToSysPath, first=True)

    def pluginAppendPath(self, args: str | list[str], addToSysPath: bool = True) -> None:  # noqa: N802, N803
        self._add_paths(args, addToSysPath, first=False)

    def _add_paths(self, paths: str | list[str], to_sys_path: bool, first: bool) -> None:
        caller = sys._getframe(3).f_globals.get("__file__", "")
        for path in [paths] if isinstance(paths, str) else paths:
            whole = Path(path) if Path(path).is_absolute() else Path(caller).parent / path
            self._host.plugin_paths.insert(0 if first else len(self._host.plugin_paths), whole)
            if to_sys_path:
                sys.path.insert(0, str(whole))

    def pluginPath(self) -> list[str]:  # noqa: N802
        return [str(path) for path in self._host.plugin_paths]


@strict
class ProgressTask:
    """A bar with a button to cancel; a test presses it by setting `_is_cancelled`."""

    _host: Host

    def __init__(self, title: str) -> None:
        self._title, self._message, self._progress, self._is_cancelled = title, "", 0, False
        self._host.tasks.append(self)

    @any_thread
    def setProgress(self, i: int) -> None:  # noqa: N802
        if not isinstance(i, int) or not 0 <= i <= 100:
            fail(f"ProgressTask.setProgress takes 0 to 100, not {i!r}")
        self._progress = i

    @any_thread
    def setMessage(self, s: str) -> None:  # noqa: N802
        self._message = s

    @any_thread
    def isCancelled(self) -> bool:  # noqa: N802
        return self._is_cancelled


class Undo:
    """Undo steps; the stand-in undoes nothing."""

    def __init__(self, name: str = "") -> None:
        self._name = name

    def __enter__(self) -> Undo:
        return self

    def __exit__(self, *_: Any) -> None: ...

    @staticmethod
    def begin(name: str = "") -> None: ...

    @staticmethod
    def end() -> None: ...

    @staticmethod
    def name(name: str = "") -> None: ...

    @staticmethod
    def disable() -> None: ...

    @staticmethod
    def enable() -> None: ...

    @staticmethod
    def disabled() -> bool:
        return False

    @staticmethod
    def new(name: str = "") -> None: ...

    @staticmethod
    def cancel() -> None: ...


class CancelledError(Exception):
    """What Nuke raises where the artist cancels a render."""


def _menu(host: Host, name: str, kind: type[Menu]) -> Menu:
    menus: dict[str, Menu] = host.__dict__.setdefault("menus", {})
    return menus.setdefault(name, kind(name))


def _constructors(host: Host) -> Any:
    class Nodes:
        """`nuke.nodes.Blur(size=3)`: a node without a panel and without connections but those that are named."""

        def __getattr__(self, kind: str) -> Any:
            if kind not in NODE_CLASSES:
                fail(f"nuke.nodes.{kind}: this stand-in knows no such class")

            def make(inputs: Any = (), **values: Any) -> Node:
                selected = [node for node in host.open_groups[-1]._children if node._knobs["selected"]._held[0]]
                for node in selected:
                    node._knobs["selected"]._held = [0.0]
                made = host.create(kind)
                made._knobs["selected"]._held = [0.0]
                for node in selected:
                    node._knobs["selected"]._held = [1.0]
                for index, upstream in enumerate(inputs):
                    made.setInput(index, upstream)
                for name, value in values.items():
                    made.setName(value) if name == "name" else made._knob(name).setValue(value)
                return made

            return guarded(make, f"nuke.nodes.{kind}")

    return Nodes()


def _environment(host: Host) -> dict[str, Any]:
    major, minor, release = host.version
    return {
        "gui": host.has_window,
        "NukeVersionMajor": major,
        "NukeVersionMinor": minor,
        "NukeVersionRelease": release,
        "NukeVersionString": f"{major}.{minor}v{release}",
        "nukex": False,
        "studio": False,
        "indie": False,
        "nc": False,
        "interactive": host.has_window,
        "ExecutablePath": "/usr/local/Nuke/Nuke",
        "threads": 2,
        "WIN32": False,
        "LINUX": True,
        "MACOS": False,
    }


def _registrations(host: Host) -> Iterator[tuple[str, Callable[..., None]]]:
    for event in EVENTS:
        default = "Write" if event in _RENDERS else "*"

        def add(
            call: Callable[..., Any],
            args: tuple[Any, ...] = (),
            kwargs: dict[str, Any] | None = None,
            nodeClass: str = default,  # noqa: N803
            node: Node | None = None,
            *,
            _event: str = event,
        ) -> None:
            host.callbacks.append(Callback(_event, call, args, kwargs or {}, nodeClass, node))

        def remove(
            call: Callable[..., Any],
            args: tuple[Any, ...] = (),
            kwargs: dict[str, Any] | None = None,
            nodeClass: str = default,  # noqa: N803
            node: Node | None = None,
            *,
            _event: str = event,
        ) -> None:
            host.callbacks = [one for one in host.callbacks if (one.event, one.call) != (_event, call)]

        yield f"add{event}", add
        yield f"remove{event}", remove


class _Module(types.ModuleType):
    host: Host

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in {"GUI", "env"} and self.__name__ == "nuke":
            return self.host.has_window if name == "GUI" else _environment(self.host)
        return fail(f"Nuke is asked for '{self.__name__}.{name}', which this stand-in does not know")


def module_of(host: Host) -> types.ModuleType:
    """The module `nuke` on top of a host."""
    module = _Module("nuke")
    module.host = host
    functions = Nuke(host)
    for name, function in inspect.getmembers(functions, inspect.ismethod):
        if not name.startswith("_"):
            setattr(module, name, guarded(function, f"nuke.{name}"))
    for name, function in _registrations(host):
        setattr(module, name, guarded(function, f"nuke.{name}"))
    for name, kind in knobs.KNOB_CLASSES.items():
        setattr(module, name, kind)
    for kind in (Node, Group, Root, Menu, MenuBar, MenuItem, ToolBar, Undo, CancelledError):
        setattr(module, kind.__name__, kind)
    for kind in (frames.Format, frames.FrameRange, frames.FrameRanges):
        setattr(module, kind.__name__, kind)
    for name, value in FLAGS.items():
        setattr(module, name, value)
    module.ProgressTask = type("ProgressTask", (ProgressTask,), {"_host": host})  # type: ignore[attr-defined]
    module.REPLACE = 1  # type: ignore[attr-defined]
    module.nodes = _constructors(host)  # type: ignore[attr-defined]
    module.rawArgs = ["nuke"]  # type: ignore[attr-defined]
    module.NUKE_VERSION_MAJOR, module.NUKE_VERSION_MINOR = host.version[:2]  # type: ignore[attr-defined]
    module.NUKE_VERSION_RELEASE = host.version[2]  # type: ignore[attr-defined]
    module.NUKE_VERSION_STRING = _environment(host)["NukeVersionString"]  # type: ignore[attr-defined]
    return module


def nukescripts_of(host: Host) -> dict[str, types.ModuleType]:
    """The modules `nukescripts` and `nukescripts.panels`: registering a docked widget, and opening a page."""
    scripts, panels = _Module("nukescripts"), _Module("nukescripts.panels")
    scripts.__path__ = []
    host.__dict__.setdefault("registered", {})
    host.__dict__.setdefault("opened", [])

    def registerWidgetAsPanel(widget: str, name: str, id: str, create: bool = False) -> Any:  # noqa: N802
        host.__dict__["registered"][id] = (widget, name)
        return _Panel(widget) if create else None

    def start(url: str) -> None:
        host.__dict__["opened"].append(url)

    class _Panel:
        def __init__(self, widget: str) -> None:
            self.widget = eval(widget, {"__import__": __import__, **sys.modules})()

        def addToPane(self, pane: Any = None) -> Any:  # noqa: N802
            return pane

        def show(self) -> None: ...

    panels.registerWidgetAsPanel = guarded(registerWidgetAsPanel, "nukescripts.panels.registerWidgetAsPanel")  # type: ignore[attr-defined]
    scripts.registerWidgetAsPanel = panels.registerWidgetAsPanel  # type: ignore[attr-defined]
    scripts.start = guarded(start, "nukescripts.start")  # type: ignore[attr-defined]
    scripts.panels = panels  # type: ignore[attr-defined]
    return {"nukescripts": scripts, "nukescripts.panels": panels}


@contextmanager
def installed(host: Host) -> Iterator[types.ModuleType]:
    """The modules in place of Nuke's, for as long as it lasts."""
    LEDGER.clear()
    module = module_of(host)
    modules = {"nuke": module, **nukescripts_of(host)}
    before = {name: sys.modules.get(name) for name in modules}
    path = list(sys.path)
    sys.modules.update(modules)
    try:
        yield module
    finally:
        sys.path[:] = path
        for name, old in before.items():
            if old is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = old
