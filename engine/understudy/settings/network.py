"""Settings of a swap model: what its parts are and how large."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from understudy.settings.validation import Settings
from understudy.settings.width_curve import WidthCurveSettings

__all__ = [
    "BlockKind",
    "DecoderSettings",
    "EncoderSettings",
    "InterSettings",
    "ModelSettings",
    "Norm",
    "StyleSettings",
    "UpsamplerKind",
]

Width = Annotated[int, Field(ge=4, le=5120)]
Blocks = Annotated[int, Field(ge=0, le=8)]
Slope = Annotated[float, Field(ge=0.0, lt=1.0)]
KernelSide = Literal[1, 3, 5, 7, 9]

BlockKind = Literal["before", "after"]
"""Whether a residual block's path that skips stays free of rectifiers (`before`) or is rectified at its end
(`after`)."""

UpsamplerKind = Literal["pixel_shuffle", "bilinear", "nearest", "dny", "hybrid", "fast", "resize"]

Norm = Literal["none", "group", "instance", "layer", "rms", "batch"]


def _expect_haar_side(kind: str, side: int, field: str) -> None:
    if kind == "haar" and side not in (2, 4, 8):
        raise ValueError(f"{field}_kind haar needs a {field} of 2, 4 or 8, not {side}")


class EncoderSettings(Settings):
    """The part that sees a face crop; one for both identities."""

    kind: Literal["strided", "dny", "timm"] = "strided"
    """`strided` halves by convolutions with stride 2; `dny` by pooling after two convolutions, down to one pixel;
    `timm` is a backbone of that library."""

    input: Annotated[int, Field(ge=0, le=2048)] = 0
    """Side that crops are shrunk or enlarged to for the encoder, in pixels; 0 shows them as they are."""

    stem: Annotated[int, Field(ge=1, le=8)] = 2
    """Side of the pixel blocks that are folded into channels before the first convolution; 1 folds nothing."""

    stem_kind: Literal["unshuffle", "haar"] = "unshuffle"
    """What the folded channels are: the pixels themselves, or their Haar wavelets (stem 2, 4 or 8)."""

    widths: tuple[Width, ...] = (32, 64, 128, 128)
    """Channels of each level; every level halves the side."""

    kernel: KernelSide = 3
    """Side of the convolutions that halve, in pixels (strided only)."""

    blocks: Blocks = 0
    """Residual blocks of each level (strided only)."""

    blocks_by_level: tuple[Blocks, ...] = ()
    """Residual blocks of each level, where they differ; instead of `blocks`."""

    block_kind: BlockKind = "before"
    """Where residual blocks are rectified."""

    slope: Slope = 0.1
    """Of the leaky rectifiers below zero."""

    backbone: str = ""
    """Name of the backbone in timm, such as `convnext_tiny` (timm only)."""

    features: Literal["map", "token"] = "map"
    """What a backbone hands over: its last picture of features, or a vision transformer's class token (timm only)."""

    weights: str = "none"
    """What a backbone begins from: `none`, `pretrained` (fetched once), or the path of a .safetensors file (timm
    only)."""

    frozen: bool = False
    """Leave the backbone as it began (timm only)."""

    def level_blocks(self) -> tuple[int, ...]:
        """Residual blocks of each level."""
        return self.blocks_by_level or (self.blocks,) * len(self.widths)

    @property
    def shrink(self) -> int:
        """How many times smaller the features are than what is seen, for encoders of the kind `strided`."""
        return self.stem << len(self.widths)

    @property
    def dny_input(self) -> int:
        """Side that an encoder of the kind `dny` must see: its last level takes 4 pixels to one."""
        return self.stem * 2 << len(self.widths)

    @model_validator(mode="after")
    def _of_one_kind(self) -> EncoderSettings:
        if (self.kind == "timm") != bool(self.backbone):
            raise ValueError("an encoder of the kind timm needs encoder.backbone, and no other kind has one")
        if self.kind != "timm" and (self.weights != "none" or self.frozen or self.features != "map"):
            raise ValueError("only an encoder of the kind timm has weights, frozen and features")
        if self.blocks_by_level and len(self.blocks_by_level) != len(self.widths):
            raise ValueError(f"blocks_by_level names {len(self.blocks_by_level)} levels, but widths {len(self.widths)}")
        if self.kind != "timm" and not self.widths:
            raise ValueError("widths names no level: give one channel count for each")
        _expect_haar_side(self.stem_kind, self.stem, "stem")
        return self


