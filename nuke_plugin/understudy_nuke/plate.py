"""The plate of a node: the files that the engine reads, whether they lie there already or Nuke renders them first."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import nuke

from understudy_nuke._engine.errors import SettingsError
from understudy_nuke.color import PlateColor, ScriptColor, plate_color, script_color
from understudy_nuke.export import PLATE_FRAMES, check_shot_name, export_pattern, full_size, with_rendered
from understudy_nuke.knobs import Asked, log, plain, read_asked, show
from understudy_nuke.plate_window import PlateWindow, read_window
from understudy_nuke.upstream import MATTE, MOST_IN_INDIE, PLATE, Upstream, look_upstream, plate_node

__all__ = [
    "file_of_range",
    "is_rendered",
    "named_plate",
    "plate_window",
    "read_plate_color",
    "take_plate",
    "with_plate",
]

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.-]+")
_NUMBER = re.compile(r"%(0?\d*)d|(#+)")
_BESIDE_MATTE = 2
"""Nodes above the plate that one button may touch in Indie when a matte is connected too, of which it touches some."""


def take_plate(node: nuke.Node) -> None:
    """Fills the knobs of the shot from what is connected to the node; renders nothing yet.

    Raises:
        SettingsError: Nothing is connected, or the folder for rendered frames is not known.
    """
    found, script = plate_node(node), script_color(nuke.root())
    plate = look_upstream(found, script)
    shot = str(node["shot"].value() or "").strip() or _shot_name(plate.pattern or found.name())
    first, last, pattern = plate.first, plate.last, plate.pattern
    if plate.why_rendered:
        project = str(node["project"].getEvaluatedValue() or "").strip()
        if not project:
            raise SettingsError(
                f"The plate has to be rendered, since {plate.why_rendered}. Fill in 'Project folder' (tab Shot), where "
                "its frames will lie, and take it again."
            )
        first, last = _within_script(first, last)
        pattern = export_pattern(project, shot)
    said = plate.color.reason if plate.color.name else "the engine will decide by the file"
    values = {"shot": shot, "plate_path": pattern, "first": first, "last": last, "colorspace": plate.color.name}
    show(node, {**values, "colorspace_line": plain(f"{plate.color.name or 'not named'}: {said}")})
    how = f"rendered by Nuke when it is needed, since {plate.why_rendered}" if plate.why_rendered else pattern
    log(node, f"Plate: frames {first}-{last}, {how}.")


def named_plate(node: nuke.Node) -> Asked:
    """What the node asks, with its plate named, from what is connected where the artist has named none.

    Raises:
        SettingsError: No plate is named and none connected, or the range is none.
    """
    if not read_asked(node).plate:
        take_plate(node)
    asked = read_asked(node)
    if asked.last < asked.first:
        raise SettingsError(f"The range {asked.range} (tab Shot) ends before it begins.")
    return asked


def with_plate(node: nuke.Node, which: str) -> Asked:
    """What the node asks, with its plate's frames on disk.

    Args:
        node: The node.
        which: Frames that are needed: "all" of the range, or "one".

    Raises:
        SettingsError: No plate is named and none connected, or the range is none.
        WriteError: Frames had to be rendered and could not be.
    """
    asked, script = named_plate(node), script_color(nuke.root())
    if is_rendered(asked):
        return replace(_with_rendered(node, asked, which), ocio=script.config)
    return replace(asked, ocio=script.config, layer=_layer_of(node, asked, script))


def is_rendered(asked: Asked) -> bool:
    """True when the plate is what Nuke renders for the engine, and no file of a Read."""
    return bool(asked.project) and asked.plate == export_pattern(asked.project, asked.shot)


def plate_window(node: nuke.Node, asked: Asked) -> PlateWindow | None:
    """The plate's picture area: of its files where they are EXRs; of what Nuke will render, its format.

    None where it is not known: there is no such file, and nothing is connected.
    """
    path = None if is_rendered(asked) else file_of_range(asked.plate, asked)
    window = read_window(path) if path else None
    if window is not None or node.input(PLATE) is None:
        return window
    with full_size():
        seen = plate_node(node).format()
        return PlateWindow(0, 0, seen.width(), seen.height())


def file_of_range(pattern: str, asked: Asked) -> Path | None:
    """The first file of a pattern that is on disk, in the range; those of one sequence all have the same form."""
    frames = range(asked.first, asked.last + 1) if _NUMBER.search(pattern) else (asked.first,)
    return next((path for path in (_numbered(pattern, frame) for frame in frames) if path.is_file()), None)


def _numbered(pattern: str, frame: int) -> Path:
    """The file of a frame, of a pattern with #### or %04d; one without is the file."""

    def number(found: re.Match[str]) -> str:
        digits = len(found[2]) if found[2] else int(found[1] or 0)
        return f"{frame:0{digits}d}"

    return Path(_NUMBER.sub(number, pattern))


def read_plate_color(node: nuke.Node) -> tuple[ScriptColor, PlateColor]:
    """How the script manages colour, and the plate's space: what the artist typed comes before what is connected."""
    script, said = script_color(nuke.root()), str(node["colorspace"].value() or "").strip()
    if node.input(PLATE) is not None:
        shown = look_upstream(plate_node(node), script).color
        if shown.name == said:
            return script, shown
    return script, plate_color(script, said, is_raw=False)


def _with_rendered(node: nuke.Node, asked: Asked, which: str) -> Asked:
    check_shot_name(asked.shot)
    most = MOST_IN_INDIE if node.input(MATTE) is None else _BESIDE_MATTE
    made = with_rendered(node, PLATE_FRAMES, plate_node(node), asked.plate, asked.needed(which), most_in_indie=most)
    return replace(asked, frames=made.frames)


def _layer_of(node: nuke.Node, asked: Asked, script: ScriptColor) -> str:
    """The plate's layer, when the plate is what is connected; the artist is told when it is something else."""
    if node.input(PLATE) is None:
        return ""
    shown: Upstream = look_upstream(plate_node(node), script)
    if shown.pattern == asked.plate:
        return shown.layer
    what = shown.pattern or f"something that has to be rendered ({shown.why_rendered})"
    log(node, f"Works on {asked.plate}, but connected is {what}: 'Take from plate' (tab Shot) would change that.")
    return ""


def _within_script(first: int, last: int) -> tuple[int, int]:
    """The part of a range that the script's own range has; all of it when that is none."""
    root = nuke.root()
    begin, end = max(first, int(root.firstFrame())), min(last, int(root.lastFrame()))
    return (begin, end) if begin <= end else (first, last)


def _shot_name(text: str) -> str:
    """A name for the shot that the engine accepts, from the file's."""
    name = re.sub(rf"[._]?(?:{_NUMBER.pattern})", "", Path(text).name)
    name = _NOT_IN_NAMES.sub("_", name.rsplit(".", 1)[0] if "." in name else name).strip("._-")
    return name[:64] or "shot"
