"""What training is said to take, beside what it takes."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import torch

from understudy.bench.allocations import allocations
from understudy.errors import SettingsError
from understudy.model.cost import model_cost
from understudy.settings.preset import Preset, load_preset
from understudy.training.rehearsal import FIRST_FULL, rehearse, train_on_noise


def measured(preset: Preset) -> int:
    with allocations(torch.device("cpu")) as seen:
        train_on_noise(preset, "cpu", lambda done: done < FIRST_FULL)
    return seen.peak


@pytest.mark.parametrize(
    "changes",
    [
        ["training.batch=5", "training.precision=bf16"],
        ["model.size=128"],
        ["training.batch=6", "model.checkpoint_levels=2"],
    ],
)
def test_a_prediction_is_within_a_tenth_of_the_peak(changes: list[str]) -> None:
    preset = load_preset("u64", changes)
    assert rehearse(preset).memory.total == pytest.approx(measured(preset), rel=0.1)


def test_the_peak_is_told_apart_by_use(preset: Preset) -> None:
    rehearsal = rehearse(preset)
    memory = rehearsal.memory
    assert memory.weights == memory.average == 4 * model_cost(preset.model).parameters
    assert 2 * memory.weights <= memory.optimiser < 2.1 * memory.weights
    assert min(memory.activations, memory.loss, memory.rest) > 0
    assert memory.total == sum(vars(memory).values()) == sum(rehearsal.by_maker.values())
    assert "understudy.training.losses.structural" in rehearsal.by_maker


def test_a_peak_lies_where_the_most_is_computed_in_the_losses_or_on_the_way_back(preset: Preset) -> None:
    by_pixels_alone = rehearse(preset.with_overrides(("training.losses.ssim=0",))).memory
    by_structure = rehearse(preset).memory
    assert by_structure.backward == 0 < by_pixels_alone.backward
    assert by_structure.loss > 5 * by_pixels_alone.loss


def test_an_iteration_is_three_forward_passes_of_every_face() -> None:
    preset = load_preset("u64")
    forward = 2 * preset.training.batch * model_cost(preset.model).gflop
    assert 2.9 * forward < rehearse(preset).gflop < 3.2 * forward


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_rehearsing_1024_px_takes_no_memory_to_speak_of() -> None:
    before = _resident()
    memory = rehearse(load_preset("u1024", ["training.batch=8"])).memory
    assert memory.total > 3 << 30
    assert _resident() - before < 512 << 20


def test_a_preset_that_learns_nothing_is_refused() -> None:
    with pytest.raises(SettingsError, match="learns nothing"):
        rehearse(load_preset("identity"))


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")
