from __future__ import annotations

import ast
import contextlib
import dataclasses
import itertools
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.service.conftest import FakeScheduler, engine, runtime, scheduler, serving
from understudy import answers, client, endpoint, errors, link, wire
from understudy.client import Engine, Job, JobStatus, connect, ensure_engine
from understudy.endpoint import Endpoint, read_endpoint, write_endpoint
from understudy.errors import EngineError, ModelFileError, SettingsError, UnknownNameError
from understudy.scheduler.record import JobError, JobRecord, JobState

__all__ = ["engine", "runtime", "scheduler"]  # fixtures


@pytest.fixture
def connected(engine: Path) -> Iterator[Engine]:
    with connect() as opened:
        yield opened


@pytest.fixture
def job(connected: Engine) -> Job:
    return connected.swap("/shows/film", "sh010", "hero", frames="1001-1010")


def reason(call: Any) -> str:
    with pytest.raises(EngineError) as caught:
        call()
    assert "\n" not in caught.value.message
    return str(caught.value.facts["reason"])


def test_a_status_has_the_fields_of_a_record() -> None:
    fields = {field.name for field in dataclasses.fields(JobRecord)}
    assert {field.name for field in dataclasses.fields(JobStatus)} == fields


def test_a_status_says_what_the_record_says(job: Job, scheduler: FakeScheduler) -> None:
    record = scheduler.change(job.id, state=JobState.RUNNING, done=3, total=10.0, results={"written": [1, 2]})
    assert dataclasses.asdict(job.status()) == record.to_json()


def test_requests_hold_what_was_said_and_absolute_paths(connected: Engine, scheduler: FakeScheduler) -> None:
    here = Path.cwd()
    connected.extract("film", "sh010", "eileen", min_native=256, overrides=["model.size=64"])
    connected.swap("film", "sh010", "hero", out="elsewhere", comp=True)
    extract, swap = (record.request for record in scheduler.records.values())
    assert extract == {
        "project": f"{here}/film",
        "shot": "sh010",
        "identity": "eileen",
        "min_native": 256,
        "overrides": ["model.size=64"],
    }
    assert swap == {
        "project": f"{here}/film",
        "shot": "sh010",
        "model": "hero",
        "comp": True,
        "skip_existing": False,
        "out": f"{here}/elsewhere",
    }


def test_a_training_is_asked_for_as_the_command_does(tmp_path: Path) -> None:
    sent: list[Any] = []
    one, here = Engine(tmp_path, "test"), str(Path.cwd())
    one.submit = lambda kind, request: sent.append((kind, request))  # type: ignore[assignment,method-assign,return-value]
    one.train("film", "hero", init_from=["a.safetensors"], parts=["encoder"], mapping=["ann=target"], fit=True)
    one.train("film", "many", pretrain=("ann", "cas"), memory="8GiB")
    start = {"init_from": [f"{here}/a.safetensors"], "parts": ["encoder"], "mapping": ["ann=target"], "fit": True}
    assert sent == [
        ("train", {"project": f"{here}/film", "model": "hero", **start}),
        ("train", {"project": f"{here}/film", "model": "many", "pretrain": ["ann", "cas"], "memory": "8GiB"}),
    ]


@pytest.mark.parametrize(("given", "asked"), [("u128", "u128"), ("hero.safetensors", "{here}/hero.safetensors")])
def test_a_preset_is_inspected_by_name_and_a_file_by_whole_path(given: str, asked: str, tmp_path: Path) -> None:
    sent: list[Any] = []
    one = Engine(tmp_path, "test")
    one.submit = lambda kind, request: sent.append((kind, request))  # type: ignore[assignment,method-assign,return-value]
    one.inspect(given)
    assert sent == [("inspect", {"path": asked.format(here=Path.cwd())})]


