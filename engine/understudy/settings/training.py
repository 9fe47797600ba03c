"""Settings of training: how a swap model learns, and in which phases."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from understudy.settings.validation import Settings

__all__ = ["FrozenSettings", "LossSettings", "PhaseSettings", "ThawSettings", "TrainingSettings"]

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Weight = Annotated[float, Field(ge=0.0, le=100.0)]
Count = Annotated[int, Field(ge=1, le=100_000_000)]
Batch = Annotated[int, Field(ge=1, le=256)]

_OLD_LOSSES = {"ssim_weight": "ssim", "l1_weight": "l1"}
"""Fields that stood in presets and snapshots for what is now a loss by name."""


class LossSettings(Settings):
    """What each loss weighs; a loss that is not named weighs nothing.

    Differences between pixels are counted in tenths of the code range, so that all losses are of one order.
    """

    ssim: Weight = 0.0
    """1 - structural similarity."""

    ms_ssim: Weight = 0.0
    """1 - structural similarity over up to five scales."""

    l1: Weight = 0.0
    """Mean absolute difference."""

    l2: Weight = 0.0
    """Mean squared difference."""

    log_cosh: Weight = 0.0
    """Squared where it is small, absolute where it is large, without a kink."""

    charbonnier: Weight = 0.0
    """Absolute, but round at zero."""

    gradient: Weight = 0.0
    """Absolute difference of the steps from pixel to pixel: fine detail, whatever its level."""

    focal_frequency: Weight = 0.0
    """Difference of the spectra, most where it is largest."""

    coarse: Weight = 0.0
    """The losses above again, for each coarser picture of a network that paints several sizes."""

    matte: Weight = 0.0
    """Mean absolute difference of the predicted matte, for networks that predict one."""

    matte_entropy: Weight = 0.0
    """Cross-entropy of the predicted matte: firmer edges than `matte`."""

    @model_validator(mode="after")
    def _something_must_be_learned(self) -> LossSettings:
        apart = ("coarse", "matte", "matte_entropy")
        if not any(weight for name, weight in self.model_dump().items() if name not in apart):
            raise ValueError("no loss compares the painted face: give one of them a weight, for instance l1: 1.0")
        return self


class ThawSettings(Settings):
    """When a frozen part begins to learn; with neither field, when its phase ends. What comes first counts."""

    at_iteration: Count | None = None
    """Iteration, over all runs, from which it learns."""

    caught_up_percent: Annotated[float, Field(ge=0.0, le=1000.0)] | None = None
    """It learns once the new identity's loss is at most so much above the other's, over the last 50 iterations."""

    new_identity: Literal["target", "source"] = "source"
    """Whose loss must catch up."""


class FrozenSettings(Settings):
    """Parts that do not learn in a phase; `{}` freezes one for the whole of it."""

    encoder: ThawSettings | None = None
    """The part that sees."""

    inter: ThawSettings | None = None
    """The part, or parts, between encoder and decoders."""

    target: ThawSettings | None = None
    """The target identity's decoder."""

    source: ThawSettings | None = None
    """The source identity's decoder."""

    decoder: ThawSettings | None = None
    """The decoder, of networks with one for both identities."""


class PhaseSettings(Settings):
    """One stretch of a run. What it does not name stays as `training` says."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
    """What logs and progress call it: small letters, digits, - and _."""

    until_iteration: Count | None = None
    """Iteration, over all runs, at which the next phase begins."""

    until_share: Annotated[float, Field(gt=0.0, lt=1.0)] | None = None
    """Share of the run, by iterations or by the clock, at which the next phase begins."""

    batch: Batch | None = None
    """Faces of each identity in one iteration."""

    rate: Annotated[float, Field(gt=0.0, le=10.0)] = 1.0
    """What the learning rate is multiplied by."""

    warp: Share | None = None
    """Standard deviation of the random warp, as a share of the crop's side."""

    size: Annotated[int, Field(ge=16, le=2048)] | None = None
    """Side, in pixels, of the crops that are trained on, for convolutional networks; the model's when left out."""

    losses: LossSettings | None = None
    """What each loss weighs."""

    frozen: FrozenSettings = FrozenSettings()
    """Parts that do not learn."""

    @model_validator(mode="after")
    def _has_one_end(self) -> PhaseSettings:
        if self.until_iteration is not None and self.until_share is not None:
            raise ValueError(f"phase '{self.name}' names two ends: keep until_iteration or until_share")
        return self


