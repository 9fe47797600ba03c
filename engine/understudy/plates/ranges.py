"""Frame ranges as people write them: 1001-1100, 1001-1100x5, 1001,1005-1009."""

from __future__ import annotations

import re

import fileseq

from understudy.errors import SettingsError

__all__ = ["format_frames", "parse_frames"]

_FRAME_PART = re.compile(r"(?P<first>-?\d+)(?:-(?P<last>-?\d+)(?:[x:](?P<step>\d+))?)?")
_MOST_FRAMES = 1_000_000


def parse_frames(text: str) -> tuple[int, ...]:
    """Frame numbers, ascending and each once, of a range such as `1001-1010`, `1001-1100x5` or `1001,1005-1009:2`.

    Raises:
        SettingsError: The text is no frame range, or is longer than a million frames.
    """
    wrong = f"'{text[:80]}' is no frame range; write 1001-1100, 1001-1100x2 or 1001,1005-1010."
    numbers: set[int] = set()
    named = 0
    for part in text.replace(" ", "").split(","):
        match = _FRAME_PART.fullmatch(part)
        if match is None:
            raise SettingsError(wrong, text=text)
        first = int(match["first"])
        last = int(match["last"]) if match["last"] else first
        step = int(match["step"] or 1)
        named += (last - first) // step + 1 if step else 0
        if last < first or step < 1 or named > _MOST_FRAMES:
            raise SettingsError(wrong, text=text)
        numbers.update(range(first, last + 1, step))
    return tuple(sorted(numbers))


def format_frames(numbers: tuple[int, ...]) -> str:
    """The shortest range that `parse_frames` reads back: `1001-1010,1015`."""
    return str(fileseq.FrameSet.from_iterable(numbers, sort=True)) if numbers else "nothing"
