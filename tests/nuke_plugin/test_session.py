"""A whole session at the node, with an engine process, pictures of a face, and the engine killed on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.cli.test_engine import started
from tests.nuke_plugin.stand_in import Group, Host, Node
from tests.nuke_plugin.test_track_table import table
from understudy.cli import main
from understudy.plates import Frame, read_frame, write_frame

PRESET = """
schema: preset-1
name: tiny
description: For tests.
model:
  size: 64
  underpainting: 4
  encoder: {stem: 4, widths: [8, 16]}
  inter: {kind: convolutional, code: 8, width: 16}
  decoder: {widths: [16, 8], head: 4}
training: {batch: 1, iterations: 50, learning_rate: 0.003, warm_up: 2}
"""


PINS = ("to1", "to2", "to3", "to4")
MOVE = (4.0, -0.5)
"""Pixels, y up, by which the artist's points move from the first frame to the second; the face moves by 4, 0."""


@pytest.fixture
def script(host: Host, tmp_path: Path, portrait_plate: Callable[..., np.ndarray]) -> Node:
    """A script with a Read of two frames."""
    for index in range(2):
        plate = portrait_plate(width=400, height=320, side=300, left=40 + 4 * index, top=10)
        write_frame(tmp_path / "plates" / f"sh010.{1001 + index}.exr", Frame.of(plate))
    root = {"colorManagement": "OCIO", "workingSpaceLUT": "ACEScg", "floatLut": "ACEScg"}
    for name, text in root.items():
        host.root_node[name].setValue(text)
    read = host.create("Read")
    read["file"].setValue(f"{tmp_path.as_posix()}/plates/sh010.%04d.exr")
    for names, frame in ((("first", "origfirst"), 1001), (("last", "origlast"), 1002)):
        for name in names:
            read[name].setValue(frame)
    host.frame = 1002
    return read


@pytest.fixture
def engine(
    plugin: Path, runtime: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[subprocess.Popen[str]]]:
    """Engines; the last one runs."""
    monkeypatch.setenv("UNDERSTUDY_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    processes = [started()]
    yield processes
    for process in processes:
        process.kill()
        with process:
            process.wait()


def press(host: Host, node: Node, button: str) -> None:
    from understudy_nuke import poller

    host.press(node, button)
    host.pump(lambda: not poller._watches(), timeout_s=60)
    assert (node["label"].value(), host.messages) == ("", []), node["log"].value()


def node_over(host: Host, read: Node, project: Path, preset: Path, identity: str) -> Group:
    made = host.create("Understudy")
    assert isinstance(made, Group)
    made.setInput(0, read)
    for name, text in (("project", project), ("target", identity), ("preset", preset), ("model", "hero")):
        made[name].setValue(str(text))
    return made


def tracker_over(host: Host, read: Node) -> Node:
    """A tracker of two points on the face."""
    made = host.create("Tracker4")
    made.setInput(0, read)
    rows = [
        f'1 "{name}" {{curve x1001 {x} x1002 {x + MOVE[0]}}} {{curve x1001 {y} x1002 {y + MOVE[1]}}}'
        for name, x, y in (("left", 150.0, 180.0), ("right", 230.0, 170.0))
    ]
    made["tracks"].fromScript(table(*rows))
    return made


def test_a_session_from_plate_to_delivery_with_the_engine_killed(
    host: Host, script: Node, engine: list[subprocess.Popen[str]], tmp_path: Path
) -> None:
    project, preset = tmp_path / "film", tmp_path / "tiny.yaml"
    preset.write_text(PRESET)

    # The plate, the artist's tracks, and the faces in it
    node = node_over(host, script, project, preset, "eileen")
    node.setInput(2, tracker_over(host, script))
    press(host, node, "find_faces")
    assert "Tracks: 2 points of Tracker1 in frames 1001-1002" in node["log"].value()
    assert node["colorspace_line"].value().startswith("ACEScg: as the shot says")
    assert "face 1: frames 1001-1002" in node["faces_report"].value()

    # The source identity has the mark that only its own command sets; its footage here is the same
    assert main(["-C", str(project), "identity", "add", "double", "--role", "source", "--synthetic"]) == 0
    footage = node_over(host, script, project, preset, "double")
    press(host, footage, "find_faces")
    assert "double: 2 crops of 64 px" in footage["faces_report"].value()

    # Training, with the engine killed in the middle
    host.press(node, "train")
    host.pump(lambda: node["train_line"].value().startswith("training"), timeout_s=60)
    os.kill(engine[-1].pid, signal.SIGKILL)
    engine[-1].wait()
    host.pump(lambda: node["train_line"].value().startswith("The engine does not answer"))
    engine.append(started())
    host.pump(lambda: node["job"].value() == "", timeout_s=60)
    assert "the engine had stopped; the job goes on" in node["log"].value()
    assert node["train_line"].value().endswith("reached iteration 50"), node["log"].value()
    assert (project / "models" / "hero" / "preview.png").is_file()

    # The face is said to be the target's; and the swap: the face over the plate, and nothing else
    press(host, node, "assign")
    assert "face 1 (eileen): frames 1001-1002" in node["faces_report"].value()
    press(host, node, "swap_range")
    assert (node["result_first"].value(), node["result_last"].value()) == (1001, 1002)
    plate = read_frame(tmp_path / "plates" / "sh010.1002.exr").rgb()
    face = read_frame(project / "swaps" / "sh010" / "sh010.1002.exr")
    composite = rgb_of(host, node)
    changed = np.abs(composite - plate).max(axis=2) > 0
    inside = np.zeros_like(changed)
    inside[face.data_window.slices(read_frame(tmp_path / "plates" / "sh010.1002.exr").data_window)] = True
    assert changed.sum() > 1000 and not (changed & ~inside).any()

    # Corner pins; then the engine goes, and the comp stays live
    press(host, node, "deliver_cornerpin")
    (lift,) = [one for one in host.everything() if one._name.endswith("_lift")]
    moved = [[lift[pin].getValueAt(1002, axis) - lift[pin].getValueAt(1001, axis) for axis in (0, 1)] for pin in PINS]
    np.testing.assert_allclose(moved, [MOVE] * 4, atol=1e-6)  # as the tracks do, without the landmarks' noise
    engine[-1].kill()
    host.edit(node, "feather", 12.0)
    feathered = rgb_of(host, node)
    assert np.abs(feathered - composite).max() > 0.001
    text = host.text()
    for name in [name for name in sys.modules if name.split(".")[0] == "understudy_nuke"]:
        del sys.modules[name]
    sys.path[:] = [path for path in sys.path if not path.endswith("understudy")]
    host.open(text)
    (again,) = [one for one in host.everything() if one._name == node._name]
    np.testing.assert_array_equal(rgb_of(host, again), feathered)


def rgb_of(host: Host, node: Node) -> np.ndarray:
    """(320, 400, 3) float32, scene-linear: what the node shows at frame 1002, rows from the top."""
    picture = host.picture(node, 1002)
    return np.dstack([picture.planes[f"rgba.{name}"] for name in ("red", "green", "blue")])
