"""The input 'tracker': which node is meant, and where its points lie in the plate."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.jobs.made_up_shot import textured_plate
from tests.nuke_plugin.stand_in import Group, Host, Node
from tests.nuke_plugin.test_track_table import table
from tests.nuke_script import curve_of, read_script, words
from understudy.geometry import Box, y_down_from_y_up
from understudy.host_files import read_tracks
from understudy.plates import write_frame

WINDOW = Box(-16, 10, 184, 170)
"""Of the plate: 200 x 160, and neither of its edges at 0."""

ASPECT = 2.0
TRACKS = table(
    '{curve K x1001 1} "eye" {curve x1001 10 11 12} {curve x1001 20 21 22}',
    '{curve K x1001 1 x1003 0} "eye" {curve x1001 30 31 32} {curve x1001 40 41 42}',
)


@pytest.fixture
def shot(host: Host, node: Group, plugin: Path, tmp_path: Path) -> Group:
    """The node over a Read of anamorphic EXRs with an odd display window, frames 1001 to 1003."""
    for number in (1001, 1002, 1003):
        plate = replace(textured_plate(number), display_window=WINDOW, pixel_aspect=ASPECT)
        write_frame(tmp_path / "plates" / f"sh010.{number}.exr", plate)
    read = host.create("Read")
    read["file"].setValue(f"{tmp_path.as_posix()}/plates/sh010.%04d.exr")
    for names, frame in ((("first", "origfirst"), 1001), (("last", "origlast"), 1003)):
        for name in names:
            read[name].setValue(frame)
    node.setInput(0, read)
    node["project"].setValue(f"{tmp_path.as_posix()}/film")
    host.root_node["first_frame"].setValue(1001)
    host.root_node["last_frame"].setValue(1003)
    return node


def connect(host: Host, shot: Group, kind: str, **texts: str) -> Node:
    """A node of a class at the input 'tracker', its knobs out of a script's text; over the plate."""
    made = host.create(kind)
    made.setInput(0, shot.input(0))
    for name, text in texts.items():
        made[name].fromScript(text)
    shot.setInput(2, made)
    return made


