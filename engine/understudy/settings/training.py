"""Settings of training: how a swap model learns."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from understudy.settings.validation import Settings

__all__ = ["TrainingSettings"]

Share = Annotated[float, Field(ge=0.0, le=1.0)]


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

    precision: Literal["auto", "bf16", "fp32"] = "auto"
    """Numbers inside the network: bf16 where the device computes with them, or always, or fp32. What is painted and the
    losses are fp32 in any case."""

    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 1
    """Start of all random draws."""
