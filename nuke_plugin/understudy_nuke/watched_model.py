"""A model that somebody watches: its preview and its curves, read from disk by a thread while the panel is open."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from understudy_nuke._engine.monitor.training import LossLog, PreviewKeeper

__all__ = ["Seen", "WatchedModel", "model_names"]

_POLL_S = 1.0
_LOG, _PREVIEW = "log.jsonl", "preview.png"


@dataclass(frozen=True)
class Seen:
    """What was last read of a model.

    Attributes:
        model: Its name.
        columns: Of its log, as `LossLog.columns` gives them.
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
        self._wanted: Path | None = None
        self._read: Path | None = None
        self._log = LossLog(Path())
        self._previews = PreviewKeeper()
        self._is_stopped = threading.Event()
        self._is_stopped.set()

    def watch(self, model: Path) -> None:
        """Reads another model from the next look on.

        Args:
            model: Its folder.
        """
        self._wanted = model

    def start(self) -> None:
        """Begins to look, in a thread of its own, unless it does already."""
        if self._is_stopped.is_set():
            self._is_stopped = threading.Event()
            arguments = (self._is_stopped,)
            threading.Thread(target=self._run, args=arguments, name="understudy-panel", daemon=True).start()

    def stop(self) -> None:
        """Looks no more."""
        self._is_stopped.set()

    def look(self) -> Seen:
        """Reads what is new, and returns what is there."""
        model = self._wanted
        if model is None:
            return self.seen
        if model != self._read:
            self._log, self._read, self.seen = LossLog(model / _LOG), model, Seen(model.name)
        new = self._log.columns(0, 0)
        now, before = self._previews.look(model / _PREVIEW)
        stamp = (model, new["generation"], new["next"], now and now.id)
        if stamp != self.seen.stamp:
            pictures = (now.data if now else b"", before.data if before else b"")
            self.seen = Seen(model.name, new["columns"], *pictures, stamp)
        return self.seen

    def _run(self, is_stopped: threading.Event) -> None:
        while not is_stopped.is_set():
            with contextlib.suppress(OSError):  # a share that is away for a moment; the next look tells
                self.look()
            is_stopped.wait(_POLL_S)


def model_names(project: Path) -> list[str]:
    """Models of a project that have begun to train."""
    return sorted(path.parent.name for path in (project / "models").glob(f"*/{_LOG}"))