def written(host: Host, shot: Group) -> Mapping[int, Mapping[str, tuple[float, float]]]:
    """What 'Take from plate' writes: plate pixels, y down, by frame and point."""
    host.press(shot, "read_plate")
    assert shot["label"].value() == ""
    points: dict[int, dict[str, tuple[float, float]]] = {}
    with (Path(shot["project"].value()) / "shots" / "sh010" / "tracks.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            points.setdefault(int(row["frame"]), {})[row["point"]] = float(row["x"]), float(row["y"])
    return points


def in_plate(points: Any) -> np.ndarray:
    """As the engine converts Nuke's points."""
    return y_down_from_y_up(np.asarray(points, np.float64), WINDOW)


def fault(host: Host, shot: Group) -> str:
    host.press(shot, "read_plate")
    return str(shot["label"].value())


def test_a_point_goes_into_the_plate_and_back(plugin: Path) -> None:
    """With the engine's own conversion; pixel aspect and a format's box move nothing."""
    from understudy_nuke.plate_window import PlateWindow

    window = PlateWindow(WINDOW.left, WINDOW.top, WINDOW.width, WINDOW.height)
    for x, y in ((0.5, 0.5), (200.0, 160.0), (-3.25, 171.0)):
        assert window.plate_from_nuke(x, y) == tuple(in_plate([x, y]))
        assert window.nuke_from_plate(*window.plate_from_nuke(x, y)) == (x, y)
    assert window.plate_from_nuke(0.5, 159.5) == (WINDOW.left + 0.5, WINDOW.top + 0.5)


def test_the_window_of_a_plate_is_read_from_the_file(plugin: Path, tmp_path: Path) -> None:
    from understudy_nuke.plate_window import PlateWindow, read_window

    metadata = {"comments": "x" * 100000, "aaa": "before it"}
    path = tmp_path / "a.exr"
    write_frame(path, replace(textured_plate(), display_window=WINDOW, pixel_aspect=ASPECT, metadata=metadata))
    assert read_window(path) == PlateWindow(-16, 10, 200, 160)
    whole = path.read_bytes()
    for size in range(0, 400, 7):
        path.write_bytes(whole[:size])
        assert read_window(path) in (None, PlateWindow(-16, 10, 200, 160))
    path.write_bytes(whole[:4] + b"\xff" * 2000)
    assert read_window(path) is None
    assert read_window(tmp_path / "none.exr") is None


def test_points_of_a_tracker_are_written_where_they_lie_in_the_plate(host: Host, shot: Group) -> None:
    connect(host, shot, "Tracker4", tracks=TRACKS)
    assert written(host, shot) == {
        1001: {"eye": tuple(in_plate([10, 20])), "eye 2": tuple(in_plate([30, 40]))},
        1002: {"eye": tuple(in_plate([11, 21])), "eye 2": tuple(in_plate([31, 41]))},
        1003: {"eye": tuple(in_plate([12, 22]))},
    }
    assert "Tracks: 2 points of Tracker1 in frames 1001-1003" in shot["log"].value()
    assert not [path for path in (Path(shot["project"].value()) / "shots" / "sh010").iterdir() if path.suffix != ".csv"]


def test_frames_without_a_key_are_left_out_and_named(host: Host, shot: Group) -> None:
    connect(host, shot, "Tracker4", tracks=table('1 "a" {curve x1001 1 x1003 3} {curve x1001 1 x1003 3}'))
    assert list(written(host, shot)) == [1001, 1003]
    assert "No points in 1002" in shot["log"].value()


@pytest.mark.parametrize("end", ["to", "from"])
def test_pins_of_the_end_that_moves_are_the_points(host: Host, shot: Group, end: str) -> None:
    pins = {f"{end}{pin}": f"{{curve x1001 {pin} x1003 {pin + 4}}} {pin * 10}" for pin in (1, 2, 4)}
    other = {"to": "from", "from": "to"}[end]
    connect(host, shot, "CornerPin2D", **pins, enable3="false", **{f"{other}1": "7 7"})
    points = written(host, shot)
    assert points[1002] == {f"{end}{pin}": tuple(in_plate([pin + 2, pin * 10])) for pin in (1, 2, 4)}


def baked(host: Host, shot: Group) -> Mapping[str, Any]:
    """The node that 'Take from plate' writes for a Transform: each knob's text, or its curves."""
    host.press(shot, "read_plate")
    assert shot["label"].value() == ""
    (path,) = (Path(shot["project"].value()) / "shots" / "sh010").iterdir()
    (made,) = read_script(path.read_text()).children
    assert (path.name, made.kind) == ("tracks.nk", "Transform")
    return {
        name: [curve_of(one) for one in words(text)] if "curve" in text else text for name, text in made.knobs.items()
    }


def test_a_transform_is_written_with_a_key_in_each_frame(host: Host, shot: Group) -> None:
    """Smooth curves and expressions have a course that only Nuke knows."""
    connect(
        *(host, shot, "Transform"),
        translate="{curve x1001 0 x1003 8} frame/2",
        rotate="{curve x1001 0 x1002 30}",
        scale="{curve x1001 1 x1003 2}",
        center="60 50.5",
        invert_matrix="true",
    )
    assert baked(host, shot) == {
        "translate": [{1001: 0, 1002: 4, 1003: 8}, {1001: 500.5, 1002: 501, 1003: 501.5}],
        "rotate": [{1001: 0, 1002: 30, 1003: 30}],
        "scale": [{1001: 1, 1002: 1.5, 1003: 2}],  # one for both ways
        "center": [dict.fromkeys((1001, 1002, 1003), 60), dict.fromkeys((1001, 1002, 1003), 50.5)],
        "invert_matrix": "true",
        "name": "Transform1",
    }
    assert "Tracks: the motion of Transform1 in frames 1001-1003" in shot["log"].value()


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        ("Tracker4", {"tracks": TRACKS}),
        ("CornerPin2D", {f"to{pin}": f"{{curve x1001 {pin} x1003 {pin + 4}}} {pin * 10}" for pin in (1, 2, 3, 4)}),
        (
            "Transform",
            {"translate": "{curve x1001 1 x1003 8} -4", "rotate": "{curve x1001 5 x1003 9}", "center": "60 50"},
        ),
    ],
)
def test_the_engine_reads_the_same_out_of_the_script(
    host: Host, shot: Group, tmp_path: Path, kind: str, texts: Mapping[str, str]
) -> None:
    """An artist who saves the node as .nk and one who connects it get the same."""
    node = connect(host, shot, kind, **texts)
    host.press(shot, "read_plate")
    (ours,) = (tmp_path / "film" / "shots" / "sh010").iterdir()
    saved = tmp_path / "saved.nk"
    saved.write_text(f"{kind} {{\n{node._script()}\n}}\n".replace("{curve x", "{curve L x"))
    one, other = (read_tracks(path, (1001, 1002, 1003), WINDOW, ASPECT) for path in (ours, saved))
    assert list(one.points_plate) == list(other.points_plate) == [1001, 1002, 1003]
    for frame, points in one.points_plate.items():
        np.testing.assert_allclose(list(points.values()), list(other.points_plate[frame].values()), atol=1e-6)


def test_dots_groups_and_what_is_switched_off_are_looked_through(host: Host, shot: Group) -> None:
    tracker = connect(host, shot, "Tracker4", tracks=TRACKS)
    tracker["disable"].setValue(True)  # its tracks are what they are
    group = host.create("Group")
    with group:
        inside = {kind: host.create(kind) for kind in ("Input", "Dot", "Output")}
    inside["Dot"].setInput(0, inside["Input"])
    inside["Output"].setInput(0, inside["Dot"])
    grade, dot = host.create("Grade"), host.create("Dot")
    grade["disable"].setValue(True)
    group.setInput(0, tracker)
    grade.setInput(0, group)
    dot.setInput(0, grade)
    shot.setInput(2, dot)
    assert len(written(host, shot)) == 3


