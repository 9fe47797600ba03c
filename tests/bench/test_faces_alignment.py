"""The bench of alignment, on a few small frames: that it measures what it says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from understudy.bench.faces_alignment import AlignmentFigures, ShotFigures, StagedShot, measure


@pytest.fixture(scope="module")
def figures(cache_folder: Path) -> AlignmentFigures:
    made = measure(shots=(StagedShot("free", 7, 17, (4, 9)),), side=224, cache_folder=cache_folder)
    assert made is not None
    return made


def test_a_few_small_frames_are_aligned_within_a_hundredth_of_the_crop(figures: AlignmentFigures) -> None:
    (one,) = figures.shots
    assert (one.frames, one.missing, one.filled) == (6, 0, 0)
    assert 0 < one.own_px <= one.whole_px < 40
    assert one.own_px < 10 and one.jitter_px < one.found_jitter_px
    assert 0 < one.skull_px < 15 and one.covered_px is None
    assert figures.pitch_spread is None and figures.scale_error is None


def test_the_table_says_of_each_kind_what_is_met(figures: AlignmentFigures) -> None:
    (one,) = figures.shots
    good = replace(one, own_px=1.0, jitter_px=0.1, found_jitter_px=1.0, whole_px=9.0)
    shaken = replace(one, shot="shake 7, performance 18", lag_frames=0.4)
    heads, *rows = AlignmentFigures((good, shaken), 1.0, 0.03, 0.04).rows()
    assert all(len(row) == len(heads) for row in rows)
    verdicts = {row[0].split(",")[0].rsplit(" ", 1)[0]: row[-1] for row in rows[2:7]}
    assert verdicts == {
        "free: whole_px": "NOT met",
        "free: own_px": "met",
        "free: jitter_px": "met",
        "free: steadier": "met",
        "shake: lag_frames": "NOT met",
    }


def test_a_stopped_measurement_gives_none(cache_folder: Path) -> None:
    shots = (StagedShot("free", 7, 17, (4, 7)), StagedShot("free", 7, 17, (8, 11)))
    assert measure(shots=shots, side=224, cache_folder=cache_folder, on_progress=lambda _: False) is None


def test_figures_are_plain_values(figures: AlignmentFigures) -> None:
    (one,) = figures.to_json()["shots"]
    assert one["steadier"] == figures.shots[0].steadier and set(one) > set(ShotFigures.__dataclass_fields__)
