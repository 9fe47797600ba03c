"""What an engine answers, as values: each is checked before a host sees it.

Standard library only; runs on Python 3.9.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from understudy import errors
from understudy.errors import EngineError, UnderstudyError

__all__ = [
    "EngineFacts",
    "JobError",
    "JobStatus",
    "LogTail",
    "TrainingPlan",
    "error_from_values",
    "error_to_values",
    "not_understood",
    "plan_from",
    "rebuilt_error",
    "status_from",
]

_RESERVED = frozenset(dir(UnderstudyError("")))
_MOST_TEXT = 1 << 16
_ENDED = frozenset(["done", "failed", "canceled"])
_NUMBER = (int, float)
_STATUS_TYPES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(["id", "kind", "project", "subject", "state", "device", "stage", "message", "waits_for"], (str,)),
    **dict.fromkeys(["request", "results"], (dict,)),
    **dict.fromkeys(["created", "done", "total"], _NUMBER),
    **dict.fromkeys(["started", "ended", "seconds_left"], (*_NUMBER, type(None))),
    "error": (dict, type(None)),
}


@dataclass(frozen=True)
class EngineFacts:
    """What an engine says of itself.

    Attributes:
        version: Its version.
        protocol: Lowest and highest protocol that it speaks.
        pid: Its process.
        devices: Where it computes: "cpu", "cuda:0".
        started: When it started, in seconds since 1970.
    """

    version: str
    protocol: tuple[int, ...]
    pid: int
    devices: tuple[str, ...]
    started: float


@dataclass(frozen=True)
class JobError:
    """Why a job failed: class name in `understudy.errors`, what it says, and its facts."""

    kind: str
    message: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class JobStatus:
    """A job at one moment. Times are seconds since 1970.

    Attributes:
        id: Short and unique, such as "20261124-3f9c2a".
        kind: "extract", "train", "swap", "preview", "inspect", "plan", "shot", "identity", "faces" or
            "deliver".
        project: The project folder; empty for a job that needs none.
        subject: What it is about: the shot, the model or the path.
        request: What was asked.
        state: "waiting", "running", "canceling", "done", "failed" or "canceled".
        device: Whose queue it is in: "cpu", "cuda:0".
        created: When it was submitted.
        started: When it began to run; None before.
        ended: When it ended; None before.
        stage: What it does, in one or two words.
        done: How much is finished, in the unit of `total`.
        total: How much there is to do.
        message: One short line about the present moment.
        seconds_left: Estimated; None when unknown.
        waits_for: Why it does not move though it could; empty when it moves.
        results: What it made, by name.
        error: Why it failed; None otherwise.
    """

    id: str
    kind: str
    project: str
    subject: str
    request: Mapping[str, Any]
    state: str
    device: str
    created: float
    started: float | None
    ended: float | None
    stage: str
    done: float
    total: float
    message: str
    seconds_left: float | None
    waits_for: str
    results: Mapping[str, Any]
    error: JobError | None

    @property
    def is_ended(self) -> bool:
        """True when nothing more happens to the job by itself."""
        return self.state in _ENDED

    def failure(self) -> UnderstudyError | None:
        """Why it failed, as an error of its own class that can be raised; None when it did not fail."""
        if self.error is None:
            return None
        kind = "EngineError" if self.error.kind == "EngineStopped" else self.error.kind
        return rebuilt_error(kind, self.error.message, self.error.facts)


@dataclass(frozen=True)
class TrainingPlan:
    """What fits into a device's memory, as a job of the kind "plan" found out. Memory is in bytes.

    Attributes:
        sentence: The answer, for people.
        fits: Whether the batch that was asked about fits.
        batch: That one: the preset's own when none was named.
        available: How much memory there is.
        peak: How much it takes at most, all counted.
        memory: What the tensors of that are for: "weights", "average", "optimiser", "activations", "loss", "backward",
            "rest".
        largest_batch: The largest batch that fits with the preset's other settings; 0 when none does.
        changes: `field=value` overrides, with which it fits; empty when it fits without any, or when nothing fits.
    """

    sentence: str
    fits: bool
    batch: int
    available: int
    peak: int
    memory: Mapping[str, int]
    largest_batch: int
    changes: tuple[str, ...]


@dataclass(frozen=True)
class LogTail:
    """The end of a job's log: its lines, oldest first, and the place to ask for next."""

    lines: tuple[str, ...]
    next: int


