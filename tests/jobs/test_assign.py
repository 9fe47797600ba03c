"""Two people in one shot: what is taken for whom, and how a wrong assignment is undone."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from tests.jobs.made_up_shot import SIZE, made_up_shot, second_person, textured_plate
from understudy.cli.app import main
from understudy.errors import FacesetError, NoFaceError, SettingsError
from understudy.faces.face import FoundFrame, append_found_frame, read_found_frames
from understudy.faces.faceset import Faceset
from understudy.geometry import apply_transform, inverse
from understudy.jobs.deliver import read_patch_move
from understudy.jobs.extract import Extracted, run_extract
from understudy.jobs.faces import describe_faces
from understudy.jobs.found_tracks import warn_of_another
from understudy.jobs.preview import preview_frame
from understudy.jobs.shot import config_of
from understudy.jobs.swap import open_swapper, run_swap
from understudy.plates import read_frame, write_frame
from understudy.settings.preset import load_preset
from understudy.settings.project import ProjectFolder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ProjectFolder:
    """Shot `s` of two frames, in which the larger face is track 1 and the smaller, at the right, is track 2.

    The crops of ben and anna are of the larger one: the other was found after they were made.
    """
    folder = made_up_shot(tmp_path, monkeypatch, [textured_plate(), textured_plate(2)])
    second_person(folder)
    return folder


def extract(folder: ProjectFolder, identity: str = "ben") -> Extracted:
    return run_extract(folder, "s", identity, load_preset("identity", [f"model.size={SIZE}"]))


def assigned(folder: ProjectFolder, *options: str) -> int:
    words = [word for option in options for word in ("--assign", option)]
    return main(["-C", str(folder.path), "faces", "s", *words])


def middle_x(folder: ProjectFolder) -> list[int]:
    """Where the swap puts its face, across, in tens of plate pixels."""
    alignments = open_swapper(folder, "s", "m").alignments.values()
    return [round(apply_transform(inverse(one.aligned_from_plate), [[0.5, 0.5]])[0, 0] / 10) for one in alignments]


def native_px(folder: ProjectFolder, identity: str = "ben") -> list[float]:
    records = Faceset.open(folder.faceset(identity)).records.values()
    return [round(record.native_px, -1) for record in records]


def test_the_largest_is_taken_with_a_warning_when_nobody_said_anything(
    folder: ProjectFolder, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "understudy"):
        made = extract(folder)
    assert (made.kept, made.cropped) == (2, 0)
    assert (
        "has 2 tracks of which it was not said whose they are. Number 1, the largest, is taken for ben" in caplog.text
    )
    assert "understudy faces s --assign TRACK=NAME" in caplog.text


@pytest.mark.parametrize("looks,is_warned", [(((), ()), False), (((0.0, -3.0) * 24, (-3.0, 0.0) * 24), True)])
def test_a_head_that_was_lost_is_no_guess_and_one_after_a_cut_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, looks, is_warned: bool
) -> None:
    folder = made_up_shot(tmp_path, monkeypatch, [textured_plate()])
    write_frame(tmp_path / "plates" / "s.1021.exr", textured_plate(2))
    (face,) = read_found_frames(folder.faces_file("s"))[1001].faces
    for number, look in zip((1001, 1021), looks, strict=True):
        append_found_frame(folder.faces_file("s"), FoundFrame(number, (replace(face, frame=number),), "", look))
    caplog.clear()
    with caplog.at_level(logging.WARNING, "understudy"):
        made = extract(folder)
    assert made.faceset is not None and [frame for _, frame in made.faceset.records] == [1001, 1021]
    assert ("2 tracks" in caplog.text) == ("a cut at 1021" in caplog.text) == is_warned


def test_a_track_that_loses_its_name_is_told(folder: ProjectFolder, caplog: pytest.LogCaptureFixture) -> None:
    describe_faces(folder, "s", assign={1: "ben"})
    caplog.clear()
    with caplog.at_level(logging.WARNING, "understudy"):
        describe_faces(folder, "s", assign={2: "ben"})
    assert "track 1, in the same frames, is no longer ben's" in caplog.text


def test_nothing_is_warned_of_when_all_is_said(folder: ProjectFolder, caplog: pytest.LogCaptureFixture) -> None:
    for assign, is_warned in (({2: "ben"}, True), ({1: "-"}, False)):
        describe_faces(folder, "s", assign=assign)
        caplog.clear()
        with caplog.at_level(logging.WARNING, "understudy"):
            extract(folder)
        assert "their crops are enlarged" in caplog.text
        assert ("nothing was said of track 1." in caplog.text) == ("--assign" in caplog.text) == is_warned


def test_a_wrong_face_is_replaced_without_searching_again(folder: ProjectFolder) -> None:
    searched = folder.faces_file("s").read_bytes()
    assert (native_px(folder), middle_x(folder)) == ([100, 100], [10, 10])
    assert assigned(folder, "2=ben", "1=-") == 0
    assert middle_x(folder) == [16, 16]
    made = extract(folder)
    assert (made.cropped, made.kept, native_px(folder)) == (2, 0, [60, 60])
    assert assigned(folder, "1=ben") == 0
    assert (extract(folder).cropped, native_px(folder), middle_x(folder)) == (2, [100, 100], [10, 10])
    assert folder.faces_file("s").read_bytes() == searched


def test_a_crop_is_of_the_face_that_was_assigned(folder: ProjectFolder) -> None:
    before = read_frame(folder.faceset("ben") / "crops" / "s.1001.exr").pixels
    assigned(folder, "2=ben")
    extract(folder)
    after = read_frame(folder.faceset("ben") / "crops" / "s.1001.exr").pixels
    assigned(folder, "1=ben")
    extract(folder)
    np.testing.assert_array_equal(read_frame(folder.faceset("ben") / "crops" / "s.1001.exr").pixels, before)
    assert np.abs(after - before).max() > 0.1


def test_results_are_written_anew_for_another_face(folder: ProjectFolder) -> None:
    run_swap(folder, "s", "m")
    windows = [read_frame(folder.swaps("s") / "s.1001.exr").data_window]
    assigned(folder, "2=ben")
    assert run_swap(folder, "s", "m").written == (1001, 1002)
    windows.append(read_frame(folder.swaps("s") / "s.1001.exr").data_window)
    assert windows[0].left < 100 < windows[1].left
    assert run_swap(folder, "s", "m").kept == (1001, 1002)


def test_crops_of_a_face_that_is_somebody_elses_are_deleted(folder: ProjectFolder) -> None:
    assigned(folder, "1=anna", "2=-")
    with pytest.raises(NoFaceError, match=r"No face of 'ben' is in 2 frames.*track 1 \(anna\), 2 \(nobody\).*=ben"):
        extract(folder)
    faceset = Faceset.open(folder.faceset("ben"))
    assert (faceset.records, faceset.shots, list((faceset.folder / "crops").iterdir())) == ({}, {}, [])
    with pytest.raises(FacesetError, match="has no faces of 'ben' yet"):
        open_swapper(folder, "s", "m")
    assigned(folder, "1=ben")
    assert extract(folder).cropped == 2 and middle_x(folder) == [10, 10]


def test_an_assignment_survives_more_frames_and_other_numbers(folder: ProjectFolder, tmp_path: Path) -> None:
    assigned(folder, "1=anna", "2=ben")
    last = read_found_frames(folder.faces_file("s"))[1002]
    for number in range(1003, 1010):
        write_frame(tmp_path / "plates" / f"s.{number}.exr", textured_plate(number))
        append_found_frame(folder.faces_file("s"), FoundFrame(number, (replace(last.faces[1], frame=number),), ""))
    tracks = describe_faces(folder, "s").to_json()["tracks"]
    assert [(track["track"], track["identity"], track["frames"]) for track in tracks] == [
        (1, "ben", "1001-1009"),
        (2, "anna", "1001-1002"),
    ]


def test_the_list_tells_each_identity_and_what_lacks_a_crop(folder: ProjectFolder, capsys) -> None:
    assigned(folder, "2=ben")
    assert "ben" in capsys.readouterr().out
    facts = describe_faces(folder, "s").to_json()
    assert [track["identity"] for track in facts["tracks"]] == ["", "ben"]
    assert facts["native_px"]["largest"] == pytest.approx(60, abs=1)
    assert [(each["without_crop"], each["of_another"]) for each in facts["facesets"]] == [("", "1001-1002"), ("", "")]
    extract(folder)
    assert [faceset.of_another for faceset in describe_faces(folder, "s").facesets] == [(), ()]
    assigned(folder, "2=")
    assert [track["identity"] for track in describe_faces(folder, "s").to_json()["tracks"]] == ["", ""]


def test_a_sheet_has_a_row_for_each_track(folder: ProjectFolder) -> None:
    sheet = describe_faces(folder, "s", with_sheet=True).sheet
    assert sheet is not None
    picture = read_frame(sheet).rgb()
    cells = [
        [picture[row * 148 + 30 : row * 148 + 120, column * 148 + 4 : column * 148 + 140] for column in range(8)]
        for row in range(2)
    ]
    assert picture.shape[0] == 2 * 148
    for row in cells:
        assert all(cell.std() > 0.05 and 0.1 < cell.mean() < 0.9 for cell in row[:2])
        assert all(cell.max() == 0 for cell in row[2:])
    assert np.abs(cells[0][0] - cells[1][0]).mean() > 0.05


def test_a_cut_that_was_not_seen_parts_two_people_who_changed_places(folder: ProjectFolder) -> None:
    with pytest.raises(SettingsError, match="Say the cuts first"):
        describe_faces(folder, "s", assign={1: "ben"}, cuts={1002: True})
    with pytest.raises(SettingsError, match="No cut can be at 1001: shot 's' begins at 1001"):
        describe_faces(folder, "s", cuts={1001: True})
    assert len(describe_faces(folder, "s", cuts={1002: True}, dry_run=True).tracks) == 4
    assert len(describe_faces(folder, "s").tracks) == 2
    shot = describe_faces(folder, "s", cuts={1002: True})
    assert (shot.cuts, sorted(track.frames for track in shot.tracks)) == ((1002,), [(1001,), (1001,), (1002,), (1002,)])
    first, last = shot.tracks[:2], shot.tracks[2:]
    large = next(track.number for track in first if track.frames == (1001,))
    small = next(track.number for track in last if track.frames == (1002,))
    describe_faces(folder, "s", assign={large: "ben", small: "ben"})
    extract(folder)
    assert native_px(folder) == [100, 60]
    assert len(describe_faces(folder, "s", cuts={1002: False}).tracks) == 2
    assert json.loads(folder.assignments_file("s").read_text())["cuts"] == {}


def test_a_whip_pan_that_was_taken_for_a_cut_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = made_up_shot(tmp_path, monkeypatch, [textured_plate(), textured_plate(2)])
    (face,) = read_found_frames(folder.faces_file("s"))[1001].faces
    for number, look in ((1001, (0.0, -3.0) * 24), (1002, (-3.0, 0.0) * 24)):
        append_found_frame(folder.faces_file("s"), FoundFrame(number, (replace(face, frame=number),), "", look))
    assert describe_faces(folder, "s").cuts == (1002,)
    shot = describe_faces(folder, "s", cuts={1002: False})
    assert (shot.cuts, [track.frames for track in shot.tracks]) == ((), [(1001, 1002)])
    assert describe_faces(folder, "s").cuts == ()


def test_training_says_which_crops_became_anothers(folder: ProjectFolder, caplog: pytest.LogCaptureFixture) -> None:
    ben = Faceset.open(folder.faceset("ben"))
    warn_of_another(folder, ben)
    assert not caplog.records
    describe_faces(folder, "s", assign={1: "anna"})
    warn_of_another(folder, ben)
    assert "Faceset ben holds another's face in 2 crops of shot s (1001-1002)" in caplog.text
    assert "understudy extract s --identity ben" in caplog.text


def test_one_face_for_two_names_is_told(folder: ProjectFolder, caplog: pytest.LogCaptureFixture) -> None:
    folder = folder.save(folder.with_identity("carl", {"role": "target"}))
    extract(folder, "carl")
    assert "the face that is taken for carl is in faceset ben too, frame 1001-1002" in caplog.text
    caplog.clear()
    describe_faces(folder, "s", assign={1: "carl"})
    extract(folder, "carl")
    assert "is in faceset ben too" not in caplog.text


def test_a_crop_that_was_broken_is_made_again(folder: ProjectFolder) -> None:
    path = folder.faceset("ben") / "crops" / "s.1001.exr"
    path.unlink()
    assert extract(folder).cropped == 1
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    faceset = Faceset.open(folder.faceset("ben"))
    with pytest.raises(FacesetError, match=r"is missing or broken.* understudy extract s --identity ben"):
        faceset.read_crop(faceset.records["s", 1001], config_of(folder))
    assert (extract(folder).cropped, path.stat().st_size) == (1, len(whole))


@pytest.mark.parametrize(
    "options,words",
    [
        (("9=ben",), "No track is called '9' in the shot. There is: 1, 2."),
        (("2=bem",), "Near: ben"),
        (("2",), "write --assign TRACK=NAME"),
        (("x=ben",), "write --assign TRACK=NAME"),
        (("1=ben", "1=anna"), "once for each track"),
        (("1=ben", "2=ben"), "both in frame 1001"),
    ],
)
def test_nonsense_assigns_nothing(folder: ProjectFolder, capsys, options: tuple[str, ...], words: str) -> None:
    assert assigned(folder, *options) == 2
    assert words in capsys.readouterr().err
    assert not folder.assignments_file("s").exists()


def test_a_dry_run_tells_and_keeps_nothing(folder: ProjectFolder, capsys) -> None:
    command = ["-C", str(folder.path), "faces", "s", "--assign", "2=ben", "--sheet", "--dry-run"]
    assert main(command) == 0
    assert capsys.readouterr().out.startswith("would ")
    assert main([*command, "--json"]) == 0
    assert [track["identity"] for track in json.loads(capsys.readouterr().out)["tracks"]] == ["", "ben"]
    assert [path.name for path in folder.faces_file("s").parent.iterdir()] == ["faces.jsonl"]


def test_two_who_assign_at_once_lose_nothing(folder: ProjectFolder) -> None:
    changes = ({1: "ben"}, {2: "anna"}) * 4
    threads = [Thread(target=describe_faces, args=(folder, "s", False, change)) for change in changes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert describe_faces(folder, "s").identities == {1: "ben", 2: "anna"}


def test_a_delivery_follows_the_models_target_and_asks_where_there_are_two(folder: ProjectFolder) -> None:
    def middle(model: str | None) -> float:
        move = read_patch_move(folder, "s", model)
        return float(apply_transform(move.plate_from_crop[1001], [[SIZE / 2, SIZE / 2]])[0, 0])

    assert middle("m") == pytest.approx(101, abs=4)
    assigned(folder, "2=ben")
    assert middle("m") == middle(None) == pytest.approx(160, abs=4)
    folder = folder.save(folder.with_identity("carl", {"role": "target"}))
    assigned(folder, "1=carl")
    with pytest.raises(SettingsError, match=r"has tracks of ben and carl\. Name the model"):
        middle(None)
    assigned(folder, "1=-", "2=-")
    with pytest.raises(NoFaceError, match=r"track 1 \(nobody\), 2 \(nobody\)"):
        middle("m")


def test_a_preview_says_that_the_face_is_not_the_targets(folder: ProjectFolder) -> None:
    assigned(folder, "1=anna", "2=-")
    with pytest.raises(NoFaceError, match="holds no face of 'ben'; its tracks are listed by: understudy faces s"):
        preview_frame(folder, "s", "m", 1001)
