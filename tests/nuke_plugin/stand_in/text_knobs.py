"""Knobs that hold text: plain, evaluated, paths, Python and channels."""

from __future__ import annotations

import re
from typing import Any

from tests.nuke_plugin.stand_in.knob import Knob
from tests.nuke_plugin.stand_in.strict import fail


class String_Knob(Knob):
    _default = ""

    def setValue(self, val: str, view: Any = None) -> bool:
        if not isinstance(val, str):
            self._refuse(val, "text")
        return self._hold(val)

    def value(self, oc: Any = None) -> str:
        return str(self._held)

    def getText(self, oc: Any = None) -> str:
        return str(self._held)

    def setText(self, val: str) -> bool:
        return self.setValue(val)


class EvalString_Knob(String_Knob):
    """Text whose square brackets are Tcl."""

    def _evaluated(self, frame: int) -> str:
        if self._owner is None or not re.search(r"[\[$\\]", self._held):
            return str(self._held)
        return str(self._owner._tcl(frame).eval(f"subst {{{self._held}}}"))

    def evaluate(self, frame: int | None = None) -> str:
        return self._evaluated(self._owner._host.frame if frame is None and self._owner else int(frame or 0))


class Multiline_Eval_String_Knob(EvalString_Knob): ...


class File_Knob(EvalString_Knob):
    def setValue(self, val: str, view: Any = None) -> bool:
        if isinstance(val, str) and "\\" in val and "[" not in val:
            self._refuse(val, "a path with forward slashes")
        return super().setValue(val)

    def _numbered(self, frame: int) -> str:
        """The path of a frame: `%04d` and `####` filled in."""
        path = re.sub(r"%(0?\d*)d", lambda match: f"{frame:{match[1] or ''}d}", self._evaluated(frame))
        return re.sub(r"#+", lambda match: f"{frame:0{len(match[0])}d}", path)

    def evaluate(self, frame: int | None = None) -> str:
        return self._numbered(self._owner._host.frame if frame is None and self._owner else int(frame or 0))

    def getEvaluatedValue(self, oc: Any = None) -> str | None:
        path = self._evaluated(self._owner._host.frame if self._owner else 0)
        return path or None

    def getValue(self) -> str:
        return str(self._held)

    def fromUserText(self, text: str) -> None:
        """Takes a path followed by a range, as the file browser gives it."""
        match = re.fullmatch(r"(.*?)(?:\s+(-?\d+)-(-?\d+))?", text)
        self._hold(match[1])
        if match[2] and self._owner is not None:
            for name, word in (("first", match[2]), ("last", match[3])):
                if name in self._owner._knobs:
                    self._owner._knobs[name].setValue(int(word))


class Script_Knob(String_Knob):
    def command(self) -> str:
        return str(self._held)

    def setCommand(self, cmd: str) -> None:
        self.setValue(cmd)

    def setValue(self, cmd: str) -> bool:  # type: ignore[override]
        return super().setValue(cmd)

    def value(self) -> str:  # type: ignore[override]
        return str(self._held)


class PyScript_Knob(Script_Knob):
    """A button; its value is Python."""

    def execute(self) -> None:
        if self._owner is None:
            fail(f"Button {self._name} is on no node")
        self._owner._host.run(self._held, self._owner, self)


class PythonKnob(String_Knob): ...


class Channel_Knob(Knob):
    _default = "none"

    def setValue(self, name: str) -> None:
        if not isinstance(name, str):
            self._refuse(name, "channels")
        self._hold(name)


class ChannelMask_Knob(Channel_Knob):
    _default = "all"
