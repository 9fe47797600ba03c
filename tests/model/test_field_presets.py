"""The presets of the field: as many weights as were published, and every one of them learns and swaps."""

from __future__ import annotations

import pytest
import torch

from tests.model.shrunk import shrunk
from understudy.model.swap_model import SwapModel, build_model
from understudy.settings.network import ModelSettings
from understudy.settings.preset import load_preset, preset_names

PUBLISHED = {
    "dny512": (39.32, 36.97),
    "dny256": (29.89, 27.53),
    "sym384": (215.6, 206.7),
    "stojo": (217.5, 175.5),
    "dfl-sae-df": (129.8, 102.9),
    "dfl-sae-liae": (121.6, 121.6),
    "dfl-saehd-df": (52.9, 36.1),
    "dfl-saehd-liae": (87.8, 87.8),
    "original": (82.1, 75.9),
    "lightweight": (51.1, 40.4),
    "saehd": (126, None),
    "saehd384": (271, None),
}
"""Millions of weights, for training and for one way."""

LARGER = {
    "liae-ud 128": ("saehd", ["model.size=128", "model.inter.side=4"], 82),
    "liae-udt 512": (
        "saehd384",
        [
            "model.size=512",
            "model.encoder.widths=[96, 192, 384, 768, 768]",
            "model.inter.code=512",
            "model.inter.width=1024",
            "model.inter.side=16",
            "model.decoder.widths=[768, 768, 384, 192]",
            "model.decoder.matte_widths=[256, 256, 128, 64, 32]",
        ],
        644,
    ),
    "df 640": (
        "dfl-saehd-df",
        [
            "model.size=640",
            "model.inter.side=40",
            "model.decoder.matte=true",
            "model.decoder.matte_widths=[176, 88, 44]",
        ],
        360,
    ),
}


def weightless(settings: ModelSettings) -> SwapModel:
    with torch.device("meta"):
        return build_model(settings)


def counted(model: torch.nn.Module) -> int:
    return sum(weight.numel() for weight in model.parameters())


def as_published(model: SwapModel) -> int:
    """Keras counts the running statistics of batches among the weights."""
    statistics = sum(b.numel() for name, b in model.named_buffers() if name.endswith(("running_mean", "running_var")))
    return counted(model) + statistics


def test_the_reference_has_exactly_its_published_weights() -> None:
    model = weightless(load_preset("dny1024").model)
    assert counted(model) == 53_483_830
    assert counted(model.encoder) + counted(model.encoder_code) == 23_334_672
    assert counted(model.get_submodule("inter")) == 15_993_856
    assert counted(model.get_submodule("source")) == 7_077_651


def test_stojo_and_sym384_differ_from_keras_by_their_backbones_constants_only() -> None:
    stojo, sym384 = (weightless(load_preset(name).model).encoder for name in ("stojo", "sym384"))
    assert as_published(stojo) == 17_673_823 - 7  # type: ignore[arg-type]  # mean, spread and a count of its first layer
    assert as_published(sym384) == 20_331_360  # type: ignore[arg-type]


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_preset_has_as_many_weights_as_were_published(name: str) -> None:
    whole, one_way = PUBLISHED[name]
    digits = 0 if isinstance(whole, int) else len(str(whole).split(".")[1])
    model = weightless(load_preset(name).model)
    assert round(as_published(model) / 1e6, digits) == whole
    unneeded = [getattr(model, part, None) for part in ("target", "inter_target")]
    if one_way is not None:
        two_ways = 0 if name.endswith("liae") else sum(counted(part) for part in unneeded if part is not None)
        assert round((as_published(model) - two_ways) / 1e6, len(str(one_way).split(".")[1])) == one_way


@pytest.mark.parametrize("name", LARGER)
def test_the_larger_sisters_of_saehd_are_settings_away(name: str) -> None:
    preset, overrides, millions = LARGER[name]
    model = weightless(load_preset(preset, overrides).model)
    assert round(counted(model) / 1e6) == millions


@pytest.mark.parametrize("name", [name for name in preset_names() if name != "identity"])
def test_every_preset_learns_and_swaps(name: str) -> None:
    """One step on a scaled-down network lowers the loss of the same faces."""
    torch.manual_seed(2)
    settings = shrunk(name)
    model = build_model(settings).train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3)
    wanted = torch.rand(2, 3, settings.size, settings.size) * 0.4 + 0.2
    losses = []
    for _ in range(2):
        torch.manual_seed(4)
        described = model.describe(wanted)
        error = torch.zeros(())
        for face, identity in zip(described.split(1), ("target", "source"), strict=True):
            painted = model.paint_all(face, identity)  # type: ignore[arg-type]
            error = error + (painted.scales[-1] - wanted[:1]).abs().mean()
        losses.append(float(error.detach()))
        optimiser.zero_grad()
        error.backward()
        optimiser.step()
    assert losses[1] < losses[0]
    with torch.no_grad():
        swapped = model.eval().painted(wanted[:1], "source")
    assert swapped.codes.shape == wanted[:1].shape
    assert bool(swapped.codes.isfinite().all())
    assert (swapped.matte is not None) == settings.decoder.matte
