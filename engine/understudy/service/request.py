"""Reading a request from a client that is not trusted: a name and plain arguments, or a refusal."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from rpyc.core import brine, consts

from understudy.wire import Refused

__all__ = ["Request", "read_request"]

_DEPTH = 4
_MAX_ARGUMENTS = 8
_MAX_DIGITS = 20
_COUNTS = {
    brine.TAG_EMPTY_TUPLE: 0,
    brine.TAG_TUP1: 1,
    brine.TAG_TUP2: 2,
    brine.TAG_TUP3: 3,
    brine.TAG_TUP4: 4,
}
_LENGTHS = {
    brine.TAG_EMPTY_STR: 0,
    brine.TAG_STR1: 1,
    brine.TAG_STR2: 2,
    brine.TAG_STR3: 3,
    brine.TAG_STR4: 4,
}

Value = int | str | tuple["Value", ...]


@dataclass(frozen=True)
class Request:
    """One call that a client asks for.

    Attributes:
        sequence: The client's number for it; the reply carries it back.
        name: Which call.
        arguments: Text and whole numbers.
    """

    sequence: int
    name: str
    arguments: tuple[int | str, ...]


def read_request(data: bytes) -> Request:
    """The request in a frame.

    RPyC's own reader would also build sets, slices and nests of any depth before anybody could refuse them; a megabyte
    made for the purpose keeps it busy for seconds. This one knows text, whole numbers and small tuples.

    Raises:
        Refused: The frame is anything else than a request of this form.
    """
    if data[:1] != bytes([consts.MSG_REQUEST]):
        raise Refused("no request")
    try:
        message = _Reader(data, 1).whole()
    except (IndexError, UnicodeDecodeError, ValueError, struct.error) as error:
        raise Refused("a broken frame") from error
    match message:
        case (int(sequence), (consts.HANDLE_CALL, (consts.LABEL_VALUE, (str(name), *arguments)))):
            plain = tuple(argument for argument in arguments if not isinstance(argument, tuple))
            if len(plain) != len(arguments):
                raise Refused("an argument that is no text or number")
            return Request(sequence, name, plain)
    raise Refused("a request of another kind")


class _Reader:
    """Reads brine, RPyC's notation for plain values, in one pass."""

    def __init__(self, data: bytes, position: int) -> None:
        self._data = data
        self._position = position

    def whole(self) -> Value:
        value = self._value(_DEPTH)
        if self._position != len(self._data):
            raise ValueError("something follows")
        return value

    def _value(self, depth: int) -> Value:
        tag = self._take(1)
        if tag in brine.IMM_INTS_LOADER:
            return int(brine.IMM_INTS_LOADER[tag])
        if tag == brine.TAG_INT_L1:
            return int(self._take(self._number(_MAX_DIGITS)))
        if tag == brine.TAG_UNICODE:
            return self._text().decode()
        if tag in _COUNTS or tag == brine.TAG_TUP_L1:
            count = _COUNTS[tag] if tag in _COUNTS else self._number(_MAX_ARGUMENTS + 1)
            if depth == 0:
                raise ValueError("too deep")
            return tuple(self._value(depth - 1) for _ in range(count))
        raise ValueError("a value of another kind")

    def _text(self) -> bytes:
        tag = self._take(1)
        if tag in _LENGTHS:
            return self._take(_LENGTHS[tag])
        if tag == brine.TAG_STR_L1:
            return self._take(self._number(255))
        if tag == brine.TAG_STR_L4:
            return self._take(struct.unpack("!L", self._take(4))[0])
        raise ValueError("no text")

    def _number(self, limit: int) -> int:
        number = self._take(1)[0]
        if number > limit:
            raise ValueError("too many")
        return number

    def _take(self, count: int) -> bytes:
        part = self._data[self._position : self._position + count]
        if len(part) != count:
            raise ValueError("too short")
        self._position += count
        return part
