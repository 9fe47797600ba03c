"""What may cross between engine and client, and how both prove that they are meant.

RPyC carries requests and replies, and nothing else of it is used: no references, no attributes, no callbacks, no
pickles, no compression. A request is a name and plain arguments; a reply is one text. Before the first RPyC byte both
sides agree on a protocol and prove that they know the secret of this start of the engine. The secret never crosses.

Standard library and rpyc only; runs on Python 3.9.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import math
import secrets
import socket
import struct
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rpyc.core import brine, consts
from rpyc.core.channel import Channel
from rpyc.core.protocol import Connection
from rpyc.core.service import VoidService
from rpyc.core.stream import SocketStream

from understudy.answers import error_from_values
from understudy.endpoint import Endpoint, read_endpoint
from understudy.errors import EngineError

__all__ = [
    "AskingConnection",
    "Caller",
    "DeadlineStream",
    "LOCKED",
    "Refused",
    "ValueChannel",
    "ValueConnection",
    "greet_client",
    "greet_engine",
    "open_connection",
]

PROTOCOL = (1, 1)
"""Lowest and highest protocol that this side speaks."""

MAX_FRAME = 1 << 20
MAX_GREETING = 4096
GREETING_S = 2.0
FRAME_S = 5.0
CALL_S = 10.0
_CONNECT_S = 2.0
_RETRY_S = 0.01
_TRIES = 3
_CHUNK = 1 << 16
_MAGIC = "understudy"
_REPLY, _EXCEPTION = bytes([consts.MSG_REPLY]), bytes([consts.MSG_EXCEPTION])

LOCKED: dict[str, Any] = {
    "allow_safe_attrs": False,
    "safe_attrs": set(),
    "allow_exposed_attrs": False,
    "allow_public_attrs": False,
    "allow_all_attrs": False,
    "allow_getattr": False,
    "allow_setattr": False,
    "allow_delattr": False,
    "allow_pickle": False,
    "include_local_traceback": False,
    "include_local_version": False,
    "instantiate_custom_exceptions": False,
    "import_custom_exceptions": False,
    "propagate_SystemExit_locally": False,
    "propagate_KeyboardInterrupt_locally": False,
    "close_catchall": True,
    "bind_threads": False,
    "log_exceptions": False,
}
"""RPyC's settings. The classes here and in `service` refuse by themselves; this is the second lock on the same door."""


class Refused(EOFError):  # noqa: N818  # RPyC closes a connection quietly on EOFError, and on nothing else
    """The other side does what it may not, or not in time. The connection ends."""


class DeadlineStream(SocketStream):  # type: ignore[misc]
    """A stream that gives neither a slow sender nor a slow receiver more than a fixed time.

    Whatever has arrived is taken with one call to the system and kept for the next reader.

    Args:
        opened: Whose timeout is this stream's from now on.
    """

    __slots__ = ("_ahead",)

    def __init__(self, opened: socket.socket) -> None:
        super().__init__(opened)
        self._ahead = b""
        opened.settimeout(FRAME_S)

    def wait(self, wait_s: float = math.inf) -> None:
        """Returns when something is there to read.

        Raises:
            TimeoutError: Nothing came within `wait_s` seconds.
            EOFError: The other side has gone.
        """
        deadline = time.monotonic() + wait_s
        left = wait_s
        while not self._ahead:
            try:
                if left < FRAME_S:
                    self.sock.settimeout(left)
                self._ahead = self.sock.recv(_CHUNK)
            except socket.timeout as error:  # noqa: UP041  # its name on Python 3.9
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError from error
                continue
            except OSError as error:
                self.close()
                raise EOFError(str(error)) from error
            if not self._ahead:
                self.close()
                raise EOFError("closed")
        if left < FRAME_S:
            self.sock.settimeout(FRAME_S)

    def read(self, count: int) -> bytes:
        """Exactly `count` bytes within `FRAME_S`."""
        return self.read_until(count, time.monotonic() + FRAME_S)

    def read_until(self, count: int, deadline: float) -> bytes:
        """Exactly `count` bytes before `deadline`, a time of `time.monotonic`.

        Raises:
            Refused: The time is over.
            EOFError: The other side has gone.
        """
        data, self._ahead = self._ahead[:count], self._ahead[count:]
        if len(data) == count:
            return data
        try:
            data += _received(self.sock, count - len(data), deadline)
            self.sock.settimeout(FRAME_S)
        except EOFError:
            self.close()
            raise
        return data

    def write(self, data: bytes) -> None:
        """Sends everything within `FRAME_S`.

        Raises:
            EOFError: The other side has gone, or does not take it.
        """
        try:
            self.sock.sendall(data)
        except OSError as error:
            self.close()
            raise EOFError(str(error)) from error


