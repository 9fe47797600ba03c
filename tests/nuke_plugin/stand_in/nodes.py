"""Nodes: their knobs, inputs, names and place in a group."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from tests.nuke_plugin.stand_in.expressions import ExpressionError, parse_expression
from tests.nuke_plugin.stand_in.knobs import Array_Knob, CascadingEnumeration_Knob, Knob, definition_text
from tests.nuke_plugin.stand_in.node_classes import EXR_KNOBS, NODE_CLASSES, class_knobs, make_knob
from tests.nuke_plugin.stand_in.strict import LEDGER, fail, strict
from tests.nuke_script import words

if TYPE_CHECKING:
    from tests.nuke_plugin.stand_in.host import Host

__all__ = ["Group", "Node", "Root"]

_CHANNELS = {"r": 0, "g": 1, "b": 2, "a": 3, "x": 0, "y": 1, "w": 0, "h": 1}


@strict
class Node:
    """One node of the script. What begins with an underscore is the stand-in's own and counts nothing."""

    def __init__(self, host: Host, kind: str, parent: Group | None) -> None:
        if kind not in NODE_CLASSES:
            fail(f"This stand-in knows no node class '{kind}'")
        self._host, self._kind, self._parent = host, kind, parent
        self._knobs = class_knobs(kind)
        for knob in self._knobs.values():
            knob._owner = self
            if isinstance(knob, CascadingEnumeration_Knob):
                knob._items = ["default", *host.colorspaces]
        self._inputs: list[Node | None] = []
        self._is_shown, self._is_deleted = False, False

    def __repr__(self) -> str:
        return f"<{self._kind} {self._name}>"

    @property
    def _name(self) -> str:
        return str(self._knobs["name"]._held)

    def _full_name(self) -> str:
        above = self._parent._full_name() if self._parent is not None else ""
        return f"{above}.{self._name}" if above and above != "root" else self._name

    def _knob(self, name: str) -> Knob:
        if name not in self._knobs:
            fail(f"{self._kind} {self._name} has no knob '{name}'")
        return self._knobs[name]

    def _number(self, name: str, frame: int) -> float:
        knob = self._knob(name)
        assert isinstance(knob, Array_Knob), name
        return knob._at(0, frame)

    def _add_knob(self, knob: Knob) -> None:
        if knob._name in self._knobs:
            fail(f"{self._name} has two knobs '{knob._name}'")
        knob._owner = self
        self._knobs[knob._name] = knob

    def _knob_changed(self, knob: Knob) -> None:
        if self._kind == "Write" and knob._name in {"file_type", "file"}:
            self._add_exr_knobs()
        self._host.knob_changed(self, knob)

    def _add_exr_knobs(self) -> None:
        is_exr = self._knobs["file_type"].value() == "exr" or str(self._knobs["file"]._held).endswith(".exr")
        for name, row in EXR_KNOBS.items() if is_exr else ():
            if name not in self._knobs:
                self._add_knob(make_knob(name, row))

    def _read_knobs(self, texts: dict[str, str]) -> None:
        for name, text in texts.items():
            self._knob(name)._read(text)
            if self._kind == "Write" and name in {"file_type", "file"}:
                self._add_exr_knobs()

    def _find(self, path: str) -> Node:
        """A node by a name as expressions and links give it: of this group's, a sibling, or from the root."""
        node: Node | None = self
        for step, word in enumerate(path.split(".")):
            if node is None:
                break
            if word == "parent":
                node = node._parent
            elif word == "root":
                node = self._host.root_node
            elif word == "this":
                node = self
            elif (word.startswith("input") and word[5:].isdigit()) or word == "input":
                index = int(word[5:] or 0)
                node = node._inputs[index] if index < len(node._inputs) else None
            else:
                inside = node._child(word) if isinstance(node, Group) else None
                beside = node._parent._child(word) if not step and node._parent is not None else None
                node = inside or beside
        if node is None:
            fail(f"{self._full_name()}: there is no node '{path}'")
        return node

    def _value_named(self, name: str, frame: int) -> Any:
        """The value of a knob or variable as an expression names it."""
        if name in {"frame", "t"}:
            return float(frame)
        *path, last = name.split(".")
        channel = 0
        if last in _CHANNELS and path and not (len(path) == 1 and path[0] in {"parent", "this", "root"}):
            channel, (*path, last) = _CHANNELS[last], path
        node = self._find(".".join(path)) if path else self
        if last not in node._knobs:
            raise ExpressionError(f"{self._full_name()}: '{name}' in an expression is no knob")
        knob = node._knobs[last]
        if hasattr(knob, "_linked"):
            knob = knob._linked()
        if not isinstance(knob, Array_Knob):
            raise ExpressionError(f"{self._full_name()}: '{name}' in an expression is no number")
        return knob._at(channel, frame)

    def _expression_value(self, text: str, frame: int) -> float:
        return float(
            parse_expression(text).value(
                lambda name: self._value_named(name, frame), lambda tcl: float(self._tcl(frame).eval(tcl))
            )
        )

    def _tcl(self, frame: int) -> Any:
        return self._host.tcl_for(self, frame)

    def _text_named(self, name: str, frame: int) -> str:
        """What Tcl's `value` gives: text as it is, numbers as they come to."""
        *path, last = name.split(".")
        node = self._find(".".join(path)) if path else self
        knob = node._knob(last)
        if hasattr(knob, "_evaluated"):
            return str(knob._evaluated(frame))
        return (
            f"{knob._at(0, frame):g}"
            if isinstance(knob, Array_Knob) and not hasattr(knob, "_items")
            else str(knob.value())
        )

    def _script(self) -> str:
        """The knobs as they stand in a script, without braces around."""
        lines = []
        for name, knob in self._knobs.items():
            if knob._definition is not None:
                lines.append(f" addUserKnob {{{definition_text(knob)}}}")
            if not knob._is_default() or name == "name":
                lines.append(f" {name} {knob._text()}")
        return "\n".join(lines)

    def _hash(self, frame: int) -> str:
        """A hash of everything that decides this node's picture."""
        own = "".join(
            f"{name}={knob._numbered(frame) if hasattr(knob, '_numbered') else knob._text()};"
            for name, knob in self._knobs.items()
            if name not in {"name", "xpos", "ypos", "selected", "label", "tile_color", "note_font_size"}
        )
        below = "".join(node._hash(frame) if node is not None else "-" for node in self._inputs)
        return hashlib.sha256(f"{self._kind}{own}{below}".encode()).hexdigest()

    def Class(self) -> str:
        return self._kind

    def name(self) -> str:
        return self._name

    def fullName(self) -> str:
        return self._full_name()

    def setName(self, name: str, uncollide: bool = True, updateExpressions: bool = False) -> None:
        taken = {node._name for node in self._parent._children if node is not self} if self._parent else set()
        if name in taken and not uncollide:
            fail(f"There is a node '{name}' already")
        self._knobs["name"]._held = self._host.free_name(name, taken)

    def knob(self, p: str | int, follow_link: bool = True) -> Knob | None:
        if isinstance(p, int):
            return list(self._knobs.values())[p]
        return self._knobs.get(p)

    def knobs(self) -> dict[str, Knob]:
        return dict(self._knobs)

    def allKnobs(self) -> list[Knob]:
        return list(self._knobs.values())

    def numKnobs(self) -> int:
        return len(self._knobs)

    def __getitem__(self, name: str) -> Knob:
        return self._knob(name)

    def addKnob(self, knob: Knob) -> None:
        if not isinstance(knob, Knob):
            fail(f"addKnob takes a knob, not {knob!r}")
        self._add_knob(knob)

    def removeKnob(self, knob: Knob) -> None:
        if self._knobs.get(knob._name) is not knob:
            fail(f"{self._name} has no knob '{knob._name}' to remove")
        del self._knobs[knob._name]

    def readKnobs(self, s: str) -> None:
        self._read_knobs(dict(zip(words(s)[::2], words(s)[1::2], strict=True)))

    def writeKnobs(self, flags: int = 0) -> str:
        return self._script()

    def input(self, index: int) -> Node | None:
        return self._inputs[index] if index < len(self._inputs) else None

    def inputs(self) -> int:
        connected = [index for index, node in enumerate(self._inputs) if node is not None]
        return connected[-1] + 1 if connected else 0

    def setInput(self, i: int, node: Node | None) -> bool:
        if i >= NODE_CLASSES[self._kind].most:
            fail(f"{self._kind} {self._name} has no input {i}")
        self._inputs += [None] * (i + 1 - len(self._inputs))
        self._inputs[i] = node
        return True

    def connectInput(self, i: int, node: Node | None) -> bool:
        while self.input(i) is not None:
            i += 1
        return self.setInput(i, node)

    def canSetInput(self, i: int, node: Node) -> bool:
        return i < NODE_CLASSES[self._kind].most

    def minInputs(self) -> int:
        return NODE_CLASSES[self._kind].least

    def maxInputs(self) -> int:
        return NODE_CLASSES[self._kind].most

    def optionalInput(self) -> int:
        return NODE_CLASSES[self._kind].least

    def dependencies(self, mask: int = 7) -> list[Node]:
        return [node for node in self._inputs if node is not None]

    def dependent(self, mask: int = 7, forceEvaluate: bool = True) -> list[Node]:
        return [node for node in self._host.everything() if self in node._inputs]

    def parent(self) -> Group | None:
        return self._parent

    def rootNode(self) -> Node:
        return self._host.root_node

    def format(self) -> Any:
        return self._host.format_of(self)

    def width(self) -> int:
        return int(self._host.format_of(self).width())

    def height(self) -> int:
        return int(self._host.format_of(self).height())

    def pixelAspect(self) -> float:
        return float(self._host.format_of(self).pixelAspect())

    def bbox(self) -> Any:
        return self._host.bbox_of(self)

    def channels(self) -> list[str]:
        return self._host.channels_of(self)

    def metadata(self, key: str = "", time: float | None = None, view: str = "") -> Any:
        facts = self._host.metadata_of(self, time)
        return facts.get(key) if key else facts

    def sample(self, c: str, x: float, y: float, dx: float = 1, dy: float = 1, frame: float | None = None) -> float:
        return self._host.sample_of(self, c, x, y, frame)

    def firstFrame(self) -> int:
        return self._host.range_of(self)[0]

    def lastFrame(self) -> int:
        return self._host.range_of(self)[1]

    def frameRange(self) -> Any:
        return self._host.frame_range(*self._host.range_of(self))

    def opHashes(self) -> list[int]:
        return [int(self._hash(self._host.frame)[:15], 16)]

    def hasError(self) -> bool:
        return self._host.error_of(self) != ""

    def error(self) -> bool:
        return self._host.error_of(self) != ""

    def treeHasError(self) -> bool:
        return self._host.error_of(self) != ""

    def forceValidate(self) -> None: ...

    def redraw(self) -> None: ...

    def autoplace(self) -> None: ...

    def xpos(self) -> int:
        return int(self._number("xpos", 0))

    def ypos(self) -> int:
        return int(self._number("ypos", 0))

    def setXpos(self, x: int) -> None:
        self._knobs["xpos"]._held = [float(x)]

    def setYpos(self, y: int) -> None:
        self._knobs["ypos"]._held = [float(y)]

    def setXYpos(self, x: int, y: int) -> None:
        self.setXpos(x)
        self.setYpos(y)

    def screenWidth(self) -> int:
        return 80

    def screenHeight(self) -> int:
        return 18

    def isSelected(self) -> bool:
        return bool(self._knobs["selected"]._held[0])

    def setSelected(self, selected: bool) -> None:
        self._knobs["selected"]._held = [float(bool(selected))]

    def selectOnly(self) -> None:
        for node in self._parent._children if self._parent else ():
            node._knobs["selected"]._held = [float(node is self)]

    def showControlPanel(self, forceFloat: bool = False) -> None:
        self._is_shown = True

    def hideControlPanel(self) -> None:
        self._is_shown = False

    def shown(self) -> bool:
        return self._is_shown

    def setTab(self, tabIndex: int) -> None: ...


