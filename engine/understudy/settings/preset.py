"""Presets: named, complete settings of a swap model and of its training, one YAML file each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from understudy.errors import SettingsError, UnknownNameError
from understudy.settings.network import ModelSettings
from understudy.settings.training import TrainingSettings
from understudy.settings.validation import Settings, apply_overrides, read_yaml, validated

__all__ = ["Preset", "load_preset", "preset_from_json", "preset_names"]


class Preset(Settings):
    """One file of `presets/`."""

    name: str
    """What `--preset` is given."""

    description: str
    """What it is for, in one line."""

    margin: Annotated[float, Field(ge=0.0, le=1.0)] = 0.125
    """What stored face crops show beyond the model's square on each side, as a share of its side."""

    model: ModelSettings = ModelSettings()
    """The network."""

    training: TrainingSettings = TrainingSettings()
    """How it learns."""

    def to_json(self) -> str:
        """Canonical JSON text, as snapshots and logs hold it."""
        return json.dumps({"schema": "preset-1", **self.model_dump(mode="json")}, sort_keys=True)

    def with_overrides(self, overrides: Sequence[str]) -> Preset:
        """This preset with `field=value` changes.

        Raises:
            SettingsError: An override is wrong; the message names field and reason.
        """
        if not overrides:
            return self
        return validated(Preset, apply_overrides(self.model_dump(mode="json"), overrides), f"--set on {self.name}")


def preset_names() -> list[str]:
    """Names of the presets that come with Understudy."""
    folder = resources.files("understudy") / "presets"
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def load_preset(name: str, overrides: Sequence[str] = ()) -> Preset:
    """A preset by name, or from a YAML file by path, with `field=value` overrides.

    Raises:
        UnknownNameError: No preset has this name.
        SettingsError: The file or an override is wrong; the message names field and reason.
    """
    if name in preset_names():
        path = Path(str(resources.files("understudy") / "presets" / f"{name}.yaml"))
    elif Path(name).suffix in (".yaml", ".yml"):
        path = Path(name)
    else:
        raise UnknownNameError("preset", name, preset_names())
    values = read_yaml(path)
    _take_schema(values, str(path))
    return validated(Preset, values, str(path)).with_overrides(overrides)


def preset_from_json(text: str, where: str) -> Preset:
    """The preset that `Preset.to_json` wrote.

    Raises:
        SettingsError: Written by a version that this one does not know, or damaged.
    """
    try:
        values: Any = json.loads(text)
    except ValueError as cause:
        raise SettingsError(f"{where}: its preset is not JSON.") from cause
    if not isinstance(values, dict):
        raise SettingsError(f"{where}: its preset is not a mapping.")
    _take_schema(values, where)
    return validated(Preset, values, where)


def _take_schema(values: dict[str, Any], where: str) -> None:
    if "schema" not in values:
        raise SettingsError(f"{where}: a preset begins with the line 'schema: preset-1'; add it.", field="schema")
    schema = values.pop("schema")
    if schema != "preset-1":
        raise SettingsError(f"{where}: field 'schema': this version reads preset-1, not {schema!r}.", field="schema")
