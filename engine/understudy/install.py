"""Puts the plug-ins where a host looks for them, and takes them away again.

    BASE/understudy/...     the plug-in, with a private copy of the client
    BASE/understudy/receipt.json   what was installed: version, and the SHA-256 of every file
    BASE/init.py            one marked line (Nuke only), which loads the folder

Everything is written beside and renamed into place. Only what the receipt names and nobody has changed is ever removed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import sys
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from understudy import __version__
from understudy.durable import replacing
from understudy.errors import SettingsError, UnderstudyError, WriteError
from understudy.jobs.check import Check
from understudy.vendored import client_copy

__all__ = [
    "HOSTS",
    "Found",
    "Host",
    "Plan",
    "Uninstalled",
    "host_checks",
    "install",
    "look_at",
    "make_plan",
    "uninstall",
]

Host = Literal["nuke", "resolve"]
HOSTS: tuple[Host, ...] = ("nuke", "resolve")

_SCHEMA = "install-1"
_FOLDER = "understudy"
_RECEIPT = "receipt.json"
_COMMAND = "command.json"
"""How a host without our PATH calls the engine that installed the plug-in."""

_MARK = "  # added by: understudy install nuke"
_PACKAGES: dict[Host, str] = {"nuke": "understudy_nuke", "resolve": "understudy_resolve"}


@dataclass(frozen=True)
class Plan:
    """What an installation will put where.

    Attributes:
        host: For whom.
        base: The host's own folder.
        files: Contents by path in the plug-in's folder.
        line_in: The file that gets the line; None for a host that needs none.
    """

    host: Host
    base: Path
    files: dict[str, bytes] = field(repr=False)
    line_in: Path | None

    @property
    def folder(self) -> Path:
        """Where the plug-in lies."""
        return self.base / _FOLDER


@dataclass(frozen=True)
class Found:
    """What is installed for a host.

    Attributes:
        folder: Where.
        version: Which version wrote it; empty when nothing is installed.
        changed: Files that were changed or removed since.
        is_current: True when it is what this version would install.
        is_loaded: True when the host will load it: its line is there, or it needs none.
    """

    folder: Path
    version: str
    changed: tuple[str, ...]
    is_current: bool
    is_loaded: bool


@dataclass(frozen=True)
class Uninstalled:
    """What an uninstallation did.

    Attributes:
        removed: Number of files that were removed.
        left: Files that were left, because they are not ours or were changed.
    """

    removed: int
    left: tuple[Path, ...]


def make_plan(host: Host, to: Path | None = None) -> Plan:
    """What would be installed, with explicit paths; writes nothing.

    Args:
        host: "nuke" or "resolve".
        to: The host's folder, such as one on NUKE_PATH; the user's own when None.

    Raises:
        SettingsError: The plug-in's files are not there.
    """
    base = (to.expanduser().absolute() if to else _default_base(host)).resolve()
    package = _PACKAGES[host]
    contents = _folder_contents(_plugin_folder(f"{host}_plugin"))
    if host == "nuke":
        contents |= {f"gizmos/{name}": data for name, data in _folder_contents(_plugin_folder("gizmos")).items()}
        contents |= {f"help/{name}": data for name, data in _guide(_plugin_folder("docs"), "nuke").items()}
    contents |= {f"{package}/_engine/{name}": data for name, data in client_copy(f"{package}._engine").items()}
    contents |= {f"{package}/_engine/{_COMMAND}": data for data in _command()}
    return Plan(host, base, contents, base / "init.py" if host == "nuke" else None)


def install(plan: Plan) -> None:
    """Installs or renews a plug-in; doing it twice changes nothing.

    A kill at any moment leaves the old state or the new one, or a mark beside from which the next run goes on.

    Raises:
        SettingsError: Something that is not ours is in the way.
        WriteError: A folder cannot be written.
    """
    with _as_write_error(plan.base):
        _mend(plan.base)
        receipt = _read_receipt(plan.folder)
        _expect_ours(plan.folder, receipt)
        foreign = _foreign_files(plan.folder, receipt)
        init = _init_facts(plan.line_in, receipt)
        stage = plan.base / f".{_FOLDER}.{secrets.token_hex(4)}.part"
        try:
            _write_all(stage, plan, init)
            for name in foreign:
                (stage / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(plan.folder / name, stage / name)
            old = plan.base / f".{_FOLDER}.{secrets.token_hex(4)}.old"
            if plan.folder.exists():
                plan.folder.rename(old)
            stage.rename(plan.folder)
            shutil.rmtree(old, ignore_errors=True)
        finally:
            shutil.rmtree(stage, ignore_errors=True)
        if plan.line_in is not None:
            _add_line(plan.line_in, plan.folder)


def uninstall(host: Host, to: Path | None = None) -> Uninstalled:
    """Removes the line and every file that was installed and not changed since; the rest is left and named.

    Raises:
        SettingsError: Nothing is installed there.
        WriteError: A folder cannot be written.
    """
    base = (to.expanduser().absolute() if to else _default_base(host)).resolve()
    folder = base / _FOLDER
    with _as_write_error(base):
        _mend(base)
        receipt = _read_receipt(folder)
        if receipt is None:
            raise SettingsError(f"{folder} was not made by: understudy install {host}. Nothing was removed.")
        if host == "nuke":
            _remove_line(base / "init.py", receipt["init"] or {})
        removed = 0
        changed = set(_changed_files(folder, receipt))
        for name in receipt["files"]:
            if name not in changed:
                (folder / name).unlink()
                removed += 1
            _remove_compiled(folder / name)
        (folder / _RECEIPT).unlink()
        _remove_empty_folders(folder)
    left = tuple(sorted(path for path in folder.rglob("*") if not path.is_dir())) if folder.exists() else ()
    return Uninstalled(removed, left)


def look_at(host: Host, to: Path | None = None) -> Found:
    """What is installed for a host; changes nothing.

    Raises:
        SettingsError: The plug-in's own files are not there to compare with.
    """
    plan = make_plan(host, to)
    receipt = _read_receipt(plan.folder)
    if receipt is None:
        return Found(plan.folder, "", (), is_current=False, is_loaded=False)
    wanted = {name: _sha256(data) for name, data in plan.files.items()}
    is_loaded = plan.line_in is None or _line(plan.folder) in _lines_of(plan.line_in)
    return Found(
        plan.folder,
        str(receipt["version"]),
        tuple(_changed_files(plan.folder, receipt)),
        is_current=receipt["files"] == wanted,
        is_loaded=is_loaded,
    )


def host_checks() -> tuple[Check, ...]:
    """For each host one line of the doctor: whether the plug-in is installed, and whether it is this version's."""
    return tuple(_check(host) for host in HOSTS)


