"""Commands that make and change a project keep what was set, and name a config for good."""

from __future__ import annotations

from pathlib import Path

import pytest

from understudy.cli import main
from understudy.color import ColorConfig
from understudy.settings.project import ProjectFolder


def test_new_keeps_the_name_that_the_variable_stands_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, color: ColorConfig
) -> None:
    (tmp_path / "show.ocio").write_text(color.config.serialize())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OCIO", "show.ocio")
    assert main(["new", "film", "--ocio", "$OCIO"]) == 0
    assert ProjectFolder.open(tmp_path / "film").project.ocio == str(tmp_path / "show.ocio")
    monkeypatch.setenv("OCIO", "ocio://studio-config-v1.0.0_aces-v1.3_ocio-v2.1")
    assert main(["new", "other", "--ocio", "$OCIO"]) == 0
    assert ProjectFolder.open(tmp_path / "other").project.ocio == "studio-config-v1.0.0_aces-v1.3_ocio-v2.1"


def test_a_shot_that_is_added_again_keeps_what_was_set_by_hand(portrait_project: ProjectFolder) -> None:
    values = portrait_project.shot("sh010").model_dump(mode="json")
    portrait_project.save(portrait_project.with_shot("sh010", {**values, "exposure": 2.0}))
    plate = str(portrait_project.plate_pattern("sh010"))
    assert (
        main(["-C", str(portrait_project.path), "shot", "add", "sh010", "--plate", plate, "--colorspace", "Raw"]) == 0
    )
    shot = ProjectFolder.open(portrait_project.path).shot("sh010")
    assert (shot.exposure, shot.colorspace) == (2.0, "Raw")
