"""The training loop. It reads from top to bottom: what it needs, then what happens in one iteration."""

from __future__ import annotations

import copy
import json
import logging
import math
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from understudy.durable import append_line, write_text
from understudy.errors import SettingsError, TrainingError
from understudy.geometry import crop_side
from understudy.model.device import chosen_device
from understudy.model.pretrained import begin_backbone
from understudy.model.snapshot import write_snapshot
from understudy.model.swap_model import build_model
from understudy.progress import OnProgress, Progress, ignore_progress
from understudy.settings.preset import Preset
from understudy.sheet import write_png
from understudy.training.batches import Batch, FaceCodes, make_batch
from understudy.training.checkpoint import begin_from, keep_newest, resume, save_checkpoint, saved_path
from understudy.training.losses import FaceLoss
from understudy.training.preview import PictureFromCodes, preview_sheet
from understudy.training.schedule import average_weights, learning_rate

__all__ = ["CHECKPOINTS", "LOG_NAME", "PRESET_NAME", "PREVIEW_NAME", "SNAPSHOTS", "TrainingResult", "train"]

CHECKPOINTS = "checkpoints"
SNAPSHOTS = "snapshots"
PREVIEW_NAME = "preview.png"
PRESET_NAME = "preset.json"
LOG_NAME = "log.jsonl"
"""What a model folder holds."""

_REPORT_SECONDS = 2.0
_RECENT = 50
_TARGET, _SOURCE = 0, 1
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingResult:
    """Where a run has ended.

    Attributes:
        iteration: How many iterations the model has seen, in all runs.
        loss: Mean of both identities over the last iterations; None when there was nothing left to train.
        snapshot: What to swap with.
        preview: Sheet of fixed faces; None when there was nothing to learn.
        completed: False when it was stopped from outside.
        ended_because: Why, in words for the artist.
    """

    iteration: int
    loss: float | None
    snapshot: Path
    preview: Path | None
    completed: bool
    ended_because: str


