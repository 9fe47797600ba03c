"""Follows the jobs of nodes, one thread for each: it asks the engine, and knobs are set in Nuke's main thread only.

A watch ends when its job has ended, its node is deleted or the script is closed; the job itself goes on. It outlasts
the engine: when that dies and comes back, the job is found again by its id.
"""

from __future__ import annotations

import contextlib
import functools
import threading
import traceback
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import nuke

from understudy_nuke import session
from understudy_nuke._engine import client
from understudy_nuke._engine.errors import EngineError, UnderstudyError, UnknownNameError
from understudy_nuke.errands import Errand
from understudy_nuke.knobs import Asked, is_alive, log, plain, remember_jobs, remembered_jobs, show, show_fault

__all__ = ["Aside", "Watch", "duration", "end_all", "in_main_thread", "progress_line", "watch_of"]

_POLL_S = 0.4
_GONE_POLL_S = 2.0
_GONE = "The engine does not answer. The job goes on when the engine is back: 'Find or start' in the tab Shot."


class _NodeGoneError(Exception):
    """The node was deleted, or its script closed."""


class _GivenUpError(Exception):
    """The artist asked to stop while no engine was there to be told."""


class _End(NamedTuple):
    """How an errand ended, in words."""

    text: str
    is_fault: bool = False
    is_done: bool = False


class Watch:
    """What a node waits for: the steps of an errand, one after another.

    Args:
        node: The node.
        errand: What it does.
        asked: What the knobs asked when it began.
        job_id: Of a job that was begun earlier and is to be followed; empty to begin.
    """

    def __init__(self, node: nuke.Node, errand: Errand, asked: Asked, job_id: str = "") -> None:
        self.node = node
        self.errand = errand
        self.asked = asked
        self._job_id = job_id
        self._ended = threading.Event()
        self._is_canceled = False
        self._has_resumed = False
        self._line = ""
        self.thread: threading.Thread | None = None

    def start(self) -> None:
        """Begins in a thread; without Nuke's window it runs straight through and returns when all is done."""
        _watches().append(self)
        if not nuke.GUI:
            self.run()
            return
        self.thread = threading.Thread(target=self.run, name=f"understudy-{self.errand.name}", daemon=True)
        self.thread.start()

    def cancel(self) -> None:
        """Asks the job to stop, at the next look at it."""
        self._is_canceled = True

    def end(self) -> None:
        """Stops watching; the job goes on."""
        self._ended.set()

    def run(self) -> None:
        """Does the steps; whatever goes wrong lands on the node."""
        end: _End | None
        try:
            end = self._steps()
        except _NodeGoneError:
            end = None
        except _GivenUpError:
            end = _End(
                f"{self.errand.title}: followed no more, since no engine answers. The next one may go on with it."
            )
        except UnknownNameError as error:
            end = _End(f"{self.errand.title}: {error.message}", is_fault=error.facts.get("kind") != "job")
        except UnderstudyError as error:
            end = _End(error.message, is_fault=True)
        except Exception as error:
            end = _End(f"{session.sentence(error)}\n{traceback.format_exc()}", is_fault=True)
        try:
            with contextlib.suppress(_NodeGoneError):
                if end is not None:
                    self._in_main(self._conclude, end)
        finally:
            self._ended.set()
            _watches().remove(self)

    def _steps(self) -> _End:
        """Does one step after the other, from the job that is followed already, and says how the errand ended.

        Raises:
            _NodeGoneError: Watching ended before.
            _GivenUpError: The artist gave it up.
            UnderstudyError: The engine's own.
        """
        with self._connected() as engine:
            job = engine.job(self._job_id) if self._job_id else None
            steps = list(self.errand.steps)
            while job is not None and steps[0].kind != job.latest.kind:
                steps.pop(0)
                if not steps:
                    return _End(f"Job {job.id} is a {job.latest.kind}, which was not asked for here.", is_fault=True)
            for step in steps:
                if self._is_canceled and job is None:
                    return _End(f"{self.errand.title}: stopped before it began.")
                if job is None:
                    engine.hello()  # opens a lost connection anew, which submitting may not
                    job = step.submit(engine, self.asked)
                    if job is None:
                        continue
                    self._in_main(self._remember, job.id)
                status = self._follow(job)
                if status.state != "done":
                    return self._unfinished(status)
                self._in_main(self._finish, step.finish, status.results)
                job = None
        return _End(f"{self.errand.title}: done.", is_done=True)

    def _connected(self) -> client.Engine:
        """The engine; for a job of earlier it is waited for."""
        while True:
            try:
                return session.connected()
            except EngineError as error:
                if not self._job_id or error.facts.get("reason") not in session.GONE:
                    raise
            self._wait_for_engine()

    def _wait_for_engine(self) -> None:
        """Says that none answers, and returns after a while."""
        if self._is_canceled:
            raise _GivenUpError
        self._say(_GONE)
        if self._ended.wait(_GONE_POLL_S):
            raise _NodeGoneError

    def _follow(self, job: client.Job) -> client.JobStatus:
        """The job's status when it has ended."""
        has_asked = False
        while True:
            try:
                status = job.status()  # first, since it opens a lost connection anew
                if self._is_canceled and not (has_asked or status.is_ended):
                    status, has_asked = job.cancel(), True
                elif self._is_to_go_on(status):
                    status, self._has_resumed = job.resume(), True
                    self._in_main(log, self.node, f"{self.errand.title}: the engine had stopped; the job goes on.")
            except EngineError as error:
                if error.facts.get("reason") not in session.GONE:
                    raise
                self._wait_for_engine()
                continue
            if status.is_ended:
                return status
            self._say(progress_line(status))
            if self._ended.wait(_POLL_S):
                raise _NodeGoneError

    def _is_to_go_on(self, status: client.JobStatus) -> bool:
        """True for a job that did not fail by itself, but with its engine; once, as it may be what kills engines."""
        is_stopped = status.error is not None and status.error.kind == "EngineStopped"
        return is_stopped and not self._is_canceled and not self._has_resumed

    def _unfinished(self, status: client.JobStatus) -> _End:
        if status.state == "canceled":
            return _End(f"{self.errand.title}: stopped. What is finished stays.")
        return _End(status.error.message, is_fault=True)

    def _say(self, line: str) -> None:
        if line != self._line:
            self._line = line
            self._in_main(show, self.node, {self.errand.line: plain(line)})

    def _remember(self, job_id: str) -> None:
        remember_jobs(self.node, {**remembered_jobs(self.node), self.errand.name: job_id})

    def _finish(self, finish: Callable[..., None], results: Any) -> None:
        finish(self.node, self.asked, results)

    def _conclude(self, end: _End) -> None:
        first = end.text.split("\n", 1)[0]
        log(self.node, end.text)
        if self.errand.shows_end or not end.is_done:
            show(self.node, {self.errand.line: plain(first)})
        if end.is_fault:
            show_fault(self.node, first)
        kept = {name: job for name, job in remembered_jobs(self.node).items() if name != self.errand.name}
        remember_jobs(self.node, kept)

    def _in_main(self, call: Callable[..., Any], *arguments: Any) -> Any:
        """What a call returns that Nuke's main thread makes, if the node is still there.

        Raises:
            _NodeGoneError: It is not, or watching has ended.
        """

        def guarded() -> Any:
            if self._ended.is_set() or not is_alive(self.node):
                raise _NodeGoneError
            return call(*arguments)

        return in_main_thread(guarded)


