"""The comparison of starts: five runs alike, and figures that are what they say."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.jobs.made_up_people import TINY
from tests.training.conftest import disc_faces
from understudy.bench import transfer
from understudy.bench.transfer import Performer, measure_starts, synthetic_performer
from understudy.color import ColorConfig
from understudy.errors import SettingsError


@pytest.fixture
def performers() -> list[Performer]:
    return [Performer(disc_faces(4, level, TINY), disc_faces(2, level, TINY)) for level in (0.3, 0.35, 0.4, 0.5)]


def test_every_start_is_measured_and_warm_ones_begin_ahead(tmp_path: Path, performers: list[Performer]) -> None:
    result = measure_starts(tmp_path, performers, TINY, 16, lambda _: True, measures=2)
    assert result is not None
    fresh, *others = result.starts
    assert [start.start for start in others] == [
        "one pair: encoder, inter",
        "one pair: all parts",
        "2 people: encoder, inter",
        "2 people: all parts",
    ]
    assert fresh.iterations == (8, 16) and fresh.errors[0] > fresh.errors[-1] > 0
    assert fresh.reached is not None and fresh.reached <= 16
    assert fresh.seconds is not None and fresh.seconds > 0
    assert max(others[1].errors[0], others[3].errors[0]) < 0.85 * fresh.errors[0]
    assert json.loads(json.dumps(result.to_json()))["starts"][0]["errors"] == list(fresh.errors)
    assert result.rows()[0][0] == "fresh"


def test_it_stops_when_asked(tmp_path: Path, performers: list[Performer]) -> None:
    assert measure_starts(tmp_path, performers, TINY, 40, lambda _: False, measures=4) is None


def test_too_little_to_compare_is_refused(tmp_path: Path, performers: list[Performer]) -> None:
    with pytest.raises(SettingsError, match="four performers"):
        measure_starts(tmp_path, performers[:3], TINY, 40, lambda _: True)


def test_an_error_is_reached_between_two_measures() -> None:
    assert transfer._reached((10, 20, 30), (0.4, 0.3, 0.1), 0.2) == 25.0
    assert transfer._reached((10, 20), (0.1, 0.2), 0.2) == 10.0
    assert transfer._reached((10, 20), (0.4, 0.3), 0.2) is None


def test_a_synthetic_performers_faces_lie_grey_in_their_crops(
    color: ColorConfig,
    cache_folder: Path,
) -> None:
    made = synthetic_performer(7, 2, TINY, color, cache_folder)
    assert len(made.learned) == 2 and len(made.held_out) == 1 and made.learned.codes.shape[1:] == (80, 80, 3)
    inside = made.learned.codes[made.learned.mattes > 200] / 65535 * 2 - 0.5
    assert np.median(inside) == pytest.approx(0.4, abs=0.02)
    assert 0.2 < (made.learned.mattes > 127).mean() < 0.6
    assert not np.array_equal(made.learned.codes[0], made.held_out.codes[0])
