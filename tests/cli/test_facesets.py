from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.jobs.curated import faceset, project, record
from understudy.cli import main
from understudy.faces.faceset import Faceset
from understudy.settings.project import ProjectFolder


@pytest.fixture
def folder(tmp_path: Path) -> ProjectFolder:
    made = project(tmp_path / "p", anna2={"role": "source", "synthetic": True})
    faceset(made, "anna", [record(1000 + index, yaw=3.0 * index, sharpness=0.1 * index) for index in range(1, 10)])
    faceset(made, "anna2", [record(7, "sh020")])
    faceset(made, "ben", [record(1), record(2, yaw=70.0)])
    return made


def run(capsys: pytest.CaptureFixture[str], folder: ProjectFolder, *arguments: str) -> tuple[int, str, str]:
    code = main(["-C", str(folder.path), "faceset", *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_a_name_alone_is_shown(folder: ProjectFolder, capsys) -> None:
    code, out, _ = run(capsys, folder, "anna")
    assert code == 0 and "faceset anna" in out and "yaw +15" in out
    assert run(capsys, folder, "show", "anna")[1] == out
    assert json.loads(run(capsys, folder, "--json", "anna")[1])["crops"] == 9


def test_listing_is_sorted_and_json_has_all(folder: ProjectFolder, capsys) -> None:
    code, out, _ = run(capsys, folder, "anna", "--sort", "-sharpness", "--where", "yaw>9")
    lines = out.splitlines()
    assert code == 0 and lines[0] == "6 of 9 crops of anna" and lines[2].split()[1] == "1009"
    listed = json.loads(run(capsys, folder, "anna", "--where", "yaw>9", "--json")[1])["chosen"]
    assert [row["frame"] for row in listed] == list(range(1004, 1010))


def test_drop_dry_run_undo_and_restore(folder: ProjectFolder, capsys) -> None:
    soft = ["anna", "--where", "sharpness<0.35"]
    assert "would change 3 crops (drop)" in run(capsys, folder, *soft, "--drop", "--dry-run")[1]
    assert len(Faceset.open(folder.faceset("anna")).learned) == 9
    assert "changed 3 crops (drop)" in run(capsys, folder, *soft, "--drop")[1]
    assert json.loads(run(capsys, folder, "anna", "--json")[1])["left_out"] == 3
    assert "changed 3 crops (undo)" in run(capsys, folder, "anna", "--undo")[1]
    assert run(capsys, folder, *soft, "--keep")[0] == 0
    assert json.loads(run(capsys, folder, "anna", "--restore", "--json")[1])["changed"] == {"sh010": "1004-1009"}


@pytest.mark.parametrize(
    "arguments,words",
    [
        (["anna", "--drop"], "--drop needs to know which crops"),
        (["anna", "--undo"], "nothing to undo"),
        (["anna", "--where", "frame=1001", "--drop", "--keep"], "cannot be meant together"),
        (["anna", "--where", "frame=5", "--drop"], "No crop of faceset 'anna' is meant"),
        (["ann"], "anna"),
        (["anna", "--sort", "beauty"], "order"),
        (["split", "anna", "--held-out", "lots"], "write a share such as 10%"),
        (["merge", "anna", "ben"], "cannot become 'anna's"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence_and_exit_code_2(
    folder: ProjectFolder, capsys, arguments: list[str], words: str
) -> None:
    code, out, err = run(capsys, folder, *arguments)
    assert (code, out) == (2, "") and words in err and err.count("error:") == 1


def test_what_a_shot_needs_is_said(folder: ProjectFolder, capsys) -> None:
    code, out, _ = run(capsys, folder, "anna", "--for", "sh010")
    assert code == 0 and "Shot 'sh010' turns to about yaw +75" in out
    gaps = json.loads(run(capsys, folder, "anna", "--for", "sh010", "--json")[1])["gaps"]
    assert (gaps[0]["kind"], gaps[0]["frames"]) == ("pose", "2")
    faceset(folder, "ben", [record(1, sharpness=0.5)])
    assert "anna has what sh010 needs." in run(capsys, folder, "anna", "--for", "sh010")[1]


def test_sheets_and_reports_say_where_they_are(folder: ProjectFolder, capsys) -> None:
    out = run(capsys, folder, "anna", "--sheet", "--by", "pose", "--report")[1]
    for name in ("sheet_pose.png", "report.html"):
        assert name in out and (folder.faceset("anna") / name).is_file()
    assert run(capsys, folder, "ben", "--sheet", "--dry-run")[0] == 0
    assert not (folder.faceset("ben") / "sheet.png").exists()


def test_split_and_merge_run(folder: ProjectFolder, capsys) -> None:
    assert "would hold 2 crops out, 7 are learned from" in run(
        capsys, folder, "split", "anna", "--held-out", "2", "--dry-run"
    )[1]  # fmt: skip
    assert json.loads(run(capsys, folder, "split", "anna", "--held-out", "20%", "--json")[1])["count"] == 2
    assert "copied 1 crops" in run(capsys, folder, "merge", "anna", "anna2")[1]
    now = Faceset.open(folder.faceset("anna"))
    assert (len(now.learned), len(now.held_out)) == (8, 2)