class StyleSettings(Settings):
    """A block that restyles what the inters hand over by the face's code, with adaptive instance normalisation."""

    depth: Annotated[int, Field(ge=1, le=16)] = 6
    """Dense layers from code to style."""

    width: Width = 512
    """Numbers of a style."""

    noise: Annotated[float, Field(ge=0.0, le=4.0)] = 1.0
    """Standard deviation of the noise that is mixed in while training."""


class InterSettings(Settings):
    """The part between encoder and decoders."""

    kind: Literal["dense", "convolutional"] = "dense"
    """Dense forgets where in the picture a thing was; convolutional keeps it."""

    sharing: Literal["shared", "split", "half", "full"] = "shared"
    """Whose inters there are: one for both identities; one for each; one for both and one of its own for `own`, where
    the other goes through the shared one twice; or one for both and one for each. Where there are two, their channels
    add up."""

    own: Literal["target", "source"] = "target"
    """Whose inter stands beside the shared one when sharing is `half`."""

    pool: Literal["none", "average", "max"] = "none"
    """What the encoder's picture is reduced to one pixel by, before a dense code."""

    code: Annotated[int, Field(ge=0, le=5120)] = 256
    """Numbers (dense) or channels (convolutional) that a face is pressed into; 0 takes what was pooled (dense only)."""

    code_in_encoder: bool = False
    """Count the layer that presses as part of the encoder: all inters then share it, and it is frozen and taken over
    with the encoder (dense only)."""

    code_norm: Literal["length", "none", "layer", "rms"] = "length"
    """What is done to a dense code: scaled to one length, left alone, or normalised with weights."""

    hidden: tuple[Width, ...] = ()
    """Numbers of dense layers between code and picture."""

    unfold: bool = True
    """Make a picture of the code by a dense layer; otherwise the code itself is a picture of one pixel (dense only)."""

    side: Annotated[int, Field(ge=0, le=128)] = 0
    """Of the inter's picture, in pixels; 0 takes the encoder's."""

    width: Width = 128
    """Channels of the inter's picture."""

    normalise: bool = False
    """Take mean and spread of each channel out of every face's code (convolutional only).

    What is left says where things are, much less whose they are or how they are lit. Wants an underpainting, which
    brings the light back.
    """

    stretch: Annotated[int, Field(ge=1, le=16)] = 1
    """How many times the picture is enlarged, bilinearly, without weights."""

    blocks: Blocks = 1
    """Residual blocks after the code."""

    entry: Annotated[int, Field(ge=0, le=5120)] = 0
    """Channels of a 4x4 and a 3x3 convolution before the levels; 0 has none."""

    upsampler: UpsamplerKind = "pixel_shuffle"
    """How a level doubles the side."""

    levels: tuple[Width, ...] = ()
    """Channels of levels that enlarge the picture; every level doubles the side."""

    slope: Slope = 0.1
    """Of the leaky rectifiers below zero."""

    style: StyleSettings | None = None
    """Restyles what the inters hand over; none by default."""

    @model_validator(mode="after")
    def _of_one_kind(self) -> InterSettings:
        if self.kind == "convolutional" and (self.code_in_encoder or not self.unfold or self.pool != "none"):
            raise ValueError("a convolutional inter has no pool, code_in_encoder or unfold: leave them out")
        if self.kind == "convolutional" and (self.code == 0 or self.hidden):
            raise ValueError("a convolutional inter needs a code, and has no hidden layers")
        if not self.unfold and (self.side > 1 or self.hidden or self.width != self.code):
            raise ValueError("without unfold the picture is the code: one pixel, with as many channels as code")
        if self.style is not None and not (self.code_in_encoder and self.code):
            raise ValueError("a style needs the code of the face: set inter.code_in_encoder to true")
        if self.code_in_encoder and not self.code:
            raise ValueError("a code of 0 has no layer that could be in the encoder")
        return self

    @property
    def enlarges(self) -> int:
        """How many times larger the picture is that decoders are given, without what they let the inter do."""
        return self.stretch * (1 << len(self.levels))

    @property
    def inters(self) -> int:
        """How many inters a face goes through, side by side."""
        return 1 if self.sharing in ("shared", "split") else 2


