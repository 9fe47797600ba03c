"""Transfer: whole parts, from whom and to whom, and what is said of what does not fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from understudy.errors import ModelFileError, SettingsError, UnknownNameError
from understudy.model import parts
from understudy.model.parts import share_decoder
from understudy.model.snapshot import Snapshot, model_hash, read_snapshot, write_snapshot
from understudy.model.swap_model import build_model
from understudy.settings.preset import Preset, load_preset
from understudy.training.batches import FaceCodes
from understudy.training.preview import Look
from understudy.training.trainer import train
from understudy.training.transfer import Start, plan_transfer

PAIR = {"target": "ben", "source": "ann"}
RECORD = {"kind": "record", "id": "ab", "record_sha256": "abc"}
FACTS = {
    "identities": PAIR,
    "iteration": 7,
    "trained_on": [
        {"identity": "ben", "role": "target", "faces": 4, "kind": "none"},
        {"identity": "ann", "role": "source", "faces": 6, **RECORD},
    ],
}


@pytest.fixture
def start(preset: Preset) -> Callable[..., Start]:
    """A made-up file of the tiny preset, with `changes` to its network."""

    def make(facts: dict[str, Any] = FACTS, seed: int = 1, preset: Preset = preset, **changes: Any) -> Start:
        chosen = preset.model_copy(update={"model": preset.model.model_copy(update=changes)})
        torch.manual_seed(seed)
        weights = build_model(chosen.model).state_dict()
        return Start(
            Path(f"{seed}.safetensors"), "0" * 64, Snapshot(weights, chosen.to_json(), facts, model_hash(weights))
        )

    return make


def origins(transfer: Any) -> dict[str, str]:
    return {each.child: each.origin for each in transfer.taken}


def test_a_pair_of_the_same_people_takes_everything_over(preset: Preset, start: Callable[..., Start]) -> None:
    model, begun = build_model(preset.model), start()
    transfer = plan_transfer(preset, PAIR, [begun])
    transfer.load_into(model)
    assert transfer.left == ()
    assert all(torch.equal(weight, begun.snapshot.weights[name]) for name, weight in model.state_dict().items())


def test_a_person_keeps_their_decoder_in_another_role(preset: Preset, start: Callable[..., Start]) -> None:
    transfer = plan_transfer(preset, {"target": "ann", "source": "carl"}, [start()])
    assert origins(transfer) == {"encoder": "encoder", "inter": "inter", "target": "source", "source": "source"}
    assert (
        "takes the decoder of the target identity from the decoder of the source identity (ann)" in transfer.lines()[2]
    )


def test_strangers_take_the_decoder_of_their_role(preset: Preset, start: Callable[..., Start]) -> None:
    transfer = plan_transfer(preset, {"target": "dora", "source": "carl"}, [start()])
    assert origins(transfer)["target"] == "target" and origins(transfer)["source"] == "source"


@pytest.mark.parametrize("mapping", ["source=target", "ann=target", "ann=dora", "source = dora"])
def test_a_mapping_says_whose_part_becomes_whose(preset: Preset, start: Callable[..., Start], mapping: str) -> None:
    begun = start()
    transfer = plan_transfer(preset, {"target": "dora", "source": "carl"}, [begun], ["target"], [mapping])
    assert origins(transfer) == {"target": "source"}
    assert torch.equal(transfer.weights["target.head.bias"], begun.snapshot.weights["source.head.bias"])


@pytest.mark.parametrize(
    "parts,children",
    [
        (["encoder"], ["encoder"]),
        (["encoder", "inter"], ["encoder", "inter"]),
        (["decoder"], ["target", "source"]),
        (["source"], ["source"]),
    ],
)
def test_only_the_parts_that_were_asked_for_are_taken(
    preset: Preset, start: Callable[..., Start], parts: list[str], children: list[str]
) -> None:
    transfer = plan_transfer(preset, PAIR, [start()], parts)
    assert list(origins(transfer)) == children
    assert {name.split(".")[0] for name in transfer.weights} == set(children)


def test_a_part_that_does_not_fit_is_refused_field_by_field(preset: Preset, start: Callable[..., Start]) -> None:
    decoder = preset.model.decoder.model_copy(update={"widths": (32, 8)})
    with pytest.raises(ModelFileError) as caught:
        plan_transfer(preset, PAIR, [start(decoder=decoder)], ["encoder", "inter", "decoder"])
    message = caught.value.message
    assert "decoder of the target identity does not fit: 7 of 14 tensors differ" in message
    assert "model.decoder.widths [32, 8], not [16, 8]" in message
    assert "encoder (4 tensors), inter (8 tensors)" in message and "--parts encoder,inter." in message


def test_what_does_not_fit_begins_anew_whole_and_is_told(preset: Preset, start: Callable[..., Start]) -> None:
    decoder = preset.model.decoder.model_copy(update={"widths": (32, 8)})
    transfer = plan_transfer(preset, PAIR, [start(decoder=decoder)])
    assert list(origins(transfer)) == ["encoder", "inter"]
    assert len(transfer.left) == 2 and "begins anew: the decoder of the target identity" in transfer.lines()[2]
    assert not any(name.startswith(("target", "source")) for name in transfer.weights)


def test_each_part_comes_from_the_first_file_in_which_it_fits(preset: Preset, start: Callable[..., Start]) -> None:
    narrow = preset.model.encoder.model_copy(update={"widths": (12, 16)})
    first, second = start(seed=1, encoder=narrow), start(seed=2)
    transfer = plan_transfer(preset, PAIR, [first, second])
    assert {each.child: each.start for each in transfer.taken} == {"encoder": 1, "inter": 0, "target": 0, "source": 0}
    assert [entry["file"] for entry in transfer.lineage()] == ["1.safetensors", "2.safetensors"]


def test_nothing_alike_is_refused(preset: Preset) -> None:
    nothing = load_preset("identity")
    begun = Start(Path("n.safetensors"), "", Snapshot({}, nothing.to_json(), {}, ""))
    with pytest.raises(ModelFileError, match=r"Nothing in n\.safetensors fits.*the encoder"):
        plan_transfer(preset, PAIR, [begun])


def test_what_cannot_be_meant_is_refused(preset: Preset, start: Callable[..., Start]) -> None:
    with pytest.raises(UnknownNameError, match="Near: decoder"):
        plan_transfer(preset, PAIR, [start()], ["decodr"])
    with pytest.raises(UnknownNameError, match="'eva' in the files to begin from"):
        plan_transfer(preset, PAIR, [start()], None, ["eva=target"])
    with pytest.raises(UnknownNameError, match="'eva' in the new model"):
        plan_transfer(preset, PAIR, [start()], None, ["source=eva"])
    with pytest.raises(SettingsError, match="write --map FROM=TO"):
        plan_transfer(preset, PAIR, [start()], None, ["source"])
    with pytest.raises(SettingsError, match="was said already"):
        plan_transfer(preset, PAIR, [start()], None, ["ann=target", "ben=target"])


def test_the_lineage_says_what_was_taken_from_where_and_who_is_painted(
    preset: Preset, start: Callable[..., Start]
) -> None:
    begun = start()
    (entry,) = plan_transfer(preset, {"target": "dora", "source": "ann"}, [begun], ["encoder", "source"]).lineage()
    assert (entry["file"], entry["sha256"], entry["iteration"]) == ("1.safetensors", "0" * 64, 7)
    assert entry["model_hash"] == begun.snapshot.hash
    assert entry["parts"] == {"encoder": "encoder", "source": "source"}
    assert entry["paints"] == ["ann"] and entry["trained_on"] == FACTS["trained_on"]


def test_an_encoder_paints_nobody_but_remembers_whom_it_saw(preset: Preset, start: Callable[..., Start]) -> None:
    (entry,) = plan_transfer(preset, PAIR, [start()], ["encoder"]).lineage()
    assert entry["paints"] == [] and [person["identity"] for person in entry["trained_on"]] == ["ben", "ann"]


def test_a_model_of_many_identities_paints_all_of_them(preset: Preset, start: Callable[..., Start]) -> None:
    many = {"trained_on": [{"identity": name, "role": "source", **RECORD} for name in ("ann", "eva", "gus")]}
    (entry,) = plan_transfer(preset, PAIR, [start(many)], ["decoder"]).lineage()
    assert entry["paints"] == ["ann", "eva", "gus"]


def renamed(start: Start, names: dict[str, str]) -> Start:
    """The file with some of its children, under other names."""
    weights = {
        name.replace(child, other, 1): weight
        for child, other in names.items()
        for name, weight in start.snapshot.weights.items()
        if name.startswith(f"{child}.")
    }
    return replace(start, snapshot=replace(start.snapshot, weights=weights))


def test_a_decoder_that_both_shared_becomes_that_of_each(preset: Preset, start: Callable[..., Start]) -> None:
    begun = renamed(start(), {"encoder": "encoder", "target": "decoder"})
    transfer = plan_transfer(preset, PAIR, [begun], ["encoder", "decoder"])
    assert origins(transfer) == {"encoder": "encoder", "target": "decoder", "source": "decoder"}
    assert transfer.lineage()[0]["paints"] == ["ben", "ann"]
    assert "from the decoder:" in transfer.lines()[1]


@pytest.mark.parametrize(
    "child,identity,shared,other",
    [
        ("target", "target", "decoder", "source"),
        ("inter_source", "source", "inter", "inter_target"),
        ("encoder_code", None, "encoder_code", "encoder_code"),
        ("decoder", None, "decoder", "decoder"),
    ],
)
def test_children_are_known_by_their_names(child: str, identity: Any, shared: str, other: str) -> None:
    assert parts.identity_of(child) == identity
    assert parts.shared_name(child) == shared
    assert parts.renamed_for(child, "target" if identity == "source" else "source") == other
    assert parts.holds_a_person(child) == (identity is not None or child == "decoder")


def test_lineage_is_carried_on_from_model_to_model(preset: Preset, start: Callable[..., Start]) -> None:
    first = plan_transfer(preset, PAIR, [start()]).lineage()
    (entry,) = plan_transfer(preset, PAIR, [start({**FACTS, "lineage": first}, seed=2)]).lineage()
    assert entry["lineage"] == first


def test_a_shared_decoder_is_one_set_of_weights_and_still_a_whole_snapshot(preset: Preset, tmp_path: Path) -> None:
    model = build_model(preset.model)
    share_decoder(model)
    assert not any(name.startswith("source.") for name, _ in model.named_parameters())
    write_snapshot(tmp_path / "s.safetensors", model, preset, {})
    back = read_snapshot(tmp_path / "s.safetensors")
    assert torch.equal(back.weights["target.head.weight"], back.weights["source.head.weight"])
    codes = torch.rand(1, 3, 64, 64)
    assert torch.equal(back.build()(codes, "source"), model(codes, "target"))


def test_a_new_model_learns_on_from_what_it_took_over(
    preset: Preset, target: FaceCodes, source: FaceCodes, look: Look, tmp_path: Path
) -> None:
    def run(name: str, until: int, rate: float, **begin: Any) -> Any:
        chosen = preset.model_copy(update={"training": preset.training.model_copy(update={"learning_rate": rate})})
        return train(
            tmp_path / name,
            chosen,
            target,
            source,
            {},
            iterations=until,
            device="cpu",
            look=look,
            **begin,
        )

    first = run("first", 60, 3e-3)
    begun = Start(first.snapshot, "", read_snapshot(first.snapshot))
    loss = run("begun", 3, 1e-7, transfer=plan_transfer(preset, PAIR, [begun])).loss
    assert loss < 0.8 * run("fresh", 3, 1e-7).loss


def test_a_resumed_run_with_one_decoder_equals_an_uninterrupted_one(
    preset: Preset, target: FaceCodes, source: FaceCodes, look: Look, tmp_path: Path
) -> None:
    for name, ends in (("whole", (4,)), ("parted", (2, 4))):
        for end in ends:
            result = train(
                tmp_path / name,
                preset,
                target,
                source,
                {},
                iterations=end,
                device="cpu",
                one_decoder=True,
                look=look,
            )
    whole = read_snapshot(tmp_path / "whole" / "snapshots" / result.snapshot.name)
    assert whole.hash == read_snapshot(result.snapshot).hash
    assert torch.equal(whole.weights["target.head.bias"], whole.weights["source.head.bias"])
