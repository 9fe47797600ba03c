"""The engine from a shell: serve, jobs, stop."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from understudy.cli import main
from understudy.client import connect
from understudy.settings.project import ProjectFolder

ENGINE = Path(__file__).parents[2] / "engine"
SERVE = "import sys; from understudy.cli import main; sys.exit(main(['serve', '--device', 'cpu']))"


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(list(arguments))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """State and runtime folders of the test's own."""
    monkeypatch.setenv("UNDERSTUDY_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("UNDERSTUDY_RUNTIME", str(tmp_path / "run"))
    return tmp_path


@pytest.fixture
def serving(places: Path) -> Iterator[subprocess.Popen[str]]:
    process = started()
    yield process
    process.kill()
    with process:
        process.wait()


def started() -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    environment = {**os.environ, "PYTHONPATH": str(ENGINE)}
    process = subprocess.Popen([sys.executable, "-c", SERVE], env=environment, stdout=pipe, stderr=pipe, text=True)
    assert process.stdout is not None
    assert "works on cpu" in process.stdout.readline()
    return process


def wait_for(job_id: str, state: str) -> None:
    deadline = time.monotonic() + 30
    with connect() as engine:
        while engine.job(job_id).status().state != state:
            assert time.monotonic() < deadline, engine.job(job_id).status()
            time.sleep(0.05)


def test_without_an_engine_every_command_says_how_to_start_one(places: Path, capsys) -> None:
    for arguments in (["jobs"], ["jobs", "show", "x"], ["jobs", "cancel", "x"], ["jobs", "log", "x"], ["stop"]):
        code, out, err = run(capsys, *arguments)
        assert (code, out, err.count("\n")) == (1, "", 1)
        assert "understudy serve" in err


def test_jobs_are_listed_shown_stopped_resumed_and_forgotten(
    serving: subprocess.Popen[str], portrait_project: ProjectFolder, capsys
) -> None:
    with connect() as engine:
        job = engine.extract(str(portrait_project.path), "sh010", "eileen", preset="u64", frames="1001-1002")
        assert job.wait(60).state == "done"
    code, out, _ = run(capsys, "-C", str(portrait_project.path), "jobs", "--here", "--json")
    assert code == 0 and [known["id"] for known in json.loads(out)] == [job.id]
    assert json.loads(run(capsys, "-C", "/", "jobs", "--here", "--json")[1]) == []
    out = run(capsys, "jobs")[1]
    assert job.id in out and "done" in out and "extract" in out
    out = run(capsys, "jobs", "show", job.id)[1]
    assert "made cropped" in out and "asked preset" in out
    assert json.loads(run(capsys, "jobs", "show", job.id, "--json")[1])["results"]["cropped"] == 2
    out = run(capsys, "jobs", "log", job.id, "--follow")[1]
    assert "device cpu" in out and "Ended: done" in out
    assert json.loads(run(capsys, "jobs", "log", job.id, "--json")[1])["lines"] == out.splitlines()
    assert run(capsys, "jobs", "cancel", job.id)[1].endswith("done\n")
    code, _, err = run(capsys, "jobs", "resume", job.id)
    assert (code, err.count("\n")) == (2, 1) and "only a failed or canceled job" in err
    assert run(capsys, "jobs", "forget", job.id)[0] == 0
    assert run(capsys, "jobs", "show", job.id)[0] == 2


def test_sigterm_ends_it_cleanly_and_the_job_can_be_resumed(
    serving: subprocess.Popen[str], portrait_project: ProjectFolder, capsys
) -> None:
    folder = str(portrait_project.path)
    for identity in ("eileen", "double"):
        assert main(["-C", folder, "extract", "sh010", "--identity", identity, "--preset", "u64"]) == 0
    with connect() as engine:
        job = engine.train(folder, "m", preset="u64")
        later = engine.swap(folder, "sh010", "m")
        while job.status().stage != "training":
            time.sleep(0.05)
    serving.send_signal(signal.SIGTERM)
    _, err = serving.communicate(timeout=20)
    assert serving.returncode == 0, err
    assert list((portrait_project.model("m") / "snapshots").glob("*.safetensors"))
    again = started()
    try:
        capsys.readouterr()
        known = {status["id"]: status["state"] for status in json.loads(run(capsys, "jobs", "--json")[1])}
        assert known[job.id] == "canceled" and known[later.id] in ("waiting", "running", "done")
        wait_for(later.id, "done")
        assert run(capsys, "jobs", "resume", job.id)[0] == 0
        wait_for(job.id, "running")
        assert run(capsys, "stop")[0] == 0
        assert again.wait(20) == 0
    finally:
        again.kill()
        with again:
            again.wait()


def test_a_second_engine_is_refused_in_one_sentence(serving: subprocess.Popen[str], capsys) -> None:
    code, out, err = run(capsys, "serve", "--device", "cpu")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert f"process {serving.pid}" in err and "understudy stop" in err


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finds the worker in /proc")
def test_the_second_signal_ends_it_at_once(serving: subprocess.Popen[str]) -> None:
    with connect() as engine:
        engine.inspect("/nowhere.exr").wait(60)
    (worker,) = workers(serving)
    os.kill(worker, signal.SIGSTOP)
    try:
        with connect() as engine:
            engine.inspect("/nowhere.exr")
        serving.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            serving.wait(1.0)
        serving.send_signal(signal.SIGTERM)
        assert serving.wait(1.0) == 128 + signal.SIGTERM
    finally:
        os.kill(worker, signal.SIGKILL)


def workers(engine: subprocess.Popen[str]) -> list[int]:
    """Children that a process started from any of its threads."""
    tasks = Path(f"/proc/{engine.pid}/task").iterdir()
    found: list[int] = []
    for task in tasks:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread that has ended since
            found += [int(child) for child in (task / "children").read_text().split()]
    return found
