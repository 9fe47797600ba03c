"""The connections of a client to its engine: as many as its threads use at once, opened when they are needed.

Standard library only until the first connection, which loads rpyc; runs on Python 3.9.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from understudy import __version__
from understudy.answers import not_understood
from understudy.errors import EngineError, UnderstudyError

if TYPE_CHECKING:
    from understudy.wire import AskingConnection

__all__ = ["EngineLink"]

_READS = frozenset(["hello", "job", "jobs", "log"])

_Itself = TypeVar("_Itself", bound="EngineLink")


class EngineLink:
    """Asks an engine, from several threads at once.

    When the connection is lost, `hello`, `job`, `jobs` and `log` open it anew, once. Calls that change something do
    not: they raise EngineError, because nobody knows whether the engine has heard them.

    Args:
        folder: The engine's runtime folder.
        host: Who asks, for the engine's log.
    """

    def __init__(self, folder: Path, host: str) -> None:
        self._folder = folder
        self._host = host
        self._lock = threading.Lock()
        self._idle: list[AskingConnection] = []
        self._is_lost = False
        self._is_closed = False

    def __enter__(self: _Itself) -> _Itself:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection; the engine and its jobs go on."""
        self._is_closed = True
        self._drop()

    def asked(self, call: str, kind: type, *arguments: object) -> Any:
        """A call's answer, read from JSON and of the type that is expected.

        Raises:
            EngineError: The answer is something else.
        """
        try:
            values = json.loads(self.ask(call, *arguments))
        except (RecursionError, ValueError) as error:
            raise not_understood(call) from error
        if type(values) is not kind:
            raise not_understood(call)
        return values

    def ask(self, call: str, *arguments: object) -> str:
        """A call's answer as text.

        Raises:
            UnderstudyError: The engine's own error.
            EngineError: No answer: no engine, or the connection was lost.
        """
        is_read = call in _READS
        try:
            return self._ask_once(self._borrowed(is_read), call, arguments)
        except EOFError as error:
            self._drop()
            self._is_lost = True
            if not is_read:
                raise self._lost(call) from error
        try:
            return self._ask_once(self._borrowed(is_read), call, arguments)
        except EOFError as error:
            raise self._lost(call) from error

    def _ask_once(self, connection: AskingConnection, call: str, arguments: Sequence[object]) -> str:
        try:
            reply = connection.ask(call, *arguments)
        except UnderstudyError:
            self._give_back(connection)
            raise
        except TimeoutError as error:
            connection.close()
            text = f"The engine has not answered '{call}' in time. It may be stuck: ask again, or restart it."
            raise EngineError(text, reason="timeout", call=call) from error
        except OSError as error:
            connection.close()
            raise EOFError(str(error)) from error
        except BaseException:
            connection.close()
            raise
        self._give_back(connection)
        return reply

    def _borrowed(self, may_reopen: bool) -> AskingConnection:
        if self._is_closed:
            raise EngineError("This connection was closed: connect() again.", reason="none")
        with self._lock:
            if self._idle:
                return self._idle.pop()
        if self._is_lost and not may_reopen:
            raise self._lost("")
        from understudy.wire import Caller, open_connection

        connection = open_connection(self._folder, Caller(self._host, __version__))
        self._is_lost = False
        return connection

    def _give_back(self, connection: AskingConnection) -> None:
        with self._lock:
            if not self._is_closed:
                self._idle.append(connection)
                return
        connection.close()

    def _drop(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _lost(self, call: str) -> EngineError:
        during = f" during '{call}'" if call else ""
        text = (
            f"The connection to the engine was lost{during}. It may have stopped: connect() again, or start it "
            "(understudy serve); its list of jobs tells what it had taken."
        )
        return EngineError(text, reason="stopped", call=call)