class ValueChannel(Channel):  # type: ignore[misc]
    """Whole frames of at most `MAX_FRAME` bytes, never compressed, each within `FRAME_S` of its first byte."""

    __slots__ = ()

    def __init__(self, stream: DeadlineStream) -> None:
        super().__init__(stream, compress=False)

    def recv(self, wait_s: float = math.inf) -> bytes:
        """The next frame.

        Args:
            wait_s: Seconds until its first byte.

        Raises:
            TimeoutError: Nothing came.
            Refused: It is compressed, too large or too slow.
        """
        self.stream.wait(wait_s)
        deadline = time.monotonic() + FRAME_S
        length, compressed = self.FRAME_HEADER.unpack(self.stream.read_until(self.FRAME_HEADER.size, deadline))
        if compressed or length > MAX_FRAME:
            self.close()
            raise Refused("a compressed frame" if compressed else f"a frame of {length} bytes")
        data: bytes = self.stream.read_until(length + len(self.FLUSHER), deadline)
        return data[:length]

    def send(self, data: bytes) -> None:
        """Sends one frame.

        Raises:
            EOFError: It is too large, or the other side does not take it.
        """
        if len(data) > MAX_FRAME:
            raise Refused(f"a frame of {len(data)} bytes")
        self.stream.write(self.FRAME_HEADER.pack(len(data), 0) + data + self.FLUSHER)


class ValueConnection(Connection):  # type: ignore[misc]
    """What both ends of a connection are: plain values in whole frames, and none of RPyC's kinds of request.

    Args:
        opened: A connection whose ends have proved themselves.
    """

    def __init__(self, opened: socket.socket) -> None:
        super().__init__(VoidService(), ValueChannel(DeadlineStream(opened)), LOCKED)

    def close(self) -> None:
        """Ends it at once, and the other side sees its end: RPyC's own way would ask that side and wait for it."""
        if not self._closed:
            self._cleanup()

    @classmethod
    def _request_handlers(cls) -> dict[int, Callable[..., Any]]:
        return {}

    def _dispatch(self, data: bytes) -> None:
        """What RPyC would do with a frame by itself: nothing."""
        del data
        self._recvlock.release()
        raise Refused("a frame that nobody waits for")


class AskingConnection(ValueConnection):
    """The client's end: it asks, and answers nothing. For one thread at a time.

    A request and its reply have RPyC's form; they are sent and awaited here, because RPyC's own way, which many
    threads may share, costs a client that asks often half as much again.
    """

    def ask(self, name: str, *arguments: object) -> str:
        """The reply to one request.

        Raises:
            UnderstudyError: The engine's own error, of its own class.
            EOFError: The connection is lost.
            TimeoutError: No reply within `CALL_S`.
        """
        number = self._get_seq_id()
        self._send(consts.MSG_REQUEST, number, (consts.HANDLE_CALL, (consts.LABEL_VALUE, (name, *arguments))))
        data = self._channel.recv(CALL_S)
        if data[:1] not in (_REPLY, _EXCEPTION):
            raise Refused("an engine that asks")
        try:
            message = brine.load(data[1:])
        except Exception as error:  # RPyC's reader raises whatever it stumbles over
            raise Refused("a reply that cannot be read") from error
        if type(message) is not tuple or len(message) != 2 or message[0] != number:
            raise Refused("a reply to another request")
        if data[:1] == _EXCEPTION:
            raise error_from_values(message[1])
        return _text(message[1])


