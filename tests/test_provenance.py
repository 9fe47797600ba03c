from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from understudy.color import DEFAULT_CONFIG
from understudy.errors import ConsentError, SettingsError
from understudy.provenance import check_consent, file_hash, json_hash, read_consent, write_consent_form
from understudy.settings.project import ProjectFolder, create_project

TODAY = datetime.date(2026, 6, 1)


def record(folder: Path, **changes: str) -> Path:
    document = folder / "signed.pdf"
    document.write_text("I agree.")
    lines = {
        "schema": "consent-1",
        "status": "active",
        "person": "Ada Example",
        "granted_by": "Ada Example",
        "production": "A Film",
        "shots": "['sh0*']",
        "use": "Face replacement of the stunt double in scene 12.",
        "document": "signed.pdf",
        "document_sha256": file_hash(document),
        "granted": "2026-01-01",
        "valid_until": "2026-12-31",
        **changes,
    }
    path = folder / "ada.yaml"
    path.write_text("".join(f"{name}: {value}\n" for name, value in lines.items()))
    return path


@pytest.fixture
def project(tmp_path: Path) -> ProjectFolder:
    return create_project(tmp_path / "project", DEFAULT_CONFIG)


def with_source(project: ProjectFolder, **values: object) -> ProjectFolder:
    return project.save(project.with_identity("ada", {"role": "source", **values}))


def test_a_synthetic_identity_needs_no_record(project: ProjectFolder) -> None:
    assert check_consent(with_source(project, synthetic=True), "ada", "sh010").kind == "synthetic"


def test_without_record_the_command_that_adds_one_is_named(project: ProjectFolder) -> None:
    with pytest.raises(ConsentError, match="understudy identity add ada --role source --consent FILE"):
        check_consent(with_source(project), "ada")


def test_a_record_covers_its_shots_and_days(project: ProjectFolder, tmp_path: Path) -> None:
    folder = with_source(project, consent=str(record(tmp_path)))
    consent = check_consent(folder, "ada", "sh010", TODAY)
    assert (consent.kind, consent.production, len(consent.record_sha256)) == ("record", "A Film", 64)
    with pytest.raises(ConsentError, match=r"covers the shots sh0\*, not 'xy010'"):
        check_consent(folder, "ada", "xy010", TODAY)
    with pytest.raises(ConsentError, match="2026-12-31, and today is 2027-01-01"):
        check_consent(folder, "ada", "sh010", datetime.date(2027, 1, 1))


def test_revoked_consent_stops_everything(project: ProjectFolder, tmp_path: Path) -> None:
    folder = with_source(project, consent=str(record(tmp_path, status="revoked")))
    with pytest.raises(ConsentError, match="was revoked"):
        check_consent(folder, "ada", None, TODAY)


def test_a_changed_document_is_noticed(tmp_path: Path) -> None:
    path = record(tmp_path)
    (tmp_path / "signed.pdf").write_text("I do not agree.")
    with pytest.raises(ConsentError, match=r"signed\.pdf has another SHA-256"):
        read_consent(path)


@pytest.mark.parametrize(
    "field,value,reason",
    [
        ("person", "''", "person"),
        ("status", "maybe", "status"),
        ("granted", "2027-01-01", "before granted"),
        ("shot", "x", "shot"),
    ],
)
def test_a_faulty_record_names_file_and_field(tmp_path: Path, field: str, value: str, reason: str) -> None:
    with pytest.raises(ConsentError, match=rf"ada\.yaml.*{reason}"):
        read_consent(record(tmp_path, **{field: value}))


def test_the_form_is_written_once_and_is_not_yet_a_record(tmp_path: Path) -> None:
    path = tmp_path / "form.yaml"
    write_consent_form(path)
    with pytest.raises(ConsentError, match="person"):
        read_consent(path)
    with pytest.raises(SettingsError, match="there already"):
        write_consent_form(path)


def test_a_hash_does_not_depend_on_the_order_of_keys() -> None:
    assert json_hash({"a": 1, "b": [2]}) == json_hash({"b": [2], "a": 1}) != json_hash({"a": 1, "b": [3]})
