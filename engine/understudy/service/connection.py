"""One client's connection: it reads requests, and answers those on the list. Everything else ends it."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from rpyc.core import consts

from understudy.answers import error_to_values
from understudy.errors import UnderstudyError
from understudy.service.api import CALLS, Api
from understudy.service.request import read_request
from understudy.wire import Refused, ValueConnection

__all__ = ["ServingConnection"]


class ServingConnection(ValueConnection):
    """The engine's end of an RPyC connection.

    Of RPyC's twenty kinds of request it knows one, the call, and of that only a name from `CALLS` with text and whole
    numbers. There is no object to get hold of: what crosses is text.

    Args:
        opened: A connection whose client has proved itself.
        api: Answers.
        on_stop: Called after the reply to `stop` is out.

    Attributes:
        calls: How many were answered.
    """

    def __init__(self, opened: socket.socket, api: Api, on_stop: Callable[[], None]) -> None:
        super().__init__(opened)
        self.calls = 0
        self._api = api
        self._on_stop = on_stop

    def serve_until_closed(self) -> str:
        """Answers until either side ends it; returns how it ended, for the log."""
        try:
            while True:
                self._answer(self._channel.recv())
        except Refused as refusal:
            return f"refused: {refusal}"
        except (EOFError, OSError):
            return "closed"
        finally:
            self.close()

    def _answer(self, data: bytes) -> None:
        request = read_request(data)
        if request.name not in CALLS:
            raise Refused("a call that is not on the list")
        try:
            reply = self._api.answer(request.name, request.arguments)
        except UnderstudyError as error:
            self._send(consts.MSG_EXCEPTION, request.sequence, error_to_values(error))
        else:
            self._send(consts.MSG_REPLY, request.sequence, (consts.LABEL_VALUE, reply))
        self.calls += 1
        if request.name == "stop":
            self._on_stop()

    def _box(self, obj: object) -> Any:
        del obj
        raise TypeError("the engine asks nothing of a client")

    def _unbox(self, package: object) -> Any:
        del package
        raise Refused("the engine takes nothing by reference")
