"""What a run leaves to look at."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.training.conftest import LOOK, Run
from understudy.errors import SettingsError
from understudy.model.swap_model import build_model
from understudy.plates import read_frame
from understudy.settings.preset import Preset
from understudy.training import watching
from understudy.training.batches import CODE_RANGE, FaceCodes
from understudy.training.preview import COLUMNS, show_faces, wiped


def test_the_native_preview_holds_the_faces_at_their_own_size(
    preset: Preset, target: FaceCodes, source: FaceCodes
) -> None:
    shown = show_faces(build_model(preset.model), target, source, LOOK)
    assert shown.native.shape == (5 * 64, len(COLUMNS) * 64, 3)
    low, high = CODE_RANGE
    first = target.codes[0, 8:72, 8:72] / 65535 * (high - low) + low
    assert np.abs(shown.native[:64, :64] - first).max() < 1e-3


def test_a_preview_shows_faces_spread_over_the_poses(preset: Preset, source: FaceCodes) -> None:
    poses = np.array([[0, 0], [1, 0], [-1, 0], [0, 1], [-40, 0], [35, 0], [0, 20], [0, -20]], np.float32)
    levels = np.arange(8, dtype=np.uint16) * 2000 + 30000
    codes = np.broadcast_to(levels[:, None, None, None], (8, 80, 80, 3)).copy()
    faces = FaceCodes(codes, np.full((8, 80, 80), 255, np.uint8), None, poses)
    shown = show_faces(build_model(preset.model), faces, source, LOOK)
    low, high = CODE_RANGE
    first_column = (shown.native[32::64, 32, 0].astype(np.float64) - low) / (high - low) * 65535
    assert np.round((first_column - 30000) / 2000).tolist() == [4, 0, 6, 7, 5]


def test_a_save_writes_sheet_native_preview_and_wipe(run: Run, tmp_path: Path) -> None:
    run(until=2)
    assert not (tmp_path / "model" / "preview_wipe.png").exists()
    run(until=4)
    sheet, wipe = (cv2.imread(str(tmp_path / "model" / name)) for name in ("preview.png", "preview_wipe.png"))
    assert sheet.shape == wipe.shape
    frame = read_frame(tmp_path / "model" / "preview.exr")
    assert frame.pixels.shape == (5 * 64, 6 * 64, 3)
    assert frame.metadata["understudy/iteration"] == 4
    assert frame.metadata["understudy/colorspace"] == "ACEScg"


def test_a_wipe_shows_the_last_sheet_on_the_left_of_every_face() -> None:
    before, now = np.zeros((20, 120, 3), np.uint8), np.full((20, 120, 3), 100, np.uint8)
    wipe = wiped(before, now)
    for column in range(6):
        assert (wipe[:, 20 * column : 20 * column + 9] == 0).all()
        assert (wipe[:, 20 * column + 11 : 20 * column + 20] == 100).all()


def test_sheets_of_different_size_are_not_wiped() -> None:
    now = np.full((20, 120, 3), 100, np.uint8)
    assert wiped(np.zeros((20, 60, 3), np.uint8), now) is now


def test_a_timelapse_is_a_sequence_without_gaps(run: Run, tmp_path: Path) -> None:
    for until in (1, 2, 4):
        run(until=until, timelapse=True)
    folder = tmp_path / "model" / "timelapse"
    assert sorted(path.name for path in folder.glob("*.png")) == [f"timelapse.{n:04d}.png" for n in (1, 2, 3)]
    lines = [json.loads(line) for line in (folder / "frames.jsonl").read_text().splitlines()]
    assert [(line["frame"], line["iteration"]) for line in lines] == [(1, 1), (2, 2), (3, 4)]


def test_tensorboard_gets_losses_speed_and_pictures(run: Run, tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    run(until=3, tensorboard=True)
    events = accumulator.EventAccumulator(str(tmp_path / "model" / "tensorboard")).Reload()
    assert {"training/loss", "training/loss_target", "training/learning_rate"} <= set(events.Tags()["scalars"])
    assert events.Tags()["images"] == ["preview"]
    logged = json.loads((tmp_path / "model" / "log.jsonl").read_text().splitlines()[0])
    scalar = events.Scalars("training/loss")[0]
    assert (scalar.step, scalar.value) == (logged["iteration"], pytest.approx(logged["loss"]))


def test_tensorboard_that_is_not_installed_is_said_before_training(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching.importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(SettingsError, match="pip install tensorboard"):
        run(tensorboard=True)
