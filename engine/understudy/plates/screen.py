"""Keeps what a library prints away from standard output, which belongs to our JSON."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["SCREEN"]


class _Screen:
    """Standard output for as long as some thread decodes: what such a thread prints is dropped.

    There is one for the life of the process. `print` holds no reference of its own to standard output while it writes:
    one that was made for a decode and thrown away after it would be freed under another thread's `print`.
    """

    def __init__(self) -> None:
        self.lock, self.silent = threading.Lock(), set[int]()
        self.real: Any = None

    def write(self, text: str) -> int:
        """Passes on what other threads print."""
        return len(text) if threading.get_ident() in self.silent else int(self.real.write(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    @contextmanager
    def silenced(self) -> Iterator[None]:
        """Drops what this thread prints: the decoder's complaints, which we raise, have no place in our JSON."""
        thread = threading.get_ident()
        with self.lock:
            if sys.stdout is not self:
                self.real = sys.stdout
                sys.stdout = self
            self.silent.add(thread)
        try:
            yield
        finally:
            with self.lock:
                self.silent.discard(thread)
                if not self.silent and sys.stdout is self:
                    sys.stdout = self.real


SCREEN = _Screen()
