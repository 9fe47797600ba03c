"""Files that grow by lines while they are watched: only what is new is read.

Standard library only; runs on Python 3.9.
"""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["GrowingFile"]

_MOST_BYTES = 64 << 20


class GrowingFile:
    """A file of lines that others append to, or write anew.

    Args:
        path: The file; it need not be there yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._place = 0
        self._kind: tuple[int, int] | None = None

    def read_new(self) -> tuple[bool, list[bytes]]:
        """Whether the file was written anew since the last call, and the whole lines that were added.

        At most 64 MiB are read at once; the next call goes on.
        """
        try:
            with self._path.open("rb") as file:
                status = os.fstat(file.fileno())
                kind = (status.st_dev, status.st_ino)
                is_new = self._kind is not None and (kind != self._kind or status.st_size < self._place)
                if is_new:
                    self._place = 0
                self._kind = kind
                file.seek(self._place)
                read = file.read(_MOST_BYTES)
        except FileNotFoundError:
            was_there, self._kind, self._place = self._kind is not None, None, 0
            return was_there, []
        whole = read[: read.rfind(b"\n") + 1]
        self._place += len(whole)
        return is_new, whole.splitlines()
