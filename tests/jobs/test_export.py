"""Files to give away: what is in them, what they say of themselves, and that others can begin from them."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open

from tests.faces.conftest import made_up_landmarks
from tests.jobs.made_up_people import TINY, consent_record, people_project
from understudy.cli.app import main
from understudy.color import ColorConfig, TrainingSpace
from understudy.errors import ConsentError, ModelFileError, SettingsError, UnknownNameError
from understudy.faces.alignment import align_face
from understudy.faces.crop import FaceCrop
from understudy.faces.face import Face
from understudy.jobs.card import card_of, card_page, consent_summary
from understudy.jobs.export import export_network, export_weights
from understudy.jobs.inspect import describe
from understudy.jobs.pretrain import run_pretrain
from understudy.jobs.train import run_train
from understudy.model.snapshot import newest_snapshot, read_snapshot, read_start
from understudy.settings.preset import load_preset
from understudy.settings.project import ProjectFolder
from understudy.swap import swap_face

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, color: ColorConfig) -> ProjectFolder:
    """Models `ann` (ann into ben, begun from `cas`) and `cas` (cas into dora, both synthetic)."""
    made = people_project(tmp_path_factory.mktemp("export"), color)
    run_train(made, "cas", TINY, "cas", "dora")
    run_train(made, "ann", TINY, "ann", "ben", init_from=[newest_snapshot(made.model("cas"))])
    return made


def test_an_encoder_can_be_given_away_and_begun_from(folder: ProjectFolder, tmp_path: Path) -> None:
    made = export_weights(folder, "ann", tmp_path / "encoder.safetensors", licence="CC0-1.0")
    given = read_start(made.path)
    assert made.children == ("encoder",) and {name.split(".")[0] for name in given.weights} == {"encoder"}
    run_train(folder, "begun", TINY, "cas", "dora", 1, init_from=[made.path], parts=["encoder"])
    (entry,) = read_snapshot(newest_snapshot(folder.model("begun"))).facts["lineage"]
    assert (entry["file"], entry["parts"], entry["paints"]) == ("encoder.safetensors", {"encoder": "encoder"}, [])
    assert entry["lineage"][0]["parts"].keys() == {"encoder", "inter", "target", "source"}


def test_its_card_is_a_page_and_the_metadata_of_the_file(folder: ProjectFolder, tmp_path: Path) -> None:
    made = export_weights(folder, "ann", tmp_path / "all.safetensors", ["all"], "studio use only")
    page = made.card.read_text()
    assert made.card.name == "all.safetensors.card.md"
    for fact in ("studio use only", "ann: 3 faces, source identity; consent record", "ben: 2 faces", "2 iterations",
                 "preset tiny, 64 px", "## Begun from", "synthetic media", "It paints faces of people"):  # fmt: skip
        assert fact in page, fact
    with safe_open(made.path, "pt") as file:
        facts = json.loads(file.metadata()["record"])["facts"]
    assert facts["licence"] == "studio use only" and facts["trained_on"][1]["identity"] == "ann"
    assert "training_spaces" not in facts and "ocio" not in facts


def test_inspect_reads_weights_and_snapshots_in_the_same_form(
    folder: ProjectFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = export_weights(folder, "ann", tmp_path / "w.safetensors", ["all"])
    of_weights, of_snapshot = describe(str(made.path)), describe(str(newest_snapshot(folder.model("ann"))))
    assert (of_weights["kind"], of_snapshot["kind"]) == ("weights file", "snapshot")
    for field in ("hash", "weights", "preset", "parts", "trained_on", "lineage", "consent_summary", "iteration"):
        assert of_weights[field] == of_snapshot[field], field
    assert main(["inspect", str(made.path)]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"weights file {made.path}") and "ann: 3 faces" in said


def test_without_names_nobody_is_named_anywhere(folder: ProjectFolder, tmp_path: Path) -> None:
    run_train(folder, "line", TINY, "ann", "ben", init_from=[newest_snapshot(folder.model("ann"))])
    made = export_weights(folder, "line", tmp_path / "a.safetensors", ["all"], without_names=True)
    with safe_open(made.path, "pt") as file:
        metadata = json.dumps(file.metadata())
    for text in (metadata, made.card.read_text()):
        assert not any(word in text for word in ("ann", "ben\\", "dora", "The Understudy", "iteration-0"))
    facts = read_start(made.path).facts
    names = {person["kind"]: person["identity"] for person in facts["trained_on"]}
    assert facts["identities"] == {"target": names["none"], "source": names["record"]}
    assert facts["lineage"][0]["paints"] == [names["none"], names["record"]]


def test_consent_is_found_by_its_record_where_names_are_not_given(
    folder: ProjectFolder, tmp_path: Path, color: ColorConfig
) -> None:
    made = export_weights(folder, "ann", tmp_path / "a.safetensors", ["all"], without_names=True)
    other = people_project(tmp_path / "other", color, ("dora", "cas"))
    with pytest.raises(ConsentError, match=r"contains 'person \d'"):
        run_train(other, "m", TINY, init_from=[made.path])
    record = folder.path / folder.identity("ann").consent
    other = other.save(other.with_identity("a", {"role": "source", "consent": str(record)}))
    assert run_train(other, "m", TINY, "cas", "dora", init_from=[made.path])


def test_nothing_is_given_away_of_somebody_whose_consent_was_taken_back(tmp_path: Path, color: ColorConfig) -> None:
    made = people_project(tmp_path, color, ("ben", "ann"))
    run_train(made, "m", TINY)
    consent_record(made.path, "ann", status="revoked")
    with pytest.raises(ConsentError, match="was revoked"):
        export_weights(made, "m", tmp_path / "e.safetensors")
    assert not list(tmp_path.glob("e.*"))


def test_synthetic_performers_are_called_so(folder: ProjectFolder) -> None:
    assert consent_summary(read_snapshot(newest_snapshot(folder.model("cas"))).facts).startswith(
        "synthetic performers only"
    )
    assert "consent record" in consent_summary(read_snapshot(newest_snapshot(folder.model("ann"))).facts)


def test_an_early_snapshot_has_a_card_too(folder: ProjectFolder) -> None:
    """Written before snapshots said whom they had seen."""
    facts = {"identities": {"target": "ben", "source": "ann"}, "consent": {"identity": "ann", "kind": "synthetic"}}
    page = card_page(card_of(TINY, facts, ["encoder.x", "source.y"]), "early.safetensors")
    assert "ann: an unknown number of faces, source identity; synthetic performer" in page
    assert "ben: an unknown number of faces, target identity; consent not known" in page


@pytest.mark.parametrize("lineage", ["x", [1], [{"parts": {}}], [{"parts": {"a": 1}, "paints": []}], "deep"])
def test_a_lineage_that_is_none_is_named(folder: ProjectFolder, lineage: object) -> None:
    if lineage == "deep":
        lineage = []
        for _ in range(40):
            lineage = [{"parts": {}, "paints": [], "lineage": lineage}]
    with pytest.raises(ModelFileError, match="what it was begun from"):
        card_of(TINY, {"lineage": lineage}, ["encoder.x"])


def test_what_cannot_be_exported_is_refused(folder: ProjectFolder, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="Near: decoder"):
        export_weights(folder, "ann", tmp_path / "x.safetensors", ["decodr"])
    with pytest.raises(SettingsError, match=r"should end in \.safetensors"):
        export_weights(folder, "ann", tmp_path / "x.pt")
    with pytest.raises(ModelFileError, match="has no snapshot"):
        export_weights(folder, "nobody", tmp_path / "x.safetensors")
    (tmp_path / "x.safetensors.card.md").write_text("mine")
    with pytest.raises(SettingsError, match=r"x\.safetensors\.card\.md is there already"):
        export_weights(folder, "ann", tmp_path / "x.safetensors")
    assert [path.name for path in tmp_path.iterdir()] == ["x.safetensors.card.md"]


def test_a_dry_run_writes_nothing(folder: ProjectFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "w.safetensors"
    line = ["-C", str(folder.path), "export", "weights", "ann", "--out", str(out), "--parts", "encoder,inter"]
    assert main([*line, "--dry-run"]) == 0
    assert "would write" in capsys.readouterr().out and not list(tmp_path.iterdir())
    assert main(line) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"w.safetensors", "w.safetensors.card.md"}


def test_the_command_train_tells_what_it_would_take(
    folder: ProjectFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    preset = tmp_path / "tiny.yaml"
    preset.write_text(json.dumps({"schema": "preset-1", **TINY.model_dump(mode="json")}))
    snapshot = str(newest_snapshot(folder.model("ann")))
    line = ["-C", str(folder.path), "train", "new", "--preset", str(preset), "--source", "cas", "--target", "dora"]
    assert main([*line, "--dry-run", "--init-from", snapshot, "--parts", "encoder,source", "--map", "ann=source"]) == 0
    said = capsys.readouterr().out
    assert "takes the encoder: 4 tensors" in said
    assert "takes the decoder of the source identity from the decoder of the source identity (ann): 14 tensors" in said
    assert main([*line, "--parts", "encoder"]) == 2
    assert "--init-from FILE" in capsys.readouterr().err
    assert not folder.model("new").exists()


def test_weights_are_the_snapshots_own(folder: ProjectFolder, tmp_path: Path) -> None:
    made = export_weights(folder, "cas", tmp_path / "w.safetensors", ["decoder"])
    snapshot = read_snapshot(newest_snapshot(folder.model("cas")))
    given = read_start(made.path).weights
    assert len(given) == made.tensors and all(
        torch.equal(weight, snapshot.weights[name]) for name, weight in given.items()
    )


def test_the_swap_can_be_run_elsewhere(
    folder: ProjectFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "swap.pt"
    line = ["-C", str(folder.path), "export", "model", "ann", "--format", "torchscript", "--out", str(out)]
    assert main([*line, "--dry-run"]) == 0 and not list(tmp_path.iterdir())
    assert main([*line, "--licence", "internal"]) == 0
    assert "largest difference to the model: " in capsys.readouterr().out
    extra = {"understudy.json": ""}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.load(out, _extra_files=extra)
    facts = json.loads(extra["understudy.json"])
    assert facts["input"]["shape"] == ["batch", 3, 64, 64] and facts["outputs"][0]["name"] == "painted"
    assert len(facts["alignment"]["template"]) == len(facts["alignment"]["landmarks"])
    assert facts["licence"] == "internal" and "synthetic media" in facts["notice"] and facts["face_scale"] > 0
    assert set(facts["parts"]) == {"encoder", "inter", "source"}
    assert "ann: 3 faces" in (tmp_path / f"{out.name}.card.md").read_text()
    assert describe(str(out)) == {**facts, "kind": "exported network"}


@pytest.mark.parametrize("name", ["x.pt", "x.onnx"])
def test_a_network_that_says_nothing_of_itself_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelFileError, match="cannot be read"):
        describe(str(tmp_path / name))
    (tmp_path / name).write_bytes(b"junk")
    with pytest.raises(ModelFileError, match="says nothing of itself"):
        describe(str(tmp_path / name))


def test_a_models_folder_is_its_newest_snapshot(folder: ProjectFolder) -> None:
    assert describe(str(folder.model("ann"))) == describe(str(newest_snapshot(folder.model("ann"))))


def test_a_convolutional_network_can_be_exported_for_another_size(folder: ProjectFolder, tmp_path: Path) -> None:
    made = export_network(folder, "cas", tmp_path / "n.pt", "torchscript", 128)
    assert made.size == 128 and made.difference is not None and made.difference <= made.limit
    with pytest.raises(SettingsError, match="size"):
        export_network(folder, "cas", tmp_path / "o.pt", "torchscript", 100)


def test_networks_that_cannot_be_exported_are_refused(folder: ProjectFolder, tmp_path: Path) -> None:
    dense = TINY.with_overrides(["model.inter.kind=dense"])
    run_train(folder, "dense", dense, "cas", "dora", 1)
    with pytest.raises(SettingsError, match=r"made for 64 px only, because of 'inter\.press\.weight'"):
        export_network(folder, "dense", tmp_path / "n.pt", "torchscript", 128)
    run_train(folder, "nothing", load_preset("identity", ["model.size=64"]), "cas", "dora")
    with pytest.raises(SettingsError, match="no network to export"):
        export_network(folder, "nothing", tmp_path / "n.pt", "torchscript")
    run_pretrain(folder, "many", TINY, ("ann", "cas"), 1)
    with pytest.raises(ModelFileError, match="pretrained on several"):
        export_network(folder, "many", tmp_path / "n.pt", "torchscript")
    with pytest.raises(SettingsError, match=r"should end in \.onnx"):
        export_network(folder, "cas", tmp_path / "n.pt", "onnx")
    assert not list(tmp_path.iterdir())


def test_the_documents_example_swaps_as_understudy_does(
    folder: ProjectFolder, tmp_path: Path, color: ColorConfig
) -> None:
    """NumPy and ONNX Runtime alone, on a crop with values below 0 and far above 1."""
    example = re.findall(r"```python\n(.+?)```", (ROOT / "docs" / "transfer.md").read_text(), re.DOTALL)[0]
    names: dict[str, Any] = {}
    exec(compile(example, "docs/transfer.md", "exec"), names)
    made = export_network(folder, "ann", tmp_path / "n.onnx", "onnx")
    assert {person["identity"] for person in describe(str(made.path))["trained_on"]} == {"ann", "ben"}
    assert made.difference is not None and made.difference <= made.limit == 1e-4

    pixels = np.random.default_rng(1).lognormal(-2, 1, (64, 64, 3)).astype(np.float32)
    pixels[3, 4], pixels[5, 6] = 200.0, -0.1
    gains = (0.9, 1.1, 1.3)
    face = Face(1, (made_up_landmarks() - 0.5) * 64 + 32, np.zeros(478, np.float32), 0.9)
    crop = FaceCrop(pixels, align_face(face), 64, 0.0)
    model = read_snapshot(newest_snapshot(folder.model("ann"))).build()
    wanted = swap_face(model, crop, TrainingSpace(gains), torch.device("cpu")).pixels
    found = names["swapped"](str(made.path), pixels, gains)
    np.testing.assert_allclose(found, wanted, rtol=2e-3, atol=1e-5)
    assert not np.allclose(found, pixels, rtol=0.1)
