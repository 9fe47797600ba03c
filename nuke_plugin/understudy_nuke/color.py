"""Which colour space the plate is in, as the script says it, and how the result has to be read.

Decisions are made on names alone; nodes are touched in `script_color`, `read_color` and `read_in` only.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

import nuke

__all__ = [
    "PlateColor",
    "ScriptColor",
    "plain_name",
    "plate_color",
    "read_color",
    "read_in",
    "result_colorspace",
    "script_color",
]

LINEAR_709 = "lin_rec709_srgb"
"""An alias of linear Rec.709 that the ACES configs of every version know."""

_ROLES = (
    *("default", "reference", "scene_linear", "rendering", "compositing_linear", "compositing_log", "color_timing"),
    *("color_picking", "data", "matte_paint", "texture_paint", "aces_interchange", "cie_xyz_d65_interchange"),
)
_FAMILY = "aces - "
_ROLE_OF = re.compile(rf"(?:{'|'.join(_ROLES)}) \((.+)\)")


@dataclass(frozen=True)
class ScriptColor:
    """How the script manages colour.

    Attributes:
        is_ocio: False where Nuke's own curves are used, which say nothing of primaries.
        working: Name of the working space; of Nuke's own curve when it is not OCIO.
        default: What a Read of floats means by "default".
        config: Path or name of the OCIO config; empty when it has none that a file names.
    """

    is_ocio: bool
    working: str
    default: str
    config: str


@dataclass(frozen=True)
class PlateColor:
    """What the script says of a plate's space.

    Attributes:
        name: For the engine; empty when the engine has to decide by the file.
        nuke_name: The same in the script's config, for a Read; empty for raw data.
        reason: How it was decided, in words for the artist.
        is_for_files: False when the plate's files hold something else than Nuke shows, so that they must be rendered.
    """

    name: str
    nuke_name: str
    reason: str
    is_for_files: bool = True


def script_color(root: nuke.Root) -> ScriptColor:
    """How the script manages colour: `$OCIO` comes before a custom config, and that before Nuke's own."""
    is_ocio = str(root["colorManagement"].value()) == "OCIO"
    working, default = (plain_name(str(root[name].value())) for name in ("workingSpaceLUT", "floatLut"))
    config = (os.environ.get("OCIO") or _config_of(root)) if is_ocio else ""
    return ScriptColor(is_ocio, working, default, config)


def read_color(read: nuke.Node, script: ScriptColor) -> PlateColor:
    """The space that a Read takes its files to be in."""
    if read["raw"].value():
        return plate_color(script, "", is_raw=True)
    return plate_color(script, str(read["colorspace"].value()), is_raw=False)


def plate_color(script: ScriptColor, colorspace: str, is_raw: bool) -> PlateColor:
    """The space of a plate whose Read says `colorspace`, or whose values are the working space's (`is_raw`)."""
    name = script.working if is_raw else plain_name(colorspace)
    if name == "default":
        name = script.default
    who = "the working space of the script, as values are taken raw" if is_raw else f"the Read says '{colorspace}'"
    if script.is_ocio:
        return PlateColor(name, "" if is_raw or _same(name, script.working) else name, who)
    if _same(name, "linear") or is_raw:
        reason = f"{who}; Nuke's own colour management names no primaries, so they are taken for Rec.709"
        return PlateColor(LINEAR_709, "", reason)
    return PlateColor("", "", f"{who}, a curve of Nuke's own", is_for_files=False)


def result_colorspace(script: ScriptColor, plate: PlateColor, plate_space: str, result_space: str) -> str:
    """What the Read of the result must say: a name, or the empty text for raw data.

    Args:
        script: How the script manages colour.
        plate: What was said of the plate.
        plate_space: The engine's name for the plate's space.
        result_space: The engine's name for the space that results are written in.
    """
    if result_space == plate_space and plate.name:
        return plate.nuke_name
    if not script.is_ocio or _same(result_space, script.working):
        return ""
    return result_space


def plain_name(text: str) -> str:
    """The name of a space in an entry of Nuke's menu: "default (linear)", "scene_linear (ACES - ACEScg)", "a/b"."""
    found = _ROLE_OF.fullmatch(text.strip())
    name = found.group(1) if found else text.strip()
    return name.rsplit("/", 1)[-1].strip()


def read_in(read: nuke.Node, name: str) -> bool:
    """Makes a Read take its files to be in a space, raw for the empty name; False when its menu lacks the space."""
    if not name:
        read["raw"].setValue(True)
        return True
    knob = read["colorspace"]
    entry = next((entry for entry in knob.values() if _same(plain_name(entry.split("\t")[0]), name)), None)
    if entry is None:
        return False
    read["raw"].setValue(False)
    knob.setValue(entry)
    return True


def _config_of(root: nuke.Root) -> str:
    custom = str(root["customOCIOConfigPath"].getEvaluatedValue() or "")
    if str(root["OCIO_config"].value()) == "custom" and custom:
        return custom
    knobs = root.knobs()
    return str(knobs["OCIOConfigPath"].getEvaluatedValue() or "") if "OCIOConfigPath" in knobs else ""


def _same(one: str, other: str) -> bool:
    """Configs of different years write one space as "ACES - ACEScg" and "ACEScg"."""
    return _letters(one) == _letters(other)


def _letters(name: str) -> str:
    folded = name.casefold()
    return "".join(letter for letter in folded[len(_FAMILY) * folded.startswith(_FAMILY) :] if letter.isalnum())
