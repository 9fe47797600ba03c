"""A project with a shot long enough to be interrupted, and a scheduler whose workers are warm."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from understudy.color import DEFAULT_CONFIG
from understudy.jobs.extract import run_extract
from understudy.jobs.train import run_train
from understudy.plates import Frame, read_frame, write_frame
from understudy.scheduler.record import JobRecord
from understudy.scheduler.scheduler import Scheduler
from understudy.settings.preset import load_preset
from understudy.settings.project import ProjectFolder, create_project

FRAMES = 24
SMALL = load_preset("identity", ["model.size=64"])


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Here and in workers: small networks on several threads crawl when other tests use the processor too."""
    before = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        torch.set_num_threads(1)
        yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def made_project(tmp_path_factory: pytest.TempPathFactory, portrait_plate: Callable[..., Any]) -> Path:
    """Folder with `project` and `plates`: shot `sh010`, extracted at 64 px for both identities, identity model `m`."""
    base = tmp_path_factory.mktemp("made")
    first = base / "plates" / "sh010.1001.exr"
    write_frame(first, Frame.of(portrait_plate()))
    for number in range(1002, 1001 + FRAMES):
        shutil.copy(first, first.with_name(f"sh010.{number}.exr"))
    folder = create_project(base / "project", DEFAULT_CONFIG)
    values = {"plate": "../plates/sh010.####.exr", "colorspace": "ACEScg", "frames": f"1001-{1000 + FRAMES}"}
    folder = folder.save(folder.with_shot("sh010", values))
    folder = folder.save(folder.with_identity("eileen", {"role": "target"}))
    folder = folder.save(folder.with_identity("double", {"role": "source", "synthetic": True}))
    run_extract(folder, "sh010", "eileen", SMALL)
    shutil.copytree(folder.faceset("eileen"), folder.faceset("double"))
    record = folder.faceset("double") / "faceset.json"
    record.write_text(record.read_text().replace('"eileen"', '"double"'))
    run_train(folder, "m", SMALL)
    return base


@pytest.fixture
def project(made_project: Path, tmp_path: Path) -> ProjectFolder:
    """A copy of it for one test."""
    shutil.copytree(made_project, tmp_path / "work", copy_function=shutil.copy2)
    return ProjectFolder.open(tmp_path / "work" / "project")


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scheduler]:
    """One for all tests of a file, so that its workers start once."""
    scheduler = Scheduler(tmp_path_factory.mktemp("state"), ["cpu"])
    yield scheduler
    scheduler.close()


def until(condition: Callable[[], object], timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.005)


def ended(scheduler: Scheduler, job_id: str, timeout_s: float = 60.0) -> JobRecord:
    until(lambda: scheduler.job(job_id).state.is_ended, timeout_s)
    return scheduler.job(job_id)


def running(scheduler: Scheduler, job_id: str, stage: str, done: float) -> JobRecord:
    """The job once it has come so far; it may not have ended before."""

    def has_come() -> bool:
        record = scheduler.job(job_id)
        assert not record.state.is_ended, record
        return record.stage == stage and record.done >= done

    until(has_come)
    return scheduler.job(job_id)


def expect_whole(folder: Path) -> int:
    """Every picture that has its final name can be read whole; returns how many. Hidden names are not final."""
    found = [path.relative_to(folder) for path in folder.rglob("*.exr")]
    whole = [folder / path for path in found if not any(part.startswith(".") for part in path.parts)]
    for path in whole:
        read_frame(path)
    return len(whole)
