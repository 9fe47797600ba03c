"""The node's buttons, against the stand-in for Nuke and an engine whose jobs do what the test says."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.nuke_plugin.scripted_engine import Script, running
from tests.nuke_plugin.stand_in import Group, Host
from understudy.scheduler.record import JobError, JobState


@pytest.fixture
def engine(plugin: Path, runtime: Path) -> Iterator[Script]:
    """A running engine."""
    with running(Script(), runtime) as script:
        yield script


@pytest.fixture
def filled(host: Host, plugin: Path, node: Group) -> Group:
    """The node with everything filled in."""
    for name, text in (("colorManagement", "OCIO"), ("workingSpaceLUT", "ACES - ACEScg")):
        host.root_node[name].setValue(text)
    texts = {"project": "/film", "shot": "sh010", "target": "ben", "model": "hero", "source": "anna", "preset": "u64"}
    for name, text in {**texts, "plate_path": "/plates/sh010.%04d.exr", "colorspace": "ACES2065-1"}.items():
        node[name].setValue(text)
    node["first"].setValue(1001)
    node["last"].setValue(1003)
    host.frame = 1002
    return node


def watches() -> list[Any]:
    from understudy_nuke import poller

    return poller._watches()


def press(host: Host, node: Group, button: str) -> None:
    """Presses, and lets Nuke's main thread go on until nothing is followed any more."""
    host.press(node, button)
    host.pump(lambda: not watches())


def wait_for(host: Host, node: Group, engine: Script, kind: str) -> None:
    """Lets Nuke go on until the node follows a job of a kind."""
    host.pump(lambda: engine.records and engine.last.kind == kind and engine.last.id in node["job"].value())


def said(node: Group) -> str:
    return str(node["log"].value())


def test_find_faces_asks_for_one_job_after_the_other(host: Host, filled: Group, engine: Script) -> None:
    press(host, filled, "find_faces")
    assert [kind for kind, _ in engine.asked] == ["shot", "inspect", "extract", "faces"]
    assert engine.requests("shot") == [
        {
            "project": "/film",
            "name": "sh010",
            "plate": "/plates/sh010.%04d.exr",
            "frames": "1001-1003",
            "colorspace": "ACES2065-1",
            "make_project": True,
        }
    ]
    assert engine.requests("extract") == [{"project": "/film", "shot": "sh010", "identity": "ben", "preset": "u64"}]
    assert filled["faces_report"].value() == (
        "face 1: frames 1001-1003, 310.5 px high in the plate\nand 2 smaller ones\nno face in 1004\n"
        "native size of the crop: 300 to 322 px, median 310\nben: 3 crops of 256 px, 1 of them enlarged\n"
        "sheet: /film/shots/sh010/tracks.png"
    )
    assert filled["colorspace_line"].value() == "ACES2065-1: as the shot says"
    assert "8 bits have steps" in said(filled)
    assert said(filled).endswith("Find faces: done.")
    assert (filled["job"].value(), filled["label"].value(), host.messages) == ("", "", [])


def test_a_new_identity_is_added_as_a_target(host: Host, filled: Group, engine: Script) -> None:
    filled["target"].setValue("carl")
    press(host, filled, "find_faces")
    assert engine.requests("identity") == [{"project": "/film", "name": "carl", "role": "target", "synthetic": False}]


