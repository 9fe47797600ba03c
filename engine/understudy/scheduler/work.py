"""What a worker does for each kind of job: the request in, the job's function, plain results out."""

from __future__ import annotations

import json
import logging
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio  # noqa: N813
import PyOpenColorIO as ocio  # noqa: N813
import torch

from understudy import __version__
from understudy.color import DEFAULT_CONFIG
from understudy.jobs.adding import add_identity, add_shot, planned_project
from understudy.jobs.asked import choose_preset, split_overrides, with_settings
from understudy.jobs.deliver import run_deliver
from understudy.jobs.extract import run_extract
from understudy.jobs.faces import describe_faces
from understudy.jobs.inspect import describe
from understudy.jobs.plan import fit_to_memory, plan_training
from understudy.jobs.preview import preview_frame
from understudy.jobs.swap import run_swap
from understudy.jobs.training import run_training
from understudy.plates import format_frames
from understudy.progress import OnProgress, Progress
from understudy.scheduler.requests import (
    DeliverRequest,
    ExtractRequest,
    FacesRequest,
    IdentityRequest,
    InspectRequest,
    PlanRequest,
    PreviewRequest,
    ShotRequest,
    SwapRequest,
    TrainRequest,
    read_request,
)
from understudy.scheduler.warm import WarmSwappers
from understudy.settings.memory_size import parse_memory
from understudy.settings.preset import load_preset
from understudy.settings.project import ProjectFolder

__all__ = ["Made", "Work", "versions"]

_LOGGER = logging.getLogger(__name__)

_MOST_TEXT = 1000


@dataclass(frozen=True)
class Made:
    """What a job made.

    Attributes:
        results: By name, plain.
        completed: False when it was stopped before the end.
    """

    results: Mapping[str, Any]
    completed: bool