class DecoderSettings(Settings):
    """The part that paints a face; one for each identity."""

    shared: bool = False
    """Paint both identities with one decoder; the inters must then tell them apart."""

    upsampler: UpsamplerKind = "pixel_shuffle"
    """How a level doubles the side."""

    widths: tuple[Width, ...] = (128, 96, 48, 24)
    """Channels of each level, lowest resolution first; every level doubles the side."""

    curve: WidthCurveSettings | None = None
    """Widths by a rule, instead of `widths`."""

    in_inter: Annotated[int, Field(ge=0, le=6)] = 0
    """How many of the first levels are in the inter, and so shared."""

    blocks: Blocks = 1
    """Residual blocks of each level."""

    block_kind: BlockKind = "before"
    """Where residual blocks are rectified."""

    skip_last_block: bool = False
    """Have no residual blocks in the last level; nor in the last of those in the inter."""

    norm: Norm = "none"
    """What normalises each level. All but `none` take a part of the face's exposure away."""

    noise: Annotated[float, Field(ge=0.0, le=4.0)] = 0.0
    """Standard deviation of the noise that each level adds while training."""

    slope: Slope = 0.1
    """Of the leaky rectifiers below zero."""

    head: Annotated[int, Field(ge=1, le=8)] = 2
    """Side of the pixel blocks that the last convolution paints at once; 1 paints single pixels."""

    head_kind: Literal["shuffle", "haar"] = "shuffle"
    """What the last convolution paints: the pixels of a block, or their Haar wavelets (head 2, 4 or 8)."""

    head_kernel: KernelSide = 3
    """Side of the last convolution, in pixels."""

    output: Literal["linear", "sigmoid"] = "linear"
    """`linear` has no bounds; `sigmoid` keeps codes between -headroom and 1 + headroom."""

    headroom: Annotated[float, Field(ge=0.0, le=1.0)] = 0.1
    """What a sigmoid can paint beyond the codes 0 and 1."""

    outputs: Annotated[int, Field(ge=1, le=6)] = 1
    """How many sizes are painted while training, each half as large as the next."""

    pyramid: bool = False
    """Add each painted size to the enlarged one before it, instead of painting it whole."""

    matte: bool = False
    """Predict where the face is, too."""

    matte_widths: tuple[Width, ...] = ()
    """Channels of levels of the matte's own; without any, the matte is read off the face's last level."""

    def level_widths(self) -> tuple[int, ...]:
        """Channels of each level, also of those in the inter."""
        return self.curve.widths() if self.curve is not None else self.widths

    def inter_widths(self) -> tuple[int, ...]:
        """Channels of the levels that are in the inter."""
        return self.level_widths()[: self.in_inter]

    def own_widths(self) -> tuple[int, ...]:
        """Channels of the levels that are in the decoder."""
        return self.level_widths()[self.in_inter :]

    @property
    def grow(self) -> int:
        """How many times larger the painted face is than what the inter hands over."""
        return self.head * (1 << len(self.own_widths()))

    @property
    def matte_head(self) -> int:
        """Side of the pixel blocks that the matte's last convolution paints at once."""
        return self.grow // (1 << len(self.matte_widths)) if self.matte_widths else self.head

    @model_validator(mode="after")
    def _levels_suffice(self) -> DecoderSettings:
        levels = len(self.own_widths())
        if levels < 1:
            raise ValueError(f"in_inter {self.in_inter} leaves the decoder no level of its own")
        if self.outputs > levels:
            raise ValueError(f"{self.outputs} outputs need as many levels, but the decoder has {levels}")
        if self.pyramid and (self.outputs == 1 or self.output == "sigmoid"):
            raise ValueError("a pyramid needs two outputs or more, and output linear")
        if self.matte_widths and not self.matte:
            raise ValueError("matte_widths stands there, but no matte: set decoder.matte to true")
        if self.matte_widths and not 1 <= self.grow / 2 ** len(self.matte_widths) <= 8:
            raise ValueError(f"{len(self.matte_widths)} matte_widths cannot grow {self.grow} times, as the face does")
        _expect_haar_side(self.head_kind, self.head, "head")
        return self


