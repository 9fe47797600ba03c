"""The tracks of a shot as the engine reads them: a file in the project, out of the artist's tracker."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable
from pathlib import Path

import nuke

from understudy_nuke._engine.errors import SettingsError, WriteError
from understudy_nuke.export import full_size
from understudy_nuke.frames import frames_text
from understudy_nuke.knobs import Asked, log, read_asked
from understudy_nuke.plate import is_rendered
from understudy_nuke.plate_window import PlateWindow, read_window
from understudy_nuke.tracker import Tracked, read_tracked, suffix_of, tracker_node
from understudy_nuke.upstream import PLATE, plate_node

__all__ = ["take_tracks", "tracks_for"]

_NUMBER = re.compile(r"%(0?\d*)d|(#+)")


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
    shot = asked.shot
    if Path(shot).name != shot or "\\" in shot or shot == "..":
        raise SettingsError(f"The shot cannot be called '{shot}': take letters, digits, '.', '_' and '-' (tab Shot).")
    return Path(asked.project) / "shots" / shot / f"tracks{suffix_of(found)}"


def _write(node: nuke.Node, found: nuke.Node, asked: Asked) -> None:
    path, wanted = _path(asked, found), range(asked.first, asked.last + 1)
    with full_size():
        window = _plate_window(node, found, asked)
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


def _plate_window(node: nuke.Node, found: nuke.Node, asked: Asked) -> PlateWindow:
    """The plate's picture area: of its files where they are EXRs; of what Nuke will render, its format."""
    window = None if is_rendered(asked) else _window_of_files(asked)
    if window is not None:
        return window
    if node.input(PLATE) is None:
        raise SettingsError(
            f"Where the points of {found.fullName()} lie in {asked.plate or 'the plate'} is not known, since its size "
            "is not. Connect the plate to the input 'plate'."
        )
    seen = plate_node(node).format()
    return PlateWindow(0, 0, seen.width(), seen.height())


def _window_of_files(asked: Asked) -> PlateWindow | None:
    """Of the first file that is there; they all have the same."""
    frames = range(asked.first, asked.last + 1) if _NUMBER.search(asked.plate) else (asked.first,)
    for path in (_numbered(asked.plate, frame) for frame in frames):
        if path.is_file():
            return read_window(path)
    return None


def _numbered(pattern: str, frame: int) -> Path:
    """The file of a frame, of a pattern with #### or %04d; one without is the file."""

    def number(found: re.Match[str]) -> str:
        digits = len(found[2]) if found[2] else int(found[1] or 0)
        return f"{frame:0{digits}d}"

    return Path(_NUMBER.sub(number, pattern))


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
