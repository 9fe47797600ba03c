"""The socket that an engine listens on: one engine for a user and runtime folder, and no way in for another user."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import secrets
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from understudy.endpoint import remove_endpoint
from understudy.errors import EngineError
from understudy.lock import ProcessLock

__all__ = ["Peer", "accepted", "listening", "peer_of", "sole_engine"]

_LOGGER = logging.getLogger(__name__)

LOCK_FILE = "endpoint.lock"
_SOCKETS = "engine-*.sock"
_LONGEST_ADDRESS = 103 if sys.platform == "darwin" else 107
_BACKLOG = 128
_UCRED = struct.Struct("3i")
_XUCRED, _XUCRED_VERSION = struct.Struct("IIh16I"), 0
_SOL_LOCAL, _LOCAL_PEERCRED, _LOCAL_PEERPID = 0, 1, 2
_LOOK_S = 0.2
_RETRY_S = 0.05


@dataclass(frozen=True)
class Peer:
    """Who opened a connection, as the kernel says; None where it does not say."""

    uid: int | None
    pid: int | None

    def __str__(self) -> str:
        return "unknown" if self.uid is None else f"uid {self.uid} pid {self.pid}"


@contextlib.contextmanager
def sole_engine(folder: Path) -> Iterator[None]:
    """Holds the folder's lock; what an engine that was killed left behind is gone inside.

    The lock belongs to the process: it ends with it, whatever way it ends.

    Raises:
        EngineError: Another engine holds it ("running").
    """
    lock = ProcessLock(folder / LOCK_FILE)
    if not lock.take():
        raise _runs_already(lock, folder)
    try:
        _clear(folder)
        yield
    finally:
        _clear(folder)
        lock.release()


@contextlib.contextmanager
def listening(folder: Path, tcp: bool) -> Iterator[tuple[socket.socket, str]]:
    """A listening socket, and its address as the endpoint file says it.

    A unix socket has a name that nobody can foresee, and mode 0600. TCP is 127.0.0.1 only.

    Raises:
        EngineError: The folder's path is too long for a socket.
    """
    listener = socket.socket(socket.AF_INET if tcp else socket.AF_UNIX, socket.SOCK_STREAM)
    with contextlib.closing(listener):
        if tcp:
            if sys.platform == "win32":
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
            listener.bind(("127.0.0.1", 0))
            address = str(listener.getsockname()[1])
        else:
            address = f"engine-{secrets.token_hex(4)}.sock"
            _bind_private(listener, folder / address)
        listener.listen(_BACKLOG)
        listener.settimeout(_LOOK_S)
        yield listener, address


def accepted(listener: socket.socket, stop: threading.Event) -> Iterator[socket.socket]:
    """Every connection until `stop` is set. No shortage of descriptors, memory or patience of a client ends it."""
    while not stop.is_set():
        try:
            opened, _ = listener.accept()
        except TimeoutError:
            continue
        except OSError as error:
            if error.errno in (errno.EBADF, errno.EINVAL):
                raise
            _LOGGER.debug("no connection taken: %s", error)
            time.sleep(_RETRY_S)
        else:
            yield opened


def peer_of(opened: socket.socket) -> Peer:
    """The process at the other end of a unix socket, as the kernel recorded it; on Linux and macOS.

    Raises:
        OSError: The kernel does not say what it should.
    """
    if opened.family != getattr(socket, "AF_UNIX", None):
        return Peer(None, None)
    if sys.platform == "darwin":
        return _peer_on_macos(opened)
    if not hasattr(socket, "SO_PEERCRED"):
        return Peer(None, None)
    pid, uid, _ = _UCRED.unpack(opened.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    return Peer(uid, pid)


def _peer_on_macos(opened: socket.socket) -> Peer:
    """From `struct xucred` (sys/ucred.h) and a process number; Python has no names for these options (sys/un.h)."""
    credentials = opened.getsockopt(_SOL_LOCAL, _LOCAL_PEERCRED, _XUCRED.size)
    version, uid, *_ = _XUCRED.unpack(credentials.ljust(_XUCRED.size, b"\0"))
    if version != _XUCRED_VERSION or len(credentials) < _XUCRED.size:
        raise OSError(errno.EINVAL, "the kernel's word on who connects cannot be read")
    return Peer(uid, opened.getsockopt(_SOL_LOCAL, _LOCAL_PEERPID))


def _bind_private(listener: socket.socket, path: Path) -> None:
    if len(os.fsencode(path)) > _LONGEST_ADDRESS:
        text = f"{path} is too long for a socket: {_LONGEST_ADDRESS} bytes. Set UNDERSTUDY_RUNTIME to a shorter folder."
        raise EngineError(text, reason="unsafe", path=str(path))
    listener.bind(str(path))
    path.chmod(0o600)


def _clear(folder: Path) -> None:
    """Only under the lock: whatever lies here belongs to no living engine."""
    remove_endpoint(folder)
    for stale in folder.glob(_SOCKETS):
        stale.unlink(missing_ok=True)


def _runs_already(lock: ProcessLock, folder: Path) -> EngineError:
    text = f"An engine of yours runs already (process {lock.said()}): use it, or end it with: understudy stop"
    return EngineError(text, reason="running", folder=str(folder))
