"""Processes that measure: they take turns, and say how they end. They load this file, so it loads no torch."""

from __future__ import annotations

import os
import time
from itertools import pairwise
from pathlib import Path

import pytest

from understudy.bench.child import Child, Turn
from understudy.errors import SettingsError, UnderstudyError


def count_slowly(turn: Turn, most: int) -> list[float]:
    times = []
    for number in range(most):
        time.sleep(0.02)
        turn.message = f"at {number}"
        times.append(time.monotonic())
        if not turn.pause():
            break
    return times


def save_at_the_end(turn: Turn, path: str) -> None:
    while turn.pause():
        time.sleep(0.01)
    Path(path).write_text("stopped")


def fail(turn: Turn, message: str) -> None:
    raise SettingsError(message, field="batch")


def die(turn: Turn) -> None:
    os._exit(9)


@pytest.fixture
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new process imports the functions above."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2]))


@pytest.mark.usefixtures("importable")
def test_children_work_only_in_their_turn() -> None:
    with Child("one", count_slowly, 8) as one, Child("two", count_slowly, 8) as two:
        while not (one.is_done and two.is_done):
            for child in (one, two):
                assert child.is_done or child.turn(0.05, 60, lambda: True)
    turns = sorted([(at, "one") for at in one.result] + [(at, "two") for at in two.result])
    order = [name for _, name in turns]
    changes = sum(first != second for first, second in pairwise(order))
    assert len(order) == 16 and 3 <= changes <= 13
    assert one.message.startswith("at ")


@pytest.mark.usefixtures("importable")
def test_an_error_of_a_child_is_raised_here() -> None:
    with Child("x", fail, "wrong") as child, pytest.raises(SettingsError, match="wrong") as caught:
        child.turn(1, 60, lambda: True)
    assert caught.value.facts == {"field": "batch"}


@pytest.mark.usefixtures("importable")
def test_a_child_that_dies_or_takes_too_long_is_said_in_one_sentence() -> None:
    with Child("x", die) as child, pytest.raises(UnderstudyError, match="x: its process ended without an answer"):
        child.turn(1, 60, lambda: True)
    with Child("y", count_slowly, 10_000) as child, pytest.raises(UnderstudyError, match="y did not come to an end"):
        child.turn(1e9, 0.3, lambda: True)


@pytest.mark.usefixtures("importable")
@pytest.mark.parametrize("seconds", [0.05, 1e9])
def test_a_child_is_asked_to_save_in_its_turn_or_while_it_rests(tmp_path: Path, seconds: float) -> None:
    with Child("x", save_at_the_end, str(tmp_path / "saved")) as child:
        child.turn(seconds, 60, lambda: seconds < 1)
        child.stop(60)
        assert child.is_done and (tmp_path / "saved").read_text() == "stopped"
