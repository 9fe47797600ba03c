"""Many clients that ask at once, while the engine works: how long their calls take, and what they cost the work."""

from __future__ import annotations

import functools
import multiprocessing
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from understudy.bench.engine import OwnEngine, heard
from understudy.client import JobStatus, connect
from understudy.errors import UnderstudyError
from understudy.progress import OnProgress, Progress, ignore_progress
from understudy.settings.project import ProjectFolder

__all__ = ["LoadResult", "load_engine"]

_POLL_S = 0.1


@dataclass(frozen=True)
class LoadResult:
    """What polling costs.

    Attributes:
        clients: How many connections, each polling ten times a second.
        polls: Calls in all.
        median_ms: Of all calls.
        p99_ms: The slowest but one in a hundred.
        worst_ms: The slowest.
        failed_polls: Calls that failed.
        jobs: Jobs submitted by the clients, beside the swaps.
        lost_jobs: Those of all jobs that are not on the engine's list as done.
        alone_s: Seconds of the swap job with one client, each time.
        loaded_s: Seconds of the same job with all clients, each time.
        engine_cores: Processor cores that the engine's own process kept busy with one client, and with all.
        frames: Frames of the job.
    """

    clients: int
    polls: int
    median_ms: float
    p99_ms: float
    worst_ms: float
    failed_polls: int
    jobs: int
    lost_jobs: int
    alone_s: tuple[float, ...]
    loaded_s: tuple[float, ...]
    engine_cores: tuple[float, float]
    frames: int

    @property
    def ratio(self) -> float:
        """The job's time with all clients, of its time alone."""
        return statistics.median(self.loaded_s) / statistics.median(self.alone_s)

    def to_json(self) -> dict[str, Any]:
        """Plain values by the names of the attributes, and the ratio."""
        return asdict(self) | {"ratio": self.ratio}


def load_engine(
    target: OwnEngine,
    project: ProjectFolder,
    shot: str,
    model: str,
    clients: int = 32,
    rounds: int = 3,
    on_progress: OnProgress = ignore_progress,
) -> LoadResult | None:
    """Swaps a shot with and without a crowd of clients, in turn; None when it was stopped.

    Args:
        target: An engine without other work.
        project: With the shot and the model.
        shot: To swap.
        model: To swap with.
        clients: How many poll: one here, the others in a process of their own.
        rounds: How often each way; one more comes first, which loads what is needed.
        on_progress: Told after each job; False ends it.
    """
    with tempfile.TemporaryDirectory() as out:
        swap = functools.partial(_swap, target, project, shot, model, Path(out))
        return _measured(target, swap, clients, rounds, on_progress)


def _measured(
    target: OwnEngine, swap: Callable[[], JobStatus], clients: int, rounds: int, on_progress: OnProgress
) -> LoadResult | None:
    context = multiprocessing.get_context("spawn")
    alone, loaded, times = [], [], []
    failed = 0
    busy_s = [0.0, 0.0]
    swaps, submitted = [swap()], []
    for index in range(rounds):
        before_s = target.cpu_s()
        swaps.append(swap())
        alone.append(_seconds(swaps[-1]))
        busy_s[0] += target.cpu_s() - before_s
        ours, theirs = context.Pipe()
        crowd = context.Process(target=_poll_until_told, args=(clients - 1, theirs), daemon=True)
        crowd.start()
        theirs.close()
        heard(ours)
        before_s = target.cpu_s()
        swaps.append(swap())
        loaded.append(_seconds(swaps[-1]))
        busy_s[1] += target.cpu_s() - before_s
        ours.send("stop")
        more, more_failed, asked = heard(ours)
        crowd.join()
        times += more
        failed += more_failed
        submitted += asked
        if not on_progress(Progress("measuring", index + 1, rounds, f"{loaded[-1] / alone[-1]:.3f} of the time alone")):
            return None
    done = {job.id for job in target.engine.jobs() if job.latest.state == "done"}
    lost = {*submitted, *(status.id for status in swaps)} - done
    times.sort()
    return LoadResult(
        clients,
        len(times),
        statistics.median(times),
        times[int(0.99 * (len(times) - 1))],
        times[-1],
        failed,
        len(submitted),
        len(lost),
        tuple(alone),
        tuple(loaded),
        (busy_s[0] / sum(alone), busy_s[1] / sum(loaded)),
        int(swaps[-1].total),
    )


def _swap(target: OwnEngine, project: ProjectFolder, shot: str, model: str, out: Path) -> JobStatus:
    """All frames anew: into a folder where there are none."""
    job = target.engine.swap(project.path, shot, model, out=out / str(time.monotonic_ns()))
    while not job.status().is_ended:
        time.sleep(_POLL_S)
    error = job.latest.failure()
    if error is not None:
        raise error
    return job.latest


def _seconds(status: JobStatus) -> float:
    return (status.ended or 0.0) - (status.started or 0.0)


def _poll_until_told(clients: int, told: Any) -> None:
    """The crowd's process: each client connects, polls ten times a second, and at the end submits a job of its own."""
    stop, ready = threading.Event(), threading.Barrier(clients + 1)
    times: list[float] = []
    failures: list[str] = []
    submitted: list[str] = []

    def poll(index: int) -> None:
        with connect(f"client {index}") as engine:
            job = engine.jobs()[0]
            ready.wait()
            time.sleep(_POLL_S * index / clients)
            while not stop.is_set():
                start = time.perf_counter()
                try:
                    job.status()
                except UnderstudyError as error:
                    failures.append(error.message)
                times.append((time.perf_counter() - start) * 1000)
                time.sleep(max(_POLL_S - (time.perf_counter() - start), 0))
            asked = engine.submit("inspect", {"path": "u64"})
            asked.wait(60)
            submitted.append(asked.id)

    threads = [threading.Thread(target=poll, args=(index,)) for index in range(clients)]
    for thread in threads:
        thread.start()
    ready.wait()
    told.send("ready")
    told.recv()
    stop.set()
    for thread in threads:
        thread.join()
    told.send((times, len(failures), submitted))
