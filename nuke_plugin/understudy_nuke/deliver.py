"""Nodes for work by hand: made beside the Understudy node from what the engine wrote. Main thread only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nuke

from understudy_nuke._engine.errors import SettingsError
from understudy_nuke.color import read_in
from understudy_nuke.knobs import Asked, log
from understudy_nuke.upstream import PLATE

__all__ = ["make_crop_read", "make_st_map", "paste_corner_pin", "paste_tracker"]

_ASIDE = 160
_BELOW = 120

Results = Mapping[str, Any]


def paste_corner_pin(node: nuke.Node, _asked: Asked, results: Results) -> None:
    """Pastes the engine's corner pins; the one that lifts the patch takes the node's plate."""
    _paste(node, Path(results["cornerpin"]).as_posix())


def paste_tracker(node: nuke.Node, _asked: Asked, results: Results) -> None:
    """Pastes the engine's tracker, over the node's plate."""
    _paste(node, Path(results["tracker"]).as_posix())


def make_st_map(node: nuke.Node, asked: Asked, results: Results) -> None:
    """Makes Reads of the unblended crop and of the map, and the STMap that puts the one where the other says."""
    crop = _crop_pattern(results)
    with node.parent() or nuke.root():
        source = _read(node, asked, crop, f"{asked.shot}_crop", 1)
        st_map = _read(node, asked, results["patterns"][0], f"{asked.shot}_st", 2)
        st_map["raw"].setValue(True)
        warp = nuke.nodes.STMap()
        warp["name"].setValue(_free_name(f"{asked.shot}_unblended"))
        warp["uv"].setValue("st")
        warp.setInput(0, source)
        warp.setInput(1, st_map)
        _place(warp, node, 1, 1)
    log(node, f"ST map: made {warp.name()} from {source.name()} and {st_map.name()}.")


def make_crop_read(node: nuke.Node, asked: Asked, results: Results) -> None:
    """Makes a Read of the unblended crop."""
    crop = _crop_pattern(results)
    with node.parent() or nuke.root():
        read = _read(node, asked, crop, f"{asked.shot}_crop", 1)
    log(node, f"Crop: made {read.name()}.")


def _paste(node: nuke.Node, path: str) -> None:
    plate = node.input(PLATE)
    with node.parent() or nuke.root():
        nuke.nodePaste(path)
        pasted = sorted(nuke.selectedNodes(), key=_rank)
        for index, made in enumerate(pasted):
            _place(made, node, 1, index)
            if made.Class() == "Tracker4" or (made.Class() == "CornerPin2D" and made["invert"].value()):
                made.setInput(0, plate)
    log(node, f"Made {', '.join(made.name() for made in pasted)} from {path}.")


def _rank(made: nuke.Node) -> int:
    """Where a pasted node stands in its column; Nuke gives them in no order."""
    words = re.findall("lifted|lift|canvas|put_back", made.name()) or ["lift"]
    return ("lift", "lifted", "canvas", "put_back").index(words[-1])


def _read(node: nuke.Node, asked: Asked, pattern: str, name: str, column: int) -> nuke.Node:
    """A Read of results, in the space in which the node reads its own."""
    read = nuke.nodes.Read()
    read["file"].setValue(Path(pattern).as_posix().replace("####", "%04d"))
    for knob, frame in (("first", asked.first), ("last", asked.last), ("origfirst", asked.first)):
        read[knob].setValue(frame)
    read["origlast"].setValue(asked.last)
    read_in(read, str(node["result_colorspace"].value() or ""))
    read["name"].setValue(_free_name(name))
    _place(read, node, column, 0)
    return read


def _free_name(name: str) -> str:
    """A name that Nuke takes: letters, digits and underscores, and nobody's yet."""
    base = "".join(letter if letter.isalnum() and letter.isascii() else "_" for letter in name)
    base = base if not base[:1].isdigit() else f"_{base}"
    number = 1
    while nuke.exists(f"{base}{number}"):
        number += 1
    return f"{base}{number}"


def _place(made: nuke.Node, node: nuke.Node, column: int, row: int) -> None:
    made.setXYpos(int(node.xpos()) + _ASIDE * column, int(node.ypos()) + _BELOW * row)


def _crop_pattern(results: Results) -> str:
    """The sequence of the unblended crop among those that a swap has written."""
    for pattern in results["patterns"]:
        if str(pattern).endswith("_crop.####.exr"):
            return str(pattern)
    raise SettingsError("The engine wrote no crops: it is of another version than this plug-in.")
