"""Hundreds of damaged and hostile model files: each is refused in one sentence, quickly, and none runs code."""

from __future__ import annotations

import json
import pickle
import random
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load

from understudy.errors import ModelFileError
from understudy.model.snapshot import read_facts, read_snapshot, read_start, write_snapshot, write_weights
from understudy.model.swap_model import build_model
from understudy.model.tensor_file import read_tensors, schema_of, tensors_sha256
from understudy.settings.network import DecoderSettings, EncoderSettings, InterSettings, ModelSettings
from understudy.settings.preset import Preset

MODEL = ModelSettings(
    size=64,
    encoder=EncoderSettings(stem=8, widths=(4,)),
    inter=InterSettings(kind="convolutional", code=4, width=4, blocks=0),
    decoder=DecoderSettings(widths=(4,), head=8, blocks=0),
)
PRESET = Preset(name="small", description="For tests.", model=MODEL)
FACTS = {"identities": {"target": "ben", "source": "ann"}, "iteration": 7, "lineage": []}


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("good") / "s.safetensors"
    torch.manual_seed(1)
    write_snapshot(path, build_model(MODEL), PRESET, FACTS)
    return path.read_bytes()


def parted(data: bytes) -> tuple[dict[str, Any], bytes]:
    length = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def joined(header: object, numbers: bytes) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + numbers


def refused(path: Path, data: bytes) -> str:
    """What every reader says of such a file; each says it in a sentence or two, and names the file."""
    path.write_bytes(data)
    with pytest.raises(ModelFileError) as caught:
        read_snapshot(path)
    with pytest.raises(ModelFileError):
        read_start(path)
    assert str(path) in caught.value.message and len(caught.value.message) < 900
    assert "\n" not in caught.value.message
    return caught.value.message


def test_the_file_that_all_others_are_made_of_is_good(tmp_path: Path, good: bytes) -> None:
    (tmp_path / "s.safetensors").write_bytes(joined(*parted(good)))
    assert read_snapshot(tmp_path / "s.safetensors").facts == FACTS


