from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from rpyc.core import brine, consts

from understudy import wire
from understudy.errors import EngineError
from understudy.wire import (
    AskingConnection,
    Caller,
    DeadlineStream,
    Refused,
    ValueChannel,
    greet_client,
    greet_engine,
)

TOKEN = "ab" * 32
CALLER = Caller("nuke 15.1", "0.1.0")


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """The engine's and the client's end."""
    with contextlib.ExitStack() as stack:
        ends = socket.socketpair()
        for end in ends:
            stack.callback(end.close)
        yield ends


class Greeted:
    """The engine's half of a greeting, in a thread."""

    def __init__(self, opened: socket.socket, token: str = TOKEN, limit: int = 0) -> None:
        self.caller: Caller | None = None
        self.error: Exception | None = None
        self._thread = threading.Thread(target=self._run, args=(opened, token, limit))
        self._thread.start()

    def _run(self, opened: socket.socket, token: str, limit: int) -> None:
        try:
            self.caller = greet_client(opened, token, "0.9.0", lambda: limit)
        except EOFError as error:
            self.error = error
            opened.close()

    def outcome(self) -> Any:
        self._thread.join(5)
        return self.caller or self.error


def test_both_let_each_other_in_when_they_know_the_secret(pair: Any) -> None:
    greeted = Greeted(pair[0])
    greet_engine(pair[1], TOKEN, CALLER)
    assert greeted.outcome().host == "nuke 15.1"


def test_a_wrong_secret_is_refused_by_the_engine(pair: Any) -> None:
    greeted = Greeted(pair[0], "cd" * 32)
    with pytest.raises(EngineError, match="secret"):
        greet_engine(pair[1], TOKEN, CALLER)
    assert str(greeted.outcome()) == "wrong secret"


