"""The engine from the outside: for hosts, scripts and the command line.

Work is started and then asked about; no call waits for it. Nothing here connects by itself, and rpyc is loaded by the
first connection, not by the import. Standard library and rpyc only; runs on Python 3.9.

    with connect() as engine:
        job = engine.swap("/shows/film", "sh010", "hero", frames="1001-1010")
        print(job.wait().results)
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from understudy.answers import EngineFacts, JobError, JobStatus, LogTail, not_understood, status_from
from understudy.endpoint import not_started, runtime_folder, start_engine
from understudy.errors import EngineError
from understudy.link import EngineLink

if TYPE_CHECKING:
    StrPath = str | os.PathLike[str]

__all__ = ["Engine", "EngineFacts", "Job", "JobError", "JobStatus", "LogTail", "connect", "ensure_engine"]

_SHORTEST_POLL_S, _LONGEST_POLL_S = 0.002, 0.1
_POLL_SHARE = 0.01
"""Of the time that a job has taken: waiting adds no more to it than that, and a long job is not asked about often."""

_START_POLL_S = 0.05


class Job:
    """One job of an engine.

    Attributes:
        id: Its name in the engine.
        latest: Its status when it was last heard of; `status` asks anew.
    """

    def __init__(self, engine: Engine, latest: JobStatus) -> None:
        self._engine = engine
        self.id = latest.id
        self.latest = latest

    def __repr__(self) -> str:
        return f"<Job {self.id}: {self.latest.kind} {self.latest.subject}: {self.latest.state}>"

    def status(self) -> JobStatus:
        """The job now."""
        return self._heard("job")

    def cancel(self) -> JobStatus:
        """Asks it to stop; it goes by way of "canceling". What is finished stays."""
        return self._heard("cancel")

    def resume(self) -> JobStatus:
        """Puts a failed or canceled job at the end of its queue again."""
        return self._heard("resume")

    def forget(self) -> None:
        """Takes an ended job off the list. Its results stay."""
        self._engine.ask("forget", self.id)

    def log(self, after: int = 0) -> LogTail:
        """The lines of its log from `after` on; `next` of the answer is the place to go on from."""
        values = self._engine.asked("log", dict, self.id, after)
        lines = values.get("lines")
        if type(lines) is not list or type(values.get("next")) is not int or {type(line) for line in lines} - {str}:
            raise not_understood("log")
        return LogTail(tuple(lines), values["next"])

    def wait(self, timeout_s: float | None = None, on_status: Callable[[JobStatus], object] | None = None) -> JobStatus:
        """Asks until the job has ended. Never for the thread that draws a host's window.

        Args:
            timeout_s: Give up after so long; the status then says that it has not ended.
            on_status: Called with each status that differs from the one before.
        """
        started, shown = time.monotonic(), None
        deadline = None if timeout_s is None else started + timeout_s
        while True:
            status = self.status()
            if on_status is not None and status != shown:
                shown = status
                on_status(status)
            if status.is_ended or (deadline is not None and time.monotonic() >= deadline):
                return status
            elapsed = time.monotonic() - started
            pause = min(max(elapsed * _POLL_SHARE, _SHORTEST_POLL_S), _LONGEST_POLL_S)
            time.sleep(pause if timeout_s is None else max(min(pause, timeout_s - elapsed), 0.0))

    def _heard(self, call: str) -> JobStatus:
        self.latest = status_from(self._engine.asked(call, dict, self.id), call)
        return self.latest


class Engine(EngineLink):
    """A running engine. Made by `connect` and `ensure_engine`; may be used from several threads at once."""

    def hello(self) -> EngineFacts:
        """What the engine says of itself."""
        values = self.asked("hello", dict)
        try:
            facts = EngineFacts(
                **{**values, "protocol": tuple(values["protocol"]), "devices": tuple(values["devices"])}
            )
        except (KeyError, TypeError) as error:
            raise not_understood("hello") from error
        if (type(facts.version), type(facts.pid)) != (str, int) or {type(name) for name in facts.devices} - {str}:
            raise not_understood("hello")
        return facts

    def extract(
        self,
        project: StrPath,
        shot: str,
        identity: str,
        *,
        preset: str | None = None,
        frames: str | None = None,
        min_native: int | None = None,
        overrides: Iterable[str] = (),
    ) -> Job:
        """Starts finding and cropping a shot's faces into the faceset of an identity."""
        request = {"shot": shot, "identity": identity, "preset": preset, "frames": frames, "min_native": min_native}
        return self._submit("extract", project, request, overrides)

    def train(
        self,
        project: StrPath,
        model: str,
        *,
        preset: str | None = None,
        source: str | None = None,
        target: str | None = None,
        iterations: int | None = None,
        minutes: float | None = None,
        pretrain: Iterable[str] = (),
        init_from: Iterable[StrPath] = (),
        parts: Iterable[str] | None = None,
        mapping: Iterable[str] = (),
        fit: bool = False,
        memory: str | None = None,
        overrides: Iterable[str] = (),
    ) -> Job:
        """Starts training a model, or goes on with it.

        Args:
            project: The project folder.
            model: What the model is called.
            preset: Of a new model; the project's when None.
            source: Source identity, when the project has several.
            target: Target identity, likewise.
            iterations: Iteration to reach.
            minutes: How long to train now.
            pretrain: Several identities instead of a pair, for other models to start from.
            init_from: Snapshots and weights files that a new model starts from.
            parts: Which parts of them: "encoder", "inter", "decoder", "source", "target"; all that fit when None.
            mapping: "FROM=TO" for whose part becomes whose.
            fit: Change the preset so that it fits into the engine's memory.
            memory: How much of it `fit` may take, such as "8GiB"; what is free when None.
            overrides: "field=value" changes to the preset.
        """
        request = {
            "model": model,
            "preset": preset,
            "source": source,
            "target": target,
            "iterations": iterations,
            "minutes": minutes,
            "pretrain": list(pretrain) or None,
            "init_from": [_absolute(path) for path in init_from] or None,
            "parts": None if parts is None else list(parts),
            "mapping": list(mapping) or None,
            "fit": fit or None,
            "memory": memory,
        }
        return self._submit("train", project, request, overrides)

    def swap(
        self,
        project: StrPath,
        shot: str,
        model: str,
        *,
        frames: str | None = None,
        comp: bool = False,
        skip_existing: bool = False,
        out: StrPath | None = None,
        overrides: Iterable[str] = (),
    ) -> Job:
        """Starts writing the swapped face of a shot."""
        request = {
            "shot": shot,
            "model": model,
            "frames": frames,
            "comp": comp,
            "skip_existing": skip_existing,
            "out": None if out is None else _absolute(out),
        }
        return self._submit("swap", project, request, overrides)

    def preview(self, project: StrPath, shot: str, model: str, frame: int, *, overrides: Iterable[str] = ()) -> Job:
        """Starts swapping one frame, before everything that waits."""
        return self._submit("preview", project, {"shot": shot, "model": model, "frame": frame}, overrides)

    def inspect(self, path: StrPath) -> Job:
        """Starts looking at a plate, faceset, model file, folder of results or preset; a preset also by its name."""
        return self.submit("inspect", {"path": _absolute_or_name(path)})

    def describe(self, project: StrPath) -> Job:
        """Starts looking at what a project holds: shots, identities, models; and which presets there are."""
        return self.submit("inspect", {"path": _absolute(project)})

    def plan(
        self,
        preset: str,
        *,
        memory: str | None = None,
        batch: int | None = None,
        device: str | None = None,
        overrides: Iterable[str] = (),
    ) -> Job:
        """Starts finding out what of a preset fits into a GPU's memory, "8GiB"; `answers.plan_from` reads it."""
        asked = {"preset": preset, "memory": memory, "batch": batch, "device": device}
        return self._submit("plan", None, asked, overrides)

    def shot(
        self,
        project: StrPath,
        name: str,
        *,
        plate: StrPath,
        frames: str | None = None,
        colorspace: str | None = None,
        layer: str | None = None,
        missing: str | None = None,
        tracks: StrPath | None = None,
        matte: Mapping[str, Any] | None = None,
        make_project: bool = False,
        ocio: str | None = None,
    ) -> Job:
        """Starts adding a shot to a project, or changing one; with `make_project` in a project that it makes first.

        Args:
            project: The project folder.
            name: What the shot is called.
            plate: Path pattern with #### or %04d, one picture, or a movie.
            frames: Such as "1001-1100"; everything on disk when None.
            colorspace: A name of the project's OCIO config; decided from the file when None.
            layer: Layer, part or view to take RGB from; the root when None.
            missing: What frames that are not on disk do: "error", as when None; "hold" the nearest earlier one; "skip".
            tracks: A .csv, .nk or .setting with an artist's tracks, which the face shall move with; none when None.
            matte: An artist's matte, none when None: its "path", and where it is so "channel": "R",
                "shows_occluder": True, "missing": "hold".
            make_project: Make the project when there is none in its folder.
            ocio: OCIO config of a project that is made: a built-in config's name, or an absolute path.
        """
        request = {
            "name": name,
            "plate": _absolute(plate),
            "frames": frames,
            "colorspace": colorspace,
            "layer": layer,
            "missing": missing,
            "tracks": None if tracks is None else _absolute(tracks),
            "matte": matte and {**matte, "path": _absolute(matte["path"])},
            "make_project": make_project,
            "ocio": ocio,
        }
        return self._submit("shot", project, request)

    def identity(
        self, project: StrPath, name: str, role: str, *, synthetic: bool = False, consent: StrPath | None = None
    ) -> Job:
        """Starts adding a "source" or "target" identity to a project, or changing one."""
        request = {"name": name, "role": role, "synthetic": synthetic, "consent": consent and _absolute(consent)}
        return self._submit("identity", project, request)

    def faces(
        self,
        project: StrPath,
        shot: str,
        *,
        sheet: bool = False,
        assign: Mapping[str, str] | None = None,
        cuts: Mapping[str, bool] | None = None,
    ) -> Job:
        """Starts listing the tracks of faces found in a shot, whose they are, and the crops made of them.

        Args:
            project: The project folder.
            shot: The shot.
            sheet: Also write a picture of the tracks.
            assign: Say first whose tracks are: {"2": "ben"}; "-" for nobody, "" to take back what was said.
            cuts: Say first that a cut is there, {"1008": True}, or none; not together with `assign`, since tracks get
                other numbers by a cut.
        """
        said = {"assign": assign and dict(assign), "cuts": cuts and dict(cuts)}
        return self._submit("faces", project, {"shot": shot, "sheet": sheet, **said})

    def deliver(
        self,
        project: StrPath,
        shot: str,
        *,
        model: str | None = None,
        out: StrPath | None = None,
        fusion_first: int | None = None,
    ) -> Job:
        """Starts writing how a shot's patch moves, as corner pins and trackers for Nuke and Fusion."""
        request = {"shot": shot, "model": model, "out": out and _absolute(out), "fusion_first": fusion_first}
        return self._submit("deliver", project, request)

    def submit(self, kind: str, request: Mapping[str, Any]) -> Job:
        """Starts a job of any kind; the methods above say what a request holds.

        Raises:
            SettingsError: The request cannot be meant; nothing was started.
        """
        values = self.asked("submit", dict, kind, json.dumps(request))
        return Job(self, status_from(values, "submit"))

    def job(self, job_id: str) -> Job:
        """The job with this id.

        Raises:
            UnknownNameError: There is none.
        """
        return Job(self, status_from(self.asked("job", dict, job_id), "job"))

    def jobs(self, project: StrPath = "") -> tuple[Job, ...]:
        """The jobs of a project, or of all when it is empty: newest first, each with its status as `latest`."""
        values = self.asked("jobs", list, _absolute(project) if project else "")
        return tuple(Job(self, status_from(each, "jobs")) for each in values)

    def stop(self) -> None:
        """Ends the engine. Running jobs are asked to stop, and can be resumed."""
        self.ask("stop")
        self.close()

    def _submit(
        self, kind: str, project: StrPath | None, request: Mapping[str, Any], overrides: Iterable[str] = ()
    ) -> Job:
        whole = {"project": project and _absolute(project), **request, "overrides": list(overrides) or None}
        return self.submit(kind, {name: value for name, value in whole.items() if value is not None})


