"""The worker process by itself: what it says, and what it does when nobody listens any more."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from understudy.progress import Progress
from understudy.scheduler import worker
from understudy.settings.project import ProjectFolder

ENGINE = Path(__file__).parents[2] / "engine"


class Worker:
    """A worker whose engine is the test."""

    def __init__(self, lock: Path) -> None:
        command = [sys.executable, "-m", "understudy.scheduler.worker", "--device", "cpu", "--lock", str(lock)]
        pipe = subprocess.PIPE
        environment = {**os.environ, "PYTHONPATH": str(ENGINE)}
        self.process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env=environment, text=True
        )

    def send(self, **order: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()

    def until(self, say: str) -> dict[str, Any]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            report: dict[str, Any] = json.loads(line)
            if report["say"] == say:
                return report
        raise AssertionError(f"it never said {say}")


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Worker]:
    started = Worker(tmp_path / "a.lock")
    yield started
    started.process.kill()
    with started.process:
        started.process.wait()


def test_a_worker_whose_engine_is_gone_saves_and_ends(started: Worker, project: ProjectFolder) -> None:
    request = {"project": str(project.path), "model": "t", "preset": "u64", "overrides": ["training.batch=1"]}
    started.send(do="pause")
    started.send(do="run", job="1", kind="train", request=request)
    started.until("paused")
    started.send(do="go on")
    while started.until("progress")["stage"] != "training":
        pass
    assert started.process.stdin is not None
    started.process.stdin.close()
    assert started.process.wait(10.0) == 0
    assert len(list((project.model("t") / "snapshots").glob("iteration-*.safetensors"))) == 1


def test_work_that_does_not_stop_is_ended_when_the_engine_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    codes: list[int] = []
    monkeypatch.setattr(worker, "_ORPHAN_S", 0.01)
    monkeypatch.setattr(os, "_exit", codes.append)
    monkeypatch.setattr(os, "dup2", lambda *_: None)
    orders = worker._Orders()
    with Path(os.devnull).open() as nothing:
        worker._listen(nothing, orders)
    assert codes == [1]
    assert orders.next() is None


def test_reports_are_ten_a_second_at_most_and_never_miss_the_end() -> None:
    read, write = os.pipe()
    with os.fdopen(read) as told, os.fdopen(write, "w") as stream:
        reports = worker._Reports(stream)
        started = time.monotonic()
        for number in range(1, 1001):
            reports.send_progress("1", Progress("swapping", number, 1000))
        seconds = time.monotonic() - started
        stream.close()
        lines = [json.loads(line) for line in told]
    assert len(lines) <= 3 + seconds * 10
    assert (lines[0]["done"], lines[-1]["done"]) == (1, 1000)


def test_a_canceled_job_stops_though_it_is_paused() -> None:
    read, write = os.pipe()
    with os.fdopen(read), os.fdopen(write, "w") as stream:
        orders, reports = worker._Orders(), worker._Reports(stream)
        orders.hear({"do": "pause"})
        orders.hear({"do": "cancel", "job": "1"})
        assert not orders.may_go_on("1", reports)


@pytest.mark.parametrize(
    "error,words",
    [
        (MemoryError(), "memory was full"),
        (ZeroDivisionError("x\ny"), r"ZeroDivisionError: x\)"),
        (SystemExit(), "SystemExit"),
    ],
)
def test_a_foreign_fault_is_one_sentence(error: BaseException, words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(worker._sentence("swap", error))
    assert "\n" not in worker._sentence("swap", error)
