"""How the stand-in fails: at once, where the mistake is, and again at the end, should somebody have caught it."""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["LEDGER", "Violation", "any_thread", "fail", "guarded", "strict"]

Class = TypeVar("Class", bound=type)


class Violation(AssertionError):
    """Something that Nuke does not know, or that would hang or crash it."""


class Ledger:
    """What was done since the test began.

    Attributes:
        violations: Every failure, even one that was caught.
        touched: Nodes that Python has used, by identity; the Indie edition allows about ten per script run.
    """

    def __init__(self) -> None:
        self.violations: list[str] = []
        self.touched: dict[int, str] = {}

    def clear(self) -> None:
        self.violations, self.touched = [], {}


LEDGER = Ledger()


def fail(sentence: str) -> Any:
    """Writes the violation down and raises it."""
    LEDGER.violations.append(sentence)
    raise Violation(sentence)


def any_thread(function: Callable[..., Any]) -> Callable[..., Any]:
    """Marks what may be called from every thread."""
    function.any_thread = True  # type: ignore[attr-defined]
    return function


def guarded(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """The function, failing for arguments that it has not got and in threads where Nuke would crash."""
    signature = inspect.signature(function)
    in_any_thread = getattr(function, "any_thread", False)

    @functools.wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        if not in_any_thread and threading.current_thread() is not threading.main_thread():
            fail(f"{name} is called from thread '{threading.current_thread().name}': only the main thread may")
        try:
            signature.bind(*arguments, **named)
        except TypeError as error:
            fail(f"{name}: {error}")
        return function(*arguments, **named)

    call.guarded = True  # type: ignore[attr-defined]
    return call


def strict(kind: Class) -> Class:
    """Guards every public method, and fails for every name that the class has not got."""
    for name, member in list(vars(kind).items()):
        is_public = not name.startswith("_") or name in {"__getitem__", "__enter__", "__exit__"}
        if is_public and inspect.isfunction(member) and not hasattr(member, "guarded"):
            setattr(kind, name, guarded(member, f"{kind.__name__}.{name}"))

    def unknown(self: Any, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return fail(f"Nuke's {kind.__name__} has no '{name}'")

    kind.__getattr__ = unknown
    return kind
