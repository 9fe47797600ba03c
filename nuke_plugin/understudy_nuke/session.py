"""The way from Nuke to the engine. Blocks for as long as the engine takes: for threads, not for Nuke's window."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import nuke

from understudy_nuke._engine import client
from understudy_nuke._engine.errors import EngineError, UnderstudyError

__all__ = [
    "GONE",
    "clean_environment",
    "connected",
    "doctor_text",
    "engine_command",
    "engine_line",
    "sentence",
    "started",
]

GONE = frozenset(["none", "stopped", "timeout"])
"""Reasons of an EngineError after which the engine may come back by itself or by the artist's hand."""

_RUNNING = ("waiting", "running", "canceling")
_OF_THE_HOST = ("PYTHON", "QT_", "LD_", "DYLD_", "NUKE", "FN_", "FOUNDRY")
_OF_THE_HOST_TOO = ("TCL_LIBRARY", "TK_LIBRARY", "__PYVENV_LAUNCHER__", "SSL_CERT_FILE")
_DOCTOR_TIMEOUT_S = 120


def connected() -> client.Engine:
    """The running engine; it is never started here.

    Raises:
        EngineError: None runs, or it cannot be used; and what to do.
    """
    return client.connect(_host())


def started() -> client.Engine:
    """The running engine, started first when there is none. It outlives Nuke.

    Raises:
        EngineError: It cannot be started.
    """
    return client.ensure_engine(engine_command(), _host(), clean_environment())


def engine_line(engine: client.Engine) -> str:
    """One sentence or two on the engine: version, devices, jobs."""
    facts = engine.hello()
    states = [job.latest.state for job in engine.jobs()]
    counts = [f"{states.count(state)} {state}" for state in _RUNNING if state in states]
    jobs = ", ".join(counts) if counts else "none running or waiting"
    return f"Engine {facts.version} on {', '.join(facts.devices)} (process {facts.pid}). Jobs: {jobs}."


def engine_command(verb: str = "serve") -> list[str] | None:
    """How the engine is called: as it was when it installed this plug-in; None leaves it to the PATH."""
    try:
        text = (Path(__file__).parent / "_engine" / "command.json").read_text(encoding="utf-8")
        words = [str(word) for word in json.loads(text)]
    except (OSError, ValueError, TypeError):
        return None
    return [*words, verb] if words and Path(words[0]).is_file() else None


def clean_environment() -> dict[str, str]:
    """This process's environment without what Nuke sets for its own Python, Qt and libraries."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith(_OF_THE_HOST) and name not in _OF_THE_HOST_TOO
    }


def doctor_text() -> str:
    """What `understudy doctor` says of this machine.

    Raises:
        EngineError: The command cannot be run.
    """
    command = engine_command("doctor") or ["understudy", "doctor"]
    flags = getattr(subprocess, "CREATE_NO_WINDOW", 0)
    try:
        done = subprocess.run(  # noqa: S603  # the engine's own command
            command,
            capture_output=True,
            text=True,
            env=clean_environment(),
            timeout=_DOCTOR_TIMEOUT_S,
            stdin=subprocess.DEVNULL,
            creationflags=flags,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        text = f"'{' '.join(command)}' cannot be run here ({error}). Run it in a shell where the engine is installed."
        raise EngineError(text, reason="none") from error
    return (done.stdout + done.stderr).strip()


def sentence(error: BaseException) -> str:
    """What went wrong, in words for the artist."""
    if isinstance(error, UnderstudyError):
        return error.message
    return f"A fault of the plug-in: {type(error).__name__}: {error}. Please report it with the lines of the log."


def _host() -> str:
    version = nuke.env["NukeVersionString"]
    return f"nuke {version}, python {sys.version.split()[0]}"
