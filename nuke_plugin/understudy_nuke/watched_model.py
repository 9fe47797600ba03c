"""A model that somebody watches: its preview and its curves, read from disk by a thread while the panel is open."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from understudy_nuke._engine.monitor.training import COLUMNS, LossLog, PreviewKeeper

__all__ = ["Seen", "WatchedModel", "model_names"]

_POLL_S = 1.0
_LOG, _PREVIEW = "log.jsonl", "preview.png"


@dataclass(frozen=True)
class Seen:
    """What was last read of a model.

    Attributes:
        model: Its name.
        columns: Of its log, see `COLUMNS`.
        now: The present preview, a PNG; empty when there is none.
        before: The one before it, since the panel watches; empty when there is none.
        stamp: Another one means that something has changed.
    """

    model: str = ""
    columns: Mapping[str, Sequence[float | None]] = field(default_factory=dict)
    now: bytes = b""
    before: bytes = b""
    stamp: tuple[object, ...] = ()


class WatchedModel:
    """Reads a model's files every second. `seen` is replaced as a whole, so that any thread may look at it."""

    def __init__(self) -> None:
        self.seen = Seen()
        self._model = Path()
        self._log = LossLog(Path())
        self._previews = PreviewKeeper()
        self._changed = threading.Event()
        self._ended = False
        self._thread: threading.Thread | None = None

    def watch(self, model: Path) -> None:
        """Reads another model from now on.

        Args:
            model: Its folder.
        """
        self._model = model
        self._changed.set()

    def start(self) -> None:
        """Begins to read, in a thread of its own."""
        if self._thread is None or not self._thread.is_alive():
            self._ended = False
            self._thread = threading.Thread(target=self._run, name="understudy-panel", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Ends the thread at its next look."""
        self._ended = True
        self._changed.set()

    def read(self) -> Seen:
        """Reads once, and returns what is there."""
        if self._model.name and self._model.name != self.seen.model:
            self._log, self.seen = LossLog(self._model / _LOG), Seen(self._model.name)
        if not self._model.name:
            return self.seen
        new = self._log.columns(0, 0)
        now, before = self._previews.look(self._model / _PREVIEW)
        stamp = (self._model, new["generation"], new["next"], now and now.id)
        if stamp != self.seen.stamp:
            pictures = (now.data if now else b"", before.data if before else b"")
            self.seen = Seen(self._model.name, new["columns"], *pictures, stamp)
        return self.seen

    def _run(self) -> None:
        while not self._ended:
            self._changed.clear()
            try:
                self.read()
            except OSError:
                pass  # a share that is away for a moment; the next look tells
            self._changed.wait(_POLL_S)


def model_names(project: Path) -> list[str]:
    """Models of a project that have begun to train."""
    return sorted(path.parent.name for path in (project / "models").glob(f"*/{_LOG}"))