def _check(host: Host) -> Check:
    name, cure = f"plug-in for {host.capitalize()}", f"understudy install {host}"
    try:
        found = look_at(host)
    except UnderstudyError as error:
        return Check(name, error.message, "note")
    if not found.version:
        return Check(name, "not installed", "note", cure)
    text = f"{found.version} in {found.folder}"
    if found.changed:
        return Check(name, f"{text}, changed since: {', '.join(found.changed[:3])}", "note", cure)
    if not found.is_loaded:
        return Check(name, f"{text}, but the line that loads it is gone from init.py", "note", cure)
    if not found.is_current:
        return Check(name, f"{text}, whose client is not that of this engine ({__version__})", "note", cure)
    return Check(name, f"{text}, its client is this engine's", "ok")


def _default_base(host: Host) -> Path:
    if host == "nuke":
        return Path.home() / ".nuke"
    if sys.platform == "win32":
        roaming = os.environ.get("APPDATA")
        root = Path(roaming) if roaming else Path.home() / "AppData" / "Roaming"
        return root / "Blackmagic Design" / "DaVinci Resolve" / "Support" / "Fusion"
    if sys.platform == "darwin":
        library = Path.home() / "Library" / "Application Support"
        return library / "Blackmagic Design" / "DaVinci Resolve" / "Fusion"
    return Path.home() / ".local" / "share" / "DaVinciResolve" / "Fusion"


def _plugin_folder(name: str) -> Path:
    """A plug-in's files: inside the installed package, or beside it in a checkout."""
    package = Path(str(files("understudy")))
    for folder in (package / "plugins" / name, package.parents[1] / name):
        if folder.is_dir():
            return folder
    raise SettingsError(f"This installation of Understudy lacks the folder '{name}'. Install it again with pip.")


def _folder_contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts and "_engine" not in path.parts
    }


def _guide(folder: Path, host: Host) -> dict[str, bytes]:
    """The page of the docs for a host, and its pictures."""
    paths = (folder / f"{host}.md", *sorted((folder / "images").glob(f"{host}_*")))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def _command() -> list[bytes]:
    """The command `understudy` beside this Python, as JSON; nothing when there is none."""
    beside = Path(sys.executable).with_name("understudy.exe" if sys.platform == "win32" else "understudy")
    return [json.dumps([str(beside)]).encode()] if beside.is_file() else []


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@contextlib.contextmanager
def _as_write_error(base: Path) -> Any:
    try:
        yield
    except OSError as error:
        place = error.filename or base
        raise WriteError(f"{place} cannot be written: {error.strerror or error}.", path=str(place)) from error


def _mend(base: Path) -> None:
    """Brings back what an installation had set aside when it was killed, and clears what it had begun."""
    if not base.is_dir():
        return
    for old in base.glob(f".{_FOLDER}.*.old"):
        if (base / _FOLDER).exists():
            shutil.rmtree(old)
        else:
            old.rename(base / _FOLDER)
    for part in base.glob(f".{_FOLDER}.*.part"):
        shutil.rmtree(part)


