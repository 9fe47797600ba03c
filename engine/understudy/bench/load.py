"""Many clients that ask at once, while the engine works: how long their calls take, and what they cost the work."""

from __future__ import annotations

import functools
import multiprocessing
import statistics
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from understudy.bench.engine import OwnEngine, heard, running_on
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
        clients_cores: The same of the process of all clients but one.
        is_apart: True when engine and clients had a core to themselves, and the job the others.
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
    clients_cores: float
    is_apart: bool
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
    own_core: int | None = None,
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
        own_core: Where engine and clients shall run, once the engine's worker has begun elsewhere; anywhere when None.
        on_progress: Told after each job; False ends it.
    """
    crowd = _Crowd(clients - 1)
    alone: list[_TimedSwap] = []
    loaded: list[_TimedSwap] = []
    with tempfile.TemporaryDirectory() as out:
        swap = functools.partial(_timed_swap, target, project, shot, model, Path(out))
        first = swap()
        cores = [] if own_core is None else [own_core]
        if cores:
            target.move_to(cores)
        with running_on(cores):
            for index in range(rounds):
                alone.append(swap())
                with crowd:
                    loaded.append(swap())
                ratio = loaded[-1].seconds / alone[-1].seconds
                if not on_progress(Progress("measuring", index + 1, rounds, f"{ratio:.3f} of the time alone")):
                    return None
    times = sorted(crowd.times)
    swaps = {one.status.id for one in (first, *alone, *loaded)}
    done = {job.id for job in target.engine.jobs() if job.latest.state == "done"}
    return LoadResult(
        clients,
        len(times),
        statistics.median(times),
        times[int(0.99 * (len(times) - 1))],
        times[-1],
        crowd.failed,
        len(crowd.submitted),
        len((swaps | crowd.submitted) - done),
        tuple(one.seconds for one in alone),
        tuple(one.seconds for one in loaded),
        (_busy_cores(alone), _busy_cores(loaded)),
        crowd.cpu_s / crowd.polling_s,
        own_core is not None,
        int(first.status.total),
    )


@dataclass(frozen=True)
class _TimedSwap:
    """A swap that has ended, and the processor time that the engine's own process took meanwhile."""

    status: JobStatus
    engine_s: float

    @property
    def seconds(self) -> float:
        return (self.status.ended or 0.0) - (self.status.started or 0.0)


def _busy_cores(swaps: Sequence[_TimedSwap]) -> float:
    return sum(one.engine_s for one in swaps) / sum(one.seconds for one in swaps)


class _Crowd:
    """A process of clients: they poll inside a `with` block, which may be entered again.

    Attributes:
        times: Of their calls, in milliseconds.
        failed: How many calls failed.
        submitted: Ids of the jobs that they submitted.
        cpu_s: Processor time of their polling.
        polling_s: How long they polled.
    """

    def __init__(self, clients: int) -> None:
        self._clients = clients
        self.times: list[float] = []
        self.failed = 0
        self.submitted: set[str] = set()
        self.cpu_s = 0.0
        self.polling_s = 0.0

    def __enter__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._link, its_link = context.Pipe()
        self._process = context.Process(target=_poll_until_told, args=(self._clients, its_link), daemon=True)
        self._process.start()
        its_link.close()
        heard(self._link)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._process.kill()
            return
        self._link.send("stop")
        times, failed, submitted, cpu_s, polling_s = heard(self._link)
        self._process.join()
        self.times += times
        self.failed += failed
        self.submitted |= set(submitted)
        self.cpu_s += cpu_s
        self.polling_s += polling_s


def _timed_swap(target: OwnEngine, project: ProjectFolder, shot: str, model: str, out: Path) -> _TimedSwap:
    """All frames anew: into a folder where there are none."""
    before_s = target.cpu_s()
    job = target.engine.swap(project.path, shot, model, out=out / str(time.monotonic_ns()))
    while not job.status().is_ended:
        time.sleep(_POLL_S)
    error = job.latest.failure()
    if error is not None:
        raise error
    return _TimedSwap(job.latest, target.cpu_s() - before_s)


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
    cpu_s, start_s = time.process_time(), time.monotonic()
    told.send("ready")
    told.recv()
    cpu_s, polling_s = time.process_time() - cpu_s, time.monotonic() - start_s
    stop.set()
    for thread in threads:
        thread.join()
    told.send((times, len(failures), submitted, cpu_s, polling_s))
