"""A worker process as the engine holds it: starting it, talking to it, and finding out what it died of."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import understudy
from understudy.scheduler.record import JobError

__all__ = ["WorkerProcess"]

_LAST_LINES = 40
_WAKE: Mapping[str, Any] = {"say": "wake"}
_UNSAFE = ("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD",)
_FATAL = "Fatal Python error"


class WorkerProcess:
    """One worker, started at once.

    Args:
        device: What it works on.
        lock: The file that it locks while it lives.
        on_stderr: Takes each line that it or a library writes there.

    Attributes:
        is_ready: True once it said so.
    """

    def __init__(self, device: str, lock: Path, on_stderr: Callable[[str], None]) -> None:
        self.is_ready = False
        self._on_stderr = on_stderr
        self._reports: queue.SimpleQueue[Mapping[str, Any] | None] = queue.SimpleQueue()
        self._last_lines: deque[str] = deque(maxlen=_LAST_LINES)
        self._kills_before = _kills_for_memory()
        self._sending = threading.Lock()
        self._process = _start(device, lock)
        self._stderr_reader = threading.Thread(target=self._read_stderr, name="worker-stderr", daemon=True)
        self._stderr_reader.start()
        threading.Thread(target=self._read_reports, name="worker-reports", daemon=True).start()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """False when it has ended."""
        return self._process.poll() is None

    def send(self, order: Mapping[str, Any]) -> None:
        """Gives it an order; one that is dead does not hear it, and its reports say so."""
        with self._sending, contextlib.suppress(OSError, ValueError):
            stdin = _stream(self._process.stdin)
            stdin.write(json.dumps(order).encode() + b"\n")
            stdin.flush()

    def next_report(self, timeout_s: float | None = None) -> Mapping[str, Any] | None:
        """What it says next; None when it has died.

        Raises:
            queue.Empty: It said nothing in this time.
        """
        return self._reports.get(timeout=None if timeout_s is None else max(timeout_s, 0.0))

    def wake(self) -> None:
        """Makes `next_report` return at once."""
        self._reports.put(_WAKE)

    def kill(self) -> None:
        """Ends it and everything that it started, at once."""
        with contextlib.suppress(OSError):
            if sys.platform == "win32":
                self._process.kill()
            else:
                os.killpg(self._process.pid, signal.SIGKILL)

    def close(self, timeout_s: float = 5.0) -> None:
        """Lets it end by itself, or kills it; one that has done nothing yet at once."""
        if not self.is_ready:
            self.kill()
        with self._sending, contextlib.suppress(OSError):
            _stream(self._process.stdin).close()
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            self._process.wait()

    def death(self, kind: str) -> JobError:
        """Why it died, as well as can be known from outside.

        Args:
            kind: Of the job that it did.
        """
        code = self._process.wait()
        self._stderr_reader.join(1.0)
        name = _signal_name(code)
        last = self._last_words()
        if name == "SIGKILL" and _kills_for_memory() > self._kills_before:
            why = "the machine's memory was full and the system ended it; close other programs or work smaller"
        elif name:
            why = f"it was ended by signal {name}" + (f", its last words: {last}" if last else "")
        else:
            why = f"it ended with code {code}" + (f", its last words: {last}" if last else "")
        facts = {"exit_code": code, "signal": name, "last_words": last}
        message = (
            f"The worker process stopped during {kind}: {why}. What was finished is kept; resume the job to go on."
        )
        return JobError("EngineStopped", message, facts)

    def _last_words(self) -> str:
        lines = [line for line in self._last_lines if line.strip()]
        fatal = [line for line in lines if line.startswith(_FATAL)]
        return (fatal or lines or [""])[-1].strip()[:300]

    def _read_reports(self) -> None:
        with _stream(self._process.stdout) as stdout:
            for line in stdout:
                with contextlib.suppress(ValueError):
                    report = json.loads(line)
                    self.is_ready = self.is_ready or report.get("say") == "ready"
                    self._reports.put(report)
        self._process.wait()
        self._reports.put(None)

    def _read_stderr(self) -> None:
        with _stream(self._process.stderr) as stderr:
            for line in stderr:
                text = line.decode(errors="replace").rstrip()
                if text:
                    self._last_lines.append(text)
                    self._on_stderr(text)


def _start(device: str, lock: Path) -> subprocess.Popen[bytes]:
    """`-P` keeps the folder that the engine was started in out of the import path."""
    home = str(Path(understudy.__file__).parents[1])
    environment = {name: value for name, value in os.environ.items() if name not in _UNSAFE}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (home, environment.get("PYTHONPATH"))))
    own_group: dict[str, Any] = {"process_group": 0}
    if sys.platform == "win32":
        own_group = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    command = [sys.executable, "-P", "-m", "understudy.scheduler.worker", "--device", device, "--lock", str(lock)]
    pipe = subprocess.PIPE
    return subprocess.Popen(  # noqa: S603
        command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment, cwd=lock.parent, **own_group
    )


def _stream(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise ValueError("a worker has all three streams")
    return stream


def _signal_name(code: int) -> str:
    """Name of the signal that a process was ended by; empty when by none."""
    if code >= 0:
        return ""
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def _kills_for_memory() -> int:
    """How many processes this machine's kernel has ended for want of memory; 0 where it does not say."""
    with contextlib.suppress(OSError, ValueError):
        for line in Path("/proc/vmstat").read_text(encoding="ascii").splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0
