"""The training loop. It reads from top to bottom: what it needs, then what happens in one iteration."""

from __future__ import annotations

import contextlib
import copy
import hashlib
import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from understudy.durable import write_text
from understudy.errors import SettingsError, TrainingError
from understudy.geometry import crop_side
from understudy.model.device import chosen_device, computes_in_half
from understudy.model.parts import share_decoder
from understudy.model.pretrained import begin_backbone
from understudy.model.snapshot import write_snapshot
from understudy.model.swap_model import SwapModel, build_model
from understudy.progress import OnProgress, Progress, ignore_progress
from understudy.settings.preset import Preset, preset_from_json
from understudy.training.batches import Batch, FaceCodes, make_batch
from understudy.training.checkpoint import keep_newest, resume, save_checkpoint, saved_path
from understudy.training.losses import FaceLoss
from understudy.training.optimiser import build_optimizer, gradient_limit, set_rate
from understudy.training.painting import painting_of
from understudy.training.phases import Phase, expect_trainable, freeze, phase_at, phases_of, thawed
from understudy.training.preview import Look, show_faces
from understudy.training.ranks import ALONE, Ranks
from understudy.training.report import RunClock, progress_line, report_line
from understudy.training.schedule import average_weights, learning_rate
from understudy.training.standing import Standing
from understudy.training.transfer import Transfer
from understudy.training.validation import HeldOut, judged, keep_best, measured_losses
from understudy.training.watching import LOG_NAME, PREVIEW_NAME, Watch

__all__ = ["CHECKPOINTS", "LOG_NAME", "PRESET_NAME", "PREVIEW_NAME", "SNAPSHOTS", "TrainingResult", "train"]

CHECKPOINTS = "checkpoints"
SNAPSHOTS = "snapshots"
PRESET_NAME = "preset.json"
"""What a model folder holds."""

