"""The plate of a node: files that lie there, or frames that Nuke renders into the project."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.jobs.made_up_shot import textured_plate
from tests.nuke_plugin.stand_in import Group, Host, Node
from understudy.plates import read_frame, write_frame

FRAMES = (1001, 1002, 1003)


@pytest.fixture
def read(host: Host, node: Group, plugin: Path, tmp_path: Path) -> Node:
    """A Read of three EXRs, connected to the node's plate."""
    for number in FRAMES:
        write_frame(tmp_path / "plates" / f"sh010.{number}.exr", textured_plate(number))
    for name, value in (("colorManagement", "OCIO"), ("workingSpaceLUT", "ACEScg"), ("floatLut", "ACEScg")):
        host.root_node[name].setValue(value)
    host.root_node["first_frame"].setValue(1001)
    host.root_node["last_frame"].setValue(1003)
    made = host.create("Read")
    made["file"].setValue(f"{tmp_path.as_posix()}/plates/sh010.%04d.exr")
    made["colorspace"].setValues(["default", "ACEScg", "ACES2065-1"])
    made["colorspace"].setValue("ACES2065-1")
    for name in ("first", "origfirst"):
        made[name].setValue(1001)
    for name in ("last", "origlast"):
        made[name].setValue(1003)
    node.setInput(0, made)
    return made


@pytest.fixture
def graded(host: Host, node: Group, read: Node, tmp_path: Path) -> Node:
    """A Grade between the Read and the node; the node has a project."""
    made = host.create("Grade")
    made.setInput(0, read)
    made["white"].setValue(2.0)
    made["black_clamp"].setValue(False)
    node.setInput(0, made)
    node["project"].setValue(str(tmp_path / "film"))
    host.frame = 1002
    return made


def with_plate(node: Group, which: str = "all") -> Any:
    from understudy_nuke.plate import with_plate

    return with_plate(node, which)


def said(node: Group) -> str:
    return str(node["log"].value())


def test_files_of_a_read_are_taken_as_they_are(host: Host, node: Group, read: Node, tmp_path: Path) -> None:
    host.press(node, "read_plate")
    assert node["plate_path"].value() == f"{tmp_path.as_posix()}/plates/sh010.%04d.exr"
    assert (node["first"].value(), node["last"].value(), node["shot"].value()) == (1001, 1003, "sh010")
    assert node["colorspace"].value() == "ACES2065-1"
    assert node["colorspace_line"].value() == "ACES2065-1: the Read says 'ACES2065-1'"
    assert with_plate(node).frames == ""
    assert host.rendered == []


def test_dots_and_what_is_switched_off_are_passed(host: Host, node: Group, read: Node, graded: Node) -> None:
    graded["disable"].setValue(True)
    dot = host.create("Dot")
    dot.setInput(0, graded)
    node.setInput(0, dot)
    host.press(node, "read_plate")
    assert "plates/sh010.%04d.exr" in node["plate_path"].value()


def test_values_taken_raw_are_the_working_space_s(host: Host, node: Group, read: Node) -> None:
    read["raw"].setValue(True)
    host.press(node, "read_plate")
    assert node["colorspace"].value() == "ACEScg"


@pytest.mark.parametrize(
    "knob,value,reason",
    [
        ("frame", "frame+10", "the Read shifts its frames"),
        ("file", "/plates/a.%V.%04d.exr", "a file for each view"),
        ("file", "/plates/a.%04d.dpx", "no EXRs"),
    ],
)
def test_what_no_file_shows_has_to_be_rendered(
    host: Host, node: Group, read: Node, tmp_path: Path, knob: str, value: str, reason: str
) -> None:
    read[knob].setValue(value)
    host.press(node, "read_plate")
    assert reason in said(node) and "Project folder" in node["label"].value()
    node["project"].setValue(str(tmp_path / "film"))
    node["shot"].setValue("a")
    host.press(node, "read_plate")
    assert node["plate_path"].value() == f"{tmp_path.as_posix()}/film/plates/a/a.%04d.exr"
    assert node["colorspace"].value() == "ACEScg"
    assert reason in said(node) and node["label"].value() == ""


def test_a_grade_is_rendered_in_half_floats_of_the_working_space(
    host: Host, node: Group, read: Node, graded: Node, tmp_path: Path
) -> None:
    read["raw"].setValue(True)
    asked = with_plate(node)
    assert (asked.frames, asked.colorspace) == ("1001-1003", "ACEScg")
    folder = tmp_path / "film" / "plates" / "Grade1"
    assert sorted(path.name for path in folder.iterdir()) == [f"Grade1.{number}.exr" for number in FRAMES]
    made, wanted = read_frame(folder / "Grade1.1002.exr"), textured_plate(1002)
    expected = np.zeros((160, 200, 3), np.float32)
    expected[:] = (wanted.rgb() * 2)[6:166, 8:208]
    offset = made.data_window.left, made.data_window.top
    inside = made.rgb()[-offset[1] : 160 - offset[1], -offset[0] : 200 - offset[0]]
    np.testing.assert_allclose(inside, expected, rtol=1e-3, atol=1e-3)
    assert [one.Class() for one in host.everything() if one.Class() == "Write"] == []


def test_the_write_says_what_the_engine_needs(host: Host, node: Group, graded: Node) -> None:
    seen: dict[str, Any] = {}

    def render(write: Node, frame: int, path: Path) -> None:
        names = ("raw", "datatype", "compression", "metadata", "channels", "file_type", "autocrop")
        seen.update({name: write._knob(name).value() for name in names}, proxy=host.root_node.proxy())
        write_frame(path, textured_plate())

    host.renderer = render
    host.root_node.setProxy(True)
    with_plate(node, "one")
    assert seen == {
        "raw": True,
        "datatype": "16 bit half",
        "compression": "Zip (1 scanline)",
        "metadata": "all metadata",
        "channels": "rgba",
        "file_type": "exr",
        "autocrop": False,
        "proxy": False,
    }
    assert host.root_node.proxy() is True
    assert [path.name for path in host.rendered] == ["Grade1.1002.exr"]


