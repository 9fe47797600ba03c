"""Text of Nuke scripts taken apart: nodes with their knobs, lists of words, curves.

A script is made of Tcl commands, and a node is one: its class, and its knobs in braces. Nothing is evaluated: words in
brackets and variables stay text. The grammar of curves is Foundry's ("Curve serialisation format" of the NDK guide).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from understudy.host_files.keys import Curve

__all__ = ["NukeNode", "TclError", "curve_of", "nuke_nodes", "words"]

_BRACE = re.compile(r"[{}\\]")
_QUOTE = re.compile(r'["\\]')
_BARE = re.compile(r"(?:[^\s\\]|\\.)+", re.DOTALL)
_GAP = re.compile(r"(?:[^\S\n]|\\\n)+")
_SPACE = re.compile(r"\s+")
_ESCAPED = {"n": "\n", "t": "\t"}
_CLASS = re.compile(r"[A-Z][A-Za-z0-9_.]*")
_SHAPES = {"K": "constant", "L": "linear", "S": None, "R": None, "C": None}


class TclError(ValueError):
    """Text that is no script; its message is the end of a sentence."""


@dataclass(frozen=True)
class NukeNode:
    """A node as the script has it.

    Attributes:
        kind: Its class, such as "Tracker4".
        knobs: Text of each knob, by name.
    """

    kind: str
    knobs: dict[str, str]

    @property
    def title(self) -> str:
        """Class and name, for messages."""
        return f"{self.kind} '{self.knobs.get('name', '')}'"


def nuke_nodes(text: str) -> Iterator[NukeNode]:
    """The nodes of a script or a pasted text, those inside groups too, in their order.

    Raises:
        TclError: A brace or quote is not closed.
    """
    for command in _commands(text):
        if len(command) == 2 and _CLASS.fullmatch(command[0]):
            pairs = words(command[1])
            yield NukeNode(command[0], dict(zip(pairs[::2], pairs[1::2], strict=False)))


def words(text: str) -> list[str]:
    """The words of a Tcl list; the outer braces of each are taken off.

    Raises:
        TclError: A brace or quote is not closed.
    """
    found, place = [], 0
    while (gap := _SPACE.match(text, place)) or place < len(text):
        place = gap.end() if gap else place
        if place >= len(text):
            break
        word, place = _word(text, place)
        found.append(word)
    return found


def curve_of(text: str) -> Curve:
    """The curve that a knob's text writes; a plain number is a curve with one key.

    Raises:
        TclError: It is an expression, or no number.
    """
    kind, *tokens = words(text) or [""]
    if kind != "curve":
        return Curve({0.0: _number(text)})
    keys: dict[float, float] = {}
    shapes: dict[float, str] = {}
    shape: str | None = None
    frames: list[float] = []
    frame: float | None = None
    for token in tokens:
        if token in _SHAPES:
            shape = _SHAPES[token]
        elif token[0] == "x":
            frame = _number(token[1:])
        elif token not in ("i", "I", "k", "l") and token[0] not in "stuv":
            frames.append(_next_frame(frames) if frame is None else frame)
            keys[frames[-1]], frame = _number(token), None
            if shape:
                shapes[frames[-1]] = shape
    if not keys:
        raise TclError("a curve has no keys")
    return Curve(keys, shapes)


def _next_frame(frames: list[float]) -> float:
    """Where a key lies that does not say so: as far on as the two before are apart."""
    if len(frames) < 2:
        return frames[0] + 1 if frames else 0.0
    return 2 * frames[-1] - frames[-2]


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise TclError(f"'{text[:60]}' is no number") from None
    if not math.isfinite(value):
        raise TclError(f"'{text[:60]}' is no number")
    return value


def _commands(text: str) -> Iterator[list[str]]:
    """Words of each command: it ends with its line, where that is not inside braces."""
    place = 0
    while place < len(text):
        if gap := _SPACE.match(text, place):
            place = gap.end()
        if text.startswith("#", place):
            end = text.find("\n", place)
            place = len(text) if end < 0 else end
            continue
        command = []
        while place < len(text) and text[place] != "\n":
            word, place = _word(text, place)
            command.append(word)
            if gap := _GAP.match(text, place):
                place = gap.end()
        yield command


def _word(text: str, start: int) -> tuple[str, int]:
    """The word that begins at a place, and the place after it."""
    if text[start] == "{":
        return _braced(text, start)
    if text[start] == '"':
        place = start + 1
        while mark := _QUOTE.search(text, place):
            if mark.group() == '"':
                return _unescaped(text[start + 1 : mark.start()]), mark.end()
            place = mark.end() + 1
        raise TclError(f"line {_line(text, start)}: a quote is not closed")
    bare = _BARE.match(text, start)
    if not bare:  # a backslash that ends the text
        return "", len(text)
    return _unescaped(bare.group()), bare.end()


def _braced(text: str, start: int) -> tuple[str, int]:
    depth, place = 0, start
    while mark := _BRACE.search(text, place):
        place = mark.end()
        if mark.group() == "\\":
            place += 1
        elif mark.group() == "{":
            depth += 1
        else:
            depth -= 1
            if not depth:
                return text[start + 1 : mark.start()], place
    raise TclError(f"line {_line(text, start)}: a brace is not closed")


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: _ESCAPED.get(found.group(1), found.group(1)), text, flags=re.DOTALL)


def _line(text: str, place: int) -> int:
    return text.count("\n", 0, place) + 1
