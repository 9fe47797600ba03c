"""Settings of the network: what goes together, and what is said of what does not."""

from __future__ import annotations

from typing import Any

import pytest

from understudy.errors import SettingsError
from understudy.settings.preset import load_preset, preset_from_json, preset_names
from understudy.settings.width_curve import WidthCurveSettings

U64_BEFORE = (
    '{"schema": "preset-1", "name": "u64", "description": "Of an earlier version.", "model": {"kind": "autoencoder", '
    '"size": 64, "underpainting": 4, "encoder": {"stem": 2, "widths": [32, 64], "blocks": 0}, "inter": {"kind": '
    '"convolutional", "code": 32, "width": 64, "normalise": true, "blocks": 1}, "decoder": {"upsampler": '
    '"pixel_shuffle", "widths": [48, 32], "blocks": 1, "head": 2}}}'
)


def test_the_preset_of_an_earlier_version_means_what_it_meant() -> None:
    assert preset_from_json(U64_BEFORE, "a snapshot").model == load_preset("u64").model


@pytest.mark.parametrize("size", [*range(64, 1025, 64), 2048])
def test_sizes_go_up_in_steps_of_64(size: int) -> None:
    assert load_preset("u256", [f"model.size={size}"]).model.size == size


def test_a_size_at_which_nothing_is_left_to_normalise_is_refused() -> None:
    with pytest.raises(SettingsError, match="size 64 leaves the inter one pixel"):
        load_preset("u512", ["model.size=64"])


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_survives_being_kept_as_json(name: str) -> None:
    preset = load_preset(name)
    assert preset_from_json(preset.to_json(), "a snapshot") == preset


@pytest.mark.parametrize(
    ("values", "widths"),
    [
        (
            {"levels": 8, "widest": 512, "narrowest": 16, "slope": 0.5, "kind": "cap_max"},
            "512 512 512 256 128 64 32 16",
        ),
        ({"levels": 7, "widest": 1536, "narrowest": 24, "slope": 0.5, "kind": "cap_max"}, "1536 768 384 192 96 48 24"),
        ({"levels": 6, "widest": 512, "narrowest": 64, "slope": 0.5, "kind": "cap_min"}, "512 256 128 64 64 64"),
        ({"levels": 4, "widest": 640, "narrowest": 160}, "640 400 256 160"),
        ({"levels": 3, "widest": 504, "narrowest": 128}, "504 248 128"),
        ({"levels": 3, "widest": 256, "narrowest": 64}, "256 128 64"),
        ({"levels": 1, "widest": 64, "narrowest": 64}, "64"),
    ],
)
def test_a_curve_gives_the_published_widths(values: dict[str, Any], widths: str) -> None:
    assert WidthCurveSettings(**values).widths() == tuple(map(int, widths.split()))


@pytest.mark.parametrize(
    ("name", "overrides", "reason"),
    [
        ("u1024", ["model.size=576"], "make it a multiple of 128"),
        ("u64", ["model.size=65"], "multiple of 32"),
        ("u64", ["model.size=4096"], "less than or equal to 2048"),
        ("u64", ["model.decoder.head=4"], "the encoder shrinks 8 times but the decoder grows 16 times"),
        ("u64", ["model.encoder.kind=timm"], "needs encoder.backbone"),
        ("u64", ["model.encoder.stem=3", "model.encoder.stem_kind=haar"], "needs a stem of 2, 4 or 8"),
        ("u64", ["model.decoder.head_kind=haar", "model.decoder.head=1"], "needs a head of 2, 4 or 8"),
        ("u64", ["model.encoder.frozen=true"], "only an encoder of the kind timm"),
        ("u64", ["model.encoder.blocks_by_level=[1]"], "names 1 levels, but widths 2"),
        ("u64", ["model.decoder.output=sigmoid"], "needs decoder.output linear"),
        ("u64", ["model.decoder.shared=true"], "cannot tell two identities apart"),
        ("u64", ["model.decoder.outputs=3"], "need as many levels"),
        ("u64", ["model.decoder.pyramid=true"], "needs two outputs"),
        ("u64", ["model.decoder.matte_widths=[8]"], "set decoder.matte"),
        ("u64", ["model.decoder.matte=true", "model.decoder.matte_widths=[8, 8, 8, 8]"], "cannot grow 8 times"),
        ("u64", ["model.decoder.in_inter=2"], "leaves the decoder no level"),
        ("u64", ["model.inter.pool=max"], "has no pool"),
        ("u64", ["model.inter.side=4"], "not to size 64"),
        ("u64", ["model.inter.kind=dense", "model.inter.style={width: 8}"], "needs the code of the face"),
        ("u64", ["model.decoder.curve={levels: 2, widest: 16, narrowest: 32}"], "wider than widest"),
        ("dny1024", ["model.size=512"], "sees 1024 px, not 512"),
        ("dny1024", ["model.inter.side=4"], "one pixel, with as many channels as code"),
        ("sym384", ["model.inter.side=0"], "give inter.side"),
        ("sym384", ["model.encoder.input=0"], "give encoder.input"),
        ("dfaker", ["model.encoder.input=72"], "encoder.input 72 cannot be halved"),
        ("saehd", ["model.inter.side=8"], "not to size 224"),
    ],
)
def test_what_does_not_go_together_is_said_in_a_sentence(name: str, overrides: list[str], reason: str) -> None:
    with pytest.raises(SettingsError, match=reason) as caught:
        load_preset(name, overrides)
    assert "\n" not in str(caught.value)
    assert "field 'model" in str(caught.value)