def test_a_tracker_in_a_group_and_one_outside_of_ours_are_found(host: Host, shot: Group, plugin: Path) -> None:
    from understudy_nuke.tracker import tracker_node

    group = host.create("Group")
    with group:
        inner, output = host.create("Tracker4"), host.create("Output")
    output.setInput(0, inner)
    shot.setInput(2, group)
    assert tracker_node(shot) is inner
    outer = host.create("Group")
    with outer:
        source = host.create("Input")
    outer.setInput(0, inner)
    shot.setInput(2, source)
    assert tracker_node(shot) is inner
    outer.setInput(0, None)
    assert tracker_node(shot) is None


def test_what_holds_no_tracks_is_told(host: Host, shot: Group) -> None:
    connect(host, shot, "Blur")
    assert "What is connected to 'tracker' is a Blur (Blur1)" in fault(host, shot)
    assert shot["plate_path"].value()


@pytest.mark.parametrize(
    ("kind", "texts", "what"),
    [
        ("Tracker4", {}, "The tracks of Tracker1 cannot be read: it is no table"),
        ("Tracker4", {"tracks": table()}, "Tracker1 has no track with keys"),
        ("Tracker4", {"tracks": table('1 "a" 5 5')}, "Tracker1 has no track with keys"),
        ("Tracker4", {"tracks": table('1 "a" {{b.x}} 5')}, "'a' has no keys of its own: '(b.x)' is no number"),
        ("Tracker4", {"tracks": table('1 "a" {curve x1 5 6} 5')}, "has no points in the frames 1001-1003"),
        ("CornerPin2D", {"to1": "5 5"}, "CornerPin2D1 does not move: none of its pins is animated"),
        ("Transform", {"translate": "5 5"}, "Transform1 does not move"),
        ("Transform", {"skewX": "0.1", "rotate": "{curve x1 5 x2 6}"}, "Transform1 skews"),
        ("Transform", {"rotate": "{curve x1001 nan x1002 1}"}, "Transform1.rotate is no number in frame 1001"),
    ],
)
def test_a_tracker_that_says_nothing_is_told(
    host: Host, shot: Group, kind: str, texts: Mapping[str, str], what: str
) -> None:
    connect(host, shot, kind, **texts)
    assert what in fault(host, shot)
    assert not (Path(shot["project"].value()) / "shots").exists()


def test_a_tracker_over_another_format_is_refused(host: Host, shot: Group) -> None:
    tracker = connect(host, shot, "Tracker4", tracks=TRACKS)
    tracker.setInput(0, host.create("Constant"))
    assert "tracks a picture of 2048 x 1556 pixels, but the plate has 200 x 160" in fault(host, shot)
    tracker.setInput(0, None)
    assert len(written(host, shot)) == 3


def test_proxies_are_off_while_formats_are_compared(host: Host, shot: Group, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(host, shot, "Tracker4", tracks=TRACKS)
    host.root_node.setProxy(True)
    seen: list[bool] = []
    format_of = type(host).format_of
    monkeypatch.setattr(
        type(host), "format_of", lambda self, node: (seen.append(host.root_node.proxy()), format_of(self, node))[1]
    )
    assert len(written(host, shot)) == 3
    assert seen and not any(seen) and host.root_node.proxy()


@pytest.mark.parametrize("project", ["", "film"])
def test_without_a_whole_path_to_the_project_the_tracks_wait(host: Host, shot: Group, project: str) -> None:
    connect(host, shot, "Tracker4", tracks=TRACKS)
    shot["project"].setValue(project)
    host.press(shot, "read_plate")
    assert "Tracks: those of Tracker1 are taken by 'Find faces'" in shot["log"].value()
    assert shot["label"].value() == ""


def test_a_plate_that_is_rendered_has_its_format_s_window(host: Host, shot: Group) -> None:
    grade = host.create("Grade")
    grade.setInput(0, shot.input(0))
    shot.setInput(0, grade)
    shot["shot"].setValue("sh010")
    connect(host, shot, "Tracker4", tracks=TRACKS)
    assert written(host, shot)[1001]["eye"] == (10, 160 - 20)


def test_a_plate_of_unknown_size_is_told(host: Host, shot: Group) -> None:
    from understudy_nuke.tracks import take_tracks

    connect(host, shot, "Tracker4", tracks=TRACKS)
    shot.setInput(0, None)
    for name, value in {"plate_path": "/plates/a.%04d.dpx", "first": 1001, "last": 1003}.items():
        shot[name].setValue(value)
    with pytest.raises(Exception, match="Connect the plate to the input 'plate'"):
        take_tracks(shot)


def test_in_indie_a_tracker_may_be_one_node_away(host: Host, shot: Group) -> None:
    host.is_indie = True
    tracker = connect(host, shot, "Tracker4", tracks=TRACKS)
    dots = [host.create("Dot") for _ in range(2)]
    dots[0].setInput(0, tracker)
    dots[1].setInput(0, dots[0])
    shot.setInput(2, dots[0])
    with host.counting(10):
        assert len(written(host, shot)) == 3
    shot.setInput(2, dots[1])
    assert "more than 1 nodes between" in fault(host, shot)