def _text(reply: Any) -> str:
    if type(reply) is tuple and len(reply) == 2 and reply[0] == consts.LABEL_VALUE and type(reply[1]) is str:
        return str(reply[1])
    raise Refused("a reply that is no text")


class Caller:
    """Who is at the other end, as it says itself.

    Args:
        host: The program, such as "nuke 15.1".
        version: The version of its client.
    """

    def __init__(self, host: str, version: str) -> None:
        self.host = host
        self.version = version


def open_connection(folder: Path, caller: Caller) -> AskingConnection:
    """A new connection to the engine of a runtime folder, that both ends trust.

    A crowd at the engine's door may push it out before it has proved itself: it tries again.

    Raises:
        EngineError: No engine runs, it died, it cannot be trusted, or it speaks another protocol.
    """
    endpoint = read_endpoint(folder)
    for left in reversed(range(_TRIES)):
        opened = _socket(folder, endpoint)
        try:
            greet_engine(opened, endpoint.token, caller)
            return AskingConnection(opened)
        except EOFError as error:
            opened.close()
            if not left:
                raise _dead(endpoint, f"does not answer as an engine ({error})") from error
        except BaseException:
            opened.close()
            raise
        time.sleep(_RETRY_S)
    raise AssertionError("unreachable")


def _socket(folder: Path, endpoint: Endpoint) -> socket.socket:
    is_tcp = endpoint.kind == "tcp"
    opened = socket.socket(socket.AF_INET if is_tcp else socket.AF_UNIX, socket.SOCK_STREAM)
    deadline = time.monotonic() + _CONNECT_S
    try:
        if is_tcp:
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        opened.settimeout(_CONNECT_S)
        while True:
            try:
                opened.connect(("127.0.0.1", int(endpoint.address)) if is_tcp else str(folder / endpoint.address))
                return opened
            except BlockingIOError:  # its queue is full
                if time.monotonic() > deadline:
                    raise
                time.sleep(_RETRY_S)
    except OSError as error:
        opened.close()
        raise _dead(endpoint, f"cannot be reached ({error.strerror or error})") from error


def _dead(endpoint: Endpoint, problem: str) -> EngineError:
    text = f"The engine (process {endpoint.pid}) {problem}: it has stopped or died. Start it again: understudy serve"
    return EngineError(text, reason="stopped", pid=endpoint.pid)


def greet_engine(opened: socket.socket, token: str, caller: Caller) -> None:
    """The client's half of the greeting.

    Raises:
        EngineError: Protocols do not meet ("version"), one side does not know the secret ("secret"), or the engine has
            no room ("full").
        EOFError: What listens there hangs up, is too slow, or is no engine.
    """
    deadline = time.monotonic() + GREETING_S
    greeting = _receive_message(opened, deadline)
    theirs: Any = greeting.get("protocol")
    version = str(greeting.get("version"))[:40]
    if greeting.get("magic") != _MAGIC or not _is_range(theirs):
        raise Refused("no engine listens there")
    protocol = min(PROTOCOL[1], theirs[1])
    if protocol < max(PROTOCOL[0], theirs[0]):
        raise _other_version(theirs, version, caller)
    nonce = secrets.token_hex(16)
    spoken = _spoken(greeting.get("nonce"), nonce, protocol, theirs)
    answer = {"protocol": protocol, "nonce": nonce, "mac": _mac(token, "client", spoken)}
    _send_message(opened, {**answer, "host": caller.host[:80], "version": caller.version[:40]}, deadline)
    verdict = _receive_message(opened, deadline)
    if verdict.get("refused") == "full":
        raise EngineError(
            f"The engine has no room for one more connection: {verdict.get('limit')} are open. Close one, or wait.",
            reason="full",
        )
    if "refused" in verdict or not _is_mac(verdict.get("mac"), token, "engine", spoken):
        text = (
            "What listens there does not know this engine's secret: endpoint.json is not its own. Restart the engine."
        )
        raise EngineError(text, reason="secret")


