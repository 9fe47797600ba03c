"""The reader of Nuke scripts that the tests share."""

from __future__ import annotations

import pytest

from tests.nuke_script import SELECTION, ScriptError, curve_of, read_script


def test_the_top_of_the_stack_is_input_0() -> None:
    text = "Read {\n inputs 0\n name A\n}\nRead {\n inputs 0\n name B\n}\nMerge2 {\n inputs 2+1\n name M\n}\n"
    merge = read_script(text).node("M")
    assert [node.name if node else None for node in merge.inputs] == ["B", "A", None]


def test_a_group_has_a_stack_of_its_own_and_stands_on_the_outer_one() -> None:
    inside = "Input {\n inputs 0\n name I\n}\nOutput {\n name O\n}\n"
    text = f"Dot {{\n name D\n}}\nGroup {{\n name G\n}}\n{inside}end_group\nDot {{\n name E\n}}\n"
    root = read_script(text, selected=True)
    assert root.node("D").inputs == [SELECTION]
    assert root.node("G").inputs == [root.node("D")]
    assert root.node("G").node("O").inputs == [root.node("G").node("I")]
    assert root.node("E").inputs == [root.node("G")]


def test_a_user_knob_has_its_options() -> None:
    text = (
        'Group {\n addUserKnob {7 edge l "Edge softness" t "a \\"tip\\"" +STARTLINE R 0 100}\n edge 3\n}\nend_group\n'
    )
    (group,) = read_script(text).children
    (knob,) = group.user_knobs
    assert (knob.kind, knob.name, knob.flags) == (7, "edge", ("+STARTLINE",))
    assert knob.options == {"l": "Edge softness", "t": 'a "tip"', "R": "0 100"}
    assert group.knobs == {"edge": "3"}


def test_curves_are_values_by_frame() -> None:
    assert curve_of("curve x1001 2 x1002 -3.5") == {1001: 2.0, 1002: -3.5}
    assert curve_of("3") is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("Dot {\n name", "cannot read"),
        ("Group {\n name G\n}\n", "G lacks its end_group"),
        ("end_group\n", "end_group without a Group"),
        ("push $nowhere\n", "cannot read"),
        ("push nowhere\n", "no such node"),
        ("Dot {\n name D\n name E\n}\n", "stands twice"),
        ("Dot {\n name\n}\n", "has no value"),
        ("dot one two\n", "neither a node nor a command"),
        ("Group {\n addUserKnob {7 x Q 3}\n}\nend_group\n", "'Q' is no option"),
        ("add_layer {face core.alpha}\n", "is not of layer face"),
    ],
)
def test_text_that_is_no_script_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(ScriptError, match=sentence):
        read_script(text)