_REPORT_SECONDS = 2.0
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
    transfer: Transfer | None = None,
    one_decoder: bool = False,
    held_out: HeldOut | None = None,
    ranks: Ranks = ALONE,
    look: Look,
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
        transfer: What a new model takes over from others; not used when there is a checkpoint to resume.
        one_decoder: Paint both identities with one decoder, for pretraining on many.
        held_out: Faces that are not learned from: at every save their loss is logged, and the best snapshot chosen by
            it. Without any, it is chosen by the recent training loss of its phase.
        ranks: Which of how many processes this is, that train together; they can speak with each other already.
        look: How codes are looked at, for the preview.
        on_progress: Told after every iteration; when it answers False, everything is saved and training returns.

    Raises:
        SettingsError: The faces do not suit the preset, or the model in the folder is of another network.
        ModelFileError: No checkpoint can be read.
        TrainingError: The loss is no longer a number, or the device's memory is full.
        WriteError: The folder cannot be written.
    """
    # What was asked, checked before anything is written
    settings = preset.training
    _expect_suitable(preset, target, source, held_out)
    phases = phases_of(preset)
    end = settings.iterations if iterations is None and minutes is None else iterations
    place = chosen_device(ranks.device(device))

    # The model, its average, the optimiser
    torch.manual_seed(settings.seed)
    model = build_model(preset.model).to(place)
    if one_decoder:
        share_decoder(model)
    if place.type == "cuda":
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = copy.deepcopy(model).requires_grad_(False).eval()
    optimizer = build_optimizer(model, settings)
    half = computes_in_half(place, settings.precision)

    # Where it stands: a checkpoint, other snapshots, or nothing
    resumed = resume(model_folder / CHECKPOINTS, model, average, optimizer, preset)
    standing = resumed.standing if resumed else Standing()
    saved = standing.iteration
    if resumed:
        _log.info("Resumes at iteration %d from %s.", saved, resumed.path)
    else:
        _begin_from(model, transfer)
        average.load_state_dict(model.state_dict())
    ranks.begin_alike(model, average)
    if ranks.is_first:
        _keep_preset(model_folder, preset)
    _log.info("Trains %s on %s, %d target and %d source faces.", preset.name, place, len(target), len(source))

    def batches(at: Standing, of: Phase) -> tuple[Batch, Batch]:
        size, key, rows = preset.model.size, (at.roll_backs,) if at.roll_backs else (), ranks.share(of.settings.batch)
        return (
            make_batch(target, size, of.settings, (at.iteration, _TARGET, *key), place, side=of.side, rows=rows),
            make_batch(source, size, of.settings, (at.iteration, _SOURCE, *key), place, side=of.side, rows=rows),
        )

    def save() -> None:
        nonlocal saved
        saved = standing.iteration
        if not ranks.is_first:
            return
        facts_now = {**facts, "iteration": standing.iteration}
        save_checkpoint(model_folder / CHECKPOINTS, standing, model, average, optimizer, preset)
        write_snapshot(saved_path(model_folder / SNAPSHOTS, standing.iteration), average, preset, facts_now)
        watch.show(standing.iteration, show_faces(average, target, source, look))
        if standing.recent:
            measured = measured_losses(average, held_out, preset)
            keep_best(model_folder / SNAPSHOTS, judged(measured, standing, preset), average, preset, facts_now)
            if done_now:
                watch.report(report_line(standing, phase, clock, rate, **measured))
        for folder in (CHECKPOINTS, SNAPSHOTS):
            keep_newest(model_folder / folder, settings.keep)

    done_now, rolled_back, rate = 0, 0, 0.0
    clock = RunClock(end, minutes, marks=((0.0, standing.iteration, 0),))
    phase = phase_at(phases, standing, clock.share(standing.iteration))
    applied: tuple[str, frozenset[str]] | None = None
    drawn, wanted_batches = _draw(standing, phase), batches(standing, phase)
    started, held_up = time.monotonic(), 0.0
    last_save, last_report = started, -math.inf
    watch = Watch(model_folder, settings, look.attributes, saved)
    full = _told_when_full(lambda: _memory_is_full(preset, phase, place, saved))
    with full, contextlib.closing(watch), torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=True):
        while True:
            # How much of the run is over
            (elapsed,) = ranks.decided([time.monotonic() - started - held_up], place)
            clock = replace(clock, elapsed=elapsed)
            share = clock.share(standing.iteration)
            if share >= 1.0:
                completed, because = True, _reason(standing.iteration, end, minutes)
                break

            # Which phase is on, and what is frozen in it
            phase = phase_at(phases, standing, share)
            standing = standing.in_phase(phase.name)
            standing = replace(standing, thawed=thawed(phase, standing))
            if applied != (phase.name, standing.thawed):
                applied = (phase.name, standing.thawed)
                frozen = freeze(model, phase, standing)
                _log.info("Phase %s from iteration %d: %s.", phase.name, standing.iteration, _described(phase, frozen))

            # Both identities are seen at once; each is painted by its own decoder
            if drawn != _draw(standing, phase):  # the clock has begun a phase, or it was rolled back
                wanted_batches = batches(standing, phase)
            for_target, for_source = wanted_batches
            optimizer.zero_grad(set_to_none=True)  # before there is anything else to hold
            torch.manual_seed(_noise_seed(settings.seed, standing))
            loss_target, loss_source = _losses(model, FaceLoss.of(phase.settings), for_target, for_source, half)

            # Gradients; the next batch is gathered while the device works on them
            (loss_target + loss_source).backward()  # type: ignore[no-untyped-call]
            own = len(for_target.seen) / phase.settings.batch
            ranks.average_gradients(model.parameters(), own)
            limit = gradient_limit(phase.settings, standing.lengths)
            length = torch.nn.utils.clip_grad_norm_(model.parameters(), limit)
            upcoming = replace(standing, iteration=standing.iteration + 1)
            then = phase_at(phases, upcoming, clock.share(upcoming.iteration))
            drawn, wanted_batches = _draw(upcoming, then), batches(upcoming, then)
            losses = ranks.mean(torch.stack([loss_target.detach(), loss_source.detach()]), own)
            numbers = torch.cat([losses, length.detach()[None]]).tolist()

            # A number that is none never reaches the weights: stop, or go back and on with other faces
            if not all(math.isfinite(number) for number in numbers):
                may = settings.on_non_finite == "roll_back" and rolled_back < settings.roll_backs
                back = resume(model_folder / CHECKPOINTS, model, average, optimizer, preset) if may else None
                if back is None:
                    message = _no_number(standing.iteration, saved, rolled_back)
                    raise TrainingError(message, iteration=standing.iteration, saved=saved)
                rolled_back += 1
                _log.warning(
                    "Loss or gradient was no number at iteration %d: back to %d.", standing.iteration, back.iteration
                )
                standing = replace(back.standing, roll_backs=standing.roll_backs + 1)
                continue

            # The step
            rate = learning_rate(phase.settings, standing.iteration, share)
            set_rate(optimizer, rate)
            optimizer.step()
            average_weights(average, model, phase.settings, standing.iteration)
            remembered = numbers[2] if settings.clipping == "auto" else None
            standing = standing.after(numbers[0], numbers[1], remembered)
            done_now += 1

            # Report: the first process does, and says for all of them what comes next
            now = time.monotonic()
            clock = clock.at(now - started - held_up, standing.iteration, 2 * phase.settings.batch)
            goes_on, is_due = True, now - last_save >= 60.0 * settings.save_minutes
            if ranks.is_first:
                if now - last_report >= _REPORT_SECONDS:
                    last_report = now
                    watch.report(report_line(standing, phase, clock, rate, gradient=numbers[2]))
                done, total = (float(standing.iteration), float(end)) if end else (clock.elapsed / 60.0, minutes or 0.0)
                goes_on = on_progress(Progress("training", min(done, total), total, progress_line(standing, phase)))
                held_up += time.monotonic() - now
            goes_on, is_due = map(bool, ranks.decided([goes_on, is_due], place))
            if not goes_on:
                completed, because = False, f"stopped at iteration {standing.iteration}; it can be resumed"
                break

            # Save now and then
            if is_due:
                save()
                last_save = time.monotonic()

        # The end: what was learned since the last save is kept
        snapshot = saved_path(model_folder / SNAPSHOTS, standing.iteration)
        if standing.iteration > saved or not snapshot.is_file() or not (model_folder / PREVIEW_NAME).is_file():
            save()
    _log.info("Training ended: %s.", because)
    final_loss = sum(standing.mean_losses) / 2.0 if done_now else None
    return TrainingResult(standing.iteration, final_loss, snapshot, model_folder / PREVIEW_NAME, completed, because)


def _losses(
    model: SwapModel, loss_of: FaceLoss, for_target: Batch, for_source: Batch, half: bool
) -> tuple[Tensor, Tensor]:
    """The loss of each identity, a scalar; all that was painted, and is not needed for gradients, is gone with it."""
    seen = torch.cat([for_target.seen, for_source.seen])
    with torch.autocast(seen.device.type, dtype=torch.bfloat16, enabled=half):
        described = model.describe(seen)
        del seen
        described_target, described_source = described.split(len(for_target.seen))
        painted_target = painting_of(model, described_target, "target")
        painted_source = painting_of(model, described_source, "source")
    return loss_of(painted_target, for_target), loss_of(painted_source, for_source)


def _begin_from(model: SwapModel, transfer: Transfer | None) -> None:
    """Puts what a new model begins with into it: weights of its backbone, then what it takes over from other models."""
    if begun_with := begin_backbone(model):
        _log.info("The encoder's backbone begins with %s.", begun_with)
    if transfer is not None:
        transfer.load_into(model)


def _expect_suitable(preset: Preset, target: FaceCodes, source: FaceCodes, held_out: HeldOut | None) -> None:
    if preset.model.kind == "identity":
        raise SettingsError(f"Preset '{preset.name}' returns its input and learns nothing. Choose another to train.")
    side = crop_side(preset.model.size, preset.margin)
    for identity, faces in (("target", target), ("source", source)):
        if len(faces) == 0:
            raise SettingsError(f"The {identity} identity has no faces to learn from. Extract a shot of it first.")
        kept_back = getattr(held_out, identity) if held_out is not None else None
        for some in (faces, *(() if kept_back is None else (kept_back,))):
            if some.codes.shape[1] != side:
                raise SettingsError(
                    f"The {identity} identity's crops are {some.codes.shape[1]} px, but preset '{preset.name}' needs "
                    f"{side} px with margin. Extract again with this preset."
                )
        if preset.training.balance != "none" and faces.poses is None:
            raise SettingsError(
                f"training.balance={preset.training.balance} needs poses, which the {identity} identity's faces do not "
                "have. Use training.balance=none."
            )
    expect_trainable(preset)


def _keep_preset(model_folder: Path, preset: Preset) -> None:
    """Writes preset.json; what differs from the one of an earlier run is logged."""
    path = model_folder / PRESET_NAME
    before: dict[str, Any] = {}
    if path.is_file():
        with contextlib.suppress(OSError, UnicodeDecodeError, SettingsError):
            before = preset_from_json(path.read_text(encoding="utf-8"), str(path)).training.model_dump(mode="json")
    for field, value in preset.training.model_dump(mode="json").items():
        if field in before and before[field] != value:
            _log.info("Training setting %s is now %s; it was %s.", field, value, before[field])
    write_text(path, preset.to_json() + "\n")


def _draw(standing: Standing, phase: Phase) -> tuple[int, int, str]:
    """Which batches were drawn: those of another iteration, attempt or phase are others."""
    return standing.iteration, standing.roll_backs, phase.name


def _noise_seed(seed: int, standing: Standing) -> int:
    """For what the network itself draws in an iteration, so that a resumed run sees the same noise."""
    text = f"noise {seed} {standing.iteration} {standing.roll_backs}"
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def _described(phase: Phase, frozen: Sequence[str]) -> str:
    still = f", {' and '.join(frozen)} frozen" if frozen else ""
    return f"batch {phase.settings.batch}, {phase.side} px, learning rate {phase.settings.learning_rate:g}{still}"


def _reason(iteration: int, end: int | None, minutes: float | None) -> str:
    if end is not None and iteration >= end:
        return f"reached iteration {iteration}"
    return f"{minutes:g} minutes are over, at iteration {iteration}"


def _no_number(iteration: int, saved: int, rolled_back: int) -> str:
    kept = f"what was saved at iteration {saved} is safe" if saved else "nothing had been saved yet"
    tried = f" It had been rolled back {rolled_back} times." if rolled_back else ""
    return (
        f"The loss was no number at iteration {iteration}, so training stopped before the weights changed; {kept}."
        f"{tried} Train again with a lower training.learning_rate, and look for broken crops in the facesets."
    )


@contextlib.contextmanager
def _told_when_full(message: Callable[[], str]) -> Iterator[None]:
    """Where the device's memory is full, wherever in an iteration or a save, a sentence says so."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise TrainingError(message()) from error


def _memory_is_full(preset: Preset, phase: Phase, place: torch.device, saved: int) -> str:
    kept = f" What was saved at iteration {saved} is safe." if saved else ""
    return (
        f"Preset '{preset.name}' with training.batch={phase.settings.batch} does not fit into the memory of {place}. "
        f"Halve training.batch or choose a smaller preset.{kept}"
    )
