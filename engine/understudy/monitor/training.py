"""What can be seen of a model while it trains: its log as columns, and its last two previews.

Standard library only; runs on Python 3.9, since a host's panel shows the same.
"""

from __future__ import annotations

import hashlib
import json
import math
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.errors import ProjectError
from understudy.monitor.growing import GrowingFile

__all__ = ["COLUMNS", "LossLog", "Preview", "PreviewKeeper"]

COLUMNS = ("iteration", "loss", "target", "source", "rate", "speed")
"""What is kept of each report: iteration, mean loss, both losses, learning rate, iterations per second."""

_MOST_POINTS = 3000
_MOST_MODELS = 8
_MOST_PREVIEW_BYTES = 64 << 20
_PNG = b"\x89PNG\r\n\x1a\n"

if TYPE_CHECKING:  # Python 3.9 cannot read it
    Row = tuple[float | None, ...]


class LossLog:
    """A model's `log.jsonl`, read as it grows.

    When a run was killed, the next one starts from the last save and repeats iterations: what was logged of them before
    is dropped, since those weights are gone.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._file = GrowingFile(path)
        self._rows: list[Row] = []
        self._last: tuple[float, float] | None = None
        self._generation = 0
        self._lock = threading.Lock()

    def columns(self, generation: int, after: int) -> dict[str, Any]:
        """What is new to somebody who has `after` rows of a generation; everything, when rows were dropped since.

        Everything is at most some 3000 rows: neighbours of a longer log are averaged.
        """
        with self._lock:
            self._read()
            whole = after == 0 or generation != self._generation or after > len(self._rows)
            rows = _thinned(self._rows) if whole else self._rows[after:]
            return {
                "generation": self._generation,
                "whole": whole,
                "next": len(self._rows),
                "columns": {name: [row[index] for row in rows] for index, name in enumerate(COLUMNS)},
            }

    def _read(self) -> None:
        is_new, lines = self._file.read_new()
        if is_new:
            self._rows, self._last = [], None
            self._generation += 1
        for line in lines:
            try:
                self._take(json.loads(line))
            except (ValueError, KeyError, TypeError):
                continue

    def _take(self, values: dict[str, Any]) -> None:
        iteration, seconds = float(values["iteration"]), float(values["seconds"])
        dropped = False
        while self._rows and (self._rows[-1][0] or 0) >= iteration:
            self._rows.pop()
            dropped = True
        if dropped:
            self._generation += 1
        speed = None
        if self._last is not None and seconds > self._last[1] and iteration > self._last[0]:
            speed = (iteration - self._last[0]) / (seconds - self._last[1])
        self._last = (iteration, seconds)
        losses = (_number(values[name]) for name in ("loss", "loss_target", "loss_source"))
        self._rows.append((iteration, *losses, _number(values.get("learning_rate")), _number(speed)))


@dataclass(frozen=True)
class Preview:
    """One version of a model's preview sheet.

    Attributes:
        id: Hash of the picture.
        written: When the file was written, in seconds since 1970.
        data: The PNG.
    """

    id: str
    written: float
    data: bytes

    def to_json(self) -> dict[str, Any]:
        """Plain values, without the picture."""
        return {"id": self.id, "written": self.written}


class PreviewKeeper:
    """The present and the last preview of each model that was looked at; training itself keeps the present one only."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Path, tuple[Preview, Preview | None]] = OrderedDict()
        self._stamps: dict[Path, tuple[int, int]] = {}
        self._lock = threading.Lock()

    def look(self, path: Path) -> tuple[Preview | None, Preview | None]:
        """The present preview and the one before it, as far as they are known.

        Args:
            path: The model's preview sheet.
        """
        with self._lock:
            try:
                status = path.stat()
                stamp = (status.st_mtime_ns, status.st_size)
                if self._stamps.get(path) != stamp and status.st_size <= _MOST_PREVIEW_BYTES:
                    self._take(path, path.read_bytes(), status.st_mtime)
                    self._stamps[path] = stamp
            except FileNotFoundError:
                pass
            return self._kept.get(path, (None, None))

    def picture(self, path: Path, preview_id: str) -> bytes:
        """One version's PNG.

        Raises:
            ProjectError: This version is no longer kept.
        """
        for preview in self.look(path):
            if preview is not None and preview.id == preview_id:
                return preview.data
        raise ProjectError("This preview is no longer kept; a newer one has come.")

    def _take(self, path: Path, data: bytes, written: float) -> None:
        if not data.startswith(_PNG):
            return
        preview = Preview(hashlib.sha256(data).hexdigest()[:16], written, data)
        now, _ = self._kept.get(path, (None, None))
        if now is None or now.id != preview.id:
            self._kept[path] = (preview, now)
        self._kept.move_to_end(path)
        while len(self._kept) > _MOST_MODELS:
            oldest, _ = self._kept.popitem(last=False)
            self._stamps.pop(oldest, None)


def _number(value: Any) -> float | None:
    """The number, or None where there is none: JSON has no NaN."""
    number = math.nan if value is None else float(value)
    return number if math.isfinite(number) else None


def _thinned(rows: Sequence[Row]) -> list[Row]:
    """The rows, or averages of neighbours when there are many."""
    size = math.ceil(len(rows) / _MOST_POINTS)
    if size <= 1:
        return list(rows)
    return [_mean(rows[start : start + size]) for start in range(0, len(rows), size)]


def _mean(rows: Sequence[Row]) -> Row:
    columns = ([row[place] for row in rows if row[place] is not None] for place in range(len(COLUMNS)))
    return tuple(math.fsum(values) / len(values) if values else None for values in columns)  # type: ignore[arg-type]
