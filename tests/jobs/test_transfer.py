"""The train job with --init-from: lineage, consent that is carried, and what is told."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from tests.jobs.made_up_people import TINY, consent_record, people_project
from understudy.color import ColorConfig
from understudy.errors import ConsentError
from understudy.jobs.swap import open_swapper
from understudy.jobs.train import run_train
from understudy.jobs.transfer import check_carried_consent
from understudy.model.snapshot import newest_snapshot, read_snapshot
from understudy.plates import Frame, write_frame
from understudy.settings.project import ProjectFolder


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, color: ColorConfig) -> ProjectFolder:
    """Everybody, and the models `ann` (ann into ben) and `cas` (cas into ben)."""
    made = people_project(tmp_path_factory.mktemp("first"), color)
    for source in ("ann", "cas"):
        run_train(made, source, TINY, source, "ben")
    return made


@pytest.fixture(scope="module")
def without_ann(tmp_path_factory: pytest.TempPathFactory, color: ColorConfig) -> ProjectFolder:
    return people_project(tmp_path_factory.mktemp("second"), color, ("dora", "cas"))


def snapshot(folder: ProjectFolder, model: str) -> Path:
    return newest_snapshot(folder.model(model))


def facts(folder: ProjectFolder, model: str) -> dict:
    return dict(read_snapshot(snapshot(folder, model)).facts)


def test_a_snapshot_says_whom_it_has_seen(first: ProjectFolder) -> None:
    ben, ann = facts(first, "ann")["trained_on"]
    assert ben == {"identity": "ben", "role": "target", "faces": 2, "kind": "none"}
    assert (ann["identity"], ann["faces"], ann["kind"], len(ann["record_sha256"])) == ("ann", 3, "record", 64)


def test_lineage_stays_with_a_model_through_every_later_save(first: ProjectFolder) -> None:
    run_train(first, "next", TINY, "cas", "dora", 2, init_from=[snapshot(first, "cas")])
    (entry,) = facts(first, "next")["lineage"]
    assert entry["parts"] == {child: child for child in ("encoder", "inter", "target", "source")}
    assert entry["paints"] == ["ben", "cas"]
    run_train(first, "next", TINY, iterations=3)
    assert facts(first, "next")["iteration"] == 3
    assert facts(first, "next")["lineage"] == [entry]


def test_a_model_that_goes_on_does_not_begin_again(first: ProjectFolder, caplog: pytest.LogCaptureFixture) -> None:
    run_train(first, "own", TINY, "cas", "dora", 1)
    run_train(first, "own", TINY, iterations=2, init_from=[snapshot(first, "cas")])
    assert "--init-from is for new models" in caplog.text
    assert facts(first, "own")["lineage"] == []


def test_a_start_that_never_came_to_a_save_leaves_no_lineage(first: ProjectFolder) -> None:
    """Killed before its first checkpoint, and begun anew without the file."""

    def killed(_: object) -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_train(first, "killed", TINY, "cas", "dora", 2, init_from=[snapshot(first, "cas")], on_progress=killed)
    run_train(first, "killed", TINY, "cas", "dora", 2)
    assert facts(first, "killed")["lineage"] == []


def test_a_decoder_of_somebody_without_consent_here_is_refused(
    first: ProjectFolder, without_ann: ProjectFolder
) -> None:
    with pytest.raises(
        ConsentError, match=r"contains 'ann' \(consent record \w{16}\).*identity add ann.*--parts encod"
    ):
        run_train(without_ann, "m", TINY, init_from=[snapshot(first, "ann")])
    assert not without_ann.model("m").exists()


def test_an_encoder_that_has_seen_them_is_taken_and_says_so(first: ProjectFolder, without_ann: ProjectFolder) -> None:
    run_train(without_ann, "e", TINY, init_from=[snapshot(first, "ann")], parts=["encoder", "inter"])
    (entry,) = facts(without_ann, "e")["lineage"]
    assert entry["paints"] == [] and [person["identity"] for person in entry["trained_on"]] == ["ben", "ann"]


def test_a_decoder_of_a_synthetic_performer_needs_nobody(first: ProjectFolder, without_ann: ProjectFolder) -> None:
    run_train(without_ann, "s", TINY, init_from=[snapshot(first, "cas")])
    assert facts(without_ann, "s")["lineage"][0]["paints"] == ["ben", "cas"]


def test_the_same_record_under_another_name_is_the_same_person(
    first: ProjectFolder, tmp_path: Path, color: ColorConfig
) -> None:
    other = people_project(tmp_path, color, ("dora", "cas"))
    record = first.path / first.identity("ann").consent
    other = other.save(other.with_identity("anna_b", {"role": "source", "consent": str(record)}))
    run_train(other, "m", TINY, "cas", "dora", init_from=[snapshot(first, "ann")])
    assert facts(other, "m")["lineage"][0]["paints"] == ["ben", "ann"]


def test_consent_that_was_revoked_since_stops_the_models_that_came_of_it(tmp_path: Path, color: ColorConfig) -> None:
    made = people_project(tmp_path, color)
    run_train(made, "ann", TINY, "ann", "ben")
    run_train(made, "next", TINY, "cas", "dora", init_from=[snapshot(made, "ann")])
    run_train(made, "third", TINY, "cas", "dora", init_from=[snapshot(made, "next")])
    consent_record(made.path, "ann", status="revoked")
    for model in ("next", "third"):
        with pytest.raises(ConsentError, match=r"'ann'.* was revoked"):
            run_train(made, model, TINY, iterations=9)


def test_consent_for_other_shots_stops_the_swap_too(tmp_path: Path, color: ColorConfig) -> None:
    made = people_project(tmp_path, color)
    run_train(made, "ann", TINY, "ann", "ben")
    run_train(made, "next", TINY, "cas", "dora", init_from=[snapshot(made, "ann")])
    lineage = facts(made, "next")["lineage"]
    check_carried_consent(made, lineage, "s")
    consent_record(made.path, "ann", shots=["other*"])
    check_carried_consent(made, lineage, "other_1")
    with pytest.raises(ConsentError, match=r"'ann'.* covers the shots other\*, not 's'"):
        check_carried_consent(made, lineage, "s")
    write_frame(tmp_path / "plate.1.exr", Frame.of(np.full((32, 32, 3), 0.2)))
    made = made.save(made.with_shot("s", {"plate": "plate.1.exr", "colorspace": "ACEScg"}))
    with pytest.raises(ConsentError, match="not 's'"):
        open_swapper(made, "s", "next")


def test_lineage_outlives_a_deleted_record(first: ProjectFolder) -> None:
    run_train(first, "kept", TINY, "cas", "dora", 1, init_from=[snapshot(first, "cas")])
    lineage = facts(first, "kept")["lineage"]
    (first.model("kept") / "model.json").unlink()
    run_train(first, "kept", TINY, "cas", "dora", 2)
    assert facts(first, "kept")["lineage"] == lineage != []


def test_faces_that_lie_otherwise_are_told(
    first: ProjectFolder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from understudy.jobs import transfer

    monkeypatch.setattr(transfer, "is_template", lambda values: np.shape(values) == (19, 2))
    caplog.set_level(logging.WARNING)
    run_train(first, "framed", TINY, "cas", "dora", 1, init_from=[snapshot(first, "cas")])
    assert "lie otherwise in their crops" in caplog.text
