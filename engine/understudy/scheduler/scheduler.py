"""The engine's jobs as its callers see them: submit, ask, cancel, resume, forget."""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from understudy.errors import EngineError, SettingsError
from understudy.lock import ProcessLock
from understudy.scheduler.board import Board
from understudy.scheduler.devices import find_devices
from understudy.scheduler.lane import Lane
from understudy.scheduler.record import JobRecord, JobState, LogTail
from understudy.scheduler.requests import QUICK_KINDS, check_request
from understudy.scheduler.store import JobStore

__all__ = ["Scheduler"]

_LOGGER = logging.getLogger(__name__)
_DEVICE = re.compile(r"(cpu|cuda|mps|xpu)(:\d{1,3})?")
_KEEP_LONG_WORKER_S = 60.0
_KEEP_QUICK_WORKER_S = 900.0
_CLOSE_S = 10.0
_MOST_CLOSE_S = 18.0
_ENDING = "ending"


@dataclass(frozen=True, eq=False)
class _Device:
    """The two lanes of a device."""

    name: str
    long: Lane
    quick: Lane

    @property
    def by_name(self) -> dict[str, Lane]:
        """Both lanes."""
        return {"quick": self.quick, "long": self.long}

    def lane(self, kind: str) -> Lane:
        """Where jobs of a kind wait."""
        return self.quick if kind in QUICK_KINDS else self.long


