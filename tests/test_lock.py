from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from understudy.lock import ProcessLock


@pytest.fixture
def locks(tmp_path: Path) -> Iterator[tuple[ProcessLock, ProcessLock]]:
    locks = ProcessLock(tmp_path / "x.lock"), ProcessLock(tmp_path / "x.lock")
    yield locks
    for lock in locks:
        lock.release()


def test_only_one_holds_it_and_says_who(locks: tuple[ProcessLock, ProcessLock]) -> None:
    first, second = locks
    assert first.take() and not second.take()
    assert second.said() == str(os.getpid())
    first.release()
    assert second.take()


def test_who_waits_gets_it(locks: tuple[ProcessLock, ProcessLock]) -> None:
    first, second = locks
    assert first.take()
    threading.Timer(0.2, first.release).start()
    assert second.take(5.0)


def test_a_kill_lets_go_of_it(tmp_path: Path, locks: tuple[ProcessLock, ProcessLock]) -> None:
    code = (
        "import sys, time; from pathlib import Path; from understudy.lock import ProcessLock; "
        "lock = ProcessLock(Path(sys.argv[1])); assert lock.take(); print('held', flush=True); time.sleep(60)"
    )
    engine = str(Path(__file__).parents[1] / "engine")
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "x.lock")],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": engine},
    )
    with holder:
        assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
        lock, _ = locks
        assert not lock.take()
        holder.send_signal(signal.SIGKILL)
        started = time.monotonic()
        assert lock.take(5.0) and time.monotonic() - started < 2.0
