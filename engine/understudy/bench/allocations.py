"""Most memory that PyTorch's allocator gave out at once: what training really takes, to hold predictions against."""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.profiler import ProfilerActivity, profile

__all__ = ["Allocations", "allocations", "resident_peak"]


class Allocations:
    """What was allocated in a `with allocations(...)` block.

    Attributes:
        peak: Bytes, most at once; what was there before does not count. Known once the block is left.
    """

    def __init__(self) -> None:
        self.peak = 0


@contextmanager
def allocations(device: torch.device) -> Iterator[Allocations]:
    """Watches the allocator of a device: every block that it gives out and takes back, whoever asked for it.

    On a processor PyTorch's profiler tells of each; libraries that allocate by themselves, such as oneDNN for its own
    scratch, are not seen. On CUDA the allocator keeps count itself.

    Args:
        device: Whose memory.
    """
    seen = Allocations()
    if device.type == "cuda":
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        yield seen
        seen.peak = torch.cuda.max_memory_allocated(device) - before
        return
    os.environ.setdefault("KINETO_LOG_LEVEL", "9")  # it tells the terminal that there is no GPU
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True, acc_events=True) as profiler:
        yield seen
    held = 0
    for event in profiler.profiler.kineto_results.events():
        if event.name() == "[memory]":
            held += event.nbytes()
            seen.peak = max(seen.peak, held)


def resident_peak() -> int:
    """Most bytes of this process that have lain in the machine's memory at once, since it started."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
