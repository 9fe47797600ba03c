from __future__ import annotations

import time

import pytest
from rpyc.core import brine, consts

from understudy.service.request import Request, read_request
from understudy.wire import Refused


def frame(value: object, kind: int = consts.MSG_REQUEST) -> bytes:
    return bytes([kind]) + brine.dump(value)


def call(*arguments: object) -> bytes:
    return frame((7, (consts.HANDLE_CALL, (consts.LABEL_VALUE, arguments))))


@pytest.mark.parametrize("text", ["", "x", "four", "ä" * 100, "long" * 50_000])
@pytest.mark.parametrize("number", [0, -40, 160, 10**19])
def test_text_and_numbers_arrive_as_rpyc_sends_them(text: str, number: int) -> None:
    assert read_request(call("log", text, number)) == Request(7, "log", (text, number))


@pytest.mark.parametrize(
    "value", [None, True, 1.5, 1j, b"x", ("x",), ..., NotImplemented, slice(1), frozenset("x"), 10**30]
)
def test_other_values_are_refused(value: object) -> None:
    with pytest.raises(Refused):
        read_request(call("job", value))


@pytest.mark.parametrize("handle", [*range(22), 255])
def test_every_kind_of_request_but_the_call_is_refused(handle: int) -> None:
    data = frame((1, (handle, (consts.LABEL_VALUE, ("hello",)))))
    if handle == consts.HANDLE_CALL:
        assert read_request(data).name == "hello"
    else:
        with pytest.raises(Refused):
            read_request(data)


@pytest.mark.parametrize("label", [0, consts.LABEL_TUPLE, consts.LABEL_LOCAL_REF, consts.LABEL_REMOTE_REF, 5])
def test_references_are_refused(label: int) -> None:
    with pytest.raises(Refused):
        read_request(frame((1, (consts.HANDLE_CALL, (label, ("hello",))))))


@pytest.mark.parametrize("kind", [0, consts.MSG_REPLY, consts.MSG_EXCEPTION, 255])
def test_messages_that_are_no_requests_are_refused(kind: int) -> None:
    with pytest.raises(Refused):
        read_request(frame((1, (consts.HANDLE_CALL, (consts.LABEL_VALUE, ("hello",)))), kind))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x01",
        call("hello")[:-1],
        call("hello") + b"\x00",
        b"\x01" + brine.TAG_TUP1 * 200_000,
        b"\x01" + brine.TAG_TUP_L4 + b"\xff" * 4,
        b"\x01" + brine.TAG_INT_L1 + b"\xff" + b"9" * 255,
        b"\x01" + brine.TAG_UNICODE + brine.TAG_STR_L4 + b"\xff" * 4,
        b"\x01" + brine.TAG_UNICODE + brine.TAG_STR1 + b"\xff",
        frame((1, (consts.HANDLE_CALL, (consts.LABEL_VALUE, ("x",) * 200)))),
        frame((1, (consts.HANDLE_CALL, (consts.LABEL_VALUE, (7,))))),
        frame(("1", (consts.HANDLE_CALL, (consts.LABEL_VALUE, ("hello",))))),
    ],
)
def test_broken_deep_and_false_frames_are_refused(data: bytes) -> None:
    with pytest.raises(Refused):
        read_request(data)


def test_a_megabyte_made_to_keep_the_reader_busy_is_refused_at_once() -> None:
    """Numbers of one hash in a set: RPyC's reader needs seconds for the like."""
    numbers = brine.dump(tuple(index * (2**61 - 1) for index in range(1, 40_000)))
    data = b"\x01" + brine.TAG_TUP2 + brine.dump(1) + brine.TAG_FSET + numbers
    start = time.perf_counter()
    with pytest.raises(Refused):
        read_request(data)
    assert time.perf_counter() - start < 0.05
