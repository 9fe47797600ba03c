"""The copy of the client that a host gets: our few modules and what they need of RPyC, under a private name.

Another plug-in in the same host may bring its own RPyC, of another version. A copy whose imports all lead into its own
package neither sees it nor is seen. Of RPyC only the core comes along: no servers, no
helpers that connect by themselves.
"""

from __future__ import annotations

import io
import tokenize
from importlib.metadata import distribution
from importlib.resources import files
from importlib.resources.abc import Traversable

from understudy.errors import SettingsError

__all__ = ["client_copy", "rewritten"]

_MONITOR = ("monitor/__init__", "monitor/growing", "monitor/training")
"""What a panel in a host shows of a model in training, read as the monitor reads it."""

_OURS = ("__init__", "errors", "wire", "endpoint", "answers", "link", "client", *_MONITOR)
_RPYC_FOLDERS = ("core", "lib")
_LEFT_OUT = ("async.py",)  # a name that no Python can import any more
_RPYC_INIT = (
    '"""The core of RPyC; see LICENSE. Imports lead into this package only."""\n\nfrom .version import __version__\n'
)
_SKIPPED = (tokenize.COMMENT, tokenize.NL)
_STARTS = (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING)


def client_copy(package: str) -> dict[str, bytes]:
    """The files of a private copy of the client, by their paths in it.

    Args:
        package: Its name in the host, such as "understudy_nuke._engine".

    Raises:
        SettingsError: RPyC is not installed whole.
    """
    ours = files("understudy")
    sources = {f"{name}.py": ours.joinpath(f"{name}.py") for name in _OURS}
    rpyc = files("rpyc")
    for folder in _RPYC_FOLDERS:
        names = (entry for entry in rpyc.joinpath(folder).iterdir() if entry.name.endswith(".py"))
        sources |= {f"rpyc/{folder}/{entry.name}": entry for entry in names if entry.name not in _LEFT_OUT}
    sources["rpyc/version.py"] = rpyc.joinpath("version.py")
    copy = {name: _rewritten_file(source, package) for name, source in sorted(sources.items())}
    return {**copy, "rpyc/__init__.py": _RPYC_INIT.encode(), "rpyc/LICENSE": _rpyc_licence()}


def rewritten(source: str, package: str) -> str:
    """The source of a module with its imports of `understudy` and `rpyc` leading into a package.

    Raises:
        ValueError: It imports one of them in a way that binds the public name.
    """
    lines = source.splitlines(keepends=True)
    tokens = [token for token in tokenize.generate_tokens(io.StringIO(source).readline) if token.type not in _SKIPPED]
    for index in reversed(range(len(tokens) - 1)):
        is_start = index == 0 or tokens[index - 1].type in _STARTS or tokens[index - 1].string in (";", ":")
        root = tokens[index + 1]
        if not is_start or tokens[index].string not in ("from", "import") or root.string not in ("understudy", "rpyc"):
            continue
        if tokens[index].string == "import":
            raise ValueError(f"line {root.start[0]}: 'import {root.string}' cannot lead into a package; use 'from'")
        line, column = root.start[0] - 1, root.start[1]
        name = package if root.string == "understudy" else f"{package}.rpyc"
        lines[line] = lines[line][:column] + name + lines[line][column + len(root.string) :]
    return "".join(lines)


def _rewritten_file(source: Traversable, package: str) -> bytes:
    return rewritten(source.read_text(encoding="utf-8"), package).encode()


def _rpyc_licence() -> bytes:
    for entry in distribution("rpyc").files or ():
        if entry.name.startswith("LICENSE"):
            return entry.read_binary()
    raise SettingsError(
        "The installed rpyc has no licence file, so no copy can be given on. Install it again with pip."
    )