@pytest.mark.parametrize(
    "button, number, said_of_it",
    [("assign", 0, {"1": "ben"}), ("assign", 2, {"2": "ben"}), ("unassign", 2, {"2": "-"})],
)
def test_a_face_is_said_to_be_the_target_and_its_crops_are_cut(
    host: Host, filled: Group, engine: Script, button: str, number: int, said_of_it: dict[str, str]
) -> None:
    faces = [{"frames": "1001-1003", "count": 3, "height_px": 300.0, "track": index} for index in (1, 2, 3)]
    named = [{**face, "identity": name} for face, name in zip(faces, ("-", "ben", ""), strict=True)]
    engine.results["faces"].update(tracks=named, more_tracks=0)
    host.edit(filled, "track", number)
    press(host, filled, button)
    assert [kind for kind, _ in engine.asked] == ["shot", "inspect", "faces", "extract", "faces"]
    assert [request.get("assign") for request in engine.requests("faces")] == [said_of_it, None]
    assert filled["faces_report"].value().splitlines()[:3] == [
        "face 1 (nobody's): frames 1001-1003, 300 px high in the plate",
        "face 2 (ben): frames 1001-1003, 300 px high in the plate",
        "face 3: frames 1001-1003, 300 px high in the plate",
    ]


def test_a_swapped_range_is_read_as_the_plate_is(host: Host, filled: Group, engine: Script) -> None:
    inner = filled.node("ResultRead")
    inner["colorspace"].setValues(["default", "Input/ACES2065-1"])
    press(host, filled, "swap_range")
    assert filled["result"].value() == "/film/swaps/sh010/sh010.%04d.exr"
    assert (filled["result_first"].value(), filled["result_last"].value()) == (1001, 1003)
    assert filled["result_colorspace"].value() == "ACES2065-1"
    assert (inner["raw"].value(), inner["colorspace"].value()) == (False, "Input/ACES2065-1")
    assert filled["swap_line"].value() == "1001-1002 written, 1003 kept."
    engine.results["shot"] = {**engine.results["shot"], "result_colorspace": "ACEScg"}
    press(host, filled, "swap_range")
    assert filled["result_colorspace"].value() == "" and inner["raw"].value() is True


def test_a_space_that_nuke_s_menu_lacks_is_told(host: Host, filled: Group, engine: Script) -> None:
    filled.node("ResultRead")["colorspace"].setValues(["default"])
    press(host, filled, "swap_range")
    assert "The result is in ACES2065-1, which is not in this script's menus" in said(filled)


def test_previews_of_further_frames_widen_what_is_read(host: Host, filled: Group, engine: Script) -> None:
    press(host, filled, "swap_frame")
    assert engine.requests("preview") == [{"project": "/film", "shot": "sh010", "model": "hero", "frame": 1002}]
    assert filled["result"].value() == "/film/swaps/sh010/preview/sh010.hero.%04d.exr"
    assert (filled["result_first"].value(), filled["result_last"].value()) == (1002, 1002)
    host.frame = 1005
    press(host, filled, "swap_frame")
    assert (filled["result_first"].value(), filled["result_last"].value()) == (1002, 1005)


def test_training_goes_on_while_a_frame_is_swapped(host: Host, filled: Group, engine: Script) -> None:
    del engine.results["train"], engine.results["preview"]
    filled["minutes"].setValue(1.5)
    host.press(filled, "train")
    host.pump(lambda: filled["job_kind"].value() == "train")
    training = engine.last.id
    assert engine.requests("train")[0]["minutes"] == 1.5
    engine.change(
        *(training,),
        **{"state": JobState.RUNNING, "stage": "training", "done": 0.25, "total": 1.5, "seconds_left": 75.0},
        message="iteration 12, loss 0.2",
    )
    host.pump(lambda: filled["train_line"].value() == "training, 0.25 of 1.5, iteration 12, loss 0.2, 75 s left")
    host.press(filled, "swap_frame")
    wait_for(host, filled, engine, "preview")
    assert filled["job_kind"].value() == "train swap_frame"
    assert filled["job"].value() == f"{training} {engine.last.id}"
    engine.finish()
    host.pump(lambda: filled["job_kind"].value() == "train")
    engine.change(training, state=JobState.DONE, results=dict(Script().results["train"]))
    host.pump(lambda: not watches())
    assert filled["train_line"].value() == "iteration 50, loss 0.1235: reached iteration 50"


