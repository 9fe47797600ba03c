"""Shots and sets on disk: complete, tagged, resumable, and the same however many processes render them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from understudy.errors import SettingsError
from understudy.plates import find_sequence, read_frame, read_header
from understudy.progress import Progress
from understudy.synthetic.benchmark import SET_SEQUENCES, Written, write_set, write_shot

TARGET, SOURCE = 7, 4
SHOT: dict[str, Any] = {"identity_seed": TARGET, "performance_seed": 1, "lighting_seed": 1, "frames": 2}
SET: dict[str, Any] = {"target_seed": TARGET, "source_seed": SOURCE, "frames": 2, "train_frames": 2}


def truth_of(written: Written) -> dict[str, Any]:
    return dict(json.loads(written.truth.read_text()))


def test_a_set_has_all_its_sequences_numbered_from_1001(benchmark_set: Written) -> None:
    assert benchmark_set.completed and benchmark_set.frames == benchmark_set.rendered == 10
    found = {Path(pattern).parent.name: find_sequence(pattern).numbers for pattern in benchmark_set.patterns}
    assert tuple(found) == SET_SEQUENCES
    assert found == {name: (1001, 1002, 1003)[: 3 if "train" in name else 2] for name in SET_SEQUENCES}


def test_pictures_say_their_space_and_that_nobody_was_photographed(benchmark_set: Written) -> None:
    header = read_header(benchmark_set.folder / "plate/plate.1001.exr")
    assert (header.channels, header.float_channels) == (("R", "G", "B"), frozenset())
    assert (header.display_window.width, header.display_window.height) == (96, 80)
    assert header.metadata["colorInteropID"] == "lin_rec709_scene"
    assert "no person" in header.metadata["ImageDescription"]


def test_plate_and_truth_differ_in_the_face_only(benchmark_set: Written) -> None:
    folder = benchmark_set.folder
    plate, truth = (read_frame(folder / f"{name}/{name}.1001.exr").pixels for name in ("plate", "truth"))
    matte = read_frame(folder / "matte/matte.1001.exr").channel("A")
    difference = np.abs(plate - truth).mean(axis=2)
    assert difference[matte == 1].mean() > 20 * difference[matte == 0].mean()
    assert 0 < matte.mean() < 0.5


def test_the_truth_holds_landmarks_poses_and_seeds(benchmark_set: Written) -> None:
    truth = truth_of(benchmark_set)
    frame = next(frame for frame in truth["frames"] if frame["files"][0] == "truth/truth.1002.exr")
    assert (frame["identity_seed"], frame["face_seed"], frame["frame"]) == (TARGET, SOURCE, 1)
    assert np.shape(frame["landmarks_plate"]) == (478, 2)
    assert frame["pose"].keys() == {"yaw", "pitch", "roll", "x", "y", "z"}
    assert truth["settings"]["train_size"] == [64, 64]


def test_training_shows_neither_performance_nor_light_of_the_plate(benchmark_set: Written) -> None:
    frames = truth_of(benchmark_set)["frames"]
    shown = {
        name: {(frame["performance_seed"], frame["lighting_seed"]) for frame in frames if frame["sequence"] == name}
        for name in ("plate", "truth", "train_target", "train_source")
    }
    assert shown["plate"] == shown["truth"] == {(1, 1)}
    assert shown["train_target"] == {(1001, 1001)} and shown["train_source"] == {(2001, 2001)}
    assert all(frame["crossed_by"] is None for frame in frames if "train" in frame["sequence"])


def test_training_poses_are_spread_over_the_performance(benchmark_set: Written) -> None:
    frames = truth_of(benchmark_set)["frames"]
    assert [frame["frame"] for frame in frames if frame["sequence"] == "train_source"] == [0, 32, 64]


def test_one_process_renders_what_two_processes_render(
    benchmark_set: Written, tmp_path: Path, cache_folder: Path
) -> None:
    write_shot(tmp_path, **SHOT, size=(96, 80), workers=1, cache_folder=cache_folder)
    for name in ("plate.1001.exr", "plate.1002.exr"):
        by_two = read_frame(benchmark_set.folder / "plate" / name).pixels
        np.testing.assert_array_equal(read_frame(tmp_path / name).pixels, by_two)


def test_a_finished_set_is_not_rendered_again(benchmark_set: Written, cache_folder: Path) -> None:
    same = {**SET, "train_frames": 3, "size": (96, 80), "train_size": (64, 64), "cache_folder": cache_folder}
    again = write_set(benchmark_set.folder, **same)
    assert again.completed and again.rendered == 0
    with pytest.raises(SettingsError, match="made with train_frames 3, not 5"):
        write_set(benchmark_set.folder, **same | {"train_frames": 5})


def test_footage_of_the_target_can_be_left_out_and_added_later(tmp_path: Path, cache_folder: Path) -> None:
    same = {**SET, "frames": 1, "size": (64, 64), "workers": 1, "cache_folder": cache_folder}
    without = write_set(tmp_path, **same, target_footage=False)
    assert without.completed and not (tmp_path / "train_target").exists()
    added = write_set(tmp_path, **same)
    assert added.completed and added.rendered == SET["train_frames"]
    again = write_set(tmp_path, **same, target_footage=False)
    assert again.completed and again.rendered == 0
    assert {"train_target", "train_source"} < {frame["sequence"] for frame in truth_of(again)["frames"]}


def test_a_stopped_shot_goes_on_where_it_stopped(tmp_path: Path, cache_folder: Path) -> None:
    def after_first(progress: Progress) -> bool:
        return progress.stage == "painting" or progress.done < 1

    same = {**SHOT, "frames": 3, "size": (64, 64), "workers": 1, "cache_folder": cache_folder}
    stopped = write_shot(tmp_path, **same, on_progress=after_first)
    assert (stopped.completed, stopped.rendered, stopped.truth.exists()) == (False, 1, False)
    finished = write_shot(tmp_path, **same)
    assert (finished.completed, finished.rendered, finished.frames) == (True, 2, 3)


def test_a_picture_that_was_deleted_is_rendered_again(tmp_path: Path, cache_folder: Path) -> None:
    same = {**SHOT, "size": (64, 64), "workers": 1, "cache_folder": cache_folder}
    path = write_shot(tmp_path, **same).folder / "plate.1002.exr"
    before = read_frame(path).pixels
    path.unlink()
    assert write_shot(tmp_path, **same).rendered == 1
    np.testing.assert_array_equal(read_frame(path).pixels, before)


def test_what_is_worn_is_written_down_and_hides_what_it_covers(tmp_path: Path, cache_folder: Path) -> None:
    one = {**SHOT, "frames": 1, "size": (96, 96), "workers": 1, "occluder": False, "cache_folder": cache_folder}
    truths = []
    for worn in (None, "glasses"):
        written = write_shot(tmp_path / (worn or "bare"), **one, worn=worn)
        truths.append(truth_of(written)["frames"][0])
    assert [truth["worn"] for truth in truths] == [None, "glasses"]
    assert len(truths[1]["hidden_landmarks"]) > len(truths[0]["hidden_landmarks"])
    assert truths[1]["landmarks_plate"] == truths[0]["landmarks_plate"]


def test_a_shot_carries_the_name_and_numbers_it_was_given(tmp_path: Path, cache_folder: Path) -> None:
    one = {**SHOT, "frames": 1, "size": (64, 64), "workers": 1, "cache_folder": cache_folder}
    written = write_shot(tmp_path, **one, name="sh010", first_frame=7, face_seed=SOURCE)
    assert written.patterns == (str(tmp_path / "sh010.####.exr"),)
    assert find_sequence(written.patterns[0]).numbers == (7,)
    assert truth_of(written)["frames"][0]["face_seed"] == SOURCE


SCRIPT = """
import sys
from pathlib import Path
from understudy.synthetic.benchmark import write_shot
if __name__ == "__main__":
    write_shot(Path(sys.argv[1]), identity_seed=7, performance_seed=1, lighting_seed=1, frames=40, size=(64, 64),
               workers=2, cache_folder=Path(sys.argv[2]))
