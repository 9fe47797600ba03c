"""What may be asked of the engine: one model for each kind of job, and what of it can be checked before it waits."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field

from understudy.errors import SettingsError, UnknownNameError
from understudy.jobs.asked import TrainingAsked, choose_preset, split_overrides, with_settings
from understudy.scheduler.fields import (
    MOST_ITEMS,
    AbsolutePath,
    Assignee,
    ConfigName,
    FrameNumber,
    FrameRange,
    IdentityName,
    Inspectable,
    MemorySize,
    ModelName,
    Overrides,
    PresetName,
    ShotName,
    TrackNumber,
    Word,
)
from understudy.settings.matte import ArtistMatte
from understudy.settings.preset import load_preset
from understudy.settings.project import NOBODY, ProjectFolder
from understudy.settings.validation import Settings, validated

__all__ = [
    "Asked",
    "DeliverRequest",
    "ExtractRequest",
    "FacesRequest",
    "IdentityRequest",
    "InspectRequest",
    "PlanRequest",
    "PreviewRequest",
    "QUICK_KINDS",
    "ShotRequest",
    "SwapRequest",
    "TrainRequest",
    "check_request",
    "read_request",
]

QUICK_KINDS = frozenset({"preview", "inspect", "plan", "shot", "identity", "faces", "deliver"})
"""Kinds of job that somebody sits and waits for."""

_MOST_BYTES = 64 << 10
_MOST_TEXT = 4096


class ExtractRequest(Settings):
    """As the command `extract`."""

    project: AbsolutePath
    """Project folder."""

    shot: ShotName
    """The shot."""

    identity: IdentityName
    """Whose face it is."""

    preset: PresetName | None = None
    """Gives the crops' size and margin; the project's when left out."""

    frames: FrameRange | None = None
    """Frames to do, such as 1001-1010; all when left out."""

    overrides: Overrides = ()
    """`field=value` changes to preset and project, for this job only."""

    min_native: Annotated[int, Field(ge=0, le=8192)] | None = None
    """Faces that span fewer plate pixels are left out."""


class TrainRequest(Settings):
    """As the command `train`."""

    project: AbsolutePath
    """Project folder."""

    model: ModelName
    """The model."""

    preset: PresetName | None = None
    """The model's own, else the project's, when left out."""

    source: IdentityName | None = None
    """Source identity, when the project has several."""

    target: IdentityName | None = None
    """Target identity, when the project has several."""

    iterations: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = None
    """Iteration to reach."""

    minutes: Annotated[float, Field(ge=0.01, le=1_000_000, allow_inf_nan=False)] | None = None
    """How long this run trains."""

    pretrain: Annotated[tuple[IdentityName, ...], Field(max_length=MOST_ITEMS)] = ()
    """Several identities instead of a pair, for other models to start from."""

    init_from: Annotated[tuple[AbsolutePath, ...], Field(max_length=MOST_ITEMS)] = ()
    """Snapshots and weights files that a new model starts from."""

    parts: Annotated[tuple[Word, ...], Field(max_length=MOST_ITEMS)] | None = None
    """Which parts of them; all that fit when left out."""

    mapping: Annotated[tuple[Word, ...], Field(max_length=MOST_ITEMS)] = ()
    """`FROM=TO` for whose part becomes whose."""

    fit: bool = False
    """Change the preset so that it fits into the device's memory."""

    memory: MemorySize | None = None
    """How much of it `fit` may take, such as 8GiB; what is free when left out."""

    overrides: Overrides = ()
    """`field=value` changes to the preset."""

    def whose(self) -> TrainingAsked:
        """What of it `jobs.training` takes."""
        starts = tuple(map(Path, self.init_from))
        return TrainingAsked(self.model, self.source, self.target, self.pretrain, starts, self.parts, self.mapping)


class SwapRequest(Settings):
    """As the command `swap`."""

    project: AbsolutePath
    """Project folder."""

    shot: ShotName
    """The shot."""

    model: ModelName
    """The model; its newest snapshot swaps."""

    frames: FrameRange | None = None
    """Frames to do, such as 1001-1010; all when left out."""

    comp: bool = False
    """Write the full-frame composite as well."""

    skip_existing: bool = False
    """Keep every result that is there, however it was made."""

    out: AbsolutePath | None = None
    """Folder for the results; swaps/SHOT when left out."""

    overrides: Overrides = ()
    """`field=value` changes to the project, for this job only."""


class PreviewRequest(Settings):
    """As the command `preview`."""

    project: AbsolutePath
    """Project folder."""

    shot: ShotName
    """The shot."""

    model: ModelName
    """The model; its newest snapshot swaps."""

    frame: Annotated[int, Field(ge=-1_000_000_000, le=1_000_000_000)]
    """Which frame."""

    overrides: Overrides = ()
    """`field=value` changes to the project, for this job only."""


