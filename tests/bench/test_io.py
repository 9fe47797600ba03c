from __future__ import annotations

import json

import numpy as np
import pytest

from understudy.bench.io import STEPS, measure_io
from understudy.bench.made_up_shot import texture
from understudy.cli import main
from understudy.progress import Progress


def test_every_step_the_floor_and_the_job_are_measured(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--size", "384x256", "--frames", "2", "--compression", "zips", "--model-size", "64"]
    assert main(["bench", "io", *options, "--json"]) == 0
    (result,) = json.loads(capsys.readouterr().out)
    assert (tuple(result["steps"]), result["frames"], result["compression"]) == (STEPS, 2, "zips")
    assert all(result["steps"][step]["wall_ms"] > 0 for step in ("decode", "colour", "encode", "records"))
    assert result["total"]["cpu_ms"] == pytest.approx(sum(step["cpu_ms"] for step in result["steps"].values()))
    slowest = max(step["wall_ms"] for step in result["steps"].values())
    assert result["bound_ms"] == pytest.approx(max(slowest, result["job"]["cpu_ms"] / result["cores"]))
    assert result["ratio"] == pytest.approx(result["job"]["wall_ms"] / result["bound_ms"])
    assert result["face_px"] == pytest.approx(0.65 * 256, rel=0.01)


def test_measuring_is_stopped_between_frames() -> None:
    reports: list[Progress] = []

    def stop_at_first(report: Progress) -> bool:
        reports.append(report)
        return False

    assert measure_io((96, 64), 2, "none", side=64, on_progress=stop_at_first) is None
    assert len(reports) == 1


def test_the_texture_has_highlights_and_detail_of_all_sizes() -> None:
    picture = texture((256, 128))
    assert picture.shape == (128, 256, 4) and picture.max() > 60 and picture[..., :3].min() > 0
    stops = np.log2(picture[..., 1])
    fine = np.abs(np.diff(stops, axis=1)).mean()
    coarse = np.abs(stops[:, 32:] - stops[:, :-32]).mean()
    assert 0.05 < fine < coarse / 2
