from __future__ import annotations

from understudy.progress import Progress
from understudy.scheduler.pace import Pace


def test_the_rest_is_estimated_from_the_rate_in_the_stage() -> None:
    pace = Pace()
    assert pace.seconds_left(Progress("swapping", 40, 100), 10.0) is None
    assert pace.seconds_left(Progress("swapping", 50, 100), 12.0) == 10.0


def test_a_new_stage_is_measured_anew() -> None:
    pace = Pace()
    pace.seconds_left(Progress("finding faces", 1, 100), 0.0)
    pace.seconds_left(Progress("finding faces", 100, 100), 50.0)
    assert pace.seconds_left(Progress("cropping faces", 1, 100), 50.5) is None
    assert pace.seconds_left(Progress("cropping faces", 11, 100), 51.5) == 8.9


def test_a_pause_does_not_count() -> None:
    pace = Pace()
    pace.seconds_left(Progress("training", 0, 100), 0.0)
    pace.pause(1.0)
    pace.go_on(1001.0)
    assert pace.seconds_left(Progress("training", 50, 100), 1004.0) == 4.0
