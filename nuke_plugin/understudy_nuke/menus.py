"""Understudy in Nuke's toolbar. The engine is asked only when the user asks."""

from __future__ import annotations

import threading
import webbrowser
from collections.abc import Callable
from pathlib import Path

import nuke

__all__ = ["PANEL_ID", "add_menus", "create_node", "engine_text", "open_training_panel"]

PANEL_ID = "understudy.training"
PANEL_TITLE = "Understudy Training"

_HELP = Path(__file__).parents[1] / "help" / "nuke.md"
_NO_CLIENT = "The plug-in lacks its client. Put it there with: understudy install nuke"
_PANEL = "__import__('understudy_nuke.panel', fromlist=['panel']).TrainingPanel"
_DELIVER = {
    "ST map": "deliver_stmap",
    "Corner pin": "deliver_cornerpin",
    "Tracker": "deliver_tracker",
    "Unblended crop": "deliver_crop",
}


def add_menus() -> None:
    """Adds the menu Understudy to the toolbar, and the training panel to the panes."""
    menu = nuke.menu("Nodes").addMenu("Understudy")
    menu.addCommand("Understudy", create_node)
    menu.addCommand("Training panel", open_training_panel)
    for label, button in _DELIVER.items():
        menu.addCommand(f"Deliver/{label}", _presser(button))
    menu.addCommand("Engine", show_engine)
    menu.addCommand("Doctor", show_doctor)
    menu.addCommand("Help", show_help)
    _add_panel()


def create_node() -> nuke.Node:
    """Makes the node after what is selected, as Nuke does for any other."""
    return nuke.createNode("Understudy")


def open_training_panel() -> None:
    """Shows the training panel in the pane of the properties."""
    from nukescripts import panels

    panels.registerWidgetAsPanel(_PANEL, PANEL_TITLE, PANEL_ID, True).addToPane(nuke.getPaneFor("Properties.1"))


def show_engine() -> threading.Thread:
    """Asks the engine in a thread, so that Nuke goes on, and then shows what it said."""
    return _shown_later(engine_text)


def show_doctor() -> threading.Thread:
    """Runs `understudy doctor` in a thread, and then shows what it found."""
    return _shown_later(_doctor_text)


def show_help() -> None:
    """Opens the guide that was installed with the plug-in."""
    webbrowser.open(_HELP.as_uri())


def engine_text() -> str:
    """One or two sentences: the engine's version and jobs, or why it does not answer and what to do."""
    try:
        from understudy_nuke import session
    except ImportError:
        return _NO_CLIENT
    try:
        with session.connected() as engine:
            return session.engine_line(engine)
    except Exception as error:
        return session.sentence(error)


def _doctor_text() -> str:
    try:
        from understudy_nuke import session
    except ImportError:
        return _NO_CLIENT
    try:
        return session.doctor_text()
    except Exception as error:
        return session.sentence(error)


def _shown_later(text: Callable[[], str]) -> threading.Thread:
    def ask() -> None:
        nuke.executeInMainThread(nuke.message, args=(text(),))

    thread = threading.Thread(target=ask, name="understudy-menu", daemon=True)
    thread.start()
    return thread


def _presser(button: str) -> Callable[[], None]:
    """What presses a button of the Understudy node that is selected."""

    def press_selected() -> None:
        from understudy_nuke.node import press

        chosen = [node for node in nuke.selectedNodes("Group") if node.knob("understudy_version") is not None]
        if len(chosen) == 1:
            press(button, chosen[0])
        else:
            nuke.message("Select one Understudy node, whose shot is to be delivered.")

    return press_selected


def _add_panel() -> None:
    """Nuke keeps the panel's name in its workspaces; PySide is loaded when it is opened."""
    from nukescripts import panels

    panels.registerWidgetAsPanel(_PANEL, PANEL_TITLE, PANEL_ID)
