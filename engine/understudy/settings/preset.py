"""Presets: named, complete settings of a swap model and of its training, one YAML file each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from understudy.errors import SettingsError, UnknownNameError
from understudy.settings.validation import Settings, apply_overrides, read_yaml, validated

__all__ = [
    "DecoderSettings",
    "EncoderSettings",
    "InterSettings",
    "ModelSettings",
    "Preset",
    "TrainingSettings",
    "load_preset",
    "preset_from_json",
    "preset_names",
]

Width = Annotated[int, Field(ge=4, le=4096)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]


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


class TrainingSettings(Settings):
    """How the network learns."""

    batch: Annotated[int, Field(ge=1, le=256)] = 8
    """Faces of each identity in one iteration."""

    iterations: Annotated[int, Field(ge=1, le=100_000_000)] = 100_000
    """Where training ends when the command line says neither --iterations nor --minutes."""

    learning_rate: Annotated[float, Field(gt=0.0, le=0.1)] = 2e-4
    """Of AdamW, after the warm-up."""

    warm_up: Annotated[int, Field(ge=0, le=100_000)] = 100
    """Iterations in which the learning rate climbs from 0."""

    cool_down: Share = 0.5
    """Last share of a run in which the learning rate falls to 0."""

    weight_decay: Annotated[float, Field(ge=0.0, le=1.0)] = 0.01
    """Of AdamW."""

    gradient_limit: Annotated[float, Field(gt=0.0, le=1000.0)] = 1.0
    """Gradients longer than this are shortened to it."""

    average: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.999
    """How much of the averaged weights, which the snapshot holds, stays at each iteration."""

    warp: Share = 0.05
    """Standard deviation of the random warp's grid points, as a share of the crop's side."""

    turn_degrees: Annotated[float, Field(ge=0.0, le=45.0)] = 8.0
    """Largest random turn."""

    zoom: Share = 0.06
    """Largest random zoom, in and out."""

    shift: Share = 0.04
    """Largest random shift, as a share of the crop's side."""

    flip: bool = False
    """Mirror half of the crops; faces are not symmetric, so only for small facesets."""

    exposure_stops: Annotated[float, Field(ge=0.0, le=4.0)] = 0.3
    """Largest random change of exposure."""

    tint_stops: Annotated[float, Field(ge=0.0, le=2.0)] = 0.05
    """Standard deviation of a random gain of each colour channel."""

    falloff_stops: Annotated[float, Field(ge=0.0, le=2.0)] = 0.2
    """Standard deviation of a random light that falls off smoothly over the face."""

    ssim_weight: Annotated[float, Field(ge=0.0, le=100.0)] = 1.0
    """Weight of 1 - SSIM in the loss."""

    l1_weight: Annotated[float, Field(ge=0.0, le=100.0)] = 1.0
    """Weight of the mean absolute error in the loss."""

    outside_weight: Share = 0.1
    """Weight of the pixels outside the face matte; inside it is 1."""

    save_minutes: Annotated[float, Field(gt=0.0, le=1440.0)] = 5.0
    """How often a checkpoint, a snapshot and a preview sheet are written."""

    keep: Annotated[int, Field(ge=1, le=1000)] = 3
    """How many checkpoints and snapshots stay on disk."""

    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 1
    """Start of all random draws."""


class Preset(Settings):
    """One file of `presets/`."""

    name: str
    """What `--preset` is given."""

    description: str
    """What it is for, in one line."""

    margin: Annotated[float, Field(ge=0.0, le=1.0)] = 0.125
    """What stored face crops show beyond the model's square on each side, as a share of its side."""

    model: ModelSettings = ModelSettings()
    """The network."""

    training: TrainingSettings = TrainingSettings()
    """How it learns."""

    def to_json(self) -> str:
        """Canonical JSON text, as snapshots and logs hold it."""
        return json.dumps({"schema": "preset-1", **self.model_dump(mode="json")}, sort_keys=True)

    def with_overrides(self, overrides: Sequence[str]) -> Preset:
        """This preset with `field=value` changes.

        Raises:
            SettingsError: An override is wrong; the message names field and reason.
        """
        if not overrides:
            return self
        return validated(Preset, apply_overrides(self.model_dump(mode="json"), overrides), f"--set on {self.name}")


def preset_names() -> list[str]:
    """Names of the presets that come with Understudy."""
    folder = resources.files("understudy") / "presets"
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def load_preset(name: str, overrides: Sequence[str] = ()) -> Preset:
    """A preset by name, or from a YAML file by path, with `field=value` overrides.

    Raises:
        UnknownNameError: No preset has this name.
        SettingsError: The file or an override is wrong; the message names field and reason.
    """
    if name in preset_names():
        path = Path(str(resources.files("understudy") / "presets" / f"{name}.yaml"))
    elif Path(name).suffix in (".yaml", ".yml"):
        path = Path(name)
    else:
        raise UnknownNameError("preset", name, preset_names())
    values = read_yaml(path)
    _take_schema(values, str(path))
    where = f"--set on preset {name}" if overrides else str(path)
    return validated(Preset, apply_overrides(values, overrides), where)


def preset_from_json(text: str, where: str) -> Preset:
    """The preset that `Preset.to_json` wrote.

    Raises:
        SettingsError: Written by a version that this one does not know, or damaged.
    """
    try:
        values: Any = json.loads(text)
    except ValueError as cause:
        raise SettingsError(f"{where}: its preset is not JSON.") from cause
    if not isinstance(values, dict):
        raise SettingsError(f"{where}: its preset is not a mapping.")
    _take_schema(values, where)
    return validated(Preset, values, where)


def _take_schema(values: dict[str, Any], where: str) -> None:
    schema = values.pop("schema", None)
    if schema != "preset-1":
        raise SettingsError(f"{where}: field 'schema': this version reads preset-1, not {schema!r}.", field="schema")
