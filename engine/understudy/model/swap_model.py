"""The whole network: an encoder that both identities share, what stands between, and what paints each of the two."""

from __future__ import annotations

from typing import Literal, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from understudy.model.codes import centred_from_codes, codes_from_centred
from understudy.model.decoder import Decoder, PaintedScales
from understudy.model.encoder import build_encoder
from understudy.model.inter import FaceCode, build_inter
from understudy.model.scaling import scaled
from understudy.model.style import StyleBlock
from understudy.settings.network import ModelSettings

__all__ = ["Description", "Identity", "Painted", "PaintedScales", "SwapModel", "build_model"]

Identity = Literal["target", "source"]
"""Who is painted: the target identity (the face in the plate) or the source identity (the face put in)."""


class Description(NamedTuple):
    """What both identities are painted from.

    Attributes:
        features: What the last part hands over that both identities share. Of the inter, (B, C, side, side), with the
            underpainting's blocks as the last channels; where identities have inters of their own, of the encoder, or
            its codes (B, C).
        underpainting: (B, 3, S, S) float32 centred codes: the crop, smoothed until only its light is left.
    """

    features: Tensor
    underpainting: Tensor

    def split(self, count: int) -> tuple[Description, Description]:
        """The first `count` faces of the batch, and the rest."""
        first = Description(self.features[:count], self.underpainting[:count])
        return first, Description(self.features[count:], self.underpainting[count:])


class Painted(NamedTuple):
    """A painted face.

    Attributes:
        codes: (B, 3, S, S) float32 RGB, unbounded, training space.
        matte: (B, 1, S, S) float32, 0..1: where the face is; None when the network predicts none.
    """

    codes: Tensor
    matte: Tensor | None


