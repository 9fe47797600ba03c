"""What we write for hosts reads back to the same motion, and so does what hosts and other programs write."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from tests.nuke_script import curve_of as tcl_curve
from tests.nuke_script import read_script
from understudy.errors import SettingsError
from understudy.geometry import Box
from understudy.host_files import PatchMove, corner_pin_text, read_tracks, setting_text, tracker_text
from understudy.host_files.tcl_text import TclError, curve_of, nuke_nodes, words

WINDOW = Box(10, 20, 1930, 1100)
FRAMES = (1001, 1002, 1003, 1004, 1005)
GIZMO = Path(__file__).parents[2] / "gizmos" / "Understudy.gizmo"

CSV = "frame,point,x,y\n1001,nose,100.5,200.25\n1001,brow,90,150\n1002,nose,101.5,200.75\n\n1003,nose,102,201\n"

COLUMNS = " ".join(f"{{ 2 1 0 {name} {name} 1 }}" for name in ("enable", "name", "track_x", "track_y", "T"))
TRACKER = (
    "set cut_paste_input [stack 0]\nversion 15.1 v2\npush $cut_paste_input\n"
    f"Tracker4 {{\n tracks {{ {{ 1 5 4 }} \n{{ {COLUMNS} }} \n{{\n"
    ' { {curve K x1001 1 x1003 0} "track 1" {curve x1001 10 11 12 13 14} {curve x1001 5 6 7 8 9} 1 }\n'
    ' { 1 "track 1" {curve x1001 20.5 x1003 22.5 24.5} {curve x1001 1 x1003 3 s1 t2 5} 1 }\n'
    ' { 0 "off" {curve x1001 0 1} {curve x1001 0 1} 1 }\n'
    ' { 1 "untracked" {curve x1001 630} {curve x1001 200} 1 }\n'
    "} }\n translate {{curve x1001 0 x1002 1} {curve x1001 0 x1002 1}}\n name Tracker1\n xpos 3\n}\n"
)
TRANSFORM = (
    "Transform {\n translate {{curve x1001 0 10} {curve L x1001 0 x1003 -8}}\n rotate {{curve x1001 0 x1002 90}}\n"
    " scale 2\n center {500 300}\n name Move1\n}\n"
)
PATHS = """{ Tools = ordered() { -- saved from Fusion
    Group1 = GroupOperator { Tools = ordered() {
        Tracker1 = Tracker { Trackers = { { PatternTime = 1001, PatternX = .5 }, }, Inputs = {
            Name1 = Input { Value = "left \\"eye\\"", },
            TrackedCenter1 = Input { SourceOp = "PathA", Source = "Position", },
            TrackedCenter2 = Input { SourceOp = "PathB", Source = "Value", }, }, },
        PathA = PolyPath { DrawMode = "InsertAndModify", Inputs = {
            Displacement = Input { SourceOp = "TimesA", Source = "Value", },
            PolyLine = Input { Value = Polyline { Points = {
                { Linear = true, X = -0.25, Y = 0.25, RX = 0.01 }, { X = -0.2, Y = 0.2 }, } }, }, }, },
        TimesA = BezierSpline { KeyFrames = { [1001] = { 0, RH = { 1001.3, 0.3 } }, [1002] = { 1, LH = { 1, 1 } } } },
        PathB = XYPath { Inputs = { X = Input { SourceOp = "BX", }, Y = Input { SourceOp = "BY", }, }, },
        BX = BezierSpline { KeyFrames = { [1001] = { 0.5, Flags = { Linear = true } }, [1003] = { 1.0, Flags = {
            Linear = true } } } },
        BY = BezierSpline { KeyFrames = { [1001] = { 0.5 }, [1003] = { 0 } } }, } } } }"""


def read(folder: Path, name: str, text: str, aspect: float = 1.0) -> Mapping[int, Mapping[str, tuple[float, float]]]:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return read_tracks(path, FRAMES, WINDOW, aspect).points_plate


def up(x: float, y: float) -> tuple[float, float]:
    """Ours from Nuke's: the display window begins at (10, 20) and is 1080 high."""
    return (x + 10, 1100 - y)


