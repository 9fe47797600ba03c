"""The text is read by a Tcl interpreter, as Nuke reads it, and what the nodes do is computed by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.nuke_script import ScriptNode, curve_of, read_script, words
from understudy.geometry import apply_transform, compose, inverse
from understudy.host_files import PatchMove, corner_pin_text, tracker_text
from understudy.host_files.patch_move import TRACKS

PLATE_POINTS = np.array([[10.0, 20.0], [700.5, 411.25], [1929.5, 1099.5]])


class Script:
    """A pasted text: nodes by name, and what their knobs hold."""

    def __init__(self, text: str) -> None:
        self.nodes = {node.name: node for node in read_script(text, selected=True).children}

    def source(self, name: str) -> str:
        """What a node is connected to; "" for nothing."""
        (source,) = self.nodes[name].inputs or [None]
        return source.name if source else ""

    def numbers(self, value: str) -> list[float]:
        return [float(word) for word in words(value)]

    def curve(self, text: str) -> dict[int, float]:
        curve = curve_of(text)
        assert curve is not None
        return curve

    def pins(self, node: ScriptNode, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Both ends of the four pins of a CornerPin2D at a frame."""
        pins = [self.numbers(node.knobs[f"from{pin}"]) for pin in range(1, 5)]
        curves = [[self.curve(axis) for axis in words(node.knobs[f"to{pin}"])] for pin in range(1, 5)]
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
    script = Script(corner_pin_text(move))
    nodes = script.nodes
    sources = {name.removeprefix("understudy_sh010_a_"): script.source(name) for name in nodes}
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
    table, columns, rows = words(script.nodes["understudy_sh010_a_tracker"].knobs["tracks"])
    names = [words(column)[3] for column in words(columns)]
    assert [int(value) for value in script.numbers(table)] == [1, len(names), 4] and len(names) == 31
    places = []
    for row, track in zip(words(rows), TRACKS, strict=True):
        cells = dict(zip(names, words(row), strict=True))
        assert cells["name"] == track and (cells["T"], cells["R"], cells["S"]) == ("1", "1", "1")
        places.append([script.curve(cells["track_x"]), script.curve(cells["track_y"])])
    first, last = (np.array([[axis[number] for axis in track] for track in places]) for number in (1001, 1005))
    ones = np.ones((4, 1))
    moved, residual, *_ = np.linalg.lstsq(np.hstack([first, ones]), last, rcond=None)
    last_from_first = compose(move.plate_from_crop[1005], inverse(move.plate_from_crop[1001]))
    wanted = nuke_plate(apply_transform(last_from_first, PLATE_POINTS))
    np.testing.assert_allclose(np.column_stack([nuke_plate(PLATE_POINTS), np.ones(3)]) @ moved, wanted, atol=1e-3)
    assert residual.max() < 1e-9
