"""Settings of a swap model: what its parts are and how large."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from understudy.settings.validation import Settings

__all__ = ["DecoderSettings", "EncoderSettings", "InterSettings", "ModelSettings"]

Width = Annotated[int, Field(ge=4, le=4096)]


class EncoderSettings(Settings):
    """The part that sees a face crop; one for both identities."""

    stem: Annotated[int, Field(ge=1, le=8)] = 2
    """Side of the pixel blocks that are folded into channels before the first convolution; 1 folds nothing."""

    widths: tuple[Width, ...] = (32, 64, 128, 128)
    """Channels of each level; every level halves the side."""

    blocks: Annotated[int, Field(ge=0, le=8)] = 0
    """Residual blocks of each level."""


class InterSettings(Settings):
    """The part between encoder and decoders; one for both identities."""

    kind: Literal["dense", "convolutional"] = "dense"
    """Dense forgets where in the picture a thing was; convolutional keeps it."""

    code: Width = 256
    """Numbers (dense) or channels (convolutional) that a face is pressed into."""

    width: Width = 128
    """Channels that the inter hands to the decoders."""

    normalise: bool = False
    """Take mean and spread of each channel out of every face's code (convolutional only).

    What is left says where things are, much less whose they are or how they are lit. Wants an underpainting, which
    brings the light back.
    """

    blocks: Annotated[int, Field(ge=0, le=8)] = 1
    """Residual blocks after the code."""


class DecoderSettings(Settings):
    """The part that paints a face; one for each identity."""

    upsampler: Literal["pixel_shuffle", "bilinear"] = "pixel_shuffle"
    """How a level doubles the side."""

    widths: tuple[Width, ...] = (128, 96, 48, 24)
    """Channels of each level, lowest resolution first; every level doubles the side."""

    blocks: Annotated[int, Field(ge=0, le=8)] = 1
    """Residual blocks of each level."""

    head: Annotated[int, Field(ge=1, le=8)] = 2
    """Side of the pixel blocks that the last convolution paints at once; 1 paints single pixels."""


class ModelSettings(Settings):
    """The network."""

    kind: Literal["autoencoder", "identity"] = "autoencoder"
    """`autoencoder` learns a swap; `identity` returns its input, for checking plates, colour and compositing."""

    size: Annotated[int, Field(ge=64, le=2048, multiple_of=32)] = 256
    """Side of the crop that goes in and comes out, in pixels."""

    underpainting: Annotated[int, Field(ge=0, le=64)] = 0
    """Side, in blocks, of the coarse picture of the crop that faces are painted over: it carries the plate's light; 0
    paints on a blank."""

    encoder: EncoderSettings = EncoderSettings()
    """Sees."""

    inter: InterSettings = InterSettings()
    """Understands."""

    decoder: DecoderSettings = DecoderSettings()
    """Paints."""

    @model_validator(mode="after")
    def _levels_must_meet(self) -> ModelSettings:
        if self.kind == "identity":
            return self
        shrink = self.encoder.stem * 2 ** len(self.encoder.widths)
        grow = self.decoder.head * 2 ** len(self.decoder.widths)
        if shrink != grow:
            raise ValueError(f"the encoder shrinks {shrink} times but the decoder grows {grow} times")
        if self.size % shrink:
            raise ValueError(
                f"size {self.size} cannot be halved down to a whole number: make it a multiple of {shrink}"
            )
        return self
