"""Where a user's engine is found: its runtime folder, the file in it that says how to reach it, and how one is started.

Both belong to one user alone. What is in them is believed only after their owner and mode were looked at, because a
folder in a shared place may have been put there by somebody else. Standard library only; runs on Python 3.9.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import stat
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from understudy.errors import EngineError

__all__ = [
    "Endpoint",
    "checked_folder",
    "no_engine",
    "not_started",
    "read_endpoint",
    "remove_endpoint",
    "runtime_folder",
    "start_engine",
    "write_endpoint",
]

ENDPOINT_FILE = "endpoint.json"
_MAX_BYTES = 4096
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)


@dataclass(frozen=True)
class Endpoint:
    """How to reach one engine.

    Attributes:
        kind: "unix" or "tcp".
        address: Name of the socket in the runtime folder, or the port on 127.0.0.1 as text.
        token: Secret of this start of the engine, 64 hex digits. Whoever knows it is let in.
        pid: Process of the engine.
        started: When it started, in seconds since 1970.
        protocol: Lowest and highest protocol that it speaks.
        version: Its version.
    """

    kind: str
    address: str
    token: str
    pid: int
    started: float
    protocol: tuple[int, int]
    version: str


def runtime_folder() -> Path:
    """The folder for sockets and the endpoint file: `$UNDERSTUDY_RUNTIME`, or the platform's place for such files.

    It must be on a disk of this machine: sockets and locks mean nothing on a network share.
    """
    chosen = os.environ.get("UNDERSTUDY_RUNTIME")
    if chosen:
        return Path(chosen)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "understudy" / "run"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "understudy" / "run"
    import tempfile

    given = os.environ.get("XDG_RUNTIME_DIR")
    return Path(given) / "understudy" if given else Path(tempfile.gettempdir()) / f"understudy-{os.getuid()}"


def checked_folder(folder: Path, create: bool = False) -> Path:
    """The folder, after it was seen to be a real one that belongs to this user alone.

    Args:
        folder: The runtime folder.
        create: Make it when it is missing.

    Raises:
        EngineError: It is missing ("none"), or others could read or change it ("unsafe").
    """
    try:
        if create:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except FileNotFoundError as error:
        raise no_engine(folder) from error
    except OSError as error:
        raise _unsafe(folder, f"cannot be used: {error.strerror or error}") from error
    if not stat.S_ISDIR(found.st_mode):
        raise _unsafe(folder, "is not a folder")
    _check_owner(folder, found)
    return folder


def read_endpoint(folder: Path) -> Endpoint:
    """What the engine wrote about itself; the engine may have died since.

    Raises:
        EngineError: No engine runs ("none"), or the file could come from somebody else ("unsafe").
    """
    path = checked_folder(folder) / ENDPOINT_FILE
    try:
        descriptor = os.open(path, os.O_RDONLY | _NO_FOLLOW)
    except FileNotFoundError as error:
        raise no_engine(folder) from error
    except OSError as error:
        reason = "is a link" if error.errno == errno.ELOOP else f"cannot be read: {error.strerror or error}"
        raise _unsafe(path, reason) from error
    with open(descriptor, "rb") as file:  # noqa: PTH123  # a descriptor, not a path
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise _unsafe(path, "is not a file")
        _check_owner(path, found)
        return _parsed(path, file.read(_MAX_BYTES + 1))


def write_endpoint(folder: Path, endpoint: Endpoint) -> None:
    """Writes the endpoint file whole or not at all, readable by this user alone.

    Raises:
        EngineError: The folder cannot be written.
    """
    path = folder / ENDPOINT_FILE
    beside = folder / f".{ENDPOINT_FILE}.{os.urandom(4).hex()}"
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW, 0o600)
        with open(descriptor, "wb") as file:  # noqa: PTH123  # a descriptor, not a path
            file.write(json.dumps(asdict(endpoint)).encode())
            file.flush()
            os.fsync(descriptor)
        beside.replace(path)
    except OSError as error:
        raise _unsafe(path, f"cannot be written: {error.strerror or error}") from error


def remove_endpoint(folder: Path) -> None:
    """Takes the endpoint file away, so that nobody knocks at an engine that has ended."""
    with contextlib.suppress(OSError):
        (folder / ENDPOINT_FILE).unlink()


def no_engine(folder: Path) -> EngineError:
    """The error for a user who has not started an engine."""
    text = f"No engine runs for you on this machine (looked in {folder}). Start one: understudy serve"
    return EngineError(text, reason="none", folder=str(folder))


def start_engine(
    command: Sequence[str] | None, folder: Path, environment: Mapping[str, str] | None
) -> threading.Thread:
    """Starts an engine that outlives this process; the thread lives as long as the engine does.

    Args:
        command: Starts it; "understudy serve" as found on the PATH, or beside this Python, when None.
        folder: The runtime folder; what the engine prints goes into a file there.
        environment: Of the engine; this process's when None.

    Raises:
        EngineError: The command cannot be started, or the folder is open to others.
    """
    import subprocess

    words = list(command) if command else _command()
    checked_folder(folder, create=True)
    flags = getattr(subprocess, "DETACHED_PROCESS", 0) | getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
    output = os.open(folder / "engine.out", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        process = subprocess.Popen(  # noqa: S603  # the caller's own command
            words,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=None if environment is None else dict(environment),
            start_new_session=True,
            creationflags=flags,
        )
    except OSError as error:
        text = f"The engine cannot be started with {' '.join(words)}: {error.strerror or error}."
        raise EngineError(text, reason="none", command=tuple(words)) from error
    finally:
        os.close(output)
    thread = threading.Thread(target=process.wait, daemon=True)
    thread.start()
    return thread


def not_started(folder: Path, has_ended: bool) -> EngineError:
    """The error for an engine that was started and cannot be reached, with the last that it said."""
    said = (folder / "engine.out").read_text(errors="replace").strip().splitlines()
    last = f" It said: {said[-1][:300]}" if said else ""
    what = "ended at once" if has_ended else "is not ready in time"
    return EngineError(f"The engine that was started {what}.{last}", reason="none", folder=str(folder))


def _command() -> list[str]:
    import shutil

    beside = Path(sys.executable).parent
    found = shutil.which("understudy") or shutil.which("understudy", path=str(beside))
    if found is None:
        text = "The command 'understudy' is not on the PATH: install the engine, or start it yourself: understudy serve"
        raise EngineError(text, reason="none")
    return [found, "serve"]


def _check_owner(path: Path, found: os.stat_result) -> None:
    """On Windows the folder lies in the user's profile, which Windows itself keeps closed to others."""
    if os.name != "posix":
        return
    if found.st_uid != os.geteuid():
        raise _unsafe(path, f"belongs to user {found.st_uid}, not to you")
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise _unsafe(path, f"is open to other users (mode {stat.S_IMODE(found.st_mode):o})")


def _unsafe(path: Path, problem: str) -> EngineError:
    cure = "Remove it, or set UNDERSTUDY_RUNTIME to a folder on this machine that only you can enter (chmod 700)."
    return EngineError(f"{path} {problem}. {cure}", reason="unsafe", path=str(path))


def _parsed(path: Path, text: bytes) -> Endpoint:
    try:
        values = json.loads(text) if len(text) <= _MAX_BYTES else None
        if not isinstance(values, dict):
            raise ValueError("no endpoint")
        low, high = values.pop("protocol")
        endpoint = Endpoint(protocol=(int(low), int(high)), **values)
        texts = (endpoint.kind, endpoint.address, endpoint.token, endpoint.version)
        if not all(type(value) is str for value in texts) or len(bytes.fromhex(endpoint.token)) != 32:
            raise ValueError("no endpoint")
        if endpoint.kind not in ("unix", "tcp") or Path(endpoint.address).name != endpoint.address:
            raise ValueError("no endpoint")
    except (KeyError, RecursionError, TypeError, ValueError) as error:
        raise _unsafe(path, "is not what an engine writes") from error
    return endpoint
