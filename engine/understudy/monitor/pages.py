"""What the monitor answers: the page, and plain values for it."""

from __future__ import annotations

import json
import mimetypes
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any, Protocol, TypeVar
from weakref import WeakKeyDictionary

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from understudy import __version__
from understudy.errors import ProjectError, UnderstudyError, UnknownNameError
from understudy.faces.assignment import read_assignments
from understudy.monitor.gpu import GpuMemory
from understudy.monitor.project_files import ProjectFiles, chosen_project, named_projects
from understudy.monitor.quality import CropIndex, FoundFaces, describe_crops, describe_shot
from understudy.monitor.training import LossLog, PreviewKeeper
from understudy.scheduler.record import JobRecord, LogTail

__all__ = ["JobSource", "Pages"]

_MOST_JOBS = 200
_MOST_WATCHED = 16
_MOST_JSON_BYTES = 1 << 20
_SUMMARY = ("id", "kind", "project", "subject", "state", "device", "created", "started", "ended")
_PROGRESS = ("stage", "done", "total", "message", "seconds_left", "waits_for")

_REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; sandbox"
"""A report has its style and pictures in itself, and no script; whatever else it may hold does nothing."""

_Watched = TypeVar("_Watched")


class JobSource(Protocol):
    """What the monitor needs of the engine's scheduler."""

    @property
    def devices(self) -> tuple[str, ...]:
        """Devices that jobs run on."""

    def job(self, job_id: str) -> JobRecord:
        """One job."""

    def jobs(self, project: str = "") -> tuple[JobRecord, ...]:
        """All jobs, newest first."""

    def log(self, job_id: str, after: int = 0) -> LogTail:
        """What a job has logged."""

    def cancel(self, job_id: str) -> JobRecord:
        """Asks a job to stop."""

    def resume(self, job_id: str) -> JobRecord:
        """Lets an ended job go on."""