@pytest.mark.parametrize("kind", ["cornerpin", "tracker", "fusion"])
def test_what_deliver_writes_comes_back(tmp_path: Path, move: PatchMove, kind: str) -> None:
    name, text, wanted = {
        "cornerpin": ("a.nk", corner_pin_text(move), move.corners_plate()),
        "tracker": ("a.nk", tracker_text(move), move.tracks_plate()),
        "fusion": ("a.setting", setting_text(move), move.tracks_plate()),
    }[kind]
    points = read(tmp_path, name, text, move.pixel_aspect)
    assert set(points) >= set(wanted)
    for number, places in wanted.items():
        np.testing.assert_allclose(list(points[number].values()), places, atol=1e-4)


def test_a_csv_has_plate_pixels_in_any_order_of_columns(tmp_path: Path) -> None:
    assert read(tmp_path, "a.csv", "\ufeff" + CSV) == {
        1001: {"nose": (100.5, 200.25), "brow": (90.0, 150.0)},
        1002: {"nose": (101.5, 200.75)},
        1003: {"nose": (102.0, 201.0)},
    }
    assert read(tmp_path, "b.CSV", "Y, X, frame, error, Point\n2,1,1001,0.3,nose\n") == {1001: {"nose": (1.0, 2.0)}}


def test_a_tracker_gives_the_tracks_that_are_on(tmp_path: Path) -> None:
    assert read(tmp_path, "a.nk", TRACKER) == {
        1001: {"1 track 1": up(10, 5), "2 track 1": up(20.5, 1)},
        1002: {"1 track 1": up(11, 6)},
        1003: {"2 track 1": up(22.5, 3)},
        1005: {"2 track 1": up(24.5, 5)},
    }


def test_a_corner_pin_gives_the_pins_of_the_end_that_moves(tmp_path: Path) -> None:
    still = "".join(f" from{pin} {{{pin} 0}}\n" for pin in range(1, 5))
    pins = " to1 {{curve x1001 1 2} {curve x1001 3 4}}\n to2 {7 {curve x1001 8 9}}\n to3 {5 6}\n enable3 false\n"
    wanted = {1001: {"to1": up(1, 3), "to2": up(7, 8)}, 1002: {"to1": up(2, 4), "to2": up(7, 9)}}
    for inverted in ("true", "false"):
        assert read(tmp_path, "a.nk", f"CornerPin2D {{\n{pins} invert {inverted}\n{still} name P\n}}\n") == wanted
    other = pins.replace("to", "from") + still.replace("from", "to")
    assert read(tmp_path, "a.nk", f"CornerPin2D {{\n{other}}}\n") == {
        number: {name.replace("to", "from"): place for name, place in places.items()}
        for number, places in wanted.items()
    }


@pytest.mark.parametrize("aspect", [1.0, 2.0])
def test_a_transform_carries_the_corners_as_it_carries_a_picture(tmp_path: Path, aspect: float) -> None:
    """Twice as large about (500, 300); at 1002 shifted by (10, -4) and a quarter turn against the clock too."""
    points = read(tmp_path, "a.nk", TRANSFORM, aspect)
    assert set(points) == {1001, 1002}
    assert points[1001]["bottom left"] == up(-500, -300) and points[1001]["top right"] == up(3340, 1860)
    wanted = {
        "bottom left": (510 + 600 / aspect, 296 - 1000 * aspect),
        "bottom right": (510 + 600 / aspect, 296 + 2840 * aspect),
    }
    for name, place in wanted.items():
        np.testing.assert_allclose(points[1002][name], up(*place), atol=1e-9)


def test_an_inverted_transform_undoes_the_motion(tmp_path: Path) -> None:
    forward = TRANSFORM.replace("scale 2", "scale {1.5 2}")
    there = read(tmp_path, "a.nk", forward)
    back = read(tmp_path, "b.nk", forward.replace("scale", "invert_matrix true\n scale"))
    np.testing.assert_allclose(there[1001]["bottom left"], up(500 - 750, 300 - 600))
    np.testing.assert_allclose(back[1001]["bottom left"], up(500 - 500 / 1.5, 300 - 300 / 2))
    # at 1002 back by (10, -4), then a quarter turn with the clock: from (-510, -296) to (-296, 510)
    np.testing.assert_allclose(back[1002]["bottom left"], up(500 - 296 / 1.5, 300 + 510 / 2), atol=1e-9)


