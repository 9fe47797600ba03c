"""The menu and the start of Nuke, against the stand-in."""

from __future__ import annotations

import ast
import os
import runpy
import shutil
import subprocess
import sys
import webbrowser
from pathlib import Path
from typing import Any

import pytest

from tests.nuke_plugin.scripted_engine import Script, running
from tests.nuke_plugin.stand_in import Group, Host
from tests.nuke_plugin.stand_in.menus import Menu, MenuItem

SOURCE = Path(__file__).parents[2] / "nuke_plugin"


@pytest.fixture
def menu(host: Host, plugin: Path) -> Menu:
    """What Nuke shows after its start."""
    runpy.run_path(str(plugin / "init.py"))
    runpy.run_path(str(plugin / "menu.py"))
    found = host.menus["Nodes"].menu("Understudy")
    assert isinstance(found, Menu)
    return found


def pick(menu: Menu, path: str) -> Any:
    item = menu.findItem(path)
    assert isinstance(item, MenuItem)
    return item.invoke()


def test_the_toolbar_has_all_there_is(host: Host, menu: Menu) -> None:
    names = [item.name() for item in menu.items()]
    assert names == ["Understudy", "Training panel", "Deliver", "Engine", "Doctor", "Help"]
    assert [item.name() for item in menu.menu("Deliver").items()] == [
        *("ST map", "Corner pin", "Tracker", "Unblended crop"),
    ]
    assert host.messages == []


def test_at_start_up_nothing_of_the_client_or_qt_is_loaded(menu: Menu) -> None:
    loaded = [name for name in sys.modules if name.startswith(("understudy_nuke._engine", "PySide"))]
    assert loaded == []


def test_the_installed_gizmo_becomes_a_node_after_what_is_selected(host: Host, plugin: Path) -> None:
    host.plugin_paths.clear()
    runpy.run_path(str(plugin / "init.py"))
    runpy.run_path(str(plugin / "menu.py"))
    plate = host.create("Constant")
    made = pick(host.menus["Nodes"].menu("Understudy"), "Understudy")
    assert (made.Class(), made.name(), made.input(0)) == ("Group", "Understudy1", plate)


def test_deliver_presses_the_button_of_the_selected_node(host: Host, menu: Menu) -> None:
    pick(menu, "Deliver/Corner pin")
    assert host.messages == ["Select one Understudy node, whose shot is to be delivered."]
    made = pick(menu, "Understudy")
    pick(menu, "Deliver/Corner pin")
    assert "Corner pin: fill in 'Project folder'" in made["label"].value()


def shown(host: Host, menu: Menu, item: str) -> str:
    thread = pick(menu, item)
    thread.join(20)
    host.pump()
    return host.messages[-1]


def test_engine_says_how_it_is_or_how_to_start_one(host: Host, menu: Menu, runtime: Path) -> None:
    assert "Start one: understudy serve" in shown(host, menu, "Engine")
    with running(Script(), runtime):
        assert "on cpu (process" in shown(host, menu, "Engine")


def test_doctor_shows_what_the_command_says(host: Host, menu: Menu, monkeypatch: pytest.MonkeyPatch) -> None:
    from understudy_nuke import session

    monkeypatch.setattr(session, "engine_command", lambda *_: [sys.executable, "-c", "print('ok  Python')"])
    assert shown(host, menu, "Doctor") == "ok  Python"
    monkeypatch.setattr(session, "engine_command", lambda *_: ["/nowhere/understudy", "doctor"])
    assert "cannot be run here" in shown(host, menu, "Doctor")


def test_help_opens_the_installed_guide(menu: Menu, plugin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    pick(menu, "Help")
    assert opened == [(plugin / "help" / "nuke.md").as_uri()]
    assert (plugin / "help" / "nuke.md").is_file()


def test_a_plug_in_without_its_client_says_so(host: Host, menu: Menu, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "understudy_nuke._engine", None)
    for item in ("Engine", "Doctor"):
        assert "understudy install nuke" in shown(host, menu, item)


def test_the_panel_is_known_to_nuke_s_workspaces(host: Host, menu: Menu) -> None:
    ((name, (widget, title)),) = host.registered.items()
    assert (name, title) == ("understudy.training", "Understudy Training")
    compile(widget, "panel", "eval")
    assert widget.endswith("TrainingPanel")


@pytest.mark.parametrize("file", ["init.py", "menu.py"])
def test_nuke_starts_whatever_happens(
    plugin: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], file: str
) -> None:
    class Broken:
        __spec__ = None

        def __getattr__(self, name: str) -> Any:
            raise SystemExit(name)

    monkeypatch.setitem(sys.modules, "nuke", Broken())
    runpy.run_path(str(plugin / file))
    assert "SystemExit" in capsys.readouterr().err


def test_without_a_window_init_runs_alone(host: Host, plugin: Path) -> None:
    host.has_window = False
    host.plugin_paths.clear()
    runpy.run_path(str(plugin / "init.py"))
    assert isinstance(host.create("Understudy"), Group)


def test_the_plug_in_is_python_3_9() -> None:
    for path in SOURCE.rglob("*.py"):
        ast.parse(path.read_text(), str(path), feature_version=(3, 9))


def test_every_module_loads_in_python_3_9(plugin: Path, tmp_path: Path) -> None:
    (tmp_path / "nuke.py").write_text("class Node: pass\nclass Root: pass\nclass Knob: pass\nclass Group: pass\n")
    names = sorted(path.stem for path in (plugin / "understudy_nuke").glob("*.py"))
    without_qt = [name for name in names if name not in {"__init__", "panel", "panel_views", "qt"}]
    code = "import sys, importlib\nfor name in sys.argv[1:]: importlib.import_module('understudy_nuke.' + name)\n"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(plugin), str(tmp_path)])}
    old = oldest_python()
    done = subprocess.run([old, "-c", code, *without_qt], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def oldest_python() -> str:
    """Python 3.9, wherever it is."""
    places = [shutil.which("python3.9"), *map(str, Path.home().glob(".pyenv/versions/3.9.*/bin/python"))]
    for place in filter(None, places):
        found = subprocess.run([place, "-c", "import sys; print(sys.version_info[:2])"], capture_output=True, text=True)
        if found.stdout.strip() == "(3, 9)":
            return place
    pytest.skip("Python 3.9 is not installed")


def test_the_plug_in_needs_the_standard_library_and_the_host_only() -> None:
    allowed = {*sys.stdlib_module_names, "nuke", "nukescripts", "understudy_nuke", "PySide2", "PySide6"}
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [str(node.module)]
            assert {name.split(".")[0] for name in names} <= allowed, (path, names)
