"""All jobs of the engine, in memory and on disk."""

from __future__ import annotations

import datetime
import logging
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from understudy.errors import UnderstudyError, UnknownNameError
from understudy.scheduler.record import JobError, JobRecord, JobState, LogTail
from understudy.scheduler.requests import Asked
from understudy.scheduler.store import JobStore, StoredJob

__all__ = ["Board"]

_LOGGER = logging.getLogger(__name__)
_MOST_ENDED = 500
_SAVE_S = 1.0
_LEAST_STEP_S = 1e-6
_STOPPED = "The engine stopped while this job ran. What was finished is kept; resume the job to go on."


@dataclass
class _Entry:
    job: StoredJob
    saved_s: float = 0.0


class Board:
    """Every job's record. Reading never waits for the disk.

    Args:
        store: Where jobs are kept; what is there is taken in.

    Attributes:
        lock: Guards all records; whoever decides from a record what becomes of it holds the lock meanwhile. Nothing
            slow is done under it.
    """

    def __init__(self, store: JobStore) -> None:
        self.lock = threading.RLock()
        self._saving = threading.Lock()
        self._adding = threading.Lock()
        self._store = store
        self._entries = {job.record.id: _Entry(job) for job in store.load()}
        self._last_time = max((entry.job.queued for entry in self._entries.values()), default=0.0)
        for job_id in list(self._entries):
            if self.record(job_id).state in (JobState.RUNNING, JobState.CANCELING):
                self.end(job_id, JobState.FAILED, error=JobError("EngineStopped", _STOPPED))
                self.keep(job_id)
        self._prune()

    def record(self, job_id: str) -> JobRecord:
        """A job as it is now.

        Raises:
            UnknownNameError: There is none of this id.
        """
        with self.lock:
            return self._entry(job_id).job.record

    def records(self) -> tuple[JobRecord, ...]:
        """All jobs as they are now, newest first."""
        with self.lock:
            return tuple(entry.job.record for entry in reversed(self._entries.values()))

    def waiting(self) -> tuple[JobRecord, ...]:
        """Jobs that wait, in the order in which they shall run."""
        with self.lock:
            jobs = [entry.job for entry in self._entries.values() if entry.job.record.state is JobState.WAITING]
            return tuple(job.record for job in sorted(jobs, key=lambda job: job.queued))

    def add(self, asked: Asked, choose: Callable[[], tuple[str, Callable[[str], None]]]) -> JobRecord:
        """A new job, on disk before anybody hears of it.

        Args:
            asked: What it shall do.
            choose: Says on which device, and what takes its id into that queue. Jobs are handed over in the order of
                their times.

        Raises:
            WriteError: It cannot be kept, and was not taken.
        """
        with self._adding:
            now = self._next_time()
            with self.lock:
                device, put = choose()
            record = JobRecord(
                id=self._new_id(now),
                kind=asked.kind,
                project=asked.project,
                subject=asked.subject,
                request=asked.request,
                state=JobState.WAITING,
                device=device,
                created=now,
            )
            self._store.save(StoredJob(record, now))
            with self.lock:
                self._entries[record.id] = _Entry(StoredJob(record, now), time.monotonic())
                put(record.id)
            return record

    def requeue(self, job_id: str, device: str) -> JobRecord:
        """Makes an ended job wait again, behind all others."""
        with self.lock:
            entry = self._entry(job_id)
            entry.job = replace(entry.job, queued=self._next_time())
            return self.change(
                job_id,
                state=JobState.WAITING,
                device=device,
                started=None,
                ended=None,
                stage="",
                done=0.0,
                total=0.0,
                message="",
                seconds_left=None,
                waits_for="",
                results={},
                error=None,
            )

    def change(self, job_id: str, **fields: Any) -> JobRecord:
        """Changes fields of a job, in memory; `keep` brings them to the disk."""
        with self.lock:
            entry = self._entry(job_id)
            entry.job = replace(entry.job, record=replace(entry.job.record, **fields))
            return entry.job.record

    def end(self, job_id: str, state: JobState, **fields: Any) -> JobRecord:
        """Says how a job has ended, in memory."""
        return self.change(job_id, state=state, ended=time.time(), waits_for="", seconds_left=None, **fields)

    def keep(self, job_id: str, least_age_s: float = 0.0) -> None:
        """Brings a job's record to the disk, as it is now; a disk that is full costs no work.

        Args:
            job_id: Which.
            least_age_s: Leave it when what is there is younger.
        """
        with self._saving:
            with self.lock:
                entry = self._entries.get(job_id)
                if entry is None or time.monotonic() - entry.saved_s < least_age_s:
                    return
                entry.saved_s = time.monotonic()
                job = entry.job
            try:
                self._store.save(job)
            except UnderstudyError as error:
                _LOGGER.warning("%s", error.message)

    def keep_progress(self, job_id: str) -> None:
        """As `keep`, about once a second."""
        self.keep(job_id, _SAVE_S)

    def keep_ended(self, job_id: str) -> None:
        """As `keep`; and what ended long ago is forgotten."""
        self.keep(job_id)
        self._prune()

    def drop(self, job_id: str) -> None:
        """Takes a job out of memory; `erase` takes it off the disk."""
        with self.lock:
            self._entries.pop(job_id, None)

    def erase(self, job_id: str) -> None:
        """Deletes the folder of a job that was dropped; not what it made."""
        with self._saving:
            self._store.forget(job_id)

    def log(self, job_id: str, *lines: str) -> None:
        """Adds lines to a job's log."""
        self._store.append(job_id, lines)

    def stamped(self, job_id: str, level: str, text: str) -> None:
        """Adds a line with time and level to a job's log, as workers write them."""
        self.log(job_id, f"{datetime.datetime.now():%Y-%m-%d %H:%M:%S} {level} {text}")

    def tail(self, job_id: str, after: int) -> LogTail:
        """Lines of a job's log from a place on."""
        self.record(job_id)
        return self._store.tail(job_id, after)

    def _entry(self, job_id: str) -> _Entry:
        entry = self._entries.get(job_id) if isinstance(job_id, str) else None
        if entry is None:
            raise UnknownNameError("job", str(job_id)[:64], self._entries, cure="List them with: understudy jobs")
        return entry

    def _next_time(self) -> float:
        with self.lock:
            self._last_time = max(time.time(), self._last_time + _LEAST_STEP_S)
            return self._last_time

    def _new_id(self, now: float) -> str:
        day = f"{datetime.datetime.fromtimestamp(now):%Y%m%d}"
        while True:
            job_id = f"{day}-{secrets.token_hex(3)}"
            with self.lock:
                if job_id not in self._entries and not self._store.holds(job_id):
                    return job_id

    def _prune(self) -> None:
        """Forgets the jobs that ended first, beyond the most that are kept."""
        with self.lock:
            ended = [record for record in self.records() if record.state.is_ended]
            oldest = sorted(ended, key=lambda record: record.ended or 0.0)[:-_MOST_ENDED]
            for record in oldest:
                self.drop(record.id)
        for record in oldest:
            self.erase(record.id)