def test_no_cut_is_read(tmp_path: Path, good: bytes) -> None:
    cuts = [*range(0, 40), *range(40, len(good), max(1, len(good) // 60))]
    for end in cuts:
        refused(tmp_path / "s.safetensors", good[:end])


def test_no_altered_byte_is_read(tmp_path: Path, good: bytes) -> None:
    draws = random.Random(1)
    for _ in range(150):
        data = bytearray(good)
        data[draws.randrange(len(data))] ^= 1 << draws.randrange(8)
        refused(tmp_path / "s.safetensors", bytes(data))


def test_nothing_that_is_put_in_taken_out_or_repeated_is_read(tmp_path: Path, good: bytes) -> None:
    draws = random.Random(2)
    for _ in range(60):
        start = draws.randrange(len(good))
        end = min(len(good), start + draws.randrange(1, 64))
        changed = draws.choice(
            [good[:start] + good[end:], good[:end] + good[start:], good[:start] + draws.randbytes(9) + good[start:]]
        )
        if changed != good:
            refused(tmp_path / "s.safetensors", changed)


def faulty_entries(name: str, entry: dict[str, Any]) -> Iterator[tuple[str, object]]:
    """A word of what is said, and the header's entry of one tensor."""
    (start, end), shape = entry["data_offsets"], entry["shape"]
    for offsets in (
        [start, end + 4],
        [start - 4, end],
        [end, start],
        [-8, -4],
        [0, 1 << 60],
        [start],
        [0.0, end],
        "ab",
    ):
        yield name, {**entry, "data_offsets": offsets}
    for other in ([*shape, 2], [1 << 30, 1 << 30], [1 << 62], [-1], [True], [0], [1] * 99, "x", [2.0], None, {}):
        yield name, {**entry, "shape": other}
    for kind in ("F64", "F16", "I8", "F8_E4M3", "C128", "", 7, None, ["F32"], "F" * 5000):
        yield name, {**entry, "dtype": kind}
    for whole in ([], None, "F32", 1, {}, {**entry, "more": 1}):
        yield name, whole


def test_every_fault_of_a_header_is_named_with_its_tensor(tmp_path: Path, good: bytes) -> None:
    header, numbers = parted(good)
    for name in ("source.head.bias", "encoder.levels.0.0.convolution.weight"):
        for word, entry in faulty_entries(name, header[name]):
            message = refused(tmp_path / "s.safetensors", joined({**header, name: entry}, numbers))
            assert word in message, entry


def test_tensors_that_overlap_or_leave_holes_are_refused(tmp_path: Path, good: bytes) -> None:
    header, numbers = parted(good)
    names = [name for name in header if name.startswith(("source.", "target."))]
    for one, other in pairwise(names):
        if header[one]["shape"] == header[other]["shape"]:
            refused(tmp_path / "s.safetensors", joined({**header, one: {**header[other]}}, numbers))
    refused(tmp_path / "s.safetensors", joined(header, numbers + bytes(64)))


def test_a_name_that_stands_there_twice_is_refused(tmp_path: Path, good: bytes) -> None:
    header, numbers = parted(good)
    for name in ("source.head.bias", "__metadata__"):
        text = json.dumps(header)[:-1] + f", {json.dumps(name)}: {json.dumps(header[name])}}}"
        refused(tmp_path / "s.safetensors", joined(text.encode(), numbers))


def with_record(good: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    """The file with another record, and with the SHA-256 that makes it whole."""
    header, numbers = parted(good)
    record = json.loads(header["__metadata__"]["record"])
    changed = change(record)
    text = changed if isinstance(changed, str) else json.dumps(record if changed is None else changed)
    header["__metadata__"]["record"] = text
    header["__metadata__"]["sha256"] = tensors_sha256(load(good), header["__metadata__"]["schema"] + text)
    return joined(header, numbers)


@pytest.mark.parametrize(
    "change,word",
    [
        (lambda record: "not JSON", "not JSON"),
        (lambda record: "[" * 100_000, "not JSON"),
        (lambda record: '{"facts": {}, "facts": {}}', "not JSON"),
        (lambda record: '{"facts": {"face_scale": NaN}}', "not JSON"),
        (lambda record: '{"facts": {"face_scale": 1e999}}', "not JSON"),
        (lambda record: '{"facts": ' + "9" * 10_000 + "}", "not JSON"),
        (lambda record: [], "not a mapping"),
        (lambda record: record.pop("facts") and None, "says nothing of itself"),
        (lambda record: record.update(facts=[1]), "says nothing of itself"),
        (lambda record: record.pop("preset") and None, "preset"),
        (lambda record: record.update(preset="u64"), "preset is not a mapping"),
        (lambda record: record["preset"].update(schema="preset-9"), "preset-1"),
        (lambda record: record["preset"].update(evil=1), "evil"),
        (lambda record: record["preset"]["model"].update(size=1 << 40), "model.size"),
        (lambda record: record["preset"]["model"].update(size=128.5), "model.size"),
        (lambda record: record["preset"]["model"]["encoder"].update(widths=[4] * 4000), "encoder"),
        (lambda record: record["preset"]["model"]["inter"].update(code=4096), "do not fit its preset"),
        (lambda record: record["preset"]["model"].update(kind="identity"), "do not fit its preset"),
    ],
)
def test_a_record_that_is_wrong_is_named(tmp_path: Path, good: bytes, change: Any, word: str) -> None:
    assert word in refused(tmp_path / "s.safetensors", with_record(good, change))


def test_weights_of_another_preset_are_refused(tmp_path: Path, good: bytes) -> None:
    other = MODEL.model_copy(update={"inter": InterSettings(kind="dense", code=4, width=4, blocks=0)})
    message = refused(
        tmp_path / "s.safetensors",
        with_record(good, lambda record: record["preset"].update(model=other.model_dump(mode="json"))),
    )
    assert "do not fit its preset: 'inter." in message


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_no_numbers_are_refused(tmp_path: Path, value: float) -> None:
    model = build_model(MODEL)
    with torch.no_grad():
        model.inter.press.weight.view(-1)[-1] = value
    write_snapshot(tmp_path / "s.safetensors", model, PRESET, FACTS)
    assert "not numbers, in 'inter.press.weight'" in refused(
        tmp_path / "s.safetensors", (tmp_path / "s.safetensors").read_bytes()
    )


class Evil:
    """What runs when a pickle of it is opened."""

    ran = False

    def __reduce__(self) -> tuple[Any, ...]:
        return setattr, (Evil, "ran", True)


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_by_another_name_is_not_opened(tmp_path: Path, protocol: int) -> None:
    message = refused(tmp_path / "s.safetensors", pickle.dumps(Evil(), protocol))
    assert not Evil.ran
    assert "pickle" in message or protocol < 2


def test_what_torch_save_writes_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "s.safetensors"
    torch.save({"evil": Evil()}, path)
    assert "opening one can run code" in refused(path, path.read_bytes()) and not Evil.ran
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", "b")
    assert "archive" in refused(path, path.read_bytes())


def test_a_small_file_cannot_ask_for_a_large_memory(tmp_path: Path, good: bytes) -> None:
    """It claims terabytes, in shapes, in offsets and in its preset's network."""
    header, numbers = parted(good)
    vast = {"dtype": "F32", "shape": [1 << 20, 1 << 20], "data_offsets": [0, 1 << 42]}
    wide = {"widths": [4096], "stem": 8, "blocks": 8}
    hostile = [
        joined({**header, "source.head.bias": vast}, numbers),
        with_record(good, lambda record: record["preset"]["model"]["encoder"].update(wide)),
    ]
    tracemalloc.start()
    for data in hostile:
        refused(tmp_path / "s.safetensors", data)
    largest = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert largest < 30e6


def test_a_weights_file_with_half_a_part_is_refused(tmp_path: Path, good: bytes) -> None:
    (tmp_path / "s.safetensors").write_bytes(good)
    snapshot = read_snapshot(tmp_path / "s.safetensors")
    path = tmp_path / "w.safetensors"
    write_weights(path, snapshot, ["encoder"], {})
    assert set(read_start(path).weights) == {name for name in snapshot.weights if name.startswith("encoder.")}
    half = {name: weight for name, weight in snapshot.weights.items() if not name.endswith("encoder.levels.0.0.bias")}
    half.pop(next(name for name in half if name.startswith("encoder.")))
    write_weights(path, type(snapshot)(half, snapshot.preset_json, {}, ""), ["encoder"], {})
    with pytest.raises(ModelFileError, match="is missing"):
        read_start(path)
    with pytest.raises(ModelFileError, match=r"is of the kind 'weights-1', but a snapshot"):
        read_snapshot(path)


def test_quick_readers_refuse_the_same_headers(tmp_path: Path, good: bytes) -> None:
    path = tmp_path / "s.safetensors"
    for data in (
        b"",
        good[:100],
        joined([], b""),
        joined({"__metadata__": {"schema": 1}}, b""),
        joined(b"[" * 10**5, b""),
    ):
        path.write_bytes(data)
        for read in (
            read_facts,
            lambda path: schema_of(path, "snapshot"),
            lambda path: read_tensors(path, "x-1", "thing"),
        ):
            with pytest.raises(ModelFileError):
                read(path)
