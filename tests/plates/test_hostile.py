"""Hundreds of broken and lying pictures: each ends in one of our errors, or is read; none takes the process with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import understudy

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits memory as Linux does")

ERRORS = {"BrokenFrameError", "PlateError", "MissingFrameError"}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """How each case ended, by its name; and `{"most_memory": bytes}` under the empty name."""
    folder = tmp_path_factory.mktemp("hostile")
    environment = {**os.environ, "PYTHONPATH": str(Path(understudy.__file__).parents[1])}
    command = [sys.executable, str(Path(__file__).with_name("hostile.py")), str(folder)]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    lines = [json.loads(line) for line in told.stdout.splitlines()]
    assert told.returncode == 0, f"died of {lines[-1] if lines else told.stderr[-500:]}"
    return {line.get("case", ""): line for line in lines}


def test_no_case_is_a_fault_of_ours(outcomes: dict[str, dict[str, Any]]) -> None:
    cases = {name: case for name, case in outcomes.items() if name}
    assert len(cases) >= 300
    assert {name: case for name, case in cases.items() if case["ended"] not in {"read", *ERRORS}} == {}


def test_time_and_memory_are_bounded(outcomes: dict[str, dict[str, Any]]) -> None:
    assert max(case["seconds"] for name, case in outcomes.items() if name) < 5
    assert outcomes[""]["most_memory"] < 1 << 30


def test_what_is_cut_short_is_never_read(outcomes: dict[str, dict[str, Any]]) -> None:
    """But for movies: those without their last frames are shorter, and their index may lie at the end."""
    read = [name for name, case in outcomes.items() if name.startswith("cut") and case["ended"] == "read"]
    assert {Path(name).suffix for name in read} <= {".mov", ".mkv"}


def test_what_has_another_name_is_never_read(outcomes: dict[str, dict[str, Any]]) -> None:
    renamed = [case for name, case in outcomes.items() if name.startswith(("was", "text", "zeros"))]
    assert len(renamed) > 40
    assert {case["ended"] for case in renamed} == {"BrokenFrameError"}


def test_an_error_is_one_sentence_about_its_file(outcomes: dict[str, dict[str, Any]]) -> None:
    for name, case in outcomes.items():
        if name and case["ended"] in ERRORS:
            assert name in case["said"] and "\n" not in case["said"] and len(case["said"]) < 600, case["said"]


def test_no_numbers_are_read_as_they_are(outcomes: dict[str, dict[str, Any]]) -> None:
    assert all(outcomes[f"whole_{name}.exr"]["ended"] == "read" for name in ("nan", "inf", "minus_inf"))