def test_stop_and_cancel_stop_what_they_say(host: Host, filled: Group, engine: Script) -> None:
    del engine.results["train"], engine.results["preview"]
    host.press(filled, "train")
    wait_for(host, filled, engine, "train")
    host.press(filled, "swap_frame")
    wait_for(host, filled, engine, "preview")
    host.press(filled, "cancel")
    host.pump(lambda: filled["job_kind"].value() == "train")
    assert filled["swap_line"].value() == "Swap frame: stopped. What is finished stays."
    host.press(filled, "stop_training")
    host.pump(lambda: not watches())
    assert filled["train_line"].value() == "Train: stopped. What is finished stays."
    assert filled["label"].value() == ""
    host.press(filled, "cancel")
    assert said(filled).endswith("Nothing of this node runs that could be stopped.")


def test_what_runs_is_not_begun_twice(host: Host, filled: Group, engine: Script) -> None:
    del engine.results["train"]
    host.press(filled, "train")
    host.press(filled, "train")
    host.pump(lambda: filled["job"].value() != "")
    assert len(engine.requests("train")) == 1
    assert "Train runs already" in said(filled)
    host.press(filled, "stop_training")
    host.pump(lambda: not watches())


def test_a_fault_stands_on_the_label_until_the_next_press(host: Host, filled: Group, engine: Script) -> None:
    filled["label"].setValue("hero face\nsee notes")
    del engine.results["swap"]
    host.press(filled, "swap_range")
    wait_for(host, filled, engine, "swap")
    message = "No snapshot in [exec rm] $HOME {x}: train first."
    engine.fail(engine.last.id, JobError("ModelFileError", message))
    host.pump(lambda: not watches())
    shown = "No snapshot in (exec rm) HOME (x): train first."
    assert filled["label"].value() == f"hero face\nsee notes\nUnderstudy: {shown}"
    assert said(filled).endswith(shown) and filled["swap_line"].value() == shown
    assert host.messages == []
    engine.results["swap"] = Script().results["swap"]
    press(host, filled, "swap_range")
    assert filled["label"].value() == "hero face\nsee notes"


def test_without_an_engine_the_node_says_how_to_get_one(host: Host, filled: Group) -> None:
    press(host, filled, "train")
    assert "understudy serve" in filled["label"].value()
    assert filled["job"].value() == ""


def test_a_request_that_the_engine_refuses_is_told(host: Host, filled: Group, engine: Script) -> None:
    from understudy.errors import ConsentError

    def refuse(kind: str, request: Any) -> Any:
        raise ConsentError("Source identity 'anna' has no consent record.")

    engine.submit = refuse  # type: ignore[method-assign]
    press(host, filled, "train")
    assert "Understudy: Source identity 'anna' has no consent record." in filled["label"].value()


@pytest.mark.parametrize("name,tab", [("project", "Shot"), ("target", "Faces")], ids=["project", "target"])
def test_what_is_not_filled_in_is_named(host: Host, filled: Group, name: str, tab: str) -> None:
    filled[name].setValue("")
    host.press(filled, "find_faces")
    assert "fill in" in filled["label"].value() and f"(tab {tab})" in filled["label"].value()


@pytest.mark.parametrize("project", ["/film/[exec date]", "/film/a%d", "film"])
def test_a_project_folder_that_nuke_would_misread_is_refused(host: Host, filled: Group, project: str) -> None:
    filled["project"].setValue(project.replace("[", "\\["))
    host.press(filled, "train")
    assert "project folder" in filled["label"].value()


