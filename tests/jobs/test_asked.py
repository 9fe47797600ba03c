from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from understudy.errors import SettingsError
from understudy.jobs.asked import choose_preset, split_overrides, with_settings
from understudy.settings.project import ProjectFolder


def test_overrides_go_to_preset_or_project() -> None:
    overrides = ("model.size=64", "swap.st_map=true", "training.batch=1", "margin=0.1")
    for_preset, for_project = split_overrides(overrides, min_native=9)
    assert for_preset == ("model.size=64", "training.batch=1", "margin=0.1")
    assert for_project == ("swap.st_map=true", "min_native=9")


@pytest.mark.parametrize("override", ["shots={}", "shots.sh010.plate=/x", "identities.double.synthetic=true", "ocio=x"])
def test_what_a_project_is_of_cannot_be_set_for_one_job(portrait_project: ProjectFolder, override: str) -> None:
    with pytest.raises(SettingsError, match=r"stand in understudy\.yaml"):
        with_settings(portrait_project, [override])


@pytest.mark.parametrize("value", ["[" * 5000, "&a [*a, *a]", "2026-99-99", "{a: 1, a: 2}"])
def test_a_hostile_value_is_one_sentence(portrait_project: ProjectFolder, value: str) -> None:
    with pytest.raises(SettingsError, match="is not a value") as caught:
        choose_preset(portrait_project, None, "u64", [f"model.size={value}"])
    assert len(caught.value.message) < 200


def test_a_request_is_checked_without_loading_torch() -> None:
    code = "import sys, understudy.scheduler.scheduler; sys.exit('torch' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "engine")}
    assert subprocess.run([sys.executable, "-c", code], check=False, env=environment).returncode == 0
