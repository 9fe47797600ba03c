from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from understudy import __version__
from understudy import install as module
from understudy.cli import main
from understudy.errors import SettingsError, WriteError
from understudy.install import host_checks, install, look_at, make_plan, uninstall
from understudy.vendored import client_copy

INIT = b"import nuke\nnuke.pluginAddPath('./mine')\n"
HOSTS = ("nuke", "resolve")
KILLED = 77


_COPY = functools.cache(client_copy)
"""Made once: it takes a third of a second."""


@pytest.fixture(autouse=True)
def one_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "client_copy", _COPY)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A host's folder with somebody's init.py."""
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "init.py").write_bytes(INIT)
    return tmp_path / "base"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("host", HOSTS)
def test_what_is_installed_is_removed_without_a_trace(base: Path, host: module.Host) -> None:
    before = contents(base)
    install(make_plan(host, base))
    assert len(contents(base)) > len(before) + 20
    done = uninstall(host, base)
    assert (contents(base), done.left) == (before, ())
    assert sorted(path.name for path in base.iterdir()) == ["init.py"]


@pytest.mark.parametrize("host", HOSTS)
def test_installing_twice_changes_nothing(base: Path, host: module.Host) -> None:
    install(make_plan(host, base))
    once = contents(base)
    install(make_plan(host, base))
    assert contents(base) == once


@pytest.mark.parametrize(
    "before",
    [
        b"",
        b"x = 1",
        b"x = 1\n",
        b"x = 1\r\ny = 2\r\n",
        b"x = 1\r\ny = 2",
        "# -*- coding: latin-1 -*-\n# \xe9".encode("latin-1"),
    ],
)
def test_the_line_goes_and_leaves_every_byte_as_it_was(base: Path, before: bytes) -> None:
    (base / "init.py").write_bytes(before)
    install(make_plan("nuke", base))
    install(make_plan("nuke", base))
    assert (base / "init.py").read_bytes().count(b"pluginAddPath") == 1
    uninstall("nuke", base)
    assert (base / "init.py").read_bytes() == before


def test_lines_that_were_added_below_ours_stay(base: Path) -> None:
    install(make_plan("nuke", base))
    with (base / "init.py").open("ab") as file:
        file.write(b"later = True\n")
    install(make_plan("nuke", base))
    uninstall("nuke", base)
    assert (base / "init.py").read_bytes() == INIT + b"later = True\n"


def test_an_init_that_was_made_for_the_line_goes_with_it(tmp_path: Path) -> None:
    install(make_plan("nuke", tmp_path / "fresh"))
    assert (tmp_path / "fresh" / "init.py").is_file()
    uninstall("nuke", tmp_path / "fresh")
    assert list((tmp_path / "fresh").iterdir()) == []


def test_the_line_loads_the_folder_and_does_nothing_when_it_is_gone(tmp_path: Path, monkeypatch) -> None:
    base = tmp_path / "it's a f\xf6lder"
    install(make_plan("nuke", base))
    added: list[str] = []
    monkeypatch.setitem(sys.modules, "nuke", type(sys)("nuke"))
    sys.modules["nuke"].pluginAddPath = added.append  # type: ignore[attr-defined]
    exec((base / "init.py").read_bytes(), {})
    (base / "understudy").rename(base / "gone")
    exec((base / "init.py").read_bytes(), {})
    assert added == [(base / "understudy").as_posix()]


def test_init_keeps_its_mode_and_its_link(base: Path, tmp_path: Path) -> None:
    (base / "init.py").rename(tmp_path / "dotfiles.py")
    (tmp_path / "dotfiles.py").chmod(0o640)
    (base / "init.py").symlink_to(tmp_path / "dotfiles.py")
    install(make_plan("nuke", base))
    assert (base / "init.py").is_symlink()
    assert (tmp_path / "dotfiles.py").stat().st_mode & 0o777 == 0o640
    assert b"understudy" in (tmp_path / "dotfiles.py").read_bytes()


def test_what_is_not_ours_is_left_and_named(base: Path) -> None:
    install(make_plan("nuke", base))
    folder = base / "understudy"
    (folder / "menu.py").write_text("# mine now\n")
    (folder / "notes.txt").write_text("mine\n")
    compiled = folder / "understudy_nuke" / "__pycache__" / "menus.cpython-311.pyc"
    compiled.parent.mkdir()
    compiled.write_bytes(b"x")
    done = uninstall("nuke", base)
    assert done.left == (folder / "menu.py", folder / "notes.txt")
    assert (base / "init.py").read_bytes() == INIT
    assert sorted(contents(folder)) == ["menu.py", "notes.txt"]


def test_a_changed_file_is_not_overwritten(base: Path) -> None:
    install(make_plan("nuke", base))
    (base / "understudy" / "menu.py").write_text("# mine now\n")
    with pytest.raises(SettingsError, match=r"changed after they were installed: menu.py"):
        install(make_plan("nuke", base))
    (base / "understudy" / "menu.py").unlink()
    (base / "understudy" / "notes.txt").write_text("mine\n")
    install(make_plan("nuke", base))
    assert "add_menus" in (base / "understudy" / "menu.py").read_text()
    assert (base / "understudy" / "notes.txt").read_text() == "mine\n"


@pytest.mark.parametrize("kind", ["folder", "link", "file"])
def test_a_folder_that_somebody_else_made_is_left_alone(base: Path, tmp_path: Path, kind: str) -> None:
    place = base / "understudy"
    if kind == "folder":
        place.mkdir()
        (place / "mine.py").write_text("")
    elif kind == "link":
        (tmp_path / "checkout").mkdir()
        place.symlink_to(tmp_path / "checkout")
    else:
        place.write_text("")
    before = contents(base)
    with pytest.raises(SettingsError, match="not made by this command"):
        install(make_plan("nuke", base))
    with pytest.raises(SettingsError, match="Nothing was removed"):
        uninstall("nuke", base)
    assert contents(base) == before


def test_a_receipt_cannot_point_outside(base: Path) -> None:
    install(make_plan("nuke", base))
    receipt = base / "understudy" / "receipt.json"
    values = json.loads(receipt.read_text())
    values["files"]["../init.py"] = module._sha256((base / "init.py").read_bytes())
    receipt.write_text(json.dumps(values))
    with pytest.raises(SettingsError):
        uninstall("nuke", base)
    assert (base / "init.py").is_file()


_KILL = """
import os, sys
from pathlib import Path
from understudy import install
left = int(sys.argv[1])
done = []
def count(call):
    def counted(*arguments, **more):
        global left
        left -= 1
        done.append(call.__name__)
        if left == 0:
            os._exit({killed})
        return call(*arguments, **more)
    return counted
