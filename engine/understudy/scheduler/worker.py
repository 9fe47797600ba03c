"""The process that works: orders in on stdin, reports out on stdout, one JSON object on each line.

    orders   {"do": "run", "job", "kind", "request"} | {"do": "cancel", "job"} | {"do": "pause"} | {"do": "go on"}
    reports  {"say": "ready"} | {"say": "progress", "job", "stage", "done", "total", "message"} |
             {"say": "log", "job", "line"} | {"say": "paused"} | {"say": "going on"} |
             {"say": "ended", "job", "state", "results", "error"}

It does one job at a time, and hears orders meanwhile. Its true stdout belongs to the reports; what libraries print goes
to stderr. When stdin ends the engine is gone: the work stops at its next report, and ten seconds later in any case.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import gc
import json
import logging
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from understudy.errors import UnderstudyError
from understudy.lock import ProcessLock
from understudy.progress import Progress
from understudy.scheduler.requests import QUICK_KINDS

if TYPE_CHECKING:
    from understudy.scheduler.work import Work

__all__ = ["main"]

_ORPHAN_S = 10.0
_PREDECESSOR_S = 15.0
_REPORT_S = 0.1
_LOGGER = logging.getLogger("understudy.scheduler.worker")  # __name__ is "__main__" here


def main(arguments: list[str] | None = None) -> int:
    """Works until stdin ends."""
    parser = argparse.ArgumentParser(prog="understudy.scheduler.worker")
    parser.add_argument("--device", required=True)
    parser.add_argument("--lock", type=Path, required=True, help="held while this worker lives")
    options = parser.parse_args(arguments)
    faulthandler.enable()
    orders_in, reports_out = _private_pipes()
    reports, orders = _Reports(reports_out), _Orders()
    threading.Thread(target=_listen, args=(orders_in, orders), name="orders", daemon=True).start()
    lock = ProcessLock(options.lock)  # named, so that it is held to the end
    if not lock.take(_PREDECESSOR_S):
        sys.stderr.write("An earlier worker of this device does not end; end it by hand.\n")
        return 1
    from understudy.scheduler.work import Work, versions

    work, heading = Work(options.device), versions(options.device)
    reports.send({"say": "ready"})
    while (order := orders.next()) is not None:
        _do(order, work, heading, orders, reports)
    lock.release()
    return 0


class _Orders:
    """What the engine has asked for so far."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._runs: deque[Mapping[str, Any]] = deque()
        self._canceled: set[str] = set()
        self._paused = self._gone = False

    def hear(self, order: Mapping[str, Any]) -> None:
        """Takes an order in."""
        with self._changed:
            match order["do"]:
                case "run":
                    self._canceled.discard(order["job"])
                    self._runs.append(order)
                case "cancel":
                    self._canceled.add(order["job"])
                case "pause" | "go on":
                    self._paused = order["do"] == "pause"
            self._changed.notify_all()

    def end(self) -> None:
        """The engine is gone."""
        with self._changed:
            self._gone = True
            self._changed.notify_all()

    def next(self) -> Mapping[str, Any] | None:
        """The next job, when there is one; None when the engine is gone."""
        with self._changed:
            self._changed.wait_for(lambda: self._runs or self._gone)
            return None if self._gone else self._runs.popleft()

    def may_go_on(self, job: str, reports: _Reports) -> bool:
        """False when the job shall stop. Waits while it shall pause."""

        def stops() -> bool:
            return self._gone or job in self._canceled

        with self._changed:
            if self._paused and not stops():
                reports.send({"say": "paused"})
                self._changed.wait_for(lambda: not self._paused or stops())
                reports.send({"say": "going on"})
            return not stops()


class _Reports:
    """The line to the engine. When the engine is gone, what is said is lost and the work does not mind."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._sending = threading.Lock()
        self._last_s, self._last_stage = 0.0, ""

    def send(self, report: Mapping[str, Any]) -> None:
        """Says something."""
        line = json.dumps(report, default=str) + "\n"
        with self._sending, contextlib.suppress(OSError):
            self._stream.write(line)
            self._stream.flush()

    def send_progress(self, job: str, progress: Progress) -> None:
        """Says how far the work is: ten times a second at most, and always when a stage begins or ends."""
        now = time.monotonic()
        is_edge = progress.stage != self._last_stage or progress.done >= progress.total
        if is_edge or now - self._last_s >= _REPORT_S:
            self._last_s, self._last_stage = now, progress.stage
            self.send({"say": "progress", "job": job, **vars(progress)})


class _JobLog(logging.Handler):
    """Sends the log records of one job to the engine, which keeps them."""

    def __init__(self, job: str, reports: _Reports) -> None:
        super().__init__()
        self._job = job
        self._reports = reports
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%d %H:%M:%S"))

    def emit(self, record: logging.LogRecord) -> None:
        self._reports.send({"say": "log", "job": self._job, "line": self.format(record)})


def _do(order: Mapping[str, Any], work: Work, heading: str, orders: _Orders, reports: _Reports) -> None:
    """One job, whatever comes of it."""
    job, kind = order["job"], order["kind"]
    logger = logging.getLogger("understudy")
    logger.handlers, logger.propagate = [_JobLog(job, reports)], False
    logger.setLevel(logging.INFO)
    _LOGGER.info("%s", heading)

    def on_progress(progress: Progress) -> bool:
        reports.send_progress(job, progress)
        return orders.may_go_on(job, reports)

    ended: dict[str, Any] = {"say": "ended", "job": job, "state": "failed", "results": {}, "error": None}
    try:
        made = work.perform(kind, order["request"], on_progress)
        ended |= {"state": "done" if made.completed else "canceled", "results": made.results}
    except UnderstudyError as error:
        _LOGGER.error("%s", error.message)
        ended["error"] = {"kind": type(error).__name__, "message": error.message, "facts": error.facts}
    except (Exception, SystemExit) as error:  # whatever a library throws, the worker goes on
        _LOGGER.error("A fault inside", exc_info=error)
        ended["error"] = {"kind": "UnderstudyError", "message": _sentence(kind, error), "facts": _facts(error)}
    if kind not in QUICK_KINDS:
        _give_memory_back()
    reports.send(ended)


def _sentence(kind: str, error: BaseException) -> str:
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return f"The memory was full during {kind}. Close other programs, or choose a smaller preset or plate."
    reason = (str(error).strip().splitlines() or [""])[0][:200]
    said = f"{type(error).__name__}: {reason}" if reason else type(error).__name__
    return f"A fault inside Understudy stopped {kind} ({said}). The job's log says where; please report it."


def _facts(error: BaseException) -> dict[str, str]:
    return {"cause": type(error).__name__}


def _give_memory_back() -> None:
    """Memory that PyTorch keeps for later is given back to the device: the host on the same device needs it."""
    gc.collect()
    torch = sys.modules["torch"]
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def _listen(stream: TextIO, orders: _Orders) -> None:
    for line in stream:
        orders.hear(json.loads(line))
    orders.end()
    null = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):  # nobody reads them now, and a print into nothing must not stop a save
        os.dup2(null, number)
    time.sleep(_ORPHAN_S)
    os._exit(1)


def _private_pipes() -> tuple[TextIO, TextIO]:
    """Orders and reports, under numbers that no library knows; stdin is empty and stdout goes to stderr from now on."""
    orders = os.fdopen(os.dup(0), encoding="utf-8")
    reports = os.fdopen(os.dup(1), "w", encoding="utf-8")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(2, 1)
    return orders, reports


if __name__ == "__main__":
    sys.exit(main())
