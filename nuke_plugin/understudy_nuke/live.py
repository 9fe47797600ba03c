"""Keep live: a frame that is shown and has no result yet is swapped as a preview, as by the button."""

from __future__ import annotations

import functools
from pathlib import Path

import nuke

from understudy_nuke.knobs import log, read_asked
from understudy_nuke.matte import is_matte_rendered
from understudy_nuke.node import press
from understudy_nuke.plate import is_rendered
from understudy_nuke.poller import watch_of

__all__ = ["look", "watch_frames"]


@functools.cache
def watch_frames() -> None:
    """Asks Nuke, once, to tell when something has changed; it does so when it is idle."""
    nuke.addUpdateUI(look, nodeClass="Group")


def look() -> None:
    """Begins a preview of this frame, if this node wants that and it is missing. Costs one look at the disk."""
    node = nuke.thisNode()
    live = node.knob("keep_live")
    if live is None or not live.value() or node.knob("understudy_version") is None:
        return
    frame, result = int(nuke.frame()), str(node["result"].value() or "")
    tried = _tried()
    key = node.fullName()
    if tried.get(key) == (frame, result) or watch_of(node, "swap_frame"):
        return
    tried[key] = (frame, result)
    if result and ("%" not in result or Path(result % frame).is_file()):
        return
    asked = read_asked(node)
    rendered = "plate" if is_rendered(asked) else "matte" if is_matte_rendered(node, asked) else ""
    if rendered:
        text = (
            f"Keep live needs a {rendered} that is a Read's own files: rendering one would hold Nuke up at each frame."
        )
        log(node, text)
    else:
        press("swap_frame", node)


@functools.cache
def _tried() -> dict[str, tuple[int, str]]:
    """For each node the frame that was looked at last: one that cannot be swapped is not asked for again."""
    return {}
