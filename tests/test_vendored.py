from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from understudy.vendored import client_copy, rewritten

PACKAGE = "host_plugin._engine"


@pytest.fixture(scope="module")
def copy() -> dict[str, bytes]:
    return client_copy(PACKAGE)


@pytest.fixture(scope="module")
def folder(copy: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the copy as the package `host_plugin._engine`, and nothing else."""
    root = tmp_path_factory.mktemp("host")
    for name, data in {"../__init__.py": b"", **copy}.items():
        path = root / "host_plugin" / "_engine" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def run_isolated(folder: Path, code: str, *arguments: str) -> str:
    """What a Python without site packages, environment and current folder prints."""
    path = f"import sys; sys.path.insert(0, {str(folder)!r})\n"
    command = [sys.executable, "-S", "-I", "-c", path + code, *arguments]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


@pytest.mark.parametrize(
    "source,result",
    [
        ("from rpyc.core import x\n", "from p._e.rpyc.core import x\n"),
        ("from understudy import errors\n", "from p._e import errors\n"),
        (
            "def f():\n    from understudy.wire import (\n        a,\n    )\n",
            "def f():\n    from p._e.wire import (\n        a,\n    )\n",
        ),
        (
            "if x: from rpyc import y; from rpyc.z import w\n",
            "if x: from p._e.rpyc import y; from p._e.rpyc.z import w\n",
        ),
        ('"""\nfrom rpyc import x\n"""\n', '"""\nfrom rpyc import x\n"""\n'),
        ("# import rpyc\nx = 'from understudy import y'\n", "# import rpyc\nx = 'from understudy import y'\n"),
        ("from rpyc_other import x\nrpyc = 1\n", "from rpyc_other import x\nrpyc = 1\n"),
        ("yield_ = (lambda: 0)\nraise A from understudy\n", "yield_ = (lambda: 0)\nraise A from understudy\n"),
        ("from .core import rpyc\n", "from .core import rpyc\n"),
    ],
)
def test_only_imports_are_rewritten(source: str, result: str) -> None:
    assert rewritten(source, "p._e") == result


@pytest.mark.parametrize("source", ["import rpyc\n", "import rpyc.core as c\n", "import understudy\n"])
def test_an_import_that_binds_a_public_name_is_refused(source: str) -> None:
    with pytest.raises(ValueError, match="line 1"):
        rewritten(source, "p._e")


def test_every_file_is_python_3_9(copy: dict[str, bytes]) -> None:
    for name, data in copy.items():
        if name.endswith(".py"):
            ast.parse(data, name, feature_version=(3, 9))


def test_nothing_is_imported_but_the_standard_library_and_itself(copy: dict[str, bytes]) -> None:
    optional = {"System", "__builtin__", "cPickle", "cStringIO", "exceptions", "pywintypes", "win32file", "win32pipe"}
    allowed = {*sys.stdlib_module_names, "host_plugin", *optional, "msvcrt", "win32event"}
    for name, data in copy.items():
        for node in ast.walk(ast.parse(data)) if name.endswith(".py") else ():
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [str(node.module)]
            assert {one.split(".")[0] for one in names} <= allowed, (name, names)


def test_it_loads_in_a_bare_python_and_takes_no_public_name(folder: Path) -> None:
    code = (
        "from host_plugin._engine import client, endpoint, errors, wire\n"
        "import json\n"
        "roots = {name.split('.')[0] for name in sys.modules}\n"
        "print(json.dumps(sorted(roots & {'rpyc', 'understudy', 'plumbum'})))\n"
        "print(wire.Connection.__module__)\n"
    )
    names, module = run_isolated(folder, code).splitlines()
    assert json.loads(names) == []
    assert module == "host_plugin._engine.rpyc.core.protocol"


def test_another_rpyc_in_the_host_is_not_touched(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "rpyc.py").write_text("version = 'another'\n")
    code = (
        f"sys.path.insert(0, {str(tmp_path)!r})\n"
        "import rpyc\n"
        "from host_plugin._engine import wire\n"
        "from host_plugin._engine.rpyc.version import __version__\n"
        "print(rpyc.version, __version__, sys.modules['rpyc'] is rpyc)\n"
    )
    assert run_isolated(folder, code).split() == ["another", "6.0.2", "True"]


def test_without_an_engine_it_says_so(folder: Path, tmp_path: Path) -> None:
    code = (
        "import os; os.environ['UNDERSTUDY_RUNTIME'] = sys.argv[1]\n"
        "from host_plugin._engine import client, errors\n"
        "try:\n    client.connect()\nexcept errors.EngineError as error:\n    print(error.message)\n"
    )
    assert "Start one: understudy serve" in run_isolated(folder, code, str(tmp_path / "none"))


def test_rpyc_s_licence_comes_along(copy: dict[str, bytes]) -> None:
    assert b"Tomer Filiba" in copy["rpyc/LICENSE"]
    assert not [name for name in copy if "server" in name.lower() or "classic" in name]