def test_fusion_paths_of_both_kinds_are_read(tmp_path: Path) -> None:
    points = read(tmp_path, "a.setting", PATHS)
    assert {number: set(places) for number, places in points.items()} == {
        1001: {'1 left "eye"', "2"},
        1002: {'1 left "eye"'},  # between its keys the second path is a curve that only Fusion knows
        1003: {"2"},
    }
    np.testing.assert_allclose(points[1001]['1 left "eye"'], (10 + 1920 * 0.25, 20 + 1080 * 0.25))
    np.testing.assert_allclose(points[1002]['1 left "eye"'], (10 + 1920 * 0.3, 20 + 1080 * 0.3))
    np.testing.assert_allclose([points[1001]["2"], points[1003]["2"]], [(970, 560), (1930, 1100)])
    straight = PATHS.replace("{ 0.5 }", "{ 0.5, Flags = { Linear = true } }").replace(
        "{ 0 } }", "{ 0, Flags = { Linear = true } } }"
    )
    np.testing.assert_allclose(read(tmp_path, "b.setting", straight)[1002]["2"], (1450, 830))


@pytest.mark.parametrize(
    "text,keys",
    [
        ("curve x1001 1 2 3", {1001: 1, 1002: 2, 1003: 3}),
        ("curve x1 1 x4 2 3", {1: 1, 4: 2, 7: 3}),
        ("curve 5 6 7", {0: 5, 1: 6, 2: 7}),
        ("curve i K x1 1 s0.5 t-3 C l x3 -2e-3 u1 v2", {1: 1, 3: -0.002}),
        ("12.5", {0: 12.5}),
    ],
)
def test_keys_lie_where_foundrys_grammar_says(text: str, keys: dict[float, float]) -> None:
    assert dict(curve_of(text).keys) == keys


def test_between_keys_only_steps_and_lines_are_known() -> None:
    curve = curve_of("curve K x1 1 L x4 4 x6 8 C x8 9 x9 0")
    assert [curve.at(frame) for frame in range(10)] == [None, 1, 1, 1, 4, 6, 8, 8.5, 9, 0]
    assert [curve_of("curve x1 1 x3 2").at(frame) for frame in (1, 2, 3)] == [1, None, 2]
    assert curve_of("curve x1 7").at(99) == 7


@pytest.mark.parametrize("text", ["parent.Tracker1.translate.x", "curve", "curve x1", "curve x1 nan", "curve x1 a", ""])
def test_expressions_are_no_keys(text: str) -> None:
    with pytest.raises(TclError):
        curve_of(text)


def test_scripts_are_taken_apart_as_tcl_does(move: PatchMove) -> None:
    for text in (GIZMO.read_text(), corner_pin_text(move), tracker_text(move), TRACKER + TRANSFORM):
        theirs = {node.name: node for node in read_script(text, selected=True).everything() if node.name}
        ours = {node.knobs["name"]: node for node in nuke_nodes(text) if "name" in node.knobs}
        assert set(ours) == set(theirs)
        for name, node in ours.items():
            assert node.kind == theirs[name].kind
            knobs = theirs[name].knobs
            assert {knob: value for knob, value in node.knobs.items() if knob in knobs} == knobs


def test_curves_are_read_as_tcl_reads_them(move: PatchMove) -> None:
    (pin, *_) = [node for node in nuke_nodes(corner_pin_text(move)) if node.kind == "CornerPin2D"]
    for number in range(1, 5):
        for text in words(pin.knobs[f"to{number}"]):
            assert dict(curve_of(text).keys) == tcl_curve(text)


