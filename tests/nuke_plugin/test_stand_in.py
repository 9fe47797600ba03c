"""The stand-in is Nuke as far as the public stubs say, and fails where Nuke would crash or hang."""

from __future__ import annotations

import contextlib
import inspect
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.nuke_plugin.stand_in import LEDGER, Group, Host, Violation
from tests.nuke_plugin.stand_in.expressions import ExpressionError, parse_expression
from tests.nuke_plugin.stand_in.pictures import RGBA
from tests.nuke_plugin.stand_in.signatures import difference, read_signatures
from tests.nuke_script import tkinter
from understudy.color import ColorConfig
from understudy.geometry import Box
from understudy.plates import Frame, read_frame, write_frame


def test_every_function_and_method_has_the_signature_of_the_public_stubs(host: Host) -> None:
    signatures = read_signatures()
    module = sys.modules["nuke"]
    differences = []
    for name, value in vars(module).items():
        if name.startswith("_") or name in {"nodes", "host"}:
            continue
        if inspect.isclass(value):
            for method, function in inspect.getmembers(value, inspect.isfunction):
                if not method.startswith("_"):
                    differences.append(difference(f"{name}.{method}", function, signatures))
        elif callable(value):
            differences.append(difference(name, value, signatures))
        elif name not in signatures.names:
            differences.append(f"{name} is in no stub")
    assert [sentence for sentence in differences if sentence] == []


@contextmanager
def refused(sentence: str) -> Iterator[None]:
    """Something that the stand-in must refuse; it is written down too, should somebody catch it."""
    with pytest.raises(Violation, match=sentence):
        yield
    assert any(re.search(sentence, one) for one in LEDGER.violations)
    LEDGER.clear()


def nuke() -> Any:
    return sys.modules["nuke"]


