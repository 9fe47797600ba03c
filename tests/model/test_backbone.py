"""Backbones of timm as encoders: what they see, what they hand over, and what they begin from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from understudy.color.training_space import TrainingSpace
from understudy.errors import ModelFileError, SettingsError
from understudy.model.backbone import Backbone, display_from_centred
from understudy.model.codes import centred_from_codes
from understudy.model.pretrained import begin_backbone
from understudy.model.swap_model import SwapModel, build_model
from understudy.settings.network import DecoderSettings, EncoderSettings, InterSettings, ModelSettings

FAMILIES = {
    "vgg16": (64, 512, 2),
    "resnet50": (64, 2048, 2),
    "densenet121": (64, 1024, 2),
    "inception_v3": (96, 2048, 1),
    "legacy_xception": (64, 2048, 2),
    "mobilenetv2_100": (64, 1280, 2),
    "nasnetalarge": (96, 4032, 3),
    "efficientnet_b0": (64, 1280, 2),
    "tf_efficientnetv2_b0": (64, 1280, 2),
    "convnext_tiny": (64, 768, 2),
    "vit_base_patch16_clip_224": (64, 768, 4),
}
SMALL = "mobilenetv3_small_050"


def settings_with(**encoder: object) -> ModelSettings:
    return ModelSettings(
        size=64,
        encoder=EncoderSettings(**{"kind": "timm", "backbone": SMALL, "input": 64, **encoder}),  # type: ignore[arg-type]
        inter=InterSettings(code=8, side=4, width=8, blocks=0),
        decoder=DecoderSettings(widths=(8, 8, 8), blocks=0, head=2),
    )


def built(**encoder: object) -> tuple[SwapModel, Backbone]:
    torch.manual_seed(6)
    model = build_model(settings_with(**encoder))
    assert isinstance(model.encoder, Backbone)
    return model, model.encoder


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_of_the_field_hands_over_a_picture_of_features(name: str) -> None:
    side, width, handed_over = FAMILIES[name]
    with torch.device("meta"):  # building it shows it a picture
        encoder = Backbone(EncoderSettings(kind="timm", backbone=name, input=side))
    assert (encoder.width_out, encoder.side_out) == (width, handed_over)


@pytest.mark.parametrize("name", [SMALL, "vgg11", "convnext_atto", "vit_xsmall_patch16_clip_224"])
def test_every_weight_of_a_backbone_learns(name: str) -> None:
    with torch.device("meta"):
        encoder = Backbone(EncoderSettings(kind="timm", backbone=name, input=64))
        encoder(torch.empty(2, 3, 64, 64)).sum().backward()
    assert [name for name, weight in encoder.named_parameters() if weight.grad is None] == []


def test_codes_are_shown_to_a_backbone_as_display_colours() -> None:
    def shown(light: float) -> float:
        codes = TrainingSpace((1.0, 1.0, 1.0)).encode(np.full((1, 1, 3), light, dtype=np.float32))
        return float(display_from_centred(centred_from_codes(torch.from_numpy(codes)))[0, 0, 1])

    assert shown(0.18) == pytest.approx(0.461, abs=0.005)  # as sRGB encodes 18 % grey
    stop = (shown(0.18 * 2.0**0.1) - shown(0.18 * 2.0**-0.1)) / 0.2
    assert stop == pytest.approx(0.149, rel=0.05)  # and its slope there for each stop
    levels = [shown(light) for light in (-0.1, 0.0, 0.02, 0.18, 1.0, 64.0, 1000.0)]
    assert levels == sorted(levels)
    assert len(set(levels)) == len(levels)  # nothing clips
    assert levels[0] > 0.0
    assert levels[-1] < 1.0


def test_a_class_token_is_one_pixel_and_a_picture_its_places() -> None:
    with torch.device("meta"):
        for features, side in (("token", 1), ("map", 4)):
            settings = EncoderSettings(kind="timm", backbone="vit_xsmall_patch16_clip_224", input=64, features=features)  # type: ignore[arg-type]
            assert Backbone(settings)(torch.empty(1, 3, 64, 64)).shape[2:] == (side, side)


@pytest.mark.parametrize(
    ("encoder", "reason"),
    [
        ({"backbone": "mobilenetv3_smal_050"}, "Near: mobilenetv3_small_050"),
        ({"backbone": "resnet18", "features": "token"}, "no class token"),
        ({"backbone": "inception_v3", "input": 64}, "cannot see pictures of 64 px"),
        ({"backbone": "swin_tiny_patch4_window7_224", "input": 224}, "outside its weights"),
    ],
)
def test_a_backbone_that_cannot_be_used_is_refused_in_a_sentence(encoder: dict[str, object], reason: str) -> None:
    with torch.device("meta"), pytest.raises(SettingsError, match=reason):
        build_model(settings_with(**encoder))


def test_a_frozen_backbone_neither_learns_nor_measures() -> None:
    model, _ = built(frozen=True)
    before = {name: value.clone() for name, value in model.encoder.state_dict().items()}
    model.requires_grad_(True).train()
    model(torch.rand(2, 3, 64, 64), "source").sum().backward()
    assert all(weight.grad is None for weight in model.encoder.parameters())
    assert all(torch.equal(value, before[name]) for name, value in model.encoder.state_dict().items())
    assert model.get_submodule("source.head").weight.grad is not None


def test_a_backbone_begins_with_the_weights_of_a_file(tmp_path: Path) -> None:
    _, other = built()
    path = tmp_path / "model.safetensors"
    save_file({**other.network.state_dict(), "classifier.weight": torch.zeros(10, 8)}, path)
    model, encoder = built(weights=str(path))
    with torch.no_grad():
        for weight in encoder.network.parameters():
            weight.zero_()
    assert begin_backbone(model) == str(path)
    wanted = other.network.state_dict()
    assert all(torch.equal(value, wanted[name]) for name, value in encoder.network.state_dict().items())


def test_a_transformers_weights_serve_another_input(tmp_path: Path) -> None:
    name, path = "vit_xsmall_patch16_clip_224", tmp_path / "model.safetensors"
    save_file(Backbone(EncoderSettings(kind="timm", backbone=name, input=96)).network.state_dict(), path)
    model, encoder = built(backbone=name, weights=str(path))
    begin_backbone(model)
    assert encoder.network.state_dict()["pos_embed"].shape[1] == 4 * 4 + 1


def test_weights_that_are_none_of_this_backbone_change_nothing(tmp_path: Path) -> None:
    foreign, broken = tmp_path / "foreign.safetensors", tmp_path / "broken.safetensors"
    save_file({"layer.weight": torch.zeros(2)}, foreign)
    broken.write_bytes(b"no weights at all")
    pickled, missing, nan = tmp_path / "model.pth", tmp_path / "missing.safetensors", tmp_path / "nan.safetensors"
    pickled.write_bytes(b"\x80\x04.")
    state = built()[1].network.state_dict()
    save_file({**state, "conv_stem.weight": torch.full_like(state["conv_stem.weight"], float("nan"))}, nan)
    wrong = tmp_path / "wrong.safetensors"
    save_file({**state, "conv_stem.weight": torch.zeros(1, 3, 3, 3)}, wrong)
    for path, reason in (
        (foreign, "is missing"),
        (broken, "cannot be read"),
        (pickled, "can run code"),
        (missing, "no weights"),
        (nan, "not numbers"),
        (wrong, "do not fit"),
    ):
        model, encoder = built(weights=str(path))
        before = encoder.network.state_dict()["conv_stem.weight"].clone()
        with pytest.raises(ModelFileError, match=reason) as caught:
            begin_backbone(model)
        assert str(path) in str(caught.value)
        assert torch.equal(encoder.network.state_dict()["conv_stem.weight"], before)


def test_without_a_network_pretrained_weights_are_told_how_to_be_given(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import huggingface_hub

    asked = []

    def unreachable(place: str, file: str) -> str:
        asked.append((place, file))
        raise ConnectionError("no network")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", unreachable)
    with pytest.raises(ModelFileError, match=r"model\.encoder\.weights=PATH"):
        begin_backbone(built(weights="pretrained")[0])
    assert [file for _, file in asked] == ["model.safetensors"]


def test_a_network_of_our_own_begins_at_random() -> None:
    assert begin_backbone(build_model(ModelSettings(kind="identity"))) == ""
    assert begin_backbone(built()[0]) == ""
