"""The network: what goes in and out, and what its parts promise."""

from __future__ import annotations

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
