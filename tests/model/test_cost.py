"""What a network is said to cost, beside what it does cost."""

from __future__ import annotations

import copy
import gc
import sys

import pytest
import torch
from torch.autograd.graph import saved_tensors_hooks

from understudy.model.cost import model_cost
from understudy.model.live_tensors import BACKWARD, LiveTensors
from understudy.model.swap_model import build_model
from understudy.model.weightless import weightless_tensors
from understudy.settings.network import ModelSettings
from understudy.settings.preset import load_preset

U64 = load_preset("u64").model


def test_every_parameter_is_counted_in_its_part() -> None:
    model, cost = build_model(U64), model_cost(U64)
    assert cost.parameters == sum(weight.numel() for weight in model.parameters())
    assert cost.parts["encoder"] == sum(weight.numel() for weight in model.encoder.parameters())
    assert cost.to_json()["parameters"] == cost.parameters


def test_a_multiplication_and_an_addition_are_two_operations() -> None:
    """A 3x3 convolution of u64's first level, and how the whole grows with the picture."""
    assert model_cost(U64).gflop > 2 * 9 * 12 * 32 * 16 * 16 / 1e9
    large = U64.model_copy(update={"size": 128})
    assert model_cost(large).gflop == pytest.approx(4 * model_cost(U64).gflop, rel=1e-6)


def test_what_a_face_keeps_is_what_the_backward_pass_was_given() -> None:
    model = build_model(U64)
    codes = torch.rand(1, 3, 64, 64)
    weights = {weight.untyped_storage().data_ptr() for weight in model.parameters()}
    kept: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with saved_tensors_hooks(pack, lambda tensor: tensor):
        painted = model(codes, "source")
    saved = sum(kept.values())
    assert model_cost(U64).kept_fp32 == pytest.approx(saved + painted.nbytes, rel=0.05)


def test_short_numbers_keep_less() -> None:
    cost = model_cost(U64)
    assert 0.4 < cost.kept_bf16 / cost.kept_fp32 < 0.8


def test_a_network_that_returns_its_input_costs_nothing() -> None:
    cost = model_cost(ModelSettings(kind="identity", size=64))
    assert (cost.parameters, cost.gflop, cost.kept_fp32, cost.parts) == (0, 0.0, 0, {})


def test_a_tensor_counts_once_and_for_as_long_as_it_lives() -> None:
    with LiveTensors() as live:
        first = torch.zeros(1000)
        view = first.view(10, 100)[2:]
        assert live.live == 4000
        del first
        gc.collect()
        assert live.live == 4000
        del view
        gc.collect()
    assert (live.live, live.peak) == (0, 4000)


def test_a_network_without_memory_is_moved_copied_and_trained() -> None:
    with weightless_tensors():
        network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4)).to("cpu")
        average = copy.deepcopy(network)
        optimizer = torch.optim.AdamW(network.parameters(), fused=True)
        network(torch.rand(2, 3, 8, 8)).sum().backward()
        optimizer.step()
        for mine, copied in zip(network.parameters(), average.parameters(), strict=True):
            assert mine.shape == copied.shape and mine is not copied
            assert mine.fake_mode is copied.fake_mode, "or weak references to storages are freed twice"


def test_what_was_there_before_does_not_count() -> None:
    before = torch.zeros(1000)
    with LiveTensors() as live:
        view = before.view(10, 100).t()
        view.add_(1.0)
    assert (live.live, live.peak) == (0, 0)


def test_tensors_are_told_apart_by_who_made_them() -> None:
    model = build_model(U64)
    with LiveTensors() as forward:
        painted = model(torch.rand(1, 3, 64, 64), "source")
    makers = set(forward.at_peak)
    assert "understudy.model.layers" in makers and makers <= {"elsewhere", *_modules("understudy.model")}
    assert sum(forward.at_peak.values()) == forward.peak
    with LiveTensors() as backward:
        painted.sum().backward()
    assert backward.at_peak[BACKWARD] > 0.99 * backward.peak


def _modules(package: str) -> set[str]:
    return {name for name in sys.modules if name.startswith(package)}


def test_tensors_without_memory_take_none_and_leave_no_trace() -> None:
    state = torch.get_rng_state()
    with weightless_tensors():
        huge = torch.rand(1 << 20, 1 << 20)
        assert (huge + 1).sum().item() == 0.0
        drawn = torch.randint(1000, (3,), generator=torch.Generator().manual_seed(5)).numpy()
    again = torch.randint(1000, (3,), generator=torch.Generator().manual_seed(5)).numpy()
    assert drawn.tolist() == again.tolist()
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.ones(2).sum().item() == 2.0
