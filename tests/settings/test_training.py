"""Settings of training: losses by name, phases, and what early presets said."""

from __future__ import annotations

import json

import pytest

from understudy.errors import SettingsError
from understudy.settings.preset import load_preset, preset_from_json
from understudy.settings.training import LossSettings, TrainingSettings

PHASES = "training.phases=[{name: wide, until_iteration: 5, batch: 4}, {name: fine, warp: 0.01}]"


def test_losses_that_are_not_named_weigh_nothing() -> None:
    losses = load_preset("u64", ["training.losses={ms_ssim: 2.0}"]).training.losses
    assert losses == LossSettings(ms_ssim=2.0)


def test_one_loss_can_be_changed_and_the_others_stay() -> None:
    assert load_preset("u256", ["training.losses.ssim=0.5"]).training.losses == LossSettings(ssim=0.5, l1=1.0)


@pytest.mark.parametrize("old", [{}, {"ssim_weight": 0.25}, {"l1_weight": 2.0}, {"ssim_weight": 0.0, "l1_weight": 3.0}])
def test_early_presets_name_two_weights(old: dict[str, float]) -> None:
    text = json.dumps({"schema": "preset-1", "name": "old", "description": "", "training": old})
    losses = preset_from_json(text, "here").training.losses
    assert losses == LossSettings(ssim=old.get("ssim_weight", 1.0), l1=old.get("l1_weight", 1.0))


def test_an_early_field_changes_its_loss_alone() -> None:
    losses = load_preset("u256", ["training.losses.gradient=0.5", "training.ssim_weight=0.1"]).training.losses
    assert losses == LossSettings(ssim=0.1, l1=1.0, gradient=0.5)


def test_phases_come_back_from_json_in_order() -> None:
    preset = load_preset("u64", [PHASES])
    assert preset_from_json(preset.to_json(), "here") == preset
    assert [phase.name for phase in preset.training.phases] == ["wide", "fine"]


def test_a_field_of_one_phase_can_be_changed() -> None:
    phases = load_preset("u64", [PHASES, "training.phases.fine.batch=1"]).training.phases
    assert [(phase.batch, phase.warp) for phase in phases] == [(4, None), (1, 0.01)]


@pytest.mark.parametrize(
    ("override", "reason"),
    [
        ("training.losses={}", "no loss compares the painted face"),
        ("training.losses={matte: 1.0}", "no loss compares the painted face"),
        ("training.losses={sim: 1.0}", "near: ssim"),
        ("training.losses.ssim=-1", "training.losses.ssim"),
        ("training.phases=[{name: a}, {name: b}]", "phase 'a' needs an end"),
        ("training.phases=[{name: a, until_share: 0.5}]", "phase 'a' is the last"),
        ("training.phases=[{name: a, until_share: 0.5, until_iteration: 5}, {name: b}]", "phase 'a' names two ends"),
        ("training.phases=[{name: a, until_share: 0.5}, {name: a}]", "the same name"),
        ("training.phases=[{name: a, until_iteration: 9}, {name: b, until_iteration: 9}, {name: c}]", "do not rise"),
        ("training.phases=[{name: a, frozen: {encodr: {}}}]", "near: encoder"),
        ("training.phases.fine.batch=2", "there is none yet"),
        ("training.phases.batch=2", "name a field of one of the phases"),
    ],
)
def test_what_cannot_be_meant_is_answered_in_one_sentence(override: str, reason: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_preset("u64", [override])
    assert reason in str(caught.value)


def test_a_phase_that_does_not_exist_is_answered_with_those_that_do() -> None:
    with pytest.raises(SettingsError, match=r"nothing is called 'fin' there; there is: wide, fine\."):
        load_preset("u64", [PHASES, "training.phases.fin.batch=2"])


def test_settings_can_be_compared_and_hashed() -> None:
    assert len({TrainingSettings(), TrainingSettings(), TrainingSettings(batch=3)}) == 2
