from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from understudy.errors import UnknownNameError
from understudy.scheduler.board import Board
from understudy.scheduler.record import JobState
from understudy.scheduler.requests import Asked
from understudy.scheduler.store import JobStore, StoredJob

from .test_store import RECORD

ASKED = Asked("inspect", {"path": "u64"}, "", "u64")


def added(board: Board, count: int) -> list[str]:
    return [board.add(ASKED, lambda: ("cpu", lambda _: None)).id for _ in range(count)]


def test_waiting_jobs_wait_again_in_their_order(tmp_path: Path) -> None:
    board = Board(JobStore(tmp_path))
    first, second, third = added(board, 3)
    board.end(first, JobState.FAILED)
    board.requeue(first, "cpu")
    board.keep(first)
    assert [record.id for record in Board(JobStore(tmp_path)).waiting()] == [second, third, first]


@pytest.mark.parametrize("state", [JobState.RUNNING, JobState.CANCELING])
def test_a_job_that_ran_when_the_engine_died_has_failed(tmp_path: Path, state: JobState) -> None:
    store = JobStore(tmp_path)
    store.save(StoredJob(replace(RECORD, state=state, error=None, results={}), 1.0))
    for _ in range(2):
        record = Board(JobStore(tmp_path)).record(RECORD.id)
        assert record.state is JobState.FAILED and record.error is not None and record.ended is not None
        assert record.error.kind == "EngineStopped" and "resume the job" in record.error.message


def test_old_ended_jobs_are_forgotten(tmp_path: Path) -> None:
    store = JobStore(tmp_path)
    for number in range(503):
        store.save(StoredJob(replace(RECORD, id=f"20261124-{number:06x}", created=number, ended=number), number))
    store.save(StoredJob(replace(RECORD, id="20261124-ffffff", created=0, state=JobState.WAITING), 0))
    board = Board(store)
    assert len(board.records()) == 501 and len(list((tmp_path / "jobs").iterdir())) == 501
    assert board.records()[0].id == f"20261124-{502:06x}"
    with pytest.raises(UnknownNameError, match="No job is called '20261124-000002'"):
        board.record("20261124-000002")


def test_a_resumed_job_knows_nothing_of_its_last_run(tmp_path: Path) -> None:
    board = Board(JobStore(tmp_path))
    (job,) = added(board, 1)
    new = board.record(job)
    board.change(job, state=JobState.RUNNING, started=1.0, stage="swapping", done=3.0, total=9.0, message="frame 3")
    board.end(job, JobState.CANCELED, results={"written": "1-3"})
    assert board.requeue(job, "cpu") == new


def test_what_is_forgotten_stays_forgotten(tmp_path: Path) -> None:
    board = Board(JobStore(tmp_path))
    (job,) = added(board, 1)
    board.drop(job)
    board.erase(job)
    board.keep(job)
    assert not (tmp_path / "jobs" / job).exists()
    assert Board(JobStore(tmp_path)).records() == ()
