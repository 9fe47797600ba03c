"""A lock between processes that no kill can leave behind: the system lets go of it when its holder ends."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from pathlib import Path
from typing import IO

__all__ = ["ProcessLock"]

_POLL_S = 0.05


class ProcessLock:
    """A lock on a file, which also says who holds it.

    Args:
        path: The file; made when it is not there, and left there.

    Attributes:
        fault: Why the file system cannot lock at all; empty when it can.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None
        self.fault = ""

    def take(self, timeout_s: float = 0.0) -> bool:
        """True when this process holds the lock now, at the latest after a while; false at once where none can.

        Raises:
            OSError: The file cannot be opened.
        """
        file = self._path.open("ab+")
        deadline = time.monotonic() + timeout_s
        while not self._is_locked(file):
            if self.fault or time.monotonic() >= deadline:
                file.close()
                return False
            time.sleep(_POLL_S)
        self._file = file
        self.say(str(os.getpid()))
        return True

    def say(self, text: str) -> None:
        """What `said` tells others while this process holds the lock; its process id at first."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.truncate(0)
                self._file.write(text.encode())
                self._file.flush()

    def said(self) -> str:
        """What the holder, or the last one, says of itself."""
        with contextlib.suppress(OSError):
            return self._path.read_bytes()[:64].decode(errors="replace")
        return "unknown"

    def release(self) -> None:
        """Lets go."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _is_locked(self, file: IO[bytes]) -> bool:
        try:
            return _lock(file)
        except OSError as error:  # such as a network mount without a lock service
            self.fault = error.strerror or str(error)
            return False


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[bytes]) -> bool:
        try:
            file.seek(1 << 20)  # beyond the text, which others may then read
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except PermissionError:  # another handle holds it
            return False
        return True

else:
    import fcntl

    def _lock(file: IO[bytes]) -> bool:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):  # another holds it
            return False
        return True
