from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.jobs.curated import faceset, project, record
from understudy.errors import ConsentError, FacesetError, SettingsError, UnknownNameError
from understudy.faces.faceset import Faceset
from understudy.jobs.faceset_merge import merge_facesets
from understudy.jobs.facesets import choose_crops, curate
from understudy.settings.project import ProjectFolder

SYNTHETIC = {"role": "source", "synthetic": True}


@pytest.fixture
def folder(tmp_path: Path) -> ProjectFolder:
    """anna with sh010, anna2 with sh020; nobody was photographed."""
    made = project(tmp_path / "p", anna2=SYNTHETIC)
    faceset(made, "anna", [record(1), record(2)])
    faceset(made, "anna2", [record(1, "sh020"), record(2, "sh020"), record(3, "sh020")], exposure=1.0)
    return made


def consent(folder: ProjectFolder, name: str, person: str) -> dict[str, object]:
    document = folder.path / f"{name}.pdf"
    document.write_text(person)
    sha = hashlib.sha256(document.read_bytes()).hexdigest()
    fields = {"status": "active", "person": person, "granted_by": person, "production": "film", "use": "the film"}
    lines = ["schema: consent-1", *(f"{key}: {value}" for key, value in fields.items()), 'shots: ["*"]']
    lines += [f"document: {document.name}", f"document_sha256: {sha}", "granted: 2020-01-01", "valid_until: 2990-01-01"]
    (folder.path / f"{name}.yaml").write_text("\n".join(lines))
    return {"role": "source", "consent": f"{name}.yaml"}


def test_crops_come_with_their_training_space_and_decisions(folder: ProjectFolder) -> None:
    curate(folder, choose_crops(folder, "anna2", ["frame=3"]), "drop", "x")
    made = merge_facesets(folder, "anna", ["anna2"])
    assert (len(made[0].copied), made[0].kept) == (3, 0)
    grown = Faceset.open(folder.faceset("anna"))
    assert set(grown.learned) == {("sh010", 1), ("sh010", 2), ("sh020", 1), ("sh020", 2)}
    assert grown.shots["sh020"].training.gains == (2.0, 2.0, 2.0)
    other = Faceset.open(folder.faceset("anna2"))
    assert grown.crop_path("sh020", 1).read_bytes() == other.crop_path("sh020", 1).read_bytes()
    assert (len(other.records), grown.identity) == (3, "anna")


def test_merging_again_copies_nothing_and_goes_on_after_a_kill(folder: ProjectFolder, monkeypatch) -> None:
    calls = []

    def dies(self: Faceset, record: object) -> None:
        calls.append(record)
        if len(calls) == 2:
            raise KeyboardInterrupt
        add(self, record)

    add = Faceset.add_record
    monkeypatch.setattr(Faceset, "add_record", dies)
    with pytest.raises(KeyboardInterrupt):
        merge_facesets(folder, "anna", ["anna2"])
    monkeypatch.setattr(Faceset, "add_record", add)
    assert len(Faceset.open(folder.faceset("anna")).learned) == 3
    assert [len(merge_facesets(folder, "anna", ["anna2"])[0].copied) for _ in range(2)] == [2, 0]
    assert len(Faceset.open(folder.faceset("anna")).learned) == 5


def test_a_dry_run_copies_nothing(folder: ProjectFolder) -> None:
    assert len(merge_facesets(folder, "anna", ["anna2"], dry_run=True)[0].copied) == 3
    assert len(Faceset.open(folder.faceset("anna")).records) == 2


def test_an_identity_without_faceset_gets_one(folder: ProjectFolder) -> None:
    folder = folder.save(folder.with_identity("both", SYNTHETIC))
    merge_facesets(folder, "both", ["anna", "anna2"])
    assert len(Faceset.open(folder.faceset("both")).learned) == 5


def test_a_shot_in_another_light_is_taken_over_under_another_name(folder: ProjectFolder, tmp_path: Path) -> None:
    other = project(tmp_path / "q", anna2=SYNTHETIC)
    there = str(faceset(other, "anna2", [record(1, "sh010", stamp="other")], exposure=2.0).folder)
    made = merge_facesets(folder, "anna", [there])
    assert made[0].shots["sh010"] == "anna2.sh010"
    grown = Faceset.open(folder.faceset("anna"))
    assert {key for key in grown.learned if key[1] == 1} >= {("sh010", 1), ("anna2.sh010", 1)}
    assert grown.crop_path("anna2.sh010", 1).is_file()
    assert merge_facesets(folder, "anna", [there])[0].copied == ()


