"""The network: what goes in and out, and what its parts promise."""

from __future__ import annotations

import hashlib

import pytest
import torch

from understudy.model.swap_model import SwapModel, build_model
from understudy.settings.network import DecoderSettings, EncoderSettings, InterSettings, ModelSettings
from understudy.settings.preset import load_preset, preset_names


def small(**changes: object) -> ModelSettings:
    values = {
        "size": 64,
        "encoder": EncoderSettings(stem=2, widths=(8, 16), blocks=1),
        "inter": InterSettings(kind="dense", code=16, width=16, blocks=1),
        "decoder": DecoderSettings(widths=(16, 8), blocks=1, head=2),
        **changes,
    }
    return ModelSettings(**values)  # type: ignore[arg-type]


def build(**changes: object) -> SwapModel:
    torch.manual_seed(3)
    return build_model(small(**changes))


@pytest.mark.parametrize("kind", ["dense", "convolutional"])
@pytest.mark.parametrize("upsampler", ["pixel_shuffle", "bilinear"])
@pytest.mark.parametrize("underpainting", [0, 4])
def test_codes_come_out_as_large_as_they_went_in(kind: str, upsampler: str, underpainting: int) -> None:
    decoder = DecoderSettings(upsampler=upsampler, widths=(16, 8), blocks=0, head=2)  # type: ignore[arg-type]
    inter = InterSettings(kind=kind, code=16, width=16)  # type: ignore[arg-type]
    model = build(inter=inter, decoder=decoder, underpainting=underpainting)
    painted = model(torch.rand(2, 3, 64, 64), "source")
    assert painted.shape == (2, 3, 64, 64)
    assert painted.dtype == torch.float32


def test_each_identity_has_its_own_decoder() -> None:
    model, codes = build(), torch.rand(1, 3, 64, 64)
    assert not torch.equal(model(codes, "target"), model(codes, "source"))


def test_the_identities_share_encoder_and_inter() -> None:
    model = build()
    model(torch.rand(1, 3, 64, 64), "source").sum().backward()
    reached = {name.split(".")[0] for name, weight in model.named_parameters() if weight.grad is not None}
    assert reached == {"encoder", "inter", "source"}


def test_what_is_painted_has_no_bounds() -> None:
    model = build()
    with torch.no_grad():
        model.source.head.bias.fill_(1000.0)
    assert model(torch.rand(1, 3, 64, 64), "source").mean() > 100.0


def test_the_last_layer_stays_in_float32_under_autocast() -> None:
    model, codes = build(), torch.rand(1, 3, 64, 64)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        painted = model(codes, "source")
    assert painted.dtype == torch.float32
    assert not torch.equal(painted, painted.to(torch.bfloat16).float())


def test_an_underpainting_carries_the_light_of_the_crop() -> None:
    model = build(underpainting=4)
    with torch.no_grad():
        for weight in model.parameters():
            weight.zero_()
    dark, bright = (model(torch.full((1, 3, 64, 64), level), "source") for level in (0.2, 0.6))
    torch.testing.assert_close(bright - dark, torch.full((1, 3, 64, 64), 0.4))


def test_the_identity_kind_returns_its_input_and_has_no_weights() -> None:
    model, codes = build(kind="identity"), torch.randn(1, 3, 64, 64) * 100.0
    assert model(codes, "source") is codes
    assert not list(model.parameters())


def test_memory_layout_does_not_change_what_is_painted() -> None:
    model, codes = build(underpainting=4), torch.rand(2, 3, 64, 64)
    before = model(codes, "target")
    model.to(memory_format=torch.channels_last)
    after = model(codes.to(memory_format=torch.channels_last), "target")
    torch.testing.assert_close(after, before, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_builds(name: str) -> None:
    settings = load_preset(name).model
    with torch.device("meta"):
        painted = build_model(settings)(torch.empty(1, 3, settings.size, settings.size), "source")
    assert painted.shape == (1, 3, settings.size, settings.size)


BEFORE = {
    "u64": ("bf2c013c8857", 26927.52885334579, (0.5162976980, 0.5337926745, 0.7497965097), 0.48235339514),
    "u128": ("f84e80380fb1", 75354.6275303475, (0.4209635556, 0.4910490811, 0.4783209860), 0.40976779531),
    "dense": ("5b7e80d28eb7", 8172.242580223969, (0.5196381807, 0.5838813186, 0.3953340650), 0.37458786522),
    "bilinear": ("e37c3d9b678c", 2018.5219112226441, (0.4549438953, 0.8827274442, 0.1825963557), 0.53756364816),
}
"""Names and shapes, sum of sizes, a painted pixel of the source and the target's mean, before parts could be chosen."""


@pytest.mark.parametrize("name", BEFORE)
def test_a_seed_gives_the_network_that_earlier_versions_gave(name: str) -> None:
    names, size, pixel, mean = BEFORE[name]
    settings = load_preset(name).model if name.startswith("u") else small()
    if name == "bilinear":
        inter = InterSettings(kind="convolutional", code=8, width=16, normalise=True)
        decoder = DecoderSettings(upsampler="bilinear", widths=(16, 8), blocks=0, head=2)
        settings = small(inter=inter, decoder=decoder, underpainting=4)
    torch.manual_seed(5)
    model = build_model(settings)
    state = model.state_dict()
    listed = "\n".join(f"{key} {tuple(value.shape)}" for key, value in state.items())
    assert hashlib.sha256(listed.encode()).hexdigest()[:12] == names
    assert sum(float(value.double().abs().sum()) for value in state.values()) == pytest.approx(size, rel=1e-9)
    side = settings.size
    codes = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(7))
    with torch.no_grad():
        painted = model(codes, "source")[0, :, side // 3, side // 2]
        assert painted.tolist() == pytest.approx(pixel, abs=1e-5)
        assert float(model(codes, "target").mean()) == pytest.approx(mean, abs=1e-5)


@pytest.mark.parametrize(
    ("name", "digest"), [("u256", "1fe53d269987"), ("u512", "841f0f6587d8"), ("u1024", "72633eab6b27")]
)
def test_weights_of_large_presets_keep_their_names_and_shapes(name: str, digest: str) -> None:
    with torch.device("meta"):
        state = build_model(load_preset(name).model).state_dict()
    listed = "\n".join(f"{key} {tuple(value.shape)}" for key, value in state.items())
    assert hashlib.sha256(listed.encode()).hexdigest()[:12] == digest
