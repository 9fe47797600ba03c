"""The bench of mattes, on a few small frames: that it measures what it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from understudy.bench.faces_mattes import MatteFigures, MatteScore, measure


@pytest.fixture(scope="module")
def figures(cache_folder: Path) -> MatteFigures:
    made = measure(side=192, free=(7,), free_frames=(4, 17), covered=(), cache_folder=cache_folder)
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


def test_a_bench_that_was_stopped_has_no_figures(cache_folder: Path) -> None:
    stopped = measure(
        side=192, free=(7, 7), free_frames=(4,), covered=(), cache_folder=cache_folder, on_progress=lambda _: False
    )
    assert stopped is None
