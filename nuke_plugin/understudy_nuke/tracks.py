"""The tracks of a shot as the engine reads them: a file in the project, out of the artist's tracker."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

import nuke

from understudy_nuke._engine.errors import SettingsError, WriteError
from understudy_nuke.export import check_shot_name, full_size
from understudy_nuke.frames import frames_text
from understudy_nuke.knobs import Asked, log, read_asked
from understudy_nuke.plate import plate_window
from understudy_nuke.tracker import Tracked, read_tracked, suffix_of, tracker_node

__all__ = ["take_tracks", "tracks_for"]


def take_tracks(node: nuke.Node) -> None:
    """Writes the tracks of what is connected to the node's input 'tracker', where that is anything.

    Raises:
        SettingsError: It cannot be used.
        WriteError: The file cannot be written.
    """
    found, asked = tracker_node(node), read_asked(node)
    if found is None:
        return
    if Path(asked.project).is_absolute():
        _write(node, found, asked)
    else:
        log(node, f"Tracks: those of {found.fullName()} are taken by 'Find faces', once there is a project folder.")


def tracks_for(node: nuke.Node, asked: Asked, is_anew: bool) -> str:
    """The file of a shot's tracks; empty where no tracker is connected, so that the shot has none.

    Args:
        node: The node.
        asked: Of it, with its plate named.
        is_anew: Write them as they are now; else those that faces were found with go on, so that a swap does not
            place its faces elsewhere than the crops that were learnt from.

    Raises:
        SettingsError: What is connected cannot be used.
        WriteError: The file cannot be written.
    """
    found = tracker_node(node)
    if found is None:
        return ""
    path = _path(asked, found)
    if is_anew or not path.is_file():
        _write(node, found, asked)
    return path.as_posix()


def _path(asked: Asked, found: nuke.Node) -> Path:
    """Where the tracks of a shot lie.

    Raises:
        SettingsError: The shot's name would lead elsewhere.
    """
    check_shot_name(asked.shot)
    return Path(asked.project) / "shots" / asked.shot / f"tracks{suffix_of(found)}"


def _write(node: nuke.Node, found: nuke.Node, asked: Asked) -> None:
    path, wanted = _path(asked, found), range(asked.first, asked.last + 1)
    window = plate_window(node, asked)
    if window is None:
        raise SettingsError(
            f"Where the points of {found.fullName()} lie in {asked.plate or 'the plate'} is not known, since its size "
            "is not. Connect the plate to the input 'plate'."
        )
    with full_size():
        tracked = read_tracked(found, window, wanted)
    _replace(path, tracked.text)
    _say(node, tracked, wanted, path)


def _say(node: nuke.Node, tracked: Tracked, wanted: Iterable[int], path: Path) -> None:
    """Tells what was written, and where the artist's word ends."""
    span = frames_text(tracked.frames)
    lines = [f"Tracks: {tracked.said} of {tracked.name} in frames {span}, as {path.as_posix()}."]
    told = set(tracked.frames)
    missing = frames_text(frame for frame in wanted if frame not in told)
    if missing:
        lines.append(f"  No points in {missing}: there the face is placed by its landmarks. Track or bake them.")
    log(node, "\n".join(lines))


def _replace(path: Path, text: str) -> None:
    """Writes a file whole, unless it says the same already: what is made from it then stays true."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise WriteError(f"{path} cannot be written: {error.strerror or error}.", path=str(path)) from error
    finally:
        with contextlib.suppress(OSError):
            beside.unlink()
