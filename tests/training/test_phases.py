"""Phases: when they begin, what they change, what they freeze, and that a run resumed in any of them goes on alike."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from tests.training.conftest import Run, stop_after
from understudy.errors import SettingsError
from understudy.model.swap_model import build_model
from understudy.settings.network import InterSettings
from understudy.settings.preset import Preset, load_preset, preset_from_json
from understudy.settings.training import FrozenSettings, LossSettings, PhaseSettings, ThawSettings
from understudy.training import trainer
from understudy.training.batches import FaceCodes
from understudy.training.phases import Phase, expect_trainable, freeze, phase_at, phases_of, thawed
from understudy.training.standing import RECENT, Standing

ROOT = Path(__file__).parents[2]

WIDE = PhaseSettings(name="wide", until_iteration=3, batch=3, size=32, frozen=FrozenSettings(encoder=ThawSettings()))
FINE = PhaseSettings(name="fine", rate=0.5, warp=0.01, losses=LossSettings(l1=1.0, gradient=0.5))

ALL_FROZEN = FrozenSettings(**{part: ThawSettings() for part in ("encoder", "inter", "target", "source")})


def with_phases(preset: Preset, *phases: PhaseSettings) -> Preset:
    return preset.model_copy(update={"training": preset.training.model_copy(update={"phases": phases})})


def saved(folder: Path, iteration: int, kind: str = "checkpoints") -> dict[str, Tensor]:
    return load_file(folder / kind / f"iteration-{iteration:09d}.safetensors")


def are_same(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def weights(folder: Path, iteration: int) -> dict[str, Tensor]:
    tensors = saved(folder, iteration)
    return {name.removeprefix("model/"): value for name, value in tensors.items() if name.startswith("model/")}


def changed_parts(before: dict[str, Tensor], after: dict[str, Tensor]) -> set[str]:
    return {name.partition(".")[0] for name in before if not torch.equal(before[name], after[name])}


def log_lines(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_a_preset_without_phases_is_one_phase(preset: Preset) -> None:
    assert phases_of(preset) == (Phase("all", preset.training, 64),)


def test_a_phase_takes_from_the_preset_what_it_does_not_name(preset: Preset) -> None:
    wide, fine = phases_of(with_phases(preset, WIDE, FINE))
    assert (wide.settings.batch, wide.side, wide.settings.losses) == (3, 32, preset.training.losses)
    assert (fine.settings.batch, fine.side, fine.settings.warp) == (2, 64, 0.01)
    assert fine.settings.learning_rate == pytest.approx(0.5 * preset.training.learning_rate)


@pytest.mark.parametrize(
    ("iteration", "share", "name"), [(0, 0.0, "a"), (9, 0.1, "a"), (10, 0.1, "b"), (11, 0.49, "b"), (11, 0.5, "c")]
)
def test_a_phase_lasts_to_its_iteration_or_share(preset: Preset, iteration: int, share: float, name: str) -> None:
    ends = PhaseSettings(name="a", until_iteration=10), PhaseSettings(name="b", until_share=0.5)
    phases = phases_of(with_phases(preset, *ends, PhaseSettings(name="c")))
    assert phase_at(phases, Standing(iteration), share).name == name


def test_a_longer_run_does_not_go_back_to_an_earlier_phase(preset: Preset) -> None:
    phases = phases_of(with_phases(preset, PhaseSettings(name="a", until_share=0.5), PhaseSettings(name="b")))
    assert phase_at(phases, Standing(100, "b"), 0.25).name == "b"
    assert phase_at(phases, Standing(100, "of another preset"), 0.25).name == "a"


def test_a_run_resumed_in_every_phase_equals_an_uninterrupted_one_bit_for_bit(
    run: Run, preset: Preset, tmp_path: Path, with_poses: FaceCodes
) -> None:
    thawing = FrozenSettings(inter=ThawSettings(at_iteration=5), source=ThawSettings())
    middle = PhaseSettings(name="middle", until_iteration=6, frozen=thawing)
    settings = {"flip": True, "clipping": "auto", "balance": "pose", "average": 0.9, "encoder_rate": 0.5}
    settings |= {"eyes_weight": 3.0, "cool_down": 0.5, "fall": "cosine"}
    settings |= {"preset": with_phases(preset, WIDE, middle, FINE), "target": with_poses, "source": with_poses}
    run("whole", until=8, **settings)
    for stop in (2, 4, 5, 7, 8):
        run("parted", until=8, on_progress=stop_after(stop), **settings)
    for kind in ("checkpoints", "snapshots"):
        assert are_same(*(saved(tmp_path / name, 8, kind) for name in ("whole", "parted")))


def test_iterations_asked_for_in_two_runs_equal_those_of_one(run: Run, preset: Preset, tmp_path: Path) -> None:
    schedule = with_phases(preset, WIDE, FINE)
    run("whole", preset=schedule, until=6)
    run("halves", preset=schedule, until=3)
    run("halves", preset=schedule, until=6)
    assert are_same(saved(tmp_path / "whole", 6), saved(tmp_path / "halves", 6))


def test_a_run_killed_at_once_goes_on_from_its_last_save(run: Run, preset: Preset, tmp_path: Path) -> None:
    script = """
