"""SMPTE timecode: as text, as the words that files hold, and counted on by frames."""

from __future__ import annotations

import re

__all__ = ["packed_timecode", "timecode_after", "timecode_text"]

_TIMECODE = re.compile(r"(\d\d?):(\d\d?):(\d\d?)([:;.])(\d\d?)")
_DROP_FRAME = 0x40
_MOST_RATE = 39


def packed_timecode(text: str) -> tuple[int, int] | None:
    """SMPTE 12M time and user words of `hh:mm:ss:ff`; None when the text is no timecode.

    Binary-coded decimals, frames lowest; a `;` before the frames sets the drop-frame bit.
    """
    match = _TIMECODE.fullmatch(text.strip())
    if match is None:
        return None
    hours, minutes, seconds, frames = (int(match[group]) for group in (1, 2, 3, 5))
    return _packed(hours, minutes, seconds, frames, match[4] == ";"), 0


def timecode_text(packed: tuple[int, ...]) -> str:
    """`hh:mm:ss:ff` of SMPTE 12M words, with `;` before the frames of drop-frame timecode."""
    hours, minutes, seconds, frames = _unpacked(int(packed[0]))
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{';' if packed[0] & _DROP_FRAME else ':'}{frames:02d}"


def timecode_after(packed: tuple[int, int], frames: int, rate: float) -> tuple[int, int] | None:
    """The timecode some frames later, around midnight too; user words stay.

    None above 39 frames a second, whose numbers the words cannot hold.

    Drop-frame timecode leaves out the first two numbers of every minute but each tenth.

    Args:
        packed: SMPTE 12M words.
        frames: How many frames later.
        rate: Frames per second, such as 23.976.
    """
    hours, minutes, seconds, within = _unpacked(packed[0])
    base = max(1, round(rate))
    if base > _MOST_RATE:
        return None
    left_out = 2 if packed[0] & _DROP_FRAME and base == 30 else 0
    whole_minutes = hours * 60 + minutes
    count = (whole_minutes * 60 + seconds) * base + within - left_out * (whole_minutes - whole_minutes // 10) + frames
    ten_minutes = 600 * base - 9 * left_out
    count %= 144 * ten_minutes
    tens, rest = divmod(count, ten_minutes)
    minute_of_ten = max(0, (rest - left_out) // (60 * base - left_out)) if left_out else rest // (60 * base)
    count += left_out * (9 * tens + minute_of_ten)
    seconds, within = divmod(count, base)
    words = (seconds // 3600 % 24, seconds // 60 % 60, seconds % 60, within)
    return _packed(*words, bool(packed[0] & _DROP_FRAME)), packed[1]


def _packed(hours: int, minutes: int, seconds: int, frames: int, drops: bool) -> int:
    word = _DROP_FRAME if drops else 0
    for position, value in enumerate((frames, seconds, minutes, hours)):
        word |= ((value // 10) << 4 | value % 10) << (8 * position)
    return word


def _unpacked(word: int) -> tuple[int, int, int, int]:
    """Hours, minutes, seconds, frames."""
    frames, seconds, minutes, hours = (
        (word >> shift & 0x0F) + 10 * (word >> (shift + 4) & tens) for shift, tens in ((0, 3), (8, 7), (16, 7), (24, 3))
    )
    return hours, minutes, seconds, frames
