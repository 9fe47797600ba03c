"""The plate of a node: the files that the engine reads, whether they lie there already or Nuke renders them first."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import nuke

from understudy_nuke._engine.errors import SettingsError
from understudy_nuke.color import PlateColor, ScriptColor, plate_color, script_color
from understudy_nuke.export import Exported, UnfinishedError, export_frames, export_pattern
from understudy_nuke.frames import frames_text
from understudy_nuke.knobs import Asked, log, plain, read_asked, show
from understudy_nuke.upstream import PLATE, Upstream, frame_hashes, look_upstream, plate_node

__all__ = ["is_rendered", "named_plate", "read_plate_color", "take_plate", "with_plate"]

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.-]+")
_NUMBER = re.compile(r"[._]?(?:%\d*d|#+)")


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


def read_plate_color(node: nuke.Node) -> tuple[ScriptColor, PlateColor]:
    """How the script manages colour, and the plate's space: what the artist typed comes before what is connected."""
    script, said = script_color(nuke.root()), str(node["colorspace"].value() or "").strip()
    if node.input(PLATE) is not None:
        shown = look_upstream(plate_node(node), script).color
        if shown.name == said:
            return script, shown
    return script, plate_color(script, said, is_raw=False)


def _with_rendered(node: nuke.Node, asked: Asked, which: str) -> Asked:
    found = plate_node(node)
    wanted = range(asked.first, asked.last + 1) if which == "all" else [asked.frame]
    hashes = frame_hashes(found, nuke.root(), wanted)
    if not hashes:
        log(node, "The plate is rendered anew: more is connected to it than Nuke Indie lets a script look at.")
    before = Exported.from_text(asked.exported)
    try:
        made, rendered = export_frames(
            found, asked.plate, hashes or dict.fromkeys(wanted, ""), before, node.parent() or nuke.root()
        )
    except UnfinishedError as error:
        show(node, {"exported": error.exported.to_text()})
        raise
    show(node, {"exported": made.to_text()})
    if rendered:
        log(node, f"Rendered the plate's frames {frames_text(rendered)} into {Path(asked.plate).parent}.")
    return replace(asked, exported=made.to_text(), frames=made.frames)


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
    name = _NUMBER.sub("", Path(text).name)
    name = _NOT_IN_NAMES.sub("_", name.rsplit(".", 1)[0] if "." in name else name).strip("._-")
    return name[:64] or "shot"
