"""Runs independent tasks in worker processes, or in this one.

Workers are spawned, not forked, so that they inherit no locks and no GPU state. They leave Ctrl-C to their parent,
and end by themselves when the parent is gone, however it ended.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing import connection
from types import TracebackType
from typing import TypeVar

import cv2

from understudy.errors import SettingsError, UnderstudyError

__all__ = ["WorkerPool"]

_MOST_UNASKED = 16

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")


class WorkerPool:
    """Processes that take tasks; use it in a `with` block.

    Args:
        workers: Processes; 1 works in the calling process, None takes one per core that this process may use, but
            16 at most: each may need 1.5 GB for a 4K frame.
        most: Tasks there are; there is no use for more workers.

    Raises:
        SettingsError: Less than one worker was asked for.
    """

    def __init__(self, workers: int | None, most: int) -> None:
        wanted = workers if workers is not None else min(_usable_cores(), _MOST_UNASKED)
        if wanted < 1:
            raise SettingsError(f"{workers} workers cannot work; ask for 1 or more.", workers=workers)
        self._count = min(wanted, most)
        self._executor = _spawning_executor(self._count) if self._count > 1 else None

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Drops the tasks that have not begun and waits for those that have."""
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)

    def results(self, function: Callable[[_Task], _Result], tasks: Iterable[_Task]) -> Iterator[_Result]:
        """What `function` returns for each task, as the tasks are done.

        A task is taken when a worker is free for it, so that tasks which end early end the work early.

        Args:
            function: A function of a module, so that workers can import it.
            tasks: Values that can be pickled.

        Raises:
            UnderstudyError: A worker was killed, as the system does when memory runs out.
        """
        if self._executor is None:
            yield from map(function, tasks)
            return
        waiting = iter(tasks)
        try:
            running = {self._executor.submit(function, task) for task in islice(waiting, self._count)}
            while running:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
                running |= {self._executor.submit(function, task) for task in islice(waiting, len(done))}
        except BrokenProcessPool as error:
            raise UnderstudyError(
                "A worker process ended before its task was done, most often for lack of memory. Run it again with "
                "fewer workers; what is finished is kept. A script must call this below `if __name__ == '__main__':`."
            ) from error


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _spawning_executor(count: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn"), initializer=_start_worker)


def _start_worker() -> None:
    """Settles a new worker: one thread, deaf to Ctrl-C, and not outliving its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
