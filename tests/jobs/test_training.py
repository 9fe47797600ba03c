"""What is refused before a face is read, with and without --dry-run; and one training of a model at a time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.jobs.made_up_people import TINY, people_project
from understudy.cli.app import main
from understudy.color import ColorConfig
from understudy.errors import ProjectError
from understudy.jobs.asked import TrainingAsked
from understudy.jobs.training import run_training
from understudy.lock import ProcessLock
from understudy.settings.project import ProjectFolder


@pytest.fixture
def folder(tmp_path: Path, color: ColorConfig) -> ProjectFolder:
    return people_project(tmp_path, color)


@pytest.mark.parametrize("dry", [["--dry-run"], []])
@pytest.mark.parametrize(
    "settings,words",
    [
        (["model.size=128"], "holds crops for 64 px"),
        (["training.losses.coarse=1"], "its network paints one size only"),
        (["training.losses.matte=1"], "its network predicts no matte"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_anything_is_written(
    folder: ProjectFolder, capsys: pytest.CaptureFixture[str], settings: list[str], words: str, dry: list[str]
) -> None:
    changes = [word for setting in settings for word in ("--set", setting)]
    line = ["-C", str(folder.path), "train", "x", "--preset", "u64", "--source", "cas", "--target", "ben"]
    assert main([*line, *changes, *dry, "--iterations", "1"]) == 2
    assert words in capsys.readouterr().err
    assert not folder.model("x").exists() and not (folder.faceset("cas") / "cache").exists()


def test_a_dry_run_knows_the_network_that_a_model_was_begun_with(
    folder: ProjectFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny = tmp_path / "tiny.yaml"
    tiny.write_text(yaml.safe_dump(json.loads(TINY.to_json())))
    line = ["-C", str(folder.path), "train", "x", "--preset", str(tiny), "--source", "cas", "--target", "ben"]
    assert main([*line, "--iterations", "1"]) == 0
    assert main([*line, "--dry-run"]) == 0
    capsys.readouterr()
    assert main([*line, "--set", "model.encoder.slope=0.3", "--dry-run"]) == 2
    assert "was trained with another network" in capsys.readouterr().err


def test_a_model_is_trained_by_one_process_at_a_time(folder: ProjectFolder) -> None:
    lock = ProcessLock(folder.path / "models" / ".x.lock")
    (folder.path / "models").mkdir(exist_ok=True)
    assert lock.take()
    asked = TrainingAsked("x", "cas", "ben")
    with pytest.raises(ProjectError, match="Model 'x' is being trained already, by process"):
        run_training(folder, asked, TINY, iterations=1)
    assert not folder.model("x").exists()
    lock.release()
    result = run_training(folder, asked, TINY, iterations=1)
    assert result is not None and result.iteration == 1
