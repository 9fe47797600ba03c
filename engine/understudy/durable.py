"""Writing that a kill cannot tear: a name that is there belongs to a whole file, and a line that is there is whole."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

from understudy.errors import WriteError

__all__ = ["append_line", "replacing", "show", "sweep", "unfinished", "user_cache_folder", "write_bytes", "write_text"]

_PART = re.compile(r"\..*\.(?P<machine>[0-9a-f]{8})-(?P<process>\d+)-[0-9a-f]{8}\.part(\.[^.]+)?", re.DOTALL)


def user_cache_folder() -> Path:
    """Where this user keeps what can be made again at any time: `$XDG_CACHE_HOME/understudy`, else in `~/.cache`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "understudy"


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A name beside `path` to write to; it takes the final name when the block ends well, and vanishes otherwise.

    The old file stays whole until then. The block's own writing may raise OSError freely. What a kill leaves is found
    by `sweep`: the hidden name says which process of which machine wrote it.

    Raises:
        WriteError: The file cannot be written: full disk, no permission.
    """
    beside = _part_beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield beside
        with beside.open("rb") as written:
            os.fsync(written.fileno())
        beside.replace(path)
    except OSError as error:
        raise WriteError(f"{path} cannot be written: {error.strerror or error}.", path=str(path)) from error
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)


def sweep(*folders: Path) -> int:
    """Deletes what killed writers left of `replacing` and `unfinished` in these folders, and says how much that was.

    In a folder that several machines share, each deletes only what its own processes wrote, and nothing of those that
    still run. What cannot be deleted stays: it is in nobody's way.

    Args:
        folders: Looked through by themselves, without what lies below; they need not be there.
    """
    machine, swept = _machine(), 0
    for folder in folders:
        with contextlib.suppress(OSError):
            for name in os.listdir(folder):  # noqa: PTH208  # names of thousands of frames, not paths
                part = _PART.fullmatch(name)
                if part and part["machine"] == machine and not _is_running(int(part["process"])):
                    with contextlib.suppress(OSError):
                        left = folder / name
                        shutil.rmtree(left) if left.is_dir() else left.unlink()
                        swept += 1
    return swept


@contextlib.contextmanager
def unfinished(folder: Path) -> Iterator[Path]:
    """The name of a hidden folder in `folder`, for whole files whose turn to be shown has not come; gone at the end.

    `sweep` deletes what kills leave of such folders.
    """
    hidden = _part_beside(folder / "unfinished")
    try:
        yield hidden
    finally:
        shutil.rmtree(hidden, ignore_errors=True)


def show(hidden: Path, path: Path) -> None:
    """Gives a whole file of an `unfinished` folder its final name.

    Raises:
        WriteError: The folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        hidden.replace(path)
    except OSError as error:
        raise WriteError(f"{path} cannot be written: {error.strerror or error}.", path=str(path)) from error


def write_bytes(path: Path, data: bytes) -> None:
    """Writes a whole file or nothing.

    Raises:
        WriteError: The file cannot be written.
    """
    with replacing(path) as beside:
        beside.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Writes a whole text file in UTF-8 or nothing.

    Raises:
        WriteError: The file cannot be written.
    """
    write_bytes(path, text.encode())


def append_line(path: Path, line: str) -> None:
    """Adds one line at the end of a file and brings it to the disk; an unfinished last line is closed first.

    Raises:
        WriteError: The file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab+") as file:
            file.seek(0, os.SEEK_END)
            if file.tell() > 0:
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    file.write(b"\n")
            file.write(line.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise WriteError(f"{path} cannot be written: {error.strerror or error}.", path=str(path)) from error


def _part_beside(path: Path) -> Path:
    """Another name each time; it keeps the suffix, by which writers know the format."""
    return path.with_name(f".{path.stem}.{_machine()}-{os.getpid()}-{secrets.token_hex(4)}.part{path.suffix}")


def _machine() -> str:
    """Stands for where process numbers mean the same: this machine, or the container on it."""
    numbers = ""
    with contextlib.suppress(OSError):
        numbers = os.readlink("/proc/self/ns/pid")  # noqa: PTH115  # no path: the name of a space of numbers
    return hashlib.sha256(f"{socket.gethostname()} {numbers}".encode()).hexdigest()[:8]


if sys.platform == "win32":
    import ctypes

    _SYNCHRONIZE, _NO_SUCH_PROCESS, _HAS_ENDED = 0x00100000, 87, 0

    def _is_running(process: int) -> bool:
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        handle = kernel.OpenProcess(_SYNCHRONIZE, False, process)
        if not handle:
            return ctypes.get_last_error() != _NO_SUCH_PROCESS
        try:
            return bool(kernel.WaitForSingleObject(handle, 0) != _HAS_ENDED)
        finally:
            kernel.CloseHandle(handle)

else:

    def _is_running(process: int) -> bool:
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return False
        except (OSError, OverflowError):  # it belongs to somebody else, or is no number of a process
            return True
        return True