def connect(host: str = "") -> Engine:
    """The running engine of this user.

    Args:
        host: Who connects, for the engine's log, such as "nuke 15.1".

    Raises:
        EngineError: None runs, it died, it cannot be trusted, or it speaks another protocol; and what to do.
    """
    engine = Engine(runtime_folder(), host or f"python {sys.version.split()[0]}")
    engine.hello()
    return engine


def ensure_engine(
    command: Sequence[str] | None = None,
    host: str = "",
    environment: Mapping[str, str] | None = None,
    timeout_s: float = 60.0,
) -> Engine:
    """The running engine of this user, started first when there is none.

    The engine is a process of its own: it goes on when this one ends.

    Args:
        command: Starts it; "understudy serve" as found on the PATH, or beside this Python, when None.
        host: Who connects, for the engine's log.
        environment: Of the engine; this process's when None. A host with a Python of its own passes a clean one.
        timeout_s: How long it may take to start.

    Raises:
        EngineError: It cannot be started, or one runs that cannot be used.
    """
    try:
        return connect(host)
    except EngineError as error:
        if error.facts.get("reason") not in ("none", "stopped"):
            raise
    started = start_engine(list(command) if command else None, runtime_folder(), environment)
    deadline = time.monotonic() + timeout_s
    while True:
        has_ended = not started.is_alive()
        try:
            return connect(host)
        except EngineError as error:
            if error.facts.get("reason") not in ("none", "stopped"):
                raise
            if has_ended or time.monotonic() > deadline:
                raise not_started(runtime_folder(), has_ended) from error
        time.sleep(_START_POLL_S)


def _absolute(path: StrPath) -> str:
    """The engine has another working folder. Links stay: a studio's paths are made of them."""
    return os.path.abspath(path)  # noqa: PTH100


def _absolute_or_name(path: StrPath) -> str:
    """A word that is no path from here, such as the name of a preset, stays as it is."""
    text = os.fspath(path)
    is_word = os.path.basename(text) == text and not os.path.splitext(text)[1]  # noqa: PTH119, PTH122
    return text if is_word and not os.path.exists(text) else _absolute(text)  # noqa: PTH110
