"""Knobs by class: what they hold, what they take from Python, and their text in a script."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.nuke_plugin.stand_in.expressions import parse_expression
from tests.nuke_plugin.stand_in.flags import FLAGS
from tests.nuke_plugin.stand_in.strict import fail, strict
from tests.nuke_script import UserKnob, curve_of, words

if TYPE_CHECKING:
    from tests.nuke_plugin.stand_in.nodes import Node

__all__ = ["KNOB_CLASSES", "Knob", "knob_of", "quoted"]


def quoted(text: str) -> str:
    """A word of a script, as Nuke writes it."""
    if re.fullmatch(r"[\w./:@%-]+", text):
        return text
    escaped = re.sub(r'([\\"$\[\]{}])', r"\\\1", text).replace("\n", "\\n")
    return f'"{escaped}"'


@strict
class Knob:
    """What all knobs have."""

    _default: Any = None

    def __init__(self, name: str, label: str | None = None) -> None:
        self._name, self._label, self._tooltip = name, name if label is None else label, ""
        self._flags, self._is_enabled, self._is_visible = 0, True, True
        self._owner: Node | None = None
        self._definition: UserKnob | None = None
        self._held = self._default

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._where()}>"

    def _where(self) -> str:
        return f"{self._owner._name if self._owner else ''}.{self._name}"

    def _changed(self) -> None:
        if self._owner is not None:
            self._owner._knob_changed(self)

    def _hold(self, value: Any) -> bool:
        is_new = bool(self._held != value)
        self._held = value
        if is_new:
            self._changed()
        return is_new

    def _refuse(self, value: Any, wanted: str) -> None:
        fail(f"{type(self).__name__} {self._where()} takes {wanted}, not {value!r}")

    def _text(self) -> str:
        return quoted(str(self._held))

    def _read(self, text: str) -> None:
        self._held = text

    def _is_default(self) -> bool:
        return bool(self._held == self._default)

    def Class(self) -> str:  # noqa: N802
        return type(self).__name__

    def name(self) -> str:
        return self._name

    def label(self) -> str:
        return self._label

    def setLabel(self, label: str) -> None:  # noqa: N802
        self._label = label

    def tooltip(self) -> str:
        return self._tooltip

    def setTooltip(self, tooltip: str) -> None:  # noqa: N802
        self._tooltip = tooltip

    def node(self) -> Any:
        return self._owner

    def enabled(self) -> bool:
        return self._is_enabled

    def setEnabled(self, enabled: bool) -> None:  # noqa: N802
        self._is_enabled = bool(enabled)

    def visible(self) -> bool:
        return self._is_visible

    def setVisible(self, visible: bool) -> None:  # noqa: N802
        self._is_visible = bool(visible)

    def setFlag(self, flag: int) -> None:  # noqa: N802
        self._flags |= flag
        if flag & FLAGS["INVISIBLE"]:
            self._is_visible = False
        if flag & FLAGS["DISABLED"]:
            self._is_enabled = False

    def clearFlag(self, flag: int) -> None:  # noqa: N802
        self._flags &= ~flag
        if flag & FLAGS["INVISIBLE"]:
            self._is_visible = True
        if flag & FLAGS["DISABLED"]:
            self._is_enabled = True

    def getFlag(self, flag: int) -> bool:  # noqa: N802
        return bool(self._flags & flag)

    def fullyQualifiedName(self, channel: int = -1) -> str:  # noqa: N802
        return f"{self._owner._full_name()}.{self._name}" if self._owner else self._name

    def toScript(self, quote: bool = True, context: Any = None) -> str:  # noqa: N802
        return self._text()

    def fromScript(self, script: str) -> None:  # noqa: N802
        self._read(script)
        self._changed()

    def value(self) -> Any:
        return self._held

    def getValue(self) -> Any:  # noqa: N802
        return self._held

    def setValue(self, val: Any) -> Any:  # noqa: N802
        fail(f"{type(self).__name__} {self._where()} has no value to set")


class _Nameless(Knob):
    def _text(self) -> str:
        return ""

    def _is_default(self) -> bool:
        return True


class Tab_Knob(_Nameless): ...  # noqa: N801


class Text_Knob(Knob):  # noqa: N801
    """A line of text that nobody edits; a divider when it is empty."""

    _default = ""

    def setValue(self, val: str) -> None:  # noqa: N802
        if not isinstance(val, str):
            self._refuse(val, "text")
        self._hold(val)


class String_Knob(Knob):  # noqa: N801
    _default = ""

    def setValue(self, val: str, view: Any = None) -> bool:  # noqa: N802
        if not isinstance(val, str):
            self._refuse(val, "text")
        return self._hold(val)

    def value(self, oc: Any = None) -> str:
        return str(self._held)

    def getText(self, oc: Any = None) -> str:  # noqa: N802
        return str(self._held)

    def setText(self, val: str) -> bool:  # noqa: N802
        return self.setValue(val)


class EvalString_Knob(String_Knob):  # noqa: N801
    """Text whose square brackets are Tcl."""

    def _evaluated(self, frame: int) -> str:
        if self._owner is None or not re.search(r"[\[$\\]", self._held):
            return str(self._held)
        return str(self._owner._tcl(frame).eval(f"subst {{{self._held}}}"))

    def evaluate(self, frame: int | None = None) -> str:
        return self._evaluated(self._owner._host.frame if frame is None and self._owner else int(frame or 0))


class Multiline_Eval_String_Knob(EvalString_Knob): ...  # noqa: N801


class File_Knob(EvalString_Knob):  # noqa: N801
    def setValue(self, val: str, view: Any = None) -> bool:  # noqa: N802
        if isinstance(val, str) and "\\" in val and "[" not in val:
            self._refuse(val, "a path with forward slashes")
        return super().setValue(val)

    def _numbered(self, frame: int) -> str:
        """The path of a frame: `%04d` and `####` filled in."""
        path = re.sub(r"%(0?\d*)d", lambda match: f"{frame:{match[1] or ''}d}", self._evaluated(frame))
        return re.sub(r"#+", lambda match: f"{frame:0{len(match[0])}d}", path)

    def evaluate(self, frame: int | None = None) -> str:
        return self._numbered(self._owner._host.frame if frame is None and self._owner else int(frame or 0))

    def getEvaluatedValue(self, oc: Any = None) -> str | None:  # noqa: N802
        path = self._evaluated(self._owner._host.frame if self._owner else 0)
        return path or None

    def getValue(self) -> str:  # noqa: N802
        return str(self._held)

    def fromUserText(self, text: str) -> None:  # noqa: N802
        """Takes a path followed by a range, as the file browser gives it."""
        match = re.fullmatch(r"(.*?)(?:\s+(-?\d+)-(-?\d+))?", text)
        self._hold(match[1])
        if match[2] and self._owner is not None:
            for name, word in (("first", match[2]), ("last", match[3])):
                if name in self._owner._knobs:
                    self._owner._knobs[name].setValue(int(word))


class Script_Knob(String_Knob):  # noqa: N801
    def command(self) -> str:
        return str(self._held)

    def setCommand(self, cmd: str) -> None:  # noqa: N802
        self.setValue(cmd)


class PyScript_Knob(Script_Knob):  # noqa: N801
    """A button; its value is Python."""

    def execute(self) -> None:
        if self._owner is None:
            fail(f"Button {self._name} is on no node")
        self._owner._host.run(self._held, self._owner, self)


class PythonKnob(String_Knob): ...


class Channel_Knob(String_Knob):  # noqa: N801
    _default = "none"


class ChannelMask_Knob(Channel_Knob):  # noqa: N801
    _default = "all"


class Array_Knob(Knob):  # noqa: N801
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

    def getValue(self, channel: int | None = None) -> Any:  # noqa: N802
        values = self._values()
        if channel is not None:
            return values[channel]
        return values[0] if len(set(values)) == 1 else values

    def valueAt(self, time: float, index: int | None = None) -> Any:  # noqa: N802
        values = self._values(int(time))
        return values[index or 0] if index is not None or len(set(values)) == 1 else values

    def getValueAt(self, frame: float, index: int = 0, view: str | None = None) -> Any:  # noqa: N802
        return self._values(int(frame))[index]

    def setValue(self, val: Any, chan: int | None = None) -> bool:  # noqa: N802
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

    def setExpression(self, expression: str, channel: int = -1, view: str | None = None) -> bool:  # noqa: N802
        parse_expression(expression)
        for index in range(self._size) if channel == -1 else (channel,):
            self._expressions[index] = expression
        self._changed()
        return True

    def hasExpression(self, index: int = -1) -> bool:  # noqa: N802
        return bool(self._expressions) if index == -1 else index in self._expressions

    def isAnimated(self, channel: int = -1) -> bool:  # noqa: N802
        animated = self._expressions.keys() | self._curves.keys()
        return bool(animated) if channel == -1 else channel in animated

    def clearAnimated(self, channel: int = -1) -> bool:  # noqa: N802
        for index in range(self._size) if channel == -1 else (channel,):
            self._held[index] = self._at(index)
            self._expressions.pop(index, None)
            self._curves.pop(index, None)
        return True

    def setAnimated(self, channel: int = -1) -> bool:  # noqa: N802
        for index in range(self._size) if channel == -1 else (channel,):
            self._curves.setdefault(index, {})
        return True

    def setValueAt(self, val: Any, time: float, index: int = 0, view: str | None = None) -> bool:  # noqa: N802
        if index not in self._curves:
            return self.setValue(val, index)
        self._curves[index][int(time)] = self._checked(val)
        return True

    def setRange(self, low: float, high: float) -> None:  # noqa: N802
        self._range = (low, high)

    def defaultValue(self) -> Any:  # noqa: N802
        return self._default[0]

    def arraySize(self) -> int:  # noqa: N802
        return self._size


class Double_Knob(Array_Knob): ...  # noqa: N801


class Int_Knob(Array_Knob):  # noqa: N801
    _number = int

    def _checked(self, val: Any) -> float:
        if isinstance(val, bool) or not isinstance(val, int):
            self._refuse(val, "a whole number")
        return float(val)


class Boolean_Knob(Array_Knob):  # noqa: N801
    _number = bool

    def _read(self, text: str) -> None:
        super()._read({"true": "1", "false": "0"}.get(text, text))

    def _channel(self, index: int) -> str:
        is_plain = index not in self._expressions and index not in self._curves
        return ("true" if self._held[0] else "false") if is_plain else super()._channel(index)

    def _checked(self, val: Any) -> float:
        if not isinstance(val, (bool, int)):
            self._refuse(val, "True or False")
        return float(bool(val))


class Disable_Knob(Boolean_Knob): ...  # noqa: N801


class Unsigned_Knob(Int_Knob):  # noqa: N801
    def _read(self, text: str) -> None:
        super()._read(str(int(text, 16)) if text.startswith("0x") else text)


class ColorChip_Knob(Unsigned_Knob): ...  # noqa: N801


class Enumeration_Knob(Array_Knob):  # noqa: N801
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

    def setValues(self, values: Sequence[str]) -> None:  # noqa: N802
        self._items = [str(value) for value in values]
        self._held = [min(self._held[0], float(max(len(self._items) - 1, 0)))]

    def numValues(self) -> int:  # noqa: N802
        return len(self._items)

    def enumName(self, n: int) -> str:  # noqa: N802
        return self._items[n]

    def value(self) -> str:
        return self._items[int(self._at(0))] if self._items else ""

    def setValue(self, val: str | int) -> bool:  # noqa: N802
        if isinstance(val, str):
            return self._hold([float(self._index(val))])
        if not 0 <= val < len(self._items):
            self._refuse(val, f"0 to {len(self._items) - 1}")
        return self._hold([float(val)])


class CascadingEnumeration_Knob(Enumeration_Knob): ...  # noqa: N801


class XY_Knob(Array_Knob):  # noqa: N801
    _size = 2


class WH_Knob(Array_Knob):  # noqa: N801
    _size = 2


class BBox_Knob(Array_Knob):  # noqa: N801
    _size = 4


class Color_Knob(Array_Knob):  # noqa: N801
    _size = 3


class AColor_Knob(Color_Knob):  # noqa: N801
    _size = 4


class Format_Knob(Knob):  # noqa: N801
    """A format by name or by its numbers."""

    _default = ""

    def setValue(self, val: Any) -> None:  # noqa: N802
        self._hold(val if isinstance(val, str) else val.name())

    def value(self) -> Any:
        return self._owner._host.format_named(self._held) if self._owner else self._held


class Link_Knob(Knob):  # noqa: N801
    """Shows a knob of another node; what is set goes there."""

    def __init__(self, name: str, label: str | None = None) -> None:
        super().__init__(name, label)
        self._target = ""

    def _linked(self) -> Knob:
        node, _, knob = self._target.rpartition(".")
        if self._owner is None or not knob:
            fail(f"Link {self._where()} leads nowhere")
        return self._owner._find(node)._knob(knob)

    def _read(self, text: str) -> None:
        self._linked()._read(text)

    def _is_default(self) -> bool:
        return True

    def getLink(self) -> str:  # noqa: N802
        return self._target

    def setLink(self, s: str) -> None:  # noqa: N802
        self._target = s

    def makeLink(self, s: str, t: str) -> None:  # noqa: N802
        self._target = f"{s}.{t}"

    def getLinkedKnob(self) -> Any:  # noqa: N802
        return self._linked()

    def value(self) -> Any:
        fail(f"What Link_Knob.value() of {self._where()} gives is not documented: ask getLinkedKnob()")

    def setValue(self, val: Any, chan: int | None = None) -> Any:  # noqa: N802
        linked = self._linked()
        return linked.setValue(val) if chan is None else linked.setValue(val, chan)


KNOB_CLASSES: dict[str, type[Knob]] = {}


def _all_classes(kind: type[Knob]) -> list[type[Knob]]:
    return [kind] + [deeper for child in kind.__subclasses__() for deeper in _all_classes(child)]


for _kind in _all_classes(Knob):
    strict(_kind)
    if not _kind.__name__.startswith("_"):
        KNOB_CLASSES[_kind.__name__] = _kind

# the numbers of addUserKnob
_BY_NUMBER: dict[int, type[Knob]] = {
    1: String_Knob,
    2: File_Knob,
    3: Int_Knob,
    4: Enumeration_Knob,
    6: Boolean_Knob,
    7: Double_Knob,
    12: XY_Knob,
    14: WH_Knob,
    15: BBox_Knob,
    18: Color_Knob,
    19: AColor_Knob,
    20: Tab_Knob,
    22: PyScript_Knob,
    26: Text_Knob,
    28: Multiline_Eval_String_Knob,
    41: Link_Knob,
    43: Multiline_Eval_String_Knob,
    68: CascadingEnumeration_Knob,
}


def knob_of(definition: UserKnob) -> Knob:
    """The knob that an `addUserKnob` makes."""
    if definition.kind not in _BY_NUMBER:
        fail(f"addUserKnob: this stand-in knows no knob type {definition.kind} (knob {definition.name})")
    knob = _BY_NUMBER[definition.kind](definition.name, definition.options.get("l"))
    knob._definition, knob._tooltip = definition, definition.options.get("t", "")
    target = definition.options.get("T", "")
    if isinstance(knob, Enumeration_Knob):
        knob._items = words(definition.options.get("M", ""))
    elif isinstance(knob, Link_Knob):
        knob._target = target
    elif isinstance(knob, (Text_Knob, PyScript_Knob)):
        knob._held = target
    if isinstance(knob, Array_Knob) and "R" in definition.options:
        low, high = definition.options["R"].split()
        knob._range = (float(low), float(high))
    for word in definition.flags:
        if word[1:] not in {*FLAGS, "HIDDEN"}:
            fail(f"addUserKnob {definition.name}: no flag {word}")
        if word[0] == "+":
            knob.setFlag(FLAGS.get(word[1:], 0))
    if not isinstance(knob._held, list):
        knob._default = knob._held
    return knob
