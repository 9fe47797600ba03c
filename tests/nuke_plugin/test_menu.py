"""The plug-in against a stand-in for Nuke that knows a few calls and fails at any other."""

from __future__ import annotations

import ast
import runpy
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from understudy.install import install, make_plan

PLUGIN = Path(__file__).parents[2] / "nuke_plugin"


class Strict:
    """Fails at every name that it was not given."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"Nuke is asked for '{name}', which this test does not know")


class FakeMenu(Strict):
    def __init__(self) -> None:
        self.menus: dict[str, FakeMenu] = {}
        self.commands: dict[str, Callable[[], object]] = {}

    def addMenu(self, name: str) -> FakeMenu:  # noqa: N802
        return self.menus.setdefault(name, FakeMenu())

    def addCommand(self, name: str, command: Callable[[], object]) -> None:  # noqa: N802
        assert callable(command)
        self.commands[name] = command


class FakeNuke(Strict):
    def __init__(self) -> None:
        self.bar = FakeMenu()
        self.paths: list[str] = []
        self.messages: list[str] = []
        self.__spec__ = None

    def menu(self, name: str) -> FakeMenu:
        assert name == "Nuke"
        return self.bar

    def pluginAddPath(self, path: str) -> None:  # noqa: N802
        self.paths.append(path)

    def message(self, text: str) -> None:
        assert threading.current_thread() is threading.main_thread()
        self.messages.append(text)

    def executeInMainThread(self, call: Callable[..., object], args: tuple[object, ...] = ()) -> None:  # noqa: N802
        assert threading.current_thread() is not threading.main_thread()
        self.later = call, args


@pytest.fixture
def nuke(monkeypatch: pytest.MonkeyPatch) -> FakeNuke:
    fake = FakeNuke()
    monkeypatch.setitem(sys.modules, "nuke", fake)
    return fake


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The plug-in as `understudy install nuke` puts it; no engine runs."""
    install(make_plan("nuke", tmp_path))
    folder = tmp_path / "understudy"
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("UNDERSTUDY_RUNTIME", str(tmp_path / "run"))
    yield folder
    for name in [name for name in sys.modules if name.split(".")[0] == "understudy_nuke"]:
        del sys.modules[name]


def test_nuke_gets_a_menu_with_engine_and_help(nuke: FakeNuke, installed: Path) -> None:
    runpy.run_path(str(installed / "init.py"))
    runpy.run_path(str(installed / "menu.py"))
    assert nuke.paths == ["./gizmos"]
    assert list(nuke.bar.menus) == ["Understudy"]
    assert list(nuke.bar.menus["Understudy"].commands) == ["Engine", "Help"]
    assert nuke.messages == []


def test_nothing_of_the_client_is_loaded_at_start_up(nuke: FakeNuke, installed: Path) -> None:
    runpy.run_path(str(installed / "menu.py"))
    assert [name for name in sys.modules if name.startswith("understudy_nuke._engine")] == []


def test_engine_says_how_to_start_one(nuke: FakeNuke, installed: Path) -> None:
    runpy.run_path(str(installed / "menu.py"))
    thread: Any = nuke.bar.menus["Understudy"].commands["Engine"]()
    thread.join(10)
    call, arguments = nuke.later
    call(*arguments)
    assert len(nuke.messages) == 1
    assert "Start one: understudy serve" in nuke.messages[0]


def test_help_says_what_there_is(nuke: FakeNuke, installed: Path) -> None:
    runpy.run_path(str(installed / "menu.py"))
    nuke.bar.menus["Understudy"].commands["Help"]()
    assert "This plug-in has no node yet" in nuke.messages[0]


def test_a_plug_in_without_its_client_says_so(nuke: FakeNuke, installed: Path) -> None:
    for path in (installed / "understudy_nuke" / "_engine").glob("*.py"):
        path.unlink()
    for name in ("rpyc",):
        (installed / "understudy_nuke" / "_engine" / name).rename(installed / name)
    runpy.run_path(str(installed / "menu.py"))
    from understudy_nuke.engine_menu import engine_line

    assert "understudy install nuke" in engine_line()


@pytest.mark.parametrize("file", ["init.py", "menu.py"])
def test_nuke_starts_whatever_happens(monkeypatch, installed: Path, capsys, file: str) -> None:
    class Broken:
        __spec__ = None

        def __getattr__(self, name: str) -> Any:
            raise SystemExit(name)

    monkeypatch.setitem(sys.modules, "nuke", Broken())
    runpy.run_path(str(installed / file))
    assert "SystemExit" in capsys.readouterr().err


def test_the_plug_in_is_python_3_9() -> None:
    for path in PLUGIN.rglob("*.py"):
        ast.parse(path.read_text(), str(path), feature_version=(3, 9))
