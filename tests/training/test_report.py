from __future__ import annotations

import pytest

from understudy.settings.training import TrainingSettings
from understudy.training.phases import Phase
from understudy.training.report import RunClock, progress_line, report_line
from understudy.training.standing import Standing


def ticked(clock: RunClock, count: int, seconds: float, images: int = 4) -> RunClock:
    for number in range(1, count + 1):
        clock = clock.at(number * seconds, number, images)
    return clock


def test_speed_and_time_left_follow_the_recent_past() -> None:
    slow_then_fast = ticked(RunClock(1000, None), 10, 5.0)
    for number in range(1, 101):
        slow_then_fast = slow_then_fast.at(50.0 + 0.5 * number, 10 + number, 4)
    assert slow_then_fast.images_per_second == pytest.approx(8.0)
    assert slow_then_fast.seconds_left() == pytest.approx((1000 - 110) * 0.5)


def test_whichever_end_comes_first_counts() -> None:
    assert ticked(RunClock(100, 1.0), 10, 1.0).seconds_left() == pytest.approx(50.0)
    assert ticked(RunClock(20, 1.0), 10, 1.0).seconds_left() == pytest.approx(10.0)
    assert RunClock(100, None).seconds_left() is None
    assert ticked(RunClock(None, 1.0), 3, 30.0).seconds_left() == 0.0


def test_the_share_of_a_run_is_by_iterations_or_by_the_clock() -> None:
    assert RunClock(100, None).share(25) == 0.25
    assert RunClock(None, 1.0, elapsed=30.0).share(25) == 0.5
    assert RunClock(100, 1.0, elapsed=30.0).share(75) == 0.75


def test_a_long_fast_run_remembers_a_bounded_past() -> None:
    assert len(ticked(RunClock(100_000, None), 3000, 0.001).marks) <= 1001


def test_a_report_says_where_a_run_stands() -> None:
    standing = Standing(7, "fine", recent=((1.0, 3.0), (2.0, 3.0)))
    phase = Phase("fine", TrainingSettings(batch=3), 32)
    clock = ticked(RunClock(9, None), 7, 2.0, images=6)
    assert report_line(standing, phase, clock, 1e-3, gradient=0.5) == {
        "iteration": 7,
        "loss": 2.25,
        "loss_target": 1.5,
        "loss_source": 3.0,
        "learning_rate": 1e-3,
        "seconds": 14.0,
        "phase": "fine",
        "batch": 3,
        "size": 32,
        "images_per_second": 3.0,
        "seconds_left": 4.0,
        "gradient": 0.5,
    }
    assert progress_line(standing, phase) == "iteration 7 (fine), loss 2.2500"
