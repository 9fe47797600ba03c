"""Pretraining: many identities, one decoder, consent of all, and new pairs that start from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from tests.jobs.made_up_people import TINY, consent_record, people_project
from understudy.cli.app import main
from understudy.color import ColorConfig
from understudy.errors import ConsentError, ModelFileError, ProjectError, SettingsError, UnknownNameError
from understudy.jobs.asked import pair_of_snapshot
from understudy.jobs.pretrain import run_pretrain
from understudy.jobs.train import run_train
from understudy.model.snapshot import newest_snapshot, read_snapshot
from understudy.progress import ignore_progress
from understudy.scheduler.requests import check_request
from understudy.scheduler.work import Work
from understudy.settings.project import ProjectFolder

EVERYBODY = ("ann", "cas", "dora")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, color: ColorConfig) -> ProjectFolder:
    """Model `many`, pretrained on ann, cas and dora."""
    made = people_project(tmp_path_factory.mktemp("pretrain"), color)
    run_pretrain(made, "many", TINY, EVERYBODY)
    return made


def test_one_decoder_has_learned_to_paint_them_all(folder: ProjectFolder) -> None:
    snapshot = read_snapshot(newest_snapshot(folder.model("many")))
    for name, weight in snapshot.weights.items():
        if name.startswith("target."):
            assert torch.equal(weight, snapshot.weights["source" + name.removeprefix("target")])
    people = snapshot.facts["trained_on"]
    assert [(person["identity"], person["faces"], person["kind"]) for person in people] == [
        ("ann", 3, "record"),
        ("cas", 4, "synthetic"),
        ("dora", 2, "synthetic"),
    ]


def test_a_new_pair_starts_from_all_parts_of_it(folder: ProjectFolder) -> None:
    run_train(folder, "pair", TINY, "cas", "ben", 1, init_from=[newest_snapshot(folder.model("many"))])
    (entry,) = read_snapshot(newest_snapshot(folder.model("pair"))).facts["lineage"]
    assert entry["parts"] == {child: child for child in ("encoder", "inter", "target", "source")}
    assert entry["paints"] == list(EVERYBODY)


def test_it_goes_on_without_being_told_whom(folder: ProjectFolder) -> None:
    run_pretrain(folder, "long", TINY, EVERYBODY, iterations=1)
    assert main(["-C", str(folder.path), "train", "long", "--iterations", "3"]) == 0
    assert read_snapshot(newest_snapshot(folder.model("long"))).facts["iteration"] == 3


def test_a_host_asks_for_all_of_it(folder: ProjectFolder) -> None:
    """Pretraining, going on with it, and a pair that takes chosen parts, fitted into a memory."""
    work, tiny = Work("cpu"), folder.path.parent / "tiny.yaml"
    tiny.write_text(yaml.safe_dump(json.loads(TINY.to_json())))

    def trained(**asked: Any) -> dict[str, Any]:
        request = check_request("train", {"project": str(folder.path), "preset": str(tiny), **asked}).request
        made = work.perform("train", request, ignore_progress)
        assert made.completed
        return dict(made.results)

    assert trained(model="hosts", pretrain=list(EVERYBODY), iterations=1)["iteration"] == 1
    started = trained(model="hosts", iterations=2)
    assert started["iteration"] == 2
    begun = {"init_from": [started["snapshot"]], "parts": ["encoder", "target"], "mapping": ["target=target"]}
    pair = trained(model="fitted", source="cas", target="ben", iterations=1, fit=True, memory="8GiB", **begun)
    (entry,) = read_snapshot(Path(pair["snapshot"])).facts["lineage"]
    assert entry["parts"] == {"encoder": "encoder", "target": "target"}


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"parts": ["encoder"]}, "name it with --init-from"),
        ({"mapping": ["source=target"]}, "name it with --init-from"),
        ({"pretrain": ["ann"]}, "several identities"),
        ({"pretrain": ["ann", "nobody"]}, "nobody"),
        ({"pretrain": ["ann", "cas"], "source": "cas"}, "no --source"),
        ({"pretrain": "ann,cas"}, "'pretrain'"),
        ({"memory": "8GiB", "source": "cas", "target": "ben"}, "'memory'"),
        ({"fit": 1}, "'fit'"),
    ],
)
def test_what_a_host_cannot_mean_is_refused_at_once(folder: ProjectFolder, asked: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        check_request("train", {"project": str(folder.path), "model": "new", **asked})


def test_it_swaps_nobody_and_says_what_it_is_for(folder: ProjectFolder) -> None:
    path = newest_snapshot(folder.model("many"))
    with pytest.raises(ModelFileError, match=r"pretrained on several.*--init-from SNAPSHOT"):
        pair_of_snapshot(read_snapshot(path).facts, path)


def test_everybody_must_have_consented_targets_too(folder: ProjectFolder) -> None:
    with pytest.raises(ConsentError, match=r"Target identity 'ben' has no consent.*identity add ben --role target"):
        run_pretrain(folder, "no", TINY, ("ann", "ben"))
    assert not folder.model("no").exists()


def test_consent_that_was_revoked_stops_it(tmp_path: Path, color: ColorConfig) -> None:
    made = people_project(tmp_path, color, ("dora", "ann", "cas"))
    run_pretrain(made, "m", TINY, EVERYBODY, iterations=1)
    consent_record(made.path, "ann", status="revoked")
    with pytest.raises(ConsentError, match="was revoked"):
        run_pretrain(made, "m", TINY)


def test_a_model_stays_what_it_was_begun_as(folder: ProjectFolder) -> None:
    run_train(folder, "two", TINY, "cas", "dora", 1)
    with pytest.raises(ProjectError, match="was trained for a pair"):
        run_pretrain(folder, "two", TINY, EVERYBODY)
    with pytest.raises(ProjectError, match="was pretrained on ann, cas, dora"):
        run_pretrain(folder, "many", TINY, ("ann", "cas"))
    with pytest.raises(ProjectError, match="was pretrained on ann, cas, dora and paints no pair"):
        run_train(folder, "many", TINY, "cas", "dora")


def test_what_cannot_be_pretrained_is_refused(folder: ProjectFolder, capsys: pytest.CaptureFixture[str]) -> None:
    for names in (("ann",), ("ann", "ann"), ()):
        with pytest.raises(SettingsError, match="several identities, each once"):
            run_pretrain(folder, "x", TINY, names)
    with pytest.raises(UnknownNameError, match="'eva'"):
        run_pretrain(folder, "x", TINY, ("ann", "eva"))
    assert main(["-C", str(folder.path), "train", "x", "--pretrain", "ann,cas", "--source", "ann"]) == 2
    assert "has no --source" in capsys.readouterr().err


def test_a_dry_run_names_everybody(folder: ProjectFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-C", str(folder.path), "train", "x", "--preset", "u64", "--pretrain", "ann,cas", "--dry-run"]) == 0
    assert "ann (3 faces) and cas (4 faces), preset u64" in capsys.readouterr().out
    assert not folder.model("x").exists()