@strict
class Group(Node):
    """A node with nodes inside."""

    def __init__(self, host: Host, kind: str = "Group", parent: Group | None = None) -> None:
        super().__init__(host, kind, parent)
        self._children: list[Node] = []
        self._layers: list[str] = []

    def _child(self, name: str) -> Node | None:
        return next((node for node in self._children if node._name == name), None)

    def _output(self) -> Node | None:
        outputs = [node for node in self._children if node._kind == "Output"]
        return outputs[0] if outputs else None

    def _hash(self, frame: int) -> str:
        inside = "".join(node._hash(frame) for node in self._children if node._kind == "Output")
        return hashlib.sha256((super()._hash(frame) + inside).encode()).hexdigest()

    def nodes(self) -> list[Node]:
        for node in self._children:
            LEDGER.touched[id(node)] = node._full_name()
        return list(self._children)

    def numNodes(self) -> int:
        return len(self._children)

    def node(self, s: str) -> Node | None:
        node: Node | None = self
        for word in s.split("."):
            node = node._child(word) if isinstance(node, Group) else None
        return node

    def output(self) -> Node | None:
        return self._output()

    def begin(self) -> Group:
        self._host.open_groups.append(self)
        return self

    def end(self) -> None:
        if self._host.open_groups[-1] is not self:
            fail(f"{self._name}.end() without its begin()")
        self._host.open_groups.pop()

    def __enter__(self) -> Group:
        return self.begin()

    def __exit__(self, *_: Any) -> None:
        self.end()

    def run(self, code: Any) -> Any:
        with self:
            return code()


