"""A scheduler in memory: what the monitor needs of the real one, and hands to move its jobs."""

from __future__ import annotations

import itertools
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from understudy.errors import SettingsError, UnknownNameError
from understudy.scheduler.record import JobRecord, JobState, LogTail


class FakeScheduler:
    devices = ("cpu",)

    def __init__(self) -> None:
        self.records: dict[str, JobRecord] = {}
        self.logs: dict[str, list[str]] = {}
        self._numbers = itertools.count(1)

    def add(self, kind: str, project: Path | str, subject: str, state: str = "waiting", **changes: Any) -> str:
        job_id = f"20261124-{next(self._numbers):06x}"
        self.records[job_id] = JobRecord(
            job_id, kind, str(project), subject, {"project": str(project)}, JobState(state), "cpu", time.time()
        )
        self.logs[job_id] = []
        self.change(job_id, **changes)
        return job_id

    def change(self, job_id: str, **changes: Any) -> None:
        self.records[job_id] = replace(self.records[job_id], **changes)

    def job(self, job_id: str) -> JobRecord:
        if job_id not in self.records:
            raise UnknownNameError("job", job_id, self.records, "this engine")
        return self.records[job_id]

    def jobs(self, project: str = "") -> tuple[JobRecord, ...]:
        return tuple(record for record in reversed(self.records.values()) if project in ("", record.project))

    def log(self, job_id: str, after: int = 0) -> LogTail:
        self.job(job_id)
        return LogTail(tuple(self.logs[job_id][after:]), len(self.logs[job_id]))

    def cancel(self, job_id: str) -> JobRecord:
        if not self.job(job_id).state.is_ended:
            self.change(job_id, state=JobState.CANCELED, ended=time.time())
        return self.job(job_id)

    def resume(self, job_id: str) -> JobRecord:
        if self.job(job_id).state not in (JobState.FAILED, JobState.CANCELED):
            raise SettingsError(f"Job {job_id} is {self.job(job_id).state}, so it cannot be resumed.")
        self.change(job_id, state=JobState.WAITING, ended=None, error=None)
        return self.job(job_id)
