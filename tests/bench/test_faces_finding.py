from __future__ import annotations

import json

import numpy as np
import pytest

from understudy.bench import faces_finding
from understudy.bench.faces_finding import FindingResult, Share, measure
from understudy.bench.staging import portrait, stage
from understudy.cli import main
from understudy.progress import Progress

RESULT = FindingResult(
    {
        "size %": {"5": Share(3, 4, 0.04), "7": Share(4, 4, 0.04), "120": Share(4, 4, 0.05)},
        "yaw": {"0": Share(4, 4, 0.03)},
    },
    Share(8, 8, 0.04),
    0,
    7.0,
    0.0,
    None,
    (0.0001, 0.002),
    {"overview": 30.0},
)


def test_a_staged_face_lies_where_its_transform_says() -> None:
    cutout = portrait()
    assert cutout is not None
    staged = stage(cutout, 0.5, (0.25, 0.5), roll=90, stops=1, size=(256, 128))
    assert staged.pixels.shape == (128, 256, 3)
    np.testing.assert_allclose(staged.in_cutout(np.array([[64.0, 64.0]])), [cutout.middle], atol=1e-9)
    column, row = (round(value) for value in cutout.middle)
    ahead, behind = (cutout.pixels[row - 4 : row + 4, column + shift : column + shift + 8] for shift in (20, -28))
    below, above = (staged.pixels[64 + shift : 69 + shift, 61:67] for shift in (12, -17))
    np.testing.assert_allclose(below.mean(axis=(0, 1)), 2 * ahead.mean(axis=(0, 1)), rtol=0.15)
    np.testing.assert_allclose(above.mean(axis=(0, 1)), 2 * behind.mean(axis=(0, 1)), rtol=0.15)


def test_the_smallest_size_and_largest_yaw_end_at_the_first_that_is_missed() -> None:
    yaws = {"0": Share(8, 8, 0.0), "45": Share(8, 8, 0.0), "60": Share(7, 8, 0.0), "75": Share(8, 8, 0.0)}
    assert faces_finding._largest(yaws) == 45
    assert faces_finding._smallest(RESULT.shares["size %"]) == 7


def test_the_command_prints_what_was_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(faces_finding, "measure", lambda on_progress: RESULT)
    assert main(["bench", "faces", "--part", "finding", "--json"]) == 0
    shares = json.loads(capsys.readouterr().out)["finding"]["shares"]
    assert shares["size %"]["5"] == {"found": 3, "frames": 4, "error": 0.04}
    assert main(["bench", "faces", "--part", "finding"]) == 0
    printed = capsys.readouterr().out
    assert "size % 5" in printed and "3 of 4" in printed and "0.0020" in printed
    assert main(["bench", "faces", "--part", "findin"]) == 2
    assert "Near: finding" in capsys.readouterr().err


def test_measuring_is_stopped_between_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    reports: list[Progress] = []

    def stop_at_first(report: Progress) -> bool:
        reports.append(report)
        return False

    monkeypatch.setattr(faces_finding, "_outcome", lambda *_: (0.03, 0))
    assert measure(stop_at_first) is None and len(reports) == 1
