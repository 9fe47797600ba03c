from __future__ import annotations

from pathlib import Path

import pytest

from understudy.errors import FacesetError, SettingsError
from understudy.faces.curation import (
    NOTHING_DECIDED,
    curation_file,
    read_curation,
    write_curation,
)
from understudy.faces.held_out import held_out_blocks, held_out_shots

DROPPED = NOTHING_DECIDED.with_left_out([("sh010", 1001), ("sh010", 1002), ("sh020", 7)], "drop where sharpness<0.3")


def test_decisions_come_back_from_disk(tmp_path: Path) -> None:
    decided = DROPPED.with_held_out([("sh010", 1003)], "hold out 1").restored([("sh020", 7)], "restore")
    write_curation(tmp_path / "anna", decided)
    assert read_curation(tmp_path / "anna") == decided
    assert read_curation(tmp_path / "ben") == NOTHING_DECIDED


def test_undo_goes_back_step_by_step() -> None:
    decided = DROPPED.restored([("sh010", 1001)], "restore")
    assert decided.undone() == DROPPED
    assert decided.undone().undone() == NOTHING_DECIDED
    with pytest.raises(SettingsError, match="nothing to undo"):
        NOTHING_DECIDED.undone()


def test_a_decision_that_changes_nothing_is_no_step() -> None:
    assert DROPPED.with_left_out([("sh020", 7)], "again") is DROPPED


def test_twenty_steps_are_kept() -> None:
    decided = NOTHING_DECIDED
    for number in range(30):
        decided = decided.with_left_out([("s", number)], f"step {number}")
    assert [step.what for step in decided.steps] == [f"step {number}" for number in range(10, 30)]


@pytest.mark.parametrize(
    "text", ["{", '{"schema": "curation-9"}', '{"schema": "curation-1", "left_out": {"s": "x-y"}}', "[]"]
)
def test_a_damaged_file_says_what_to_do(tmp_path: Path, text: str) -> None:
    curation_file(tmp_path / "anna").write_text(text)
    with pytest.raises(FacesetError, match=r"anna\.curation\.json is damaged.*Delete it"):
        read_curation(tmp_path / "anna")


def crops(**counts: int) -> list[tuple[str, int]]:
    return [(shot, 1001 + index) for shot, count in counts.items() for index in range(count)]


def test_blocks_are_runs_of_neighbours_spread_over_the_set() -> None:
    held = held_out_blocks(crops(a=500, b=500), 100)
    assert len(held) == 100 and len(set(held)) == 100
    starts = [key for key in held if (key[0], key[1] - 1) not in held]
    assert 4 <= len(starts) <= 6
    assert {shot for shot, _ in held} == {"a", "b"}


@pytest.mark.parametrize("count", [1, 3, 10, 40, 59])
def test_blocks_are_as_many_as_asked_for_however_short_the_shots(count: int) -> None:
    assert len(held_out_blocks(crops(a=3, b=50, c=1, d=6), count)) == count


def test_whole_shots_come_as_near_as_they_can() -> None:
    shots = {shot for shot, _ in held_out_shots(crops(a=70, b=20, c=12, d=9), 21)}
    assert shots in ({"c", "d"}, {"b"})
    assert len({shot for shot, _ in held_out_shots(crops(a=5, b=5), 10)}) == 1
