"""What a hostile process on the same machine would try on an engine. None of it may get anything.

An attack returns when it was refused, and raises `BreachError` when it got something. It may take as long as the
engine's deadlines, five seconds. Those after the greeting know the secret: a program of the same user, gone mad.
"""

from __future__ import annotations

import contextlib
import os
import random
import socket
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from rpyc.core import brine, consts

from understudy import wire
from understudy.endpoint import Endpoint, read_endpoint
from understudy.errors import EngineError
from understudy.wire import MAX_FRAME, Caller

__all__ = ["ATTACKS", "BreachError", "SLOW"]

Random = random.Random
_CALLER = Caller("hostile", "0")
_PATIENCE_S = 8.0
_HEADER = struct.Struct("!LB")
_NAMES = (
    *("__class__", "__dict__", "__globals__", "__reduce__", "__reduce_ex__", "__init__", "__new__", "__subclasses__"),
    *("__getattribute__", "__call__", "_scheduler", "_handlers", "exposed_hello", "answer", "serve", "close", "x"),
)


class BreachError(AssertionError):
    """An attack got something."""


def no_secret(folder: Path, dice: Random) -> None:
    """RPyC from the first byte, as any RPyC client speaks."""
    with _raw(folder) as opened:
        opened.sendall(_framed(_request(consts.HANDLE_GETROOT, ())))
        _expect_only_a_greeting(opened)
    del dice


def wrong_secret(folder: Path, dice: Random) -> None:
    """The right words with a guessed secret."""
    with _raw(folder) as opened:
        try:
            wire.greet_engine(opened, dice.randbytes(32).hex(), _CALLER)
        except (EngineError, EOFError):
            return
    raise BreachError("a guessed secret was taken")


def replayed(folder: Path, dice: Random) -> None:
    """What a good client said a moment ago, said again."""
    del dice
    endpoint = read_endpoint(folder)
    with _raw(folder) as opened:
        greeting = wire._receive_message(opened, time.monotonic() + 2)
        spoken = wire._spoken(greeting["nonce"], "00", 1, greeting["protocol"])
        answer = {"protocol": 1, "nonce": "00", "mac": wire._mac(endpoint.token, "client", spoken)}
        wire._send_message(opened, answer, time.monotonic() + 2)
        if "mac" not in wire._receive_message(opened, time.monotonic() + 2):
            raise EOFError("the good client was not let in")
    with _raw(folder) as opened:
        wire._receive_message(opened, time.monotonic() + 2)
        wire._send_message(opened, answer, time.monotonic() + 2)
        _expect_end(opened, may_say=b"secret")


def other_user(folder: Path, dice: Random) -> None:
    """The same socket from another user's process. Only root can play this."""
    del dice
    endpoint = read_endpoint(folder)
    if os.name != "posix" or os.geteuid() != 0 or endpoint.kind != "unix":
        return
    done = subprocess.run(  # noqa: S603  # our own interpreter
        [sys.executable, "-I", "-c", _AS_NOBODY, str(folder / endpoint.address), str(folder / "endpoint.json")],
        capture_output=True,
        check=False,
    )
    if done.stdout.strip() != b"refused refused":
        raise BreachError(f"another user got {done.stdout!r} {done.stderr!r}")


def half_greeting(folder: Path, dice: Random) -> None:
    """A greeting that never ends."""
    with _raw(folder) as opened:
        opened.sendall(b"\0\0\x01\0{"[: dice.randrange(6)])
        _expect_only_a_greeting(opened)


def broken_greeting(folder: Path, dice: Random) -> None:
    """A greeting of random bytes, or a true one with some changed."""
    good = b'{"protocol": 1, "nonce": "00", "mac": "' + b"0" * 64 + b'"}'
    text = dice.randbytes(dice.randrange(300)) if dice.random() < 0.5 else _mutated(good, dice)
    with _raw(folder) as opened:
        with contextlib.suppress(OSError):
            opened.sendall(struct.pack("!L", len(text)) + text)
            opened.shutdown(socket.SHUT_WR)
        _expect_only_a_greeting(opened)


