"""The text is read by a Lua interpreter, as Fusion reads it, and what the tools do is computed by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from understudy.geometry import apply_transform, inverse
from understudy.host_files import PatchMove, setting_text
from understudy.host_files.patch_move import CORNERS, TRACKS

lupa = pytest.importorskip("lupa", reason="the Lua interpreter is not installed")

PLATE_POINTS = np.array([[10.0, 20.0], [700.5, 411.25], [1929.5, 1099.5]])
SQUARE = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
NAME = "understudy_sh010_a"

# Every name that is not Lua's own is a constructor, such as Input or CornerPositioner, as in Fusion's tables.
READER = """
function(text)
    local kinds = setmetatable({ ordered = function() return function(tools) return tools end end }, {
        __index = function(_, kind) return function(values) values.kind = kind return values end end })
    return assert(load("return " .. text, "setting", "t", kinds))()
end
"""


class Setting:
    def __init__(self, text: str) -> None:
        table = lupa.LuaRuntime(unpack_returned_tuples=True).eval(READER)(text)
        self.tools = dict(table["Tools"].items())
        self.active = table["ActiveTool"]

    def source(self, tool: str, name: str) -> tuple[str, str]:
        link = self.tools[tool]["Inputs"][name]
        return link["SourceOp"], link["Source"]

    def point(self, tool: str, name: str, time: int) -> tuple[float, float]:
        """An input that moves by an XYPath, at a time with a key."""
        path, output = self.source(tool, name)
        assert (self.tools[path]["kind"], output) == ("XYPath", "Value")
        splines = [self.tools[self.source(path, axis)[0]] for axis in "XY"]
        assert {spline["kind"] for spline in splines} == {"BezierSpline"}
        x, y = (spline["KeyFrames"][time][1] for spline in splines)
        return x, y

    def corners(self, tool: str, time: int) -> np.ndarray:
        return np.array([self.point(tool, corner, time) for corner in CORNERS])


def shares_plate(points: np.ndarray) -> np.ndarray:
    return np.column_stack([(points[:, 0] - 10) / 1920, 1 - (points[:, 1] - 20) / 1080])


def shares_crop(points: np.ndarray) -> np.ndarray:
    return np.column_stack([points[:, 0] / 512, 1 - points[:, 1] / 512])


@pytest.mark.parametrize("number", [1001, 1002, 1005])
def test_the_corners_put_the_patch_where_it_came_from_and_lift_it(
    move: PatchMove, pinned: Callable[..., Any], number: int
) -> None:
    setting = Setting(setting_text(move))
    crop = shares_crop(apply_transform(inverse(move.plate_from_crop[number]), PLATE_POINTS))
    plate = shares_plate(PLATE_POINTS)
    plate_from_crop = pinned(SQUARE, setting.corners(f"{NAME}_put_back", number))
    crop_from_plate = pinned(SQUARE, setting.corners(f"{NAME}_lift", number))
    np.testing.assert_allclose(plate_from_crop(crop) * (1920, 1080), plate * (1920, 1080), atol=1e-3)
    np.testing.assert_allclose(crop_from_plate(plate) * 512, crop * 512, atol=1e-3)


def test_a_resize_goes_with_each_corner_positioner(move: PatchMove) -> None:
    setting = Setting(setting_text(move))
    sizes = {
        name: [setting.tools[f"{NAME}_{name}"]["Inputs"][side]["Value"] for side in ("Width", "Height", "KeepAspect")]
        for name in ("lifted", "canvas")
    }
    assert sizes == {"lifted": [512, 512, 0], "canvas": [1920, 1080, 0]}
    assert setting.source(f"{NAME}_lifted", "Input") == (f"{NAME}_lift", "Output")
    assert setting.source(f"{NAME}_put_back", "Input") == (f"{NAME}_canvas", "Output")
    assert setting.tools[setting.active]["kind"] == "CornerPositioner"


def test_the_tracker_holds_the_tracks(move: PatchMove) -> None:
    setting = Setting(setting_text(move))
    for number, points in move.tracks_plate().items():
        places = [setting.point(f"{NAME}_tracker", f"TrackedCenter{index + 1}", number) for index in range(4)]
        np.testing.assert_allclose(np.array(places) * (1920, 1080), shares_plate(points) * (1920, 1080), atol=1e-3)
    names = [setting.tools[f"{NAME}_tracker"]["Inputs"][f"Name{index + 1}"]["Value"] for index in range(4)]
    assert names == list(TRACKS)


def test_keys_may_begin_at_another_time(move: PatchMove) -> None:
    plain, moved = Setting(setting_text(move)), Setting(setting_text(move, first=0))
    for time, number in ((0, 1001), (1, 1002), (4, 1005)):
        np.testing.assert_array_equal(
            moved.corners(f"{NAME}_put_back", time), plain.corners(f"{NAME}_put_back", number)
        )
