from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from understudy.monitor import server
from understudy.monitor.project_files import named_projects
from understudy.monitor.server import MonitorHandle, start_monitor
from understudy.scheduler.record import JobError
from understudy.scheduler.scheduler import Scheduler

from .conftest import Visitor, png
from .fake_scheduler import FakeScheduler


def test_the_engine_s_own_scheduler_is_shown_and_changed(runtime: Path, tmp_path: Path) -> None:
    scheduler = Scheduler(tmp_path / "state", ["cpu"])
    handle = start_monitor(scheduler, folder=runtime)
    try:
        job = scheduler.submit("inspect", {"path": str(tmp_path)})
        visitor = Visitor(handle.url).enter()
        state = visitor.json("api/state")
        assert state["devices"] == ["cpu"]
        assert [one["id"] for one in state["jobs"]] == [job.id]
        assert visitor.json(f"api/jobs/{job.id}")["request"] == dict(job.request)
        assert visitor.json(f"api/jobs/{job.id}/log")["next"] >= 0
        assert visitor.json(f"api/jobs/{job.id}/cancel", "POST")["state"] in ("canceling", "canceled", "failed")
    finally:
        handle.close()
        scheduler.close()


def test_a_job_is_told_whole_and_the_list_in_short(visitor: Visitor, scheduler: FakeScheduler, film: Path) -> None:
    job = scheduler.add("swap", film, "sh010", "failed", error=JobError("PlateError", "It is broken.", {"frame": 3}))
    whole = visitor.json(f"api/jobs/{job}")
    assert whole["error"] == {"kind": "PlateError", "message": "It is broken.", "facts": {"frame": 3}}
    short = visitor.json("api/state")["jobs"][0]
    assert (short["state"], short["failed"]) == ("failed", True)
    assert {"request", "results"}.isdisjoint(short)


def test_wrong_names_are_answered_with_one_sentence(visitor: Visitor, scheduler: FakeScheduler, film: Path) -> None:
    job = scheduler.add("train", film, "hero", "running")
    project = next(iter(named_projects([str(film)])))
    places = (
        "api/jobs/none",
        "api/jobs/none/log",
        f"api/projects/{project}/models/..%2Fhero",
        "api/projects/0/shots/a",
    )
    for place in (*places, f"api/jobs/{job}/picture", "static/none.js"):
        status, body, _ = visitor.ask(visitor.root + place)
        assert status == 404, place
        assert body.startswith(b'{"error":"') or body == b"Not Found", place
    assert visitor.status(f"api/jobs/{job}/resume", "POST") == 409


def test_few_jobs_are_listed_of_many(visitor: Visitor, scheduler: FakeScheduler, film: Path) -> None:
    for number in range(230):
        scheduler.add("swap", film, f"sh{number}")
    state = visitor.json("api/state")
    assert (len(state["jobs"]), state["older"]) == (200, 30)


def test_a_running_training_is_watched_though_no_page_is_open(
    start: Callable[[], MonitorHandle], scheduler: FakeScheduler, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_LOOK_SECONDS", 0.1)
    scheduler.add("train", film, "hero", "running")
    visitor = Visitor(start().url).enter()
    project = next(iter(named_projects([str(film)])))
    time.sleep(0.5)
    (film / "models" / "hero" / "preview.png").write_bytes(png((1, 2, 3)))
    time.sleep(0.5)
    previews = visitor.json(f"api/projects/{project}/models/hero")["previews"]
    assert previews["before"] is not None
    assert previews["before"]["id"] != previews["now"]["id"]


def test_a_report_is_shown_boxed_in_and_only_where_it_is(
    visitor: Visitor, scheduler: FakeScheduler, film: Path
) -> None:
    scheduler.add("extract", film, "sh010")
    project = next(iter(named_projects([str(film)])))
    place = f"api/projects/{project}/facesets/anna"
    assert visitor.status(f"{place}/report") == 404
    report = film / "facesets" / "anna" / "report.html"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text("<p>anna</p>")
    (report.parent / "crops.jsonl").touch()
    status, body, headers = visitor.ask(f"{visitor.root}{place}/report")
    assert (status, body) == (200, b"<p>anna</p>") and headers["content-type"].startswith("text/html")
    assert "script-src" not in headers["content-security-policy"] and "sandbox" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert visitor.json(place)["has_report"] is True
    report.unlink()
    report.symlink_to("/etc/hostname")
    assert visitor.status(f"{place}/report") == 404
