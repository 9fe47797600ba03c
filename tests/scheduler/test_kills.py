"""kill -9 of worker and engine: the state is right, nothing half-written has a final name, resuming finishes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from understudy.durable import _machine
from understudy.jobs.swap import run_swap
from understudy.jobs.train import run_train
from understudy.jobs.verify import verify_folder
from understudy.model.snapshot import read_snapshot
from understudy.scheduler.record import JobRecord, JobState
from understudy.scheduler.scheduler import Scheduler
from understudy.settings.preset import load_preset
from understudy.settings.project import ProjectFolder

from .conftest import FRAMES, ended, expect_whole, running, until

ENGINE = Path(__file__).parents[2] / "engine"
CODE = """
import json, sys, time
from pathlib import Path
from understudy.scheduler.scheduler import Scheduler
scheduler = Scheduler(Path(sys.argv[1]), ["cpu"])
for kind, request in json.loads(sys.argv[2]):
    print(scheduler.submit(kind, request).id, flush=True)
time.sleep(120)
"""


def expect_the_same_pictures(project: ProjectFolder, job: JobRecord) -> None:
    """The job's results are those of a run that nothing disturbed."""
    undisturbed = run_swap(project, "sh010", "m", with_comp=True, out=project.path / "undisturbed")
    assert undisturbed.completed
    for path in undisturbed.folder.rglob("*.exr"):
        again = Path(job.results["folder"]) / path.relative_to(undisturbed.folder)
        assert again.read_bytes() == path.read_bytes()
    assert verify_folder(Path(job.results["folder"])).faults == ()


def test_a_worker_that_dies_mid_frame_fails_its_job_and_the_next_one_has_another(
    scheduler: Scheduler, project: ProjectFolder
) -> None:
    asked = {"project": str(project.path), "shot": "sh010", "model": "m", "comp": True}
    job = scheduler.submit("swap", asked)
    running(scheduler, job.id, "swapping", 4)
    time.sleep(0.02)
    worker = scheduler.worker_pids()["cpu long"]
    os.kill(worker, signal.SIGKILL)
    record = ended(scheduler, job.id)
    assert record.state is JobState.FAILED and record.error is not None and record.error.kind == "EngineStopped"
    assert record.error.facts["signal"] == "SIGKILL" and "SIGKILL" in record.error.message
    assert expect_whole(project.swaps("sh010")) >= 8
    (project.swaps("sh010") / "comp" / f".x.{_machine()}-{worker}-00000000.part.exr").write_bytes(b"half")
    scheduler.resume(job.id)
    done = ended(scheduler, job.id)
    assert done.state is JobState.DONE and done.results["kept"].startswith("1001-")
    assert expect_whole(project.swaps("sh010")) == 2 * FRAMES
    expect_the_same_pictures(project, done)
    assert not list(project.swaps("sh010").rglob(".*"))


def test_the_last_words_of_a_worker_are_kept(scheduler: Scheduler, project: ProjectFolder) -> None:
    job = scheduler.submit("train", {"project": str(project.path), "model": "t", "preset": "u64"})
    running(scheduler, job.id, "training", 1)
    os.kill(scheduler.worker_pids()["cpu long"], signal.SIGABRT)
    record = ended(scheduler, job.id)
    assert record.error is not None and record.error.facts["last_words"] == "Fatal Python error: Aborted"
    assert any("Fatal Python error" in line for line in scheduler.log(job.id).lines)


class KillableEngine:
    """A scheduler in a process of its own."""

    def __init__(self, state: Path, jobs: list[tuple[str, dict[str, Any]]]) -> None:
        self.state = state
        self.process = subprocess.Popen(
            [sys.executable, "-c", CODE, str(state), json.dumps(jobs)],
            env={**os.environ, "PYTHONPATH": str(ENGINE)},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.ids = [self.process.stdout.readline().strip() for _ in jobs]

    def kill(self) -> None:
        self.process.kill()
        with self.process:
            self.process.wait()


@pytest.fixture
def killable(tmp_path: Path) -> Iterator[Callable[..., KillableEngine]]:
    started: list[KillableEngine] = []

    def start(*jobs: tuple[str, dict[str, Any]]) -> KillableEngine:
        started.append(KillableEngine(tmp_path / "state", list(jobs)))
        return started[-1]

    yield start
    for engine in started:
        engine.kill()


def test_an_engine_killed_in_a_swap_leaves_whole_frames_and_a_list_of_jobs(
    killable: Callable[..., KillableEngine], project: ProjectFolder
) -> None:
    asked = {"project": str(project.path), "shot": "sh010", "model": "m", "comp": True}
    waiting = {**asked, "frames": "1001", "out": str(project.path / "other")}
    engine = killable(("swap", asked), ("swap", waiting), ("inspect", {"path": "u64"}))
    until(lambda: len(list(project.swaps("sh010").glob("sh010.*.exr"))) >= 4)
    engine.kill()
    expect_whole(project.swaps("sh010"))
    again = Scheduler(engine.state, ["cpu"])
    try:
        assert {record.id for record in again.jobs()} == set(engine.ids)
        first = again.job(engine.ids[0])
        assert first.state is JobState.FAILED and first.error is not None and first.error.kind == "EngineStopped"
        assert ended(again, engine.ids[1]).state is JobState.DONE
        finished = expect_whole(project.swaps("sh010"))
        assert 8 <= finished < 2 * FRAMES
        again.resume(engine.ids[0])
        done = ended(again, engine.ids[0])
        assert done.state is JobState.DONE and done.results["kept"]
        expect_the_same_pictures(project, done)
    finally:
        again.close()


def test_an_engine_killed_in_training_loses_no_iteration(
    killable: Callable[..., KillableEngine], project: ProjectFolder
) -> None:
    asked = {"project": str(project.path), "model": "t", "preset": "u64", "overrides": ["training.batch=1"]}
    engine = killable(("train", {**asked, "iterations": 120}))
    log = engine.state / "jobs" / engine.ids[0] / "job.json"
    until(lambda: json.loads(log.read_text())["record"]["done"] >= 3 and '"training"' in log.read_text())
    engine.kill()
    until(lambda: list((project.model("t") / "snapshots").glob("iteration-*.safetensors")), 10.0)
    again = Scheduler(engine.state, ["cpu"])
    try:
        assert again.job(engine.ids[0]).state is JobState.FAILED
        again.resume(engine.ids[0])
        done = ended(again, engine.ids[0])
        assert (done.state, done.results["iteration"]) == (JobState.DONE, 120)
        assert any("Resumes at iteration" in line for line in again.log(engine.ids[0]).lines)
    finally:
        again.close()
    run_train(project, "calm", load_preset("u64", ["training.batch=1"]), iterations=120, device="cpu")
    saved = "iteration-000000120.safetensors"
    calm, resumed = (read_snapshot(project.model(name) / "snapshots" / saved).weights for name in ("calm", "t"))
    assert all(torch.equal(calm[key], resumed[key]) for key in calm)