def train(
    model_folder: Path,
    preset: Preset,
    target: FaceCodes,
    source: FaceCodes,
    facts: Mapping[str, Any],
    *,
    iterations: int | None = None,
    minutes: float | None = None,
    device: str = "auto",
    init_from: tuple[Path, ...] = (),
    picture_from_codes: PictureFromCodes,
    on_progress: OnProgress = ignore_progress,
) -> TrainingResult:
    """Trains a model, or goes on where its newest checkpoint stands.

    Args:
        model_folder: Where checkpoints, snapshots, the preview, the preset and the log are kept.
        preset: Network and training. An existing model goes on with its own network only; changed training settings
            are taken.
        target: Faces of the target identity, the one in the plate.
        source: Faces of the source identity, the one that is put in.
        facts: Plain values that every snapshot keeps; `iteration` is added.
        iterations: Where the model's count shall end, over all runs. Without it and `minutes`, the preset's.
        minutes: How long this run shall train; time in which `on_progress` holds it up does not count. With both, what
            comes first ends it.
        device: "auto", or a device of PyTorch such as "cpu" or "cuda:1".
        init_from: Snapshots to begin from; not used when there is a checkpoint to resume.
        picture_from_codes: How codes look on a screen, for the preview.
        on_progress: Told after every iteration; when it answers False, everything is saved and training returns.

    Raises:
        SettingsError: The faces do not suit the preset, or the model in the folder is of another network.
        ModelFileError: No checkpoint can be read, or a snapshot to begin from cannot be used.
        TrainingError: The loss is no longer a number, or the device's memory is full.
        WriteError: The folder cannot be written.
    """
    # What was asked, checked before anything is written
    settings = preset.training
    _expect_suitable(preset, target, source)
    end = settings.iterations if iterations is None and minutes is None else iterations
    place = chosen_device(device)

    # The model, its average, the optimiser
    torch.manual_seed(settings.seed)
    model = build_model(preset.model).to(place)
    if place.type == "cuda":
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = copy.deepcopy(model).requires_grad_(False)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=0.0, betas=(0.9, 0.99), weight_decay=settings.weight_decay, fused=True
    )
    loss_of = FaceLoss(settings.ssim_weight, settings.l1_weight, settings.outside_weight)
    half = place.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)

    # Where it stands: a checkpoint, other snapshots, or nothing
    resumed = resume(model_folder / CHECKPOINTS, model, average, optimizer, preset)
    iteration = saved = resumed.iteration if resumed else 0
    if not resumed and (begun_with := begin_backbone(model)):
        _log.info("The encoder's backbone begins with %s.", begun_with)
        average.load_state_dict(model.state_dict())
    if resumed:
        _log.info("Resumes at iteration %d from %s.", iteration, resumed.path)
    elif init_from:
        begin_from(model, init_from)
        average.load_state_dict(model.state_dict())
    _keep_preset(model_folder, preset)
    _log.info("Trains %s on %s, %d target and %d source faces.", preset.name, place, len(target), len(source))

    def batches(number: int) -> tuple[Batch, Batch]:
        size = preset.model.size
        return (
            make_batch(target, size, settings, (number, _TARGET), place),
            make_batch(source, size, settings, (number, _SOURCE), place),
        )

    def save() -> None:
        nonlocal saved
        save_checkpoint(model_folder / CHECKPOINTS, iteration, model, average, optimizer, preset)
        write_snapshot(
            saved_path(model_folder / SNAPSHOTS, iteration), average, preset, {**facts, "iteration": iteration}
        )
        write_png(model_folder / PREVIEW_NAME, preview_sheet(average, target, source, picture_from_codes))
        for folder in (CHECKPOINTS, SNAPSHOTS):
            keep_newest(model_folder / folder, settings.keep)
        saved = iteration

    recent: deque[tuple[float, float]] = deque(maxlen=_RECENT)
    started, held_up = time.monotonic(), 0.0
    last_save, last_report = started, -math.inf
    wanted_batches = batches(iteration)
    with torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=True):
        while True:
            # How much of the run is over
            elapsed = time.monotonic() - started - held_up
            share = max(iteration / end if end else 0.0, elapsed / (60.0 * minutes) if minutes else 0.0)
            if share >= 1.0:
                completed, because = True, _reason(iteration, end, minutes)
                break

            # Both identities are seen at once; each is painted by its own decoder
            try:
                for_target, for_source = wanted_batches
                seen = torch.cat([for_target.seen, for_source.seen])
                with torch.autocast(place.type, dtype=torch.bfloat16, enabled=half):
                    described_target, described_source = model.describe(seen).split(settings.batch)
                    painted_target = model.paint(described_target, "target")
                    painted_source = model.paint(described_source, "source")
                loss_target = loss_of(painted_target, for_target.wanted, for_target.matte)
                loss_source = loss_of(painted_source, for_source.wanted, for_source.matte)

                # Gradients; the next batch is gathered while the device works on them
                optimizer.zero_grad(set_to_none=True)
                (loss_target + loss_source).backward()  # type: ignore[no-untyped-call]
                length = torch.nn.utils.clip_grad_norm_(model.parameters(), settings.gradient_limit)
                wanted_batches = batches(iteration + 1)
                numbers = torch.stack([loss_target.detach(), loss_source.detach(), length.detach()]).tolist()
            except torch.OutOfMemoryError as error:
                raise TrainingError(_memory_is_full(preset, place, saved), iteration=iteration) from error

            # Stop before a number that is none reaches the weights
            if not all(math.isfinite(number) for number in numbers):
                raise TrainingError(_no_number(iteration, saved), iteration=iteration, saved=saved)

            # The step
            rate = learning_rate(settings, iteration, share)
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
            average_weights(average, model, settings, iteration)
            iteration += 1
            recent.append((numbers[0], numbers[1]))

            # Report
            now = time.monotonic()
            elapsed = now - started - held_up
            mean_target, mean_source = (sum(values) / len(recent) for values in zip(*recent, strict=True))
            loss = (mean_target + mean_source) / 2.0
            if now - last_report >= _REPORT_SECONDS:
                last_report = now
                line = {"iteration": iteration, "loss": loss, "loss_target": mean_target, "loss_source": mean_source}
                timing = {"gradient": numbers[2], "learning_rate": rate, "seconds": round(elapsed, 3)}
                append_line(model_folder / LOG_NAME, json.dumps(line | timing))
            done, total = (float(iteration), float(end)) if end else (elapsed / 60.0, float(minutes or 0.0))
            message = f"iteration {iteration}, loss {loss:.4f}"
            asked = time.monotonic()
            goes_on = on_progress(Progress("training", min(done, total), total, message))
            held_up += time.monotonic() - asked
            if not goes_on:
                completed, because = False, f"stopped at iteration {iteration}; it can be resumed"
                break

            # Save now and then
            if now - last_save >= 60.0 * settings.save_minutes:
                save()
                last_save = time.monotonic()

    # The end: what was learned since the last save is kept
    snapshot = saved_path(model_folder / SNAPSHOTS, iteration)
    if iteration > saved or not snapshot.is_file() or not (model_folder / PREVIEW_NAME).is_file():
        save()
    _log.info("Training ended: %s.", because)
    final_loss = sum(map(sum, recent)) / (2.0 * len(recent)) if recent else None
    return TrainingResult(iteration, final_loss, snapshot, model_folder / PREVIEW_NAME, completed, because)


