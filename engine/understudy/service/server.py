"""The engine's front door: takes connections, lets in who proves itself, and writes down who came."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import secrets
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy import __version__, endpoint
from understudy.endpoint import Endpoint, checked_folder, write_endpoint
from understudy.service.api import Api
from understudy.service.connection import ServingConnection
from understudy.service.listener import Peer, accepted, listening, peer_of, sole_engine
from understudy.wire import PROTOCOL, Refused, greet_client

if TYPE_CHECKING:
    from understudy.scheduler.scheduler import Scheduler

__all__ = ["MAX_CONNECTIONS", "serve"]

_AUDIT = logging.getLogger("understudy.service.audit")

MAX_CONNECTIONS = 32
MAX_GREETINGS = 32
LOG_FILE = "engine.log"
_LOG_BYTES = 1 << 20
_LAST_REPLIES_S = 1.0


def serve(
    scheduler: Scheduler,
    *,
    tcp: bool = False,
    runtime_folder: Path | None = None,
    on_ready: Callable[[], None] = lambda: None,
    stop_event: threading.Event | None = None,
) -> None:
    """Serves the scheduler's jobs to the clients of this user until it is told to stop.

    Args:
        scheduler: Whose jobs they are. It is not closed here.
        tcp: Listen on 127.0.0.1 instead of a unix socket; on Windows always so.
        runtime_folder: Where the socket, the endpoint file and the log are; the platform's place when None.
        on_ready: Called when clients can come.
        stop_event: Ends it when set; a client's `stop` sets it too.

    Raises:
        EngineError: Another engine of this user runs ("running"), or the folder is open to others ("unsafe").
    """
    folder = checked_folder(runtime_folder or endpoint.runtime_folder(), create=True)
    stop = stop_event or threading.Event()
    by_tcp = tcp or sys.platform == "win32"
    with sole_engine(folder), _logging_to(folder / LOG_FILE), listening(folder, by_tcp) as (listener, address):
        token = secrets.token_hex(32)
        kind = "tcp" if by_tcp else "unix"
        write_endpoint(folder, Endpoint(kind, address, token, os.getpid(), time.time(), PROTOCOL, __version__))
        _AUDIT.info("engine %s, process %d, listens on %s %s", __version__, os.getpid(), kind, address)
        on_ready()
        _Door(Api(scheduler), token, stop).run(listener)
        _AUDIT.info("engine ends")


class _Door:
    """Lets clients in, each into a thread of its own.

    Two limits: `MAX_CONNECTIONS` for clients that have proved themselves, and `MAX_GREETINGS` for those that have not
    yet. When the second is reached the one that has taken longest is sent away, so that a flood of silent connections
    cannot keep out a client, which proves itself in a millisecond.
    """

    def __init__(self, api: Api, token: str, stop: threading.Event) -> None:
        self._api = api
        self._token = token
        self._stop = stop
        self._slots = threading.BoundedSemaphore(MAX_CONNECTIONS)
        self._lock = threading.Lock()
        self._greeting: dict[int, socket.socket] = {}
        self._open: dict[int, socket.socket] = {}
        self._threads: dict[int, threading.Thread] = {}

    def run(self, listener: socket.socket) -> None:
        for number, opened in enumerate(accepted(listener, self._stop), start=1):
            try:
                self._welcome(number, opened)
            except (OSError, RuntimeError) as error:
                self._dismiss(number, opened)
                _AUDIT.info("connection %d: dropped: %s", number, error)
        self._end()

    def _welcome(self, number: int, opened: socket.socket) -> None:
        peer = peer_of(opened)
        if peer.uid is not None and peer.uid != os.geteuid():
            opened.close()
            _AUDIT.warning("connection %d: %s: refused: another user", number, peer)
            return
        with self._lock:
            if len(self._greeting) >= MAX_GREETINGS:
                _hang_up(self._greeting.pop(next(iter(self._greeting))))
            self._greeting[number] = opened
            thread = threading.Thread(target=self._talk, args=(number, opened, peer), daemon=True)
            self._threads[number] = thread
        thread.start()

    def _talk(self, number: int, opened: socket.socket, peer: Peer) -> None:
        started = time.monotonic()
        who, calls, ended = "nobody", 0, "dropped"
        try:
            if opened.family == socket.AF_INET:
                opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            caller = greet_client(opened, self._token, __version__, functools.partial(self._admit, number, opened))
            who = f"{caller.host!r} {caller.version!r}"
            connection = ServingConnection(opened, self._api, self._stop.set)
            ended = connection.serve_until_closed()
            calls = connection.calls
        except Refused as refusal:
            ended = f"refused: {refusal}"
        except EOFError:
            ended = "gone before it proved itself"
        except Exception:
            _AUDIT.exception("connection %d failed", number)
        finally:
            self._dismiss(number, opened)
            seconds = time.monotonic() - started
            _AUDIT.info("connection %d: %s: %s: %d calls, %.1f s: %s", number, peer, who, calls, seconds, ended)

    def _admit(self, number: int, opened: socket.socket) -> int:
        if not self._slots.acquire(blocking=False):
            return MAX_CONNECTIONS
        with self._lock:
            self._greeting.pop(number, None)
            self._open[number] = opened
        return 0

    def _dismiss(self, number: int, opened: socket.socket) -> None:
        with self._lock:
            self._greeting.pop(number, None)
            self._threads.pop(number, None)
            was_open = self._open.pop(number, None) is not None
        opened.close()
        if was_open:
            self._slots.release()

    def _end(self) -> None:
        """Lets calls in work be answered, then hangs up."""
        with self._lock:
            left, threads = [*self._greeting.values(), *self._open.values()], list(self._threads.values())
            for opened in left:
                with contextlib.suppress(OSError):
                    opened.shutdown(socket.SHUT_RD)
        deadline = time.monotonic() + _LAST_REPLIES_S
        for thread in threads:
            thread.join(max(deadline - time.monotonic(), 0))
        with self._lock:
            for opened in (*self._greeting.values(), *self._open.values()):
                _hang_up(opened)


def _hang_up(opened: socket.socket) -> None:
    """Ends a connection whose thread closes it: closing it here could hit a descriptor that is in use again."""
    with contextlib.suppress(OSError):
        opened.shutdown(socket.SHUT_RDWR)


class _PrivateLog(RotatingFileHandler):
    def _open(self) -> Any:
        opener = functools.partial(os.open, mode=0o600)
        return open(self.baseFilename, self.mode, encoding="utf-8", opener=opener)


@contextlib.contextmanager
def _logging_to(path: Path) -> Iterator[None]:
    """One line for each connection and every warning of the engine go into a file of bounded size."""
    handler = _PrivateLog(path, maxBytes=_LOG_BYTES, backupCount=3)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    package = logging.getLogger("understudy")
    before = _AUDIT.level, _AUDIT.propagate
    _AUDIT.setLevel(logging.INFO)
    _AUDIT.propagate = False
    for logger in (package, _AUDIT):
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger in (package, _AUDIT):
            logger.removeHandler(handler)
        _AUDIT.level, _AUDIT.propagate = before
        handler.close()