def recorded(pair: Any, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """What a good client says after the engine's greeting."""
    said: list[bytes] = []
    send = wire._send_message

    def remember(opened: socket.socket, message: Any, deadline: float) -> None:
        if opened is pair[1]:
            said.append(wire.json.dumps(message).encode())
        send(opened, message, deadline)

    monkeypatch.setattr(wire, "_send_message", remember)
    greeted = Greeted(pair[0])
    greet_engine(pair[1], TOKEN, CALLER)
    assert greeted.outcome()
    return struct.pack("!L", len(said[0])) + said[0]


def test_a_replayed_greeting_is_refused(pair: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = recorded(pair, monkeypatch)
    ends = socket.socketpair()
    greeted = Greeted(ends[0])
    ends[1].sendall(answer)
    assert str(greeted.outcome()) == "wrong secret"
    ends[1].close()


def test_the_secret_never_crosses(pair: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    said = recorded(pair, monkeypatch)
    assert TOKEN.encode() not in said and bytes.fromhex(TOKEN) not in said


def squatter(opened: socket.socket, greeting: dict[str, Any], verdict: dict[str, Any]) -> threading.Thread:
    def run() -> None:
        deadline = time.monotonic() + 2
        wire._send_message(opened, greeting, deadline)
        with contextlib.suppress(EOFError):
            wire._receive_message(opened, deadline)
            wire._send_message(opened, verdict, deadline)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


GREETING = {"magic": "understudy", "protocol": [1, 1], "version": "9", "nonce": "00"}


@pytest.mark.parametrize("verdict", [{}, {"mac": "00" * 32}, {"mac": 7}, {"mac": "ä"}])
def test_a_squatter_without_the_secret_is_no_engine(pair: Any, verdict: dict[str, Any]) -> None:
    thread = squatter(pair[0], GREETING, verdict)
    with pytest.raises(EngineError, match="secret"):
        greet_engine(pair[1], TOKEN, CALLER)
    thread.join()


def test_the_client_s_own_proof_sent_back_is_no_proof(pair: Any) -> None:
    def mirror() -> None:
        deadline = time.monotonic() + 2
        wire._send_message(pair[0], GREETING, deadline)
        wire._send_message(pair[0], {"mac": wire._receive_message(pair[0], deadline)["mac"]}, deadline)

    thread = threading.Thread(target=mirror)
    thread.start()
    with pytest.raises(EngineError, match="secret"):
        greet_engine(pair[1], TOKEN, CALLER)
    thread.join()


@pytest.mark.parametrize("theirs,older", [([3, 4], r"plug-in \(nuke 15.1\)"), ([0, 0], "the engine")])
def test_another_protocol_names_both_and_what_to_update(pair: Any, theirs: list[int], older: str) -> None:
    thread = squatter(pair[0], {**GREETING, "protocol": theirs}, {})
    with pytest.raises(EngineError, match=rf"protocol {theirs[0]}-{theirs[1]}.*speaks 1-1: update .*{older}") as caught:
        greet_engine(pair[1], TOKEN, CALLER)
    assert caught.value.facts["reason"] == "version"
    pair[1].close()
    thread.join()


def test_an_engine_refuses_a_client_of_another_protocol(pair: Any) -> None:
    greeted = Greeted(pair[0])
    deadline = time.monotonic() + 2
    wire._receive_message(pair[1], deadline)
    wire._send_message(pair[1], {"protocol": 2, "nonce": "", "mac": ""}, deadline)
    assert wire._receive_message(pair[1], deadline) == {"refused": "version"}
    assert str(greeted.outcome()) == "another protocol"


def test_a_full_engine_says_so(pair: Any) -> None:
    greeted = Greeted(pair[0], limit=32)
    with pytest.raises(EngineError, match="32 are open") as caught:
        greet_engine(pair[1], TOKEN, CALLER)
    assert caught.value.facts["reason"] == "full"
    assert str(greeted.outcome()) == "no room"


def test_a_greeting_that_drips_is_waited_for_two_seconds_in_all(pair: Any) -> None:
    start = time.monotonic()
    greeted = Greeted(pair[0])
    for _ in range(2):
        pair[1].sendall(b"\0")
        time.sleep(1.5)
    assert str(greeted.outcome()) == "too slow"
    assert time.monotonic() - start < 4


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\xff" * 4,
        b"\0\0\0\1{",
        b"\0\0\0\2[]",
        b"\0\0\x0f\0" + b"[" * 0xF00,
        b"\0\0\0\2\xff\xff",
    ],
)
def test_what_is_no_greeting_is_refused(pair: Any, data: bytes) -> None:
    greeted = Greeted(pair[0])
    pair[1].sendall(data)
    assert isinstance(greeted.outcome(), Refused)


def channel(opened: socket.socket) -> ValueChannel:
    return ValueChannel(DeadlineStream(opened))


@pytest.mark.parametrize("size", [0, 1, 70_000, wire.MAX_FRAME])
def test_frames_up_to_a_megabyte_arrive(pair: Any, size: int) -> None:
    data = bytes(size)
    thread = threading.Thread(target=channel(pair[0]).send, args=(data,))
    thread.start()
    assert channel(pair[1]).recv() == data
    thread.join()


def test_a_larger_frame_is_not_sent(pair: Any) -> None:
    with pytest.raises(Refused, match="1048577 bytes"):
        channel(pair[0]).send(bytes(wire.MAX_FRAME + 1))


@pytest.mark.parametrize("length", [wire.MAX_FRAME + 1, 2**32 - 1])
def test_a_larger_frame_is_refused_by_its_header(pair: Any, length: int) -> None:
    pair[0].sendall(struct.pack("!LB", length, 0))
    with pytest.raises(Refused, match=str(length)):
        channel(pair[1]).recv()


def test_a_compressed_frame_is_refused_unread(pair: Any) -> None:
    bomb = zlib.compress(bytes(10 << 20))
    pair[0].sendall(struct.pack("!LB", len(bomb), 1) + bomb)
    with pytest.raises(Refused, match="compressed"):
        channel(pair[1]).recv()


def test_half_a_frame_is_waited_for_once(pair: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """One deadline for header and body, however the bytes drip."""
    monkeypatch.setattr(wire, "FRAME_S", 0.4)
    stop = threading.Event()

    def drip() -> None:
        pair[0].sendall(struct.pack("!LB", 1000, 0))
        with contextlib.suppress(OSError):
            while not stop.wait(0.05):
                pair[0].sendall(b"x")

    thread = threading.Thread(target=drip)
    thread.start()
    start = time.monotonic()
    with pytest.raises(Refused, match="too slow"):
        channel(pair[1]).recv()
    assert 0.3 < time.monotonic() - start < 1.0
    stop.set()
    thread.join()


def test_a_reader_that_does_not_read_is_given_up(pair: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "FRAME_S", 0.2)
    with pytest.raises(EOFError):
        for _ in range(100):
            channel(pair[0]).send(bytes(100_000))


def replying(pair: Any, *values: object) -> Callable[[], str]:
    """A client's call to an engine that answers with these bytes or values."""
    pair[0].sendall(
        b"".join(struct.pack("!LB", len(data) + 1, 0) + bytes([kind]) + data + b"\n" for kind, data in values)
    )
    return lambda: AskingConnection(pair[1]).ask("hello")


@pytest.mark.parametrize(
    "kind,value",
    [
        (consts.MSG_REPLY, (0, (consts.LABEL_VALUE, 7))),
        (consts.MSG_REPLY, (0, (consts.LABEL_VALUE, b"{}"))),
        (consts.MSG_REPLY, (0, (consts.LABEL_REMOTE_REF, ("builtins.str", 1, 2)))),
        (consts.MSG_REPLY, (0, (consts.LABEL_LOCAL_REF, ("builtins.str", 1, 2)))),
        (consts.MSG_REQUEST, (0, (consts.HANDLE_GETROOT, (consts.LABEL_VALUE, ())))),
        (consts.MSG_REPLY, (1, (consts.LABEL_VALUE, "{}"))),
        (consts.MSG_EXCEPTION, (1, ("EngineError", "x", "{}"))),
        (consts.MSG_REPLY, 0),
        (9, (0, 0)),
    ],
)
def test_a_client_takes_text_by_value_and_answers_nothing(pair: Any, kind: int, value: object) -> None:
    with pytest.raises(EOFError):
        replying(pair, (kind, brine.dump(value)))()


def test_a_reply_that_cannot_be_read_is_refused(pair: Any) -> None:
    with pytest.raises(Refused, match="cannot be read"):
        replying(pair, (consts.MSG_REPLY, b"\xff"))()


def test_replies_that_arrive_together_are_told_apart(pair: Any) -> None:
    values = [(consts.MSG_REPLY, brine.dump((number, (consts.LABEL_VALUE, text)))) for number, text in enumerate("ab")]
    replying(pair, *values)
    asking = AskingConnection(pair[1])
    assert [asking.ask("hello"), asking.ask("hello")] == ["a", "b"]


def test_an_engine_that_does_not_answer_is_given_up(pair: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "FRAME_S", 0.05)
    monkeypatch.setattr(wire, "CALL_S", 0.2)
    with pytest.raises(TimeoutError):
        AskingConnection(pair[1]).ask("hello")


def test_the_next_frame_is_waited_for_longer_than_a_frame_may_take(pair: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "FRAME_S", 0.05)
    receiver = channel(pair[1])
    threading.Timer(0.3, channel(pair[0]).send, [b"late"]).start()
    assert receiver.recv() == b"late"