for name in ("rename", "replace", "unlink", "rmdir", "open", "mkdir"):
    setattr(Path, name, count(getattr(Path, name)))
import shutil
shutil.rmtree = count(shutil.rmtree)
base = Path(sys.argv[3])
plan = install.make_plan("nuke", base)
if sys.argv[2] == "install":
    plan.files["menu.py"] += b"# a newer version" + chr(10).encode()
    install.install(plan)
else:
    install.uninstall("nuke", base)
print(len(done))
"""


def kill_at(step: int, verb: str, base: Path) -> tuple[int, int]:
    """Kills at a step of its work with files; returns how it ended, and how many steps it has when it ends well."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    code = _KILL.replace("{killed}", str(KILLED))
    command = [sys.executable, "-c", code, str(step), verb, str(base)]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    return ended.returncode, int(ended.stdout or 0)


def test_a_kill_while_installing_leaves_the_old_or_the_new(base: Path) -> None:
    install(make_plan("nuke", base))
    installed = {name for name in contents(base) if name.startswith("understudy/")}
    old = contents(base)["understudy/menu.py"]
    seen = set()
    total = kill_at(10**6, "install", base)[1]
    install(make_plan("nuke", base))
    for step in (1, 20, *range(total - 7, total + 1)):
        assert kill_at(step, "install", base)[0] == KILLED
        state = contents(base)
        names = {name: data for name, data in state.items() if name.startswith("understudy/")}
        aside = list(base.glob(".understudy.*.old"))
        assert names or aside  # between two renames the old folder stands beside, whole
        if names:
            assert set(names) == installed
            seen.add(names["understudy/menu.py"] == old)
        assert b"pluginAddPath('./mine')" in state["init.py"]
        install(make_plan("nuke", base))
        assert contents(base)["understudy/menu.py"] == old
        assert sorted(path.name for path in base.iterdir()) == ["init.py", "understudy"]
    assert seen == {True, False}