import os, signal, sys
from pathlib import Path
import torch
from tests.training.conftest import LOOK, disc_faces
from understudy.settings.preset import preset_from_json
from understudy.training.trainer import train
torch.set_num_threads(1)
preset = preset_from_json(sys.argv[1], "the test")
faces = disc_faces(4, 0.4, preset), disc_faces(6, 0.5, preset)
def killed(progress):
    if progress.done == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return True
asked = {"iterations": 6, "device": "cpu", "look": LOOK, "on_progress": killed}
train(Path(sys.argv[2]), preset, *faces, {}, **asked)
"""
    schedule = with_phases(preset, WIDE, FINE)
    quick = schedule.model_copy(update={"training": schedule.training.model_copy(update={"save_minutes": 1e-9})})
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "engine")))}
    folder = tmp_path / "killed"
    ended = subprocess.run([sys.executable, "-c", script, quick.to_json(), str(folder)], env=environment, check=False)
    assert ended.returncode == -signal.SIGKILL
    # iteration 5 was not saved: it is done again
    assert not (folder / "checkpoints" / "iteration-000000005.safetensors").exists()
    run("killed", preset=quick)
    run("whole", preset=quick)
    assert are_same(saved(folder, 6), saved(tmp_path / "whole", 6))


def test_frozen_parts_stay_as_they_are_to_the_last_bit(run: Run, preset: Preset, tmp_path: Path) -> None:
    thaw = ThawSettings(at_iteration=4)
    phase = PhaseSettings(name="one", frozen=FrozenSettings(encoder=thaw, target=ThawSettings()))
    for until in (1, 3, 5):
        run(preset=with_phases(preset, phase), until=until)
    first, third, fifth = (weights(tmp_path / "model", iteration) for iteration in (1, 3, 5))
    assert changed_parts(first, third) == {"inter", "source"}
    assert changed_parts(third, fifth) == {"encoder", "inter", "source"}


def test_a_part_thaws_when_the_new_identity_has_caught_up() -> None:
    frozen = FrozenSettings(encoder=ThawSettings(caught_up_percent=10.0, new_identity="source"))
    phase = Phase("one", load_preset("u64").training, 64, frozen=frozen)
    behind, near = Standing(recent=((1.0, 1.2),) * RECENT), Standing(recent=((1.0, 1.09),) * RECENT)
    assert thawed(phase, behind) == frozenset()
    assert thawed(phase, near) == {"encoder"}
    assert thawed(phase, Standing(recent=near.recent[1:])) == frozenset()
    assert thawed(phase, Standing(recent=behind.recent, thawed=frozenset({"encoder"}))) == {"encoder"}


def test_a_new_phase_freezes_anew_and_counts_its_own_losses() -> None:
    standing = Standing(7, "a", frozenset({"encoder"}), ((1.0, 2.0),), (3.0,))
    assert standing.in_phase("a") is standing
    assert standing.in_phase("b") == Standing(7, "b", frozenset(), (), (3.0,))


def test_a_standing_comes_back_from_json_bit_for_bit() -> None:
    draws = np.random.default_rng(1).uniform(0, 1, 9)
    standing = Standing(7, "a", frozenset({"inter"}), ((draws[0], draws[1]), (draws[2], 1 / 3)), (0.1 + 0.2,), 2)
    assert Standing.from_json(json.loads(json.dumps(standing.to_json()))) == standing


def test_the_inter_is_whatever_stands_between(preset: Preset) -> None:
    model = build_model(preset.model)
    model.inter_source = torch.nn.Linear(2, 2)
    freeze(model, Phase("one", preset.training, 64, frozen=FrozenSettings(inter=ThawSettings())), Standing())
    frozen = {name.partition(".")[0] for name, weight in model.named_parameters() if not weight.requires_grad}
    assert frozen == {"inter", "inter_source"}


def test_log_and_progress_say_which_phase_is_on(
    run: Run, preset: Preset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(trainer, "_REPORT_SECONDS", 0.0)
    caplog.set_level(logging.INFO)
    messages: list[str] = []
    run(
        preset=with_phases(preset, WIDE, FINE),
        until=4,
        on_progress=lambda report: messages.append(report.message) is None,
    )
    *lines, at_the_save = log_lines(tmp_path / "model")
    assert [line["phase"] for line in lines] == ["wide", "wide", "wide", "fine"]
    assert [line["batch"] for line in lines] == [3, 3, 3, 2]
    assert (at_the_save["iteration"], at_the_save["phase"]) == (4, "fine")
    assert messages[2].startswith("iteration 3 (wide), loss ") and messages[3].startswith("iteration 4 (fine), loss ")
    assert "Phase wide from iteration 0: batch 3, 32 px" in caplog.text and "encoder frozen" in caplog.text


def test_batch_and_rate_of_a_run_can_be_changed_when_it_goes_on(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "_REPORT_SECONDS", 0.0)
    run(until=2)
    run(until=3, batch=5, learning_rate=1e-5)
    line = log_lines(tmp_path / "model")[-1]
    assert (line["batch"], line["learning_rate"]) == (5, pytest.approx(1e-5))
    kept = preset_from_json((tmp_path / "model" / "preset.json").read_text(), "here")
    assert kept.training.batch == 5


@pytest.mark.parametrize(
    ("phase", "reason"),
    [
        (PhaseSettings(name="one", size=48), "64 px cannot be averaged down"),
        (PhaseSettings(name="one", size=128), "64 px cannot be averaged down"),
        (PhaseSettings(name="one", losses=LossSettings(l1=1.0, coarse=1.0)), "paints one size only"),
        (PhaseSettings(name="one", losses=LossSettings(l1=1.0, matte=1.0)), "predicts no matte"),
        (PhaseSettings(name="one", frozen=FrozenSettings(decoder=ThawSettings())), "freezes the decoder, which"),
        (PhaseSettings(name="one", frozen=ALL_FROZEN), "freezes all that could learn"),
    ],
)
def test_what_the_network_cannot_do_is_refused_before_anything_is_written(
    run: Run, preset: Preset, tmp_path: Path, phase: PhaseSettings, reason: str
) -> None:
    with pytest.raises(SettingsError, match=reason):
        run(preset=with_phases(preset, phase))
    assert not list(tmp_path.iterdir())


def test_a_dense_inter_is_trained_at_its_own_size_only(preset: Preset) -> None:
    dense = preset.model.model_copy(update={"inter": InterSettings(kind="dense", code=8, width=16)})
    with pytest.raises(SettingsError, match="32 px, which the network of preset 'tiny' cannot take"):
        expect_trainable(with_phases(preset.model_copy(update={"model": dense}), PhaseSettings(name="one", size=32)))


@pytest.mark.parametrize("name", ["u128", "u256", "u512", "u1024"])
def test_convolutional_presets_can_be_trained_at_half_their_size(name: str) -> None:
    preset = load_preset(name)
    expect_trainable(with_phases(preset, PhaseSettings(name="one", size=preset.model.size // 2)))