class TrainingSettings(Settings):
    """How the network learns."""

    batch: Batch = 8
    """Faces of each identity in one iteration."""

    iterations: Count = 100_000
    """Where training ends when the command line says neither --iterations nor --minutes."""

    phases: tuple[PhaseSettings, ...] = ()
    """Stretches of the run with settings of their own, in order; without any, all of it is one phase."""

    learning_rate: Annotated[float, Field(gt=0.0, le=0.1)] = 2e-4
    """Of AdamW, after the warm-up."""

    encoder_rate: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    """What the encoder's learning rate is multiplied by."""

    warm_up: Annotated[int, Field(ge=0, le=100_000)] = 100
    """Iterations in which the learning rate climbs from 0."""

    cool_down: Share = 0.5
    """Last share of a run in which the learning rate falls to 0; 0 keeps it constant, 1 lets it fall all the time."""

    fall: Literal["linear", "cosine"] = "linear"
    """How the learning rate falls."""

    weight_decay: Annotated[float, Field(ge=0.0, le=1.0)] = 0.01
    """Of AdamW."""

    clipping: Literal["norm", "auto", "none"] = "norm"
    """Shorten gradients that are longer than `gradient_limit`, or than most of those before them, or never."""

    gradient_limit: Annotated[float, Field(gt=0.0, le=1000.0)] = 1.0
    """Gradients longer than this are shortened to it; with `auto`, only the first one."""

    clip_percentile: Annotated[float, Field(gt=0.0, le=100.0)] = 10.0
    """With clipping `auto`: percentile of the last 1000 gradients' lengths to which a longer one is shortened."""

    average: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.999
    """How much of the averaged weights, which the snapshot holds, stays at each iteration."""

    on_non_finite: Literal["stop", "roll_back"] = "stop"
    """What to do when loss or gradient is no number: stop, or go on from the last save with other faces."""

    roll_backs: Annotated[int, Field(ge=1, le=100)] = 3
    """How often one run may roll back before it stops."""

    balance: Literal["none", "yaw", "pose"] = "none"
    """Draw every face as often, or every yaw, or every yaw and pitch, so that rare poses come as often as others."""

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

    losses: LossSettings = LossSettings(ssim=1.0, l1=1.0)
    """What each loss weighs."""

    outside_weight: Share = 0.1
    """Weight of the pixels outside the face matte; inside it is 1."""

    eyes_weight: Weight = 0.0
    """What is added to the weight of the pixels of both eyes: 3 makes them count four times."""

    mouth_weight: Weight = 0.0
    """What is added to the weight of the pixels of the mouth."""

    highlights_weight: Weight = 0.0
    """What is added to the weight of the face's highlights: from one stop above its middle on, in full from two on;
    together at most half of what the face weighs without."""

    save_minutes: Annotated[float, Field(gt=0.0, le=1440.0)] = 5.0
    """How often a checkpoint, a snapshot and a preview sheet are written."""

    keep: Annotated[int, Field(ge=1, le=1000)] = 3
    """How many checkpoints and snapshots stay on disk."""

    native_preview: bool = True
    """Write the preview at the model's own size as well, as a scene-linear EXR."""

    timelapse: bool = False
    """Keep every preview sheet, as an image sequence."""

    tensorboard: bool = False
    """Write events for TensorBoard."""

    precision: Literal["auto", "bf16", "fp32"] = "auto"
    """Numbers inside the network: bf16 where the device computes with them, or always, or fp32. What is painted and the
    losses are fp32 in any case."""

    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 1
    """Start of all random draws."""

    @model_validator(mode="before")
    @classmethod
    def _reads_early_presets(cls, values: Any) -> Any:
        """Presets, snapshots and checkpoints from before `losses` hold two weights as fields of their own."""
        if not isinstance(values, dict) or not _OLD_LOSSES.keys() & values.keys():
            return values
        kept = {field: value for field, value in values.items() if field not in _OLD_LOSSES}
        losses = kept.get("losses", cls.model_fields["losses"].default)
        losses = losses.model_dump() if isinstance(losses, LossSettings) else dict(losses)
        named = {loss: values[field] for field, loss in _OLD_LOSSES.items() if field in values}
        return {**kept, "losses": {**losses, **named}}

    @model_validator(mode="after")
    def _phases_must_follow_each_other(self) -> TrainingSettings:
        names = [phase.name for phase in self.phases]
        if len(set(names)) < len(names):
            raise ValueError("two phases have the same name")
        for number, phase in enumerate(self.phases, start=1):
            has_end = phase.until_iteration is not None or phase.until_share is not None
            if has_end == (number == len(self.phases)):
                wrong = "is the last and lasts to the end of the run: leave its end out"
                missing = "needs an end: give it until_iteration or until_share"
                raise ValueError(f"phase '{phase.name}' {wrong if has_end else missing}")
        for ends in (
            [phase.until_iteration for phase in self.phases if phase.until_iteration is not None],
            [phase.until_share for phase in self.phases if phase.until_share is not None],
        ):
            if any(second <= first for first, second in pairwise(ends)):
                raise ValueError("phases must end one after another: their ends do not rise")
        return self
