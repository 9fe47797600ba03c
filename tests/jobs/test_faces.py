from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.jobs.made_up_shot import SIZE, made_up_shot, textured_plate
from understudy.cli.app import main
from understudy.faces.face import FoundFrame, append_found_frame
from understudy.jobs.faces import describe_faces
from understudy.jobs.found_tracks import read_found_tracks
from understudy.jobs.shot import open_shot
from understudy.plates import read_frame, write_frame
from understudy.settings.project import ProjectFolder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ProjectFolder:
    """Three frames; the third was searched after the crops were made, and so was a fourth, which holds no face."""
    folder = made_up_shot(tmp_path, monkeypatch, [textured_plate(), textured_plate(2)])
    for number in (1003, 1004):
        write_frame(tmp_path / "plates" / f"s.{number}.exr", textured_plate(3))
    lines = folder.faces_file("s").read_text().splitlines()
    with folder.faces_file("s").open("a") as file:
        file.write(json.dumps({**json.loads(lines[-1]), "frame": 1003}, separators=(",", ":")) + "\n")
    append_found_frame(folder.faces_file("s"), FoundFrame(1004, (), ""))
    return folder


def test_faces_say_tracks_sizes_and_what_lacks_a_crop(folder: ProjectFolder) -> None:
    facts = describe_faces(folder, "s").to_json()
    assert (facts["searched"], facts["without_face"]) == ("1001-1004", "1004")
    (track,) = facts["tracks"]
    assert (track["track"], track["identity"], track["frames"], track["count"]) == (1, "", "1001-1003", 3)
    sizes = facts["native_px"]
    assert sizes["smallest"] == pytest.approx(96, abs=4) and sizes["smallest"] < sizes["largest"]
    assert [faceset["identity"] for faceset in facts["facesets"]] == ["ben", "anna"]
    for faceset in facts["facesets"]:
        assert (faceset["size"], faceset["crops"], faceset["without_crop"]) == (SIZE, 2, "1003")
    assert facts["sheet"] == ""


def test_a_face_smaller_than_its_crop_is_counted_as_enlarged(folder: ProjectFolder) -> None:
    def enlarged() -> int:
        return describe_faces(folder, "s").facesets[0].enlarged

    assert len(read_found_tracks(folder, open_shot(folder, "s")).alignments("ben")) == 3
    record = folder.faceset("ben") / "crops.jsonl"
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    for native_px, count in ((SIZE + 1, 0), (SIZE - 1, 2)):
        record.write_text("".join(json.dumps({**line, "native_px": native_px}) + "\n" for line in lines))
        assert enlarged() == count


def test_the_command_prints_what_the_job_says_and_writes_a_sheet(
    folder: ProjectFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["-C", str(folder.path), "faces", "s", "--sheet", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts == describe_faces(folder, "s", with_sheet=True).to_json()
    assert Path(facts["sheet"]) == folder.path / "shots" / "s" / "tracks.png"
    assert read_frame(Path(facts["sheet"])).data_window.width > 8 * SIZE
    assert main(["-C", str(folder.path), "faces", "s"]) == 0
    out = capsys.readouterr().out
    assert "no face in 1004" in out and "2 crops of 96 px" in out and "none of 1003" in out


def test_a_shot_that_was_not_searched_has_nothing(folder: ProjectFolder) -> None:
    folder = folder.save(folder.with_shot("new", {"plate": "../plates/s.####.exr", "colorspace": "ACEScg"}))
    facts = describe_faces(folder, "new", with_sheet=True).to_json()
    assert (facts["searched"], facts["tracks"], facts["native_px"], facts["facesets"]) == ("", [], None, [])
    assert facts["sheet"] == ""
