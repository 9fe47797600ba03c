"""Data-parallel training: several processes, each with a device and a share of every batch, as `torchrun` starts them.

    torchrun --standalone --nproc-per-node 4 -m understudy train hero

Every process holds the whole model. Batches are drawn alike by all, since a draw is keyed by iteration and identity;
each computes its share, and the gradients are averaged before the step, weighted by the shares. So all make the step
that one process would make with the whole batch, up to rounding. The first process alone writes, reports, and decides
when a run saves and ends.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed import PrefixStore, TCPStore  # type: ignore[attr-defined]

from understudy.errors import SettingsError, TrainingError

__all__ = ["ALONE", "Ranks", "ranks_of_environment"]

_PATIENCE = timedelta(minutes=30)
"""For the slowest process: the first one writes a checkpoint while the others wait."""

_BUCKET_BYTES = 32 << 20

_PEER_LOST = ("gloo", "Gloo", "NCCL", "Connection closed by peer", "Connection reset by peer", "Broken pipe")
"""What the errors say that PyTorch raises where another process is gone."""


@dataclass(frozen=True)
class Ranks:
    """Which of how many processes this is.

    Attributes:
        rank: 0 for the process that writes.
        count: How many there are; 1 without `torchrun`.
        local: Which of the processes on this machine; its number is that of the GPU.
    """

    rank: int = 0
    count: int = 1
    local: int = 0

    @property
    def is_first(self) -> bool:
        """True for the process that writes, reports and decides."""
        return self.rank == 0

    def device(self, asked: str) -> str:
        """The device of this process: of several, each takes a GPU of its own where GPUs were asked for."""
        if self.count == 1 or asked not in ("auto", "cuda") or not torch.cuda.is_available():
            return asked
        if self.local >= torch.cuda.device_count():
            raise SettingsError(
                f"torchrun started process {self.local + 1} on this machine, which has {torch.cuda.device_count()} "
                "GPUs. Start one for each GPU: --nproc-per-node gpu.",
                field="device",
            )
        return f"cuda:{self.local}"

    def share(self, batch: int) -> slice:
        """Which faces of a batch this process computes.

        Raises:
            SettingsError: There are fewer faces than processes.
        """
        if batch < self.count:
            raise SettingsError(
                f"A batch of {batch} cannot be shared by {self.count} processes: raise training.batch, or start fewer.",
                field="training.batch",
            )
        return slice(self.rank * batch // self.count, (self.rank + 1) * batch // self.count)

    @contextmanager
    def together(self, place: torch.device) -> Iterator[None]:
        """While it lasts, the processes can speak with each other; nothing to do for one alone."""
        if self.count == 1:
            yield
            return
        if place.type == "cuda":
            torch.cuda.set_device(place)
        backend = "nccl" if place.type == "cuda" else "gloo"
        torch.distributed.init_process_group(backend, timeout=_PATIENCE, **self._meeting_place())
        try:
            yield
        except RuntimeError as error:
            if not any(sign in str(error) for sign in _PEER_LOST):
                raise
            raise TrainingError(
                "Another process of this training ended or cannot be reached, so this one ends too. torchrun "
                "--max-restarts N starts all of them again, from the last save.",
                rank=self.rank,
            ) from error
        finally:
            torch.distributed.destroy_process_group()

    def _meeting_place(self) -> dict[str, Any]:
        """Where the processes meet, as `init_process_group` takes it; empty for its own way.

        `torchrun` keeps one store through all its restarts, and PyTorch would read the addresses of processes that are
        gone. So every attempt has names of its own in it.
        """
        known = os.environ
        if known.get("TORCHELASTIC_USE_AGENT_STORE") != "True":
            return {}
        at_agent = TCPStore(
            known["MASTER_ADDR"], int(known["MASTER_PORT"]), self.count, is_master=False, timeout=_PATIENCE
        )
        attempt = f"understudy-{known.get('TORCHELASTIC_RESTART_COUNT', '0')}"
        return {
            "store": PrefixStore(attempt, at_agent),
            "rank": self.rank,
            "world_size": self.count,
        }

    @contextmanager
    def first_goes_ahead(self) -> Iterator[None]:
        """What the first process does in it is done when the others begin: it makes files that they then find."""
        if not self.is_first:
            torch.distributed.barrier()
        yield
        if self.is_first and self.count > 1:
            torch.distributed.barrier()

    def begin_alike(self, *modules: nn.Module) -> None:
        """Gives every process the first one's weights and buffers."""
        if self.count > 1:
            for module in modules:
                for tensor in (*module.parameters(), *module.buffers()):
                    torch.distributed.broadcast(tensor.detach(), 0)

    def average_gradients(self, parameters: Iterable[nn.Parameter], share: float) -> None:
        """Makes the gradients of all processes those of the whole batch.

        Args:
            parameters: The same of every process; those without a gradient have none anywhere.
            share: How much of the batch this process has computed, 0..1, if its loss was a mean over its own faces.
        """
        if self.count == 1:
            return
        for bucket in _buckets([parameter.grad for parameter in parameters if parameter.grad is not None]):
            flat = torch.cat([gradient.reshape(-1) for gradient in bucket]).mul_(share)
            torch.distributed.all_reduce(flat)
            for gradient, summed in zip(bucket, torch.split(flat, [one.numel() for one in bucket]), strict=True):
                gradient.copy_(summed.view_as(gradient))

    def mean(self, values: Tensor, share: float) -> Tensor:
        """(N,) the same numbers of all processes, averaged by their shares of the batch."""
        if self.count > 1:
            values = values * share
            torch.distributed.all_reduce(values)
        return values

    def all_agree(self, agrees: bool) -> bool:
        """True when it is true of every process."""
        if self.count == 1:
            return agrees
        votes: list[bool] = [False] * self.count
        torch.distributed.all_gather_object(votes, agrees)
        return all(votes)

    def decided(self, values: Sequence[float], place: torch.device) -> list[float]:
        """The first process's values, for all: what its clock or its caller says must be the same everywhere."""
        if self.count == 1:
            return list(values)
        told = torch.tensor(values, dtype=torch.float64 if place.type != "mps" else torch.float32, device=place)
        torch.distributed.broadcast(told, 0)
        return [float(value) for value in told.tolist()]


ALONE = Ranks()
"""One process, as without `torchrun`."""


def ranks_of_environment() -> Ranks:
    """What `torchrun` says of this process; one alone when it says nothing.

    Raises:
        SettingsError: The variables make no sense.
    """
    count = os.environ.get("WORLD_SIZE")
    if count is None:
        return ALONE
    try:
        ranks = Ranks(int(os.environ["RANK"]), int(count), int(os.environ.get("LOCAL_RANK", "0")))
    except (KeyError, ValueError) as error:
        raise SettingsError(
            "WORLD_SIZE is set, but RANK and LOCAL_RANK are not whole numbers. Start with torchrun, or unset it."
        ) from error
    if not 0 <= ranks.rank < ranks.count:
        raise SettingsError(f"RANK is {ranks.rank}, but WORLD_SIZE is {ranks.count}. Start with torchrun.")
    return ranks


def _buckets(tensors: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """The tensors in groups of some megabytes: they cross faster than many small ones, and cost less than all."""
    bucket: list[Tensor] = []
    size = 0
    for tensor in tensors:
        if bucket and (size > _BUCKET_BYTES or tensor.dtype != bucket[0].dtype):
            yield bucket
            bucket, size = [], 0
        bucket.append(tensor)
        size += tensor.numel() * tensor.element_size()
    if bucket:
        yield bucket