class InspectRequest(Settings):
    """As the command `inspect`."""

    path: Inspectable
    """A plate, project, faceset, checkpoint, snapshot, folder of results or preset file; or the name of a preset."""


class PlanRequest(Settings):
    """As the command `plan`."""

    preset: PresetName
    """The preset that shall be trained."""

    memory: MemorySize | None = None
    """How much memory there is, such as 8GiB; what is free on the engine's device when left out."""

    batch: Annotated[int, Field(ge=1, le=256)] | None = None
    """Faces of each identity in one iteration; the preset's own when left out."""

    device: Literal["cuda", "cpu"] | None = None
    """Kind of device, which need not be there; the engine's own when left out."""

    overrides: Overrides = ()
    """`field=value` changes to the preset."""


class AskedMatte(ArtistMatte):
    """An artist's matte as a host names it, which has another working folder than the engine."""

    path: AbsolutePath
    """Path pattern with #### or %04d, or one picture, in the plate's format."""

    channel: Word | None = None
    """Channel, such as A, R or roto.A; A when left out, else the only one, else R."""


class ShotRequest(Settings):
    """As the command `shot add`, and `new` before it where it is asked for."""

    project: AbsolutePath
    """Project folder."""

    name: ShotName
    """What the shot is called."""

    plate: AbsolutePath
    """Path pattern with #### or %04d, one picture, or a movie."""

    frames: FrameRange | None = None
    """Frame range, such as 1001-1100; everything on disk when left out."""

    colorspace: Word | None = None
    """Space, role or alias of the project's OCIO config; decided from the file when left out."""

    layer: Word | None = None
    """Layer, part or view to take RGB from; the root when left out."""

    missing: Literal["error", "hold", "skip"] = "error"
    """Frames that are not on disk: stop, show the nearest earlier one instead, or leave them out."""

    tracks: AbsolutePath | None = None
    """A .csv, .nk or .setting with an artist's tracks, which the face shall move with; none when left out."""

    matte: AskedMatte | None = None
    """An artist's roto or occlusion matte; none when left out."""

    make_project: bool = False
    """Make the project first when there is none in its folder."""

    ocio: ConfigName | None = None
    """OCIO config of a project that is made: a built-in config's name, or an absolute path."""


class IdentityRequest(Settings):
    """As the command `identity add`."""

    project: AbsolutePath
    """Project folder."""

    name: IdentityName
    """What the identity is called."""

    role: Literal["source", "target"]
    """`source`: the face that is put in; `target`: the face in the plate that goes."""

    synthetic: bool = False
    """No living person was photographed."""

    consent: AbsolutePath | None = None
    """The consent record, a YAML file."""


class FacesRequest(Settings):
    """As the command `faces`."""

    project: AbsolutePath
    """Project folder."""

    shot: ShotName
    """The shot."""

    sheet: bool = False
    """Also write a picture of the tracks."""

    assign: Annotated[dict[TrackNumber, Assignee], Field(max_length=MOST_ITEMS)] | None = None
    """Identity by number of the track: whose it is; "-" for nobody, empty to take back what was said."""

    cuts: Annotated[dict[FrameNumber, bool], Field(max_length=MOST_ITEMS)] | None = None
    """By frame: whether a cut is there. Not together with `assign`: tracks get other numbers by a cut."""


class DeliverRequest(Settings):
    """As the command `deliver`."""

    project: AbsolutePath
    """Project folder."""

    shot: ShotName
    """The shot."""

    model: ModelName | None = None
    """The model whose crops are put back; the facesets say the size when left out."""

    out: AbsolutePath | None = None
    """Folder for the files; swaps/SHOT when left out."""

    fusion_first: Annotated[int, Field(ge=-1_000_000_000, le=1_000_000_000)] | None = None
    """Time of Fusion's first key; the plate's frame number when left out."""


@dataclass(frozen=True)
class Asked:
    """A request that can be meant.

    Attributes:
        kind: Of job.
        request: Every field, plain.
        project: Project folder; empty when it needs none.
        subject: What it is about, for people.
    """

    kind: str
    request: Mapping[str, Any]
    project: str
    subject: str


Request = TypeVar("Request", bound=Settings)


def read_request(model: type[Request], values: Mapping[str, Any], kind: str) -> Request:
    """A request as its model.

    Raises:
        SettingsError: A field is unknown, missing or wrong; one sentence says which.
    """
    return validated(model, values, f"{kind} request", strict=True)


def check_request(kind: str, request: Mapping[str, Any]) -> Asked:
    """A request, held against its project file: everything that can be wrong without looking at pictures.

    Raises:
        SettingsError: It cannot be meant; one sentence says which field and why.
    """
    if type(kind) is not str or kind not in _CHECKS:
        raise UnknownNameError("kind of job", str(kind)[:64], _CHECKS)
    _expect_plain(kind, request)
    subject, project, values = _CHECKS[kind](request)
    return Asked(kind, values.model_dump(mode="json", exclude_none=True), project, subject)


