"""Formats, frame ranges and boxes as Nuke's Python has them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.nuke_plugin.stand_in.strict import fail, strict

__all__ = ["Format", "FrameRange", "FrameRanges", "Info"]


@strict
class Format:
    """A picture's size and pixel aspect."""

    def __init__(
        self,
        width: int,
        height: int,
        x: int,
        y: int,
        r: int,
        t: int,
        pixelAspect: float = 1.0,
        name: str = "",
    ) -> None:
        self._numbers = (width, height, x, y, r, t)
        self._aspect, self._name = pixelAspect, name

    @classmethod
    def of_text(cls, text: str) -> Format:
        """A format as scripts have it: width, height, box, pixel aspect, name."""
        parts = text.split()
        numbers = [float(part) for part in parts[:7] if re.fullmatch(r"-?[\d.]+", part)]
        if len(numbers) not in {2, 3, 6, 7}:
            fail(f"'{text}' is no format")
        size, box = [int(value) for value in numbers[:2]], [int(value) for value in numbers[2:6]]
        aspect = numbers[-1] if len(numbers) in {3, 7} else 1.0
        return cls(*size, *(box if len(box) == 4 else [0, 0, *size]), aspect, " ".join(parts[len(numbers) :]))

    def width(self) -> int:
        return self._numbers[0]

    def height(self) -> int:
        return self._numbers[1]

    def x(self) -> int:
        return self._numbers[2]

    def y(self) -> int:
        return self._numbers[3]

    def r(self) -> int:
        return self._numbers[4]

    def t(self) -> int:
        return self._numbers[5]

    def pixelAspect(self) -> float:
        return self._aspect

    def name(self) -> str:
        return self._name


@strict
class Info:
    """A bounding box, counted from the bottom left."""

    def __init__(self, x: int, y: int, w: int, h: int) -> None:
        self._numbers = (x, y, w, h)

    def x(self) -> int:
        return self._numbers[0]

    def y(self) -> int:
        return self._numbers[1]

    def w(self) -> int:
        return self._numbers[2]

    def h(self) -> int:
        return self._numbers[3]


@strict
class FrameRange:
    """`first-lastxincrement`; made of a text or of three numbers."""

    def __init__(self, first: int | str, last: int | None = None, increment: int = 1) -> None:
        if isinstance(first, str):
            match = re.fullmatch(r"\s*(-?\d+)(?:-(-?\d+)(?:x(\d+))?)?\s*", first)
            if match is None:
                fail(f"'{first}' is no frame range")
            self._numbers = (int(match[1]), int(match[2] or match[1]), int(match[3] or 1))
        else:
            self._numbers = (int(first), int(first if last is None else last), int(increment))

    def __str__(self) -> str:
        first, last, increment = self._numbers
        return f"{first}-{last}" + (f"x{increment}" if increment != 1 else "")

    def __iter__(self) -> Iterator[int]:
        first, last, increment = self._numbers
        return iter(range(first, last + 1, increment))

    def first(self) -> int:
        return self._numbers[0]

    def last(self) -> int:
        return self._numbers[1]

    def increment(self) -> int:
        return self._numbers[2]

    def minFrame(self) -> int:
        return self._numbers[0]

    def maxFrame(self) -> int:
        return self._numbers[1]

    def frames(self) -> int:
        return len(list(self))


@strict
class FrameRanges:
    """Several ranges, from a text such as `1-10 20`, a list of ranges, or a list of frames."""

    def __init__(self, ranges: object = "") -> None:
        parts = ranges.split() if isinstance(ranges, str) else list(ranges)  # type: ignore[call-overload]
        self._ranges = [part if isinstance(part, FrameRange) else FrameRange(part) for part in parts]

    def __iter__(self) -> Iterator[FrameRange]:
        return iter(self._ranges)

    def __str__(self) -> str:
        return " ".join(map(str, self._ranges))

    def add(self, r: FrameRange) -> None:
        self._ranges.append(r)

    def clear(self) -> None:
        self._ranges = []

    def size(self) -> int:
        return len(self._ranges)

    def compact(self) -> None:
        frames, self._ranges = self.toFrameList(), []
        for frame in frames:
            last = self._ranges[-1] if self._ranges else None
            if last is not None and last._numbers[1] == frame - 1:
                last._numbers = (last._numbers[0], frame, 1)
            else:
                self._ranges.append(FrameRange(frame, frame, 1))

    def toFrameList(self) -> list[int]:
        return sorted({frame for one in self._ranges for frame in one})

    def minFrame(self) -> int:
        return min(self.toFrameList())

    def maxFrame(self) -> int:
        return max(self.toFrameList())
