"""How long a job will still take, from how fast its present stage goes."""

from __future__ import annotations

from understudy.progress import Progress

__all__ = ["Pace"]

_LEAST_S = 1.0


class Pace:
    """Watches the reports of one job. Time in which it was paused does not count."""

    def __init__(self) -> None:
        self._stage = ""
        self._begun_s = self._begun_done = 0.0
        self._paused_since: float | None = None

    def pause(self, now_s: float) -> None:
        """The job stands still from now on."""
        if self._paused_since is None:
            self._paused_since = now_s

    def go_on(self, now_s: float) -> None:
        """The job moves again."""
        if self._paused_since is not None:
            self._begun_s += now_s - self._paused_since
            self._paused_since = None

    def seconds_left(self, progress: Progress, now_s: float) -> float | None:
        """Until the present stage is done; None in its first second, and when nothing was done in it yet."""
        if progress.stage != self._stage:
            self._stage, self._begun_s, self._begun_done = progress.stage, now_s, progress.done
        elapsed, done = now_s - self._begun_s, progress.done - self._begun_done
        if elapsed < _LEAST_S or done <= 0:
            return None
        return round(max(progress.total - progress.done, 0.0) * elapsed / done, 1)
