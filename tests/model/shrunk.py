"""Presets made small: the same parts in the same order, with few channels, for tests that train them."""

from __future__ import annotations

from typing import Any

from understudy.settings.network import ModelSettings
from understudy.settings.preset import load_preset

SMALL_BACKBONES = {
    "tf_efficientnetv2_s": "tf_efficientnetv2_b0",
    "efficientnet_b4": "efficientnet_b0",
    "vit_base_patch16_clip_quickgelu_224.openai": "vit_xsmall_patch16_clip_224",
}


def shrunk(name: str, width: int = 8) -> ModelSettings:
    """The network of a preset with `width` channels everywhere; where its shape allows, at a smaller size."""
    values: dict[str, Any] = load_preset(name).model.model_dump(mode="json")
    encoder, inter, decoder = values["encoder"], values["inter"], values["decoder"]
    if encoder["kind"] == "timm":
        encoder |= {"backbone": SMALL_BACKBONES[encoder["backbone"]], "weights": "none", "input": 64}
    if encoder["kind"] == "dny":
        values["size"], encoder["widths"] = 64, encoder["widths"][:5]
        decoder["curve"]["levels"] = 4
    if encoder["kind"] == "strided" and not inter["side"]:
        values["size"] = max(64, 2 * encoder["stem"] << len(encoder["widths"]))
    encoder["widths"] = [width] * len(encoder["widths"])
    inter |= {key: width for key in ("code", "width", "entry") if inter[key]}
    inter["levels"] = [width] * len(inter["levels"])
    if inter["style"]:
        inter["style"]["width"] = width
    if decoder["curve"]:
        decoder["curve"] |= {"widest": width, "narrowest": width}
    decoder["widths"] = [width] * len(decoder["widths"])
    decoder["matte_widths"] = [width] * len(decoder["matte_widths"])
    return ModelSettings.model_validate_json(ModelSettings.model_validate(values, strict=False).model_dump_json())