def _read_receipt(folder: Path) -> dict[str, Any] | None:
    """The receipt of an installation; None where there is none."""
    try:
        values = json.loads((folder / _RECEIPT).read_text(encoding="utf-8"))
        names = {str(name): str(sha) for name, sha in values["files"].items()}
        if values["schema"] != _SCHEMA or any(Path(name).is_absolute() or ".." in Path(name).parts for name in names):
            return None
        return {"version": str(values["version"]), "init": values["init"], "files": names}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _expect_ours(folder: Path, receipt: dict[str, Any] | None) -> None:
    if folder.is_symlink() or (folder.exists() and receipt is None):
        raise SettingsError(
            f"{folder} is there and was not made by this command. Move it away, then install again.", path=str(folder)
        )
    changed = [name for name in _changed_files(folder, receipt) if (folder / name).exists()] if receipt else []
    if changed:
        raise SettingsError(
            f"In {folder} these files were changed after they were installed: {', '.join(changed)}. Keep your changes "
            "elsewhere and delete the files, then install again.",
            path=str(folder),
        )


def _changed_files(folder: Path, receipt: dict[str, Any]) -> list[str]:
    """Files of a receipt that are no longer what was installed."""

    def is_same(path: Path, sha: str) -> bool:
        return not path.is_symlink() and path.is_file() and _sha256(path.read_bytes()) == sha

    return [name for name, sha in receipt["files"].items() if not is_same(folder / name, sha)]


def _foreign_files(folder: Path, receipt: dict[str, Any] | None) -> list[Path]:
    """Files in the folder that this command did not write; compiled Python is nobody's."""
    known = {*(receipt["files"] if receipt else ()), _RECEIPT}
    found = (path.relative_to(folder) for path in folder.rglob("*") if not path.is_dir())
    return [path for path in found if path.as_posix() not in known and "__pycache__" not in path.parts]


def _write_all(stage: Path, plan: Plan, init: dict[str, bool] | None) -> None:
    receipt = {
        "schema": _SCHEMA,
        "host": plan.host,
        "version": __version__,
        "init": init,
        "files": {name: _sha256(data) for name, data in plan.files.items()},
    }
    for name, data in {**plan.files, _RECEIPT: json.dumps(receipt, indent=1).encode()}.items():
        path = stage / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())


def _line(folder: Path) -> bytes:
    """The line in Nuke's init.py. It does nothing when the folder is gone, and is plain ASCII whatever the path."""
    path = ascii(folder.as_posix())
    return f"import os, nuke; os.path.isdir({path}) and nuke.pluginAddPath({path}){_MARK}".encode("ascii")


def _lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines() if path.is_file() else []


def _init_facts(path: Path | None, receipt: dict[str, Any] | None) -> dict[str, bool] | None:
    """What has to be known to undo the line exactly: whether the file was made for it, and its last line closed."""
    if path is None:
        return None
    if receipt is not None and any(line.endswith(_MARK.encode()) for line in _lines_of(path)):
        kept: dict[str, bool] = receipt["init"]
        return kept
    before = path.read_bytes() if path.is_file() else b""
    return {"created": not path.is_file(), "closed_line": bool(before) and not before.endswith(b"\n")}


def _add_line(path: Path, folder: Path) -> None:
    before = path.read_bytes() if path.is_file() else b""
    kept = [line for line in before.splitlines(keepends=True) if not line.rstrip(b"\r\n").endswith(_MARK.encode())]
    newline = b"\r\n" if b"\r\n" in before else b"\n"
    if _line(folder) in before.splitlines():
        return
    text = b"".join(kept)
    closing = newline if text and not text.endswith(b"\n") else b""
    _replace(path, text + closing + _line(folder) + newline)


def _remove_line(path: Path, facts: dict[str, bool]) -> None:
    lines = path.read_bytes().splitlines(keepends=True) if path.is_file() else []
    ours = [index for index, line in enumerate(lines) if line.rstrip(b"\r\n").endswith(_MARK.encode())]
    if not ours:
        return
    kept = [line for index, line in enumerate(lines) if index not in ours]
    if facts.get("closed_line") and ours[-1] == len(lines) - 1 and kept:
        kept[-1] = kept[-1].rstrip(b"\r\n")
    if facts.get("created") and not kept:
        path.unlink()
    else:
        _replace(path, b"".join(kept))


def _replace(path: Path, data: bytes) -> None:
    """Writes a file whole, keeps its mode, and goes where a link leads."""
    real = path.resolve()
    mode = real.stat().st_mode if real.is_file() else None
    with replacing(real) as beside:
        beside.write_bytes(data)
        if mode is not None:
            beside.chmod(mode & 0o7777)


def _remove_compiled(path: Path) -> None:
    """Removes what Python has compiled of an installed file."""
    if path.suffix == ".py":
        for compiled in path.parent.joinpath("__pycache__").glob(f"{path.stem}.*.pyc"):
            compiled.unlink()


def _remove_empty_folders(folder: Path) -> None:
    for path in sorted((one for one in folder.rglob("*") if one.is_dir()), key=lambda one: -len(one.parts)):
        if not path.is_symlink() and not any(path.iterdir()):
            path.rmdir()
    if not any(folder.iterdir()):
        folder.rmdir()