@strict
class Root(Group):
    """The script."""

    def _full_name(self) -> str:
        return "root"

    def firstFrame(self) -> int:
        return int(self._number("first_frame", 0))

    def lastFrame(self) -> int:
        return int(self._number("last_frame", 0))

    def fps(self) -> int:
        return round(self._number("fps", 0))

    def realFps(self) -> float:
        return self._number("fps", 0)

    def proxy(self) -> bool:
        return bool(self._number("proxy", 0))

    def setProxy(self, proxy: bool) -> None:
        self._knobs["proxy"].setValue(bool(proxy))

    def modified(self) -> bool:
        return bool(self._host.is_modified)

    def setModified(self, modified: bool) -> None:
        self._host.is_modified = modified

    def setFrame(self, frame: int) -> None:
        self._host.frame = int(frame)

    def getOCIOColorspaceFromViewTransform(self, display: str, view: str) -> str:
        return str(view)


def _counted(kind: type[Node]) -> None:
    """Every call of a public method notes the node as used."""
    for name, member in list(vars(kind).items()):
        if not hasattr(member, "guarded"):
            continue

        def call(self: Node, *arguments: Any, __member: Any = member, **named: Any) -> Any:
            if self._is_deleted:
                raise ValueError("A PythonObject is not attached to a node")
            LEDGER.touched[id(self)] = self._full_name()
            return __member(self, *arguments, **named)

        call.guarded, call.__wrapped__, call.__name__ = True, member.__wrapped__, name  # type: ignore[attr-defined]
        setattr(kind, name, call)


for _kind in (Node, Group, Root):
    _counted(_kind)