def test_what_a_host_asks_beside_the_long_jobs_is_sent_whole(tmp_path: Path) -> None:
    sent: list[Any] = []
    one, here = Engine(tmp_path, "test"), str(Path.cwd())
    one.submit = lambda kind, request: sent.append((kind, request))  # type: ignore[assignment,method-assign,return-value]
    one.describe("film")
    shot = {"frames": "1-5", "make_project": True, "ocio": "default"}
    one.shot("film", "sh010", plate="a.####.exr", tracks="a.nk", matte={"path": "m.####.exr", "channel": "R"}, **shot)
    one.identity("film", "anna", "source", consent="anna.yaml")
    one.faces("film", "sh010", sheet=True)
    one.deliver("film", "sh010", out="out", fusion_first=0)
    one.plan("u1024", memory="8GiB", overrides=["training.batch=8"])
    project = {"project": f"{here}/film"}
    matte = {"path": f"{here}/m.####.exr", "channel": "R"}
    plate = {"plate": f"{here}/a.####.exr", "tracks": f"{here}/a.nk", "matte": matte, **shot}
    identity = {"name": "anna", "role": "source", "synthetic": False, "consent": f"{here}/anna.yaml"}
    assert sent == [
        ("inspect", {"path": f"{here}/film"}),
        ("shot", {**project, "name": "sh010", **plate}),
        ("identity", {**project, **identity}),
        ("faces", {**project, "shot": "sh010", "sheet": True}),
        ("deliver", {**project, "shot": "sh010", "out": f"{here}/out", "fusion_first": 0}),
        ("plan", {"preset": "u1024", "memory": "8GiB", "overrides": ["training.batch=8"]}),
    ]


def test_jobs_are_listed_newest_first_and_by_project(connected: Engine) -> None:
    jobs = [connected.swap(project, "sh010", "hero") for project in ("/a", "/b", "/a")]
    assert [each.id for each in connected.jobs()] == [each.id for each in reversed(jobs)]
    assert [each.latest.project for each in connected.jobs("/a")] == ["/a", "/a"]


def test_a_job_is_canceled_resumed_and_forgotten(connected: Engine, job: Job) -> None:
    assert job.cancel().state == "canceled" and job.latest.is_ended
    assert job.resume().state == "waiting"
    job.forget()
    with pytest.raises(UnknownNameError):
        connected.job(job.id)


def test_a_log_is_read_on_from_where_it_ended(job: Job) -> None:
    tail = job.log()
    assert (tail.lines, tail.next) == (("one", "two"), 2)
    assert job.log(tail.next).lines == ()


def test_errors_of_the_engine_arrive_as_themselves(connected: Engine) -> None:
    with pytest.raises(SettingsError) as caught:
        connected.submit("swap", {})
    assert type(caught.value) is SettingsError and caught.value.message == "A swap needs a shot."
    assert (caught.value.field, caught.value.near) == ("shot", ("a", "b"))  # type: ignore[attr-defined]


def test_a_failed_job_has_the_error_of_its_class(job: Job, scheduler: FakeScheduler) -> None:
    assert job.latest.failure() is None
    scheduler.fail(job.id, JobError("ModelFileError", "hero is damaged.", {"path": "/m"}))
    error = job.status().failure()
    assert type(error) is ModelFileError and (error.message, error.path) == ("hero is damaged.", "/m")
    scheduler.fail(job.id, JobError("EngineStopped", "The engine was killed."))
    assert type(job.status().failure()) is EngineError


def test_waiting_ends_with_the_job_and_shows_each_change_once(job: Job, scheduler: FakeScheduler) -> None:
    def work() -> None:
        for done in (1, 2):
            time.sleep(0.15)
            scheduler.change(job.id, state=JobState.RUNNING, done=done)
        time.sleep(0.15)
        scheduler.change(job.id, state=JobState.DONE)

    seen: list[JobStatus] = []
    thread = threading.Thread(target=work)
    thread.start()
    assert job.wait(10, seen.append).state == "done"
    thread.join()
    assert [(status.state, status.done) for status in seen] == [
        ("waiting", 0),
        ("running", 1),
        ("running", 2),
        ("done", 2),
    ]


def test_waiting_gives_up_when_it_is_told_to(job: Job) -> None:
    start = time.monotonic()
    assert job.wait(0.3).state == "waiting"
    assert 0.25 < time.monotonic() - start < 0.6


def test_waiting_asks_often_at_first_and_then_a_hundredth_of_the_time_apart(job: Job, scheduler: FakeScheduler) -> None:
    asked: list[float] = []
    scheduler.on_call = lambda name: asked.append(time.monotonic())
    job.wait(1.5)
    gaps = [later - sooner for sooner, later in itertools.pairwise(asked)]
    assert sorted(gaps[:10])[5] < 0.01 and 0.01 < sorted(gaps[-10:])[5] < 0.04


def test_no_engine_is_said_in_one_sentence(runtime: Path) -> None:
    assert reason(connect) == "none"


