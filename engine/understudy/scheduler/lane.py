"""One worker of a device and the jobs that wait for it."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from understudy.progress import Progress
from understudy.scheduler.board import Board
from understudy.scheduler.pace import Pace
from understudy.scheduler.process import WorkerProcess
from understudy.scheduler.record import JobError, JobRecord, JobState

__all__ = ["Lane"]

_LOGGER = logging.getLogger(__name__)
_START_S = 300.0
_GRACE_S = {"train": 60.0}
_USUAL_GRACE_S = 2.0
_STARTING = "its worker is starting"
_PAUSED = "paused for"


class Lane:
    """Does its jobs one after another, in the order in which they came, in a worker that it starts when needed.

    Args:
        device: What its worker works on.
        name: "long" or "quick", for names of files and threads.
        folder: For the worker's lock.
        board: Where the jobs' records are.
        keep_worker_s: How long a worker without a job is kept.
        on_busy: Told what it does when it begins a job.
        on_idle: Told when nothing waits any more.
    """

    def __init__(
        self,
        device: str,
        name: str,
        folder: Path,
        board: Board,
        keep_worker_s: float,
        on_busy: Callable[[str], None] | None = None,
        on_idle: Callable[[], None] | None = None,
    ) -> None:
        self._device = device
        self._lock_file = folder / f"{device.replace(':', '-')}-{name}.lock"
        self._board = board
        self._keep_worker_s = keep_worker_s
        self._on_busy, self._on_idle = on_busy, on_idle
        self._changed = threading.Condition(board.lock)
        self._queue: list[str] = []
        self._job = ""
        self._pace = Pace()
        self._kill_at: float | None = None
        self._paused_for = ""
        self._is_closing = False
        self._worker: WorkerProcess | None = None
        self._thread = threading.Thread(target=self._run, name=f"lane-{device}-{name}", daemon=True)
        self._thread.start()

    @property
    def load(self) -> int:
        """How many jobs it has, with the one it does."""
        with self._changed:
            return len(self._queue) + bool(self._job)

    @property
    def worker_pid(self) -> int | None:
        """Of the worker that lives now."""
        with self._changed:
            return self._worker.pid if self._worker is not None and self._worker.is_alive else None

    def put(self, job_id: str) -> None:
        """Takes a job in, behind the others."""
        with self._changed:
            self._queue.append(job_id)
            self._changed.notify_all()

    def places(self) -> dict[str, int]:
        """How many jobs are before each one that waits."""
        with self._changed:
            return {job_id: place + bool(self._job) for place, job_id in enumerate(self._queue)}

    def cancel(self, job_id: str, grace_s: float | None = None) -> JobState:
        """Stops one of its jobs: one that waits at once; one that runs is asked, and its worker killed if it does not.

        Args:
            job_id: Which.
            grace_s: How long it may take; training a minute, for it saves, and other work two seconds when None.
        """
        with self._changed:
            record = self._board.record(job_id)
            if job_id in self._queue:
                self._queue.remove(job_id)
                return self._board.end(job_id, JobState.CANCELED).state
            if job_id != self._job or record.state is not JobState.RUNNING:
                return record.state
            grace = _GRACE_S.get(record.kind, _USUAL_GRACE_S) if grace_s is None else grace_s
            self._kill_at = time.monotonic() + grace
            self._board.change(job_id, state=JobState.CANCELING)
            worker = self._worker
        if worker is not None:
            worker.send({"do": "cancel", "job": job_id})
            worker.wake()
        return JobState.CANCELING

    def pause(self, reason: str) -> None:
        """Its job stands still from the next report on, until `go_on`."""
        self._set_pause(reason)

    def go_on(self) -> None:
        """Its job moves again."""
        self._set_pause("")

    def close(self, grace_s: float) -> None:
        """Stops its job, lets its worker end, and begins nothing more. Jobs that wait go on waiting on disk."""
        with self._changed:
            self._is_closing = True
            self._queue.clear()
            job_id = self._job
            self._changed.notify_all()
        if job_id:
            self.cancel(job_id, grace_s)

    def join(self, timeout_s: float) -> bool:
        """True when it has closed within this time."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _set_pause(self, reason: str) -> None:
        with self._changed:
            has_changed = bool(reason) != bool(self._paused_for)
            self._paused_for = reason
            worker = self._worker
            if reason and self._job and self._board.record(self._job).waits_for.startswith(_PAUSED):
                self._board.change(self._job, waits_for=f"{_PAUSED} {reason}")
        if worker is not None and has_changed:
            worker.send({"do": "pause" if reason else "go on"})

    def _run(self) -> None:
        while (job_id := self._take()) is not None:
            try:
                self._do(job_id)
            except Exception:  # a lane that ends takes all later jobs with it
                _LOGGER.exception("A fault in the engine stopped job %s", job_id)
                message = "A fault inside the engine stopped this job; the engine's log says where. Please report it."
                self._end(job_id, JobState.FAILED, error=JobError("UnderstudyError", message))
                self._drop_worker()
            with self._changed:
                self._job = ""
                is_idle = not self._queue
            if is_idle and self._on_idle:
                self._on_idle()
        self._drop_worker()

    def _take(self) -> str | None:
        """The next job, which runs from this moment on; None when the lane is closing."""
        with self._changed:
            while not self._queue and not self._is_closing:
                keep_s = self._keep_worker_s if self._worker else None
                if not self._changed.wait(keep_s) and self._worker and not self._queue:
                    worker, self._worker = self._worker, None
                    threading.Thread(target=worker.close, name="worker-end", daemon=True).start()
            if self._is_closing:
                return None
            self._job = self._queue.pop(0)
            self._kill_at, self._pace = None, Pace()
            self._board.change(self._job, state=JobState.RUNNING, started=time.time())
            return self._job

    def _do(self, job_id: str) -> None:
        record = self._board.record(job_id)
        self._board.stamped(job_id, "INFO", f"Job {job_id}: {record.kind} of {record.subject}, on {self._device}")
        worker = self._ready_worker(record)
        if worker is None:
            return
        if self._on_busy:
            self._on_busy(f"{record.kind} of {record.subject}")
        self._board.change(job_id, waits_for="")
        worker.send({"do": "run", "job": job_id, "kind": record.kind, "request": dict(record.request)})
        if self._board.record(job_id).state is JobState.CANCELING:  # asked before the worker knew of the job
            worker.send({"do": "cancel", "job": job_id})
        self._board.keep(job_id)
        while not self._is_over(record, worker):
            pass

    def _ready_worker(self, record: JobRecord) -> WorkerProcess | None:
        """A worker that takes orders; None when the job ended before there was one."""
        if self._worker is None or not self._worker.is_alive:
            self._drop_worker()
            self._board.change(record.id, waits_for=_STARTING)
            self._lock_file.parent.mkdir(parents=True, exist_ok=True)
            worker = WorkerProcess(self._device, self._lock_file, self._log_stderr)
            with self._changed:
                self._worker = worker
                is_paused = bool(self._paused_for)
            if is_paused:
                worker.send({"do": "pause"})
        worker = self._worker
        deadline = time.monotonic() + _START_S
        while True:
            if self._board.record(record.id).state is JobState.CANCELING:
                self._end(record.id, JobState.CANCELED)
                return None
            if worker.is_ready:
                return worker
            with contextlib.suppress(queue.Empty):
                if worker.next_report(deadline - time.monotonic()) is None:
                    self._end_dead(record, worker)
                    return None
                continue
            worker.kill()  # its death is the next report

    def _is_over(self, record: JobRecord, worker: WorkerProcess) -> bool:
        """Takes one report in, or the end of patience; True when the job has ended."""
        with self._changed:
            left = None if self._kill_at is None else self._kill_at - time.monotonic()
        try:
            report = worker.next_report(left)
        except queue.Empty:
            worker.kill()
            with self._changed:
                self._kill_at = None
            return False
        if report is None:
            self._end_dead(record, worker)
            return True
        if report.get("job", record.id) == record.id:
            return self._heard(record.id, report)
        return False

    def _end_dead(self, record: JobRecord, worker: WorkerProcess) -> None:
        if self._board.record(record.id).state is JobState.CANCELING:
            self._board.stamped(record.id, "INFO", "Canceled: its worker was ended.")
            self._end(record.id, JobState.CANCELED)
        else:
            error = worker.death(record.kind)
            self._board.stamped(record.id, "ERROR", error.message)
            self._end(record.id, JobState.FAILED, error=error)
        self._drop_worker()

    def _heard(self, job_id: str, report: Mapping[str, Any]) -> bool:
        now = time.monotonic()
        match report["say"]:
            case "progress":
                progress = Progress(report["stage"], report["done"], report["total"], report["message"])
                left = self._pace.seconds_left(progress, now)
                self._board.change(job_id, **vars(progress), seconds_left=left)
                self._board.keep_progress(job_id)
            case "log":
                self._board.log(job_id, report["line"])
            case "paused":
                self._pace.pause(now)
                with self._changed:
                    waits_for = f"{_PAUSED} {self._paused_for}" if self._paused_for else ""
                    self._board.change(job_id, waits_for=waits_for)
            case "going on":
                self._pace.go_on(now)
                self._board.change(job_id, waits_for="")
            case "ended":
                error = JobError(**report["error"]) if report["error"] else None
                self._end(job_id, JobState(report["state"]), results=report["results"], error=error)
                return True
        return False

    def _end(self, job_id: str, state: JobState, **fields: Any) -> None:
        self._board.stamped(job_id, "INFO", f"Ended: {state.value}")
        self._board.end(job_id, state, **fields)
        self._board.keep_ended(job_id)

    def _log_stderr(self, line: str) -> None:
        with self._changed:
            job_id = self._job
        if job_id:
            self._board.log(job_id, line)

    def _drop_worker(self) -> None:
        with self._changed:
            worker, self._worker = self._worker, None
        if worker is not None:
            worker.close()
