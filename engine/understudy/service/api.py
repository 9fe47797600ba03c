"""The calls that a client may make: the whole list, each with plain values, handed to the scheduler."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from understudy import __version__
from understudy.errors import EngineError, SettingsError, UnderstudyError
from understudy.scheduler.record import JobRecord
from understudy.wire import MAX_FRAME, PROTOCOL

if TYPE_CHECKING:
    from understudy.scheduler.scheduler import Scheduler

__all__ = ["Api", "CALLS"]

_LOGGER = logging.getLogger(__name__)

CALLS: Mapping[str, tuple[type, ...]] = {
    "hello": (),
    "submit": (str, str),
    "job": (str,),
    "jobs": (str,),
    "log": (str, int),
    "cancel": (str,),
    "resume": (str,),
    "forget": (str,),
    "stop": (),
}
"""Names of all calls, with the types of their arguments."""

_MAX_NAME = 200
_MAX_PATH = 4096
_MAX_REQUEST = 1 << 18
_MAX_REPLY = MAX_FRAME - 1024


class Api:
    """Answers calls. Thread-safe; keeps nothing of a client.

    Args:
        scheduler: Whose jobs they are.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._started = time.time()
        self._handlers: dict[str, Callable[..., str]] = {
            "hello": self._hello,
            "submit": self._submit,
            "job": lambda job_id: _record(scheduler.job(job_id)),
            "jobs": self._jobs,
            "log": self._log,
            "cancel": lambda job_id: _record(scheduler.cancel(job_id)),
            "resume": lambda job_id: _record(scheduler.resume(job_id)),
            "forget": self._forget,
            "stop": lambda: "",
        }

    def answer(self, name: str, arguments: Sequence[object]) -> str:
        """The reply to one call: JSON text, or empty.

        Raises:
            UnderstudyError: What the caller did wrong, or that the engine failed inside; never anything else.
        """
        _check_arguments(name, arguments)
        try:
            reply = self._handlers[name](*arguments)
        except UnderstudyError:
            raise
        except Exception as error:
            _LOGGER.exception("call %s failed", name)
            text = f"The engine failed inside the call '{name}': {type(error).__name__}. Its log says more."
            raise EngineError(text, reason="inside", call=name) from error
        if len(reply) > _MAX_REPLY:
            text = f"The engine's answer to '{name}' is too large: {len(reply)} characters. Ask for less."
            raise EngineError(text, reason="answer", call=name)
        return reply

    def _hello(self) -> str:
        facts = {
            "version": __version__,
            "protocol": list(PROTOCOL),
            "pid": os.getpid(),
            "devices": list(self._scheduler.devices),
            "started": self._started,
        }
        return json.dumps(facts)

    def _submit(self, kind: str, text: str) -> str:
        try:
            request = json.loads(text)
        except (RecursionError, ValueError) as error:
            raise SettingsError(f"The request of the {kind!r} job is not JSON: {str(error)[:80]}.") from error
        if not isinstance(request, dict):
            raise SettingsError(f"The request of the {kind!r} job must be a JSON object of names and values.")
        return _record(self._scheduler.submit(kind, request))

    def _jobs(self, project: str) -> str:
        """Newest first, as many as one reply holds."""
        records, room = [], _MAX_REPLY - 2
        for record in self._scheduler.jobs(project):
            text = _record(record)
            room -= len(text) + 2
            if room < 0:
                break
            records.append(text)
        return f"[{', '.join(records)}]"

    def _log(self, job_id: str, after: int) -> str:
        tail = self._scheduler.log(job_id, after)
        return json.dumps({"lines": list(tail.lines), "next": tail.next})

    def _forget(self, job_id: str) -> str:
        self._scheduler.forget(job_id)
        return ""


def _record(record: JobRecord) -> str:
    return json.dumps(record.to_json(), default=str)


def _check_arguments(name: str, arguments: Sequence[object]) -> None:
    wanted = CALLS[name]
    if [type(argument) for argument in arguments] != list(wanted):
        takes = ", ".join(kind.__name__ for kind in wanted) or "nothing"
        raise SettingsError(f"The call '{name}' takes {takes}.", call=name)
    for place, argument in enumerate(arguments):
        limit = _MAX_REQUEST if (name, place) == ("submit", 1) else _MAX_PATH if name == "jobs" else _MAX_NAME
        if isinstance(argument, str) and len(argument) > limit:
            raise SettingsError(f"The call '{name}' takes at most {limit} characters there.", call=name, limit=limit)
        if isinstance(argument, int) and argument < 0:
            raise SettingsError(f"The call '{name}' takes no number below 0.", call=name)
