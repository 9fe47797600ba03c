"""What the Deliver buttons make beside the node, from files that the engine's own code wrote."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.nuke_plugin.scripted_engine import Script, running
from tests.nuke_plugin.stand_in import Group, Host, Node
from understudy.geometry import Box
from understudy.host_files import PatchMove, corner_pin_text, tracker_text


@pytest.fixture
def plate(host: Host, node: Group) -> Node:
    """What the node's plate is: here, nothing that has to be read."""
    made = host.create("Dot")
    node.setInput(0, made)
    return made


@pytest.fixture
def engine(host: Host, plugin: Path, node: Group, plate: Node, runtime: Path, tmp_path: Path) -> Iterator[Script]:
    """An engine that has delivered shot sh010; the node is filled in, and a dozen others are there."""
    eye = np.eye(3)[:2]
    move = PatchMove("sh010", 64, Box(0, 0, 200, 160), 1.0, {1001: eye, 1002: eye})
    texts = {"cornerpin": corner_pin_text(move), "tracker": tracker_text(move)}
    for name, text in texts.items():
        (tmp_path / f"sh010_{name}.nk").write_text(text)
    script = Script()
    script.results["deliver"] = {name: str(tmp_path / f"sh010_{name}.nk") for name in texts}
    values = {"project": "/film", "shot": "sh010", "model": "hero", "plate_path": "/plates/sh010.%04d.exr"}
    for name, value in {**values, "colorspace": "ACEScg"}.items():
        node[name].setValue(value)
    node["first"].setValue(1001)
    node["last"].setValue(1002)
    script.results["shot"].update(colorspace="ACEScg", result_colorspace="ACEScg")
    for _ in range(12):
        host.create("Blur")
    node.selectOnly()
    node.setXYpos(1000, 500)
    with running(script, runtime):
        yield script


def made_by(host: Host, node: Group, button: str) -> list[Node]:
    """Nodes that a press made; it touches ten at most."""
    from understudy_nuke import poller

    before = set(host.root_node._children)
    with host.counting(10):
        host.press(node, button)
        host.pump(lambda: not poller._watches())
    assert node["label"].value() == ""
    return [made for made in host.root_node._children if made not in before]


def test_corner_pins_lift_the_patch_out_of_the_node_s_plate(
    host: Host, node: Group, plate: Node, engine: Script
) -> None:
    made = made_by(host, node, "deliver_cornerpin")
    assert [one.Class() for one in made] == ["CornerPin2D", "Reformat", "Reformat", "CornerPin2D"]
    assert made[0].input(0) is plate
    assert [made[1].input(0), made[2].input(0), made[3].input(0)] == [made[0], None, made[2]]
    assert {one.xpos() for one in made} == {1160}
    assert "_lift, understudy_sh010_lifted, understudy_sh010_canvas, understudy_sh010_put_back" in node["log"].value()


def test_the_tracker_is_over_the_node_s_plate(host: Host, node: Group, plate: Node, engine: Script) -> None:
    (tracker,) = made_by(host, node, "deliver_tracker")
    assert (tracker.Class(), tracker.input(0)) == ("Tracker4", plate)


def test_the_st_map_puts_the_crop_where_the_map_says(host: Host, node: Group, engine: Script) -> None:
    crop, st_map, warp = made_by(host, node, "deliver_stmap")
    (request,) = engine.requests("swap")
    assert (request["out"], request["frames"]) == ("/film/swaps/sh010/deliver", "1001-1002")
    assert request["overrides"] == ["swap.st_map=true", "swap.crops=true"]
    assert crop["file"].value() == "/film/swaps/sh010/crop/sh010_crop.%04d.exr"
    assert st_map["file"].value() == "/film/swaps/sh010/sh010.%04d.exr"
    assert [warp.input(0), warp.input(1)] == [crop, st_map]
    assert (warp["uv"].value(), st_map["raw"].value()) == ("st", True)
    assert (crop["first"].value(), crop["last"].value()) == (1001, 1002)
    assert node["result"].value() == ""


def test_crops_have_names_of_their_own(host: Host, node: Group, engine: Script) -> None:
    (first,) = made_by(host, node, "deliver_crop")
    (second,) = made_by(host, node, "deliver_crop")
    assert [first.name(), second.name()] == ["sh010_crop1", "sh010_crop2"]


def test_in_a_group_the_nodes_are_made_in_the_group(host: Host, node: Group, engine: Script) -> None:
    host.root_node._children.remove(node)
    group = host.create("Group")
    node._parent = group
    group._children.append(node)
    node.setInput(0, None)
    assert made_by(host, node, "deliver_crop") == []
    assert [one.name() for one in group.nodes()] == ["Understudy1", "sh010_crop1"]
