"""What a preset can choose: each choice does what its setting says."""

from __future__ import annotations

from typing import Any, get_args

import pytest
import torch
from torch import Tensor

from understudy.model.decoder import Decoder
from understudy.model.norms import build_norm
from understudy.model.swap_model import Identity, SwapModel, build_model
from understudy.settings.network import (
    DecoderSettings,
    EncoderSettings,
    InterSettings,
    ModelSettings,
    Norm,
    StyleSettings,
    UpsamplerKind,
)

IDENTITIES: tuple[Identity, ...] = get_args(Identity)


def build(
    encoder: dict[str, Any] | None = None,
    inter: dict[str, Any] | None = None,
    decoder: dict[str, Any] | None = None,
    **model: Any,
) -> SwapModel:
    """A 64 px network of 8 channels, with these choices."""
    torch.manual_seed(3)
    return build_model(
        ModelSettings(
            **{"size": 64, **model},
            encoder=EncoderSettings(**{"stem": 2, "widths": (8, 8), **(encoder or {})}),
            inter=InterSettings(**{"code": 8, "width": 8, "blocks": 0, **(inter or {})}),
            decoder=DecoderSettings(**{"widths": (8, 8), "blocks": 0, "head": 2, **(decoder or {})}),
        )
    )


def faces(count: int = 1) -> Tensor:
    return torch.rand(count, 3, 64, 64, generator=torch.Generator().manual_seed(8))


def reached(model: SwapModel, identity: Identity) -> set[str]:
    """Children that learn when this identity is painted."""
    model.zero_grad()
    model(faces(2), identity).sum().backward()
    return {name.split(".")[0] for name, weight in model.named_parameters() if weight.grad is not None}


@pytest.mark.parametrize("kind", get_args(UpsamplerKind))
def test_every_upsampler_doubles_and_learns(kind: str) -> None:
    model = build(decoder={"upsampler": kind})
    assert model(faces(), "source").shape == (1, 3, 64, 64)
    model(faces(), "source").sum().backward()
    assert all(weight.grad is not None for weight in model.get_submodule("source").parameters())


@pytest.mark.parametrize("kind", ["pixel_shuffle", "nearest", "bilinear", "fast", "hybrid", "dny"])
def test_new_upsamplers_paint_an_even_picture_without_a_checkerboard(kind: str) -> None:
    decoder = build(decoder={"upsampler": kind}).get_submodule("source")
    with torch.no_grad():
        level = decoder.get_submodule("levels.0")(torch.ones(1, 8, 16, 16))[..., 8:-8, 8:-8]
    assert float((level - level.mean(dim=(2, 3), keepdim=True)).abs().max()) < 1e-5


@pytest.mark.parametrize("kind", get_args(Norm))
def test_every_norm_leaves_features_of_one_size(kind: Norm) -> None:
    features = torch.randn(2, 16, 8, 8) * 5.0 + 3.0
    norm = build_norm(kind, 16)
    with torch.no_grad():
        made = features if norm is None else norm(features)
    assert made.shape == features.shape
    if kind != "none":
        assert float(made.square().mean()) == pytest.approx(1.0, abs=0.02)
    if kind not in ("none", "rms"):
        assert float(made.mean()) == pytest.approx(0.0, abs=0.02)
    assert build(decoder={"norm": kind})(faces(2), "source").dtype == torch.float32


@pytest.mark.parametrize(
    ("sharing", "shared_decoder", "of_target", "of_source"),
    [
        ("shared", False, {"inter", "target"}, {"inter", "source"}),
        ("split", True, {"inter_target", "decoder"}, {"inter_source", "decoder"}),
        ("split", False, {"inter_target", "target"}, {"inter_source", "source"}),
        ("half", True, {"inter_target", "inter", "decoder"}, {"inter", "decoder"}),
        ("full", True, {"inter_target", "inter", "decoder"}, {"inter_source", "inter", "decoder"}),
    ],
)
@pytest.mark.parametrize("kind", ["dense", "convolutional"])
def test_identities_share_what_the_preset_says(
    kind: str, sharing: str, shared_decoder: bool, of_target: set[str], of_source: set[str]
) -> None:
    model = build(inter={"kind": kind, "sharing": sharing}, decoder={"shared": shared_decoder}, underpainting=4)
    assert reached(model, "target") == {"encoder"} | of_target
    assert reached(model, "source") == {"encoder"} | of_source
    assert not torch.equal(model(faces(), "target"), model(faces(), "source"))


