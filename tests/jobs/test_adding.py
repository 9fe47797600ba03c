"""What is added to a project is checked first, and two who add at once lose nothing of each other's."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import pytest

from understudy.color import DEFAULT_CONFIG
from understudy.errors import MissingFrameError, SettingsError, UnderstudyError, UnknownNameError
from understudy.jobs.adding import add_identity, add_shot, planned_project
from understudy.plates import Frame, write_frame
from understudy.settings.project import ProjectFolder, create_project

ENGINE = Path(__file__).parents[2] / "engine"


@pytest.fixture
def plates(tmp_path: Path, frame: Frame) -> Path:
    for number in (1001, 1002, 1004):
        write_frame(tmp_path / "plates" / f"a.{number}.exr", frame)
    return tmp_path / "plates" / "a.####.exr"


@pytest.fixture
def folder(tmp_path: Path) -> ProjectFolder:
    return create_project(tmp_path / "film", DEFAULT_CONFIG)


def test_a_shot_says_what_its_plate_is_taken_to_be(folder: ProjectFolder, plates: Path) -> None:
    facts = add_shot(folder, "sh010", plates, frames="1001-1002", colorspace="ACEScg").to_json()
    assert (facts["frames"], facts["count"], facts["first"], facts["last"]) == ("1001-1002", 2, 1001, 1002)
    assert (facts["colorspace"], facts["reason"], facts["is_guess"]) == ("ACEScg", "as the shot says", False)
    assert facts["display_window"] == [0, 0, 64, 64] and facts["data_window"] == [-4, 10, 44, 42]
    assert (facts["plate"], facts["working"]) == (str(plates), "ACEScg")
    assert ProjectFolder.open(folder.path).shot("sh010").frames == "1001-1002"


def test_a_shot_without_a_said_space_says_that_it_is_a_guess(folder: ProjectFolder, plates: Path) -> None:
    facts = add_shot(folder, "sh010", plates, missing="skip").to_json()
    assert facts["is_guess"] and facts["reason"]
    assert facts["frames"] == "1001-1002,1004"


def test_a_hole_in_the_plate_is_not_passed_over(folder: ProjectFolder, plates: Path) -> None:
    with pytest.raises(MissingFrameError, match="lacks frame 1003; on disk is 1001-1002,1004"):
        add_shot(folder, "sh010", plates)
    assert add_shot(folder, "sh010", plates, frames="1001-1002,1004").to_json()["count"] == 3


@pytest.mark.parametrize(
    "asked,error",
    [
        ({"frames": "1001-1004"}, MissingFrameError),
        ({"colorspace": "Arri LogC9"}, UnknownNameError),
        ({"layer": "beauty"}, UnderstudyError),
    ],
)
def test_what_cannot_be_used_changes_nothing(
    folder: ProjectFolder, plates: Path, asked: dict[str, str], error: type[UnderstudyError]
) -> None:
    with pytest.raises(error):
        add_shot(folder, "sh010", plates, **asked)
    assert ProjectFolder.open(folder.path) == folder
    planned = planned_project(folder.path.parent / "new", DEFAULT_CONFIG)
    with pytest.raises(error):
        add_shot(planned, "sh010", plates, **asked)
    assert not planned.path.exists()


def test_a_planned_project_is_made_with_its_first_shot(tmp_path: Path, plates: Path) -> None:
    planned = planned_project(tmp_path / "new", DEFAULT_CONFIG)
    assert not planned.path.exists()
    add_shot(planned, "sh010", plates, frames="1001", dry_run=True)
    assert not planned.path.exists()
    add_shot(planned, "sh010", plates, frames="1001")
    add_shot(planned, "sh020", plates, frames="1002")
    assert set(ProjectFolder.open(planned.path).project.shots) == {"sh010", "sh020"}


@pytest.mark.parametrize("missing,frames,left_out", [("hold", "1001-1004", ""), ("skip", "1001-1002,1004", "1003")])
def test_a_hole_is_held_or_left_out(
    folder: ProjectFolder, plates: Path, missing: Literal["hold", "skip"], frames: str, left_out: str
) -> None:
    facts = add_shot(folder, "sh010", plates, frames="1001-1004", missing=missing).to_json()
    assert (facts["frames"], facts["missing"], facts["left_out"]) == (frames, missing, left_out)
    assert ProjectFolder.open(folder.path).shot("sh010").missing == missing


def test_results_of_a_log_plate_will_be_in_the_working_space(folder: ProjectFolder, plates: Path) -> None:
    for said, results in (("ACEScct", "ACEScg"), ("lin_ap0", "ACES2065-1")):
        assert (
            add_shot(folder, "sh010", plates, frames="1001", colorspace=said).to_json()["result_colorspace"] == results
        )


def test_a_source_identity_needs_consent(folder: ProjectFolder) -> None:
    with pytest.raises(SettingsError, match="needs consent"):
        add_identity(folder, "anna", "source")
    assert add_identity(folder, "anna", "source", synthetic=True).to_json() == {
        "identity": "anna",
        "role": "source",
        "synthetic": True,
        "person": "",
        "valid_until": "",
    }


def test_16_threads_and_2_processes_add_at_once_and_nothing_is_lost(folder: ProjectFolder) -> None:
    code = (
        "import sys; from pathlib import Path; from understudy.settings.project import ProjectFolder\n"
        "folder = ProjectFolder.open(Path(sys.argv[1]))\n"
        "for index in range(12): folder.changed("
        "lambda now: now.with_identity(f'{sys.argv[2]}{index}', {'role': 'target'}))"
    )
    command = [sys.executable, "-c", code, str(folder.path)]
    others = [subprocess.Popen([*command, name], env={"PYTHONPATH": str(ENGINE)}) for name in ("p", "q")]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda index: add_identity(folder, f"t{index}", "target"), range(32)))
    assert [other.wait(60) for other in others] == [0, 0]
    wanted = {f"t{index}" for index in range(32)} | {f"{name}{index}" for name in "pq" for index in range(12)}
    assert set(ProjectFolder.open(folder.path).project.identities) == wanted
