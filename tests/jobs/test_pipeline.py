from __future__ import annotations

import threading
import time
from contextlib import closing

import pytest

from understudy.jobs.pipeline import frames_in_order, workers_for


class Count:
    """Counts what goes on at the same time."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.now = self.most = 0
        self.begun: list[int] = []

    def __call__(self, number: int) -> int:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
            self.begun.append(number)
        time.sleep(0.002 if number % 3 else 0.01)
        with self.lock:
            self.now -= 1
        return number * 10


def test_frames_come_in_order_whichever_is_finished_first() -> None:
    numbers = [3, 1, 2, 9, 6, 5, 4]
    assert list(frames_in_order(numbers, Count(), 3)) == [(number, number * 10) for number in numbers]


def test_nothing_comes_of_nothing() -> None:
    assert list(frames_in_order([], Count(), 3)) == []


def test_frames_are_worked_on_side_by_side() -> None:
    meeting = threading.Barrier(3, timeout=10)
    assert len(list(frames_in_order(range(6), lambda number: meeting.wait(), 3))) == 6


def test_no_more_frames_are_begun_than_workers_can_hold() -> None:
    """However long the sequence, and however slow the one who takes the results."""
    work = Count()
    for handed_on, _ in enumerate(frames_in_order(range(40), work, 2)):
        time.sleep(0.004)
        assert len(work.begun) <= handed_on + 1 + 3
    assert work.most == 2


def test_an_error_comes_in_place_of_its_frame_and_no_frame_after_it() -> None:
    def work(number: int) -> int:
        time.sleep(0.02 if number == 3 else 0)
        if number in (3, 4):
            raise ValueError(f"frame {number}")
        return number

    seen = []
    with pytest.raises(ValueError, match="frame 3"):
        for number, _ in frames_in_order(range(10), work, 4):
            seen.append(number)
    assert seen == [0, 1, 2]


def test_closing_begins_no_more_frames_and_waits_for_those_in_work() -> None:
    work = Count()
    with closing(frames_in_order(range(100), work, 2)) as frames:
        for number, _ in frames:
            if number == 4:
                break
    assert len(work.begun) <= 8 and work.now == 0
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("frame")]


def test_at_least_two_frames_are_worked_on(monkeypatch: pytest.MonkeyPatch) -> None:
    for cores, workers in ((1, 2), (2, 2), (3, 3), (64, 4)):
        monkeypatch.setattr("os.sched_getaffinity", lambda _, cores=cores: set(range(cores)), raising=False)
        assert workers_for() == workers