def test_a_dead_engine_is_said_in_one_sentence(runtime: Path, scheduler: FakeScheduler) -> None:
    with serving(scheduler, runtime):
        left = read_endpoint(runtime)
    write_endpoint(runtime, left)
    assert reason(connect) == "stopped"


def test_an_endpoint_of_another_start_is_said_in_one_sentence(engine: Path) -> None:
    write_endpoint(engine, dataclasses.replace(read_endpoint(engine), token="00" * 32))
    assert reason(connect) == "secret"


def test_another_version_is_said_in_one_sentence(runtime: Path) -> None:
    """An engine of later years says its greeting, and knows nothing older."""
    greeting = json.dumps({"magic": "understudy", "protocol": [5, 6], "version": "9.0", "nonce": "00"}).encode()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(runtime / "engine-9.sock"))
        listener.listen()
        write_endpoint(runtime, Endpoint("unix", "engine-9.sock", "ab" * 32, 1, 1.0, (5, 6), "9.0"))

        def greet() -> None:
            with listener.accept()[0] as opened:
                opened.sendall(struct.pack("!L", len(greeting)) + greeting)

        later = threading.Thread(target=greet)
        later.start()
        assert reason(connect) == "version"
        later.join()


def lose(connected: Engine) -> None:
    """Ends the connection as a network would, under the client."""
    connected._idle[0]._channel.stream.sock.shutdown(2)


@pytest.mark.parametrize("read", ["hello", "jobs"])
def test_reads_open_a_lost_connection_anew(connected: Engine, read: str) -> None:
    lose(connected)
    getattr(connected, read)()


def test_polling_and_the_log_open_a_lost_connection_anew(connected: Engine, job: Job) -> None:
    lose(connected)
    assert job.status().id == job.id
    lose(connected)
    assert job.log().next == 2


def test_a_submit_is_never_sent_twice(connected: Engine, scheduler: FakeScheduler) -> None:
    lose(connected)
    for _ in range(2):
        assert reason(lambda: connected.swap("/p", "sh010", "hero")) == "stopped"
    assert scheduler.records == {}
    assert connected.jobs() == ()
    connected.swap("/p", "sh010", "hero")
    assert len(scheduler.records) == 1


@pytest.mark.parametrize("call", ["cancel", "resume", "forget"])
def test_calls_that_change_something_are_never_sent_twice(connected: Engine, job: Job, call: str) -> None:
    lose(connected)
    assert reason(getattr(job, call)) == "stopped"


def test_a_client_goes_on_with_the_next_engine(runtime: Path, scheduler: FakeScheduler) -> None:
    with serving(scheduler, runtime):
        opened = connect()
        job = opened.swap("/p", "sh010", "hero")
    assert reason(job.status) == "none"
    with serving(scheduler, runtime):
        assert job.status().id == job.id
        connect().close()
    opened.close()


def test_a_closed_engine_stays_closed(connected: Engine) -> None:
    connected.close()
    assert reason(connected.jobs) == "none"


def test_an_engine_that_does_not_answer_is_given_up(
    engine: Path, scheduler: FakeScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "CALL_S", 0.3)
    with connect() as opened:
        job = opened.swap("/p", "sh010", "hero")
        go = threading.Event()
        scheduler.on_call = lambda name: go.wait(5) and None
        assert reason(job.status) == "timeout"
        go.set()
        assert job.status().id == job.id


def test_threads_may_share_an_engine(connected: Engine, job: Job) -> None:
    failures: list[Exception] = []

    def poll() -> None:
        try:
            for _ in range(50):
                assert job.status().id == job.id
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=poll) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


GOOD = JobRecord("1", "swap", "/p", "s", {}, JobState.RUNNING, "cpu", 1.0).to_json()


@pytest.mark.parametrize(
    "change",
    [
        {"id": 7},
        {"state": None},
        {"request": []},
        {"done": "1"},
        {"done": True},
        {"results": None},
        {"error": "x"},
        {"error": {"kind": "x"}},
        {"error": {"kind": "x", "message": 1, "facts": {}}},
        {"seconds_left": "1"},
    ],
)
def test_a_status_of_other_types_is_not_believed(change: dict[str, Any]) -> None:
    assert answers.status_from({**GOOD, "of a newer engine": 1}, "job").id == "1"
    assert reason(lambda: answers.status_from({**GOOD, **change}, "job")) == "answer"


