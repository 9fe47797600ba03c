"""An engine for a measurement: a process of its own, with folders of its own, that nobody else's jobs can reach."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from understudy.client import Engine, connect, ensure_engine
from understudy.errors import EngineError, UnderstudyError

__all__ = ["OwnEngine", "heard", "own_engine", "running_on"]

_END_S = 20.0
_SERVE = "import sys; from understudy.cli import main; sys.exit(main())"


@dataclass(frozen=True)
class OwnEngine:
    """An engine that runs for a measurement.

    Attributes:
        runtime: Its runtime folder.
        pid: Its process.
        engine: A connection to it.
    """

    runtime: Path
    pid: int
    engine: Engine

    def descriptors(self) -> int:
        """How many files and sockets it holds open."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))  # noqa: PTH208  # the names alone, as they vanish while one looks

    def threads(self) -> int:
        """How many threads it has."""
        return self._status("Threads")

    def resident_mb(self) -> float:
        """Memory that it holds."""
        return self._status("VmRSS") / 1024

    def cpu_s(self) -> float:
        """Processor time of its own process, without its workers."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def move_to(self, cores: Iterable[int]) -> None:
        """Its own threads run on these cores from now on; its workers stay where they are."""
        for thread in os.listdir(f"/proc/{self.pid}/task"):  # noqa: PTH208  # as above
            with contextlib.suppress(ProcessLookupError):
                os.sched_setaffinity(int(thread), cores)

    def is_alive(self) -> bool:
        """False when it has ended."""
        try:
            return self.engine.hello().pid == self.pid
        except UnderstudyError:
            return False

    def _status(self, name: str) -> int:
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            key, _, value = line.partition(":")
            if key == name:
                return int(value.split()[0])
        raise KeyError(name)


@contextlib.contextmanager
def own_engine(options: Sequence[str] = (), cores: Iterable[int] = ()) -> Iterator[OwnEngine]:
    """Runs `understudy serve` in temporary folders; ends it at the end of the block.

    Args:
        options: Of `understudy serve`.
        cores: It and its workers run on these alone; on all when empty.
    """
    with tempfile.TemporaryDirectory(prefix="us-") as temporary:
        folders = {"UNDERSTUDY_RUNTIME": f"{temporary}/run", "UNDERSTUDY_STATE": f"{temporary}/state"}
        with _environment(folders):
            with running_on(cores):
                engine = ensure_engine([sys.executable, "-c", _SERVE, "serve", *options], "bench")
            pid = engine.hello().pid
            try:
                yield OwnEngine(Path(folders["UNDERSTUDY_RUNTIME"]), pid, engine)
            finally:
                _end(engine, pid)


def heard(pipe: Any) -> Any:
    """What a process of the measurement says next.

    Raises:
        EngineError: It has ended without a word.
    """
    try:
        return pipe.recv()
    except EOFError as error:
        text = "A process of the measurement has ended by itself: what it printed says why."
        raise EngineError(text, reason="inside") from error


def _end(engine: Engine, pid: int) -> None:
    with contextlib.suppress(UnderstudyError):
        connect("bench").stop()
    engine.close()
    deadline = time.monotonic() + _END_S
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


@contextlib.contextmanager
def running_on(cores: Iterable[int]) -> Iterator[None]:
    """The calling thread, and what it starts inside, run on these cores; wherever they did when there are none."""
    before, chosen = os.sched_getaffinity(0), set(cores)
    os.sched_setaffinity(0, chosen or before)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