class ModelSettings(Settings):
    """The network."""

    kind: Literal["autoencoder", "identity"] = "autoencoder"
    """`autoencoder` learns a swap; `identity` returns its input, for checking plates, colour and compositing."""

    size: Annotated[int, Field(ge=64, le=2048, multiple_of=32)] = 256
    """Side of the crop that goes in and comes out, in pixels."""

    underpainting: Annotated[int, Field(ge=0, le=64)] = 0
    """Side, in blocks, of the coarse picture of the crop that faces are painted over: it carries the plate's light; 0
    paints on a blank."""

    checkpoint_levels: Annotated[int, Field(ge=0, le=12)] = 0
    """How many of the levels with the largest pictures, in encoder and decoders, are computed twice while training
    instead of kept in memory."""

    encoder: EncoderSettings = EncoderSettings()
    """Sees."""

    inter: InterSettings = InterSettings()
    """Understands."""

    decoder: DecoderSettings = DecoderSettings()
    """Paints."""

    @property
    def seen_side(self) -> int:
        """Side of what the encoder is shown, in pixels."""
        return self.encoder.input or self.size

    @property
    def code_side(self) -> int:
        """Side of the inter's picture before anything enlarges it, in pixels."""
        if self.inter.side or not self.inter.unfold:
            return self.inter.side or 1
        return 1 if self.encoder.kind == "dny" else self.seen_side // self.encoder.shrink

    @model_validator(mode="after")
    def _parts_must_meet(self) -> ModelSettings:
        if self.kind == "identity":
            return self
        encoder, inter, decoder = self.encoder, self.inter, self.decoder
        if self.underpainting and decoder.output == "sigmoid":
            raise ValueError("an underpainting is added to what is painted, which needs decoder.output linear")
        if decoder.shared and inter.sharing == "shared":
            raise ValueError("one inter and one decoder cannot tell two identities apart: set inter.sharing to split")
        if encoder.kind == "timm" and inter.unfold and not inter.side:
            raise ValueError("a timm encoder does not say how large its features are: give inter.side")
        if encoder.kind == "timm" and not encoder.input:
            raise ValueError("give encoder.input, the side that the backbone of timm shall see")
        if encoder.kind == "timm" and encoder.input > self.size * 4:
            raise ValueError(f"encoder.input {encoder.input} would enlarge a crop of {self.size} px more than 4 times")
        if encoder.kind == "dny" and self.seen_side != encoder.dny_input:
            raise ValueError(
                f"a dny encoder of {len(encoder.widths)} levels sees {encoder.dny_input} px, not {self.seen_side}: "
                "give it one level for each doubling"
            )
        self._expect_sides()
        return self

    def _expect_sides(self) -> None:
        """The inter's picture, enlarged by inter and decoder, must have the side of the crop."""
        encoder, inter, decoder = self.encoder, self.inter, self.decoder
        grow = inter.enlarges * (1 << decoder.in_inter) * decoder.grow
        if encoder.kind == "strided":
            shrink, side = encoder.shrink, self.seen_side
            if not inter.side and inter.unfold and side == self.size and shrink != grow:
                raise ValueError(f"the encoder shrinks {shrink} times but the decoder grows {grow} times")
            if side % shrink:
                field = "encoder.input" if encoder.input else "size"
                raise ValueError(
                    f"{field} {side} cannot be halved down to a whole number: make it a multiple of {shrink}"
                )
        if self.code_side * grow != self.size:
            raise ValueError(
                f"the inter's {self.code_side} px grow {grow} times to {self.code_side * grow} px, not to size "
                f"{self.size}: change inter.side, or the number of levels"
            )
        if self.code_side == 1 and inter.kind == "convolutional" and inter.normalise:
            raise ValueError(
                f"size {self.size} leaves the inter one pixel, which cannot be normalised: take twice the size, or a "
                "network with fewer levels"
            )
