"""Where two settings of one kind differ, field by field, for whoever has to make them alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from understudy.settings.validation import Settings

__all__ = ["differences", "told_differences"]

_MOST_TOLD = 4


def differences(first: Settings, second: Settings, within: str = "") -> dict[str, tuple[Any, Any]]:
    """Dotted name of each field in which they differ, with both values as JSON would hold them.

    Args:
        first: One.
        second: The other, of the same class.
        within: What the names begin with, such as "model".
    """
    return dict(_walked(first.model_dump(mode="json"), second.model_dump(mode="json"), within))


def told_differences(first: Settings, second: Settings, within: str = "") -> str:
    """The same as a part of a sentence: "model.size 128, not 256; ..."; empty when they are alike.

    Args:
        first: What is there.
        second: What should be there.
        within: What the names begin with.
    """
    found = [f"{name} {one}, not {other}" for name, (one, other) in differences(first, second, within).items()]
    more = f"; and {len(found) - _MOST_TOLD} more" if len(found) > _MOST_TOLD else ""
    return "; ".join(found[:_MOST_TOLD]) + more


def _walked(first: Mapping[str, Any], second: Mapping[str, Any], within: str) -> Iterator[tuple[str, tuple[Any, Any]]]:
    for name in [*first, *(name for name in second if name not in first)]:
        one, other, field = first.get(name), second.get(name), f"{within}.{name}" if within else name
        if isinstance(one, dict) and isinstance(other, dict):
            yield from _walked(one, other, field)
        elif one != other:
            yield field, (one, other)
