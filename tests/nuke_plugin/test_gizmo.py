"""The gizmo's text, read by a real Tcl interpreter as Nuke reads it: a graph in which everything is connected."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.nuke_plugin.stand_in import Group, Host
from tests.nuke_plugin.stand_in.expressions import parse_expression
from tests.nuke_plugin.stand_in.knobs import Array_Knob, Link_Knob
from tests.nuke_script import ScriptNode, read_script

GIZMO = Path(__file__).parents[2] / "gizmos" / "Understudy.gizmo"

TABS = {
    "shot_tab": "engine_line:1 find_engine:22 project:2 shot:1 plate_path:2 read_plate:22 colorspace:1 "
    "colorspace_line:1 first:3 last:3 matte_channel:1 matte_occludes:6",
    "faces_tab": "target:1 preset:1 find_faces:22 faces_report:43 track:3 assign:22 unassign:22",
    "train_tab": "model:1 source:1 init_from:2 minutes:7 train:22 stop_training:22 open_training:22 train_line:1",
    "swap_tab": "swap_frame:22 swap_range:22 cancel:22 swap_line:1 keep_live:6 result_divider:26 result:2 "
    "result_first:3 result_last:3 result_colorspace:1 comp_divider:26 output:4 which_matte:4 erode:7 feather:7 mix:7 "
    "face_gain:41 face_gamma:41 face_saturation:41",
    "deliver_tab": "deliver_stmap:22 deliver_cornerpin:22 deliver_tracker:22 deliver_crop:22",
    "log_tab": "log:43 clear_log:22 job:1 job_kind:1 exported:1 exported_matte:1 understudy_version:1 no_plugin:1",
}
BUTTONS = [word[:-3] for knobs in TABS.values() for word in knobs.split() if word.endswith(":22")]


@pytest.fixture(scope="module")
def group() -> ScriptNode:
    (made,) = read_script(GIZMO.read_text()).children
    return made


def test_it_is_a_group_so_that_scripts_open_without_the_plug_in(group: ScriptNode) -> None:
    assert GIZMO.read_text().startswith("Group {\n")
    assert (group.kind, group.name, group.inputs) == ("Group", "Understudy1", [None])


def test_it_has_the_knobs_that_the_plug_in_counts_on(group: ScriptNode) -> None:
    found: dict[str, list[str]] = {}
    for knob in group.user_knobs:
        if knob.kind == 20:
            found[knob.name] = []
        else:
            found[list(found)[-1]].append(f"{knob.name}:{knob.kind}")
    assert {tab: " ".join(knobs) for tab, knobs in found.items()} == TABS


def test_what_the_artist_can_touch_is_explained(group: ScriptNode) -> None:
    """But for the second box of a range, and what is a line or a button that says it all."""
    silent = {knob.name for knob in group.user_knobs if not knob.options.get("t") and "+INVISIBLE" not in knob.flags}
    assert silent - {*TABS, "last", "result_last", "result_divider", "comp_divider"} == set()


def test_every_node_is_connected_and_leads_to_the_one_output(group: ScriptNode) -> None:
    outputs = [node for node in group.children if node.kind == "Output"]
    assert len(outputs) == 1
    seen: set[int] = set()
    waiting = list(outputs)
    while waiting:
        node = waiting.pop()
        assert None not in node.inputs, node.name
        seen.add(id(node))
        waiting += [upstream for upstream in node.inputs if upstream is not None and id(upstream) not in seen]
    assert [node.name for node in group.children if id(node) not in seen] == ["matte", "tracker"]


@pytest.mark.parametrize("name", ["tracker", "matte"])
def test_nothing_inside_takes_the_picture_of_what_is_for_the_engine(group: ScriptNode, name: str) -> None:
    """A tracker may have another format, frames and layers than the plate; a matte is in the result already."""
    takers = [node.name for node in group.children if group.node(name) in node.inputs]
    assert takers == []


def test_no_knob_is_called_as_a_node_inside(group: ScriptNode) -> None:
    """An expression such as parent.matte could mean either."""
    assert {knob.name for knob in group.user_knobs}.isdisjoint(node.name for node in group.children)


def test_its_inputs_are_the_plate_what_occludes_it_what_tracks_it_and_a_matte(group: ScriptNode) -> None:
    inputs = {node.knobs.get("number", "0"): node.name for node in group.children if node.kind == "Input"}
    assert inputs == {"0": "plate", "1": "occlusion", "2": "tracker", "3": "matte"}


def test_the_merges_have_their_inputs_the_right_way_round(group: ScriptNode) -> None:
    names = {
        name: [node.name for node in group.node(name).inputs if node] for name in ("HoldOut", "Composite", "Mattes")
    }
    assert names == {
        "HoldOut": ["Changed", "occlusion"],
        "Composite": ["PlateDot", "Mix"],
        "Mattes": ["Composite", "Result"],
    }


def test_every_expression_parses_and_names_what_is_there(host: Host, node: Group) -> None:
    found = 0
    for one in [node, *host.everything(node)]:
        for knob in one._knobs.values():
            for text in getattr(knob, "_expressions", {}).values():
                assert isinstance(one._expression_value(text, 1001), float)
                found += 1
    assert found > 10


def test_the_limit_of_the_matte_is_an_expression_of_pixels(group: ScriptNode) -> None:
    assert set(parse_expression(group.node("MatteLimit").knobs["expr3"]).names) == {"a", "face.alpha"}


def test_links_lead_to_knobs_inside(node: Group) -> None:
    links = {name: knob for name, knob in node._knobs.items() if isinstance(knob, Link_Knob)}
    assert {name: type(knob.getLinkedKnob()).__name__ for name, knob in links.items()} == {
        "face_gain": "AColor_Knob",
        "face_gamma": "AColor_Knob",
        "face_saturation": "Double_Knob",
    }


def test_it_holds_no_path_of_anybody(group: ScriptNode) -> None:
    values = [text for node in group.everything() for text in node.knobs.values()]
    assert [text for text in values if re.search(r"(^|[\"'\s=])(/|~|[A-Za-z]:[/\\]|\\\\)", text)] == []


@pytest.mark.parametrize("hook", ["knobChanged", "onCreate", *BUTTONS])
def test_its_python_is_python_3_9(group: ScriptNode, hook: str) -> None:
    buttons = {knob.name: knob.options["T"] for knob in group.user_knobs if knob.kind == 22}
    ast.parse({**group.knobs, **buttons}[hook], feature_version=(3, 9))


@pytest.mark.parametrize("button", BUTTONS)
def test_without_the_plug_in_a_button_says_so_on_the_node(host: Host, node: Group, button: str) -> None:
    host.press(node, button)
    assert "understudy install nuke" in node["engine_line"].value()
    assert host.messages == []


def test_ranges_are_what_the_tooltips_say(node: Group) -> None:
    wanted = {"erode": (-50, 50), "feather": (0, 100), "mix": (0, 1), "minutes": (0, 600)}
    knobs = {name: node._knobs[name] for name in wanted}
    assert {name: knob._range for name, knob in knobs.items() if isinstance(knob, Array_Knob)} == wanted


def test_a_script_with_it_reads_as_it_was_written(host: Host, node: Group) -> None:
    node["result"].setValue("renders/s.%04d.exr")
    node["log"].setValue('Line "one" [of $two]\n{and a brace')
    node["feather"].setValue(4.5)
    node["which_matte"].setValue("edge")
    text = host.text()
    host.open(text)
    assert host.text() == text
    again = host.root_node._child("Understudy1")
    assert again is not None
    assert again["log"].value() == 'Line "one" [of $two]\n{and a brace'
    assert (again["feather"].value(), again["which_matte"].value()) == (4.5, "edge")
