"""Training: it learns, it stops when told, and it goes on as if it had never stopped."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import pytest
import torch
from safetensors.torch import load_file

from understudy.errors import ModelFileError, SettingsError, TrainingError
from understudy.model.snapshot import read_snapshot
from understudy.progress import Progress
from understudy.settings.preset import Preset, load_preset
from understudy.training import trainer
from understudy.training.batches import FaceCodes
from understudy.training.preview import COLUMNS, PictureFromCodes
from understudy.training.trainer import TrainingResult, train

Run = Callable[..., TrainingResult]


@pytest.fixture
def run(
    tmp_path: Path, preset: Preset, target: FaceCodes, source: FaceCodes, picture_from_codes: PictureFromCodes
) -> Run:
    """Trains the tiny preset in `tmp_path/NAME`."""

    def go(name: str = "model", **changes: Any) -> TrainingResult:
        training = {key: changes.pop(key) for key in list(changes) if key in type(preset.training).model_fields}
        end = changes.pop("until", 6)
        chosen = changes.pop("preset", preset)
        chosen = chosen.model_copy(update={"training": chosen.training.model_copy(update=training)})
        return train(
            tmp_path / name,
            chosen,
            changes.pop("target", target),
            source,
            {"made by": "a test"},
            iterations=end,
            device="cpu",
            picture_from_codes=picture_from_codes,
            **changes,
        )

    return go


def stop_after(count: int) -> Callable[[Progress], bool]:
    return lambda progress: progress.done < count


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("iteration-*")}


def test_the_loss_falls(run: Run) -> None:
    early = run("short", until=5).loss
    late = run("long", until=120).loss
    assert early is not None and late is not None
    assert late < 0.6 * early


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
    monkeypatch.setattr(trainer.FaceLoss, "__call__", lambda self, painted, *rest: painted.mean() * float("nan"))
    updates: list[int] = []
    monkeypatch.setattr(trainer, "average_weights", lambda *rest: updates.append(1))
    with pytest.raises(TrainingError, match=r"iteration 3.*saved at iteration 3 is safe"):
        run()
    assert not updates
    assert files(tmp_path) == before


def test_only_the_newest_saves_stay(run: Run, tmp_path: Path) -> None:
    run(save_minutes=1e-9, keep=2)
    for kind in ("checkpoints", "snapshots"):
        kept = sorted(path.name for path in (tmp_path / "model" / kind).iterdir())
        assert kept == ["iteration-000000005.safetensors", "iteration-000000006.safetensors"]


def test_the_log_holds_one_json_line_per_report(run: Run, tmp_path: Path) -> None:
    run()
    lines = [json.loads(line) for line in (tmp_path / "model" / "log.jsonl").read_text().splitlines()]
    assert lines[0]["iteration"] == 1
    assert {"loss", "loss_target", "loss_source", "learning_rate", "seconds"} <= lines[0].keys()


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
        time.sleep(0.7 if calls == 1 else 0.0)
        return True

    result = run(until=None, minutes=0.01, on_progress=pause_once)
    lines = (tmp_path / "model" / "log.jsonl").read_text().splitlines()
    assert calls > 1 and result.completed
    assert json.loads(lines[-1])["seconds"] < 0.7
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


def test_an_unknown_device_is_refused(tmp_path: Path, preset: Preset, target: FaceCodes, source: FaceCodes) -> None:
    with pytest.raises(SettingsError, match="no device 'abacus'"):
        train(tmp_path, preset, target, source, {}, device="abacus", picture_from_codes=lambda codes: codes)  # type: ignore[arg-type,return-value]


def test_the_preview_is_a_picture_of_all_columns(run: Run) -> None:
    sheet = cv2.imread(str(run().preview))
    assert sheet.shape == (28 + 5 * 68, len(COLUMNS) * 68 - 4, 3)
    # the first cell is the first target face itself: a disc of code 0.4
    assert abs(int(sheet[28 + 32, 32, 0]) - 0.4 * 255) < 2
    assert abs(int(sheet[28 + 32, 3 * 68 + 32, 0]) - 0.5 * 255) < 2
