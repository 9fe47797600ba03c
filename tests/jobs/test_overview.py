from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.jobs.made_up_shot import SIZE, made_up_shot, textured_plate
from understudy.cli.app import main
from understudy.jobs.inspect import describe
from understudy.settings.preset import preset_names
from understudy.settings.project import ProjectFolder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ProjectFolder:
    return made_up_shot(tmp_path, monkeypatch, [textured_plate()])


def by_name(entries: list[dict[str, object]]) -> dict[object, dict[str, object]]:
    return {entry["name"]: entry for entry in entries}


def test_a_project_says_what_it_holds(folder: ProjectFolder) -> None:
    folder.save(folder.with_identity("carl", {"role": "source"}))
    facts = describe(str(folder.path))
    assert (facts["kind"], facts["preset"]) == ("project", "u256")
    assert {preset["name"] for preset in facts["presets"]} == set(preset_names())
    (shot,) = facts["shots"]
    assert (shot["name"], shot["is_searched"], shot["results"]) == ("s", True, "")
    assert Path(shot["plate"]).resolve() == folder.path.parent / "plates" / "s.####.exr"
    identities = by_name(facts["identities"])
    assert identities["ben"]["may_be_used"] and identities["ben"]["has_faceset"]
    assert identities["anna"]["may_be_used"] and identities["anna"]["synthetic"]
    assert not identities["carl"]["may_be_used"] and "consent" in str(identities["carl"]["fault"])


def test_a_model_is_named_with_its_newest_snapshot_or_its_fault(folder: ProjectFolder) -> None:
    (model,) = describe(str(folder.path))["models"]
    assert (model["source"], model["target"], model["size"], model["fault"]) == ("anna", "ben", SIZE, "")
    assert model["preset"] == "identity" and Path(model["snapshot"]).is_file() and model["iteration"] == 0
    (folder.model("m") / "model.json").write_text("{")
    assert "is damaged" in describe(str(folder.path))["models"][0]["fault"]
    Path(model["snapshot"]).write_bytes(b"")
    (folder.model("m") / "model.json").write_text('{"source": "anna", "target": "ben"}')
    assert model["snapshot"] in describe(str(folder.path))["models"][0]["fault"]


def test_inspect_prints_a_project(folder: ProjectFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(folder.path), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert {"kind": "project", **facts} == describe(str(folder.path))