class SwapModel(nn.Module):
    """Sees a face of either identity and paints it as one of the two.

    A target identity's face, painted as the source identity, is the swap: both identities are described by one encoder,
    and what is each identity's own knows only one face to paint from a description. That is a decoder for each
    (children `target` and `source`), or an inter for each (`inter_target`, `inter_source`), or both; what is shared is
    called `encoder`, `encoder_code`, `inter`, `inter_style`, `decoder`.

    Args:
        settings: Sizes of all parts.

    Raises:
        SettingsError: The preset's backbone cannot be used.
    """

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.settings = settings
        if settings.kind == "identity":
            return
        inter = settings.inter
        self.encoder = build_encoder(settings)
        width = self.encoder.width_out
        side = int(getattr(self.encoder, "side_out", 0)) or _features_side(settings)
        if inter.code_in_encoder:
            self.encoder_code = FaceCode(inter, width, side)
        for name in _inter_names(settings):
            self.add_module(name, build_inter(settings, width, side))
        width = inter.inters * int(cast(int, self.get_submodule(_inter_names(settings)[0]).width_out))
        if inter.style is not None:
            self.inter_style = StyleBlock(inter.style, width, inter.code)
        width += 3 if settings.underpainting else 0
        for name in ("decoder",) if settings.decoder.shared else ("target", "source"):
            self.add_module(name, Decoder(settings.decoder, width, settings.checkpoint_levels))

    def forward(self, codes: Tensor, identity: Identity) -> Tensor:
        """The faces as `identity`.

        Args:
            codes: (B, 3, S, S) float32 RGB, unbounded, training space.
            identity: Who is painted.

        Returns:
            (B, 3, S, S) float32 RGB, unbounded, training space; of the kind `identity`, the input itself.
        """
        if self.settings.kind == "identity":
            return codes
        return self.paint(self.describe(codes), identity)

    def painted(self, codes: Tensor, identity: Identity) -> Painted:
        """The faces as `identity`, and where they are; arguments as of `forward`."""
        if self.settings.kind == "identity":
            return Painted(codes, None)
        scales, matte = self._painted(self.describe(codes), identity, every_scale=False, with_matte=True)
        return Painted(scales[-1], matte)

    def describe(self, codes: Tensor) -> Description:
        """What both identities are painted from, of codes (B, 3, S, S)."""
        centred = centred_from_codes(codes)
        features = self.encoder(centred)
        if self.settings.inter.code_in_encoder:
            features = self.encoder_code(features)
        underpainting = torch.zeros_like(centred)
        if self.settings.underpainting:
            blocks = functional.adaptive_avg_pool2d(centred, self.settings.underpainting)
            underpainting = functional.interpolate(blocks, codes.shape[2:], mode="bicubic", align_corners=False)
        if self.settings.inter.sharing == "shared":
            features = self._unfolded(features, underpainting, "source")
        return Description(features, underpainting)

    def paint(self, described: Description, identity: Identity) -> Tensor:
        """Codes (B, 3, S, S) float32 of what `describe` returned, as this identity."""
        return self._painted(described, identity, every_scale=False, with_matte=False).scales[-1]

    def paint_scales(self, described: Description, identity: Identity) -> list[Tensor]:
        """Codes (B, 3, s, s) float32 of all sizes that the decoder paints, coarse to fine; `paint` paints the last."""
        return list(self._painted(described, identity, every_scale=True, with_matte=False).scales)

    def paint_all(self, described: Description, identity: Identity) -> PaintedScales:
        """What `paint_scales` returns, and the matte, of one pass through the decoder: what training compares."""
        return self._painted(described, identity, every_scale=True, with_matte=True)

    def _painted(
        self, described: Description, identity: Identity, *, every_scale: bool, with_matte: bool
    ) -> PaintedScales:
        features, underpainting = described
        if self.settings.inter.sharing != "shared":
            features = self._unfolded(features, underpainting, identity)
        decoder = self.get_submodule("decoder" if self.settings.decoder.shared else identity)
        painted: PaintedScales = decoder(features, every_scale=every_scale, with_matte=with_matte)
        codes = [codes_from_centred(scale + scaled(underpainting, scale.shape[-1])) for scale in painted.scales]
        return PaintedScales(tuple(codes), painted.matte)

    def _unfolded(self, features: Tensor, underpainting: Tensor, identity: Identity) -> Tensor:
        """What the decoder paints from, of what the encoder hands over."""
        made = {name: self.get_submodule(name)(features) for name in dict.fromkeys(self._path(identity))}
        unfolded = torch.cat([made[name] for name in self._path(identity)], dim=1)
        if self.settings.inter.style is not None:
            unfolded = self.inter_style(unfolded, features)
        if not self.settings.underpainting:
            return unfolded
        light = functional.adaptive_avg_pool2d(underpainting, (unfolded.shape[2], unfolded.shape[3]))
        return torch.cat([unfolded, light.to(unfolded.dtype)], dim=1)

    def _path(self, identity: Identity) -> tuple[str, ...]:
        """The inters that this identity goes through, side by side."""
        inter, own = self.settings.inter, f"inter_{identity}"
        if inter.sharing == "shared":
            return ("inter",)
        if inter.sharing == "split":
            return (own,)
        return (own, "inter") if inter.sharing == "full" or identity == inter.own else ("inter", "inter")


def build_model(settings: ModelSettings) -> SwapModel:
    """A new network with random weights, on PyTorch's default device and drawn from its default generator.

    Raises:
        SettingsError: The preset's backbone cannot be used.
    """
    return SwapModel(settings)


def _inter_names(settings: ModelSettings) -> tuple[str, ...]:
    both = ("inter_target", "inter_source")
    sharing = settings.inter.sharing
    if sharing == "half":
        return ("inter", f"inter_{settings.inter.own}")
    return {"shared": ("inter",), "split": both, "full": ("inter", *both)}[sharing]


def _features_side(settings: ModelSettings) -> int:
    """Of what an encoder of our own hands over, in pixels."""
    return 1 if settings.encoder.kind == "dny" else settings.seen_side // settings.encoder.shrink