def test_half_shared_inters_may_be_the_source_identitys() -> None:
    model = build(inter={"sharing": "half", "own": "source"}, decoder={"shared": True})
    assert reached(model, "target") == {"encoder", "inter", "decoder"}
    assert reached(model, "source") == {"encoder", "inter", "inter_source", "decoder"}


def test_a_code_in_the_encoder_is_shared_by_split_inters() -> None:
    model = build(inter={"sharing": "split", "code_in_encoder": True}, decoder={"shared": True})
    assert model.describe(faces(2)).features.shape == (2, 8)
    assert "encoder_code" in reached(model, "target") & reached(model, "source")
    assert not any(name.startswith("inter_target.press") for name in model.state_dict())


@pytest.mark.parametrize(("pool", "code", "numbers"), [("none", 8, 8 * 64), ("average", 8, 8), ("max", 0, 8)])
def test_a_code_is_pressed_out_of_what_the_pool_leaves(pool: str, code: int, numbers: int) -> None:
    inter = build(inter={"pool": pool, "code": code, "hidden": (16,), "side": 8}).get_submodule("inter")
    assert inter.get_submodule("press" if code else "hidden.0").weight.shape[1] == numbers
    assert inter.get_submodule("unfold").weight.shape[1] == 16


def test_levels_of_the_decoder_in_the_inter_are_shared() -> None:
    inter = {"side": 2, "stretch": 2, "entry": 16, "levels": (12,), "upsampler": "bilinear"}
    model = build(inter=inter, decoder={"widths": (16, 8), "in_inter": 1})
    assert len(model.get_submodule("inter.enlarge")) == 3  # type: ignore[arg-type]
    assert len(model.get_submodule("source.levels")) == 1  # type: ignore[arg-type]
    assert model(faces(), "source").shape == (1, 3, 64, 64)


def test_an_encoder_may_see_a_smaller_picture_than_is_painted() -> None:
    model = build(encoder={"input": 32}, inter={"side": 8})
    enlarged = torch.nn.functional.interpolate(torch.rand(1, 3, 32, 32), scale_factor=2)
    finer = enlarged.clone()
    finer[..., ::2, ::2] += 0.1
    finer[..., 1::2, ::2] -= 0.1
    torch.testing.assert_close(model(finer, "source"), model(enlarged, "source"))


def test_wavelets_at_stem_and_head_paint_pictures() -> None:
    model = build(encoder={"stem_kind": "haar"}, decoder={"head_kind": "haar"})
    assert model(faces(), "source").shape == (1, 3, 64, 64)
    with torch.no_grad():
        model.get_submodule("source.head").weight.zero_()
        model.get_submodule("source.head").bias[:3] = torch.tensor([0.5, 1.0, -2.0])  # the blurred picture
        model.get_submodule("source.head").bias[3:] = 0.0
    even = torch.tensor([0.5, 0.6, 0.0]).view(1, 3, 1, 1).expand(1, 3, 64, 64)
    torch.testing.assert_close(model(faces(), "source"), even)


def test_several_sizes_are_painted_coarse_to_fine_and_the_last_is_the_picture() -> None:
    model = build(decoder={"outputs": 2}, underpainting=4)
    described = model.describe(faces())
    scales = model.paint_scales(described, "source")
    assert [scale.shape[-1] for scale in scales] == [32, 64]
    assert torch.equal(scales[-1], model.paint(described, "source"))
    sum(scale.mean() for scale in scales).backward()  # type: ignore[union-attr]
    assert all(weight.grad is not None for weight in model.get_submodule("source").parameters())


def test_a_pyramid_adds_detail_to_the_enlarged_coarser_picture() -> None:
    model = build(decoder={"outputs": 2, "pyramid": True})
    with torch.no_grad():
        for weight in model.get_submodule("source.head").parameters():
            weight.zero_()
        coarse, fine = model.paint_scales(model.describe(faces()), "source")
        enlarged = torch.nn.functional.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
        torch.testing.assert_close(fine, enlarged)
        torch.testing.assert_close(model(faces(), "source"), enlarged)


