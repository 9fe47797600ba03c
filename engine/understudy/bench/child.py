"""A measurement in a process of its own: its memory is its own, it can be made to rest, and it can be given up."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing import connection
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any

from understudy.errors import UnderstudyError

__all__ = ["Child", "Turn"]

_LOOK_S = 0.1
_GO, _STOP, _REST, _DONE, _FAILED = "go", "stop", "rest", "done", "failed"


class Turn:
    """What the measurement asks whether it may go on. Made by `Child`.

    Attributes:
        message: One short line about the present moment; whoever measures may change it.
    """

    def __init__(self, link: Connection) -> None:
        self._link = link
        self._ends = 0.0
        self._is_stopped = False
        self.message = ""
        self._hear()

    def pause(self) -> bool:
        """Returns at once while the turn lasts, afterwards when the next one begins; False when it shall stop."""
        if not self._is_stopped and self._link.poll():
            self._hear()
        if not self._is_stopped and time.monotonic() >= self._ends:
            self._link.send((_REST, self.message))
            self._hear()
        return not self._is_stopped

    def _hear(self) -> None:
        said, seconds = self._link.recv()
        self._is_stopped = said == _STOP
        self._ends = time.monotonic() + seconds


class Child:
    """Runs a function in a new process, which works only while it has the turn; use it in a `with` block.

    Args:
        name: What it measures, for messages.
        work: A function of a module; given a `Turn`, and the arguments.
        arguments: Values that can be pickled.
    """

    def __init__(self, name: str, work: Callable[..., Any], *arguments: Any) -> None:
        self._name = name
        self._link, its_link = multiprocessing.Pipe()
        context = multiprocessing.get_context("spawn")
        self._process = context.Process(target=_run, args=(its_link, work, arguments), daemon=True)
        self._process.start()
        its_link.close()
        self.is_done = False
        self.result: Any = None
        self.message = ""

    def __enter__(self) -> Child:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Ends the process, whatever it does."""
        self._process.kill()
        self._process.join()
        self._link.close()

    def turn(self, seconds: float, limit_s: float, on_wait: Callable[[], bool]) -> bool:
        """Lets it work for so long, or until it is done, when `is_done` and `result` say so; False when stopped.

        Args:
            seconds: How long; it rests when it asks next.
            limit_s: When it neither rests nor is done after so long, it is given up.
            on_wait: Asked ten times a second; False stops.

        Raises:
            UnderstudyError: What it raised itself; or that it was killed, or took too long.
        """
        self._link.send((_GO, seconds))
        deadline = time.monotonic() + limit_s
        while not self._link.poll(_LOOK_S):
            if not on_wait():
                return False
            if time.monotonic() > deadline:
                raise UnderstudyError(
                    f"{self._name} did not come to an end in {limit_s:.0f} s and was given up. Allow more time, or ask "
                    "for less."
                )
        try:
            said, value = self._link.recv()
        except (EOFError, OSError) as error:
            self._process.join()
            raise UnderstudyError(
                f"{self._name}: its process ended without an answer (exit code {self._process.exitcode}), most often "
                "for lack of memory. Ask for a smaller batch."
            ) from error
        if said == _FAILED:
            raise value
        self.is_done = said == _DONE
        self.result, self.message = (value, self.message) if self.is_done else (None, value)
        return True

    def stop(self, limit_s: float) -> None:
        """Asks it to stop and save what it has, in its turn or not, and waits for that; not for longer than this."""
        deadline = time.monotonic() + limit_s
        try:
            self._link.send((_STOP, 0.0))
            while not self.is_done and self._link.poll(max(deadline - time.monotonic(), 0.0)):
                self.is_done = self._link.recv()[0] != _REST
        except (EOFError, OSError):
            self.is_done = True


def _run(link: Connection, work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    """The new process: deaf to Ctrl-C, which is its parent's, and not outliving it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        answer = (_DONE, work(Turn(link), *arguments))
        pickle.dumps(answer)
    except UnderstudyError as error:
        answer = (_FAILED, error)
    except Exception as error:  # whatever it is, the parent shall say it rather than wait
        answer = (_FAILED, UnderstudyError(f"The measurement failed: {type(error).__name__}: {error}"))
    link.send(answer)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
