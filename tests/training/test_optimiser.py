"""The optimiser: two rates, no step for what is frozen, memory by name, and how long a gradient may be."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from understudy.errors import ModelFileError
from understudy.model.swap_model import SwapModel, build_model
from understudy.settings.preset import Preset
from understudy.settings.training import TrainingSettings
from understudy.training.optimiser import build_optimizer, gradient_limit, load_memory, memory_tensors, set_rate
from understudy.training.schedule import learning_rate


@pytest.fixture
def model(preset: Preset) -> SwapModel:
    torch.manual_seed(1)
    return build_model(preset.model)


def step(model: SwapModel, optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad(set_to_none=True)
    (model(torch.full((1, 3, 64, 64), 0.3), "source") ** 2).mean().backward()
    set_rate(optimizer, 1e-2)
    optimizer.step()


def test_the_encoder_can_learn_more_slowly(model: SwapModel) -> None:
    optimizer = build_optimizer(model, TrainingSettings(encoder_rate=0.25))
    set_rate(optimizer, 0.01)
    rates = {id(weight): group["lr"] for group in optimizer.param_groups for weight in group["params"]}
    found = {name.partition(".")[0]: rates[id(weight)] for name, weight in model.named_parameters()}
    assert found == {"encoder": 0.0025, "inter": 0.01, "target": 0.01, "source": 0.01}


def test_memory_of_what_never_learned_is_not_kept_and_not_needed(model: SwapModel) -> None:
    model.encoder.requires_grad_(False)
    optimizer = build_optimizer(model, TrainingSettings())
    step(model, optimizer)
    tensors = memory_tensors(optimizer, model)
    assert {name.split("/")[2].partition(".")[0] for name in tensors} == {"inter", "source"}
    model.requires_grad_(True)
    again = build_optimizer(model, TrainingSettings(encoder_rate=0.5))
    load_memory(again, model, tensors)
    loaded = memory_tensors(again, model)
    assert loaded.keys() == tensors.keys()
    assert all(torch.equal(loaded[name], tensors[name]) for name in tensors)
    step(model, again)
    assert float(memory_tensors(again, model)["optimizer/step/inter.press.weight"]) == 2.0
    assert float(memory_tensors(again, model)["optimizer/step/encoder.levels.0.0.convolution.weight"]) == 1.0


def test_memory_of_another_shape_is_refused(model: SwapModel) -> None:
    optimizer = build_optimizer(model, TrainingSettings())
    step(model, optimizer)
    tensors = memory_tensors(optimizer, model)
    tensors["optimizer/exp_avg/source.head.bias"] = torch.zeros(3)
    with pytest.raises(ModelFileError, match=r"memory of 'source\.head\.bias' has another shape"):
        load_memory(optimizer, model, tensors)


def test_gradients_are_shortened_to_what_most_were() -> None:
    lengths = list(np.linspace(1.0, 2.0, 101))
    assert gradient_limit(TrainingSettings(clipping="auto", clip_percentile=10.0), lengths) == pytest.approx(1.1)
    assert gradient_limit(TrainingSettings(clipping="auto", gradient_limit=0.7), ()) == 0.7
    assert gradient_limit(TrainingSettings(gradient_limit=0.7), lengths) == 0.7
    assert gradient_limit(TrainingSettings(clipping="none"), lengths) == math.inf


@pytest.mark.parametrize(
    ("changes", "share", "expected"),
    [
        ({"cool_down": 0.0}, 0.99, 1.0),
        ({"cool_down": 0.5}, 0.75, 0.5),
        ({"cool_down": 1.0, "fall": "cosine"}, 0.25, (1 + math.cos(math.pi * 0.25)) / 2),
        ({"cool_down": 0.5, "fall": "cosine"}, 0.5, 1.0),
        ({"cool_down": 0.5, "fall": "cosine"}, 1.0, 0.0),
    ],
)
def test_the_rate_falls_straight_or_as_a_cosine(changes: dict[str, object], share: float, expected: float) -> None:
    settings = TrainingSettings(learning_rate=0.1, warm_up=0, **changes)
    assert learning_rate(settings, 1000, share) == pytest.approx(0.1 * expected, abs=1e-12)


def test_memory_lies_as_the_weights_do(model: SwapModel, preset: Preset) -> None:
    before = build_optimizer(model, TrainingSettings())
    step(model, before)
    kept = {
        name: value.clone(memory_format=torch.contiguous_format)
        for name, value in memory_tensors(before, model).items()
    }
    on_gpu = build_model(preset.model).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    after = build_optimizer(on_gpu, TrainingSettings())
    load_memory(after, on_gpu, kept)
    learned = [weight for weight in on_gpu.parameters() if weight in after.state]
    assert any(not weight.is_contiguous() for weight in learned)
    for weight in learned:
        assert after.state[weight]["exp_avg"].stride() == after.state[weight]["exp_avg_sq"].stride() == weight.stride()
    for name, value in memory_tensors(after, on_gpu).items():
        torch.testing.assert_close(value, kept[name], rtol=0, atol=0)
