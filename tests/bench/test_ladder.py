"""One choice changed at a time: what the steps are, and what is told of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from understudy.bench import ladder
from understudy.bench.ladder import BASE, STEPS, climb, step_presets
from understudy.bench.quality import QualityFigures, QualityResult
from understudy.cli import main
from understudy.errors import SettingsError
from understudy.model.cost import model_cost
from understudy.settings.preset import Preset, load_preset
from understudy.synthetic.score import Measures

PLATE = Measures(20.0, 0.5, 1.0, 0.02, 1.0, None)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What was asked of the comparison, which answers without training."""
    asked: dict[str, Any] = {}

    def answer(presets: Sequence[Preset], **options: Any) -> QualityResult:
        asked.update(options, presets=list(presets))
        learnt = [
            QualityFigures(each.name, each.model.size, 1, 2.0, 10 + number, 5.0, PLATE)
            for number, each in enumerate(presets)
        ]
        return QualityResult(tuple(learnt), PLATE, 24)

    monkeypatch.setattr(ladder, "compare_quality", answer)
    return asked


def test_each_step_is_the_base_changed_as_it_says() -> None:
    base = load_preset(BASE)
    for step, preset in step_presets():
        assert preset.name == step.name and preset.model.size == base.model.size
        assert (preset.model, preset.training) == (base.with_overrides(step.changes).model, preset.training)
        assert (preset.model == base.model and preset.training == base.training) == (step.name == BASE)
    assert len({step.name for step in STEPS}) == len(STEPS)


def test_folding_more_never_costs_more_arithmetic() -> None:
    presets = {step.name: preset for step, preset in step_presets()}
    gflop = [model_cost(presets[name].model).gflop for name in ("unfolded", "folded-by-2", BASE, "folded-by-8")]
    assert gflop == sorted(gflop, reverse=True) and gflop[0] > 3 * gflop[-1]


def test_a_rung_says_what_an_iteration_costs(asked: dict[str, Any]) -> None:
    climbed = climb(["twice", BASE], ["training.batch=4"], minutes=0.5)
    assert climbed is not None and asked["minutes"] == 0.5
    twice, base = climbed.rungs
    assert twice.learnt.preset == "twice" and [each.training.batch for each in asked["presets"]] == [4, 4]
    assert (twice.cpu_seconds, base.cpu_seconds) == (0.5, 5.0 / 11)
    assert twice.cost.activations < base.cost.activations and twice.cost.memory < base.cost.memory
    assert twice.cost.gflop > base.cost.gflop and twice.cost.parameters == base.cost.parameters


@pytest.mark.usefixtures("asked")
def test_the_command_shows_every_step_and_doing_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "ladder", "--step", "haar", "--step", "narrow"]) == 0
    shown = capsys.readouterr().out
    assert all(word in shown for word in ("haar", "narrow", "no swap"))
    assert main(["bench", "ladder", "--step", "haar", "--json"]) == 0
    (rung,) = json.loads(capsys.readouterr().out)["rungs"]
    assert rung["cost"]["what"] == "the blocks as Haar wavelets" and rung["cpu_seconds"] == 0.5


def test_a_dry_run_says_what_steps_cost_and_trains_nothing(
    asked: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "ladder", "--step", "haar", "--dry-run"]) == 0
    assert "Haar wavelets" in capsys.readouterr().out
    assert main(["bench", "ladder", "--step", "narrow", "--step", "wide", "--dry-run", "--json"]) == 0
    narrow, wide = json.loads(capsys.readouterr().out)
    assert narrow["parameters"] < wide["parameters"] and narrow["memory"] < wide["memory"]
    assert not asked


def test_an_unknown_step_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(SettingsError, match=r"'hair'\. There are: u128, .*haar"):
        step_presets(["hair"])
