"""The menu Understudy: how the engine is, and help. The engine is asked only when the user asks."""

from __future__ import annotations

import threading

import nuke

__all__ = ["add_menu", "engine_line", "show_engine", "show_help"]

HELP = (
    "Understudy replaces a performer's face in plates.\n\n"
    "This plug-in has no node yet. Work is done from the shell (understudy --help) or through the engine "
    "(understudy serve); the results are EXR sequences with mattes that a Read node takes as they are.\n\n"
    "Menu Understudy > Engine says whether your engine runs and what it does."
)
_NO_CLIENT = "The plug-in lacks its client. Put it there with: understudy install nuke"
_RUNNING = ("waiting", "running", "canceling")


def add_menu():
    """Adds the menu to Nuke's menu bar."""
    menu = nuke.menu("Nuke").addMenu("Understudy")
    menu.addCommand("Engine", show_engine)
    menu.addCommand("Help", show_help)


def show_engine():
    """Asks the engine in a thread, so that Nuke goes on, and then shows what it said. Returns the thread."""
    thread = threading.Thread(target=_ask_and_show, name="understudy-engine", daemon=True)
    thread.start()
    return thread


def show_help():
    """Shows what the plug-in does."""
    nuke.message(HELP)


def engine_line():
    """One or two sentences: the engine's version and jobs, or why it does not answer and what to do."""
    try:
        from understudy_nuke._engine import client, errors
    except ImportError:
        return _NO_CLIENT
    try:
        with client.connect() as engine:
            facts = engine.hello()
            states = [job.latest.state for job in engine.jobs()]
    except errors.UnderstudyError as error:
        return error.message
    counts = [f"{states.count(state)} {state}" for state in _RUNNING if state in states]
    jobs = ", ".join(counts) if counts else "none running or waiting"
    return f"Engine {facts.version} runs on {', '.join(facts.devices)} (process {facts.pid}). Jobs: {jobs}."


def _ask_and_show():
    nuke.executeInMainThread(nuke.message, args=(engine_line(),))
