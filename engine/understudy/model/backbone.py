"""Networks that others designed for other ends, as encoders: any backbone of the library timm.

The only importer of timm. A backbone is given what it was made for: display-like colours. Training-space codes are log
codes about a middle grey of 0.4 and have no bounds; they are taken through a logistic curve that is tangent to the sRGB
encoding at middle grey (0.46, and 0.15 for each stop) and goes softly towards 0 in the shadows and 1 in the highlights,
and then to mean and spread that the backbone was trained with. The curve never clips, so that gradients and highlights
come through.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from understudy.errors import SettingsError, UnknownNameError
from understudy.model.scaling import scaled
from understudy.settings.network import EncoderSettings

__all__ = ["Backbone", "display_from_centred"]

_GREY_LOGIT, _STEEPNESS = -0.154, 1.78
"""The logistic curve at centred code 0, and its slope there: sRGB shows 18 % grey as 0.461, and a stop, which is 0.336
in centred codes, as 0.149."""

_UNUSED = {"VGG": ("pre_logits",), "MobileNetV3": ("conv_head", "norm_head"), "ConvNeXt": ("head",)}
"""What classes of timm build for classifying although nobody asked for a class."""


class _Shape(NamedTuple):
    """What a backbone hands over: channels, side in pixels, and tokens that stand for no place."""

    width: int
    side: int
    tokens: int


class Backbone(nn.Module):
    """Features of a face: (B, 3, S, S) centred codes -> (B, width_out, side_out, side_out).

    Args:
        settings: Backbone, input and which features.

    Attributes:
        network: timm's module, with timm's names of weights.

    Raises:
        UnknownNameError: timm has no such backbone.
        SettingsError: It cannot see pictures of this size, or does not keep all of its numbers in its weights.
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, settings: EncoderSettings) -> None:
        super().__init__()
        self.settings = settings
        shape = _shape_of(settings.backbone, settings.input)
        if settings.features == "token" and not shape.tokens:
            raise SettingsError(
                f"Backbone '{settings.backbone}' has no class token. Set encoder.features to map.", field="features"
            )
        self.network = _built(settings.backbone, settings.input)
        if settings.frozen:
            self.network.requires_grad_(False).eval()
        self.tokens, self.width_out = shape.tokens, shape.width
        self.side_out = 1 if settings.features == "token" else shape.side
        config: Any = self.network.pretrained_cfg
        self.register_buffer("mean", torch.tensor(config["mean"]).view(1, 3, 1, 1))
        self.register_buffer("spread", torch.tensor(config["std"]).view(1, 3, 1, 1))

    def train(self, mode: bool = True) -> Backbone:
        """Training mode, but never of a frozen network: what it has measured of its batches stays as it was."""
        super().train(mode)
        if self.settings.frozen:
            self.network.eval()
        return self

    def forward(self, centred: Tensor) -> Tensor:
        """The features of every face of the batch."""
        seen = (display_from_centred(scaled(centred, self.settings.input)) - self.mean) / self.spread
        if self.settings.frozen:
            with torch.no_grad():
                features: Tensor = _features(self.network, seen)
        else:
            features = _features(self.network, seen)
        if features.dim() == 4:
            return features
        if self.settings.features == "token":
            return features[:, 0, :, None, None]
        places = features[:, self.tokens :].transpose(1, 2)
        return places.reshape(*places.shape[:2], self.side_out, self.side_out)

    def fitted(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Weights of the same backbone for another input: what a transformer knows of places, resampled to this one's.

        Args:
            weights: By timm's names; what need not be changed is returned as it is.
        """
        places, wanted = weights.get("pos_embed"), self.network.state_dict().get("pos_embed")
        if places is None or wanted is None or places.shape == wanted.shape or places.dim() != 3:
            return dict(weights)
        if places.shape[2] != wanted.shape[2] or math.isqrt(count := places.shape[1] - self.tokens) ** 2 != count:
            return dict(weights)
        from timm.layers import resample_abs_pos_embed

        side = math.isqrt(wanted.shape[1] - self.tokens)
        resampled = resample_abs_pos_embed(places, (side, side), num_prefix_tokens=self.tokens)
        return {**weights, "pos_embed": resampled}


def display_from_centred(centred: Tensor) -> Tensor:
    """Display-like colours, 0..1, of centred codes; any shape."""
    return torch.sigmoid(centred * _STEEPNESS + _GREY_LOGIT)


def _features(network: nn.Module, seen: Tensor) -> Tensor:
    """(B, C, h, w), or (B, tokens, C) of a transformer."""
    forward: Any = network.forward_features
    features: Tensor = forward(seen)
    if features.dim() == 4 and features.shape[1] != network.num_features == features.shape[3]:
        features = features.permute(0, 3, 1, 2)
    return features


@lru_cache(maxsize=64)
def _shape_of(name: str, side: int) -> _Shape:
    """Found by showing a network without numbers a picture without pixels."""
    from torch._subclasses.fake_tensor import unset_fake_temporarily

    with unset_fake_temporarily(), torch.device("meta"), torch.no_grad():
        network = _built(name, side).eval()
        kept = network.state_dict().keys()
        lost = [key for key, _ in network.named_buffers() if key not in kept]
        if lost:
            raise SettingsError(
                f"Backbone '{name}' keeps '{lost[0]}' outside its weights, where no snapshot would find it. Choose "
                "another.",
                field="backbone",
            )
        try:
            features = _features(network, torch.empty(1, 3, side, side))
        except (RuntimeError, AssertionError, ValueError) as error:
            raise SettingsError(
                f"Backbone '{name}' cannot see pictures of {side} px: {str(error).splitlines()[0]} "
                "Change encoder.input.",
                field="input",
            ) from error
    if features.dim() == 4:
        return _Shape(features.shape[1], features.shape[2], 0)
    tokens = int(getattr(network, "num_prefix_tokens", 0))
    return _Shape(features.shape[2], math.isqrt(features.shape[1] - tokens), tokens)


def _built(name: str, side: int) -> nn.Module:
    """A network with random weights and without a classifier."""
    try:
        import timm
    except ImportError as error:
        raise SettingsError(
            f"Backbone '{name}' is one of timm, which is not installed. Run: pip install timm", field="backbone"
        ) from error
    if not timm.is_model(name):
        raise UnknownNameError("backbone", name, timm.list_models(), where="timm")
    asked: dict[str, Any] = {"img_size": side} if name.startswith("vit_") else {"global_pool": ""}
    try:
        network: nn.Module = timm.create_model(name, num_classes=0, **asked)
    except (AssertionError, RuntimeError, TypeError, ValueError) as error:
        raise SettingsError(
            f"Backbone '{name}' cannot be built without its classifier"
            f"{': ' + str(error).splitlines()[0] if str(error) else ''}. Choose another.",
            field="backbone",
        ) from error
    if not hasattr(network, "forward_features"):
        raise SettingsError(f"Backbone '{name}' does not hand out features. Choose another.", field="backbone")
    for part in _UNUSED.get(type(network).__name__, ()):
        if hasattr(network, part):
            setattr(network, part, nn.Identity())
    return network