def test_frames_are_rendered_again_only_when_something_above_changed(
    host: Host, node: Group, read: Node, graded: Node
) -> None:
    assert with_plate(node).frames == "1001-1003"
    host.rendered.clear()
    graded["xpos"].setValue(77)
    assert with_plate(node).frames == "1001-1003"
    assert host.rendered == []
    graded["white"].setValue(3.0)
    with_plate(node, "one")
    assert [path.name for path in host.rendered] == ["Grade1.1002.exr"]
    with_plate(node)
    assert len(host.rendered) == 3
    write_frame(Path(str(read["file"].value()) % 1003), textured_plate(77))
    with_plate(node)
    assert len(host.rendered) == 6


def test_an_expression_counts_by_its_value_at_each_frame(host: Host, node: Group, graded: Node) -> None:
    graded["white"].setExpression("frame < 1003 ? 1.5 : 2")
    with_plate(node)
    host.rendered.clear()
    graded["white"].setExpression("frame < 1003 ? 1.5 : 2")
    with_plate(node)
    assert host.rendered == []


def test_a_group_upstream_counts_with_what_is_inside(host: Host, node: Group, graded: Node) -> None:
    group = host.create("Group")
    with group:
        made = {kind: host.create(kind) for kind in ("Input", "Blur", "Output")}
    made["Blur"].setInput(0, made["Input"])
    made["Output"].setInput(0, made["Blur"])
    group.setInput(0, graded)
    node.setInput(0, group)
    with_plate(node)
    host.rendered.clear()
    with_plate(node)
    assert host.rendered == []
    made["Blur"]["size"].setValue(3)
    with_plate(node)
    assert len(host.rendered) == 3


def test_a_node_in_a_group_sees_what_is_connected_to_the_group(host: Host, node: Group, graded: Node) -> None:
    from understudy_nuke.upstream import frame_hashes

    group = host.create("Group")
    group.setInput(0, graded)
    with group:
        source = host.create("Input")
    before = frame_hashes(source, host.root_node, [1001])
    graded["white"].setValue(5.0)
    assert frame_hashes(source, host.root_node, [1001]) != before


def test_a_file_that_was_deleted_is_rendered_again(host: Host, node: Group, graded: Node, tmp_path: Path) -> None:
    with_plate(node)
    host.rendered.clear()
    (tmp_path / "film" / "plates" / "Grade1" / "Grade1.1001.exr").unlink()
    with_plate(node)
    assert [path.name for path in host.rendered] == ["Grade1.1001.exr"]


def test_a_render_that_fails_keeps_whole_frames_and_leaves_nothing_else(
    host: Host, node: Group, graded: Node, tmp_path: Path
) -> None:
    def render(write: Node, frame: int, path: Path) -> None:
        if frame == 1002:
            path.write_bytes(b"half a frame")
            path.unlink()
            raise RuntimeError("Write failed: disk full")
        write_frame(path, textured_plate())

    host.renderer = render
    host.root_node.setProxy(True)
    host.press(node, "swap_range")
    node["model"].setValue("m")
    host.press(node, "swap_range")
    assert "did not render the plate's frames 1002-1003: Write failed: disk full" in node["label"].value()
    folder = tmp_path / "film" / "plates" / "Grade1"
    assert [path.name for path in folder.iterdir()] == ["Grade1.1001.exr"]
    assert host.root_node.proxy() is True
    assert [one.Class() for one in host.everything() if one.Class() == "Write"] == []
    host.renderer = None
    host.rendered.clear()
    with_plate(node)
    assert [path.name for path in host.rendered] == ["Grade1.1002.exr", "Grade1.1003.exr"]


def test_in_indie_no_more_nodes_are_touched_than_it_allows(host: Host, node: Group, graded: Node) -> None:
    host.is_indie = True
    host.renderer = lambda _write, _frame, path: write_frame(path, textured_plate())  # the evaluator touches all nodes
    with host.counting(10):
        with_plate(node)
    top = graded
    for _ in range(20):
        made = host.create("Blur")
        made.setInput(0, top)
        top = made
    node.setInput(0, top)
    host.rendered.clear()
    with host.counting(10):
        with_plate(node)
    assert len(host.rendered) == 3
    assert "Indie" in said(node)


def test_what_was_rendered_is_kept_as_ranges_of_one_hash(host: Host, plugin: Path) -> None:
    from understudy_nuke.export import Exported

    made = Exported("/p/plates/a/a.%04d.exr", {1001: "x", 1002: "x", 1005: "x", 1003: "y", -3: "y"})
    text = made.to_text()
    assert text == '{"pattern":"/p/plates/a/a.%04d.exr","frames":{"-3,1003":"y","1001-1002,1005":"x"}}'
    assert Exported.from_text(text) == made
    assert Exported.from_text('{"pattern":"/%s/a.%04d.exr","frames":{"1":"x"}}').hashes == {}
    for broken in ("", "[]", "{", '{"pattern":1}', '{"pattern":"a","frames":[]}', '{"pattern":"a","frames":{"x":1}}'):
        assert Exported.from_text(broken).hashes == {}


def test_the_artist_is_told_when_the_node_works_on_another_plate(
    host: Host, node: Group, read: Node, tmp_path: Path
) -> None:
    host.press(node, "read_plate")
    node["plate_path"].setValue("/elsewhere/b.%04d.exr")
    with_plate(node)
    assert "Works on /elsewhere/b.%04d.exr, but connected is" in said(node)
