"""What is known of a job: what was asked, how far it has come, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

__all__ = ["JobError", "JobRecord", "JobState", "LogTail"]


class JobState(StrEnum):
    """Where a job stands.

    waiting -> running -> done | failed; a running job that is asked to stop goes by way of canceling to canceled,
    unless it ended by itself before it heard; a waiting one is canceled at once. A failed or canceled job can be
    resumed: it is waiting again, under the same id.
    """

    WAITING = "waiting"
    RUNNING = "running"
    CANCELING = "canceling"
    DONE = "done"
    FAILED = "failed"
    CANCELED = "canceled"

    @property
    def is_ended(self) -> bool:
        """True when nothing more happens to the job by itself."""
        return self in (JobState.DONE, JobState.FAILED, JobState.CANCELED)


@dataclass(frozen=True)
class JobError:
    """Why a job failed.

    Attributes:
        kind: Class name in `understudy.errors`; "EngineStopped" when engine or worker died under it.
        message: What happened, where, and what to do.
        facts: Plain values, as the error keeps them.
    """

    kind: str
    message: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class JobRecord:
    """A job at one moment. Times are seconds since 1970.

    Attributes:
        id: Short and unique, such as "20261124-3f9c2a".
        kind: "extract", "train", "swap", "preview", "inspect", "plan", "shot", "identity", "faces" or
            "deliver".
        project: Absolute path of the project folder; empty for a job that needs none.
        subject: What it is about, for people: the shot, the model or the path.
        request: What was asked, complete and plain; resuming asks the same again.
        state: Where it stands.
        device: Whose queue it is in: "cpu", "cuda:0".
        created: When it was submitted.
        started: When it began to run; None before.
        ended: When it ended; None before.
        stage: What it does, as `Progress.stage`.
        done: How much is finished, in the unit of `total`.
        total: How much there is to do.
        message: One short line about the present moment.
        seconds_left: Estimated; None when unknown.
        waits_for: Why it does not move though it could, such as "paused for preview of sh010"; empty when it moves.
        results: What it made, by name: paths, counts, patterns. Plain values.
        error: Why it failed; None otherwise.
    """

    id: str
    kind: str
    project: str
    subject: str
    request: Mapping[str, Any]
    state: JobState
    device: str
    created: float
    started: float | None = None
    ended: float | None = None
    stage: str = ""
    done: float = 0.0
    total: float = 0.0
    message: str = ""
    seconds_left: float | None = None
    waits_for: str = ""
    results: Mapping[str, Any] = field(default_factory=dict)
    error: JobError | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values by the names of the attributes; its mappings are not copied, so that a poll costs little."""
        error = None if self.error is None else dict(vars(self.error))
        return {**vars(self), "state": self.state.value, "error": error}

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> JobRecord:
        """The record that `to_json` wrote.

        Raises:
            ValueError, KeyError, TypeError: These are not the values of a record.
        """
        error = values["error"]
        record = JobRecord(
            **{
                **values,
                "state": JobState(values["state"]),
                "error": None if error is None else JobError(str(error["kind"]), str(error["message"]), error["facts"]),
            }
        )
        for field_name, kinds in _TYPES.items():
            if not isinstance(getattr(record, field_name), kinds):
                raise TypeError(f"'{field_name}' is {type(getattr(record, field_name)).__name__}")
        return record


_TYPES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("id", "kind", "project", "subject", "device", "stage", "message", "waits_for"), (str,)),
    **dict.fromkeys(("request", "results"), (dict,)),
    **dict.fromkeys(("created", "done", "total"), (int, float)),
    **dict.fromkeys(("started", "ended", "seconds_left"), (int, float, type(None))),
}


@dataclass(frozen=True)
class LogTail:
    """The end of a job's log.

    Attributes:
        lines: From the place that was asked for, oldest first.
        next: The place to ask for next.
    """

    lines: tuple[str, ...]
    next: int
