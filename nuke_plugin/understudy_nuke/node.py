"""What the Understudy node calls: its buttons, and what happens when it is made or a knob is changed.

Everything that goes wrong is told on the node, in its log and label; nothing here opens a window or waits.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace

import nuke

from understudy_nuke import knobs

__all__ = ["knob_changed", "on_create", "press"]

NO_CLIENT = "The plug-in lacks its client. Put it there with: understudy install nuke"

_STOPS = {
    "stop_training": ("train",),
    "cancel": ("find_faces", "assign", "unassign", "swap_range", "swap_frame", "deliver_"),
}


def press(name: str, node: nuke.Node | None = None) -> None:
    """Does what a button says.

    Args:
        name: Of the button.
        node: The Understudy node; the one whose button it is when None.
    """
    node = node or nuke.thisNode()
    _told(node, _pressed, name)


def knob_changed(node: nuke.Node | None = None, knob: nuke.Knob | None = None) -> None:
    """Nuke calls this for every change of a knob, a moved node among them; only 'keep live' matters."""
    knob = knob or nuke.thisKnob()
    if knob is None or knob.name() != "keep_live":
        return
    _told(node or nuke.thisNode(), _watch_frames)


def on_create(node: nuke.Node | None = None) -> None:
    """Nuke calls this when the node is made, pasted or loaded with its script.

    A job that was left unfinished is followed again; without one nothing is connected to.
    """
    _told(node or nuke.thisNode(), _created)


def _told(node: nuke.Node, call: Callable[..., None], *arguments: str) -> None:
    """Calls, and tells the node what went wrong: whatever it is, Nuke goes on."""
    try:
        from understudy_nuke._engine.errors import UnderstudyError
    except ImportError:
        knobs.log(node, NO_CLIENT)
        knobs.show_fault(node, NO_CLIENT)
        return
    try:
        call(node, *arguments)
    except UnderstudyError as error:
        knobs.log(node, error.message)
        knobs.show_fault(node, error.message)
    except Exception as error:
        from understudy_nuke.session import sentence

        knobs.log(node, f"{sentence(error)}\n{traceback.format_exc()}")
        knobs.show_fault(node, sentence(error))


def _pressed(node: nuke.Node, name: str) -> None:
    own: Mapping[str, Callable[[nuke.Node], None]] = {
        "find_engine": _find_engine,
        "read_plate": _take_plate,
        "open_training": _open_training,
        "clear_log": _clear_log,
    }
    if name in own:
        own[name](node)
    elif name in _STOPS:
        _stop(node, _STOPS[name])
    else:
        _begin(node, name)


def _begin(node: nuke.Node, name: str) -> None:
    """Starts an errand, unless it runs already."""
    from understudy_nuke.errands import ERRANDS, FROM_PLATE, check_asked
    from understudy_nuke.matte import look_matte, with_matte
    from understudy_nuke.plate import named_plate, with_plate
    from understudy_nuke.poller import Watch, watch_of
    from understudy_nuke.tracks import tracks_for

    errand = ERRANDS[name]
    if watch_of(node, name):
        knobs.log(node, f"{errand.title} runs already; 'Cancel' or 'Stop training' stops it.")
        return
    knobs.show_fault(node, "")
    check_asked(errand, knobs.read_asked(node), but=FROM_PLATE if errand.frames else ())
    asked = named_plate(node) if errand.frames else knobs.read_asked(node)
    check_asked(errand, asked)
    if errand.frames:
        tracks = tracks_for(node, asked, errand.takes_tracks)  # before frames are rendered, which takes long
        matte = look_matte(node, asked)
        asked = replace(with_plate(node, errand.frames), tracks=tracks)
        asked = with_matte(node, asked, matte, errand.frames)
    knobs.log(node, f"{errand.title} begins.")
    knobs.show(node, {errand.line: "begins"})
    Watch(node, errand, asked).start()


def _stop(node: nuke.Node, names: tuple[str, ...]) -> None:
    from understudy_nuke.poller import watch_of

    found = [watch for watch in watch_of(node) if watch.errand.name.startswith(names)]
    for watch in found:
        watch.cancel()
        knobs.log(node, f"{watch.errand.title}: asked to stop.")
    if not found:
        knobs.log(node, "Nothing of this node runs that could be stopped.")


def _find_engine(node: nuke.Node) -> None:
    """Finds the engine or starts one, in a thread: a start takes seconds."""
    from understudy_nuke.poller import Aside
    from understudy_nuke.session import engine_line, started

    def look() -> dict[str, str]:
        with started() as engine:
            return {"engine_line": engine_line(engine)}

    knobs.show_fault(node, "")
    knobs.show(node, {"engine_line": "looking"})
    Aside(node, "engine_line", look).start()


def _take_plate(node: nuke.Node) -> None:
    from understudy_nuke.matte import take_matte
    from understudy_nuke.plate import take_plate
    from understudy_nuke.tracks import take_tracks

    knobs.show_fault(node, "")
    take_plate(node)
    take_tracks(node)
    take_matte(node)


def _open_training(node: nuke.Node) -> None:
    if not nuke.GUI:
        knobs.log(node, "The training panel needs Nuke's window.")
        return
    from understudy_nuke.menus import open_training_panel

    open_training_panel()


def _clear_log(node: nuke.Node) -> None:
    knobs.show_fault(node, "")
    knobs.show(node, {"log": ""})


def _created(node: nuke.Node) -> None:
    from understudy_nuke._engine import __version__

    if not node["understudy_version"].value():
        knobs.show(node, {"understudy_version": __version__})
    remembered = knobs.remembered_jobs(node)
    if not nuke.GUI:
        return
    if node["keep_live"].value():
        _watch_frames(node)
    if remembered:
        _follow_again(node, remembered)


def _follow_again(node: nuke.Node, remembered: Mapping[str, str]) -> None:
    from understudy_nuke.errands import ERRANDS
    from understudy_nuke.poller import Watch, watch_of

    for name, job_id in remembered.items():
        if name in ERRANDS and not watch_of(node, name):
            Watch(node, ERRANDS[name], knobs.read_asked(node), job_id).start()


def _watch_frames(_node: nuke.Node) -> None:
    from understudy_nuke.live import watch_frames

    watch_frames()
