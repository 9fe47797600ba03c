"""Costs of networks: counted once, kept, and counted anew when they may be others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from understudy.jobs import preset_costs
from understudy.jobs.preset_costs import KnownCosts
from understudy.model import cost
from understudy.settings.preset import load_preset

U64 = load_preset("u64").model


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is counted, each time."""
    seen: list[str] = []
    count = cost.model_cost
    monkeypatch.setattr(cost, "model_cost", lambda settings: (seen.append(settings.kind), count(settings))[1])
    return seen


def known(path: Path) -> dict[str, object]:
    costs = KnownCosts(path)
    found = costs.of(U64)
    costs.keep()
    return found


def test_what_was_counted_is_read(tmp_path: Path, counted: list[str]) -> None:
    first, second = known(tmp_path / "new" / "costs.json"), known(tmp_path / "new" / "costs.json")
    assert first == second == cost._model_cost(U64.model_dump_json()).to_json()
    assert len(counted) == 1


def test_another_network_is_another_entry(tmp_path: Path, counted: list[str]) -> None:
    costs = KnownCosts(tmp_path / "costs.json")
    assert costs.of(U64)["parameters"] != costs.of(load_preset("u128").model)["parameters"]
    assert len(counted) == 2


@pytest.mark.parametrize("text", ["", "[]", '{"schema": "preset-costs-1"}', "\xff"])
def test_a_damaged_file_costs_the_time_only(tmp_path: Path, counted: list[str], text: str) -> None:
    path = tmp_path / "costs.json"
    whole = known(path)
    path.write_text(text, encoding="latin-1")
    assert known(path) == whole and known(path) == whole
    assert len(counted) == 2


def test_costs_of_another_form_cost_the_time_only(tmp_path: Path, counted: list[str]) -> None:
    path = tmp_path / "costs.json"
    whole = known(path)
    path.write_text(json.dumps({**json.loads(path.read_text()), "costs": []}))
    assert known(path) == whole and len(counted) == 2


def test_other_code_or_another_pytorch_counts_anew(
    tmp_path: Path, counted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    known(tmp_path / "costs.json")
    monkeypatch.setattr(preset_costs, "_counted_by", lambda: "another")
    known(tmp_path / "costs.json")
    assert len(counted) == 2


def test_a_folder_that_cannot_be_written_costs_the_time_only(tmp_path: Path, counted: list[str]) -> None:
    (tmp_path / "file").write_text("")
    known(tmp_path / "file" / "costs.json")
    known(tmp_path / "file" / "costs.json")
    assert len(counted) == 2
