"""Choosing crops of a faceset by what is known of them: `sharpness<0.3`, `shot=sh0*`, and the order to list them in."""

from __future__ import annotations

import fnmatch
import math
import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from understudy.errors import SettingsError, UnknownNameError
from understudy.faces.faceset import CropRecord
from understudy.plates import parse_frames

__all__ = ["SORTS", "Condition", "ListedCrop", "needs_similarity", "parse_conditions", "sorted_crops"]


@dataclass(frozen=True, eq=False)
class ListedCrop:
    """A crop as it is listed.

    Attributes:
        record: The crop.
        state: "used", "held-out" or "left-out".
        sharpness: 0..1.
        similarity: 0..1: how like its most similar neighbour in the set is; NaN when it was not worked out.
    """

    record: CropRecord
    state: str
    sharpness: float
    similarity: float = math.nan

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        yaw, pitch, roll = self.record.alignment.pose
        values = {
            "shot": self.record.shot,
            "frame": self.record.frame,
            "state": self.state,
            "yaw": round(yaw, 1),
            "pitch": round(pitch, 1),
            "roll": round(roll, 1),
            "size": round(self.record.native_px, 1),
            "sharpness": round(self.sharpness, 3),
            "exposure": round(self.record.exposure, 2),
            "confidence": round(self.record.alignment.confidence, 3),
        }
        return values if math.isnan(self.similarity) else {**values, "similarity": round(self.similarity, 3)}


_NUMBERS: dict[str, Callable[[ListedCrop], float]] = {
    "yaw": lambda crop: crop.record.alignment.pose[0],
    "pitch": lambda crop: crop.record.alignment.pose[1],
    "roll": lambda crop: crop.record.alignment.pose[2],
    "pose": lambda crop: math.hypot(*crop.record.alignment.pose[:2]),
    "size": lambda crop: crop.record.native_px,
    "sharpness": lambda crop: crop.sharpness,
    "exposure": lambda crop: crop.record.exposure,
    "similarity": lambda crop: crop.similarity,
    "confidence": lambda crop: crop.record.alignment.confidence,
    "frame": lambda crop: float(crop.record.frame),
}
_TEXTS: dict[str, Callable[[ListedCrop], str]] = {
    "shot": lambda crop: crop.record.shot,
    "state": lambda crop: crop.state,
}
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "!=": operator.ne,
}
_CONDITION = re.compile(r"\s*(?P<field>[a-z]+)\s*(?P<compare><=|>=|!=|==|=|<|>)\s*(?P<value>[^<>=!]+?)\s*")

SORTS: tuple[str, ...] = ("frame", "pose", "yaw", "pitch", "size", "sharpness", "exposure", "similarity", "confidence")
"""What crops can be sorted by, the least first; with a minus before it, the greatest first."""


@dataclass(frozen=True)
class Condition:
    """One `FIELD OP VALUE`.

    Attributes:
        text: As it was written.
        field: What is compared.
        holds: True for a crop that meets it.
    """

    text: str
    field: str
    holds: Callable[[ListedCrop], bool]


def parse_conditions(texts: Sequence[str]) -> tuple[Condition, ...]:
    """The conditions that `--where` said; a crop must meet all of them. In one text they are joined by `and`.

    Raises:
        UnknownNameError: There is no such field.
        SettingsError: It is no condition, or its value is none of the field's.
    """
    return tuple(_condition(part) for text in texts for part in re.split(r"\s+and\s+", text.strip()))


def needs_similarity(conditions: Sequence[Condition], sort: str | None) -> bool:
    """True when all crops must be held against each other first."""
    return "similarity" in (*(condition.field for condition in conditions), (sort or "").removeprefix("-"))


def sorted_crops(crops: Sequence[ListedCrop], sort: str | None) -> list[ListedCrop]:
    """The crops in this order, by shot and frame where they are equal.

    Raises:
        UnknownNameError: There is no such order.
    """
    in_order = sorted(crops, key=lambda crop: crop.record.key)
    if sort is None:
        return in_order
    field = sort.removeprefix("-")
    if field not in SORTS:
        raise UnknownNameError("order", field, SORTS, "--sort")
    if field == "frame" and field == sort:
        return in_order
    number, falls = _NUMBERS[field], sort != field
    known = [crop for crop in in_order if not math.isnan(number(crop))]
    unknown = [crop for crop in in_order if math.isnan(number(crop))]  # what was left out is held against no other
    return [*sorted(known, key=number, reverse=falls), *unknown]


def _condition(text: str) -> Condition:
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise SettingsError(
            f"--where '{text[:80]}' is no condition: write FIELD OP VALUE, such as sharpness<0.3, with <, <=, >, >=, = "
            f"or !=; fields are {', '.join((*_NUMBERS, *_TEXTS))}."
        )
    field, value, sign = match["field"], match["value"], match["compare"].replace("==", "=")
    if field in _TEXTS:
        return Condition(text, field, _text_test(text, field, sign, value))
    if field not in _NUMBERS:
        raise UnknownNameError("field", field, (*_NUMBERS, *_TEXTS), "--where")
    if field == "frame" and sign in ("=", "!="):
        frames = frozenset(parse_frames(value))
        return Condition(text, field, lambda crop: (crop.record.frame in frames) == (sign == "="))
    try:
        limit = float(value)
    except ValueError:
        limit = math.nan
    if not math.isfinite(limit):
        raise SettingsError(f"--where '{text[:80]}': {field} is a number, and '{value[:40]}' is none.", field=field)
    return Condition(text, field, lambda crop: _COMPARE[sign](_NUMBERS[field](crop), limit))


def _text_test(text: str, field: str, sign: str, value: str) -> Callable[[ListedCrop], bool]:
    if sign not in ("=", "!="):
        raise SettingsError(f"--where '{text[:80]}': {field} is compared with = or !=, with * for any letters.")
    pattern = value.replace(" ", "-") if field == "state" else value
    return lambda crop: fnmatch.fnmatchcase(_TEXTS[field](crop), pattern) == (sign == "=")