def test_two_crops_of_one_frame_are_a_clash(folder: ProjectFolder, tmp_path: Path) -> None:
    other = project(tmp_path / "q", anna2=SYNTHETIC)
    there = faceset(other, "anna2", [record(1, "sh010", stamp="other")])
    with pytest.raises(SettingsError, match="have a crop of frame 1 of shot 'sh010'"):
        merge_facesets(folder, "anna", [str(there.folder)])


def test_within_a_project_a_shot_is_one_plate_and_the_grown_set_keeps_its_own_crops(folder: ProjectFolder) -> None:
    faceset(folder, "anna2", [record(1, "sh010", stamp="other"), record(7, "sh010")], exposure=2.0)
    (made,) = merge_facesets(folder, "anna", ["anna2"])
    assert (made.shots, made.copied) == ({"sh010": "sh010"}, (("sh010", 7),))
    grown = Faceset.open(folder.faceset("anna"))
    assert grown.records["sh010", 1].stamp != "other" and set(grown.learned) == {("sh010", n) for n in (1, 2, 7)}
    assert grown.shots["sh010"].training.gains == (1.0, 1.0, 1.0)


def test_a_faceset_of_another_project_is_named_by_its_folder(folder: ProjectFolder, tmp_path: Path) -> None:
    other = project(tmp_path / "q")
    faceset(other, "anna", [record(9, "sh030")])
    merge_facesets(folder, "anna", [str(other.faceset("anna"))])
    assert ("sh030", 9) in Faceset.open(folder.faceset("anna")).learned
    loose = tmp_path / "loose"
    other.faceset("anna").rename(loose)
    with pytest.raises(ConsentError, match="lies in no project"):
        merge_facesets(folder, "anna", [str(loose)])


def test_other_sizes_and_names_are_refused(folder: ProjectFolder) -> None:
    faceset(folder, "ben", [record(1)])
    with pytest.raises(ConsentError, match="Crops of 'ben' cannot become 'anna's"):
        merge_facesets(folder, "anna", ["ben"])
    with pytest.raises(UnknownNameError, match="anna2"):
        merge_facesets(folder, "anna", ["anna3"])
    with pytest.raises(SettingsError, match="into itself"):
        merge_facesets(folder, "anna", ["anna"])
    folder = folder.save(folder.with_identity("large", SYNTHETIC))
    faceset(folder, "large", [record(1)], size=128)
    with pytest.raises(SettingsError, match="has size 128, and faceset 'anna' has 64"):
        merge_facesets(folder, "anna", ["large"])


def test_an_unfinished_shot_is_refused(folder: ProjectFolder) -> None:
    Faceset.open(folder.faceset("anna2")).add_record(record(1, "sh099"))
    with pytest.raises(FacesetError, match="shot 'sh099' of it was not extracted to the end"):
        merge_facesets(folder, "anna", ["anna2"])


def test_a_person_takes_only_their_own_crops(folder: ProjectFolder) -> None:
    for name, person in (("ada", "Ada King"), ("ada2", "Ada King"), ("eve", "Eve Black")):
        folder = folder.save(folder.with_identity(name, consent(folder, name, person)))
        faceset(folder, name, [record(1, f"of_{name}")])
    merge_facesets(folder, "ada", ["ada2"])
    with pytest.raises(ConsentError, match="'ada' is Ada King's, and that of 'eve' Eve Black's"):
        merge_facesets(folder, "ada", ["eve"])
    with pytest.raises(ConsentError, match="one is synthetic"):
        merge_facesets(folder, "ada", ["anna"])
    record_file = folder.path / "ada2.yaml"
    record_file.write_text(record_file.read_text().replace("status: active", "status: revoked"))
    with pytest.raises(ConsentError, match="was revoked"):
        merge_facesets(folder, "ada", ["ada2"])
    assert {shot for shot, _ in Faceset.open(folder.faceset("ada")).learned} == {"of_ada", "of_ada2"}
