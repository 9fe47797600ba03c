"""The page in a real browser."""

from __future__ import annotations

import base64
import json
import math
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from understudy.monitor.project_files import named_projects
from understudy.monitor.server import MonitorHandle
from understudy.scheduler.record import JobError, JobState

from .browser import CHROMIUM, Browser
from .conftest import png, report
from .fake_scheduler import FakeScheduler
from .test_quality import face, record

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here to look at the page with")

Start = Callable[[], MonitorHandle]
PIXELS = """(() => {
  const canvas = document.querySelector('.viewer canvas');
  return (x, y) => [...canvas.getContext('2d').getImageData(x, y, 1, 1).data].slice(0, 3).join();
})()"""


@pytest.fixture(scope="module")
def shared_browser() -> Iterator[Browser]:
    with Browser() as browser:
        yield browser


@pytest.fixture
def browser(shared_browser: Browser, start: Start) -> Iterator[Browser]:
    """The browser on an empty page; a test fails when its page wrote an error, as long as the monitor runs."""
    shared_browser.open("about:blank")
    shared_browser.errors.clear()
    yield shared_browser
    shared_browser.evaluate("0")
    assert shared_browser.errors == []


def choose(browser: Browser, place: str) -> None:
    browser.evaluate(f"window.location.hash = {json.dumps(place)}")


def test_jobs_appear_and_move(browser: Browser, start: Start, scheduler: FakeScheduler, film: Path) -> None:
    browser.open(start().url)
    browser.wait_for("document.body.innerText.includes('No job yet')")
    job = scheduler.add("train", film, "hero")
    browser.wait_for("document.querySelector('.job.waiting')?.innerText.includes('waits for cpu')")
    scheduler.change(job, state=JobState.RUNNING, started=time.time(), stage="training", done=50.0, total=200.0)
    scheduler.change(job, seconds_left=75.0, waits_for="paused for preview of sh010")
    scheduler.logs[job].append("first line")
    browser.wait_for("document.querySelector('.job.running .bar > div')?.style.width === '25%'")
    assert "paused for preview of sh010" in browser.text(".job")
    assert "1 min 15 s left" in browser.text(".job")
    browser.wait_for("document.querySelector('.log').innerText.includes('first line')")


def test_the_token_is_not_left_in_the_address(browser: Browser, start: Start) -> None:
    browser.open(start().url)
    browser.wait_for("document.querySelector('#engine').innerText.includes('engine')")
    assert "token" not in browser.evaluate("window.location.href")
    assert browser.evaluate("document.cookie") == ""
    assert "no GPU" in browser.text("#gpus") or "GiB" in browser.text("#gpus")


def test_a_wrong_token_shows_nothing(shared_browser: Browser, start: Start, scheduler: FakeScheduler) -> None:
    scheduler.add("train", "/shows/secret", "hero")
    shared_browser.open(start().url[:-1])
    assert "Open the address that" in shared_browser.text()
    assert "hero" not in shared_browser.text()
    shared_browser.open("about:blank")


def test_a_job_is_canceled_and_resumed(browser: Browser, start: Start, scheduler: FakeScheduler, film: Path) -> None:
    job = scheduler.add("train", film, "hero", "running", started=time.time())
    browser.open(start().url)
    buttons = "[...document.querySelectorAll('button')]"
    browser.wait_for(f"{buttons}.some((one) => one.textContent === 'Cancel' && !one.hidden)")
    browser.evaluate(f"{buttons}.find((one) => one.textContent === 'Cancel').click()")
    browser.wait_for("document.querySelector('.job.canceled')")
    assert scheduler.job(job).state == JobState.CANCELED
    browser.wait_for(f"{buttons}.some((one) => one.textContent === 'Resume' && !one.hidden)")
    browser.evaluate(f"{buttons}.find((one) => one.textContent === 'Resume').click()")
    browser.wait_for("document.querySelector('.job.waiting')")


def test_why_a_job_failed_is_shown_as_text(
    browser: Browser, start: Start, scheduler: FakeScheduler, film: Path
) -> None:
    message = "<img src=x onerror=alert(1)> is no frame range."
    scheduler.add("swap", film, "<b>sh010</b>", "failed", error=JobError("SettingsError", message))
    browser.open(start().url)
    browser.wait_for(f"document.querySelector('.error')?.innerText === {json.dumps(message)}")
    assert "<b>sh010</b>" in browser.text("h2")


