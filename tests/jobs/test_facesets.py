from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.jobs.curated import faceset, project, record
from understudy.cli.facesets import _print_chosen
from understudy.color import ColorConfig
from understudy.errors import FacesetError, SettingsError, UnknownNameError
from understudy.faces.faceset import Faceset
from understudy.jobs import faceset_filter
from understudy.jobs.facesets import choose_crops, curate, split_faceset
from understudy.settings.preset import load_preset
from understudy.settings.project import ProjectFolder
from understudy.training.loading import load_face_codes


@pytest.fixture
def folder(tmp_path: Path) -> ProjectFolder:
    """anna with twenty crops of two shots: softer, larger and further turned from frame to frame."""
    made = project(tmp_path / "p")
    records = [
        record(
            1001 + index, "sh010" if index < 12 else "sh020", 4.0 * index, -index, 50.0 + 5 * index, 1 - 0.04 * index
        )
        for index in range(20)
    ]
    faceset(made, "anna", records)
    return made


def frames(folder: ProjectFolder, *where: str, sort: str | None = None) -> list[int]:
    return [crop.record.frame for crop in choose_crops(folder, "anna", where, sort).chosen]


@pytest.mark.parametrize(
    "where,wanted",
    [
        (["sharpness<0.4"], [1017, 1018, 1019, 1020]),
        (["sharpness < 0.4 and size>=140"], [1019, 1020]),
        (["shot=sh02*", "frame=1001-1014"], [1013, 1014]),
        (["frame!=1002-1020"], [1001]),
        (["pose>70", "pitch<=-18"], [1019, 1020]),
        (["state!=used"], []),
        (["yaw>=72", "roll=0", "exposure>-0.01", "confidence>0.8"], [1019, 1020]),
    ],
)
def test_conditions_choose_crops(folder: ProjectFolder, where: list[str], wanted: list[int]) -> None:
    assert frames(folder, *where) == wanted


