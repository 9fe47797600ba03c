from __future__ import annotations

from pathlib import Path

import pytest

from understudy.errors import SettingsError, UnknownNameError
from understudy.settings.preset import load_preset, preset_from_json, preset_names


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_is_valid_and_comes_back_from_json(name: str) -> None:
    preset = load_preset(name)
    assert preset.name == name
    assert preset_from_json(preset.to_json(), "here") == preset


def test_an_unknown_preset_is_answered_with_near_ones() -> None:
    with pytest.raises(UnknownNameError, match="identity"):
        load_preset("identiti")


def test_overrides_change_one_field() -> None:
    preset = load_preset("identity", ["model.size=128", "training.batch=3"])
    assert (preset.model.size, preset.training.batch) == (128, 3)


@pytest.mark.parametrize(
    "override,reason",
    [
        ("model.size=100", "model.size"),
        ("model.sise=128", "near: size"),
        ("training.batch=many", "training.batch"),
        ("size", "write --set field=value"),
        ("training.learning_rate=1", "training.learning_rate"),
    ],
)
def test_a_wrong_override_names_field_and_reason(override: str, reason: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_preset("identity", [override])
    assert reason in str(caught.value)


def test_a_preset_file_of_ones_own_is_read_by_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("schema: preset-1\nname: mine\ndescription: test\nmodel: {kind: identity, size: 96}\n")
    assert load_preset(str(path)).model.size == 96
    path.write_text("schema: preset-9\n")
    with pytest.raises(SettingsError, match="preset-1"):
        load_preset(str(path))
