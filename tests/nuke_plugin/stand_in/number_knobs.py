"""Knobs that hold numbers, each with a value, an expression or a curve of its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tests.nuke_plugin.stand_in.expressions import parse_expression
from tests.nuke_plugin.stand_in.knob import Knob, quoted
from tests.nuke_plugin.stand_in.strict import fail
from tests.nuke_script import curve_of, words


class Array_Knob(Knob):
    """Numbers, each with a value, an expression or a curve of its own."""

    _size = 1
    _number: Callable[[Any], Any] = float

    def __init__(self, name: str, label: str | None = None) -> None:
        super().__init__(name, label)
        self._held = [0.0] * self._size
        self._default = list(self._held)
        self._expressions: dict[int, str] = {}
        self._curves: dict[int, dict[int, float]] = {}
        self._range = (0.0, 1.0)

    def _at(self, index: int, frame: int | None = None) -> float:
        if self._owner is None:
            return float(self._held[index])
        frame = self._owner._host.frame if frame is None else frame
        if index in self._expressions:
            return self._owner._expression_value(self._expressions[index], frame)
        if index in self._curves:
            keys = sorted(self._curves[index].items())
            return float(np.interp(frame, *zip(*keys, strict=True))) if keys else 0.0
        return float(self._held[index])

    def _channel(self, index: int) -> str:
        if index in self._expressions:
            text = self._expressions[index]
            return "{" + (text if re.fullmatch(r"[\w.]+", text) else quoted(text)) + "}"
        if index in self._curves:
            return "{curve" + "".join(f" x{x} {y:g}" for x, y in self._curves[index].items()) + "}"
        return f"{self._held[index]:.10g}"

    def _text(self) -> str:
        parts = [self._channel(index) for index in range(self._size)]
        if len(set(parts)) == 1 and not parts[0].startswith("{"):
            return parts[0]
        return "{" + " ".join(parts) + "}"

    def _is_default(self) -> bool:
        return self._held == self._default and not self._expressions and not self._curves

    def _read(self, text: str) -> None:
        parts = words(text)
        if len(parts) not in {1, self._size} and not (self._size == 4 and len(parts) == 3):
            self._refuse(text, f"{self._size} numbers")
        parts = parts * self._size if len(parts) == 1 else parts + parts[-1:] * (self._size - len(parts))
        self._expressions, self._curves = {}, {}
        for index, part in enumerate(parts):
            self._read_channel(index, part)

    def _read_channel(self, index: int, part: str) -> None:
        try:
            self._held[index] = float(part)
            return
        except ValueError:
            pass
        inner = words(part)
        if inner and inner[0] == "curve":
            self._curves[index] = curve_of(part) or {}
        elif len(inner) == 1:
            parse_expression(inner[0])
            self._expressions[index] = inner[0]
        else:
            fail(f"{self._where()}: '{part}' is an expression with blanks and lacks its quotes")

    def _checked(self, val: Any) -> float:
        if isinstance(val, bool) or not isinstance(val, (int, float)):
            self._refuse(val, "a number")
        return float(val)

    def _values(self, frame: int | None = None) -> list[float]:
        return [self._at(index, frame) for index in range(self._size)]

    def value(self, index: int | None = None) -> Any:
        values = [type(self)._number(value) for value in self._values()]
        if index is not None:
            return values[index]
        return values[0] if len(set(values)) == 1 else list(values)

    def getValue(self, channel: int | None = None) -> Any:
        values = self._values()
        if channel is not None:
            return values[channel]
        return values[0] if len(set(values)) == 1 else values

    def valueAt(self, time: float, index: int | None = None) -> Any:
        values = self._values(int(time))
        return values[index or 0] if index is not None or len(set(values)) == 1 else values

    def getValueAt(self, frame: float, index: int = 0, view: str | None = None) -> Any:
        return self._values(int(frame))[index]

    def setValue(self, val: Any, chan: int | None = None) -> bool:
        values = list(self._held)
        if isinstance(val, Sequence) and not isinstance(val, str):
            if len(val) != self._size:
                self._refuse(val, f"{self._size} numbers")
            values = [self._checked(one) for one in val]
        elif chan is None:
            values = [self._checked(val)] * self._size
        else:
            values[chan] = self._checked(val)
        return self._hold(values)

    def setExpression(self, expression: str, channel: int = -1, view: str | None = None) -> bool:
        parse_expression(expression)
        for index in range(self._size) if channel == -1 else (channel,):
            self._expressions[index] = expression
        self._changed()
        return True

    def hasExpression(self, index: int = -1) -> bool:
        return bool(self._expressions) if index == -1 else index in self._expressions

    def isAnimated(self, channel: int = -1) -> bool:
        animated = self._expressions.keys() | self._curves.keys()
        return bool(animated) if channel == -1 else channel in animated

    def clearAnimated(self, channel: int = -1) -> bool:
        for index in range(self._size) if channel == -1 else (channel,):
            self._held[index] = self._at(index)
            self._expressions.pop(index, None)
            self._curves.pop(index, None)
        return True

    def setAnimated(self, channel: int = -1) -> bool:
        for index in range(self._size) if channel == -1 else (channel,):
            self._curves.setdefault(index, {})
        return True

    def setValueAt(self, val: Any, time: float, index: int = 0, view: str | None = None) -> bool:
        if index not in self._curves:
            return self.setValue(val, index)
        self._curves[index][int(time)] = self._checked(val)
        return True

    def setRange(self, low: float, high: float) -> None:
        self._range = (low, high)

    def defaultValue(self) -> Any:
        return self._default[0]

    def arraySize(self) -> int:
        return self._size

    def singleValue(self, view: Any = None) -> bool:
        parts = {self._channel(index) for index in range(self._size)}
        return len(parts) == 1


class Double_Knob(Array_Knob): ...


class Int_Knob(Array_Knob):
    _number = int

    def value(self) -> Any:  # type: ignore[override]
        return super().value()

    def setValue(self, val: Any) -> bool:  # type: ignore[override]
        return super().setValue(val)

    def _checked(self, val: Any) -> float:
        if isinstance(val, bool) or not isinstance(val, int):
            self._refuse(val, "a whole number")
        return float(val)


class Boolean_Knob(Array_Knob):
    _number = bool

    def value(self) -> bool:  # type: ignore[override]
        return bool(super().value())

    def setValue(self, b: bool) -> bool:  # type: ignore[override]
        return super().setValue(b)

    def _read(self, text: str) -> None:
        super()._read({"true": "1", "false": "0"}.get(text, text))

    def _channel(self, index: int) -> str:
        is_plain = index not in self._expressions and index not in self._curves
        return ("true" if self._held[0] else "false") if is_plain else super()._channel(index)

    def _checked(self, val: Any) -> float:
        if not isinstance(val, (bool, int)):
            self._refuse(val, "True or False")
        return float(bool(val))


class Disable_Knob(Boolean_Knob): ...


class Unsigned_Knob(Int_Knob):
    def _read(self, text: str) -> None:
        super()._read(str(int(text, 16)) if text.startswith("0x") else text)


class ColorChip_Knob(Unsigned_Knob): ...


class Enumeration_Knob(Array_Knob):
    def __init__(self, name: str, label: str | None = None, items: Sequence[str] = ()) -> None:
        super().__init__(name, label)
        self._items = list(items)

    def _index(self, name: str) -> int:
        if name not in self._items:
            fail(f"{self._where()} has no entry '{name}', only: {', '.join(self._items)}")
        return self._items.index(name)

    def _channel(self, index: int) -> str:
        is_plain = index not in self._expressions and index not in self._curves
        return quoted(self._items[int(self._held[0])]) if is_plain and self._items else super()._channel(index)

    def _text(self) -> str:
        return self._channel(0) if not self._expressions else "{" + self._channel(0) + "}"

    def _read(self, text: str) -> None:
        if text in self._items:
            self._expressions, self._curves, self._held = {}, {}, [float(self._items.index(text))]
        elif text.startswith("{") or re.fullmatch(r"\d+", text):
            super()._read(text)
        else:
            self._index(text)

    def values(self) -> list[str]:
        return list(self._items)

    def setValues(self, values: Sequence[str]) -> None:
        self._items = [str(value) for value in values]
        self._held = [min(self._held[0], float(max(len(self._items) - 1, 0)))]

    def numValues(self) -> int:
        return len(self._items)

    def enumName(self, n: int) -> str:
        return self._items[n]

    def value(self) -> str:
        return self._items[int(self._at(0))] if self._items else ""

    def setValue(self, val: str | int) -> bool:
        if isinstance(val, str):
            return self._hold([float(self._index(val))])
        if not 0 <= val < len(self._items):
            self._refuse(val, f"0 to {len(self._items) - 1}")
        return self._hold([float(val)])


class CascadingEnumeration_Knob(Enumeration_Knob): ...


class XY_Knob(Array_Knob):
    _size = 2


class WH_Knob(Array_Knob):
    _size = 2


class BBox_Knob(Array_Knob):
    _size = 4


class Color_Knob(Array_Knob):
    _size = 3


class AColor_Knob(Color_Knob):
    _size = 4