class Aside:
    """One question that a thread answers, and whose answer goes into knobs.

    Args:
        node: The node.
        line: The knob that shows what went wrong.
        ask: Gives knobs to set; called in a thread, or at once where Nuke has no window.
    """

    def __init__(self, node: nuke.Node, line: str, ask: Callable[[], Mapping[str, object]]) -> None:
        self._node = node
        self._line = line
        self._ask = ask
        self.thread: threading.Thread | None = None

    def start(self) -> None:
        """Asks."""
        if not nuke.GUI:
            self.run()
            return
        self.thread = threading.Thread(target=self.run, name="understudy-aside", daemon=True)
        self.thread.start()

    def run(self) -> None:
        """Asks and shows the answer."""
        fault = ""
        try:
            values = self._ask()
        except Exception as error:
            fault = session.sentence(error)
            values = {self._line: plain(fault)}
        with contextlib.suppress(_NodeGoneError):
            in_main_thread(lambda: self._show(values, fault))

    def _show(self, values: Mapping[str, object], fault: str) -> None:
        if is_alive(self._node):
            show(self._node, values)
            show_fault(self._node, fault)
            if fault:
                log(self._node, fault)


def in_main_thread(call: Callable[[], Any]) -> Any:
    """What a call returns, made by Nuke's main thread; its error is raised here.

    Nuke itself would print the error and return None, and would hang when it is asked from its main thread.
    """
    if not nuke.GUI or threading.current_thread() is threading.main_thread():
        return call()
    answer = nuke.executeInMainThreadWithResult(_outcome, args=(call,))
    if answer is None:
        raise _NodeGoneError
    value, error = answer
    if error is not None:
        raise error
    return value


def progress_line(status: client.JobStatus) -> str:
    """How far a job is, in one line."""
    if status.state == "waiting":
        return f"waiting{': ' + status.waits_for if status.waits_for else ' for its turn'}"
    if status.state == "canceling":
        return "stopping"
    parts = [status.stage or "starting"]
    if status.total > 0:
        parts.append(f"{status.done:.4g} of {status.total:.4g}")
    parts += [part for part in (status.message, status.waits_for) if part]
    if status.seconds_left is not None:
        parts.append(f"{duration(status.seconds_left)} left")
    return ", ".join(parts)


def duration(seconds: float) -> str:
    """A time as people say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def watch_of(node: nuke.Node, errand: str = "") -> list[Watch]:
    """The watches of a node, of one errand or of all."""
    known = [watch for watch in list(_watches()) if is_alive(watch.node)]
    return [watch for watch in known if watch.node == node and errand in ("", watch.errand.name)]


def end_all() -> None:
    """Stops watching every node, as when the script is closed. Jobs go on."""
    for watch in list(_watches()):
        watch.end()


def end_of_this_node() -> None:
    """Stops watching the node that Nuke is deleting."""
    for watch in watch_of(nuke.thisNode()):
        watch.end()


@functools.cache
def _watches() -> list[Watch]:
    """Those that run. The first call asks Nuke to tell when a script is closed or a node deleted."""
    nuke.addOnScriptClose(end_all)
    nuke.addOnDestroy(end_of_this_node, nodeClass="Group")
    return []


def _outcome(call: Callable[[], Any]) -> tuple[Any, BaseException | None]:
    try:
        return call(), None
    except Exception as error:
        return None, error
