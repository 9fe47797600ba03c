"""The artist's matte on its way from the node's fourth input to the engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.jobs.made_up_shot import textured_plate
from tests.nuke_plugin.scripted_engine import Script, running
from tests.nuke_plugin.stand_in import Group, Host, Node
from tests.nuke_plugin.test_tracks import fill_in, press
from understudy.geometry import Box
from understudy.jobs.shot import open_shot
from understudy.jobs.shot_mattes import open_mattes
from understudy.plates import Frame, read_frame, write_frame
from understudy.progress import ignore_progress
from understudy.scheduler.requests import check_request
from understudy.scheduler.work import Work
from understudy.settings.project import ProjectFolder

FRAMES = (1001, 1002, 1003)
WINDOW = Box(0, 0, 200, 160)


@pytest.fixture
def engine(plugin: Path, runtime: Path) -> Iterator[Script]:
    """A running engine."""
    with running(Script(), runtime) as script:
        yield script


def write_mattes(folder: Path, channels: tuple[str, ...] = ("A",), window: Box = WINDOW) -> str:
    """A matte that differs from frame to frame, as Nuke names its files."""
    for number in FRAMES:
        values = np.full((window.height, window.width, len(channels)), (number - 1000) / 4, np.float32)
        values[..., -1] /= len(channels)
        write_frame(folder / f"m.{number}.exr", Frame(values, channels, window, window))
    return f"{folder.as_posix()}/m.%04d.exr"


def make_read(host: Host, pattern: str) -> Node:
    made = host.create("Read")
    made["file"].setValue(pattern)
    for name, value in (("first", 1001), ("origfirst", 1001), ("last", 1003), ("origlast", 1003)):
        made[name].setValue(value)
    return made


@pytest.fixture
def filled(host: Host, plugin: Path, node: Group, tmp_path: Path) -> Group:
    """The node over a Read of a plate, with everything filled in."""
    for number in FRAMES:
        plate = textured_plate(number)
        write_frame(tmp_path / "plates" / f"p.{number}.exr", plate)
    pattern = f"{tmp_path.as_posix()}/plates/p.%04d.exr"
    node.setInput(0, make_read(host, pattern))
    return fill_in(host, node, project=(tmp_path / "film").as_posix(), plate_path=pattern)


@pytest.fixture
def matte(host: Host, filled: Group, tmp_path: Path) -> Node:
    """A Read of mattes at the fourth input."""
    made = make_read(host, write_mattes(tmp_path / "roto"))
    filled.setInput(3, made)
    return made


@pytest.fixture
def softened(host: Host, filled: Group, matte: Node) -> Node:
    """A Multiply between the Read of mattes and the node, so that it has to be rendered."""
    made = host.create("Multiply")
    made["channels"].setValue("rgba")
    made["value"].setValue(0.5)
    made.setInput(0, matte)
    filled.setInput(3, made)
    return made


def sent(engine: Script) -> list[Any]:
    """The mattes that shots were added with."""
    return [request.get("matte") for request in engine.requests("shot")]


def rendered(tmp_path: Path) -> str:
    return f"{(tmp_path / 'film').as_posix()}/mattes/sh010/sh010.%04d.exr"


@pytest.mark.parametrize("button", ["find_faces", "assign", "swap_range", "swap_frame", "deliver_cornerpin"])
def test_files_of_a_read_are_handed_over_as_they_are(
    host: Host, filled: Group, engine: Script, matte: Node, tmp_path: Path, button: str
) -> None:
    engine.results["deliver"] = {"nuke": "", "files": []}
    press(host, filled, button)
    path = f"{tmp_path.as_posix()}/roto/m.%04d.exr"
    assert sent(engine)[0] == {"path": path, "channel": "A", "shows_occluder": False, "missing": "error"}
    assert host.rendered == []


def test_a_dot_between_changes_nothing_and_occlusion_is_said(
    host: Host, filled: Group, engine: Script, matte: Node
) -> None:
    dot = host.create("Dot")
    dot.setInput(0, matte)
    filled.setInput(3, dot)
    filled["matte_occludes"].setValue(True)
    assert press(host, filled, "find_faces") == ""
    assert sent(engine)[0]["shows_occluder"] is True and host.rendered == []


def test_a_matte_that_is_disconnected_is_taken_away(host: Host, filled: Group, engine: Script, matte: Node) -> None:
    press(host, filled, "find_faces")
    filled.setInput(3, None)
    press(host, filled, "swap_range")
    assert sent(engine)[0] and "matte" not in engine.requests("shot")[1]


@pytest.mark.parametrize(
    ("channels", "said", "wanted"),
    [
        (("R", "A"), "red", "R"),
        (("R", "A"), "rgba.alpha", "A"),
        (("A", "roto.A"), "roto.alpha", "roto.A"),
        (("A", "roto.hand"), "roto.hand", "roto.hand"),
    ],
)
def test_a_channel_is_named_as_the_file_has_it(
    host: Host, filled: Group, engine: Script, tmp_path: Path, channels: tuple[str, ...], said: str, wanted: str
) -> None:
    made = make_read(host, write_mattes(tmp_path / "other", channels))
    made["raw"].setValue(True)
    filled.setInput(3, made)
    filled["matte_channel"].setValue(said)
    assert press(host, filled, "swap_range") == ""
    assert sent(engine)[0]["channel"] == wanted and host.rendered == []


def test_a_channel_that_is_not_there_is_told_with_those_that_are(
    host: Host, filled: Group, engine: Script, matte: Node
) -> None:
    filled["matte_channel"].setValue("roto.red")
    assert "has no channel 'roto.red'; it has rgba.alpha." in press(host, filled, "swap_range")
    assert engine.asked == []


def test_anything_else_is_rendered_as_one_half_channel(
    host: Host, filled: Group, engine: Script, softened: Node, tmp_path: Path
) -> None:
    assert press(host, filled, "find_faces") == ""
    assert sent(engine) == [{"path": rendered(tmp_path), "shows_occluder": False, "missing": "error"}]
    for number in FRAMES:
        made = read_frame(Path(rendered(tmp_path) % number))
        assert (made.channels, made.float_channels) == (("A",), frozenset())
        np.testing.assert_array_equal(made.channel("A"), np.float32((number - 1000) / 8))
    assert not [one for one in host.everything() if one.name().startswith(("Write", "Copy"))]
    assert not list((tmp_path / "film" / "mattes").rglob(".part*"))


def test_another_channel_is_rendered_as_the_alpha(host: Host, filled: Group, engine: Script, tmp_path: Path) -> None:
    made = make_read(host, write_mattes(tmp_path / "other", ("A", "roto.hand")))
    made["frame"].setValue("frame")  # as if it shifted its frames
    filled.setInput(3, made)
    filled["matte_channel"].setValue("roto.hand")
    assert press(host, filled, "swap_range") == ""
    held = read_frame(Path(rendered(tmp_path) % 1002))
    assert held.channels == ("A",)
    np.testing.assert_array_equal(held.channel("A"), np.float32(0.25))
    assert not [one for one in host.everything() if one.name().startswith(("Write", "Copy"))]


def test_a_matte_is_rendered_again_only_when_something_above_or_its_channel_changed(
    host: Host, filled: Group, engine: Script, softened: Node, tmp_path: Path
) -> None:
    press(host, filled, "find_faces")
    host.rendered.clear()
    press(host, filled, "swap_range")
    assert host.rendered == []
    softened["value"].setValue(0.25)
    press(host, filled, "swap_frame")
    assert [path.name for path in host.rendered] == ["sh010.1002.exr"]
    press(host, filled, "swap_range")
    assert len(host.rendered) == 3
    again = make_read(host, write_mattes(tmp_path / "other", ("R", "A")))
    softened.setInput(0, again)
    press(host, filled, "swap_range")
    host.rendered.clear()
    filled["matte_channel"].setValue("red")
    press(host, filled, "swap_range")
    assert len(host.rendered) == 3


def test_one_frame_renders_one_matte_and_leaves_the_shot_its_frames(
    host: Host, filled: Group, engine: Script, softened: Node, tmp_path: Path
) -> None:
    press(host, filled, "swap_frame")
    press(host, filled, "swap_range")
    assert [one["missing"] for one in sent(engine)] == ["hold", "error"]
    assert [request["frames"] for request in engine.requests("shot")] == ["1001-1003"] * 2
    assert [path.name for path in host.rendered] == [f"sh010.{number}.exr" for number in (1002, 1001, 1003)]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda read: read["last"].setValue(1002), "the Read has the frames 1001-1002, and the shot 1001-1003"),
        (lambda read: read["frame"].setValue("frame"), "the Read shifts its frames"),
    ],
)
def test_what_the_files_do_not_show_is_rendered_and_why_is_said(
    host: Host, filled: Group, engine: Script, matte: Node, tmp_path: Path, change: Any, reason: str
) -> None:
    change(matte)
    host.press(filled, "read_plate")
    assert f"rendered by Nuke when it is needed, since {reason}" in filled["log"].value()
    assert host.rendered == []
    assert press(host, filled, "swap_range") == ""
    assert len(host.rendered) == 3 and sent(engine)[0]["path"] == rendered(tmp_path)


def test_a_color_that_the_read_converts_is_rendered(host: Host, filled: Group, engine: Script, tmp_path: Path) -> None:
    made = make_read(host, write_mattes(tmp_path / "other", ("R", "A")))
    for name, value in (("colorManagement", "OCIO"), ("workingSpaceLUT", "ACEScg"), ("floatLut", "ACEScg")):
        host.root_node[name].setValue(value)
    made["colorspace"].setValues(["default", "ACEScg", "ACES2065-1"])
    made["colorspace"].setValue("ACES2065-1")
    filled.setInput(3, made)
    filled["matte_channel"].setValue("red")
    host.press(filled, "read_plate")
    assert "since the Read converts rgba.red" in filled["log"].value()
    filled["matte_channel"].setValue("alpha")
    host.press(filled, "read_plate")
    assert filled["log"].value().rstrip().endswith("/other/m.%04d.exr.")


@pytest.mark.parametrize("is_rendered", [False, True])
def test_another_format_than_the_plate_s_is_refused_before_anything_is_rendered(
    host: Host, filled: Group, engine: Script, tmp_path: Path, is_rendered: bool
) -> None:
    made = make_read(host, write_mattes(tmp_path / "small", window=Box(0, 0, 100, 80)))
    made["frame"].setValue("frame" if is_rendered else "")
    filled.setInput(3, made)
    fault = press(host, filled, "swap_range")
    assert "has 100 x 80 pixels, but the plate has 200 x 160: give it the plate's format." in fault
    assert host.rendered == [] and engine.asked == []


def test_files_that_begin_elsewhere_than_the_plate_are_rendered_into_its_format(
    host: Host, filled: Group, engine: Script, tmp_path: Path
) -> None:
    made = make_read(host, write_mattes(tmp_path / "moved", window=Box(16, 8, 216, 168)))
    filled.setInput(3, made)
    assert press(host, filled, "swap_range") == ""
    assert read_frame(Path(rendered(tmp_path) % 1001)).display_window == WINDOW


def test_nuke_cannot_render_for_a_plate_that_begins_elsewhere_and_says_so(
    host: Host, filled: Group, engine: Script, softened: Node, tmp_path: Path
) -> None:
    window = Box(16, 8, 216, 168)
    for number in FRAMES:
        plate = Frame(np.zeros((160, 200, 3), np.float32), ("R", "G", "B"), window, window)
        write_frame(tmp_path / "plates" / f"p.{number}.exr", plate)
    assert "but the plate's files begin at 16, 8" in press(host, filled, "swap_range")
    assert host.rendered == [] and engine.asked == []
    filled.setInput(3, softened.input(0))
    assert "begin at 0, 0, but those of the plate at 16, 8" in press(host, filled, "swap_range")
    assert engine.asked == []


def test_files_that_are_not_there_are_told(host: Host, filled: Group, engine: Script, tmp_path: Path) -> None:
    made = make_read(host, f"{tmp_path.as_posix()}/none/m.%04d.exr")
    made["on_error"].setValue("black")
    filled.setInput(3, made)
    assert "None of the matte's files" in press(host, filled, "swap_range")
    assert engine.asked == []


def test_keep_live_renders_no_matte(host: Host, filled: Group, engine: Script, softened: Node) -> None:
    host.edit(filled, "keep_live", True)
    (look,) = [callback.call for callback in host.callbacks if callback.event == "UpdateUI"]
    host.context.append((filled, None))
    look()
    host.context.pop()
    assert "Keep live needs a matte that is a Read's own files" in filled["log"].value()
    assert host.rendered == [] and engine.asked == []


def test_a_render_that_fails_names_the_matte(host: Host, filled: Group, engine: Script, softened: Node) -> None:
    def render(_write: Node, _frame: int, _path: Path) -> None:
        raise RuntimeError("Write failed: disk full")

    host.renderer = render
    assert "did not render the matte's frames 1001-1003: Write failed: disk full" in press(host, filled, "swap_range")
    assert engine.asked == []


@pytest.mark.parametrize("name", ["../../elsewhere", ".."])
def test_a_shot_s_name_leads_nowhere_else(
    host: Host, filled: Group, engine: Script, softened: Node, tmp_path: Path, name: str
) -> None:
    filled["shot"].setValue(name)
    assert "The shot cannot be called" in press(host, filled, "swap_range")
    assert host.rendered == [] and engine.asked == []


@pytest.mark.parametrize("button", ["read_plate", "find_faces", "swap_frame", "swap_range"])
def test_in_indie_ten_nodes_are_enough_with_a_rendered_plate_and_matte(
    host: Host, filled: Group, engine: Script, tmp_path: Path, button: str
) -> None:
    grade = host.create("Grade")
    grade.setInput(0, filled.input(0))
    filled.setInput(0, grade)
    filled["plate_path"].setValue(f"{(tmp_path / 'film').as_posix()}/plates/sh010/sh010.%04d.exr")
    made = make_read(host, write_mattes(tmp_path / "other", ("A", "roto.hand")))
    made["frame"].setValue("frame")
    filled.setInput(3, made)
    filled["matte_channel"].setValue("roto.hand")
    host.is_indie = True
    host.renderer = lambda _write, _frame, path: path.write_bytes(b"")  # the evaluator touches all nodes
    with host.counting(10):
        assert press(host, filled, button) == ""


def test_the_engine_takes_what_is_rendered(
    host: Host, filled: Group, engine: Script, softened: Node, tmp_path: Path
) -> None:
    """The request as it was sent, checked and done by the real engine's own code."""
    filled["matte_occludes"].setValue(True)
    press(host, filled, "find_faces")
    (request,) = engine.requests("shot")
    added = Work("cpu").perform(
        "shot", check_request("shot", {**request, "colorspace": "ACEScg"}).request, ignore_progress
    )
    assert added.results["matte"] == rendered(tmp_path)
    folder = ProjectFolder.open(tmp_path / "film")
    mattes = open_mattes(folder, open_shot(folder, "sh010"), "ben")
    assert mattes.shows_occluder and mattes.artist is not None
    np.testing.assert_array_equal(mattes.artist.read(1003).values, np.float32(0.375))
