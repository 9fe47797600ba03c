"""docs/training.md names every setting, and its examples are valid."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from understudy.settings.preset import Preset, load_preset
from understudy.settings.training import FrozenSettings, LossSettings, PhaseSettings, ThawSettings, TrainingSettings
from understudy.settings.validation import validated
from understudy.training.phases import expect_trainable

TEXT = (Path(__file__).parents[2] / "docs" / "training.md").read_text()
EXAMPLES = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("settings", [TrainingSettings, LossSettings, PhaseSettings, FrozenSettings, ThawSettings])
def test_every_setting_is_named(settings: type) -> None:
    named = set(re.findall(r"[a-z0-9_]+", " ".join(re.findall(r"`[^`]*`|```yaml.*?```", TEXT, re.DOTALL))))
    assert settings.model_fields.keys() - named == set()  # type: ignore[attr-defined]


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_is_a_schedule_that_u256_can_follow(example: str) -> None:
    values = load_preset("u256").model_dump(mode="json")
    values["training"] |= yaml.safe_load(example)["training"]
    preset = validated(Preset, values, "the example")
    expect_trainable(preset)
    assert preset.training.phases


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == 2
