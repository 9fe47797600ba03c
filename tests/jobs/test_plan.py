"""What fits into how much memory."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch

from understudy.cli.app import main
from understudy.errors import SettingsError
from understudy.jobs.plan import Plan, fitted_preset, plan_training
from understudy.progress import Progress
from understudy.settings.memory_size import parse_memory, shown_memory
from understudy.settings.preset import Preset, load_preset
from understudy.training.rehearsal import Rehearsal, TrainingMemory, rehearse

MIB = 1 << 20
U64 = load_preset("u64")


def line_shaped(preset: Preset) -> Rehearsal:
    """A network whose activations take 10 MiB for each face of a batch in fp32, and half of it in bf16."""
    share = 1 if preset.training.precision == "fp32" else 2
    memory = TrainingMemory(MIB, MIB, 2 * MIB, preset.training.batch * 10 * MIB // share, 0, MIB, 0)
    return Rehearsal(memory, 1.0)


def room_for(batch: int) -> int:
    """MiB that this batch takes on a processor, and half a face more."""
    return math.ceil(700 + 1.65 * (5 + 10 * (batch + 0.5)))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("understudy.jobs.plan.rehearse", line_shaped)


def planned(room_mib: int, batch: int | None = None, device: str = "cpu") -> Plan:
    plan = plan_training(U64, room_mib * MIB, batch, device)
    assert plan is not None
    return plan


@pytest.fixture
def tight(quick: None) -> Plan:
    """Room for half of what is asked for; "auto" could be bf16, but is not on a processor."""
    return planned(room_for(10), 40)


def test_the_presets_own_batch_fits_where_there_is_room() -> None:
    """The one test here that rehearses; the others ask how the answer is found."""
    largest = U64.with_overrides(["training.batch=256"])
    plan = plan_training(largest, 4000 * MIB, None, "cpu")
    assert plan is not None and plan.fits and plan.instead is None and plan.changes == ()
    assert plan.asked.batch == 256 and plan.largest == plan.asked
    assert plan.asked.peak == plan.asked.memory.total + plan.asked.beside <= plan.available
    assert plan.asked.memory == rehearse(largest.with_overrides(["training.precision=fp32"])).memory
    assert "it fits" in plan.sentence()


def test_the_largest_batch_fits_and_one_more_does_not(tight: Plan) -> None:
    assert tight.largest is not None and tight.largest.batch == 10
    assert planned(room_for(10), 10).fits and not planned(room_for(10), 11).fits


@pytest.mark.parametrize("batch", [1, 2, 3, 100, 256])
@pytest.mark.parametrize("asked", [1, 7, 256])
def test_the_largest_batch_is_found_from_wherever_it_is_looked_for(quick: None, batch: int, asked: int) -> None:
    largest = planned(room_for(batch), asked).largest
    assert largest is not None and largest.batch == batch


def test_shorter_numbers_are_proposed_before_a_smaller_batch(quick: None) -> None:
    plan = planned(room_for(10), 15)
    assert plan.instead is not None and (plan.instead.batch, plan.instead.precision) == (15, "bf16")
    assert plan.changes == ("training.batch=15", "training.precision=bf16")


def test_a_smaller_batch_comes_with_no_more_changes_than_it_needs(quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here shorter numbers save less than one face: they are of no use, and not proposed."""

    def hardly_less(preset: Preset) -> Rehearsal:
        saved = 0 if preset.training.precision == "fp32" else MIB
        memory = TrainingMemory(MIB, MIB, 2 * MIB, preset.training.batch * 10 * MIB - saved, 0, MIB, 0)
        return Rehearsal(memory, 1.0)

    monkeypatch.setattr("understudy.jobs.plan.rehearse", hardly_less)
    assert planned(room_for(10), 40).changes == ("training.batch=10",)