def test_a_kill_while_uninstalling_is_finished_by_the_next_run(tmp_path: Path) -> None:
    for step in (1, 4, 20, 34, 60):
        base = tmp_path / str(step)
        base.mkdir()
        (base / "init.py").write_bytes(INIT)
        install(make_plan("nuke", base))
        if kill_at(step, "uninstall", base)[0] == KILLED and (base / "understudy" / "receipt.json").exists():
            assert uninstall("nuke", base).left == ()
        assert (base / "init.py").read_bytes() == INIT


def test_a_folder_that_cannot_be_written_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match="cannot be written"):
        install(make_plan("nuke", tmp_path / "file" / "base"))


def test_what_is_installed_can_be_told(base: Path) -> None:
    assert look_at("nuke", base).version == ""
    install(make_plan("nuke", base))
    found = look_at("nuke", base)
    assert (found.version, found.changed, found.is_current, found.is_loaded) == (__version__, (), True, True)
    (base / "init.py").write_bytes(INIT)
    (base / "understudy" / "menu.py").unlink()
    found = look_at("nuke", base)
    assert (found.changed, found.is_loaded) == (("menu.py",), False)


def test_nuke_gets_the_guide_and_the_way_to_the_engine(base: Path) -> None:
    plan = make_plan("nuke", base)
    guide = plan.files["help/nuke.md"].decode()
    pictures = [word.split(")")[0] for word in guide.split("](images/")[1:]]
    assert pictures and all(f"help/images/{name}" in plan.files for name in pictures)
    (command,) = json.loads(plan.files["understudy_nuke/_engine/command.json"])
    assert Path(command).is_file() and Path(command).stem == "understudy"
    assert "help/nuke.md" not in make_plan("resolve", base).files


def test_a_client_of_another_version_is_noticed(base: Path) -> None:
    plan = make_plan("nuke", base)
    plan.files["understudy_nuke/_engine/wire.py"] += b"# other\n"
    install(plan)
    assert not look_at("nuke", base).is_current
    install(make_plan("nuke", base))
    assert look_at("nuke", base).is_current


def test_the_doctor_s_lines_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    before = host_checks()
    assert [(check.state, check.found, check.cure) for check in before] == [
        ("note", "not installed", "understudy install nuke"),
        ("note", "not installed", "understudy install resolve"),
    ]
    install(make_plan("nuke"))
    assert host_checks()[0].state == "ok"
    (tmp_path / ".nuke" / "init.py").unlink()
    assert "the line that loads it is gone" in host_checks()[0].found


@pytest.mark.parametrize(
    "platform,parts",
    [
        ("linux", ".local/share/DaVinciResolve/Fusion"),
        ("darwin", "Library/Application Support/Blackmagic Design/DaVinci Resolve/Fusion"),
        ("win32", "AppData/Roaming/Blackmagic Design/DaVinci Resolve/Support/Fusion"),
    ],
)
def test_resolve_s_folder_is_the_one_of_the_platform(tmp_path, monkeypatch, platform: str, parts: str) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.delenv("APPDATA", raising=False)
    assert make_plan("resolve").folder == tmp_path / parts / "understudy"


def test_the_command_shows_the_paths_first(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["install", "nuke", "--to", str(base), "--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert shown.index(str(base / "understudy")) < shown.index(str(base / "init.py")) < shown.index("would write")
    assert sorted(path.name for path in base.iterdir()) == ["init.py"]
    assert main(["install", "nuke", "--to", str(base)]) == 0
    assert main(["install", "nuke", "--to", str(base), "--uninstall", "--dry-run"]) == 0
    assert (base / "understudy").is_dir()
    assert main(["install", "nuke", "--to", str(base), "--uninstall"]) == 0
    assert main(["install", "nuke", "--to", str(base), "--uninstall"]) == 2
    assert main(["install", "houdini"]) == 2