@pytest.mark.parametrize("reply", ["", "{", "7", "[]", "null", "[" * 100_000])
def test_a_reply_of_another_kind_is_not_believed(connected: Engine, monkeypatch: Any, reply: str) -> None:
    monkeypatch.setattr(connected, "ask", lambda *arguments: reply)
    assert reason(lambda: connected.job("x")) == "answer"
    assert reason(connected.hello) == "answer"


COMMAND = """
import sys
sys.path[:0] = [{engine!r}, {root!r}]
from tests.service.conftest import FakeScheduler
from understudy.service.server import serve
serve(FakeScheduler())
"""


def command() -> list[str]:
    root = Path(__file__).parents[1]
    return [sys.executable, "-c", COMMAND.format(engine=str(root / "engine"), root=str(root))]


def test_an_engine_is_started_when_none_runs_and_found_when_one_does(runtime: Path) -> None:
    with ensure_engine(command()) as first, ensure_engine(["must not run"]) as second:
        assert first.hello().pid == second.hello().pid != os.getpid()
        assert os.getsid(first.hello().pid) != os.getsid(0)
        first.stop()
    deadline = time.monotonic() + 5
    while (runtime / "endpoint.json").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert reason(connect) == "none"


def test_two_hosts_that_start_an_engine_at_once_get_the_same_one(
    runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[Engine] = []
    processes: list[threading.Thread] = []

    def start(*arguments: Any) -> threading.Thread:
        processes.append(endpoint.start_engine(*arguments))
        return processes[-1]

    monkeypatch.setattr(client, "start_engine", start)
    threads = [threading.Thread(target=lambda: found.append(ensure_engine(command()))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({opened.hello().pid for opened in found}) == 1
    while any(process.is_alive() for process in processes):  # a slow starter may take the place of the first
        with contextlib.suppress(EngineError):
            connect().stop()
        time.sleep(0.05)
    for opened in found:
        opened.close()


def test_an_engine_that_cannot_start_is_said_with_its_last_words(runtime: Path) -> None:
    with pytest.raises(EngineError, match=r"ended at once\. It said: no disk"):
        ensure_engine([sys.executable, "-c", "import sys; sys.exit('no disk')"])
    with pytest.raises(EngineError, match="No such file"):
        ensure_engine(["/nowhere/understudy", "serve"])


IMPORT = """
import sys, time
import collections.abc, dataclasses, difflib, json, pathlib, threading, typing
start = time.perf_counter()
import understudy.client
print((time.perf_counter() - start) * 1000)
assert "rpyc" not in sys.modules and "socket" not in sys.modules, "loaded by the import"
"""


def test_a_host_loads_the_client_in_less_than_50_ms() -> None:
    """A host has the standard library loaded already, and so has this one. The best of five: machines are shared."""
    runs = [subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, text=True) for _ in range(5)]
    assert {run.stderr for run in runs} == {""}
    assert min(float(run.stdout) for run in runs) < 50


@pytest.mark.parametrize("module", [answers, client, endpoint, errors, link, wire])
def test_what_a_host_loads_is_python_3_9_and_needs_little(module: Any) -> None:
    tree = ast.parse(Path(module.__file__).read_text(), feature_version=(3, 9))
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").split(".")[0])
    assert imported <= sys.stdlib_module_names | {"rpyc", "understudy"}


PLANNED: dict[str, Any] = {
    "sentence": "It fits.",
    "fits": True,
    "available": 8,
    "asked": {"batch": 2, "peak": 7, "memory": {"weights": 5}},
    "largest": None,
    "changes": [],
}


def test_a_plan_is_read_from_the_status_of_its_job() -> None:
    status = answers.status_from({**GOOD, "results": PLANNED}, "job")
    plan = answers.plan_from(status)
    assert (plan.fits, plan.batch, plan.peak, plan.largest_batch, plan.memory) == (True, 2, 7, 0, {"weights": 5})


@pytest.mark.parametrize(
    "change", [{"sentence": 5}, {"asked": {}}, {"asked": None}, {"available": "8"}, {"changes": [1]}, {"changes": None}]
)
def test_a_plan_that_is_none_is_not_understood(change: dict[str, Any]) -> None:
    status = answers.status_from({**GOOD, "results": {**PLANNED, **change}}, "job")
    assert reason(lambda: answers.plan_from(status)) == "answer"
