"""The modules `nuke` and `nukescripts`, put together and in place of Nuke's."""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.nuke_plugin.stand_in import frames, knobs
from tests.nuke_plugin.stand_in.flags import FLAGS
from tests.nuke_plugin.stand_in.functions import Nuke
from tests.nuke_plugin.stand_in.host import Callback, Host
from tests.nuke_plugin.stand_in.menus import Menu, MenuBar, MenuItem, ToolBar
from tests.nuke_plugin.stand_in.node_classes import NODE_CLASSES
from tests.nuke_plugin.stand_in.nodes import Group, Node, Root
from tests.nuke_plugin.stand_in.strict import LEDGER, any_thread, fail, guarded, strict

__all__ = ["installed", "module_of", "nukescripts_of"]

EVENTS = (
    *("OnUserCreate", "OnCreate", "OnDestroy", "OnScriptLoad", "OnScriptSave", "OnScriptClose", "KnobChanged"),
    *("UpdateUI", "Autolabel", "BeforeRender", "AfterRender", "BeforeFrameRender", "AfterFrameRender"),
    *("RenderProgress", "FilenameFilter", "ValidateFilename"),
)
_REMOVED = {"ValidateFilename": "FilenameValidate"}  # as Nuke has it
_RENDERS = ("BeforeRender", "AfterRender", "BeforeFrameRender", "AfterFrameRender", "RenderProgress")


@strict
class ProgressTask:
    """A bar with a button to cancel; a test presses it by setting `_is_cancelled`."""

    _host: Host

    def __init__(self, title: str) -> None:
        self._title, self._message, self._progress, self._is_cancelled = title, "", 0, False
        self._host.tasks.append(self)

    @any_thread
    def setProgress(self, i: int) -> None:
        if not isinstance(i, int) or not 0 <= i <= 100:
            fail(f"ProgressTask.setProgress takes 0 to 100, not {i!r}")
        self._progress = i

    @any_thread
    def setMessage(self, s: str) -> None:
        self._message = s

    @any_thread
    def isCancelled(self) -> bool:
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
        "indie": host.is_indie,
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
        yield from _registration(host, event, "Write" if event in _RENDERS else "*")


def _registration(host: Host, event: str, default: str) -> Iterator[tuple[str, Callable[..., None]]]:
    def add(call: Any, args: Any = (), kwargs: Any = None, nodeClass: str = default) -> None:
        host.callbacks.append(Callback(event, call, args, kwargs or {}, nodeClass))

    def remove(call: Any, args: Any = (), kwargs: Any = None, nodeClass: str = default) -> None:
        host.callbacks = [one for one in host.callbacks if (one.event, one.call) != (event, call)]

    def add_to(call: Any, args: Any = (), kwargs: Any = None, nodeClass: str = "*", node: Any = None) -> None:
        host.callbacks.append(Callback(event, call, args, kwargs or {}, nodeClass, node))

    def remove_from(call: Any, args: Any = (), kwargs: Any = None, nodeClass: str = "*", node: Any = None) -> None:
        remove(call)

    yield f"add{event}", add_to if event == "KnobChanged" else add
    yield f"remove{_REMOVED.get(event, event)}", remove_from if event == "KnobChanged" else remove


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

    def registerWidgetAsPanel(widget: str, name: str, id: str, create: bool = False) -> Any:
        host.__dict__["registered"][id] = (widget, name)
        return _Panel(widget) if create else None

    def start(url: str) -> None:
        host.__dict__["opened"].append(url)

    class _Panel:
        def __init__(self, widget: str) -> None:
            self.widget = eval(widget, {"__import__": __import__, **sys.modules})()

        def addToPane(self, pane: Any = None) -> Any:
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
