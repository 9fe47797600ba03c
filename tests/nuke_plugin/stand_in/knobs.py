"""All knobs by class and by number, and how an `addUserKnob` makes one."""

from __future__ import annotations

from typing import Any

from tests.nuke_plugin.stand_in.flags import FLAGS
from tests.nuke_plugin.stand_in.knob import Knob, Tab_Knob, Text_Knob, quoted
from tests.nuke_plugin.stand_in.number_knobs import (
    AColor_Knob,
    Array_Knob,
    BBox_Knob,
    Boolean_Knob,
    CascadingEnumeration_Knob,
    Color_Knob,
    ColorChip_Knob,
    Disable_Knob,
    Double_Knob,
    Enumeration_Knob,
    Int_Knob,
    Unsigned_Knob,
    WH_Knob,
    XY_Knob,
)
from tests.nuke_plugin.stand_in.strict import fail, strict
from tests.nuke_plugin.stand_in.text_knobs import (
    Channel_Knob,
    ChannelMask_Knob,
    EvalString_Knob,
    File_Knob,
    Multiline_Eval_String_Knob,
    PyScript_Knob,
    PythonKnob,
    Script_Knob,
    String_Knob,
)
from tests.nuke_script import UserKnob, words

__all__ = [
    "Format_Knob",
    "KNOB_CLASSES",
    "Knob",
    "Link_Knob",
    "Tab_Knob",
    "Text_Knob",
    "String_Knob",
    "EvalString_Knob",
    "Multiline_Eval_String_Knob",
    "File_Knob",
    "Script_Knob",
    "PyScript_Knob",
    "PythonKnob",
    "Channel_Knob",
    "ChannelMask_Knob",
    "Array_Knob",
    "Double_Knob",
    "Int_Knob",
    "Boolean_Knob",
    "Disable_Knob",
    "Unsigned_Knob",
    "ColorChip_Knob",
    "Enumeration_Knob",
    "CascadingEnumeration_Knob",
    "XY_Knob",
    "WH_Knob",
    "BBox_Knob",
    "Color_Knob",
    "AColor_Knob",
    "definition_text",
    "knob_of",
    "quoted",
]


class Format_Knob(Knob):
    """A format by name or by its numbers."""

    _default = ""

    def setValue(self, val: Any) -> None:
        self._hold(val if isinstance(val, str) else val.name())

    def value(self) -> Any:
        return self._owner._host.format_named(self._held) if self._owner else self._held


class Link_Knob(Knob):
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

    def getLink(self) -> str:
        return self._target

    def setLink(self, s: str) -> None:
        self._target = s

    def makeLink(self, s: str, t: str) -> None:
        self._target = f"{s}.{t}"

    def getLinkedKnob(self) -> Any:
        return self._linked()

    def value(self) -> Any:
        fail(f"What Link_Knob.value() of {self._where()} gives is not documented: ask getLinkedKnob()")

    def setValue(self) -> Any:  # type: ignore[override]
        fail(f"What Link_Knob.setValue() of {self._where()} does is not documented: ask getLinkedKnob()")


class _TableKnob(Knob):
    """A table such as a Tracker's, for which Python has no class; its text has no braces around it."""

    _default = ""

    def _text(self) -> str:
        return f"{{{self._held}}}"

    def toScript(self, quote: bool = True, context: Any = None) -> str:
        return str(self._held)


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


def definition_text(knob: Knob) -> str:
    """The words of the `addUserKnob` of a knob."""
    made = knob._definition
    assert made is not None
    options = []
    for key, text in made.options.items():
        if key == "M":
            options.append("M {" + " ".join(quoted(word) for word in words(text)) + "}")
        else:
            options.append(f"{key} {text if key == 'R' else quoted(text)}")
    return " ".join([str(made.kind), made.name, *options, *made.flags])
