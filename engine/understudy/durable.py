"""Writing that a kill cannot tear: a name that is there belongs to a whole file, and a line that is there is whole."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from understudy.errors import WriteError

__all__ = ["append_line", "replacing", "write_bytes", "write_text"]


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A name beside `path` to write to; it takes the final name when the block ends well, and vanishes otherwise.

    The old file stays whole until then. The block's own writing may raise OSError freely.

    Raises:
        WriteError: The file cannot be written: full disk, no permission.
    """
    beside = path.with_name(f".{path.stem}.{secrets.token_hex(4)}.part{path.suffix}")
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