def test_what_to_change_is_said_so_that_it_fits(tight: Plan) -> None:
    assert not tight.fits and tight.instead is not None
    assert tight.changes == ("training.batch=21", "training.precision=bf16")
    changed = fitted_preset(tight, U64)
    assert changed == U64.with_overrides(tight.changes)
    assert all(f"--set {change}" in tight.sentence() for change in tight.changes)
    again = plan_training(changed, tight.available, None, "cpu")
    assert again is not None and again.fits


def test_nothing_fits_into_too_little(quick: None) -> None:
    plan = planned(100)
    assert (plan.fits, plan.largest, plan.instead, plan.changes) == (False, None, None, ())
    with pytest.raises(SettingsError, match="Choose a smaller preset"):
        fitted_preset(plan, U64)


def test_a_gpu_computes_in_short_numbers_and_keeps_some_memory_for_itself(quick: None) -> None:
    there, here = planned(900, 20, device="cuda").asked, planned(2000, 20).asked
    assert (there.precision, here.precision) == ("bf16", "fp32")
    assert there.memory.activations < here.memory.activations
    assert there.beside > 700 * MIB


def test_planning_is_stopped(quick: None) -> None:
    seen: list[Progress] = []

    def stop(progress: Progress) -> bool:
        seen.append(progress)
        return False

    assert plan_training(U64, 400 * MIB, 40, "cpu", stop) is None
    assert len(seen) == 1


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU's memory is known")
def test_without_a_gpu_somebody_must_say_how_much_there_is() -> None:
    with pytest.raises(SettingsError, match="say so, for instance 8GiB"):
        plan_training(U64)


@pytest.mark.parametrize("batch", [0, 257])
def test_a_batch_that_is_none_is_refused(batch: int) -> None:
    with pytest.raises(SettingsError, match="between 1 and 256"):
        plan_training(U64, 1 << 30, batch)


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("8GiB", 8 << 30),
        ("8gb", 8_000_000_000),
        ("1.5 GiB", 3 << 29),
        ("512MiB", 512 << 20),
        ("123", 123),
        ("2k", 2000),
    ],
)
def test_amounts_are_read(text: str, amount: int) -> None:
    assert parse_memory(text) == amount


@pytest.mark.parametrize("text", ["", "8X", "GiB", "-1GiB", "8i", "0GiB", "9999999TiB", "1e9"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="write it as 8GiB"):
        parse_memory(text)


def test_amounts_are_shown() -> None:
    assert [shown_memory(amount) for amount in (8 << 30, 310 << 20, 3 << 19)] == ["8.00 GiB", "310 MiB", "1.5 MiB"]


def test_the_command_is_one_json_document(quick: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--preset", "u64", "--gpu-memory", "900MiB", "--device", "cpu", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["fits"] and plan["asked"]["batch"] == 2 and plan["largest"]["batch"] > 2
    assert plan == json.loads(json.dumps(planned(900).to_json()))


def test_the_command_shows_what_memory_is_for(quick: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--preset", "u64", "--gpu-memory", "900MiB", "--batch", "40", "--device", "cpu"]) == 0
    shown = capsys.readouterr().out
    assert "--set training.batch=" in shown and all(word in shown for word in ("optimiser", "activations", "loss"))


def test_training_is_fitted_or_refused_before_it_starts(
    quick: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here = ["-C", str(tmp_path / "p")]
    assert main(["new", str(tmp_path / "p")]) == 0
    assert main([*here, "identity", "add", "ann", "--role", "target"]) == 0
    assert main([*here, "identity", "add", "ben", "--role", "source", "--synthetic"]) == 0
    options = [*here, "train", "m", "--preset", "u64"]
    assert main([*options, "--memory", "1GiB"]) == 2
    assert "give --fit as well" in capsys.readouterr().err
    if not torch.cuda.is_available():
        assert main([*options, "--fit", "--memory", "100MiB"]) == 2
        assert "Choose a smaller preset" in capsys.readouterr().err
