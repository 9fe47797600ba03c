"""How much memory tensors take: counted as they come and go, by the part of our own code that made them."""

from __future__ import annotations

import sys
import weakref
from collections import Counter
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

__all__ = ["BACKWARD", "LiveTensors"]

BACKWARD = "backward"
"""Who makes gradients, and what is computed on the way to them."""

_PACKAGE = "understudy."


class LiveTensors(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of all tensors that operators make inside a `with` block, for as long as they live.

    Each storage counts once, however many tensors look into it, and not at all when it was there before. What a kernel
    takes for itself and gives back before it returns is not seen.

    Attributes:
        live: Bytes now.
        peak: Most bytes at once.
        at_peak: Bytes at that moment, by who made them: the innermost module of this package that was at work, such as
            "understudy.training.losses", or `BACKWARD`.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.live: int = 0
        self.peak: int = 0
        self.at_peak: dict[str, int] = {}
        self._storages: dict[int, tuple[int, str]] = {}
        self._by_maker: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        del types
        made = func(*args, **(kwargs or {}))
        for storage in _storages(made):
            if storage._cdata not in self._storages and not _is_among(storage, (args, kwargs)):
                self._count(storage)
        if self.live > self.peak:
            self.peak = self.live
            self.at_peak = {maker: size for maker, size in self._by_maker.items() if size}
        return made

    def _count(self, storage: torch.UntypedStorage) -> None:
        key, size, maker = storage._cdata, storage.nbytes(), _maker()
        self._storages[key] = size, maker
        self._by_maker[maker] += size
        self.live += size
        weakref.finalize(storage, self._drop, key).atexit = False

    def _drop(self, key: int) -> None:
        size, maker = self._storages.pop(key)
        self._by_maker[maker] -= size
        self.live -= size


def _storages(values: Any) -> list[torch.UntypedStorage]:
    return [leaf.untyped_storage() for leaf in tree_leaves(values) if isinstance(leaf, Tensor)]


def _is_among(storage: torch.UntypedStorage, given: Any) -> bool:
    """Whether an operator made no storage, but looks into one, or changes one, that it was given."""
    return any(storage._cdata == each._cdata for each in _storages(given))


def _maker() -> str:
    # the graph task is the only sign of a backward pass: its operators run below the frame that called backward()
    if torch._C._current_graph_task_id() != -1:
        return BACKWARD
    frame = sys._getframe(2)
    while frame is not None:
        name = str(frame.f_globals.get("__name__", ""))
        if name.startswith(_PACKAGE) and name != __name__:
            return name
        frame = frame.f_back  # type: ignore[assignment]
    return "elsewhere"
