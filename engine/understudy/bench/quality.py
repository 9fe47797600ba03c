"""What presets learn in the same time: trained in turns on one synthetic pair, and scored against the ideal swap."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from understudy.bench.child import Child, Turn
from understudy.demo import SHOT, SOURCE, TARGET, project_of_set, trained_minutes
from understudy.errors import SettingsError
from understudy.jobs.extract import run_extract
from understudy.jobs.swap import run_swap
from understudy.jobs.train import run_train
from understudy.model.cost import model_cost
from understudy.progress import OnProgress, Progress, ignore_progress
from understudy.settings.preset import Preset, preset_from_json
from understudy.settings.project import ProjectFolder
from understudy.synthetic.benchmark import write_set
from understudy.synthetic.score import Measures, Score, score_sequence

__all__ = ["QualityFigures", "QualityResult", "compare_quality"]

_TARGET_SEED, _SOURCE_SEED = 6, 2
_LIGHTING_SEED = 2
"""Sweating skin in a hot key: 30 pixels of a face of 128 px are above 2, up to 10. Light 1 has one in two frames:
too few for a relative error."""

_FILL = 0.52
"""Of the plate's height, which is twice the model's side, for 24 cm of head: the face's square then spans as many plate
pixels as the model has, so that the finest detail of the plate is the finest that it can paint."""

_LEAST_MINUTES = 0.04
"""What a log does not show of a training, at most; so much is not made up for."""

_SAVING_S = 120.0
_PATIENCE_S = 900.0
"""A turn may take so much longer than its time: faces are loaded in the first, and the model is saved in the last."""


@dataclass(frozen=True)
class QualityFigures:
    """What a preset has learnt.

    Attributes:
        preset: Its name.
        size: Of its crops in pixels.
        parameters: Of its network.
        minutes: How long it has trained, in all runs on this folder.
        iterations: How many it has seen.
        cpu_seconds: Processor time of this run's training, of all threads; other programs do not change it.
        measures: Of its swap, against the ideal one.
    """

    preset: str
    size: int
    parameters: int
    minutes: float
    iterations: int
    cpu_seconds: float
    measures: Measures

    def to_json(self) -> dict[str, Any]:
        """Plain values by the names of the attributes."""
        return asdict(self)


@dataclass(frozen=True)
class QualityResult:
    """All presets, beside doing nothing.

    Attributes:
        presets: In the order in which they were named.
        plate: The measures of the untouched plate.
        frames: How many were scored.
    """

    presets: tuple[QualityFigures, ...]
    plate: Measures
    frames: int

    def to_json(self) -> dict[str, Any]:
        """Plain values by the names of the attributes."""
        return asdict(self) | {"presets": [each.to_json() for each in self.presets]}


@dataclass(frozen=True)
class _Trained:
    """What a child answers."""

    iterations: int
    cpu_seconds: float


def compare_quality(
    presets: Sequence[Preset],
    *,
    minutes: float = 8.0,
    slice_s: float = 60.0,
    size: int | None = None,
    frames: int = 24,
    train_frames: int = 72,
    folder: Path | None = None,
    device: str = "auto",
    on_progress: OnProgress = ignore_progress,
) -> QualityResult | None:
    """Trains each preset for the same time on the same faces, and scores their swaps; None when stopped.

    They take turns, so that whatever else the machine does meets all of them; one that waits keeps its memory. The
    target identity learns from the plate, as in a production. Of what is scored, the source identity's face in the
    plate's performance and light, no frame is seen in training.

    Args:
        presets: To compare.
        minutes: How long each trains, in all runs on this folder.
        slice_s: How long each works in one turn.
        size: Side of the faces in plate and footage, in pixels; the largest preset's when None.
        frames: Of the plate.
        train_frames: Of the source identity's footage; every twelve are a take in another light.
        folder: Where everything is kept; the same call goes on there. A temporary folder when None.
        device: "auto", or a device of PyTorch.
        on_progress: Called often; False stops, and what is finished in `folder` stays.

    Raises:
        SettingsError: Two presets have one name, one learns nothing, or the folder holds another set.
    """
    _expect_comparable(presets)
    with ExitStack() as kept:
        if folder is None:
            folder = Path(kept.enter_context(tempfile.TemporaryDirectory(prefix="us-bench-")))
        side = size or max(preset.model.size for preset in presets)
        project = _prepared(folder, presets, side, (frames, train_frames), on_progress)
        trained = None if project is None else _trained(project, presets, minutes, slice_s, device, on_progress)
        if project is None or trained is None:
            return None
        scores: list[Score] = []
        for preset in presets:
            results = folder / "results" / preset.name
            swapped = run_swap(project, SHOT, preset.name, out=results, on_progress=on_progress, device=device)
            if not swapped.completed:
                return None
            scores.append(score_sequence(str(results / f"{SHOT}.####.exr"), folder / "truth", on_progress))
            if not scores[-1].completed:
                return None
        figures = tuple(_figures(project, *each) for each in zip(presets, trained, scores, strict=True))
        return QualityResult(figures, scores[0].plate, scores[0].frames)


def _expect_comparable(presets: Sequence[Preset]) -> None:
    names = [preset.name for preset in presets]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise SettingsError(f"Two presets are called '{twice}'. Give one of them another name in its YAML file.")
    for preset in presets:
        if preset.model.kind == "identity":
            raise SettingsError(f"Preset '{preset.name}' returns its input and learns nothing. Name another.")


def _prepared(
    folder: Path, presets: Sequence[Preset], side: int, counts: tuple[int, int], on_progress: OnProgress
) -> ProjectFolder | None:
    """The set and a project on it, with facesets that suit all presets; None when stopped."""
    written = write_set(
        folder / "truth",
        target_seed=_TARGET_SEED,
        source_seed=_SOURCE_SEED,
        lighting_seed=_LIGHTING_SEED,
        frames=counts[0],
        train_frames=counts[1],
        size=(2 * side, 2 * side),
        fill=_FILL,
        occluder=False,
        target_footage=False,
        on_progress=on_progress,
    )
    if not written.completed:
        return None
    project = project_of_set(folder / "project", folder / "truth")
    largest = max(presets, key=lambda preset: preset.model.size)
    for_all = largest.model_copy(update={"margin": max(preset.margin for preset in presets)})
    for shot in project.project.shots:
        identity = TARGET if shot == SHOT else SOURCE
        if not run_extract(project, shot, identity, for_all, on_progress=on_progress).completed:
            return None
    return project


def _trained(
    project: ProjectFolder,
    presets: Sequence[Preset],
    minutes: float,
    slice_s: float,
    device: str,
    on_progress: OnProgress,
) -> list[_Trained] | None:
    """Trains all in turns; None when stopped."""
    with ExitStack() as stack:
        children = []
        for preset in presets:
            arguments = (str(project.path), preset.to_json(), minutes, device)
            children.append(stack.enter_context(Child(preset.name, _train, *arguments)))
        spent = 0.0
        while not all(child.is_done for child in children):
            for child, preset in zip(children, presets, strict=True):
                if child.is_done:
                    continue
                done = min(spent / 60, 0.99 * minutes)
                report = Progress("training", done, minutes, f"{preset.name} {child.message}".strip())
                if not child.turn(slice_s, slice_s + _PATIENCE_S, lambda report=report: on_progress(report)):  # type: ignore[misc]
                    for each in children:
                        each.stop(_SAVING_S)
                    return None
            spent += slice_s
        if not on_progress(Progress("training", minutes, minutes)):
            return None
        return [child.result for child in children]


def _train(turn: Turn, project: str, preset_json: str, minutes: float, device: str) -> _Trained:
    """In a process of its own: trains for what is left of the minutes; time in which it rests does not count."""
    folder = ProjectFolder.open(Path(project))
    preset = preset_from_json(preset_json, "the preset to train")

    def on_progress(progress: Progress) -> bool:
        turn.message = progress.message
        return turn.pause()

    start = time.process_time()
    left = minutes - trained_minutes(folder.model(preset.name) / "log.jsonl")
    end: dict[str, Any] = {"minutes": left} if left > _LEAST_MINUTES else {"iterations": 1}
    result = run_train(folder, preset.name, preset, on_progress=on_progress, device=device, **end)
    return _Trained(result.iteration if result else 0, time.process_time() - start)


def _figures(project: ProjectFolder, preset: Preset, trained: _Trained, score: Score) -> QualityFigures:
    measures = {name: getattr(score, name) for name in Measures.__dataclass_fields__}
    return QualityFigures(
        preset=preset.name,
        size=preset.model.size,
        parameters=model_cost(preset.model).parameters,
        minutes=trained_minutes(project.model(preset.name) / "log.jsonl"),
        iterations=trained.iterations,
        cpu_seconds=trained.cpu_seconds,
        measures=Measures(**measures),
    )
