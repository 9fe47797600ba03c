"""Nuke's knob expressions: numbers, knobs, functions, operators as in C, and Tcl in square brackets."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Expression", "ExpressionError", "parse_expression"]

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+)|(?P<name>[A-Za-z_][\w.]*)|(?P<tcl>\[)"
    r"|(?P<sign>\*\*|<=|>=|==|!=|&&|\|\||[-+*/%<>!?:(),]))"
)
# all of them for numbers and for whole planes of pixels
_BINARY: list[dict[str, Callable[[Any, Any], Any]]] = [
    {"||": lambda a, b: np.logical_or(a, b).astype(np.float32)},
    {"&&": lambda a, b: np.logical_and(a, b).astype(np.float32)},
    {"==": lambda a, b: np.equal(a, b).astype(np.float32), "!=": lambda a, b: np.not_equal(a, b).astype(np.float32)},
    {
        "<": lambda a, b: np.less(a, b).astype(np.float32),
        ">": lambda a, b: np.greater(a, b).astype(np.float32),
        "<=": lambda a, b: np.less_equal(a, b).astype(np.float32),
        ">=": lambda a, b: np.greater_equal(a, b).astype(np.float32),
    },
    {"+": lambda a, b: a + b, "-": lambda a, b: a - b},
    {"*": lambda a, b: a * b, "/": lambda a, b: a / b, "%": lambda a, b: np.fmod(a, b)},
]
_FUNCTIONS: dict[str, tuple[int, Callable[..., Any]]] = {
    "abs": (1, np.abs),
    "ceil": (1, np.ceil),
    "clamp": (3, np.clip),
    "exp": (1, np.exp),
    "floor": (1, np.floor),
    "max": (2, np.maximum),
    "min": (2, np.minimum),
    "pow": (2, np.power),
    "rint": (1, np.rint),
    "sqrt": (1, np.sqrt),
}


class ExpressionError(AssertionError):
    """Text that is no expression of Nuke's, or names what is not there."""


@dataclass(frozen=True)
class Expression:
    """A parsed expression.

    Attributes:
        text: As it stands in the script.
        names: Knobs and variables that it uses.
        tcl: Tcl that it uses.
    """

    text: str
    names: tuple[str, ...]
    tcl: tuple[str, ...]
    _value: Callable[[Callable[[str], Any], Callable[[str], float]], Any]

    def value(self, name: Callable[[str], Any], tcl: Callable[[str], float]) -> Any:
        """What it comes to.

        Args:
            name: Gives the value of a knob or variable.
            tcl: Gives the value of a Tcl command.
        """
        return self._value(name, tcl)


def parse_expression(text: str) -> Expression:
    """An expression out of its text.

    Args:
        text: Without the braces of the script.

    Raises:
        ExpressionError: It does not parse.
    """
    return _Parser(text).whole()


class _Parser:
    """Recursive descent; each method returns a closure of `(name, tcl)`."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.names: list[str] = []
        self.tcl: list[str] = []
        self.tokens = self._tokens()
        self.at = 0

    def _fail(self, what: str) -> Any:
        raise ExpressionError(f"'{self.text}' is no expression: {what}")

    def _tokens(self) -> list[tuple[str, str]]:
        found, place, text = [], 0, self.text.rstrip()
        while place < len(text):
            match = _TOKEN.match(text, place)
            if match is None:
                self._fail(f"at '{text[place:][:20]}'")
            kind, place = match.lastgroup, match.end()
            word = match.group(kind)
            if kind == "tcl":
                depth, begin = 1, place
                while depth:
                    if place >= len(text):
                        self._fail("a square bracket stays open")
                    depth += {"[": 1, "]": -1}.get(text[place], 0)
                    place += 1
                word = text[begin : place - 1]
            found.append((kind, word))
        return [*found, ("end", "")]

    def _take(self, *signs: str) -> str:
        kind, word = self.tokens[self.at]
        if kind == "sign" and word in signs:
            self.at += 1
            return word
        return ""

    def whole(self) -> Expression:
        value = self._choice()
        if self.tokens[self.at][0] != "end":
            self._fail(f"'{self.tokens[self.at][1]}' is left over")
        return Expression(self.text, tuple(self.names), tuple(self.tcl), value)

    def _choice(self) -> Callable[..., Any]:
        condition = self._binary(0)
        if not self._take("?"):
            return condition
        yes = self._choice()
        if not self._take(":"):
            self._fail("'?' without ':'")
        no = self._choice()

        def choose(name: Any, tcl: Any) -> Any:
            asked = condition(name, tcl)
            if np.ndim(asked):
                return np.where(asked != 0, yes(name, tcl), no(name, tcl))
            return yes(name, tcl) if asked else no(name, tcl)

        return choose

    def _binary(self, level: int) -> Callable[..., Any]:
        if level == len(_BINARY):
            return self._unary()
        left = self._binary(level + 1)
        while sign := self._take(*_BINARY[level]):
            left = self._joined(_BINARY[level][sign], left, self._binary(level + 1))
        return left

    @staticmethod
    def _joined(operation: Callable[[Any, Any], Any], left: Any, right: Any) -> Callable[..., Any]:
        return lambda name, tcl: operation(left(name, tcl), right(name, tcl))

    def _unary(self) -> Callable[..., Any]:
        if self._take("-"):
            inner = self._unary()
            return lambda name, tcl: -inner(name, tcl)
        if self._take("!"):
            inner = self._unary()
            return lambda name, tcl: np.logical_not(inner(name, tcl)).astype(np.float32)
        return self._atom()

    def _atom(self) -> Callable[..., Any]:
        if self._take("("):
            inner = self._choice()
            if not self._take(")"):
                self._fail("a bracket stays open")
            return inner
        kind, word = self.tokens[self.at]
        self.at += 1
        if kind == "number":
            number = float(word)
            return lambda name, tcl: number
        if kind == "tcl":
            self.tcl.append(word)
            return lambda name, tcl: tcl(word)
        if kind != "name":
            return self._fail(f"'{word}' where a value should be" if word else "it ends too soon")
        if self._take("("):
            return self._call(word)
        self.names.append(word)
        return lambda name, tcl: name(word)

    def _call(self, word: str) -> Callable[..., Any]:
        if word not in _FUNCTIONS:
            self._fail(f"no function '{word}'")
        arguments = [self._choice()]
        while self._take(","):
            arguments.append(self._choice())
        if not self._take(")"):
            self._fail("a bracket stays open")
        count, function = _FUNCTIONS[word]
        if count != len(arguments):
            self._fail(f"{word} takes {count} arguments, not {len(arguments)}")
        return lambda name, tcl: function(*(argument(name, tcl) for argument in arguments))
