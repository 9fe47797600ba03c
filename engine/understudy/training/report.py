"""What a run says of itself: the lines of its log, and one short line of progress."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from understudy.training.phases import Phase
from understudy.training.standing import Standing

__all__ = ["RunClock", "progress_line", "report_line"]

_SPAN_SECONDS = 20.0
"""Speed is measured over so much of the recent past."""


@dataclass(frozen=True)
class RunClock:
    """How long a run has trained, how fast it is, and how long it will take.

    Attributes:
        end: Iteration at which it ends; None when it ends by the clock.
        minutes: How long it trains; None when it ends by iterations.
        elapsed: Seconds that it has trained; time in which it was held up does not count.
        marks: (elapsed, iteration, images) of the recent past, oldest first.
    """

    end: int | None
    minutes: float | None
    elapsed: float = 0.0
    marks: tuple[tuple[float, int, int], ...] = ()

    def share(self, iteration: int) -> float:
        """How much of the run is over, 0 at its begin and 1 or more at its end."""
        by_count = iteration / self.end if self.end else 0.0
        return max(by_count, self.elapsed / (60.0 * self.minutes) if self.minutes else 0.0)

    def at(self, elapsed: float, iteration: int, images: int) -> RunClock:
        """The clock after an iteration.

        Args:
            elapsed: Seconds that the run has trained.
            iteration: Over all runs.
            images: Faces of this iteration, of both identities.
        """
        seen = (self.marks[-1][2] if self.marks else 0) + images
        kept = [mark for mark in self.marks[-1000:] if elapsed - mark[0] <= _SPAN_SECONDS]
        return RunClock(self.end, self.minutes, elapsed, (*kept, (elapsed, iteration, seen)))

    @property
    def images_per_second(self) -> float | None:
        """Faces of both identities; None while too little is known."""
        return self._speed(2)

    def seconds_left(self) -> float | None:
        """Until the run ends, at the recent speed; None while too little is known."""
        left: list[float] = []
        if self.minutes:
            left.append(60.0 * self.minutes - self.elapsed)
        speed = self._speed(1)
        if self.end and speed:
            left.append((self.end - self.marks[-1][1]) / speed)
        return max(0.0, min(left)) if left else None

    def _speed(self, column: int) -> float | None:
        if len(self.marks) < 2 or self.marks[-1][0] <= self.marks[0][0]:
            return None
        first, last = self.marks[0], self.marks[-1]
        return (last[column] - first[column]) / (last[0] - first[0])


def report_line(standing: Standing, phase: Phase, clock: RunClock, rate: float, **more: Any) -> dict[str, Any]:
    """What the log says of an iteration, as plain values by name.

    Args:
        standing: Gives iteration and losses.
        phase: That is on.
        clock: Of the run.
        rate: The learning rate.
        more: What else is known, as plain values.
    """
    target, source = standing.mean_losses
    speed, left = clock.images_per_second, clock.seconds_left()
    return {
        "iteration": standing.iteration,
        "loss": (target + source) / 2.0,
        "loss_target": target,
        "loss_source": source,
        "learning_rate": rate,
        "seconds": round(clock.elapsed, 3),
        "phase": phase.name,
        "batch": phase.settings.batch,
        "size": phase.side,
        "images_per_second": None if speed is None else round(speed, 3),
        "seconds_left": None if left is None else round(left, 1),
        **more,
    }


def progress_line(standing: Standing, phase: Phase) -> str:
    """One short line: iteration, phase where there are several, loss."""
    target, source = standing.mean_losses
    named = f" ({phase.name})" if phase.name != "all" else ""
    return f"iteration {standing.iteration}{named}, loss {(target + source) / 2.0:.4f}"