def _expect_suitable(preset: Preset, target: FaceCodes, source: FaceCodes) -> None:
    if preset.model.kind == "identity":
        raise SettingsError(f"Preset '{preset.name}' returns its input and learns nothing. Choose another to train.")
    side = crop_side(preset.model.size, preset.margin)
    for identity, faces in (("target", target), ("source", source)):
        if len(faces) == 0:
            raise SettingsError(f"The {identity} identity has no faces to learn from. Extract a shot of it first.")
        if faces.codes.shape[1] != side:
            raise SettingsError(
                f"The {identity} identity's crops are {faces.codes.shape[1]} px, but preset '{preset.name}' needs "
                f"{side} px with margin. Extract again with this preset."
            )


def _keep_preset(model_folder: Path, preset: Preset) -> None:
    """Writes preset.json; what differs from the one of an earlier run is logged."""
    path = model_folder / PRESET_NAME
    try:
        before = json.loads(path.read_text(encoding="utf-8"))["training"]
    except (OSError, ValueError, KeyError, TypeError):
        before = {}
    for field, value in preset.training.model_dump(mode="json").items():
        if field in before and before[field] != value:
            _log.info("Training setting %s is now %s; it was %s.", field, value, before[field])
    write_text(path, preset.to_json() + "\n")


def _reason(iteration: int, end: int | None, minutes: float | None) -> str:
    if end is not None and iteration >= end:
        return f"reached iteration {iteration}"
    return f"{minutes:g} minutes are over, at iteration {iteration}"


def _no_number(iteration: int, saved: int) -> str:
    kept = f"what was saved at iteration {saved} is safe" if saved else "nothing had been saved yet"
    return (
        f"The loss was no number at iteration {iteration}, so training stopped before the weights changed; {kept}. "
        "Train again with a lower training.learning_rate, and look for broken crops in the facesets."
    )


def _memory_is_full(preset: Preset, place: torch.device, saved: int) -> str:
    kept = f" What was saved at iteration {saved} is safe." if saved else ""
    return (
        f"Preset '{preset.name}' with training.batch={preset.training.batch} does not fit into the memory of {place}. "
        f"Halve training.batch or choose a smaller preset.{kept}"
    )
