"""The demo's whole way, small: what it writes, and that it goes on where it was stopped."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from understudy import demo
from understudy.demo import run_demo
from understudy.jobs.verify import verify_folder
from understudy.progress import Progress


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, cache_folder: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache_folder.parents[1]))
    monkeypatch.setattr(demo, "_FRAMES", 3)
    monkeypatch.setattr(demo, "_TRAIN_FRAMES", 4)
    monkeypatch.setattr(demo, "_TAKE", 2)
    monkeypatch.setattr(demo, "_SIZE", (480, 270))


def test_the_demo_goes_the_whole_way_and_on_after_a_stop(tmp_path: Path) -> None:
    stages: list[str] = []

    def stop_at_cropping(progress: Progress) -> bool:
        stages.append(progress.stage)
        return progress.stage != "cropping faces"

    assert run_demo(tmp_path, 0.05, "u64", stop_at_cropping) is None
    result = run_demo(tmp_path, 0.05, "u64", lambda _: True)
    assert result is not None and result.score.completed
    assert result.score.frames == 3
    assert result.score.matte_iou is not None and result.score.matte_iou > 0.8
    assert verify_folder(result.results).faults == ()
    assert cv2.imread(str(result.sheet)).shape[1] == 5 * 324 - 4
    assert all(str(line).strip() for line in result.lines())