def test_nodes_that_move_alike_count_as_one_and_others_are_named(tmp_path: Path) -> None:
    twice = TRANSFORM + TRANSFORM.replace("Move1", "Move2")
    assert read(tmp_path, "a.nk", twice) == read(tmp_path, "b.nk", TRANSFORM)
    still = "Transform {\n translate {5 5}\n name Still\n}\n"
    linked = "Transform {\n translate {{parent.A.x} {parent.A.y}}\n name Linked\n}\n"
    assert read(tmp_path, "a.nk", still + linked + TRANSFORM) == read(tmp_path, "b.nk", TRANSFORM)
    with pytest.raises(SettingsError, match=r"Tracker4 'Tracker1', Transform 'Move1'.*save the one"):
        read(tmp_path, "a.nk", TRACKER + TRANSFORM)


@pytest.mark.parametrize(
    "name,text,reason",
    [
        ("a.txt", "x", r"read from a \.csv, a \.nk"),
        ("a.csv", "", "first line is not frame,point,x,y"),
        ("a.csv", "frame,x,y\n1,2,3\n", "first line is not"),
        ("a.csv", "frame,point,x,y\n", "no points below"),
        ("a.csv", CSV + "1004,nose,1\n", "line 7 is not a frame"),
        ("a.csv", CSV + "1004.5,nose,1,2\n", "line 7 is not a frame"),
        ("a.csv", CSV + "1004,nose,1,inf\n", "line 7 is not a frame"),
        ("a.csv", CSV + "1003,nose,1,2\n", "line 7 has point 'nose' of frame 1003 once more"),
        ("a.csv", "frame,point,x,y\n1,a,2,3\n99,a,2,3\n", r"from frame 1 to 99, and none.*1001-1005; move the keys"),
        ("a.nk", "hello", "holds no Tracker4, no CornerPin2D, no Transform"),
        ("a.nk", TRANSFORM[:-3], "line 1: a brace is not closed"),
        ("a.nk", "Transform {\n translate {5 5}\n name T\n}\n", "Transform 'T' does not move; bake"),
        ("a.nk", "Transform {\n rotate {{parent.A.r}}\n name T\n}\n", r"T' has no keys of its own \('parent.A.r' is"),
        ("a.nk", TRANSFORM.replace("x100", "x"), r"Transform 'Move1' has keys from frame 1 to 3"),
        ("a.nk", "Tracker4 {\n tracks {{1 1 1} {{1 1 1 a a 1}} {{7}}}\n name T\n}\n", "not as Nuke writes it"),
        ("a.setting", "return 5", "line 1: it is not one table"),
        ("a.setting", "{ Tools = { A = Tracker { Inputs = { } } } }", "no Tracker whose points move"),
        ("a.setting", "{" * 100, "deeper than"),
        ("a.setting", "{\n a = 1 b = 2 }", "line 2: a comma or brace is missing"),
        ("a.setting", PATHS.replace("100", ""), "has keys from frame 1 to 3"),
    ],
)  # fmt: skip
def test_what_is_no_track_of_the_shot_is_one_sentence(tmp_path: Path, name: str, text: str, reason: str) -> None:
    with pytest.raises(SettingsError, match=reason) as caught:
        read(tmp_path, name, text)
    assert str(caught.value).startswith(str(tmp_path)) and "\n" not in str(caught.value)


def test_a_file_that_is_not_there_or_no_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"a\.nk: the tracks cannot be read \(No such file"):
        read_tracks(tmp_path / "a.nk", FRAMES, WINDOW)
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(SettingsError, match="it is no text"):
        read_tracks(tmp_path / "b.csv", FRAMES, WINDOW)


@pytest.mark.parametrize("name,text", [("a.csv", CSV), ("a.nk", TRACKER + TRANSFORM), ("a.setting", PATHS)])
def test_damaged_files_are_read_or_refused(tmp_path: Path, name: str, text: str) -> None:
    random = np.random.default_rng(11)
    for _ in range(300):
        damaged = list(text)
        for place in random.integers(0, len(text), random.integers(1, 5)):
            damaged[place] = random.choice(list('{}[]"\\ \n01x=,-'))
        try:
            read(tmp_path, name, "".join(damaged)[: random.integers(1, len(text) + 1)])
        except SettingsError as error:
            assert "\n" not in str(error)
