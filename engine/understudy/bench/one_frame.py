"""One frame through the engine, beside the same call in this process: what the way there and back costs."""

from __future__ import annotations

import statistics
import time
from dataclasses import asdict, dataclass
from typing import Any

from understudy.bench.engine import OwnEngine
from understudy.jobs.preview import preview_frame
from understudy.jobs.swap import open_swapper
from understudy.progress import OnProgress, Progress, ignore_progress
from understudy.settings.project import ProjectFolder

__all__ = ["FrameResult", "measure_frame"]


@dataclass(frozen=True)
class FrameResult:
    """Milliseconds for one frame, the model loaded before, from the call until the files are there.

    Attributes:
        size: Of the plate.
        rounds: How often each way, in turn.
        here_ms: Median in this process.
        engine_ms: Median through the client.
        around_ms: Median of what the client waited before the work began and after it had ended.
        overhead_ms: What the engine's way takes more, each way taken at its lower quartile: others use the machine.
    """

    size: tuple[int, int]
    rounds: int
    here_ms: float
    engine_ms: float
    around_ms: float
    overhead_ms: float

    def to_json(self) -> dict[str, Any]:
        """Plain values by the names of the attributes."""
        return asdict(self)


def measure_frame(
    target: OwnEngine,
    project: ProjectFolder,
    shot: str,
    model: str,
    number: int,
    rounds: int = 20,
    on_progress: OnProgress = ignore_progress,
) -> FrameResult | None:
    """Swaps one frame as a preview, here and through the engine in turn; None when it was stopped.

    Args:
        target: An engine without other work.
        project: With the shot and the model.
        shot: The shot.
        model: The model.
        number: Which frame.
        rounds: How often each way, after one that loads the model.
        on_progress: Told after each round; False ends it.
    """
    swapper = open_swapper(project, shot, model)
    here, through, around = [], [], []
    for index in range(rounds + 1):
        start = time.perf_counter()
        preview_frame(project, shot, model, number, swapper)
        middle = time.perf_counter()
        status = target.engine.preview(project.path, shot, model, number).wait()
        end = time.perf_counter()
        error = status.failure()
        if error is not None:
            raise error
        here.append((middle - start) * 1000)
        through.append((end - middle) * 1000)
        around.append(through[-1] - ((status.ended or 0.0) - (status.started or 0.0)) * 1000)
        if not on_progress(Progress("one frame", index, rounds, f"{here[-1]:.0f} and {through[-1]:.0f} ms")):
            return None
    del here[0], through[0], around[0]
    window = swapper.shot.read(number).data_window
    return FrameResult(
        (window.width, window.height),
        rounds,
        statistics.median(here),
        statistics.median(through),
        statistics.median(around),
        statistics.quantiles(through, n=4)[0] - statistics.quantiles(here, n=4)[0],
    )