def greet_client(opened: socket.socket, token: str, version: str, admit: Callable[[], int]) -> Caller:
    """The engine's half of the greeting.

    Args:
        opened: The new connection.
        token: The secret of this start.
        version: The engine's version.
        admit: Called when the client has proved itself: 0 lets it in, a number is the limit that is reached.

    Raises:
        Refused: It has not proved itself, not in time, or found no room.
        EOFError: It hung up.
    """
    deadline = time.monotonic() + GREETING_S
    ours = secrets.token_hex(16)
    greeting = {"magic": _MAGIC, "protocol": list(PROTOCOL), "version": version, "nonce": ours}
    _send_message(opened, greeting, deadline)
    answer = _receive_message(opened, deadline)
    protocol = answer.get("protocol")
    if type(protocol) is not int or not PROTOCOL[0] <= protocol <= PROTOCOL[1]:
        _send_message(opened, {"refused": "version"}, deadline)
        raise Refused("another protocol")
    spoken = _spoken(ours, answer.get("nonce"), protocol, PROTOCOL)
    if not _is_mac(answer.get("mac"), token, "client", spoken):
        _send_message(opened, {"refused": "secret"}, deadline)
        raise Refused("wrong secret")
    limit = admit()
    if limit:
        _send_message(opened, {"refused": "full", "limit": limit}, deadline)
        raise Refused("no room")
    _send_message(opened, {"mac": _mac(token, "engine", spoken)}, deadline)
    return Caller(str(answer.get("host"))[:80], str(answer.get("version"))[:40])


def _other_version(theirs: Any, version: str, caller: Caller) -> EngineError:
    older = "the engine" if theirs[1] < PROTOCOL[0] else f"this plug-in ({caller.host})"
    text = (
        f"The engine (version {version}) speaks protocol {theirs[0]}-{theirs[1]}, this client (version "
        f"{caller.version}) speaks {PROTOCOL[0]}-{PROTOCOL[1]}: update {older}, then restart it."
    )
    return EngineError(text, reason="version", engine=version, client=caller.version)


def _is_range(value: Any) -> bool:
    return type(value) is list and len(value) == 2 and all(type(part) is int for part in value)


def _spoken(ours: Any, theirs: Any, protocol: int, offered: Any) -> str:
    """Everything that both sides said, so that none of it can be changed or played again."""
    return json.dumps([ours, theirs, protocol, list(offered)])


def _mac(token: str, side: str, spoken: str) -> str:
    return hmac.new(bytes.fromhex(token), f"{side}|{spoken}".encode(), hashlib.sha256).hexdigest()


def _is_mac(value: Any, token: str, side: str, spoken: str) -> bool:
    return type(value) is str and hmac.compare_digest(value.encode(), _mac(token, side, spoken).encode())


def _send_message(opened: socket.socket, message: Mapping[str, Any], deadline: float) -> None:
    data = json.dumps(message).encode()
    try:
        opened.settimeout(max(deadline - time.monotonic(), 0.001))
        opened.sendall(struct.pack("!L", len(data)) + data)
    except OSError as error:
        raise EOFError(str(error)) from error


def _receive_message(opened: socket.socket, deadline: float) -> dict[str, Any]:
    (length,) = struct.unpack("!L", _received(opened, 4, deadline))
    if not 2 <= length <= MAX_GREETING:
        raise Refused("no greeting")
    try:
        message = json.loads(_received(opened, length, deadline))
    except (RecursionError, ValueError) as error:
        raise Refused("no greeting") from error
    if type(message) is not dict:
        raise Refused("no greeting")
    return message


def _received(opened: socket.socket, count: int, deadline: float) -> bytes:
    data = bytearray()
    while len(data) < count:
        left = deadline - time.monotonic()
        if left <= 0:
            raise Refused("too slow")
        try:
            opened.settimeout(left)
            part = opened.recv(min(_CHUNK, count - len(data)))
        except socket.timeout as error:  # noqa: UP041  # its name on Python 3.9
            raise Refused("too slow") from error
        except OSError as error:
            raise EOFError(str(error)) from error
        if not part:
            raise EOFError("closed")
        data += part
    return bytes(data)
