"""An engine with a scheduler of a few lines, served in a thread of the test."""

from __future__ import annotations

import contextlib
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from understudy.errors import SettingsError, UnknownNameError
from understudy.scheduler.record import JobError, JobRecord, JobState, LogTail
from understudy.service.server import serve


@dataclass
class FakeScheduler:
    """Keeps jobs in memory and never works; what a test puts into `on_call` happens first in every call."""

    devices: tuple[str, ...] = ("cpu",)
    records: dict[str, JobRecord] = field(default_factory=dict)
    on_call: Callable[[str], None] = lambda name: None

    def submit(self, kind: str, request: Mapping[str, Any]) -> JobRecord:
        self.on_call("submit")
        if kind == "broken":
            raise ZeroDivisionError("a fault with a secret in it")
        if "shot" not in request:
            raise SettingsError("A swap needs a shot.", field="shot", near=("a", "b"))
        job_id = f"20261124-{len(self.records):06x}"
        self.records[job_id] = JobRecord(
            job_id, kind, request["project"], request["shot"], dict(request), JobState.WAITING, "cpu", time.time()
        )
        return self.records[job_id]

    def job(self, job_id: str) -> JobRecord:
        self.on_call("job")
        if job_id not in self.records:
            raise UnknownNameError("job", job_id, self.records)
        return self.records[job_id]

    def jobs(self, project: str = "") -> tuple[JobRecord, ...]:
        return tuple(record for record in reversed(self.records.values()) if project in ("", record.project))

    def log(self, job_id: str, after: int = 0) -> LogTail:
        return LogTail(("one", "two")[after:], 2)

    def cancel(self, job_id: str) -> JobRecord:
        return self.change(job_id, state=JobState.CANCELED)

    def resume(self, job_id: str) -> JobRecord:
        return self.change(job_id, state=JobState.WAITING)

    def forget(self, job_id: str) -> None:
        del self.records[self.job(job_id).id]

    def change(self, job_id: str, **changes: Any) -> JobRecord:
        self.records[job_id] = replace(self.job(job_id), **changes)
        return self.records[job_id]

    def fail(self, job_id: str, error: JobError) -> None:
        self.change(job_id, state=JobState.FAILED, error=error)


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A runtime folder of its own, with a short path: a socket's name may have 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="us-") as folder:
        monkeypatch.setenv("UNDERSTUDY_RUNTIME", folder)
        yield Path(folder)


@pytest.fixture
def scheduler() -> FakeScheduler:
    return FakeScheduler()


@contextlib.contextmanager
def serving(scheduler: Any, folder: Path, tcp: bool = False) -> Iterator[threading.Thread]:
    stop, ready = threading.Event(), threading.Event()
    options = {"tcp": tcp, "runtime_folder": folder, "on_ready": ready.set, "stop_event": stop}
    thread = threading.Thread(target=serve, args=(scheduler,), kwargs=options)
    thread.start()
    try:
        assert ready.wait(10)
        yield thread
    finally:
        stop.set()
        thread.join(10)
    assert not thread.is_alive()


@pytest.fixture
def engine(runtime: Path, scheduler: FakeScheduler) -> Iterator[Path]:
    """The runtime folder of an engine that runs."""
    with serving(scheduler, runtime):
        yield runtime