def test_arrow_keys_go_through_the_jobs(browser: Browser, start: Start, scheduler: FakeScheduler, film: Path) -> None:
    older, newer = scheduler.add("train", film, "hero"), scheduler.add("swap", film, "sh010")
    browser.open(start().url)
    browser.wait_for("document.querySelectorAll('.job').length === 2")
    browser.evaluate("document.querySelector('.job').focus()")
    assert newer in browser.evaluate("document.activeElement.hash")
    browser.press("ArrowDown")
    browser.wait_for(f"window.location.hash.includes({json.dumps(older)})")
    browser.wait_for("document.querySelector('h2').innerText === 'train hero'")


def test_each_line_of_a_log_is_shown_once(browser: Browser, start: Start, scheduler: FakeScheduler, film: Path) -> None:
    job = scheduler.add("train", film, "hero")
    scheduler.logs[job] = ["first", "second"]
    browser.open(start().url)
    browser.wait_for("document.querySelectorAll('.job').length === 1")
    scheduler.logs[job] += ["third"]
    browser.evaluate("for (let turn = 0; turn < 8; turn += 1) window.dispatchEvent(new HashChangeEvent('hashchange'))")
    browser.wait_for("document.querySelector('.log').innerText.includes('third')")
    time.sleep(1.5)
    assert browser.text(".log").split() == ["first", "second", "third"]


def test_a_preview_s_picture_is_shown(browser: Browser, start: Start, scheduler: FakeScheduler, film: Path) -> None:
    picture = film / "swaps" / "sh010" / "preview" / "sh010.hero.1001.png"
    picture.parent.mkdir(parents=True)
    picture.write_bytes(png((10, 200, 10)))
    scheduler.add("preview", film, "sh010", "done", ended=time.time(), results={"png": str(picture)})
    browser.open(start().url)
    browser.wait_for("document.querySelector('.pane .viewer')?.innerText.includes('120 \\u00d7 80')")


def test_the_preview_zooms_to_native_pixels(
    browser: Browser, start: Start, scheduler: FakeScheduler, film: Path
) -> None:
    scheduler.add("train", film, "hero", "running", started=time.time())
    browser.open(start().url + "#training")
    browser.wait_for("document.querySelector('.viewer .mono').innerText.endsWith('%')")
    corner = "(({ width, height }) => [Math.round(width / 2 - 60), Math.round(height / 2 - 40)])"
    browser.evaluate("[...document.querySelectorAll('.viewer button')].find((one) => one.innerText === '1:1').click()")
    assert browser.text(".viewer .mono") == "100 %"
    x, y = browser.evaluate(f"{corner}(document.querySelector('.viewer canvas'))")
    assert browser.evaluate(f"{PIXELS}({x + 10}, {y + 20})") == "255,255,255"
    assert browser.evaluate(f"{PIXELS}({x + 11}, {y + 20})") == "200,40,40"
    assert browser.evaluate(f"{PIXELS}({x - 1}, {y})") == "0,0,0"  # beside the picture


def test_wheel_and_drag_keep_the_point_under_the_pointer(
    browser: Browser, start: Start, scheduler: FakeScheduler, film: Path
) -> None:
    scheduler.add("train", film, "hero", "running", started=time.time())
    browser.open(start().url + "#training")
    browser.wait_for("document.querySelector('.viewer .mono').innerText.endsWith('%')")
    left, top, width, height = browser.evaluate(
        "(({ x, y, width, height }) => [x, y, width, height])"
        "(document.querySelector('.viewer canvas').getBoundingClientRect())"
    )
    browser.evaluate("[...document.querySelectorAll('.viewer button')].find((one) => one.innerText === '1:1').click()")
    x, y = math.floor(width / 2 - 59.5) + 10, math.floor(height / 2 - 39.5) + 20  # the white pixel
    browser.mouse("mouseWheel", left + x, top + y, deltaX=0, deltaY=-720)
    browser.wait_for("document.querySelector('.viewer .mono').innerText === '800 %'")
    assert browser.evaluate(f"{PIXELS}({x + 3}, {y + 3})") == "255,255,255"
    browser.drag((left + x + 3, top + y + 3), (left + x + 53, top + y + 33))
    assert browser.evaluate(f"{PIXELS}({x + 53}, {y + 33})") == "255,255,255"
    assert browser.evaluate(f"{PIXELS}({x + 3}, {y + 3})") == "200,40,40"