@pytest.mark.parametrize(
    "where,error,words",
    [
        ("sharpness", SettingsError, "write FIELD OP VALUE"),
        ("sharpnes<0.3", UnknownNameError, "sharpness"),
        ("sharpness<soft", SettingsError, "is a number, and 'soft' is none"),
        ("sharpness<nan", SettingsError, "is a number"),
        ("shot>sh010", SettingsError, "= or !="),
        ("__import__('os')=1", SettingsError, "write FIELD OP VALUE"),
    ],
)
def test_what_is_no_condition_is_refused_with_a_sentence(
    folder: ProjectFolder, where: str, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        frames(folder, where)


def test_crops_are_sorted_least_first_and_with_a_minus_greatest_first(folder: ProjectFolder) -> None:
    assert frames(folder, sort="sharpness")[0] == 1020
    assert frames(folder, sort="-size")[0] == 1020
    assert frames(folder, sort="pose") == list(range(1001, 1021))
    with pytest.raises(UnknownNameError, match="sharpness"):
        frames(folder, sort="sharp")
    assert set(faceset_filter.SORTS) >= {"pose", "yaw", "pitch", "sharpness", "size", "exposure", "similarity", "frame"}


def test_dropped_crops_are_not_learned_from_and_not_deleted(folder: ProjectFolder, color: ColorConfig) -> None:
    curate(folder, choose_crops(folder, "anna", ["sharpness<0.4"]), "drop", "soft")
    left = Faceset.open(folder.faceset("anna"))
    assert len(left.records) == 20 and sorted(frame for _, frame in left.learned) == list(range(1001, 1017))
    assert all(left.crop_path(*key).is_file() for key in left.records)
    codes = load_face_codes(left, color, load_preset("identity", ["model.size=64"]))
    assert codes is not None and len(codes) == 16
    assert frames(folder, "state=left-out") == [1017, 1018, 1019, 1020]


def test_keep_leaves_out_all_others_and_restore_brings_them_back(folder: ProjectFolder) -> None:
    kept = curate(folder, choose_crops(folder, "anna", ["shot=sh010"]), "keep", "only sh010")
    assert len(kept.changed) == 8 and set(Faceset.open(folder.faceset("anna")).learned) == {
        ("sh010", number) for number in range(1001, 1013)
    }
    curate(folder, choose_crops(folder, "anna", ["frame=1013"]), "restore", "one back")
    assert len(Faceset.open(folder.faceset("anna")).learned) == 13
    nothing = choose_crops(folder, "anna", ["frame=1"])
    for wanted in (12, 20):
        curate(folder, nothing, "undo", "undo")
        assert len(Faceset.open(folder.faceset("anna")).learned) == wanted


def test_a_dry_run_tells_and_keeps_nothing(folder: ProjectFolder) -> None:
    told = curate(folder, choose_crops(folder, "anna", ["frame=1001"]), "drop", "x", dry_run=True)
    assert told.changed == (("sh010", 1001),) and told.chosen[0].state == "left-out"
    assert not folder.faceset("anna").with_name("anna.curation.json").exists()


def test_a_set_of_which_nothing_is_left_is_refused(folder: ProjectFolder) -> None:
    with pytest.raises(SettingsError, match="no crop of faceset 'anna' would be left"):
        curate(folder, choose_crops(folder, "anna", ["size>0"]), "drop", "all")


def test_decisions_outlive_the_folder(folder: ProjectFolder) -> None:
    curate(folder, choose_crops(folder, "anna", ["frame=1001"]), "drop", "x")
    faceset(folder, "anna", [record(1001), record(1002)])
    assert ("sh010", 1001) not in Faceset.open(folder.faceset("anna")).learned


def test_of_near_duplicates_the_sharpest_and_largest_stays(folder: ProjectFolder) -> None:
    records = [record(1, look=5, sharpness=0.5), record(2, look=5, sharpness=0.8), record(3, look=6), record(4, look=5)]
    faceset(folder, "ben", records)
    found = choose_crops(folder, "ben", duplicates=0.9)
    assert [[crop.record.frame for crop in group] for group in found.groups] == [[4, 1, 2]]
    assert [crop.record.frame for crop in found.chosen] == [1, 2]
    curate(folder, found, "drop", "duplicates 0.9")
    assert choose_crops(folder, "ben", duplicates=0.9).groups == ()
    with pytest.raises(SettingsError, match="at most 1"):
        choose_crops(folder, "ben", duplicates=7)


def test_similarity_is_listed_when_it_is_asked_for(folder: ProjectFolder) -> None:
    faceset(folder, "ben", [record(1, look=5), record(2, look=5), record(3)])
    assert [crop.record.frame for crop in choose_crops(folder, "ben", ["similarity>0.99"]).chosen] == [1, 2]
    listed = choose_crops(folder, "ben", sort="similarity").to_json()["chosen"]
    assert [row["frame"] for row in listed] == [3, 1, 2] and "similarity" not in choose_crops(folder, "ben").to_json()
    assert json.dumps(listed)


def test_crops_that_were_left_out_have_no_similarity_and_come_last(
    folder: ProjectFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    faceset(folder, "ben", [record(1), record(2, look=5), record(3, look=5), record(4)])
    curate(folder, choose_crops(folder, "ben", ["frame<2"]), "drop", "frame<2")
    found = choose_crops(folder, "ben", sort="-similarity")
    assert [crop.record.frame for crop in found.chosen] == [2, 3, 4, 1]
    _print_chosen("ben", found)
    assert "-" in capsys.readouterr().out.splitlines()[-1].split()


def test_crops_from_before_measures_are_measured_when_listed(
    folder: ProjectFolder, caplog: pytest.LogCaptureFixture
) -> None:
    faceset(folder, "ben", [record(1, sharpness=None), record(2)])
    assert [crop.record.frame for crop in choose_crops(folder, "ben", ["sharpness<0.6"]).chosen] == [1]
    assert "1 crops of 'ben' are from before sharpness was kept" in caplog.text
    old = Faceset.open(folder.faceset("ben"))
    assert (old.holds("sh010", 1, "made"), old.holds("sh010", 2, "made")) == (False, True)


def test_a_split_holds_out_a_run_and_zero_takes_it_back(folder: ProjectFolder, color: ColorConfig) -> None:
    made = split_faceset(folder, "anna", "20%", dry_run=True)
    assert not Faceset.open(folder.faceset("anna")).held_out
    assert split_faceset(folder, "anna", "20%") == made and (len(made.held_out), made.learned) == (4, 16)
    now = Faceset.open(folder.faceset("anna"))
    assert set(now.held_out).isdisjoint(now.learned) and len(now.held_out) == 4
    held = load_face_codes(now, color, load_preset("identity", ["model.size=64"]), held_out=True)
    assert held is not None and len(held) == 4
    assert split_faceset(folder, "anna", "0").learned == 20


def test_a_split_by_shot_takes_whole_shots(folder: ProjectFolder) -> None:
    made = split_faceset(folder, "anna", "40%", "shot")
    assert {shot for shot, _ in made.held_out} == {"sh020"} and len(made.held_out) == 8
    assert made.to_json()["held_out"] == {"sh020": "1013-1020"}


@pytest.mark.parametrize("amount", ["most", "-1", "100%", "20", "1.5", "0.1%", "nan", "inf"])
def test_an_amount_that_cannot_be_held_out_is_refused(folder: ProjectFolder, amount: str) -> None:
    with pytest.raises(SettingsError, match=r"--held-out .*(write a share|learn from|Ask for more)"):
        split_faceset(folder, "anna", amount)


def test_a_split_by_shot_needs_two(folder: ProjectFolder) -> None:
    faceset(folder, "ben", [record(number) for number in range(1, 9)])
    with pytest.raises(SettingsError, match="understudy faceset split ben --held-out 3 --by block"):
        split_faceset(folder, "ben", "3", "shot")


def test_a_shot_that_was_not_finished_is_not_learned_from(folder: ProjectFolder, color: ColorConfig) -> None:
    now = Faceset.open(folder.faceset("anna"))
    now.add_record(record(1, "sh099"))
    assert ("sh099", 1) in now.on_disk().records and ("sh099", 1) not in now.on_disk().learned
    with pytest.raises(FacesetError, match="none is held out"):
        load_face_codes(now, color, load_preset("identity", ["model.size=64"]), held_out=True)
