"""The artist's tracks on their way from the node's third input to the engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.nuke_plugin.scripted_engine import Script, running
from tests.nuke_plugin.stand_in import Group, Host, Node
from tests.nuke_plugin.test_track_table import table

TRACKS = table('{curve K x1001 1} "eye" {curve x1001 10 11 12} {curve x1001 20 21 22}')
MOVED = TRACKS.replace("x1001 10", "x1001 9")


@pytest.fixture
def engine(plugin: Path, runtime: Path) -> Iterator[Script]:
    """A running engine."""
    with running(Script(), runtime) as script:
        yield script


def fill_in(host: Host, node: Group, **values: str) -> Group:
    """The node with these knobs set, and what every shot of these tests has; the script spans 1001 to 1003."""
    shot = {"shot": "sh010", "target": "ben", "model": "hero", "first": 1001, "last": 1003}
    for name, value in {**shot, **values}.items():
        node[name].setValue(value)
    host.root_node["first_frame"].setValue(1001)
    host.root_node["last_frame"].setValue(1003)
    host.frame = 1002
    return node


@pytest.fixture
def filled(host: Host, plugin: Path, node: Group, tmp_path: Path) -> Group:
    """The node over a grade of a constant, which has to be rendered, with everything filled in."""
    grade = host.create("Grade")
    grade.setInput(0, host.create("Constant"))
    node.setInput(0, grade)
    return fill_in(host, node, project=tmp_path.as_posix(), preset="u64", plate_path="/plates/sh010.%04d.exr")


@pytest.fixture
def tracker(host: Host, filled: Group) -> Node:
    """A tracker at the third input."""
    made = host.create("Tracker4")
    made.setInput(0, filled.input(0))
    made["tracks"].fromScript(TRACKS)
    filled.setInput(2, made)
    return made


@pytest.fixture
def path(filled: Group, tmp_path: Path) -> Path:
    """Where the tracks go."""
    return tmp_path / "shots" / "sh010" / "tracks.csv"


def press(host: Host, node: Group, button: str) -> str:
    """Presses, waits, and gives the fault that the node's label tells."""
    from understudy_nuke import poller

    host.press(node, button)
    host.pump(lambda: not poller._watches())
    return str(node["label"].value())


def test_find_faces_takes_the_tracks_as_they_are_now(
    host: Host, filled: Group, engine: Script, tracker: Node, path: Path
) -> None:
    assert press(host, filled, "find_faces") == ""
    assert path.read_text() == (
        "frame,point,x,y\n1001,eye,10,1536\n1002,eye,11,1535\n1003,eye,12,1534\n"  # of 2048 x 1556 pixels
    )
    tracker["tracks"].fromScript(MOVED)
    press(host, filled, "find_faces")
    assert path.read_text().startswith("frame,point,x,y\n1001,eye,9,1536\n")
    assert [request["tracks"] for request in engine.requests("shot")] == [str(path)] * 2


@pytest.mark.parametrize("button", ["swap_range", "swap_frame", "assign"])
def test_a_swap_goes_by_the_tracks_that_faces_were_found_with(
    host: Host, filled: Group, engine: Script, tracker: Node, path: Path, button: str
) -> None:
    press(host, filled, "find_faces")
    before = path.read_text()
    tracker["tracks"].fromScript(MOVED)
    press(host, filled, button)
    assert path.read_text() == before
    assert engine.requests("shot")[-1]["tracks"] == str(path)
    path.unlink()
    press(host, filled, button)
    assert path.is_file()


def test_a_tracker_that_is_disconnected_leaves_the_shot_without_tracks(
    host: Host, filled: Group, engine: Script, tracker: Node, path: Path
) -> None:
    press(host, filled, "find_faces")
    filled.setInput(2, None)
    press(host, filled, "swap_range")
    assert "tracks" in engine.requests("shot")[0] and "tracks" not in engine.requests("shot")[1]


def test_tracks_that_are_the_same_are_not_written_again(
    host: Host, filled: Group, engine: Script, tracker: Node, path: Path
) -> None:
    press(host, filled, "find_faces")
    before = path.stat()
    press(host, filled, "find_faces")
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_tracker_that_says_nothing_is_told_before_frames_are_rendered(
    host: Host, filled: Group, engine: Script, tracker: Node, tmp_path: Path
) -> None:
    filled["plate_path"].setValue(f"{tmp_path.as_posix()}/plates/sh010/sh010.%04d.exr")
    tracker["tracks"].fromScript(table())
    assert "has no track with keys" in press(host, filled, "find_faces")
    assert host.rendered == [] and engine.asked == []


@pytest.mark.parametrize("name", ["../../elsewhere", "a/b", "a\\b", ".."])
def test_a_shot_s_name_leads_nowhere_else(
    host: Host, filled: Group, engine: Script, tracker: Node, tmp_path: Path, name: str
) -> None:
    filled["shot"].setValue(name)
    assert "The shot cannot be called" in press(host, filled, "find_faces")
    assert not list(tmp_path.rglob("*.csv")) and engine.asked == []


def test_a_file_that_cannot_be_written_is_told_and_leaves_nothing(
    host: Host, filled: Group, engine: Script, tracker: Node, path: Path
) -> None:
    path.mkdir(parents=True)
    assert f"{path} cannot be written" in press(host, filled, "find_faces")
    assert [one.name for one in path.parent.iterdir()] == ["tracks.csv"]
    assert engine.asked == []


@pytest.mark.parametrize("button", ["read_plate", "find_faces", "assign", "swap_frame", "swap_range"])
def test_in_indie_ten_nodes_are_enough_with_a_tracker_too(
    host: Host, filled: Group, engine: Script, tracker: Node, tmp_path: Path, button: str
) -> None:
    host.is_indie = True
    filled["plate_path"].setValue(f"{tmp_path.as_posix()}/plates/sh010/sh010.%04d.exr")
    host.renderer = lambda _write, _frame, path: path.write_bytes(b"")  # the evaluator touches all nodes
    with host.counting(10):
        assert press(host, filled, button) == ""
