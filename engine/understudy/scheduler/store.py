"""Jobs on disk: one folder for each, with its record and its log."""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import sys
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from understudy.durable import sweep, write_text
from understudy.errors import WriteError
from understudy.scheduler.record import JobRecord, LogTail

__all__ = ["JobStore", "StoredJob", "default_state_folder"]

_LOGGER = logging.getLogger(__name__)
_SCHEMA = "job-1"
_ID = re.compile(r"\d{8}-[0-9a-f]{6}")
_MOST_RECORD_BYTES = 4 << 20
_MOST_LOG_BYTES = 16 << 20
_MOST_LINE = 2000
_MOST_TAIL_BYTES = 128 << 10


@dataclass(frozen=True)
class StoredJob:
    """A job as its folder keeps it.

    Attributes:
        record: What is known of it.
        queued: Its place among the waiting: seconds since 1970, later for a job that was resumed.
    """

    record: JobRecord
    queued: float


class JobStore:
    """The folder `jobs/` of the engine's state.

    Args:
        folder: The state folder; made when it is not there, for its owner alone.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "jobs"
        self._appending = threading.Lock()
        self._full: set[str] = set()
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._folder.mkdir(exist_ok=True, mode=0o700)
        except OSError as error:
            raise WriteError(
                f"The engine's state folder {folder} cannot be made: {error.strerror or error}. "
                "Name another one in UNDERSTUDY_STATE.",
                path=str(folder),
            ) from error

    def load(self) -> list[StoredJob]:
        """All jobs, oldest first. A folder that holds no job, or a torn one, is passed over with a warning.

        For an engine that begins: what an earlier one was killed in the middle of writing is deleted.
        """
        sweep(self._folder.parent, *self._folder.iterdir())
        found = []
        for folder in sorted(self._folder.iterdir()):
            try:
                found.append(_read(folder))
            except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
                _LOGGER.warning("Passed over %s: it holds no job that can be read (%s).", folder, error)
        return sorted(found, key=lambda job: job.record.created)

    def holds(self, job_id: str) -> bool:
        """True when a job, or anything else, has this id."""
        return (self._folder / job_id).exists()

    def save(self, job: StoredJob) -> None:
        """Writes a job's record, whole or not at all.

        Raises:
            WriteError: It cannot be written.
        """
        values = {"schema": _SCHEMA, "queued": job.queued, "record": job.record.to_json()}
        write_text(self._folder / job.record.id / "job.json", json.dumps(values, indent=1) + "\n")

    def forget(self, job_id: str) -> None:
        """Deletes a job's folder: the record first, so that what a kill leaves is no job."""
        folder = self._folder / job_id
        (folder / "job.json").unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)

    def append(self, job_id: str, lines: Iterable[str]) -> None:
        """Adds lines to a job's log; one that is full or cannot be written stays as it is: the work matters more."""
        path = self._folder / job_id / "log.txt"
        text = "".join(f"{line[:_MOST_LINE]}\n" for whole in lines for line in whole.splitlines())
        with self._appending:
            try:
                with path.open("a", encoding="utf-8", errors="replace") as file:
                    if file.tell() > _MOST_LOG_BYTES:
                        if job_id in self._full:
                            return
                        self._full.add(job_id)
                        text = "The log is full; nothing more is kept.\n"
                    file.write(text)
            except OSError as error:
                _LOGGER.warning("%s cannot be written: %s.", path, error.strerror or error)

    def tail(self, job_id: str, after: int) -> LogTail:
        """Whole lines of a job's log from a place on, at most 128 KiB of them."""
        path = self._folder / job_id / "log.txt"
        try:
            with path.open("rb") as file:
                place = min(max(after, 0), file.seek(0, os.SEEK_END))
                file.seek(place)
                data = file.read(_MOST_TAIL_BYTES)
        except OSError:
            return LogTail((), max(after, 0))
        whole = data[: data.rfind(b"\n") + 1]
        return LogTail(tuple(whole.decode(errors="replace").split("\n")[:-1]), place + len(whole))


def default_state_folder() -> Path:
    """Where the engine of this user keeps its jobs: `UNDERSTUDY_STATE`, else the system's place for such things."""
    named = os.environ.get("UNDERSTUDY_STATE")
    if named:
        return Path(named).expanduser().absolute()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "Understudy"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "Understudy"
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "understudy"


def _read(folder: Path) -> StoredJob:
    path = folder / "job.json"
    if path.stat().st_size > _MOST_RECORD_BYTES:
        raise ValueError("its record is too long")
    values = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(values, dict) or values.get("schema") != _SCHEMA:
        raise ValueError(f"its record is not of schema {_SCHEMA}")
    record = JobRecord.from_json(values["record"])
    if not _ID.fullmatch(record.id) or record.id != folder.name:
        raise ValueError("its record is of another job")
    return StoredJob(record, float(values["queued"]))
