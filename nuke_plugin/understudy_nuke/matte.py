"""The artist's matte at the input 'matte': the files of a Read, or what Nuke renders of it, in the plate's format.

It goes to the engine with the shot, and is multiplied into the matte of the face. Main thread only. In Indie a run of
Python may touch some ten nodes: there what is to be rendered is connected directly.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import nuke

from understudy_nuke._engine.errors import SettingsError
from understudy_nuke.color import read_color, script_color
from understudy_nuke.export import MATTE_FRAMES, check_shot_name, export_pattern, full_size, with_rendered
from understudy_nuke.frames import parsed_frames
from understudy_nuke.knobs import Asked, log, read_asked
from understudy_nuke.plate import file_of_range, plate_window
from understudy_nuke.plate_window import PlateWindow, read_channels, read_window
from understudy_nuke.upstream import MATTE, absolute, connected_node, why_no_files

__all__ = ["MatteSource", "is_matte_rendered", "look_matte", "take_matte", "with_matte"]

_LETTERS = {"red": "R", "green": "G", "blue": "B", "alpha": "A"}
_MOST_NAMED = 12


@dataclass(frozen=True)
class MatteSource:
    """What is connected to the input 'matte'.

    Attributes:
        node: That gives it.
        channel: In Nuke's words, such as rgba.alpha.
        pattern: Of the Read's files; empty when it has to be rendered.
        file_channel: In those files.
        why_rendered: Why files cannot be used as they are; empty when they can.
    """

    node: nuke.Node
    channel: str
    pattern: str
    file_channel: str
    why_rendered: str


def look_matte(node: nuke.Node, asked: Asked) -> MatteSource | None:
    """What the matte is, without rendering anything; None when nothing is connected.

    Args:
        node: The Understudy node.
        asked: Of it, with its plate named.

    Raises:
        SettingsError: It lacks the channel, its files, or the plate's format.
    """
    found = connected_node(node, MATTE)
    if found is None:
        return None
    channel = _wanted_channel(node)
    pattern = absolute(nuke.filename(found) or "") if found.Class() == "Read" else ""
    path = file_of_range(pattern, asked) if pattern else None
    why = why_no_files(found, pattern) or _why_not_as_it_is(found, pattern, channel, path, asked)
    with full_size():
        channels, seen = found.channels(), found.format()
    if channel not in channels:
        there = ", ".join(channels[:_MOST_NAMED]) + (" and more" if len(channels) > _MOST_NAMED else "")
        raise SettingsError(
            f"The matte {found.fullName()} has no channel '{channel}'; it has {there or 'none'}. Say which one holds "
            "the matte in 'Matte channel' (tab Shot)."
        )
    plate = plate_window(node, asked)
    window = read_window(path) if path and not why else None
    if window and plate and window != plate and (plate.left, plate.top) == (0, 0):
        why = "its files begin elsewhere than the plate"
    if why or window is None:
        _expect_plate_format(found, PlateWindow(0, 0, seen.width(), seen.height()), plate, why)
        return MatteSource(found, channel, "", "", why or "its files cannot be read")
    _expect_plate_format(found, window, plate, "")
    return MatteSource(found, channel, pattern, _file_channel(channel, path), "")


def take_matte(node: nuke.Node) -> None:
    """Says in the log how the matte will be read, where one is connected; renders nothing yet.

    Raises:
        SettingsError: It cannot be used.
    """
    asked = read_asked(node)
    found = look_matte(node, asked)
    if found is None:
        return
    how = f"rendered by Nuke when it is needed, since {found.why_rendered}" if found.why_rendered else found.pattern
    what = "something covers the face" if asked.matte_occludes else "the face may go"
    log(node, f"Matte: {found.channel} of {found.node.fullName()}, 1 where {what}; {how}.")


def with_matte(node: nuke.Node, asked: Asked, found: MatteSource | None, which: str) -> Asked:
    """What the node asks, with the frames of its matte on disk.

    Args:
        node: The Understudy node.
        asked: Of it.
        found: Of `look_matte`.
        which: Frames that are needed: "all" of the range, or "one".

    Raises:
        WriteError: Frames had to be rendered and could not be.
    """
    if found is None:
        return asked
    if not found.why_rendered:
        return replace(asked, matte=found.pattern, matte_channel=found.file_channel)
    check_shot_name(asked.shot)
    pattern = export_pattern(asked.project, asked.shot, MATTE_FRAMES)
    made = with_rendered(node, MATTE_FRAMES, found.node, pattern, asked.needed(which), found.channel)
    lacking = set(asked.needed("all")).difference(parsed_frames(made.frames))
    # of one frame that is swapped, only its own matte is looked at: what the others have can wait for them
    return replace(asked, matte=pattern, matte_missing="hold" if lacking else "error")


def is_matte_rendered(node: nuke.Node, asked: Asked) -> bool:
    """True when a matte is connected that Nuke renders for the engine; one that cannot be used is not."""
    try:
        found = look_matte(node, asked)
    except SettingsError:
        return False  # the button tells it
    return found is not None and bool(found.why_rendered)


def _wanted_channel(node: nuke.Node) -> str:
    """The channel that the artist has named, with its layer."""
    said = str(node["matte_channel"].value() or "").strip() or "alpha"
    return said if "." in said else f"rgba.{said}"


def _why_not_as_it_is(read: nuke.Node, pattern: str, channel: str, path: Path | None, asked: Asked) -> str:
    """Why the files of a Read do not hold what it shows; empty when they do.

    Raises:
        SettingsError: None of them is there.
    """
    first, last = int(read.firstFrame()), int(read.lastFrame())
    if not first <= asked.first <= asked.last <= last:
        return f"the Read has the frames {first}-{last}, and the shot {asked.range}"
    if path is None:
        raise SettingsError(
            f"None of the matte's files {pattern} is on disk in the frames {asked.range}. Bring them, or disconnect "
            "the matte."
        )
    if path == Path(pattern):
        return "the Read has one picture for all frames"
    if not _file_channel(channel, path):
        return f"its files name no channel as {channel}"
    color = read_color(read, script_color(nuke.root()))
    if not channel.endswith(".alpha") and (color.nuke_name or not color.is_for_files):
        return f"the Read converts {channel}"
    return ""


def _file_channel(channel: str, path: Path | None) -> str:
    """A channel as a file names it; empty where that is not certain."""
    layer, _, name = channel.rpartition(".")
    before = "" if layer == "rgba" else f"{layer}."
    wanted = {f"{before}{_LETTERS.get(name, name)}", *({f"{before}{name}"} if before else ())}
    there = wanted.intersection(read_channels(path)) if path else set()
    return there.pop() if len(there) == 1 else ""


def _expect_plate_format(found: nuke.Node, ours: PlateWindow, plate: PlateWindow | None, why: str) -> None:
    """Refuses what would lie elsewhere than in the plate; where the plate's size is not known, the engine tells it."""
    if plate is None or ours == plate:
        return
    if (ours.width, ours.height) != (plate.width, plate.height):
        raise SettingsError(
            f"The matte {found.fullName()} has {ours.width} x {ours.height} pixels, but the plate has {plate.width} x "
            f"{plate.height}: give it the plate's format."
        )
    if not why:
        raise SettingsError(
            f"The files of the matte {found.fullName()} begin at {ours.left}, {ours.top}, but those of the plate at "
            f"{plate.left}, {plate.top}: give them the plate's display window."
        )
    raise SettingsError(
        f"The matte {found.fullName()} has to be rendered, since {why}, and Nuke renders from 0, 0, but the plate's "
        f"files begin at {plate.left}, {plate.top}: connect a Read of files that begin there too, or have the plate "
        "rendered as well, by a Grade above it."
    )
