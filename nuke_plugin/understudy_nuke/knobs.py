"""A node's knobs: what the artist asked in them, and how the plug-in writes into them. For the main thread only.

Labels and multi-line texts are Tcl to Nuke: whatever comes from outside is made plain before it is shown.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import nuke

__all__ = [
    "Asked",
    "is_alive",
    "log",
    "parsed",
    "plain",
    "read_asked",
    "remember_jobs",
    "remembered_jobs",
    "show",
    "show_fault",
]

MARK = "Understudy: "
"""Begins the plug-in's line of a label; the artist's own lines are left alone."""

_MOST_LOG = 20000
_MOST_LINE = 300
_TCL = str.maketrans({"[": "(", "]": ")", "$": "", "\\": "/", "{": "(", "}": ")"})


@dataclass(frozen=True)
class Asked:
    """What a node's knobs asked at one moment, as plain values that a thread may hold.

    Attributes:
        node: Full name of the node.
        frame: The frame that is shown.
        frames: Frames of the shot, such as "1001-1010"; empty when the plate's files decide.
        layer: Of the plate's files; empty for the root.
        track: Number of the face that 'This is the target' means; 0 for the largest.
        tracks: File of the artist's tracks; empty when there are none.
        matte: Path pattern of the artist's matte; empty when there is none.
        matte_channel: Of its files; empty where the engine finds it.
        matte_occludes: True when it is 1 where something covers the face.
        matte_missing: What its frames that are not on disk do, in the engine's word.
        ocio: Config for a project that has to be made: a name or path; empty for the engine's own.
    """

    node: str
    frame: int
    project: str = ""
    shot: str = ""
    plate: str = ""
    colorspace: str = ""
    first: int = 0
    last: int = 0
    target: str = ""
    preset: str = ""
    track: int = 0
    model: str = ""
    source: str = ""
    init_from: str = ""
    minutes: float = 0.0
    result: str = ""
    frames: str = ""
    layer: str = ""
    tracks: str = ""
    matte: str = ""
    matte_channel: str = ""
    matte_occludes: bool = False
    matte_missing: str = "error"
    ocio: str = ""

    @property
    def range(self) -> str:
        """The range of the knobs, as the engine writes it."""
        return f"{self.first}-{self.last}"

    def needed(self, which: str) -> Sequence[int]:
        """The frames that a button needs: "all" of the range, or the "one" that is shown."""
        return range(self.first, self.last + 1) if which == "all" else [self.frame]


def read_asked(node: nuke.Node) -> Asked:
    """What the knobs say now."""
    texts = ("shot", "colorspace", "target", "preset", "model", "source")
    values = {name: str(node[name].value() or "").strip() for name in texts}
    files = {name: str(node[name].getEvaluatedValue() or "").strip() for name in ("project", "init_from")}
    return Asked(
        node=node.fullName(),
        frame=int(nuke.frame()),
        plate=str(node["plate_path"].value() or "").strip(),
        result=str(node["result"].value() or "").strip(),
        first=int(node["first"].value()),
        last=int(node["last"].value()),
        track=int(node["track"].value()),
        matte_occludes=bool(node["matte_occludes"].value()),
        minutes=float(node["minutes"].value()),
        **values,
        **files,
    )


def plain(text: str) -> str:
    """The text without what Nuke would take for Tcl."""
    return text.translate(_TCL)


def show(node: nuke.Node, values: Mapping[str, object]) -> None:
    """Sets knobs that differ. Ctrl-Z does not step through them."""
    with _not_undone():
        for name, value in values.items():
            if node[name].value() != value:
                node[name].setValue(value)


def log(node: nuke.Node, text: str) -> None:
    """Adds lines to the node's log, with the time before the first."""
    line = f"{time.strftime('%H:%M:%S')}  {plain(text)}"
    if not nuke.GUI:
        nuke.tprint(f"Understudy, {node.fullName()}: {plain(text)}")
    before = str(node["log"].value() or "")
    show(node, {"log": _tail(f"{before}\n{line}" if before else line)})


def show_fault(node: nuke.Node, text: str) -> None:
    """Puts a sentence on the node's label; the empty text takes it away. The artist's own lines stay."""
    before = str(node["label"].value() or "")
    lines = [line for line in before.split("\n") if before and not line.startswith(MARK)]
    if text:
        lines.append(MARK + plain(" ".join(text.split()))[:_MOST_LINE])
    show(node, {"label": "\n".join(lines)})


def remembered_jobs(node: nuke.Node) -> dict[str, str]:
    """The node's unfinished jobs by the errand that each belongs to; what is not understood counts as none."""
    kinds, ids = str(node["job_kind"].value() or "").split(), str(node["job"].value() or "").split()
    return {kind: ids[place] for place, kind in enumerate(kinds)} if len(kinds) == len(ids) else {}


def remember_jobs(node: nuke.Node, jobs: Mapping[str, str]) -> None:
    """Keeps the jobs in the node, so that a script that is opened again finds them."""
    show(node, {"job": " ".join(jobs.values()), "job_kind": " ".join(jobs)})


def is_alive(node: nuke.Node) -> bool:
    """False once the node was deleted or its script closed."""
    try:
        return bool(node.fullName())
    except ValueError:
        return False


def parsed(text: str) -> dict[str, object]:
    """The JSON of a hidden knob; an artist may have edited it, so that anything but an object counts as empty."""
    try:
        values = json.loads(text or "{}")
    except ValueError:
        return {}
    return values if isinstance(values, dict) else {}


def _tail(text: str) -> str:
    if len(text) <= _MOST_LOG:
        return text
    return text[text.index("\n", len(text) - _MOST_LOG) + 1 :]


@contextlib.contextmanager
def _not_undone() -> Iterator[None]:
    was_off = nuke.Undo.disabled()
    if not was_off:
        nuke.Undo.disable()
    try:
        yield
    finally:
        if not was_off:
            nuke.Undo.enable()