def status_from(values: Any, call: str) -> JobStatus:
    """The status in an answer, each value of the type that it must have; what a newer engine adds is passed over.

    Raises:
        EngineError: A value is missing or of another type.
    """
    if type(values) is not dict:
        raise not_understood(call)
    known: dict[str, Any] = {name: values.get(name) for name in _STATUS_TYPES}
    if any(type(value) not in _STATUS_TYPES[name] for name, value in known.items()):
        raise not_understood(call)
    if known["error"] is not None:
        error = {name: known["error"].get(name) for name in ("kind", "message", "facts")}
        if [type(value) for value in error.values()] != [str, str, dict]:
            raise not_understood(call)
        known["error"] = JobError(**error)
    return JobStatus(**known)


def plan_from(status: JobStatus) -> TrainingPlan:
    """The plan that a job of the kind "plan" has made.

    Raises:
        EngineError: The job is of another kind, has not ended well, or a value is missing or of another type.
    """
    results = status.results
    try:
        asked, largest = results["asked"], results["largest"]
        plan = TrainingPlan(
            results["sentence"],
            results["fits"],
            asked["batch"],
            results["available"],
            asked["peak"],
            dict(asked["memory"]),
            largest["batch"] if largest else 0,
            tuple(results["changes"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise not_understood("plan") from error
    counts = [plan.batch, plan.available, plan.peak, plan.largest_batch, *plan.memory.values()]
    if {type(count) for count in counts} != {int} or {type(text) for text in (plan.sentence, *plan.changes)} != {str}:
        raise not_understood("plan")
    return plan


def error_to_values(error: UnderstudyError) -> tuple[str, str, str]:
    """Class, message and facts as an error crosses."""
    message = error.message[:_MOST_TEXT].encode(errors="replace").decode()
    return type(error).__name__, message, json.dumps(error.facts, default=str)[:_MOST_TEXT]


def error_from_values(values: Any) -> UnderstudyError:
    """The error as it was raised in the engine."""
    if type(values) is not tuple or len(values) != 3 or not all(type(value) is str for value in values):
        return EngineError("The engine answered with an error that cannot be read. See its log.", reason="answer")
    kind, message, text = values
    try:
        facts = json.loads(text)
    except ValueError:
        facts = {}
    return rebuilt_error(kind, message, facts if isinstance(facts, dict) else {})


def rebuilt_error(kind: str, message: str, facts: Mapping[str, Any]) -> UnderstudyError:
    """An error of the class that `understudy.errors` calls `kind`, with its facts as attributes.

    A class that this version does not know becomes an UnderstudyError; lists become tuples again.
    """
    found = getattr(errors, kind, None) if kind in errors.__all__ else None
    known = isinstance(found, type) and issubclass(found, UnderstudyError)
    error: UnderstudyError = found.__new__(found) if known else UnderstudyError.__new__(UnderstudyError)  # type: ignore
    plain = {name: tuple(value) if isinstance(value, list) else value for name, value in facts.items()}
    usable = {name: value for name, value in plain.items() if name.isidentifier() and name not in _RESERVED}
    UnderstudyError.__init__(error, message, **usable)
    return error


def not_understood(call: str) -> EngineError:
    """The error for an answer to `call` that is not of the form that this version knows."""
    text = f"The engine's answer to '{call}' is not what this client understands. Are both of one version?"
    return EngineError(text, reason="answer", call=call)
