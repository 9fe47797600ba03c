"""The text is read by a Tcl interpreter, as Nuke reads it, and what the nodes do is computed by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from understudy.geometry import apply_transform, compose, inverse
from understudy.host_files import PatchMove, corner_pin_text, tracker_text
from understudy.host_files.patch_move import TRACKS

tkinter = pytest.importorskip("tkinter", reason="Python was built without Tcl")

PLATE_POINTS = np.array([[10.0, 20.0], [700.5, 411.25], [1929.5, 1099.5]])


@dataclass
class Node:
    kind: str
    knobs: dict[str, str]
    source: str


class Script:
    """A pasted script: nodes by name, each with the node it is connected to, "selection" or "" for none."""

    def __init__(self, text: str) -> None:
        self.nodes: dict[str, Node] = {}
        self.tcl: Any = tkinter.Tcl()
        streams = ["selection"]

        def push(what: str) -> None:
            streams.append("" if what == "0" else what)

        def node(kind: str, body: str) -> None:
            words = self.tcl.splitlist(body)
            knobs = dict(zip(words[::2], words[1::2], strict=True))
            self.nodes[knobs["name"]] = Node(kind, knobs, streams.pop())
            streams.append(knobs["name"])

        self.tcl.createcommand("stack", lambda depth: streams[-1 - int(depth)])
        self.tcl.createcommand("version", lambda *_: None)
        self.tcl.createcommand("push", push)
        self.tcl.createcommand("unknown", node)
        self.tcl.eval(text)

    def numbers(self, value: str) -> list[float]:
        return [float(word) for word in self.tcl.splitlist(value)]

    def curve(self, text: str) -> dict[int, float]:
        word, *keys = self.tcl.splitlist(text)
        assert word == "curve"
        return {int(key[1:]): float(value) for key, value in zip(keys[::2], keys[1::2], strict=True)}

    def pins(self, node: Node, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Both ends of the four pins of a CornerPin2D at a frame."""
        pins = [self.numbers(node.knobs[f"from{pin}"]) for pin in range(1, 5)]
        curves = [[self.curve(axis) for axis in self.tcl.splitlist(node.knobs[f"to{pin}"])] for pin in range(1, 5)]
        return np.array(pins), np.array([[axis[number] for axis in pin] for pin in curves])


def nuke_plate(points: np.ndarray) -> np.ndarray:
    """Nuke's points in the plate's format, from ours: the display window is 1920x1080 at (10, 20)."""
    return np.column_stack([points[:, 0] - 10, 1080 - (points[:, 1] - 20)])


def nuke_crop(points: np.ndarray) -> np.ndarray:
    return np.column_stack([points[:, 0], 512 - points[:, 1]])


@pytest.mark.parametrize("number", [1001, 1002, 1005])
def test_the_pins_put_the_patch_where_it_came_from(move: PatchMove, pinned: Callable[..., Any], number: int) -> None:
    script = Script(corner_pin_text(move))
    node = script.nodes["understudy_sh010_a_put_back"]
    plate_from_crop = pinned(*script.pins(node, number))
    crop = apply_transform(inverse(move.plate_from_crop[number]), PLATE_POINTS)
    assert (node.kind, node.knobs["invert"]) == ("CornerPin2D", "false")
    np.testing.assert_allclose(plate_from_crop(nuke_crop(crop)), nuke_plate(PLATE_POINTS), atol=1e-3)


def test_the_lift_is_the_same_pins_inverted(move: PatchMove) -> None:
    script = Script(corner_pin_text(move))
    lift, back = (script.nodes[f"understudy_sh010_a_{name}"] for name in ("lift", "put_back"))
    assert lift.knobs["invert"] == "true"
    for number in (1001, 1002, 1005):
        np.testing.assert_array_equal(script.pins(lift, number), script.pins(back, number))


def test_each_chain_ends_in_the_format_it_is_for(move: PatchMove) -> None:
    nodes = Script(corner_pin_text(move)).nodes
    sources = {name.removeprefix("understudy_sh010_a_"): node.source for name, node in nodes.items()}
    assert sources == {
        "lift": "selection",
        "lifted": "understudy_sh010_a_lift",
        "canvas": "",
        "put_back": "understudy_sh010_a_canvas",
    }
    formats = [nodes[f"understudy_sh010_a_{name}"].knobs["format"].split() for name in ("lifted", "canvas")]
    assert formats[0][:7] == ["512", "512", "0", "0", "512", "512", "1"]
    assert formats[1][:7] == f"1920 1080 0 0 1920 1080 {move.pixel_aspect:g}".split()
    for name in ("lifted", "canvas"):
        knobs = nodes[f"understudy_sh010_a_{name}"].knobs
        assert (knobs["resize"], knobs["center"]) == ("none", "false")


def test_the_tracks_move_as_the_alignment_does(move: PatchMove) -> None:
    script = Script(tracker_text(move))
    table, columns, rows = script.tcl.splitlist(script.nodes["understudy_sh010_a_tracker"].knobs["tracks"])
    names = [script.tcl.splitlist(column)[3] for column in script.tcl.splitlist(columns)]
    assert [int(value) for value in script.numbers(table)] == [1, len(names), 4] and len(names) == 31
    places = []
    for row, track in zip(script.tcl.splitlist(rows), TRACKS, strict=True):
        cells = dict(zip(names, script.tcl.splitlist(row), strict=True))
        assert cells["name"] == track and (cells["T"], cells["R"], cells["S"]) == ("1", "1", "1")
        places.append([script.curve(cells["track_x"]), script.curve(cells["track_y"])])
    first, last = (np.array([[axis[number] for axis in track] for track in places]) for number in (1001, 1005))
    ones = np.ones((4, 1))
    moved, residual, *_ = np.linalg.lstsq(np.hstack([first, ones]), last, rcond=None)
    last_from_first = compose(move.plate_from_crop[1005], inverse(move.plate_from_crop[1001]))
    wanted = nuke_plate(apply_transform(last_from_first, PLATE_POINTS))
    np.testing.assert_allclose(np.column_stack([nuke_plate(PLATE_POINTS), np.ones(3)]) @ moved, wanted, atol=1e-3)
    assert residual.max() < 1e-9
