"""The bench of mattes, on a few small frames: that it measures what it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from understudy.bench import faces_mattes
from understudy.bench.faces_mattes import MatteFigures, MatteScore, PaintedShot, measure
from understudy.errors import SettingsError


@pytest.fixture(scope="module")
def figures(cache_folder: Path) -> MatteFigures:
    made = measure(side=192, free=(7,), free_frames=(4, 17), painted=(), cache_folder=cache_folder)
    assert made is not None
    return made


def test_a_drawn_matte_covers_a_free_face(figures: MatteFigures) -> None:
    (free,) = figures.scores
    assert (free.frames, figures.searched, figures.not_found) == (2, 2, 0)
    assert 0.9 < free.worst <= free.iou < 1
    assert free.flicker is None and figures.learning_s is None


def test_how_far_the_exact_matte_lies_beyond_the_outline_is_said_for_each_direction(figures: MatteFigures) -> None:
    assert len(figures.beyond) == 36
    assert np.abs(figures.beyond).mean() < 3


def test_the_table_begins_with_its_heads_and_says_what_is_met() -> None:
    scores = (MatteScore("a", 0.97, 0.9, 3, None, 0.96), MatteScore("b", 0.5, 0.4, 3, 0.01, 0.93))
    heads, *rows = MatteFigures(scores, (), 0, 6, None).rows()
    assert heads[0] == "mattes" and all(len(row) == len(heads) for row in rows)
    assert [row[-1] for row in rows] == ["0.96 met", "0.93 NOT met"]


def overlaps(*values: float) -> list[faces_mattes._Overlap]:
    error = np.zeros((2, 2), np.float32)
    return [faces_mattes._Overlap(number, value, error, 4.0) for number, value in enumerate(values)]


def test_covered_shots_of_one_kind_are_scored_together_before_and_after_learning() -> None:
    shots = [PaintedShot("a hand crosses", 1, 1, wanted=0.93)] * 2 + [PaintedShot("glasses", 2, 3, before="glasses")]
    learned = [
        faces_mattes._Learned(shot, overlaps(0.4, 0.6), overlaps(value, value), 1.0)
        for shot, value in zip(shots, (0.92, 0.96, 0.9), strict=True)
    ]
    scores = faces_mattes._scores([overlaps(0.97)], learned)
    assert [(one.what.split(",")[0], round(one.iou, 2), one.frames, one.wanted) for one in scores] == [
        ("nothing crosses", 0.97, 1, 0.96),
        ("a hand crosses", 0.5, 4, None),
        ("a hand crosses", 0.94, 4, 0.93),
        ("glasses", 0.5, 2, None),
        ("glasses", 0.9, 2, None),
    ]
    with pytest.raises(SettingsError, match="No face was found"):
        faces_mattes._scores([[]], [])


def test_a_bench_that_was_stopped_has_no_figures(cache_folder: Path) -> None:
    stopped = measure(
        side=192, free=(7, 7), free_frames=(4,), painted=(), cache_folder=cache_folder, on_progress=lambda _: False
    )
    assert stopped is None