def test_the_wipe_shows_the_last_preview_on_its_left(
    browser: Browser, start: Start, scheduler: FakeScheduler, film: Path
) -> None:
    scheduler.add("train", film, "hero", "running", started=time.time())
    browser.open(start().url + "#training")
    wipe = "[...document.querySelectorAll('.viewer button')].find((one) => one.innerText === 'Wipe')"
    browser.wait_for(f"document.querySelector('.viewer .mono').innerText.endsWith('%') && {wipe}.disabled")
    (film / "models" / "hero" / "preview.png").write_bytes(png((40, 40, 200)))
    browser.wait_for(f"!{wipe}.disabled")
    browser.evaluate(f"{wipe}.click()")
    width, height = browser.evaluate(
        "(({ width, height }) => [width, height])(document.querySelector('.viewer canvas'))"
    )
    row = height // 2
    assert browser.evaluate(f"{PIXELS}({width // 2 - 20}, {row})") == "200,40,40"
    assert browser.evaluate(f"{PIXELS}({width // 2 + 20}, {row})") == "40,40,200"
    left, top = browser.evaluate(
        "(({ x, y }) => [x, y])(document.querySelector('.viewer canvas').getBoundingClientRect())"
    )
    browser.drag((left + width / 2, top + row), (left + width / 4, top + row))
    assert browser.evaluate(f"{PIXELS}({width // 2 - 20}, {row})") == "40,40,200"
    assert browser.evaluate(f"{PIXELS}({width // 4 - 20}, {row})") == "200,40,40"


def test_curves_are_drawn_and_grow(browser: Browser, start: Start, scheduler: FakeScheduler, film: Path) -> None:
    scheduler.add("train", film, "hero", "running", started=time.time())
    browser.open(start().url + "#training")
    label = "document.querySelector('.stack canvas').getAttribute('aria-label')"
    browser.wait_for(f"{label} === 'Loss: 30 values, the last 0.0100'")
    colours = """(() => {
      const canvas = document.querySelector('.stack canvas');
      const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
      const found = { mean: 0, target: 0, source: 0 };
      for (let at = 0; at < data.length; at += 4) {
        const [r, g, b] = data.slice(at, at + 3);
        if (r === 207 && g === 207 && b === 207) found.mean += 1;
        else if (b > r + 50) found.target += 1;
        else if (r > b + 80) found.source += 1;
      }
      return found;
    })()"""
    assert min(browser.evaluate(colours).values()) > 50
    with (film / "models" / "hero" / "log.jsonl").open("a") as log:
        log.write(report(600) + "\n")
    browser.wait_for(f"{label} === 'Loss: 31 values, the last 0.0050'")
    assert "anna → ben" in browser.text(".figures")
    before = browser.evaluate("document.querySelector('.stack canvas').toDataURL()")
    browser.click(".stack .plot button")
    assert browser.evaluate("document.querySelector('.stack canvas').toDataURL()") != before