class Pages:
    """The monitor's answers. Each is computed in a thread of its own, so that a slow disk holds up nobody else.

    Args:
        jobs: The engine's scheduler.
        gpus: Returns what was last known of the GPUs, at once.
        key: What an open page knows the next engine by.
    """

    def __init__(self, jobs: JobSource, gpus: Callable[[], tuple[GpuMemory, ...]], key: str) -> None:
        self._key = key
        self._jobs = jobs
        self._gpus = gpus
        self._started = time.time()
        self._static = _static_files()
        self.previews = PreviewKeeper()
        self._watched: dict[type, OrderedDict[Path, Any]] = {}
        self._described: WeakKeyDictionary[FoundFaces, tuple[tuple[Any, ...], dict[str, Any]]] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def application(self, prefix: str) -> Starlette:
        """The web application, below `/PREFIX/`."""
        project = "/api/projects/{project}"
        routes = [
            Route("/", self._page),
            Route("/static/{name}", self._file),
            Route("/api/key", self._tell_key),
            Route("/api/state", self._state),
            Route("/api/jobs/{job}", self._job),
            Route("/api/jobs/{job}/log", self._log),
            Route("/api/jobs/{job}/picture", self._picture),
            Route("/api/jobs/{job}/cancel", self._cancel, methods=["POST"]),
            Route("/api/jobs/{job}/resume", self._resume, methods=["POST"]),
            Route(project, self._project),
            Route(project + "/models/{name}", self._model),
            Route(project + "/models/{name}/previews/{preview}", self._preview),
            Route(project + "/shots/{name}", self._shot),
            Route(project + "/facesets/{name}", self._faceset),
            Route(project + "/facesets/{name}/report", self._report),
        ]
        return Starlette(routes=[Mount(f"/{prefix}", routes=routes)], exception_handlers={UnderstudyError: _say_error})

    def projects(self) -> dict[str, ProjectFiles]:
        """The projects that jobs name: nothing else is ever read."""
        return named_projects(dict.fromkeys(record.project for record in self._jobs.jobs()))

    def _page(self, request: Request) -> Response:
        del request
        return Response(*self._static["index.html"])

    def _file(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self._static:
            raise UnknownNameError("file", name, self._static, "the monitor")
        return Response(*self._static[name])

    def _tell_key(self, request: Request) -> Response:
        """For the page's memory alone: it forgets the address that it was opened with."""
        del request
        return JSONResponse({"key": self._key})

    def _state(self, request: Request) -> Response:
        del request
        records = self._jobs.jobs()
        projects = named_projects(dict.fromkeys(record.project for record in records))
        return JSONResponse(
            {
                "version": __version__,
                "pid": os.getpid(),
                "started": self._started,
                "now": time.time(),
                "devices": list(self._jobs.devices),
                "gpus": [vars(gpu) for gpu in self._gpus()],
                "projects": [{"id": known.id, "path": str(known.root)} for known in projects.values()],
                "jobs": [_summary(record) for record in records[:_MOST_JOBS]],
                "older": max(0, len(records) - _MOST_JOBS),
            }
        )

    def _job(self, request: Request) -> Response:
        return JSONResponse(self._jobs.job(request.path_params["job"]).to_json())

    def _log(self, request: Request) -> Response:
        tail = self._jobs.log(request.path_params["job"], _whole_number(request, "after"))
        return JSONResponse({"lines": list(tail.lines), "next": tail.next})

    def _picture(self, request: Request) -> Response:
        record = self._jobs.job(request.path_params["job"])
        name = record.results.get("png")
        own = named_projects([record.project])
        if record.kind != "preview" or not isinstance(name, str) or not own:
            raise ProjectError("This job made no picture.")
        return Response(next(iter(own.values())).frame_picture(name).read_bytes(), media_type="image/png")

    def _cancel(self, request: Request) -> Response:
        return JSONResponse(self._jobs.cancel(request.path_params["job"]).to_json())

    def _resume(self, request: Request) -> Response:
        return JSONResponse(self._jobs.resume(request.path_params["job"]).to_json())

    def _project(self, request: Request) -> Response:
        own = self._own(request)
        return JSONResponse({"models": own.models(), "shots": own.shots(), "facesets": own.facesets()})

    def _model(self, request: Request) -> Response:
        own, name = self._own(request), request.path_params["name"]
        log = self._follow(LossLog, own.log(name))
        pair, preset = _json_of(own.pair(name)), _json_of(own.preset(name))
        now, before = self.previews.look(own.preview(name))
        return JSONResponse(
            {
                "source": pair.get("source"),
                "target": pair.get("target"),
                "preset": preset.get("name"),
                "size": _field(preset, "model", "size"),
                "batch": _field(preset, "training", "batch"),
                "previews": {
                    "now": now.to_json() if now else None,
                    "before": before.to_json() if before else None,
                },
                **log.columns(_whole_number(request, "generation"), _whole_number(request, "after")),
            }
        )

    def _preview(self, request: Request) -> Response:
        own, name = self._own(request), request.path_params["name"]
        data = self.previews.picture(own.preview(name), request.path_params["preview"])
        return Response(data, media_type="image/png")

    def _shot(self, request: Request) -> Response:
        own, shot = self._own(request), request.path_params["name"]
        faces = self._follow(FoundFaces, own.faces(shot))
        found = faces.read()
        indexes = {name: self._follow(CropIndex, own.crops(name)) for name in own.facesets()}
        records = {name: index.read() for name, index in indexes.items()}
        identities = [name for name, known in records.items() if any(key[0] == shot for key in known)]
        wanted = request.query_params.get("identity") or next(iter(identities), "")
        of_shot = {frame: record for (name, frame), record in records.get(wanted, {}).items() if name == shot}
        size = _json_of(own.faceset(wanted)).get("size") if of_shot else None
        assignments = read_assignments(own.assignments(shot))
        version = (wanted, faces.version, indexes[wanted].version if of_shot else 0, assignments)
        kept_version, described = self._described.get(faces, ((), {}))
        if kept_version != version:
            described = describe_shot(found, of_shot, faces.align, wanted, assignments)
            self._described[faces] = (version, described)
        return JSONResponse({"identity": wanted, "identities": identities, "size": size, **described})

    def _faceset(self, request: Request) -> Response:
        own, identity = self._own(request), request.path_params["name"]
        records = self._follow(CropIndex, own.crops(identity)).read()
        facts = {"size": _json_of(own.faceset(identity)).get("size"), "has_report": own.report(identity).is_file()}
        return JSONResponse({**facts, **describe_crops(records)})

    def _report(self, request: Request) -> Response:
        path = self._own(request).report(request.path_params["name"])
        if not path.is_file():
            raise ProjectError("This faceset has no report yet: extract once more.")
        headers = {"Content-Security-Policy": _REPORT_POLICY}
        return Response(path.read_bytes(), media_type="text/html", headers=headers)

    def _own(self, request: Request) -> ProjectFiles:
        return chosen_project(self.projects(), request.path_params["project"])

    def _follow(self, kind: Callable[[Path], _Watched], path: Path) -> _Watched:
        """The reader that follows a file; those that were not asked for the longest are forgotten."""
        with self._lock:
            known = self._watched.setdefault(kind, OrderedDict())  # type: ignore[arg-type]
            if path not in known:
                known[path] = kind(path)
            known.move_to_end(path)
            while len(known) > _MOST_WATCHED:
                known.popitem(last=False)
            reader: _Watched = known[path]
            return reader


def _static_files() -> dict[str, tuple[bytes, int, dict[str, str]]]:
    """The page's files, as arguments of a response."""
    known = {}
    for entry in files("understudy.monitor").joinpath("static").iterdir():
        kind, _ = mimetypes.guess_type(entry.name)
        kind = "text/javascript" if entry.name.endswith(".js") else kind or "application/octet-stream"
        charset = "; charset=utf-8" if kind.startswith("text/") else ""
        known[entry.name] = (entry.read_bytes(), 200, {"Content-Type": kind + charset})
    return known


def _summary(record: JobRecord) -> dict[str, Any]:
    values = record.to_json()
    return {name: values[name] for name in (*_SUMMARY, *_PROGRESS)} | {"failed": bool(record.error)}


def _whole_number(request: Request, name: str) -> int:
    text = request.query_params.get(name, "0")
    return int(text) if text.isdecimal() and len(text) < 12 else 0


def _json_of(path: Path) -> dict[str, Any]:
    """What a small JSON file holds; nothing when it is not there or broken."""
    try:
        values = json.loads(path.read_bytes()) if path.stat().st_size <= _MOST_JSON_BYTES else {}
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def _field(values: dict[str, Any], group: str, name: str) -> Any:
    inner = values.get(group)
    return inner.get(name) if isinstance(inner, dict) else None


def _say_error(request: Request, error: Exception) -> Response:
    del request
    message = error.message if isinstance(error, UnderstudyError) else str(error)
    return JSONResponse({"error": message}, 404 if isinstance(error, (UnknownNameError, ProjectError)) else 409)
