"""The short jobs that a host needs beside the long ones: shot, identity, faces, deliver, and what a project holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from understudy.answers import plan_from, status_from
from understudy.cli import main
from understudy.scheduler.record import JobRecord, JobState
from understudy.scheduler.requests import check_request
from understudy.scheduler.scheduler import Scheduler
from understudy.settings.project import ProjectFolder

from .conftest import ended


def done(scheduler: Scheduler, kind: str, **request: Any) -> JobRecord:
    record = ended(scheduler, scheduler.submit(kind, request).id)
    assert record.state is JobState.DONE, record.error
    return record


def test_a_shot_is_added_to_a_project_that_is_made_for_it(
    scheduler: Scheduler, project: ProjectFolder, tmp_path: Path
) -> None:
    new, plate = str(tmp_path / "new" / "film"), str(tmp_path / "work" / "plates" / "sh010.####.exr")
    ocio = "cg-config-v2.2.0_aces-v1.3_ocio-v2.4"
    asked = {"project": new, "plate": plate, "colorspace": "ACEScg", "make_project": True, "ocio": ocio}
    first = done(scheduler, "shot", name="sh010", frames="1001-1010", **asked)
    assert (first.project, first.subject) == (new, "sh010")
    assert (first.results["frames"], first.results["colorspace"], first.results["ocio"]) == (
        "1001-1010",
        "ACEScg",
        ocio,
    )
    done(scheduler, "shot", name="sh020", **asked)
    done(scheduler, "identity", project=new, name="ben", role="target")
    project = ProjectFolder.open(Path(new))
    assert (set(project.project.shots), set(project.project.identities)) == ({"sh010", "sh020"}, {"ben"})
    facts = done(scheduler, "inspect", path=new).results
    assert facts["kind"] == "project" and [shot["name"] for shot in facts["shots"]] == ["sh010", "sh020"]


def test_a_plate_that_is_not_there_makes_no_project(scheduler: Scheduler, tmp_path: Path) -> None:
    asked = {"project": str(tmp_path / "new"), "name": "a", "plate": str(tmp_path / "a.####.exr"), "make_project": True}
    record = ended(scheduler, scheduler.submit("shot", asked).id)
    assert record.state is JobState.FAILED and record.error is not None and "a.####.exr" in record.error.message
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("kind,more", [("faces", {"sheet": True}), ("deliver", {"model": "m", "fusion_first": 0})])
def test_the_command_prints_what_the_job_says(
    scheduler: Scheduler,
    project: ProjectFolder,
    capsys: pytest.CaptureFixture[str],
    kind: str,
    more: dict[str, Any],
) -> None:
    results = done(scheduler, kind, project=str(project.path), shot="sh010", **more).results
    options = ["--sheet"] if kind == "faces" else ["--model", "m", "--fusion-first", "0"]
    assert main(["-C", str(project.path), kind, "sh010", *options, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == results
    files = [results["sheet"]] if kind == "faces" else results["files"]
    assert files and all(Path(path).is_file() for path in files)


def test_a_plan_is_made_through_the_engine_and_read_by_the_client(scheduler: Scheduler) -> None:
    record = done(scheduler, "plan", preset="u64", memory="4GiB", batch=256, overrides=["training.seed=2"])
    assert (record.project, record.subject, record.results["device"]) == ("", "u64", "cpu")
    plan = plan_from(status_from(record.to_json(), "job"))
    assert (plan.fits, plan.batch, plan.largest_batch, plan.available) == (True, 256, 256, 4 << 30)
    assert plan.changes == ("training.batch=256",) and plan.sentence.endswith("it fits.")
    assert sum(plan.memory.values()) < plan.peak <= plan.available


def test_a_plan_for_memory_that_nobody_knows_fails_with_the_cure(scheduler: Scheduler) -> None:
    record = ended(scheduler, scheduler.submit("plan", {"preset": "u64"}).id)
    assert record.state is JobState.FAILED and record.error is not None
    assert record.error.message == "It is not known how much memory there is: say so, for instance 8GiB."


def test_tracks_are_assigned_through_the_engine(scheduler: Scheduler, project: ProjectFolder) -> None:
    def identities(**request: Any) -> list[str]:
        results = done(scheduler, "faces", project=str(project.path), shot="sh010", **request).results
        return [track["identity"] for track in results["tracks"]]

    assert identities() == [""]
    assert identities(assign={"1": "eileen"}) == identities() == ["eileen"]
    assert identities(assign={"1": ""}) == identities() == [""]
    failed = scheduler.submit("faces", {"project": str(project.path), "shot": "sh010", "assign": {"9": "eileen"}})
    error = ended(scheduler, failed.id).error
    assert error is not None and "No track is called '9'" in error.message


def test_a_project_is_changed_while_a_training_runs(scheduler: Scheduler, project: ProjectFolder) -> None:
    asked = {"model": "t", "preset": "u64", "overrides": ["training.batch=1"], "iterations": 100_000}
    training = scheduler.submit("train", {"project": str(project.path), **asked})
    done(scheduler, "identity", project=str(project.path), name="carl", role="target")
    assert not scheduler.job(training.id).state.is_ended
    scheduler.cancel(training.id)
    ended(scheduler, training.id)


def test_a_resumed_shot_job_asks_the_same_again(portrait_project: ProjectFolder) -> None:
    request = {"project": str(portrait_project.path), "name": "sh020", "plate": "/plates/b.####.exr"}
    kept = check_request("shot", request).request
    assert kept == {**request, "missing": "error", "make_project": False}
    assert check_request("shot", kept).request == kept
