from __future__ import annotations

from pathlib import Path

import pytest

from understudy.color import DEFAULT_CONFIG
from understudy.errors import ProjectError, SettingsError, UnknownNameError
from understudy.settings.project import Project, ProjectFolder, create_project


@pytest.fixture
def folder(tmp_path: Path) -> ProjectFolder:
    return create_project(tmp_path / "film", DEFAULT_CONFIG)


def rewritten(folder: ProjectFolder, text: str) -> None:
    (folder.path / "understudy.yaml").write_text(f"schema: project-1\nocio: {DEFAULT_CONFIG}\n{text}")


def test_a_project_comes_back_from_disk_as_it_was(folder: ProjectFolder) -> None:
    changed = folder.with_shot("sh010", {"plate": "plates/a.####.exr", "frames": "1001-1004", "layer": "beauty"})
    saved = folder.save(changed)
    assert ProjectFolder.open(folder.path) == saved
    assert saved.plate_pattern("sh010") == folder.path.absolute() / "plates" / "a.####.exr"


def test_a_project_is_never_made_over_another(folder: ProjectFolder) -> None:
    with pytest.raises(ProjectError, match="is a project already"):
        create_project(folder.path, DEFAULT_CONFIG)


def test_a_folder_without_project_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="understudy new"):
        ProjectFolder.open(tmp_path)


@pytest.mark.parametrize(
    "text,reason",
    [
        ("shots: {sh010: {plat: x}}", "field 'shots.sh010.plat': there is no such field; near: plate"),
        ("shots: {sh010: {}}", "field 'shots.sh010.plate': is missing"),
        ("identities: {ada: {role: both}}", "field 'identities.ada.role'"),
        ("shots: {'../x': {plate: a.exr}}", "cannot be a folder's name"),
        ("min_native: -4", "field 'min_native'"),
        ("shots: [", "line 3"),
        ("ocio: twice", "stands there twice"),
        ("a: &x 1\nb: *x", "aliases"),
        ("shots: !!python/object/apply:os.system ['true']", "not valid YAML"),
    ],
)
def test_a_broken_file_is_named_with_field_and_reason(folder: ProjectFolder, text: str, reason: str) -> None:
    rewritten(folder, text)
    with pytest.raises(ProjectError) as caught:
        ProjectFolder.open(folder.path)
    assert str(folder.path / "understudy.yaml") in str(caught.value)
    assert reason in str(caught.value)


def test_a_project_of_a_later_version_is_refused(folder: ProjectFolder) -> None:
    (folder.path / "understudy.yaml").write_text("schema: project-9\nocio: x\n")
    with pytest.raises(ProjectError, match="project-1"):
        ProjectFolder.open(folder.path)


def test_unknown_names_are_answered_with_the_command_that_adds_them(folder: ProjectFolder) -> None:
    with pytest.raises(UnknownNameError, match="understudy shot add sh010"):
        folder.shot("sh010")
    with pytest.raises(UnknownNameError, match="understudy identity add ada"):
        folder.identity("ada")


@pytest.mark.parametrize("name", ["../x", "", "a/b", "con", "x" * 65, ".hidden", "ends."])
def test_names_that_are_no_folder_names_are_refused(folder: ProjectFolder, name: str) -> None:
    with pytest.raises(ProjectError, match="cannot name a shot"):
        folder.with_shot(name, {"plate": "a.exr"})


def test_one_commands_settings_do_not_change_the_file(folder: ProjectFolder) -> None:
    changed = folder.with_overrides(("swap.st_map=true", "min_native=64"))
    assert (changed.swap.st_map, changed.min_native) == (True, 64)
    assert ProjectFolder.open(folder.path).project == Project(ocio=DEFAULT_CONFIG)
    with pytest.raises(SettingsError, match=r"swap\.st_mab"):
        folder.with_overrides(("swap.st_mab=true",))
