"""What all knobs have, and those that hold nothing to edit."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tests.nuke_plugin.stand_in.flags import FLAGS
from tests.nuke_plugin.stand_in.strict import fail, strict
from tests.nuke_script import UserKnob

if TYPE_CHECKING:
    from tests.nuke_plugin.stand_in.nodes import Node

__all__ = ["Knob", "Tab_Knob", "Text_Knob", "quoted"]


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

    def Class(self) -> str:
        return type(self).__name__

    def name(self) -> str:
        return self._name

    def label(self) -> str:
        return self._label

    def setLabel(self, label: str) -> None:
        self._label = label

    def tooltip(self) -> str:
        return self._tooltip

    def setTooltip(self, tooltip: str) -> None:
        self._tooltip = tooltip

    def node(self) -> Any:
        return self._owner

    def enabled(self) -> bool:
        return self._is_enabled

    def setEnabled(self, enabled: bool) -> None:
        self._is_enabled = bool(enabled)

    def visible(self) -> bool:
        return self._is_visible

    def setVisible(self, visible: bool) -> None:
        self._is_visible = bool(visible)

    def setFlag(self, flag: int) -> None:
        self._flags |= flag
        if flag & FLAGS["INVISIBLE"]:
            self._is_visible = False
        if flag & FLAGS["DISABLED"]:
            self._is_enabled = False

    def clearFlag(self, flag: int) -> None:
        self._flags &= ~flag
        if flag & FLAGS["INVISIBLE"]:
            self._is_visible = True
        if flag & FLAGS["DISABLED"]:
            self._is_enabled = True

    def getFlag(self, flag: int) -> bool:
        return bool(self._flags & flag)

    def fullyQualifiedName(self, channel: int = -1) -> str:
        return f"{self._owner._full_name()}.{self._name}" if self._owner else self._name

    def toScript(self, quote: bool = True, context: Any = None) -> str:
        return self._text()

    def fromScript(self, script: str) -> None:
        self._read(script)
        self._changed()

    def value(self) -> Any:
        return self._held

    def getValue(self) -> Any:
        return self._held

    def setValue(self, val: Any) -> Any:
        fail(f"{type(self).__name__} {self._where()} has no value to set")


class _Nameless(Knob):
    def _text(self) -> str:
        return ""

    def _is_default(self) -> bool:
        return True


class Tab_Knob(_Nameless): ...


class Text_Knob(Knob):
    """A line of text that nobody edits; a divider when it is empty."""

    _default = ""

    def setValue(self, val: str) -> None:
        if not isinstance(val, str):
            self._refuse(val, "text")
        self._hold(val)
