"""A Fusion `.setting` taken apart: a Lua table, in which every name before a brace is the kind of what follows.

Only values are read; nothing is evaluated, and what is no table of values is an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

__all__ = ["LuaError", "LuaTable", "read_lua_table"]

_TOKEN = re.compile(
    r"""\s+ | --\[\[.*?\]\] | --[^\n]*
    | (?P<number>[-+]?(?:0[xX][0-9a-fA-F]+ | (?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?))
    | (?P<text>"(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*' | \[\[.*?\]\])
    | (?P<word>[A-Za-z_]\w*)
    | (?P<mark>[{}\[\]()=,;])""",
    re.VERBOSE | re.DOTALL,
)
_DEEPEST = 60
_WORDS: dict[str, object] = {"true": True, "false": False, "nil": None}


class LuaError(ValueError):
    """Text that is no table of values; its message is the end of a sentence."""


@dataclass(eq=False)
class LuaTable:
    """A table.

    Attributes:
        kind: The name that stands before it, such as "Tracker"; empty without one.
        named: Values by name or number.
        items: Values without a name, in their order.
    """

    kind: str = ""
    named: dict[str | float, object] = field(default_factory=dict)
    items: list[object] = field(default_factory=list)

    def table(self, name: str | float) -> LuaTable:
        """The table of this name; an empty one when there is none."""
        value = self.named.get(name)
        return value if isinstance(value, LuaTable) else LuaTable()


def read_lua_table(text: str) -> LuaTable:
    """The table that a text writes.

    Raises:
        LuaError: It is no table of values.
    """
    reader = _Reader(text)
    value = reader.value(0)
    if not isinstance(value, LuaTable) or reader.token[0]:
        raise LuaError(f"line {reader.line}: it is not one table in braces")
    return value


class _Reader:
    """Reads values from a text, one token ahead."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._place = 0
        self._start = 0
        self.token = ("", "")
        self._advance()

    @property
    def line(self) -> int:
        """Of the token ahead."""
        return self._text.count("\n", 0, self._start) + 1

    def value(self, depth: int) -> object:
        """The value that begins with the token ahead."""
        kind, lexeme = self.token
        if depth > _DEEPEST:
            raise LuaError(f"line {self.line}: tables lie deeper than {_DEEPEST} in each other")
        self._advance()
        if kind == "number":
            return float(int(lexeme, 16)) if "x" in lexeme.lower() else float(lexeme)
        if kind == "text":
            return lexeme[2:-2] if lexeme.startswith("[[") else re.sub(r"\\(.)", r"\1", lexeme[1:-1], flags=re.DOTALL)
        if kind == "word":
            return self._after_word(lexeme, depth)
        if lexeme == "{":
            return self._table("", depth)
        raise LuaError(f"line {self.line}: '{lexeme}' begins no value")

    def _after_word(self, word: str, depth: int) -> object:
        """What follows a name: a table of that kind, after empty parentheses too, or one of Lua's own words."""
        if self.token[1] == "(":
            self._expect("(")
            self._expect(")")
        if self.token[1] == "{":
            self._advance()
            return self._table(word, depth)
        return _WORDS.get(word, word)

    def _table(self, kind: str, depth: int) -> LuaTable:
        table = LuaTable(kind)
        while self.token[1] != "}" or self.token[0] != "mark":
            self._entry(table, depth + 1)
            if self.token not in (("mark", ","), ("mark", ";"), ("mark", "}")):
                raise LuaError(f"line {self.line}: a comma or brace is missing")
            if self.token[1] != "}":
                self._advance()
        self._advance()
        return table

    def _entry(self, table: LuaTable, depth: int) -> None:
        if self.token == ("mark", "["):
            self._advance()
            key = self.value(depth)
            self._expect("]")
            self._expect("=")
            if not isinstance(key, str | float):
                raise LuaError(f"line {self.line}: a key is neither number nor text")
            table.named[key] = self.value(depth)
            return
        is_word = self.token[0] == "word"
        value = self.value(depth)
        if is_word and isinstance(value, str) and self.token == ("mark", "="):
            self._advance()
            table.named[value] = self.value(depth)
        else:
            table.items.append(value)

    def _expect(self, mark: str) -> None:
        if self.token != ("mark", mark):
            raise LuaError(f"line {self.line}: '{mark}' is missing")
        self._advance()

    def _advance(self) -> None:
        """Takes the next token that is neither space nor comment; ("", "") at the end."""
        while self._place < len(self._text):
            found = _TOKEN.match(self._text, self._place)
            self._start = self._place
            if not found:
                raise LuaError(f"line {self.line}: '{self._text[self._place]}' is not expected")
            self._place = found.end()
            if found.lastgroup:
                self.token = (found.lastgroup, found.group())
                return
        self._start = len(self._text)
        self.token = ("", "")