def in_thread(call: Callable[[], object]) -> list[BaseException]:
    """Runs a call in a thread of its own, and gives what it raised."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            call()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return raised


def test_unknown_names_are_refused(host: Host, node: Group) -> None:
    with refused("nuke.createNodes"):
        nuke().createNodes("Blur")
    with refused("Group has no 'setKnob'"):
        node.setKnob("erode", 1)
    with refused("no knob 'feathers'"):
        node["feathers"]
    with refused("no node class or gizmo 'Feather'"):
        nuke().createNode("Feather")
    assert node.knob("feathers") is None


def test_wrong_arguments_are_refused(host: Host, node: Group) -> None:
    with refused("nuke.toNode: missing a required argument"):
        nuke().toNode()
    with refused("Knob.setEnabled"):
        node["erode"].setEnabled(True, False)
    with refused("takes a number, not '3'"):
        node["erode"].setValue("3")
    with refused("takes a whole number, not 1.5"):
        node["first"].setValue(1.5)
    with refused("no entry 'soft', only: face, core, edge, confidence"):
        node["which_matte"].setValue("soft")
    with refused("takes text, not 3"):
        node["shot"].setValue(3)


def test_nodes_and_knobs_are_the_main_threads(host: Host, node: Group) -> None:
    for call in (lambda: node["shot"].setValue("a"), lambda: nuke().createNode("Blur"), node.name):
        (error,) = in_thread(call)
        assert isinstance(error, Violation) and "only the main thread" in str(error)
    LEDGER.clear()


def test_what_a_thread_asks_of_the_main_thread_is_done_when_it_is_pumped(host: Host, node: Group) -> None:
    shot = node["shot"]
    assert in_thread(lambda: nuke().executeInMainThread(lambda name: shot.setValue(name), ("sh010",))) == []
    assert shot.value() == ""
    host.pump(until=lambda: shot.value() == "sh010")


def test_a_thread_gets_the_result_or_none_for_a_failure(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    answers: list[object] = []

    def fail() -> None:
        raise RuntimeError("broken")

    def ask() -> None:
        answers.append(nuke().executeInMainThreadWithResult(lambda: 7))
        answers.append(nuke().executeInMainThreadWithResult(fail))

    thread = threading.Thread(target=ask)
    thread.start()
    host.pump(until=lambda: len(answers) == 2)
    thread.join()
    assert answers == [7, None]
    assert "broken" in capsys.readouterr().err


def test_asking_the_main_thread_from_itself_hangs_nuke_and_fails_here(host: Host) -> None:
    with refused("hangs Nuke"):
        nuke().executeInMainThread(print)
    with refused("hangs Nuke"):
        nuke().executeInMainThreadWithResult(print)


def test_a_caught_violation_is_written_down(host: Host) -> None:
    with contextlib.suppress(Exception):
        nuke().nothingOfTheKind()
    assert LEDGER.violations == ["Nuke is asked for 'nuke.nothingOfTheKind', which this stand-in does not know"]
    LEDGER.clear()


def test_a_deleted_node_is_attached_to_nothing(host: Host) -> None:
    node = host.create("Blur")
    nuke().delete(node)
    with pytest.raises(ValueError, match="not attached to a node"):
        node.name()


def test_buttons_that_use_many_nodes_fail_for_the_indie_edition(host: Host) -> None:
    nodes = [host.create("Dot") for _ in range(11)]
    with refused("11 nodes were used, 10 are allowed"), host.counting(10):
        for node in nodes:
            node.name()
    with host.counting(10) as touched:
        for _ in range(20):
            nodes[0].name()
    assert len(touched) == 1


def test_modal_boxes_fail_without_a_window(host: Host) -> None:
    nuke().message("hello")
    assert host.messages == ["hello"] and nuke().GUI
    host.has_window = False
    assert not nuke().GUI and not nuke().env["gui"]
    with refused("without a window"):
        nuke().message("hello")
    with pytest.raises(RuntimeError, match="without a window"):
        nuke().menu("Nuke")


def test_a_new_node_is_connected_to_what_is_selected(host: Host, node: Group) -> None:
    blur = nuke().createNode("Blur", "size 3", inpanel=False)
    assert blur.input(0) is node and blur["size"].value() == 3
    assert nuke().selectedNodes() == [blur]
    assert nuke().nodes.Blur().input(0) is None
    assert [one.name() for one in nuke().allNodes("Blur")] == ["Blur1", "Blur2"]


def test_callbacks_see_the_node_and_the_knob_and_are_not_called_again(host: Host, node: Group) -> None:
    seen: list[tuple[str, str]] = []

    def changed() -> None:
        seen.append((nuke().thisNode().name(), nuke().thisKnob().name()))
        nuke().thisNode()["feather"].setValue(2)

    nuke().addKnobChanged(changed, nodeClass="Group")
    host.edit(node, "erode", 1)
    assert seen == [("Understudy1", "erode")]
    with refused("disabled: the artist cannot change it"):
        host.edit(node, "engine_line", "I am the artist")


def test_closing_a_script_tells_its_nodes(host: Host, node: Group) -> None:
    seen: list[str] = []
    nuke().addOnScriptClose(lambda: seen.append("close"))
    nuke().addOnDestroy(lambda: seen.append(nuke().thisNode().name()), nodeClass="Group")
    host.close()
    assert seen == ["close", "Understudy1"]


def test_a_write_renders_what_is_above_it(host: Host, tmp_path: Path, frame: Frame) -> None:
    write_frame(tmp_path / "in.0007.exr", frame)
    read = nuke().nodes.Read(file=str(tmp_path / "in.%04d.exr"), first=7, last=7, raw=True)
    write = nuke().nodes.Write(inputs=[read], file=str(tmp_path / "out" / "out.####.exr"), raw=True, channels="all")
    with pytest.raises(RuntimeError, match="does not exist"):
        nuke().execute(write, 7, 7)
    write["create_directories"].setValue(True)
    write["file_type"].setValue("exr")
    write["metadata"].setValue("all metadata")
    write["datatype"].setValue("32 bit float")
    nuke().execute(write, 7, 7, 1)
    written = read_frame(tmp_path / "out" / "out.0007.exr")
    np.testing.assert_array_equal(written.rgb(), read_frame(tmp_path / "in.0007.exr").rgb())
    assert (written.display_window, written.metadata["reelName"]) == (Box(0, 0, 64, 64), "A001")
    assert read.metadata("exr/reelName") == "A001" and read.format().width() == 64
    assert (read.bbox().x(), read.bbox().y(), read.firstFrame()) == (-4, 22, 7)


def test_the_colourspace_of_a_read_is_converted_unless_it_is_raw(
    host: Host, tmp_path: Path, color: ColorConfig
) -> None:
    pixels = np.full((4, 4, 3), (0.9, 0.2, 0.1), np.float32)
    write_frame(tmp_path / "in.exr", Frame.of(pixels))
    read = nuke().nodes.Read(file=str(tmp_path / "in.exr"))
    read["colorspace"].setValue("ACES2065-1")
    wanted = color.converted(read_frame(tmp_path / "in.exr").rgb(), "ACES2065-1", "ACEScg")
    np.testing.assert_allclose(host.picture(read).layer(RGBA[:3]), wanted, rtol=1e-6)
    read["raw"].setValue(True)
    np.testing.assert_allclose(host.picture(read).layer(RGBA[:3]), pixels, rtol=1e-3)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3", 7),
        ("-(2 - 5) / 2", 1.5),
        ("1 < 2 && 3 >= 3 || 0", 1),
        ("!1", 0),
        ("a.b != 4 ? 10 : 20", 10),
        ("min(3, clamp(a.b, 0, 2))", 2),
        ("[string length abc] > 2", 1),
    ],
)
def test_expressions_come_to_what_they_say(text: str, value: float) -> None:
    tcl = tkinter.Tcl()
    assert parse_expression(text).value(lambda name: {"a.b": 5.0}[name], lambda code: float(tcl.eval(code))) == value


@pytest.mark.parametrize("text", ["1 +", "(2", "min(1)", "what(1)", "a b", "1 ? 2", "[open", "$x", ""])
def test_what_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse_expression(text)