def test_a_shot_s_quality_is_drawn(browser: Browser, start: Start, scheduler: FakeScheduler, film: Path) -> None:
    shot, identity = film / "shots" / "sh010", film / "facesets" / "ben"
    shot.mkdir(parents=True)
    identity.mkdir(parents=True)
    frames = [{"frame": frame, "stamp": "s", "faces": [face(frame, 2.0 * frame).to_json()]} for frame in range(1, 10)]
    frames[6]["faces"] = []
    (shot / "faces.jsonl").write_text("".join(json.dumps(frame) + "\n" for frame in frames))
    records = [record(frame, 2.0 * frame).to_json() for frame in range(1, 6)]
    (identity / "crops.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records))
    (identity / "faceset.json").write_text(json.dumps({"size": 512}))
    scheduler.add("extract", film, "sh010", "running")
    project = next(iter(named_projects([str(film)])))
    browser.open(f"{start().url}#shots/{project}/sh010")
    browser.wait_for("document.querySelector('.report')?.innerText.includes('Frames searched')")
    text = browser.text(".report")
    for line in ("Frames searched\n9", "Without a face\n1 (7)", "Crops\n5 of 512 px", "Enlarged\n5 (1-5)"):
        assert line in text.replace("  ", " ")
    labels = browser.evaluate("[...document.querySelectorAll('canvas')].map((one) => one.getAttribute('aria-label'))")
    assert labels[0] == "Native size, plate pixels: 9 values, the last 256"
    assert labels[3] == "5 faces, 256 to 256 px"
    assert labels[4] == "5 faces in 1 of 216 poses"
    assert not browser.evaluate("document.querySelector('a[href$=\"/report\"]')")
    picture = base64.b64encode(png((1, 2, 3))).decode()
    (identity / "report.html").write_text(
        f'<!doctype html><style>p{{color:#123456}}</style><p>ben</p><img src="data:image/png;base64,{picture}">'
    )
    browser.wait_for("document.querySelector('a[href$=\"/report\"]')")
    browser.open(browser.evaluate("document.querySelector('a[href$=\"/report\"]').href"))
    browser.wait_for("document.querySelector('img')?.naturalWidth > 0")
    assert browser.evaluate("getComputedStyle(document.querySelector('p')).color") == "rgb(18, 52, 86)"


def test_a_page_says_that_the_engine_is_gone_and_finds_the_next_one(
    shared_browser: Browser, start: Start, scheduler: FakeScheduler, film: Path
) -> None:
    first = start()
    shared_browser.open(first.url)
    shared_browser.wait_for("document.querySelector('#engine').innerText.includes('engine')")
    first.close()
    shared_browser.wait_for("document.querySelector('#notice').innerText.startsWith('Engine gone since')")
    scheduler.add("train", film, "hero")
    assert start().url == first.url
    shared_browser.wait_for("document.querySelector('#notice').innerText.startsWith('The engine is back')")
    shared_browser.wait_for("document.querySelector('.job')?.innerText.includes('hero')")
    shared_browser.open("about:blank")


def test_it_works_through_a_tunnel_with_another_port(
    browser: Browser, start: Start, scheduler: FakeScheduler, film: Path
) -> None:
    job = scheduler.add("train", film, "hero", "running", started=time.time())
    url = urlsplit(start().url)
    with tunnel(int(url.port or 0)) as port:
        browser.open(url._replace(netloc=f"localhost:{port}").geturl())
        buttons = "[...document.querySelectorAll('button')]"
        browser.wait_for(f"{buttons}.some((one) => one.textContent === 'Cancel' && !one.hidden)")
        browser.evaluate(f"{buttons}.find((one) => one.textContent === 'Cancel').click()")
        browser.wait_for("document.querySelector('.job.canceled')")
        browser.open("about:blank")
    assert scheduler.job(job).state == JobState.CANCELED


@contextmanager
def tunnel(port: int) -> Iterator[int]:
    """A port that leads to another one, as `ssh -L` makes it."""
    listening = socket.create_server(("127.0.0.1", 0))

    def pump(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    def accept() -> None:
        with suppress(OSError):
            while True:
                near, _ = listening.accept()
                far = socket.create_connection(("127.0.0.1", port))
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=pump, args=pair, daemon=True).start()
                ends.extend((near, far))

    ends = [listening]
    threading.Thread(target=accept, daemon=True).start()
    yield listening.getsockname()[1]
    for end in ends:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()


@pytest.mark.parametrize("width,height", [(1280, 720), (1920, 1080)])
@pytest.mark.parametrize("view", ["jobs", "training", "shots"])
def test_nothing_is_wider_than_the_window(
    browser: Browser, start: Start, scheduler: FakeScheduler, film: Path, view: str, width: int, height: int
) -> None:
    scheduler.add("train", film, "a-model-with-quite-a-long-name", "running", message="m" * 300, stage="training")
    browser.resize(width, height)
    browser.open(f"{start().url}#{view}")
    browser.wait_for("document.querySelector('#engine').innerText.includes('engine')")
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    assert browser.evaluate("document.documentElement.scrollHeight") <= height