"""


def test_a_killed_script_leaves_whole_frames_to_go_on_from(
    benchmark_set: Written, tmp_path: Path, cache_folder: Path
) -> None:
    script, folder = tmp_path / "script.py", tmp_path / "shot"
    script.write_text(SCRIPT)
    engine = str(Path(sys.modules["understudy"].__file__ or "").parents[1])
    command = [sys.executable, str(script), str(folder), str(cache_folder)]
    with subprocess.Popen(command, env={"PYTHONPATH": engine}, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while len(list(folder.glob("plate.*.exr"))) < 4 and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        process.kill()
    kept = len((folder / "finished.jsonl").read_text().splitlines()) - 1
    assert 1 <= kept < 40 and not (folder / "truth.json").exists()
    assert all(read_frame(path).pixels.any() for path in folder.glob("plate.*.exr"))
    same = {**SHOT, "frames": 40, "size": (64, 64), "workers": 1, "cache_folder": cache_folder}
    written = write_shot(folder, **same, on_progress=lambda progress: progress.done <= kept)
    assert written.rendered == 1


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"identity_seed": -1}, "identity_seed is -1; it must lie between 0 and 2147483647."),
        ({"face_seed": 2**31}, "face_seed is 2147483648; it must lie between 0 and 2147483647."),
        ({"frames": 0}, "frames is 0; it must lie between 1 and 8999."),
        ({"frames": 2, "first_frame": 9999}, "frames is 2; it must lie between 1 and 1."),
        ({"size": (63, 64)}, "size is 63x64; it must lie between 64x64 and 4096x2160."),
        ({"size": (4096, 2161)}, "size is 4096x2161; it must lie between 64x64 and 4096x2160."),
        ({"fill": float("nan")}, "fill is nan; it must lie between 0.02 and 4."),
        ({"tone_match": 2.0}, "tone_match is 2.0; it must lie between 0 and 1."),
        ({"name": "../plate"}, "'../plate' cannot name a sequence; use letters, digits, '-' and '_'."),
        ({"worn": "a hat"}, "Nobody wears 'a hat'; name glasses or fringe."),
        ({"workers": 0}, "workers is 0; it must lie between 1 and 1024."),
    ],
)
def test_a_shot_that_cannot_be_meant_is_refused_in_a_sentence(tmp_path: Path, wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        write_shot(tmp_path / "shot", **{**SHOT, **wrong})
    assert str(caught.value) == said
    assert not (tmp_path / "shot").exists()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"source_seed": TARGET}, "Target and source identity are both 7; name two."),
        ({"train_frames": 0}, "train_frames is 0; it must lie between 1 and 8999."),
        ({"train_size": (64, 9000)}, "train_size is 64x9000; it must lie between 64x64 and 4096x2160."),
    ],
)
def test_a_set_that_cannot_be_meant_is_refused_in_a_sentence(tmp_path: Path, wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        write_set(tmp_path / "set", **{**SET, **wrong})
    assert str(caught.value) == said
    assert not (tmp_path / "set").exists()
