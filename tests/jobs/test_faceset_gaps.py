from __future__ import annotations

from pathlib import Path

import pytest

from tests.jobs.curated import faceset, project, record
from understudy.errors import FacesetError
from understudy.faces.coverage import PoseCell
from understudy.faces.faceset import CropRecord
from understudy.jobs.faceset_gaps import gaps_for_shot, gaps_of_project
from understudy.jobs.train import run_train
from understudy.settings.preset import load_preset
from understudy.settings.project import ProjectFolder

FRONTAL = [record(number, "sh020", yaw=number - 11.0) for number in range(1, 22)]


@pytest.fixture
def folder(tmp_path: Path) -> ProjectFolder:
    made = project(tmp_path / "p")
    faceset(made, "anna", FRONTAL)
    return made


def gaps(folder: ProjectFolder, *wanted: CropRecord) -> list[tuple[str, tuple[int, ...]]]:
    faceset(folder, "ben", wanted)
    return [(gap.kind, gap.frames) for gap in gaps_for_shot(folder, "anna", "sh010")]


def test_what_is_alike_lacks_nothing(folder: ProjectFolder) -> None:
    assert gaps(folder, record(1), record(2, yaw=-24.0), record(3, pitch=14.0)) == []


def test_poses_out_of_reach_are_named_with_their_frames(folder: ProjectFolder) -> None:
    assert gaps(folder, record(1), record(2, yaw=31.0), record(3, yaw=33.0)) == [("pose", (2, 3))]
    (gap,) = gaps_for_shot(folder, "anna", "sh010")
    assert gap.pose == PoseCell(30, 0)
    assert gap.sentence == (
        "Shot 'sh010' turns to about yaw +30, pitch +0 in 2 frames (2-3), and no face of 'anna' comes within 15 "
        "degrees of it."
    )
    assert gap.to_json() | {"sentence": ""} == {
        "kind": "pose", "shot": "sh010", "frames": "2-3", "yaw": 30, "pitch": 0, "count": 2, "sentence": ""
    }  # fmt: skip


def test_many_lacking_poses_are_not_many_sentences(folder: ProjectFolder) -> None:
    far = [record(100 + index, yaw=40.0 + 15 * (index % 3), pitch=15.0 * (index // 3) - 30) for index in range(15)]
    faceset(folder, "ben", far)
    found = gaps_for_shot(folder, "anna", "sh010")
    assert len(found) == 7 and "9 more poses" in found[-1].sentence
    assert sum(len(gap.frames) for gap in found) == 15


def test_light_counts_from_the_middle_of_each_shot(folder: ProjectFolder) -> None:
    assert gaps(folder, *(record(number, light=0.18) for number in range(1, 4))) == []
    assert gaps(folder, record(1), record(2, light=0.18 * 0.4), record(3, light=0.18 * 5)) == [
        ("light", (2,)),
        ("light", (3,)),
    ]
    faceset(folder, "ben", [record(number, light=0.18 * 16) for number in range(3)], exposure=-4.0)
    assert gaps_for_shot(folder, "anna", "sh010") == ()


def test_small_and_soft_sources_are_told(folder: ProjectFolder) -> None:
    faceset(folder, "anna", [record(number, "sh020", native_px=30.0, sharpness=0.4) for number in range(8)])
    assert gaps(folder, *(record(number) for number in (1, 2, 3))) == [("size", (1, 2, 3)), ("sharpness", (1, 2, 3))]
    assert gaps(folder, *(record(number, native_px=33.0, sharpness=0.45) for number in (1, 2, 3))) == []


def test_both_roles_see_the_same_gaps(folder: ProjectFolder) -> None:
    faceset(folder, "ben", [record(1, yaw=60.0)])
    assert gaps_of_project(folder, "anna") == gaps_of_project(folder, "ben") == gaps_for_shot(folder, "anna", "sh010")
    assert gaps_of_project(folder, "ben", ("sh020",)) == ()


def test_a_shot_whose_faces_are_not_known_says_what_to_run(folder: ProjectFolder) -> None:
    with pytest.raises(FacesetError, match="understudy extract sh010 --identity TARGET"):
        gaps_for_shot(folder, "anna", "sh010")


def test_training_begins_with_what_is_lacking(folder: ProjectFolder, caplog: pytest.LogCaptureFixture) -> None:
    faceset(folder, "ben", [record(1), record(2, yaw=-60.0)])
    run_train(folder, "m", load_preset("identity", ["model.size=64"]))
    assert "turns to about yaw -60, pitch +0 in 1 frame (2)" in caplog.text
