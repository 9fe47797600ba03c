"""Worker processes: as many as there is work for, and honest when one dies."""

from __future__ import annotations

import math
import os
from itertools import takewhile

import pytest

from understudy.errors import SettingsError, UnderstudyError
from understudy.synthetic.workers import WorkerPool


@pytest.mark.parametrize("workers", [1, 2])
def test_every_task_is_done_once(workers: int) -> None:
    with WorkerPool(workers, most=5) as pool:
        assert sorted(pool.results(math.sqrt, [25.0, 16.0, 9.0, 4.0, 1.0])) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("workers", [1, 2])
def test_what_is_in_work_is_delivered_when_tasks_end_early(workers: int) -> None:
    delivered: list[float] = []
    with WorkerPool(workers, most=9) as pool:
        for root in pool.results(math.sqrt, takewhile(lambda _: not delivered, [9.0] * 9)):
            delivered.append(root)
    assert delivered == [3.0] * workers


def test_one_task_is_done_in_the_calling_process() -> None:
    with WorkerPool(8, most=1) as pool:
        assert list(pool.results(lambda _: os.getpid(), [0])) == [os.getpid()]


def test_no_task_needs_no_worker() -> None:
    with WorkerPool(None, most=0) as pool:
        assert list(pool.results(math.sqrt, [])) == []


def test_a_worker_that_dies_is_said() -> None:
    with WorkerPool(2, most=2) as pool, pytest.raises(UnderstudyError, match="worker process ended before"):
        list(pool.results(os._exit, [1, 1]))


def test_less_than_one_worker_is_refused() -> None:
    with pytest.raises(SettingsError, match="0 workers"):
        WorkerPool(0, most=3)