def test_the_job_is_found_again_when_the_engine_comes_back(
    host: Host, filled: Group, plugin: Path, runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = Script()
    del script.results["train"]
    with running(script, runtime):
        from understudy_nuke import poller

        monkeypatch.setattr(poller, "_GONE_POLL_S", 0.05)
        host.press(filled, "train")
        host.pump(lambda: filled["job"].value() != "")
        script.change(script.last.id, state=JobState.RUNNING, stage="training")
        host.pump(lambda: filled["train_line"].value() == "training")
    host.pump(lambda: filled["train_line"].value().startswith("The engine does not answer."))
    script.change(script.last.id, state=JobState.FAILED, error=JobError("EngineStopped", "The engine stopped."))
    with running(script, runtime):
        host.pump(lambda: script.last.state is JobState.WAITING)
        assert filled["label"].value() == ""
        host.pump(lambda: "the job goes on" in said(filled))
        script.change(script.last.id, state=JobState.FAILED, error=JobError("EngineStopped", "It stopped again."))
        host.pump(lambda: not watches())
    assert filled["label"].value() == "Understudy: It stopped again."


def test_a_job_is_stopped_in_the_next_engine(
    host: Host, filled: Group, plugin: Path, runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from understudy_nuke import poller

    monkeypatch.setattr(poller, "_GONE_POLL_S", 0.05)
    script = Script()
    del script.results["train"]
    with running(script, runtime):
        host.press(filled, "train")
        wait_for(host, filled, script, "train")
    with running(script, runtime):
        host.press(filled, "stop_training")
        host.pump(lambda: not watches())
    assert script.last.state is JobState.CANCELED
    assert filled["train_line"].value() == "Train: stopped. What is finished stays."


def test_a_job_can_be_given_up_while_no_engine_is_there(
    host: Host, filled: Group, plugin: Path, runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from understudy_nuke import poller

    monkeypatch.setattr(poller, "_GONE_POLL_S", 0.05)
    script = Script()
    del script.results["train"]
    with running(script, runtime):
        host.press(filled, "train")
        wait_for(host, filled, script, "train")
    host.pump(lambda: filled["train_line"].value().startswith("The engine does not answer."))
    host.press(filled, "stop_training")
    host.pump(lambda: not watches())
    assert "followed no more" in filled["train_line"].value()
    assert (filled["job"].value(), filled["label"].value()) == ("", "")


def test_a_deleted_node_is_followed_no_more_and_its_job_goes_on(host: Host, filled: Group, engine: Script) -> None:
    del engine.results["train"]
    host.press(filled, "train")
    host.pump(lambda: filled["job"].value() != "")
    host.delete(filled)
    host.pump(lambda: not watches())
    assert engine.last.state is JobState.WAITING


def test_a_closed_script_is_followed_no_more_and_opened_again_it_is(host: Host, filled: Group, engine: Script) -> None:
    del engine.results["swap"]
    host.press(filled, "swap_range")
    wait_for(host, filled, engine, "swap")
    text = host.text()
    host.close()
    host.pump(lambda: not watches())
    engine.finish()
    host.open(text)
    (again,) = [node for node in host.everything() if node._name == "Understudy1"]
    host.pump(lambda: not watches())
    assert again["result"].value() == "/film/swaps/sh010/sh010.%04d.exr"
    assert again["job"].value() == ""


@pytest.mark.parametrize(
    "kinds,ids", [("train", "a b"), ("x", "20261125-000000"), ("train", "none"), ("[exit]", "[exit]")]
)
def test_a_damaged_note_of_a_job_does_no_harm(host: Host, filled: Group, engine: Script, kinds: str, ids: str) -> None:
    filled["job_kind"].setValue(kinds)
    filled["job"].setValue(ids)
    from understudy_nuke.node import on_create

    on_create(filled)
    host.pump(lambda: not watches())
    assert (engine.asked, filled["label"].value()) == ([], "")


def test_opening_a_script_connects_to_nothing(host: Host, filled: Group, monkeypatch: pytest.MonkeyPatch) -> None:
    from understudy_nuke import session

    monkeypatch.setattr(session, "connected", lambda: pytest.fail("it connects"))
    text = host.text()
    host.open(text)
    assert watches() == []
    assert [node["understudy_version"].value() for node in host.everything() if node._name == "Understudy1"] != [""]


def test_in_a_terminal_everything_runs_straight_through(host: Host, filled: Group, engine: Script) -> None:
    host.has_window = False
    host.press(filled, "find_faces")
    assert "ben: 3 crops" in filled["faces_report"].value()
    host.press(filled, "swap_range")
    assert filled["result_last"].value() == 1003
    assert any("Swap range: done." in line for line in host.printed)
    host.press(filled, "open_training")
    assert "needs Nuke's window" in said(filled)


@pytest.mark.parametrize("button", ["find_faces", "assign", "train", "swap_frame", "swap_range", "cancel", "clear_log"])
def test_a_button_touches_ten_nodes_at_most(host: Host, filled: Group, engine: Script, button: str) -> None:
    for _ in range(15):
        host.create("Blur")
    with host.counting(10):
        press(host, filled, button)


def test_find_engine_says_what_it_found(host: Host, filled: Group, engine: Script) -> None:
    host.press(filled, "find_engine")
    host.pump(lambda: filled["engine_line"].value() != "looking")
    assert "on cpu (process" in filled["engine_line"].value()
    assert filled["label"].value() == ""


def test_an_engine_that_does_not_start_is_told(
    host: Host, filled: Group, plugin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from understudy_nuke import session

    monkeypatch.setattr(session, "engine_command", lambda *_: [sys.executable, "-c", "raise SystemExit('no GPU')"])
    host.press(filled, "find_engine")
    host.pump(lambda: filled["engine_line"].value() != "looking")
    assert "ended at once. It said: no GPU" in filled["engine_line"].value()
    assert "no GPU" in filled["label"].value()


def test_the_engine_does_not_get_nuke_s_own_environment(
    plugin: Path, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    from understudy_nuke.session import clean_environment

    for name in ("PYTHONHOME", "PYTHONPATH", "LD_LIBRARY_PATH", "QT_PLUGIN_PATH", "TCL_LIBRARY", "NUKE_PATH"):
        monkeypatch.setenv(name, "nuke's")
    monkeypatch.setenv("OCIO", "/show/show.ocio")
    found = clean_environment()
    assert "nuke's" not in found.values()
    assert found["OCIO"] == "/show/show.ocio"


def test_keep_live_swaps_a_frame_without_result_once(host: Host, filled: Group, engine: Script, tmp_path: Path) -> None:
    filled["result"].setValue(f"{tmp_path.as_posix()}/a.%04d.exr")
    (tmp_path / "a.1001.exr").write_bytes(b"")
    host.edit(filled, "keep_live", True)
    (look,) = [callback.call for callback in host.callbacks if callback.event == "UpdateUI"]
    for frame in (1001, 1002, 1002):
        host.frame = frame
        host.context.append((filled, None))
        look()
        host.context.pop()
        host.pump(lambda: not watches())
        filled["result"].setValue(f"{tmp_path.as_posix()}/a.%04d.exr")
    assert [request["frame"] for request in engine.requests("preview")] == [1002]
    filled["plate_path"].setValue("/film/plates/sh010/sh010.%04d.exr")
    host.frame = 1003
    host.context.append((filled, None))
    look()
    host.context.pop()
    assert "Keep live needs a plate that is a Read's own files" in said(filled)
    assert len(engine.requests("preview")) == 1


def test_a_plug_in_without_its_client_says_so_on_the_node(
    host: Host, filled: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "understudy_nuke._engine.errors", None)
    host.press(filled, "train")
    assert "understudy install nuke" in filled["label"].value()


def test_a_moved_node_costs_nothing(host: Host, filled: Group) -> None:
    loaded = {name for name in sys.modules if name.startswith("understudy_nuke")}
    for _ in range(100):
        with contextlib.suppress(KeyError):
            host.edit(filled, "xpos", 5)
    assert {name for name in sys.modules if name.startswith("understudy_nuke")} == loaded
