from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from understudy.bench.engine import own_engine
from understudy.bench.load import load_engine
from understudy.bench.one_frame import measure_frame
from understudy.jobs.extract import run_extract
from understudy.jobs.train import run_train
from understudy.settings.preset import load_preset
from understudy.settings.project import ProjectFolder

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into the engine's process by /proc")


@pytest.fixture
def swappable(portrait_project: ProjectFolder) -> ProjectFolder:
    preset = load_preset("identity", ["model.size=128"])
    for identity in ("eileen", "double"):
        run_extract(portrait_project, "sh010", identity, preset)
    run_train(portrait_project, "m", preset)
    return portrait_project


def test_many_clients_poll_a_real_job_and_none_is_lost(swappable: ProjectFolder) -> None:
    before = os.sched_getaffinity(0)
    own_core, *others = sorted(before)
    with own_engine(["--device", "cpu"], others) as target:
        load = load_engine(target, swappable, "sh010", "m", clients=32, rounds=1, own_core=own_core)
        frame = measure_frame(target, swappable, "sh010", "m", 1001, rounds=2)
        assert os.sched_getaffinity(target.pid) == {own_core}
        assert set(others or before) in [os.sched_getaffinity(pid) for pid in children(target.pid)]
    assert load is not None and frame is not None
    assert (load.failed_polls, load.lost_jobs, load.jobs, load.frames, load.is_apart) == (0, 0, 31, 3, True)
    assert load.polls >= 31 and load.median_ms < 50 and load.clients_cores > 0
    assert frame.size == (640, 480) and 0 < frame.around_ms < frame.engine_ms
    assert os.sched_getaffinity(0) == before


def children(pid: int) -> list[int]:
    return [int(child) for path in Path(f"/proc/{pid}/task").glob("*/children") for child in path.read_text().split()]


def test_its_folders_are_gone_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERSTUDY_RUNTIME", "/nowhere")
    with own_engine(["--device", "cpu"]) as target:
        assert target.is_alive() and target.descriptors() > 3
    assert not target.runtime.exists() and not Path(f"/proc/{target.pid}").exists()