def http_request(folder: Path, dice: Random) -> None:
    """A browser that was led here."""
    del dice
    with _raw(folder) as opened:
        opened.sendall(b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\n\r\n{}")
        _expect_only_a_greeting(opened)


def flood(folder: Path, dice: Random) -> None:
    """Many silent connections at once."""
    with contextlib.ExitStack() as stack:
        for _ in range(dice.randrange(50, 400)):
            with contextlib.suppress(OSError):
                stack.enter_context(_raw(folder))
        time.sleep(0.2)


def stock_client(folder: Path, dice: Random) -> None:
    """RPyC's own client, without our greeting."""
    del dice
    from rpyc.core.channel import Channel
    from rpyc.core.protocol import Connection
    from rpyc.core.service import VoidService
    from rpyc.core.stream import SocketStream

    with _raw(folder) as opened:
        connection = Connection(VoidService(), Channel(SocketStream(opened)), {"sync_request_timeout": _PATIENCE_S})
        try:
            root = connection.root
        except (EOFError, OSError):
            return
        finally:
            connection._closed = True  # its own way of closing asks the engine, and waits
    raise BreachError(f"RPyC's own client got {type(root)}")


def half_frame(folder: Path, dice: Random) -> None:
    """A frame that never ends, from one who knows the secret."""
    with _greeted(folder) as opened:
        opened.sendall(_framed(bytes(200))[: dice.randrange(1, 150)])
        _expect_end(opened)


def huge_frame(folder: Path, dice: Random) -> None:
    """A header that promises up to 4 GiB, and as much as is taken."""
    with _greeted(folder) as opened, contextlib.suppress(OSError):
        opened.sendall(_HEADER.pack(dice.choice([MAX_FRAME + 1, 1 << 24, 2**32 - 1]), 0))
        for _ in range(64):
            opened.sendall(bytes(1 << 20))
        raise BreachError("64 MiB of one frame were taken")


def zlib_frame(folder: Path, dice: Random) -> None:
    """A compressed frame that would unpack to 100 MB."""
    del dice
    with _greeted(folder) as opened:
        with contextlib.suppress(OSError):
            opened.sendall(_HEADER.pack(len(_BOMB), 1) + _BOMB + b"\n")
        _expect_end(opened)


def mutated_frames(folder: Path, dice: Random) -> None:
    """True requests with some bytes changed, as many as the engine takes."""
    with _greeted(folder) as opened, contextlib.suppress(OSError):
        for _ in range(dice.randrange(1, 50)):
            opened.sendall(_framed(_mutated(dice.choice(_GOOD), dice)))
        opened.shutdown(socket.SHUT_WR)
        _read_replies(opened)


def random_frames(folder: Path, dice: Random) -> None:
    """Frames of random bytes."""
    with _greeted(folder) as opened:
        with contextlib.suppress(OSError):
            opened.sendall(_framed(b"\x01" + dice.randbytes(dice.randrange(1, 500))))
            opened.shutdown(socket.SHUT_WR)
        _expect_end(opened)


def attribute_walk(folder: Path, dice: Random) -> None:
    """Names that are on no list, by every way that RPyC has for a name."""
    name = dice.choice(_NAMES)
    root = (consts.LABEL_LOCAL_REF, ("understudy.service.connection.ServingConnection", 1, 2))
    text = (consts.LABEL_VALUE, name)
    for data in (
        _request(consts.HANDLE_CALL, (consts.LABEL_VALUE, (name,))),
        _request(consts.HANDLE_GETATTR, (consts.LABEL_TUPLE, (root, text))),
        _request(consts.HANDLE_GETATTR, (consts.LABEL_VALUE, ("text", name))),
        _request(consts.HANDLE_CALLATTR, (consts.LABEL_TUPLE, (root, text, (consts.LABEL_VALUE, ())))),
        _request(consts.HANDLE_SETATTR, (consts.LABEL_TUPLE, (root, text, text))),
    ):
        _expect_refused(folder, data)


def other_handles(folder: Path, dice: Random) -> None:
    """Every kind of request that RPyC knows, and some that it does not; only the call is known."""
    handle = dice.choice([number for number in range(-1, 30) if number != consts.HANDLE_CALL])
    for arguments in ((), ("hello",), (9,), (("hello",), "x")):
        _expect_refused(folder, _request(handle, (consts.LABEL_VALUE, arguments)))


def references(folder: Path, dice: Random) -> None:
    """Objects of the attacker's as arguments: the engine would ask them for their attributes."""
    foreign = (consts.LABEL_REMOTE_REF, (dice.choice(["builtins.str", "builtins.type", "x.y"]), 1, 2))
    name = (consts.LABEL_VALUE, "job")
    _expect_refused(folder, _request(consts.HANDLE_CALL, (consts.LABEL_TUPLE, (name, foreign))))
    _expect_refused(folder, _request(consts.HANDLE_CALL, foreign))
    _expect_refused(folder, _request(consts.HANDLE_CALL, (consts.LABEL_LOCAL_REF, ("builtins.type", 1, 0))))


def costly_numbers(folder: Path, dice: Random) -> None:
    """Methods of plain values that would keep the interpreter busy or fill the memory."""
    for value, method, argument in ((9, "__pow__", 20_000_000), (b"a", "__mul__", 3 << 30), ("a", "__mul__", 3 << 30)):
        arguments = (consts.LABEL_VALUE, (value, method, (argument,)))
        _expect_refused(folder, _request(consts.HANDLE_CALLATTR, arguments))
    del dice


def deep_values(folder: Path, dice: Random) -> None:
    """Nests of tuples, sets of numbers of one hash, tuples that claim to be long, numbers of a million digits."""
    data = dice.choice(
        [
            brine.TAG_TUP1 * 200_000,
            brine.TAG_TUP_L4 + b"\xff" * 4 + b"\x03" * 100,
            brine.TAG_TUP2 + b"\x51" + brine.TAG_FSET + _SAME_HASH,
            brine.TAG_INT_L4 + struct.pack("!L", 900_000) + b"9" * 900_000,
        ]
    )
    _expect_refused(folder, b"\x01" + data)


def uncalled_replies(folder: Path, dice: Random) -> None:
    """Replies and errors that nobody asked for."""
    error = (("builtins", "SystemExit"), (), (), "")
    kind = dice.choice([consts.MSG_REPLY, consts.MSG_EXCEPTION, 0, 18, 255])
    _expect_refused(folder, bytes([kind]) + brine.dump((0, dice.choice([error, (consts.LABEL_VALUE, 1)]))))


def wrong_arguments(folder: Path, dice: Random) -> None:
    """Calls on the list with what they do not take: an error of ours, and nothing else."""
    values = ("", "x", "../../etc/passwd", "\0", "x" * 200_000, 0, -1, 2**62, "[" * 100_000, '{"a":' * 30_000)
    call = dice.choice(["hello", "submit", "job", "jobs", "log", "cancel", "resume", "forget"])
    arguments = tuple(dice.choice(values) for _ in range(dice.randrange(4)))
    with _greeted(folder) as opened:
        opened.sendall(_framed(_request(consts.HANDLE_CALL, (consts.LABEL_VALUE, (call, *arguments)))))
        opened.shutdown(socket.SHUT_WR)
        for reply in _read_replies(opened):
            if reply[0] == consts.MSG_REPLY and b'"state"' in reply:
                raise BreachError(f"{call}{arguments!r:.80} started or showed a job")


def deaf_client(folder: Path, dice: Random) -> None:
    """Asks without end and reads nothing."""
    del dice
    with _greeted(folder) as opened:
        opened.settimeout(_PATIENCE_S)
        with contextlib.suppress(OSError):
            for _ in range(4000):
                opened.sendall(_framed(_GOOD[0]) * 500)
            raise BreachError("2,000,000 requests were taken from one who reads nothing")


ATTACKS: Mapping[str, Callable[[Path, Random], None]] = {
    attack.__name__: attack
    for attack in (
        no_secret,
        wrong_secret,
        replayed,
        other_user,
        broken_greeting,
        http_request,
        flood,
        stock_client,
        huge_frame,
        zlib_frame,
        mutated_frames,
        random_frames,
        attribute_walk,
        other_handles,
        references,
        costly_numbers,
        deep_values,
        uncalled_replies,
        wrong_arguments,
        half_greeting,
        half_frame,
        deaf_client,
    )
}
"""All of them, by name."""

SLOW = frozenset(["no_secret", "half_greeting", "half_frame", "stock_client", "deaf_client", "other_user", "flood"])
"""Those that wait for a deadline of the engine or start a process: a few at a time are enough."""

_AS_NOBODY = """
import os, socket, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
def attempt(do):
    try:
        return "refused" if not do() else "let in"
    except OSError:
        return "refused"
def knock():
    opened = socket.socket(socket.AF_UNIX); opened.settimeout(5); opened.connect(sys.argv[1]); return opened.recv(9)
print(attempt(knock), attempt(lambda: open(sys.argv[2]).read()))
"""


def _raw(folder: Path) -> socket.socket:
    endpoint = read_endpoint(folder)
    opened = _connected(folder, endpoint)
    opened.settimeout(_PATIENCE_S)
    return opened


def _connected(folder: Path, endpoint: Endpoint) -> socket.socket:
    is_tcp = endpoint.kind == "tcp"
    opened = socket.socket(socket.AF_INET if is_tcp else socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        opened.settimeout(None)
        opened.connect(("127.0.0.1", int(endpoint.address)) if is_tcp else str(folder / endpoint.address))
    except OSError:
        opened.close()
        raise
    return opened


@contextlib.contextmanager
def _greeted(folder: Path) -> Iterator[socket.socket]:
    """A connection of one who knows the secret; tries again where a flood or a full house pushes it out."""
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        opened = _raw(folder)
        try:
            wire.greet_engine(opened, read_endpoint(folder).token, _CALLER)
            break
        except (EngineError, EOFError):
            opened.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
    opened.settimeout(_PATIENCE_S)
    with opened:
        yield opened


def _request(handle: int, package: object) -> bytes:
    data: bytes = brine.dump((1, (handle, package)))
    return bytes([consts.MSG_REQUEST]) + data


def _framed(data: bytes) -> bytes:
    return _HEADER.pack(len(data), 0) + data + b"\n"


def _expect_refused(folder: Path, data: bytes) -> None:
    with _greeted(folder) as opened:
        with contextlib.suppress(OSError):
            opened.sendall(_framed(data))
        _expect_end(opened)


def _expect_end(opened: socket.socket, may_say: bytes = b"") -> None:
    """The engine hangs up, and says nothing before."""
    said = _all_that_is_said(opened)
    if said and not (may_say and may_say in said):
        raise BreachError(f"the engine said {said[:80]!r}")


def _expect_only_a_greeting(opened: socket.socket) -> None:
    """The engine hangs up, after its greeting and at most a word of refusal."""
    said = _all_that_is_said(opened)
    if len(said) > 4 and not said[4:].startswith(b'{"magic": "understudy"'):
        raise BreachError(f"the engine said {said[:80]!r}")
    if len(said) > 400 or b"mac" in said:
        raise BreachError(f"the engine said {said[-80:]!r}")


def _all_that_is_said(opened: socket.socket) -> bytes:
    said = b""
    deadline = time.monotonic() + _PATIENCE_S
    try:
        while part := opened.recv(1 << 16):
            said += part
            if time.monotonic() > deadline or len(said) > 1 << 20:
                raise BreachError("the engine does not hang up")
    except TimeoutError as error:
        raise BreachError("the engine does not hang up") from error
    except OSError:
        pass
    return said


def _read_replies(opened: socket.socket) -> list[bytes]:
    said = _all_that_is_said(opened)
    replies = []
    while len(said) >= _HEADER.size:
        length, _ = _HEADER.unpack_from(said)
        replies.append(said[_HEADER.size : _HEADER.size + length])
        said = said[_HEADER.size + length + 1 :]
    return [reply for reply in replies if reply]


def _mutated(data: bytes, dice: Random) -> bytes:
    changed = bytearray(data)
    for _ in range(dice.randrange(1, 8)):
        match dice.randrange(4):
            case 0:
                changed[dice.randrange(len(changed))] = dice.randrange(256)
            case 1:
                del changed[dice.randrange(len(changed)) :]
            case 2:
                place = dice.randrange(len(changed))
                changed[place:place] = dice.randbytes(dice.randrange(1, 20))
            case 3:
                place = dice.randrange(len(changed))
                changed += changed[place : place + 30]
        if not changed:
            break
    return bytes(changed)


_GOOD = tuple(
    _request(consts.HANDLE_CALL, (consts.LABEL_VALUE, call))
    for call in (("hello",), ("jobs", ""), ("job", "20261124-000000"), ("log", "20261124-000000", 7))
)
_BOMB = zlib.compress(bytes(100 << 20))
_SAME_HASH = brine.dump(tuple(index * (2**61 - 1) for index in range(1, 36_000)))
