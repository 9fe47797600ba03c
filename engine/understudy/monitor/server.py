"""Starts and ends the monitor: a small web server in a thread of the engine."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from understudy.endpoint import checked_folder, runtime_folder
from understudy.errors import SettingsError, UnderstudyError
from understudy.monitor.address import open_address
from understudy.monitor.gpu import GpuMemory, read_gpus
from understudy.monitor.guard import Guard
from understudy.monitor.pages import JobSource, Pages

__all__ = ["MonitorHandle", "start_monitor"]

_LOGGER = logging.getLogger(__name__)
_START_SECONDS = 10.0
_END_SECONDS = 5.0
_LOOK_SECONDS = 2.0
_REQUEST_SECONDS = 10.0
_MOST_CONNECTIONS = 64


@dataclass
class MonitorHandle:
    """A running monitor.

    Attributes:
        url: What the user opens; it holds the token.
    """

    url: str
    _server: uvicorn.Server = field(repr=False)
    _thread: threading.Thread = field(repr=False)
    _watcher: _Watcher = field(repr=False)

    def close(self) -> None:
        """Ends the monitor; open pages say that the engine is gone."""
        self._watcher.stop()
        self._server.should_exit = True
        self._thread.join(_END_SECONDS)
        if self._thread.is_alive():
            self._server.force_exit = True
            self._thread.join(_END_SECONDS)


def start_monitor(jobs: JobSource, port: int = 0, folder: Path | None = None) -> MonitorHandle:
    """A monitor that listens on 127.0.0.1, in a thread of this process.

    Args:
        jobs: The engine's scheduler.
        port: To listen on; 0 for the last one if it is free, else any.
        folder: Private folder that keeps the address for the next start, so that open pages find the next engine; the
            runtime folder when None.

    Raises:
        SettingsError: The port is taken.
        EngineError: The folder is open to others.
    """
    private = checked_folder(folder or runtime_folder(), create=True)
    try:
        address, listening = open_address(port, private)
    except OSError as error:
        raise SettingsError(
            f"The monitor cannot listen on port {port} of 127.0.0.1 ({error.strerror}). Name another one, or none.",
            port=port,
        ) from error
    watcher = _Watcher(jobs, address.key)
    server = uvicorn.Server(
        uvicorn.Config(
            Guard(watcher.pages.application(address.prefix), address),
            http=_ImpatientProtocol,
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
    )
    thread = threading.Thread(target=server.run, args=([listening],), name="monitor", daemon=True)
    thread.start()
    deadline = time.monotonic() + _START_SECONDS
    while not server.started and thread.is_alive() and time.monotonic() < deadline:
        time.sleep(0.01)
    if not server.started:
        listening.close()
        raise UnderstudyError("The monitor did not start; the engine's log says why.")
    watcher.start()
    _LOGGER.info("The monitor listens on port %d of 127.0.0.1.", address.port)
    return MonitorHandle(address.url, server, thread, watcher)


class _Watcher:
    """Looks at previews and GPUs every two seconds: no preview is missed, and no request waits for the driver."""

    def __init__(self, jobs: JobSource, key: str) -> None:
        self._jobs = jobs
        self._gpus: tuple[GpuMemory, ...] = ()
        self._stopped = threading.Event()
        self.pages = Pages(jobs, lambda: self._gpus, key)
        self._thread = threading.Thread(target=self._run, name="monitor-watcher", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join(_END_SECONDS)

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._gpus = read_gpus()
            try:
                self._look_at_previews()
            except (UnderstudyError, OSError) as error:
                _LOGGER.debug("A preview cannot be looked at: %s", error)
            self._stopped.wait(_LOOK_SECONDS)

    def _look_at_previews(self) -> None:
        projects = {str(project.root): project for project in self.pages.projects().values()}
        for record in self._jobs.jobs():
            if record.kind == "train" and not record.state.is_ended and record.project in projects:
                self.pages.previews.look(projects[record.project].preview(record.subject))


class _ImpatientProtocol(H11Protocol):
    """HTTP that drops who sends no whole request in ten seconds, and whoever comes when too many are there already."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > _MOST_CONNECTIONS:
            transport.abort()
            return
        self._patience = self.loop.call_later(_REQUEST_SECONDS, self._drop_if_silent)

    def connection_lost(self, exc: Exception | None) -> None:
        timer: Any = getattr(self, "_patience", None)
        if timer is not None:
            timer.cancel()
        super().connection_lost(exc)

    def _drop_if_silent(self) -> None:
        if self.cycle is None:
            self.transport.abort()