def _extract(request: Mapping[str, Any]) -> tuple[str, str, Settings]:
    asked = read_request(ExtractRequest, request, "extract")
    for_preset, for_project = split_overrides(asked.overrides, asked.min_native)
    folder = with_settings(ProjectFolder.open(Path(asked.project)), for_project)
    folder.shot(asked.shot)
    folder.identity(asked.identity)
    choose_preset(folder, None, asked.preset, for_preset)
    return asked.shot, asked.project, asked


def _train(request: Mapping[str, Any]) -> tuple[str, str, Settings]:
    asked = read_request(TrainRequest, request, "train")
    folder = ProjectFolder.open(Path(asked.project))
    choose_preset(folder, asked.model, asked.preset, asked.overrides)
    asked.whose().people(folder)
    if asked.memory is not None and not asked.fit:
        raise SettingsError("train request: field 'memory': it says how much 'fit' may take.", field="memory")
    return asked.model, asked.project, asked


def _swap(request: Mapping[str, Any]) -> tuple[str, str, Settings]:
    asked = read_request(SwapRequest, request, "swap")
    with_settings(ProjectFolder.open(Path(asked.project)), asked.overrides).shot(asked.shot)
    return asked.shot, asked.project, asked


def _preview(request: Mapping[str, Any]) -> tuple[str, str, Settings]:
    asked = read_request(PreviewRequest, request, "preview")
    with_settings(ProjectFolder.open(Path(asked.project)), asked.overrides).shot(asked.shot)
    return asked.shot, asked.project, asked


def _inspect(request: Mapping[str, Any]) -> tuple[str, str, Settings]:
    asked = read_request(InspectRequest, request, "inspect")
    return asked.path, "", asked


def _plan(request: Mapping[str, Any]) -> tuple[str, str, Settings]:
    asked = read_request(PlanRequest, request, "plan")
    load_preset(asked.preset, asked.overrides)
    return asked.preset, "", asked


def _shot(request: Mapping[str, Any]) -> tuple[str, str, Settings]:
    asked = read_request(ShotRequest, request, "shot")
    if asked.ocio is not None and not asked.make_project:
        raise SettingsError(
            "shot request: field 'ocio': it is for a project that is made, with make_project; others have their own.",
            field="ocio",
        )
    if not asked.make_project or ProjectFolder.is_at(Path(asked.project)):
        ProjectFolder.open(Path(asked.project))
    return asked.name, asked.project, asked


def _identity(request: Mapping[str, Any]) -> tuple[str, str, Settings]:
    asked = read_request(IdentityRequest, request, "identity")
    ProjectFolder.open(Path(asked.project))
    return asked.name, asked.project, asked


def _faces(request: Mapping[str, Any]) -> tuple[str, str, Settings]:
    asked = read_request(FacesRequest, request, "faces")
    folder = ProjectFolder.open(Path(asked.project))
    folder.shot(asked.shot)
    for name in (asked.assign or {}).values():
        if name not in ("", NOBODY):
            folder.identity(name)
    return asked.shot, asked.project, asked


def _deliver(request: Mapping[str, Any]) -> tuple[str, str, Settings]:
    asked = read_request(DeliverRequest, request, "deliver")
    ProjectFolder.open(Path(asked.project)).shot(asked.shot)
    return asked.shot, asked.project, asked


_CHECKS: dict[str, Callable[[Mapping[str, Any]], tuple[str, str, Settings]]] = {
    "extract": _extract,
    "train": _train,
    "swap": _swap,
    "preview": _preview,
    "inspect": _inspect,
    "plan": _plan,
    "shot": _shot,
    "identity": _identity,
    "faces": _faces,
    "deliver": _deliver,
}


def _expect_plain(kind: str, request: Mapping[str, Any]) -> None:
    """Raises unless a request is a small mapping of plain values, with texts that a path or a log can hold."""
    if not isinstance(request, Mapping) or not all(type(name) is str for name in request):
        raise SettingsError(f"A {kind} request is a mapping of names to values.")
    try:
        size = len(json.dumps(dict(request)))
    except (TypeError, ValueError, RecursionError) as error:
        raise SettingsError(f"A {kind} request holds plain values only: texts, numbers, true, false, lists.") from error
    if size > _MOST_BYTES:
        raise SettingsError(f"A {kind} request of {size} bytes is too long; {_MOST_BYTES} are enough for any.")
    for name, value in request.items():
        for text in (name, *_texts_in(value)):
            if isinstance(text, str) and (len(text) > _MOST_TEXT or not text.isprintable()):
                raise SettingsError(
                    f"{kind} request: field '{_shown(name)}': a text is at most {_MOST_TEXT} printable characters.",
                    field=_shown(name),
                )


def _texts_in(value: Any) -> tuple[Any, ...]:
    """A value, or what a list or a mapping holds."""
    if isinstance(value, Mapping):
        return (*value, *value.values())
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def _shown(name: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in name[:64])
