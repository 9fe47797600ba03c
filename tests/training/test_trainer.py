"""Training: it learns, it stops when told, and it goes on as if it had never stopped."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from tests.training.conftest import Run, disc_faces, files, stop_after
from understudy.errors import ModelFileError, SettingsError, TrainingError
from understudy.model.snapshot import newest_snapshot, read_snapshot
from understudy.model.tensor_file import read_record, read_tensors, write_tensors
from understudy.progress import Progress
from understudy.settings.preset import Preset, load_preset
from understudy.training import trainer, validation
from understudy.training.batches import Batch, FaceCodes
from understudy.training.painting import Painting
from understudy.training.preview import COLUMNS, Look
from understudy.training.trainer import train
from understudy.training.validation import BEST_NAME, Best, HeldOut


def test_the_loss_falls(run: Run) -> None:
    early = run("short", until=5).loss
    late = run("long", until=120).loss
    assert early is not None and late is not None
    assert late < 0.6 * early


@pytest.mark.parametrize(
    ("name", "losses"), [("u64", [3.2274327, 3.0391939, 2.7080498]), ("u128", [2.7846733, 2.3851237])]
)
def test_presets_learn_as_they_did_before_losses_had_names(
    tmp_path: Path, name: str, losses: list[float], look: Look
) -> None:
    """Measured by the version before; here they agree bit for bit, elsewhere as processors do."""
    preset = load_preset(name)
    faces = disc_faces(4, 0.4, preset), disc_faces(6, 0.5, preset)
    end = len(losses)
    result = train(tmp_path, preset, *faces, {}, iterations=end, device="cpu", look=look)
    assert result.loss == pytest.approx(sum(losses) / end, rel=1e-5)


def test_a_finished_run_says_where_everything_is(run: Run, tmp_path: Path) -> None:
    result = run()
    assert (result.iteration, result.completed) == (6, True)
    assert "iteration 6" in result.ended_because
    snapshot = read_snapshot(result.snapshot)
    assert snapshot.facts == {"made by": "a test", "iteration": 6}
    assert result.preview.is_file()
    assert json.loads((tmp_path / "model" / "preset.json").read_text())["name"] == "tiny"


def test_a_stopped_run_is_saved_and_not_completed(run: Run, tmp_path: Path) -> None:
    result = run(on_progress=stop_after(3))
    assert (result.iteration, result.completed) == (3, False)
    assert result.snapshot.is_file()
    assert (tmp_path / "model" / "checkpoints" / "iteration-000000003.safetensors").is_file()


def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(run: Run, tmp_path: Path) -> None:
    run("whole")
    run("parted", on_progress=stop_after(2))
    run("parted", on_progress=stop_after(5))
    run("parted")
    name = "iteration-000000006.safetensors"
    for kind in ("checkpoints", "snapshots"):
        whole, parted = (load_file(tmp_path / folder / kind / name) for folder in ("whole", "parted"))
        assert whole.keys() == parted.keys()
        assert all(torch.equal(whole[key], parted[key]) for key in whole)


def test_a_run_killed_between_saves_resumes_from_the_last_one(run: Run, tmp_path: Path) -> None:
    run("whole")
    run("killed", on_progress=stop_after(2))

    def killed(progress: Progress) -> bool:
        if progress.done == 4:
            raise KeyboardInterrupt
        return True

    with pytest.raises(KeyboardInterrupt):
        run("killed", on_progress=killed)
    run("killed")
    name = "checkpoints/iteration-000000006.safetensors"
    whole, killed_once = (load_file(tmp_path / folder / name) for folder in ("whole", "killed"))
    assert all(torch.equal(whole[key], killed_once[key]) for key in whole)


def test_iterations_count_over_all_runs(run: Run) -> None:
    run(until=4)
    again = run(until=4)
    assert (again.iteration, again.loss, again.completed) == (4, None, True)


def test_minutes_count_from_the_start_of_a_run(run: Run) -> None:
    first = run(until=None, minutes=0.01)
    second = run(until=None, minutes=0.01)
    assert first.completed and second.completed
    assert second.iteration > first.iteration
    assert "minutes" in second.ended_because


def test_a_broken_newest_checkpoint_is_passed_over(run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run(on_progress=stop_after(2))
    run(on_progress=stop_after(4))
    newest = tmp_path / "model" / "checkpoints" / "iteration-000000004.safetensors"
    newest.write_bytes(newest.read_bytes()[:-50])
    caplog.set_level(logging.INFO)
    run()
    assert "Passed over" in caplog.text and "cut off" in caplog.text
    assert "Resumes at iteration 2" in caplog.text


def test_a_checkpoint_from_before_there_were_phases_goes_on(run: Run, tmp_path: Path) -> None:
    run("early", on_progress=stop_after(3))
    path = tmp_path / "early" / "checkpoints" / "iteration-000000003.safetensors"
    tensors, record = read_tensors(path, "checkpoint-1", "checkpoint")
    del record["standing"]
    training = record["preset"]["training"]
    losses = training.pop("losses")
    training |= {"ssim_weight": losses["ssim"], "l1_weight": losses["l1"]}
    write_tensors(path, "checkpoint-1", tensors, record)
    run("early")
    run("whole")
    name = "checkpoints/iteration-000000006.safetensors"
    early, whole = (load_file(tmp_path / folder / name) for folder in ("early", "whole"))
    assert all(torch.equal(whole[key], early[key]) for key in whole)


def test_a_checkpoint_that_does_not_say_where_it_stands_is_passed_over(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run(on_progress=stop_after(2))
    path = tmp_path / "model" / "checkpoints" / "iteration-000000002.safetensors"
    tensors, record = read_tensors(path, "checkpoint-1", "checkpoint")
    for damage in ({"iteration": -1}, {"iteration": 2, "recent": [[1]]}, {"iteration": 2, "lengths": 3}, [], None):
        write_tensors(path, "checkpoint-1", tensors, {**record, "standing": damage})
        with pytest.raises(ModelFileError, match="None of the 1 checkpoints"):
            run()
        assert "does not say where it stands" in caplog.text
        caplog.clear()


def test_checkpoints_that_are_all_broken_are_not_begun_anew(run: Run, tmp_path: Path) -> None:
    run(on_progress=stop_after(2))
    for path in (tmp_path / "model" / "checkpoints").iterdir():
        path.write_bytes(b"broken")
    with pytest.raises(ModelFileError, match="None of the 1 checkpoints"):
        run()


def test_a_model_goes_on_with_its_own_network_only(run: Run, preset: Preset, tmp_path: Path) -> None:
    run()
    before = files(tmp_path)
    other = preset.model_copy(update={"model": preset.model.model_copy(update={"underpainting": 0})})
    with pytest.raises(SettingsError, match="another network"):
        run(preset=other, until=9)
    assert files(tmp_path) == before


def test_changed_training_settings_are_taken_and_logged(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    run(until=2)
    caplog.set_level(logging.INFO)
    run(until=4, learning_rate=1e-4)
    assert "learning_rate is now 0.0001; it was 0.003" in caplog.text


def test_a_loss_that_is_no_number_stops_before_the_weights_change(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(on_progress=stop_after(3))
    before = files(tmp_path)
    monkeypatch.setattr(
        trainer.FaceLoss, "__call__", lambda self, painting, batch: painting.scales[-1].mean() * float("nan")
    )
    updates: list[int] = []
    monkeypatch.setattr(trainer, "average_weights", lambda *rest: updates.append(1))
    with pytest.raises(TrainingError, match=r"iteration 3.*saved at iteration 3 is safe"):
        run()
    assert not updates
    assert files(tmp_path) == before


def break_down(monkeypatch: pytest.MonkeyPatch, broken: Callable[[int], bool]) -> list[int]:
    """Makes the loss no number in the calls for which `broken` says so; what is returned counts them."""
    calls: list[int] = []
    real = trainer.FaceLoss.__call__

    def loss(self: object, painting: Painting, batch: Batch) -> Tensor:
        calls.append(len(calls))
        return real(self, painting, batch) * (float("nan") if broken(len(calls)) else 1.0)  # type: ignore[arg-type]

    monkeypatch.setattr(trainer.FaceLoss, "__call__", loss)
    return calls


def test_a_loss_that_is_no_number_is_rolled_back_to_the_last_save(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run(on_progress=stop_after(2))
    drawn: list[tuple[int, ...]] = []
    real = trainer.make_batch
    monkeypatch.setattr(trainer, "make_batch", lambda *given, **more: drawn.append(given[3]) or real(*given, **more))
    break_down(monkeypatch, lambda call: call == 5)  # two a batch: in iteration 4
    result = run(on_non_finite="roll_back")
    assert (result.iteration, result.completed) == (6, True)
    assert "no number at iteration 4: back to 2" in caplog.text
    # iterations 2 and 3 are done again, with other draws
    assert [key for key in drawn if key[1] == 0] == [
        (2, 0),
        (3, 0),
        (4, 0),
        (5, 0),
        *((at, 0, 1) for at in (2, 3, 4, 5, 6)),
    ]
    checkpoint = read_record(tmp_path / "model" / "checkpoints" / "iteration-000000006.safetensors", "checkpoint-1", "")
    assert checkpoint["standing"]["roll_backs"] == 1
    assert all(torch.isfinite(weight).all() for weight in read_snapshot(result.snapshot).weights.values())


def test_rolling_back_comes_to_an_end(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(on_progress=stop_after(2))
    before = files(tmp_path)
    calls = break_down(monkeypatch, lambda call: True)
    with pytest.raises(TrainingError, match=r"iteration 2.*saved at iteration 2 is safe.*rolled back 2 times"):
        run(on_non_finite="roll_back", roll_backs=2)
    assert len(calls) == 2 * 3
    assert files(tmp_path) == before


def test_without_a_save_there_is_nothing_to_roll_back_to(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    break_down(monkeypatch, lambda call: True)
    with pytest.raises(TrainingError, match="nothing had been saved yet"):
        run(on_non_finite="roll_back")


def test_a_gradient_that_is_no_number_stops_as_well(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(on_progress=stop_after(2))
    before = files(tmp_path)
    real = trainer.FaceLoss.__call__

    def steep(self: object, painting: Painting, batch: Batch) -> Tensor:
        nothing = painting.scales[-1].flatten()[:1] * 0.0
        return real(self, painting, batch) + torch.sqrt(nothing).sum()  # type: ignore[arg-type]

    monkeypatch.setattr(trainer.FaceLoss, "__call__", steep)
    with pytest.raises(TrainingError, match="no number at iteration 2"):
        run()
    assert files(tmp_path) == before


def test_held_out_faces_are_measured_and_not_learned_from(
    run: Run, tmp_path: Path, source: FaceCodes, with_poses: FaceCodes
) -> None:
    run("without", until=4)
    run("with", until=2, held_out=HeldOut(target=with_poses), eyes_weight=0.0)
    run("with", until=4, held_out=HeldOut(target=with_poses, source=source))
    one, both = (json.loads(line) for line in held_out_lines(tmp_path / "with"))
    assert one.keys() >= {"loss", "seconds", "held_out", "held_out_target"} and "held_out_source" not in one
    assert both["held_out"] == pytest.approx((both["held_out_target"] + both["held_out_source"]) / 2)
    name = "snapshots/iteration-000000004.safetensors"
    without, with_held_out = (read_snapshot(tmp_path / folder / name) for folder in ("without", "with"))
    assert without.hash == with_held_out.hash


def held_out_lines(folder: Path) -> list[str]:
    return [line for line in (folder / "log.jsonl").read_text().splitlines() if '"held_out"' in line]


def test_the_best_snapshot_is_the_one_with_the_least_held_out_loss(
    run: Run, tmp_path: Path, source: FaceCodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = iter([0.5, 0.3, 0.4, 0.35])
    monkeypatch.setattr(validation, "held_out_loss", lambda *_: next(losses))
    run(until=4, save_minutes=1e-9, keep=1, held_out=HeldOut(source=source))
    best = read_snapshot(tmp_path / "model" / "snapshots" / BEST_NAME)
    assert best.facts["iteration"] == 2
    assert best.facts["best"] == {"measure": "held-out faces of source (ssim 1, l1 1)", "loss": 0.3}
    assert newest_snapshot(tmp_path / "model").name == "iteration-000000004.safetensors"


def test_without_held_out_faces_the_best_is_by_training_loss(run: Run, tmp_path: Path) -> None:
    loss = run(until=3).loss
    best = read_snapshot(tmp_path / "model" / "snapshots" / BEST_NAME)
    assert best.facts["best"] == {"measure": "training in phase all (ssim 1, l1 1)", "loss": loss}


@pytest.mark.parametrize(("last", "warned"), [(0.44, False), (0.46, True)])
def test_a_training_that_runs_away_is_warned_of(
    run: Run,
    source: FaceCodes,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    last: float,
    warned: bool,
) -> None:
    losses = iter([0.3, last])
    monkeypatch.setattr(validation, "held_out_loss", lambda *_: next(losses))
    with caplog.at_level("WARNING"):
        run(until=2, save_minutes=1e-9, held_out=HeldOut(source=source))
    assert ("training has run away" in caplog.text) is warned


def test_the_measure_names_what_pixels_weigh(run: Run, tmp_path: Path) -> None:
    run(until=2, highlights_weight=20.0)
    best = read_snapshot(tmp_path / "model" / "snapshots" / BEST_NAME)
    assert best.facts["best"]["measure"] == "training in phase all (ssim 1, l1 1, highlights 20)"


def test_losses_of_two_measures_are_not_compared() -> None:
    assert Best("a", 0.5).is_better_than(None)
    assert Best("a", 0.5).is_better_than(Best("a", 0.6)) and not Best("a", 0.6).is_better_than(Best("a", 0.6))
    assert Best("b", 9.0).is_better_than(Best("a", 0.1))


def test_only_the_newest_saves_stay(run: Run, tmp_path: Path) -> None:
    run(save_minutes=1e-9, keep=2)
    for kind in ("checkpoints", "snapshots"):
        kept = sorted(path.name for path in (tmp_path / "model" / kind).glob("iteration-*"))
        assert kept == ["iteration-000000005.safetensors", "iteration-000000006.safetensors"]


def test_the_log_holds_one_json_line_per_report(run: Run, tmp_path: Path) -> None:
    run()
    lines = [json.loads(line) for line in (tmp_path / "model" / "log.jsonl").read_text().splitlines()]
    assert lines[0]["iteration"] == 1
    assert {"loss", "loss_target", "loss_source", "learning_rate", "seconds"} <= lines[0].keys()
    assert {"phase", "batch", "size", "images_per_second", "seconds_left"} <= lines[0].keys()


def test_progress_counts_up_to_the_end(run: Run) -> None:
    seen: list[Progress] = []
    run(on_progress=lambda progress: seen.append(progress) is None)
    assert [(report.done, report.total) for report in seen] == [(done, 6.0) for done in range(1, 7)]
    assert seen[-1].message.startswith("iteration 6, loss ")


def test_minutes_count_training_and_no_pauses(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer, "_REPORT_SECONDS", 0.0)
    calls = 0

    def pause_once(progress: Progress) -> bool:
        nonlocal calls
        calls += 1
        time.sleep(2.0 if calls == 1 else 0.0)
        return True

    result = run(until=None, minutes=0.01, on_progress=pause_once)
    lines = (tmp_path / "model" / "log.jsonl").read_text().splitlines()
    assert calls > 1 and result.completed
    assert json.loads(lines[-1])["seconds"] < 2.0
    assert "0.01 minutes are over" in result.ended_because


def test_faces_of_another_size_are_refused(run: Run, target: FaceCodes) -> None:
    small = FaceCodes(target.codes[:, 4:-4, 4:-4], target.mattes[:, 4:-4, 4:-4])
    with pytest.raises(SettingsError, match="72 px, but preset 'tiny' needs 80 px"):
        run(target=small)


def test_an_identity_without_faces_is_refused(run: Run, target: FaceCodes) -> None:
    with pytest.raises(SettingsError, match="no faces"):
        run(target=FaceCodes(target.codes[:0], target.mattes[:0]))


def test_the_identity_preset_cannot_be_trained(run: Run) -> None:
    with pytest.raises(SettingsError, match="learns nothing"):
        run(preset=load_preset("identity"))


def test_an_unknown_device_is_refused(
    tmp_path: Path, preset: Preset, target: FaceCodes, source: FaceCodes, look: Look
) -> None:
    with pytest.raises(SettingsError, match="no device 'abacus'"):
        train(tmp_path, preset, target, source, {}, device="abacus", look=look)


def test_the_preview_is_a_picture_of_all_columns(run: Run) -> None:
    sheet = cv2.imread(str(run().preview))
    assert sheet.shape == (28 + 5 * 68, len(COLUMNS) * 68 - 4, 3)
    # the first cell is the first target face itself: a disc of code 0.4
    assert abs(int(sheet[28 + 32, 32, 0]) - 0.4 * 255) < 2
    assert abs(int(sheet[28 + 32, 3 * 68 + 32, 0]) - 0.5 * 255) < 2
