"""The scheduler with its real workers."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from understudy.errors import EngineError, SettingsError, UnknownNameError
from understudy.model.snapshot import read_snapshot
from understudy.model.tensor_file import read_tensors
from understudy.plates import read_frame
from understudy.scheduler import scheduler as scheduler_module
from understudy.scheduler.record import JobRecord, JobState
from understudy.scheduler.scheduler import Scheduler
from understudy.settings.project import ProjectFolder

from .conftest import ended, expect_whole, running, until

QUICK_TRAINING = {"preset": "u64", "overrides": ["training.batch=1"]}


def submit(scheduler: Scheduler, folder: ProjectFolder, kind: str, **request: Any) -> JobRecord:
    return scheduler.submit(kind, {"project": str(folder.path), **request})


def swap_asked() -> dict[str, Any]:
    return {"shot": "sh010", "model": "m", "comp": True}


def long_training() -> dict[str, Any]:
    return {"model": "long", **QUICK_TRAINING, "iterations": 100_000}


def test_200_jobs_from_16_threads_are_all_done_in_order(scheduler: Scheduler) -> None:
    submitted: list[str] = []

    def submit_some(count: int) -> None:
        for _ in range(count):
            submitted.append(scheduler.submit("inspect", {"path": "identity"}).id)

    threads = [threading.Thread(target=submit_some, args=(12 + (number < 8),)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(submitted) == len(set(submitted)) == 200
    for job_id in submitted:
        assert ended(scheduler, job_id).state is JobState.DONE
    known = [record for record in reversed(scheduler.jobs()) if record.id in set(submitted)]
    assert len(known) == 200
    assert [record.created for record in known] == sorted(record.created for record in known)
    assert [record.started for record in known] == sorted(record.started or 0.0 for record in known)


def test_every_kind_says_what_it_made(scheduler: Scheduler, project: ProjectFolder) -> None:
    extract = ended(scheduler, submit(scheduler, project, "extract", shot="sh010", identity="eileen", preset="u64").id)
    assert extract.results == {
        "faceset": str(project.faceset("eileen")),
        "cropped": 0,
        "kept": 24,
        "without_face": "",
        "report": str(project.faceset("eileen") / "report.html"),
    }
    train = ended(scheduler, submit(scheduler, project, "train", model="t", **QUICK_TRAINING, iterations=2).id)
    assert train.results["iteration"] == 2 and Path(train.results["snapshot"]).is_file()
    assert set(train.results) == {"iteration", "loss", "snapshot", "preview", "because"}
    swap = ended(scheduler, submit(scheduler, project, "swap", **swap_asked(), frames="1001-1003").id)
    assert (swap.results["written"], swap.results["kept"]) == ("1001-1003", "")
    assert swap.results["patterns"][1].endswith("comp/sh010_comp.####.exr")
    preview = ended(scheduler, submit(scheduler, project, "preview", shot="sh010", model="m", frame=1002).id)
    assert read_frame(Path(preview.results["exr"])).channel("face.A").max() == 1
    inspect = ended(scheduler, scheduler.submit("inspect", {"path": train.results["snapshot"]}).id)
    assert (inspect.results["kind"], inspect.results["iteration"]) == ("snapshot", 2)
    lines = scheduler.log(swap.id).lines
    assert "Understudy" in lines[1] and "device cpu" in lines[1]
    assert "colour space ACEScg" in lines[2] and "Snapshot" in lines[3]


def test_a_preview_runs_while_training_goes_on_and_changes_no_bit(scheduler: Scheduler, project: ProjectFolder) -> None:
    ended(scheduler, submit(scheduler, project, "preview", shot="sh010", model="m", frame=1001).id)
    asked = {**QUICK_TRAINING, "iterations": 80}
    ended(scheduler, submit(scheduler, project, "train", model="calm", **asked).id)
    training = submit(scheduler, project, "train", model="disturbed", **asked)
    seen = set()
    for done in (3, 12, 20):
        running(scheduler, training.id, "training", done)
        preview = submit(scheduler, project, "preview", shot="sh010", model="m", frame=1001 + done)
        while not scheduler.job(preview.id).state.is_ended:
            seen.add((scheduler.job(training.id).state, scheduler.job(training.id).waits_for))
            time.sleep(0.002)
        assert scheduler.job(preview.id).state is JobState.DONE
        assert scheduler.job(training.id).state is JobState.RUNNING
    assert (JobState.RUNNING, "paused for preview of sh010") in seen
    done = ended(scheduler, training.id)
    assert (done.state, done.waits_for, done.results["iteration"]) == (JobState.DONE, "", 80)
    for name, schema in (("checkpoints", "checkpoint-1"), ("snapshots", "snapshot-1")):
        calm, disturbed = (
            read_tensors(project.model(model) / name / "iteration-000000080.safetensors", schema, name)[0]
            for model in ("calm", "disturbed")
        )
        assert calm.keys() == disturbed.keys()
        assert all(torch.equal(calm[key], disturbed[key]) for key in calm)


@pytest.mark.parametrize(
    "kind,asked,stage,done",
    [
        ("extract", {"shot": "sh010", "identity": "eileen", "preset": "u64"}, "finding faces", 3),
        ("swap", swap_asked(), "swapping", 3),
        ("train", long_training(), "training", 3),
    ],
)
def test_cancel_takes_two_seconds_at_most_and_keeps_what_is_finished(
    scheduler: Scheduler, project: ProjectFolder, kind: str, asked: dict[str, Any], stage: str, done: int
) -> None:
    project.faces_file("sh010").rename(project.path / "found.jsonl")
    if kind != "extract":
        (project.path / "found.jsonl").rename(project.faces_file("sh010"))
    job = submit(scheduler, project, kind, **asked)
    running(scheduler, job.id, stage, done)
    started = time.monotonic()
    assert scheduler.cancel(job.id).state is JobState.CANCELING
    record = ended(scheduler, job.id, 10.0)
    assert time.monotonic() - started < 2.0
    assert (record.state, record.error) == (JobState.CANCELED, None)
    expect_whole(project.path)
    match kind:
        case "extract":
            assert 3 <= len(project.faces_file("sh010").read_text().splitlines()) < 24
        case "swap":
            assert 3 <= len(list(project.swaps("sh010").glob("*.exr"))) < 24
        case "train":
            assert read_snapshot(Path(record.results["snapshot"])).facts["iteration"] >= 3


@pytest.mark.parametrize("kind", ["swap", "preview"])
def test_a_worker_that_does_not_listen_is_ended(scheduler: Scheduler, project: ProjectFolder, kind: str) -> None:
    asked = swap_asked() if kind == "swap" else {"shot": "sh010", "model": "m", "frame": 1001}
    ended(scheduler, submit(scheduler, project, kind, **{**asked, **({"frames": "1001"} if kind == "swap" else {})}).id)
    pid = scheduler.worker_pids()["cpu quick" if kind == "preview" else "cpu long"]
    if kind == "preview":
        os.kill(pid, signal.SIGSTOP)
    job = submit(scheduler, project, kind, **asked)
    if kind == "swap":
        running(scheduler, job.id, "swapping", 4)
        os.kill(pid, signal.SIGSTOP)
    until(lambda: scheduler.job(job.id).state is JobState.RUNNING)
    started = time.monotonic()
    scheduler.cancel(job.id)
    assert ended(scheduler, job.id, 10.0).state is JobState.CANCELED
    assert time.monotonic() - started < 2.5
    assert expect_whole(project.swaps("sh010")) >= (4 if kind == "swap" else 0)


def test_a_job_that_waits_is_canceled_at_once_and_resumed_at_the_end(
    scheduler: Scheduler, project: ProjectFolder
) -> None:
    first = submit(scheduler, project, "train", **long_training())
    second, third = (submit(scheduler, project, "swap", **swap_asked(), frames="1001") for _ in range(2))
    assert scheduler.job(third.id).waits_for == "2 jobs before it"
    assert scheduler.cancel(second.id).state is JobState.CANCELED
    assert scheduler.job(third.id).waits_for == "1 job before it"
    assert scheduler.resume(second.id).waits_for == "2 jobs before it"
    with pytest.raises(SettingsError, match="is waiting; only a failed or canceled job"):
        scheduler.resume(second.id)
    with pytest.raises(SettingsError, match="cancel it before"):
        scheduler.forget(second.id)
    scheduler.cancel(first.id)
    begun = [ended(scheduler, job.id).started or 0.0 for job in (first, third, second)]
    assert begun == sorted(begun)
    assert scheduler.cancel(second.id).state is JobState.DONE


def test_an_error_keeps_its_facts(scheduler: Scheduler, project: ProjectFolder) -> None:
    (project.path.parent / "plates" / "sh010.1007.exr").unlink()
    record = ended(scheduler, submit(scheduler, project, "swap", **swap_asked()).id)
    assert record.state is JobState.FAILED and record.error is not None
    assert record.error.kind == "MissingFrameError" and "1007" in record.error.message
    assert record.error.facts
    assert record.error.message in scheduler.log(record.id).lines[-2]


def test_a_foreign_fault_is_one_sentence_with_the_traceback_in_the_log(
    scheduler: Scheduler, project: ProjectFolder
) -> None:
    project.swaps("sh010").mkdir(parents=True)
    (project.swaps("sh010") / "manifest.jsonl").write_bytes(b"\xff\xfe")
    record = ended(scheduler, submit(scheduler, project, "swap", **swap_asked()).id)
    assert record.state is JobState.FAILED and record.error is not None
    assert record.error.kind == "UnderstudyError" and "\n" not in record.error.message
    assert "Traceback (most recent call last):" in scheduler.log(record.id).lines


def test_an_unknown_job_is_answered_with_the_known_ones(scheduler: Scheduler) -> None:
    for call in (scheduler.job, scheduler.log, scheduler.cancel, scheduler.resume, scheduler.forget):
        with pytest.raises(UnknownNameError, match=r"No job is called '\.\./\.\./x'"):
            call("../../x")


def test_jobs_can_be_asked_for_by_project_and_forgotten(scheduler: Scheduler, project: ProjectFolder) -> None:
    job = ended(scheduler, submit(scheduler, project, "preview", shot="sh010", model="m", frame=1001).id)
    assert [record.id for record in scheduler.jobs(f"{project.path}/")] == [job.id]
    scheduler.forget(job.id)
    assert scheduler.jobs(str(project.path)) == ()


def test_a_worker_without_work_ends_and_its_memory_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler_module, "_KEEP_QUICK_WORKER_S", 0.2)
    scheduler = Scheduler(tmp_path, ["cpu"])
    assert scheduler.worker_pids() == {}
    assert ended(scheduler, scheduler.submit("inspect", {"path": "u64"}).id).state is JobState.DONE
    pid = scheduler.worker_pids()["cpu quick"]
    until(lambda: not Path(f"/proc/{pid}").exists() and scheduler.worker_pids() == {}, 10.0)
    scheduler.close()


@pytest.mark.parametrize("name", ["", "gpu", "cuda:x", "../../etc", "cuda:0 "])
def test_a_device_that_is_none_is_one_sentence(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match="is no device; write cpu"):
        Scheduler(tmp_path, ["cpu", name])


def test_a_second_engine_on_the_same_jobs_is_refused(tmp_path: Path) -> None:
    first = Scheduler(tmp_path, ["cpu"])
    with pytest.raises(EngineError, match=f"process {os.getpid()}"):
        Scheduler(tmp_path, ["cpu"])
    first.close()
    Scheduler(tmp_path, ["cpu"]).close()


def test_jobs_of_a_project_stay_on_one_device_and_others_go_elsewhere(
    tmp_path: Path, project: ProjectFolder, portrait_project: ProjectFolder
) -> None:
    scheduler = Scheduler(tmp_path / "state", ["cpu", "cpu:0"])
    first = submit(scheduler, project, "swap", **swap_asked())
    again = submit(scheduler, project, "swap", **swap_asked())
    other = submit(scheduler, portrait_project, "extract", shot="sh010", identity="eileen")
    assert [record.device for record in (first, again, other)] == ["cpu", "cpu", "cpu:0"]
    for record in (again, other, first):
        scheduler.cancel(record.id)
    scheduler.close()
