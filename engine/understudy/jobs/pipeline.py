"""Frames of a shot worked on side by side, and handed on in their order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

__all__ = ["cores", "frames_in_order", "workers_for"]

T = TypeVar("T")

_MOST_WORKERS = 4
"""A 4K frame in work takes about half a gigabyte, so that more cores do not mean more frames."""


def frames_in_order(
    numbers: Sequence[int], work: Callable[[int], T], workers: int | None = None
) -> Generator[tuple[int, T], None, None]:
    """What `work` makes of each frame, in the order of `numbers`, made by a few threads with a whole frame each.

    A thread that has a frame reads, computes and writes it: the libraries that do so free Python's global lock, and
    whole frames keep all cores busy where a thread for each stage would wait for the slowest. A frame is begun when no
    more than `workers` others are begun and not yet handed on, so that a caller who pauses holds up everything, and
    memory does not depend on how many frames there are.

    Close the iterator to stop early (a `for` in `contextlib.closing`): frames that were not begun are left alone, those
    in work are finished and thrown away.

    Args:
        numbers: Of the frames.
        work: Called once for each frame, in any thread.
        workers: Threads; `workers_for()` when None.

    Raises:
        Exception: What `work` raised, in place of that frame: all frames before it were handed on, none after it are.
    """
    count = workers or workers_for()
    with ThreadPoolExecutor(count, thread_name_prefix="frame") as pool:
        begun: deque[tuple[int, Future[T]]] = deque()
        ahead = iter(numbers)
        try:
            for number in numbers:
                while len(begun) <= count and (following := next(ahead, None)) is not None:
                    begun.append((following, pool.submit(work, following)))
                yield number, begun.popleft()[1].result()
        finally:
            for _, future in begun:
                future.cancel()


def workers_for() -> int:
    """As many frames side by side as there are cores, and at least two: disks are slow."""
    return max(2, min(_MOST_WORKERS, cores()))


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
