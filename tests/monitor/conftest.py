from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest

from understudy.monitor.server import MonitorHandle, start_monitor
from understudy.settings.project import create_project

from .fake_scheduler import FakeScheduler


class Visitor:
    """Asks a monitor as a browser does: keeps the cookie, sends Host and, with POST, Origin."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.host, self.root, self.query = parts.netloc, parts.path, parts.query
        self.cookie = ""

    def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[int, bytes, http.client.HTTPMessage]:
        connection = http.client.HTTPConnection(self.host, timeout=10)
        sent = {"Host": self.host, **({"Origin": f"http://{self.host}"} if method == "POST" else {})}
        sent |= {"Cookie": self.cookie} if self.cookie else {}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, headers={name: value for name, value in sent.items() if value})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, body, answer.headers

    def status(self, place: str, method: str = "GET", **headers: str) -> int:
        return self.ask(self.root + place, method, **headers)[0]

    def json(self, place: str, method: str = "GET") -> Any:
        status, body, _ = self.ask(self.root + place, method)
        assert status == 200, body
        return json.loads(body)

    def enter(self) -> Visitor:
        status, _, headers = self.ask(f"{self.root}?{self.query}")
        assert status == 200
        self.cookie = headers["set-cookie"].split(";")[0]
        return self


@pytest.fixture
def scheduler() -> FakeScheduler:
    return FakeScheduler()


@pytest.fixture
def runtime(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def start(scheduler: FakeScheduler, runtime: Path) -> Iterator[Callable[[], MonitorHandle]]:
    """Starts monitors over the fake scheduler, all on one runtime folder; they end with the test."""
    started: list[MonitorHandle] = []

    def begin() -> MonitorHandle:
        started.append(start_monitor(scheduler, folder=runtime))
        return started[-1]

    yield begin
    for handle in started:
        handle.close()


@pytest.fixture
def visitor(start: Callable[[], MonitorHandle]) -> Visitor:
    """Somebody who opened the page with its token."""
    return Visitor(start().url).enter()


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """A project with a model `hero`, whose log has thirty reports, and a preview of 120 x 80 pixels."""
    folder = tmp_path / "film"
    create_project(folder, "studio-config-v2.2.0_aces-v1.3_ocio-v2.4")
    model = folder / "models" / "hero"
    model.mkdir(parents=True)
    (model / "log.jsonl").write_text("".join(f"{report(10 * number)}\n" for number in range(1, 31)))
    (model / "model.json").write_text(json.dumps({"schema": "model-1", "source": "anna", "target": "ben"}))
    (model / "preview.png").write_bytes(png((200, 40, 40)))
    return folder


def report(iteration: int, seconds: float | None = None) -> str:
    loss = 3.0 / iteration
    values = {"iteration": iteration, "loss": loss, "loss_target": 0.9 * loss, "loss_source": 1.1 * loss}
    timing = {"learning_rate": 1e-3, "seconds": iteration / 5 if seconds is None else seconds}
    return json.dumps(values | timing)


def png(rgb: tuple[int, int, int], width: int = 120, height: int = 80) -> bytes:
    """A picture of one colour with a white pixel at 10, 20."""
    picture = np.full((height, width, 3), rgb[::-1], np.uint8)
    picture[20, 10] = 255
    return cv2.imencode(".png", picture)[1].tobytes()