class Work:
    """The kinds of job, on one device.

    Args:
        device: Of PyTorch: "cpu", "cuda:0".
    """

    def __init__(self, device: str) -> None:
        self._device = device
        self._warm = WarmSwappers(device)
        self._kinds: dict[str, Callable[[Mapping[str, Any], OnProgress], Made]] = {
            "extract": self._extract,
            "train": self._train,
            "swap": self._swap,
            "preview": self._preview,
            "inspect": self._inspect,
            "plan": self._plan,
            "shot": self._shot,
            "identity": self._identity,
            "faces": self._faces,
            "deliver": self._deliver,
        }

    def perform(self, kind: str, request: Mapping[str, Any], on_progress: OnProgress) -> Made:
        """Does a job.

        Raises:
            UnderstudyError: As the job's function.
        """
        return self._kinds[kind](request, on_progress)

    def _extract(self, request: Mapping[str, Any], on_progress: OnProgress) -> Made:
        asked = read_request(ExtractRequest, request, "extract")
        for_preset, for_project = split_overrides(asked.overrides, asked.min_native)
        folder = with_settings(ProjectFolder.open(Path(asked.project)), for_project)
        preset = choose_preset(folder, None, asked.preset, for_preset)
        made = run_extract(folder, asked.shot, asked.identity, preset, asked.frames, on_progress)
        results = {
            "faceset": str(folder.faceset(asked.identity)),
            "cropped": made.cropped,
            "kept": made.kept,
            "without_face": _range(made.without_face),
            "report": str(made.report or ""),
        }
        return Made(results, made.completed)

    def _train(self, request: Mapping[str, Any], on_progress: OnProgress) -> Made:
        asked = read_request(TrainRequest, request, "train")
        folder = ProjectFolder.open(Path(asked.project))
        preset = choose_preset(folder, asked.model, asked.preset, asked.overrides)
        if asked.fit:
            fitted = fit_to_memory(preset, asked.memory, torch.device(self._device).type, on_progress)
            if fitted is None:
                return Made({}, completed=False)
            preset, plan = fitted
            _LOGGER.info("%s", plan.sentence())
        whose = asked.whose()
        result = run_training(folder, whose, preset, asked.iterations, asked.minutes, on_progress, self._device)
        if result is None:
            return Made({}, completed=False)
        results = {
            "iteration": result.iteration,
            "loss": result.loss,
            "snapshot": str(result.snapshot),
            "preview": str(result.preview) if result.preview else "",
            "because": result.ended_because,
        }
        return Made(results, result.completed)

    def _swap(self, request: Mapping[str, Any], on_progress: OnProgress) -> Made:
        asked = read_request(SwapRequest, request, "swap")
        made = run_swap(
            with_settings(ProjectFolder.open(Path(asked.project)), asked.overrides),
            asked.shot,
            asked.model,
            asked.frames,
            asked.comp,
            asked.skip_existing,
            Path(asked.out) if asked.out else None,
            on_progress,
            self._device,
        )
        results = {
            "folder": str(made.folder),
            "patterns": list(made.patterns),
            "written": _range(made.written),
            "kept": _range(made.kept),
            "without_face": _range(made.without_face),
        }
        return Made(results, made.completed)

    def _preview(self, request: Mapping[str, Any], on_progress: OnProgress) -> Made:
        asked = read_request(PreviewRequest, request, "preview")
        folder = with_settings(ProjectFolder.open(Path(asked.project)), asked.overrides)
        swapper = self._warm.swapper(folder, asked.shot, asked.model)
        if not on_progress(Progress("swapping", 0, 1, f"frame {asked.frame}")):
            return Made({}, completed=False)
        exr, png = preview_frame(folder, asked.shot, asked.model, asked.frame, swapper)
        on_progress(Progress("swapping", 1, 1, f"frame {asked.frame}"))
        return Made({"exr": str(exr), "png": str(png)}, completed=True)

    def _inspect(self, request: Mapping[str, Any], on_progress: OnProgress) -> Made:
        del on_progress
        asked = read_request(InspectRequest, request, "inspect")
        facts: dict[str, Any] = json.loads(json.dumps(describe(asked.path), default=str))
        return Made(_shortened(facts), completed=True)

    def _plan(self, request: Mapping[str, Any], on_progress: OnProgress) -> Made:
        asked = read_request(PlanRequest, request, "plan")
        made = plan_training(
            load_preset(asked.preset, asked.overrides),
            parse_memory(asked.memory) if asked.memory else None,
            asked.batch,
            asked.device or self._device,
            on_progress,
        )
        return Made({}, completed=False) if made is None else Made(made.to_json(), completed=True)

    def _shot(self, request: Mapping[str, Any], on_progress: OnProgress) -> Made:
        del on_progress
        asked = read_request(ShotRequest, request, "shot")
        path = Path(asked.project)
        is_new = asked.make_project and not ProjectFolder.is_at(path)
        folder = planned_project(path, asked.ocio or DEFAULT_CONFIG) if is_new else ProjectFolder.open(path)
        added = add_shot(
            folder,
            asked.name,
            Path(asked.plate),
            frames=asked.frames,
            colorspace=asked.colorspace,
            layer=asked.layer,
            missing=asked.missing,
            tracks=Path(asked.tracks) if asked.tracks else None,
            matte=asked.matte,
        )
        return Made(added.to_json(), completed=True)

    def _identity(self, request: Mapping[str, Any], on_progress: OnProgress) -> Made:
        del on_progress
        asked = read_request(IdentityRequest, request, "identity")
        added = add_identity(
            ProjectFolder.open(Path(asked.project)),
            asked.name,
            asked.role,
            synthetic=asked.synthetic,
            consent=Path(asked.consent) if asked.consent else None,
        )
        return Made(added.to_json(), completed=True)

    def _faces(self, request: Mapping[str, Any], on_progress: OnProgress) -> Made:
        del on_progress
        asked = read_request(FacesRequest, request, "faces")
        assign = {int(number): name for number, name in (asked.assign or {}).items()}
        cuts = {int(frame): is_there for frame, is_there in (asked.cuts or {}).items()}
        found = describe_faces(ProjectFolder.open(Path(asked.project)), asked.shot, asked.sheet, assign, cuts)
        return Made(found.to_json(), completed=True)

    def _deliver(self, request: Mapping[str, Any], on_progress: OnProgress) -> Made:
        del on_progress
        asked = read_request(DeliverRequest, request, "deliver")
        made = run_deliver(
            ProjectFolder.open(Path(asked.project)),
            asked.shot,
            asked.model,
            Path(asked.out) if asked.out else None,
            asked.fusion_first,
        )
        return Made(made.to_json(), completed=True)


def versions(device: str) -> str:
    """The first line of a job's log: everything whose version may change a result."""
    place = torch.cuda.get_device_name(device) if device.startswith("cuda") else f"{torch.get_num_threads()} threads"
    return (
        f"Understudy {__version__}, Python {platform.python_version()}, torch {torch.__version__}, "
        f"numpy {np.__version__}, OpenEXR {version('OpenEXR')}, OpenImageIO {oiio.VERSION_STRING}, "
        f"PyAV {version('av')}, OpenColorIO {ocio.GetVersion()}; "
        f"device {device}, {place}"
    )


def _shortened(value: Any) -> Any:
    """The value with its longest texts cut: a picture's header may hold a text of any length, and a record may not."""
    match value:
        case dict():
            return {name: _shortened(inner) for name, inner in value.items()}
        case list():
            return [_shortened(inner) for inner in value]
        case str() if len(value) > _MOST_TEXT:
            return f"{value[:_MOST_TEXT]}..."
    return value


def _range(frames: tuple[int, ...]) -> str:
    return format_frames(frames) if frames else ""
