"""Snapshots: what is written comes back, and what is wrong is refused in a sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from understudy.errors import ModelFileError, WriteError
from understudy.model.snapshot import model_hash, read_facts, read_snapshot, write_snapshot
from understudy.model.swap_model import SwapModel, build_model
from understudy.model.tensor_file import read_record, write_tensors
from understudy.settings.network import DecoderSettings, EncoderSettings, InterSettings, ModelSettings
from understudy.settings.preset import Preset, load_preset

FACTS = {"training_space": {"gains": [1.0, 2.0, 0.5]}, "iteration": 7}


@pytest.fixture
def preset() -> Preset:
    model = ModelSettings(
        size=64,
        encoder=EncoderSettings(stem=2, widths=(8, 16)),
        inter=InterSettings(code=8, width=8),
        decoder=DecoderSettings(widths=(8, 8), head=2),
    )
    return Preset(name="small", description="For tests.", model=model)


@pytest.fixture
def model(preset: Preset) -> SwapModel:
    torch.manual_seed(1)
    return build_model(preset.model)


@pytest.fixture
def written(tmp_path: Path, model: SwapModel, preset: Preset) -> Path:
    path = tmp_path / "snapshots" / "iteration-000000007.safetensors"
    write_snapshot(path, model, preset, FACTS)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(ModelFileError) as caught:
        read_snapshot(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_a_snapshot_comes_back_whole(written: Path, model: SwapModel, preset: Preset) -> None:
    snapshot = read_snapshot(written)
    codes = torch.rand(1, 3, 64, 64)
    assert torch.equal(snapshot.build()(codes, "source"), model(codes, "source"))
    assert snapshot.preset == preset
    assert snapshot.facts == FACTS
    assert snapshot.hash == model_hash(model)


def test_a_built_snapshot_only_swaps(written: Path) -> None:
    model = read_snapshot(written).build()
    assert not model.training
    assert not any(weight.requires_grad for weight in model.parameters())


def test_facts_can_be_read_without_weights(written: Path, preset: Preset) -> None:
    assert read_facts(written) == (preset, FACTS)


def test_a_snapshot_of_the_identity_preset_returns_its_input(tmp_path: Path) -> None:
    preset = load_preset("identity")
    write_snapshot(tmp_path / "i.safetensors", build_model(preset.model), preset, {})
    codes = torch.rand(1, 3, 512, 512)
    assert torch.equal(read_snapshot(tmp_path / "i.safetensors").build()(codes, "source"), codes)


def test_nothing_is_left_beside_a_snapshot(written: Path) -> None:
    assert [path.name for path in written.parent.iterdir()] == [written.name]


def test_whoever_may_read_other_files_may_read_a_snapshot(written: Path, tmp_path: Path) -> None:
    (tmp_path / "other").touch()
    assert written.stat().st_mode == (tmp_path / "other").stat().st_mode


def test_weights_that_lie_otherwise_in_memory_have_the_same_hash(model: SwapModel) -> None:
    before = model_hash(model)
    assert model_hash(model.to(memory_format=torch.channels_last)) == before


def test_one_changed_weight_changes_the_hash(model: SwapModel) -> None:
    before = model_hash(model)
    with torch.no_grad():
        next(model.parameters()).view(-1)[0] += 1e-3
    assert model_hash(model) != before


def test_a_missing_snapshot_is_refused(tmp_path: Path) -> None:
    assert "There is no snapshot" in refusal(tmp_path / "none.safetensors")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    assert "cannot be read" in refusal(tmp_path)


@pytest.mark.parametrize("content", [b"", b"abc", b"\x80\x02not safetensors" * 20, b"\x02" + bytes(7) + b"[]"])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.safetensors"
    path.write_bytes(content)
    assert "is no snapshot of Understudy" in refusal(path)


def test_a_header_that_claims_to_be_huge_is_refused_unread(written: Path) -> None:
    data = written.read_bytes()
    written.write_bytes((1 << 62).to_bytes(8, "little") + data[8:])
    assert "is no snapshot of Understudy" in refusal(written)


def test_a_deeply_nested_header_is_refused(tmp_path: Path) -> None:
    path, text = tmp_path / "deep.safetensors", b"[" * 200_000
    path.write_bytes(len(text).to_bytes(8, "little") + text)
    assert "is no snapshot of Understudy" in refusal(path)


def test_a_snapshot_that_is_cut_off_is_refused(written: Path) -> None:
    written.write_bytes(written.read_bytes()[:-100])
    assert "cut off" in refusal(written)


def test_a_single_altered_bit_is_refused(written: Path) -> None:
    data = bytearray(written.read_bytes())
    data[-3] ^= 1
    written.write_bytes(data)
    assert "SHA-256" in refusal(written)


def test_an_altered_record_is_refused(written: Path) -> None:
    data = written.read_bytes()
    written.write_bytes(data.replace(b'iteration\\": 7', b'iteration\\": 8'))
    assert data != written.read_bytes()
    assert "SHA-256" in refusal(written)


def test_safetensors_from_elsewhere_are_refused(tmp_path: Path, model: SwapModel) -> None:
    path = tmp_path / "elsewhere.safetensors"
    save_file(model.state_dict(), path, metadata={"format": "pt"})
    assert "is no snapshot of Understudy" in refusal(path)


def test_a_schema_of_another_version_is_refused(tmp_path: Path, model: SwapModel) -> None:
    path = tmp_path / "later.safetensors"
    write_tensors(path, "snapshot-9", model.state_dict(), {})
    assert "'snapshot-9'" in refusal(path)


@pytest.mark.parametrize("fault", ["name", "lost", "shape", "type", "number"])
def test_weights_that_do_not_fit_are_refused(tmp_path: Path, written: Path, fault: str) -> None:
    weights, record = load_file(written), read_record(written, "snapshot-1", "snapshot")
    name = "source.head.bias"
    weight = weights.pop(name)
    if fault != "lost":
        bad = {"shape": weight[:-1], "type": weight.half(), "number": weight * float("nan")}
        weights["other" if fault == "name" else name] = bad.get(fault, weight)
    write_tensors(tmp_path / "unfit.safetensors", "snapshot-1", weights, record)
    message = refusal(tmp_path / "unfit.safetensors")
    assert ("not numbers" if fault == "number" else "do not fit its preset") in message


def test_a_preset_of_another_version_is_refused(tmp_path: Path, written: Path) -> None:
    record = read_record(written, "snapshot-1", "snapshot")
    record["preset"]["schema"] = "preset-9"
    write_tensors(tmp_path / "later.safetensors", "snapshot-1", load_file(written), json.loads(json.dumps(record)))
    assert "preset-1" in refusal(tmp_path / "later.safetensors")


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, model: SwapModel, preset: Preset) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(WriteError, match="file"):
        write_snapshot(tmp_path / "file" / "s.safetensors", model, preset, {})