@pytest.mark.parametrize("widths", [(), (8, 8, 8), (8, 8)])
def test_a_matte_is_as_large_as_the_face_and_between_0_and_1(widths: tuple[int, ...]) -> None:
    model = build(decoder={"matte": True, "matte_widths": widths})
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        codes, matte = model.painted(faces() * 40.0, "source")
    assert matte is not None
    assert matte.shape == (1, 1, 64, 64)
    assert (codes.dtype, matte.dtype) == (torch.float32, torch.float32)
    assert 0.0 <= float(matte.min()) < float(matte.max()) <= 1.0
    everything = model.paint_all(model.describe(faces()), "source")
    assert everything.matte is not None
    assert torch.equal(everything.matte, model.painted(faces(), "source").matte)  # type: ignore[arg-type]


def test_what_predicts_no_matte_says_so() -> None:
    assert build().painted(faces(), "source").matte is None
    assert build_model(ModelSettings(kind="identity")).painted(faces(), "source").matte is None


def test_a_sigmoid_paints_no_further_than_its_headroom() -> None:
    model = build(decoder={"output": "sigmoid", "headroom": 0.2})
    with torch.no_grad():
        for bias, bound in ((1000.0, 1.2), (-1000.0, -0.2)):
            model.get_submodule("source.head").bias.fill_(bias)
            torch.testing.assert_close(model(faces(), "source"), torch.full((1, 3, 64, 64), bound))


def test_a_style_depends_on_the_code_and_noise_on_training() -> None:
    style = StyleSettings(depth=2, width=8)
    model = build(inter={"sharing": "split", "code_in_encoder": True, "style": style}, decoder={"shared": True})
    assert "inter_style" in reached(model, "source")
    torch.manual_seed(1)
    assert not torch.equal(model(faces(), "source"), model(faces(), "source"))
    model.eval()
    assert torch.equal(model(faces(), "source"), model(faces(), "source"))
    features = torch.rand(1, 8, 8, 8)
    restyle = model.get_submodule("inter_style")
    assert not torch.allclose(restyle(features, torch.ones(1, 8)), restyle(features, torch.zeros(1, 8)))


def test_noise_of_levels_is_drawn_while_training_only() -> None:
    model = build(decoder={"noise": 1.0})
    assert not torch.equal(model(faces(), "source"), model(faces(), "source"))
    model.eval()
    assert torch.equal(model(faces(), "source"), model(faces(), "source"))


def kept_bytes(model: SwapModel) -> tuple[int, list[Tensor]]:
    """What a forward pass keeps for the backward pass, and the gradients of it."""
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    model.zero_grad()
    torch.manual_seed(9)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        painted = model.paint_all(model.describe(faces(2)), "source")
    weights = {weight.untyped_storage().data_ptr() for weight in model.parameters()}
    assert painted.matte is not None
    (painted.scales[-1].square().mean() + painted.matte.mean()).backward()
    return (
        sum(size for place, size in kept.items() if place not in weights),
        [weight.grad for weight in model.parameters() if weight.grad is not None],
    )


@pytest.mark.parametrize("matte_widths", [(), (8, 8)])
def test_levels_that_are_computed_twice_keep_less_and_learn_the_same(matte_widths: tuple[int, ...]) -> None:
    decoder = {"blocks": 2, "noise": 0.5, "matte": True, "matte_widths": matte_widths}
    plain, gradients = kept_bytes(build(decoder=decoder))
    less, same = kept_bytes(build(decoder=decoder, checkpoint_levels=1))
    least, also = kept_bytes(build(decoder=decoder, checkpoint_levels=12))
    assert least < less < 0.8 * plain
    for one, two, three in zip(gradients, same, also, strict=True):
        assert torch.equal(one, two)
        assert torch.equal(one, three)


@pytest.mark.parametrize(
    "decoder",
    [
        {"output": "sigmoid"},
        {"head_kind": "haar"},
        {"outputs": 2, "pyramid": True},
        {"norm": "layer", "block_kind": "after", "blocks": 1, "head_kernel": 1},
    ],
)
def test_whatever_is_painted_is_exact_under_autocast(decoder: dict[str, Any]) -> None:
    model = build(decoder=decoder)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        for scale in model.paint_scales(model.describe(faces()), "source"):
            assert scale.dtype == torch.float32
            assert not torch.equal(scale, scale.to(torch.bfloat16).float())


def test_a_decoder_without_heads_for_training_paints_the_same() -> None:
    one, two = build(), build(decoder={"outputs": 2})
    two.load_state_dict(one.state_dict(), strict=False)
    assert isinstance(two.get_submodule("source"), Decoder)
    assert torch.equal(one(faces(), "source"), two(faces(), "source"))