class Scheduler:
    """Jobs, their queues and their workers. Every method may be called from any thread and answers at once.

    Long jobs of one project stay on one device while any of them is not ended, so that they run in the order in which
    they were submitted.

    Args:
        state_folder: Where jobs are kept; those that waited when the engine ended wait again.
        devices: To work on, such as "cuda:0"; every CUDA device when None, else the processor.

    Raises:
        EngineError: Another engine uses this state folder.
        SettingsError: A device's name is none.
        WriteError: The folder cannot be made.
    """

    def __init__(self, state_folder: Path, devices: Sequence[str] | None = None) -> None:
        names = tuple(devices or find_devices())
        for name in names:
            if not _DEVICE.fullmatch(name):
                raise SettingsError(f"'{name[:64]}' is no device; write cpu, cuda:0, cuda:1 or mps.", device=name[:64])
        store = JobStore(state_folder)
        self._lock = ProcessLock(state_folder / "engine.lock")
        if not self._lock.take() and not (self._lock.said() == _ENDING and self._lock.take(_MOST_CLOSE_S)):
            raise EngineError(
                f"Another engine (process {self._lock.said()}) keeps its jobs in {state_folder}. Use that one, or "
                "end it with: understudy stop",
                reason="running",
                path=str(state_folder),
            )
        self._board = Board(store)
        self._workers_folder = state_folder / "workers"
        self._devices = {name: self._new_device(name) for name in names}
        for record in self._board.waiting():
            self._queue_again(record)

    @property
    def devices(self) -> tuple[str, ...]:
        """What it works on."""
        return tuple(self._devices)

    def submit(self, kind: str, request: Mapping[str, Any]) -> JobRecord:
        """A new job, waiting.

        Args:
            kind: One of those that `requests` has a model for: "extract", "train", "swap" and so on.
            request: As the model of this kind in `requests` says.

        Raises:
            SettingsError: The request cannot be meant; nothing was queued.
            WriteError: The job cannot be kept.
        """
        asked = check_request(kind, request)

        def choose() -> tuple[str, Callable[[str], None]]:
            device = self._choose(kind, asked.project)
            return device.name, device.lane(kind).put

        return self._board.add(asked, choose)

    def job(self, job_id: str) -> JobRecord:
        """A job as it is now.

        Raises:
            UnknownNameError: There is none of this id.
        """
        return self._shown(self._board.record(job_id), self._places())

    def jobs(self, project: str = "") -> tuple[JobRecord, ...]:
        """Jobs of a project as they are now, newest first; of all projects when empty."""
        wanted = os.path.normpath(project) if project else ""
        with self._board.lock:
            places = self._places()
            return tuple(
                self._shown(record, places) for record in self._board.records() if wanted in ("", record.project)
            )

    def log(self, job_id: str, after: int = 0) -> LogTail:
        """Lines of a job's log from a place on: 0, or what `next` said.

        Raises:
            UnknownNameError: There is none of this id.
        """
        return self._board.tail(job_id, after)

    def cancel(self, job_id: str) -> JobRecord:
        """Stops a job; one that has ended stays as it is.

        Raises:
            UnknownNameError: There is none of this id.
        """
        record = self._board.record(job_id)
        device = self._devices.get(record.device)
        if device is not None and not record.state.is_ended:
            device.lane(record.kind).cancel(job_id)
            self._board.keep_ended(job_id)
        return self.job(job_id)

    def resume(self, job_id: str) -> JobRecord:
        """Makes a failed or canceled job wait again, behind all others.

        Raises:
            UnknownNameError: There is none of this id.
            SettingsError: It is not failed or canceled, or can no longer be meant.
        """
        record = self._board.record(job_id)
        _expect_resumable(record)
        asked = check_request(record.kind, record.request)
        with self._board.lock:
            _expect_resumable(self._board.record(job_id))
            device = self._choose(asked.kind, asked.project)
            self._board.requeue(job_id, device.name)
            device.lane(asked.kind).put(job_id)
        self._board.keep(job_id)
        return self.job(job_id)

    def forget(self, job_id: str) -> None:
        """Deletes an ended job from the list; what it made stays.

        Raises:
            UnknownNameError: There is none of this id.
            SettingsError: It has not ended.
        """
        with self._board.lock:
            record = self._board.record(job_id)
            if not record.state.is_ended:
                raise SettingsError(
                    f"Job {job_id} is {record.state.value}; cancel it before it is forgotten.", job=job_id
                )
            self._board.drop(job_id)
        self._board.erase(job_id)

    def close(self) -> None:
        """Asks running jobs to stop, waits a few seconds, and ends the workers.

        Jobs that wait go on waiting on disk, for the next engine.
        """
        self._lock.say(_ENDING)  # the next engine waits for this one
        lanes = [lane for device in self._devices.values() for lane in device.by_name.values()]
        for lane in lanes:
            lane.close(_CLOSE_S)
        deadline = time.monotonic() + _MOST_CLOSE_S
        for lane in lanes:
            if not lane.join(deadline - time.monotonic()):
                _LOGGER.warning("A worker does not end.")
        self._lock.release()

    def worker_pids(self) -> dict[str, int]:
        """Process ids of the workers that live now, by device and lane: "cpu long", "cpu quick"."""
        lanes = {f"{name} {kind}": lane for name, both in self._devices.items() for kind, lane in both.by_name.items()}
        return {name: pid for name, lane in lanes.items() if (pid := lane.worker_pid) is not None}

    def _new_device(self, name: str) -> _Device:
        long = Lane(name, "long", self._workers_folder, self._board, _KEEP_LONG_WORKER_S)
        quick = Lane(
            name,
            "quick",
            self._workers_folder,
            self._board,
            _KEEP_QUICK_WORKER_S,
            on_busy=long.pause,
            on_idle=long.go_on,
        )
        return _Device(name, long, quick)

    def _choose(self, kind: str, project: str) -> _Device:
        """Quick jobs go where no long job runs; long ones to where their project's others are, else to the shortest."""
        devices = list(self._devices.values())
        if kind in QUICK_KINDS:
            return min(devices, key=lambda device: (device.quick.load, device.long.load > 0))
        for record in self._board.records():
            is_near = record.project == project and record.kind not in QUICK_KINDS and not record.state.is_ended
            if is_near and record.device in self._devices:
                return self._devices[record.device]
        return min(devices, key=lambda device: device.long.load)

    def _queue_again(self, record: JobRecord) -> None:
        device = self._devices.get(record.device) or self._choose(record.kind, record.project)
        if device.name != record.device:
            self._board.change(record.id, device=device.name)
            self._board.keep(record.id)
        device.lane(record.kind).put(record.id)

    def _places(self) -> dict[str, int]:
        places: dict[str, int] = {}
        for device in self._devices.values():
            places |= device.long.places() | device.quick.places()
        return places

    def _shown(self, record: JobRecord, places: Mapping[str, int]) -> JobRecord:
        """A waiting job says how many are before it."""
        before = places.get(record.id, 0)
        if record.state is not JobState.WAITING or not before:
            return record
        return replace(record, waits_for=f"{before} {'job' if before == 1 else 'jobs'} before it")


def _expect_resumable(record: JobRecord) -> None:
    if record.state not in (JobState.FAILED, JobState.CANCELED):
        raise SettingsError(
            f"Job {record.id} is {record.state.value}; only a failed or canceled job can be resumed.", job=record.id
        )
