"""What the node shows: its graph, computed from files that the engine wrote."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.jobs.made_up_shot import coded_plate, made_up_shot, textured_plate
from tests.nuke_plugin.stand_in import Group, Host, Node
from tests.nuke_plugin.stand_in.pictures import RGBA, Picture, picture_of_frame
from understudy.color import ColorConfig
from understudy.geometry import Box
from understudy.jobs.swap import run_swap
from understudy.plates import Frame, read_frame, write_frame

MATTES = ("face.alpha", "core.alpha", "edge.alpha", "confidence.alpha")


@dataclass(frozen=True)
class Swapped:
    """A shot of two frames that the engine has swapped, with a model that changes nothing, and composited."""

    plates: str
    result: str
    comp: str

    def picture(self, pattern: str, number: int = 1001) -> Picture:
        return picture_of_frame(read_frame(Path(pattern.replace("####", str(number)))), (1001, 1002))

    def face_box(self) -> Box:
        return self.picture(self.result).box


@pytest.fixture(scope="module")
def swapped(tmp_path_factory: pytest.TempPathFactory) -> Swapped:
    return swap(tmp_path_factory.mktemp("swapped"), [textured_plate(1), textured_plate(2)], "ACEScg")


def swap(place: Path, plates: list[Frame], colorspace: str) -> Swapped:
    with pytest.MonkeyPatch.context() as monkeypatch:
        folder = made_up_shot(place, monkeypatch, plates, colorspace)
        made = run_swap(folder, "s", "m", with_comp=True)
    return Swapped(
        str(place / "plates" / "s.####.exr"),
        str(made.folder / "s.####.exr"),
        str(made.folder / "comp" / "s_comp.####.exr"),
    )


def read_node(host: Host, pattern: str) -> Node:
    read = host.create("Read")
    for name, value in {"file": pattern, "first": 1001, "last": 1002, "raw": True, "selected": False}.items():
        read._knob(name).setValue(value)
    return read


@pytest.fixture
def shot(host: Host, node: Group, swapped: Swapped) -> Iterator[Group]:
    """The node over its plate, with the result in it."""
    node.setInput(0, read_node(host, swapped.plates))
    for name, value in {"first": 1001, "last": 1002, "result": swapped.result}.items():
        node[name].setValue(value)
    host.frame = 1001
    yield node


@pytest.fixture
def plate(host: Host, shot: Group) -> Picture:
    upstream = shot.input(0)
    assert upstream is not None
    return host.picture(upstream)


def inside(shot: Group, name: str) -> Node:
    node = shot.node(name)
    assert node is not None
    return node


def linked(shot: Group, name: str) -> Any:
    knob: Any = shot[name]
    return knob.getLinkedKnob()


def values_of(picture: Picture, box: Box | None = None, names: tuple[str, ...] = RGBA) -> np.ndarray:
    return picture.layer(names, box)


def same(picture: Picture, wanted: Picture, names: tuple[str, ...] = RGBA) -> None:
    np.testing.assert_array_equal(picture.layer(names, wanted.box), wanted.layer(names))


@pytest.mark.parametrize("number", [1001, 1002])
def test_an_untouched_node_gives_the_engines_composite(host: Host, shot: Group, swapped: Swapped, number: int) -> None:
    shown, comp = host.picture(shot, number), swapped.picture(swapped.comp, number)
    assert (shown.box, shown.size, shown.pixel_aspect) == (comp.box, comp.size, comp.pixel_aspect)
    np.testing.assert_array_equal(values_of(shown).astype(np.float16), values_of(comp).astype(np.float16))
    assert not np.array_equal(values_of(shown), values_of(swapped.picture(swapped.plates, number)))


def test_the_mattes_travel_as_layers(host: Host, shot: Group, swapped: Swapped) -> None:
    same(host.picture(shot), swapped.picture(swapped.result), MATTES)


def test_without_a_result_it_gives_the_plate(host: Host, shot: Group, plate: Picture) -> None:
    shot["result"].setValue("")
    same(host.picture(shot), plate)
    assert host.picture(shot).box == plate.box


def test_a_frame_that_is_not_swapped_yet_is_the_plate(host: Host, shot: Group, plate: Picture, tmp_path: Path) -> None:
    shot["result"].setValue(str(tmp_path / "nothing.####.exr"))
    same(host.picture(shot), plate)


def test_outside_of_the_results_range_it_gives_the_plate(host: Host, shot: Group, plate: Picture) -> None:
    shot["result_first"].setValue(1002)
    shot["result_last"].setValue(1002)
    same(host.picture(shot, 1001), plate)


def test_the_results_own_range_goes_before_the_shots(host: Host, shot: Group, swapped: Swapped) -> None:
    before = values_of(host.picture(shot))
    for name, value in {"first": 7, "last": 9, "result_first": 1001, "result_last": 1002}.items():
        shot[name].setValue(value)
    np.testing.assert_array_equal(values_of(host.picture(shot)), before)


def test_the_face_alone_is_what_the_file_holds(host: Host, shot: Group, swapped: Swapped) -> None:
    shot["output"].setValue("face")
    same(host.picture(shot), swapped.picture(swapped.result), (*RGBA, *MATTES))


@pytest.mark.parametrize("name", ["face", "core", "edge", "confidence"])
def test_the_matte_is_the_chosen_one_in_all_four_channels(host: Host, shot: Group, swapped: Swapped, name: str) -> None:
    shot["output"].setValue("matte")
    shot["which_matte"].setValue(name)
    wanted = swapped.picture(swapped.result)
    for channel in RGBA:
        np.testing.assert_array_equal(
            host.picture(shot).plane(channel, wanted.box), wanted.plane(f"{name}.alpha"), err_msg=channel
        )


CHANGES: dict[str, Callable[[Group], Any]] = {
    "core": lambda node: node["which_matte"].setValue("core"),
    "erode": lambda node: node["erode"].setValue(4.0),
    "grow": lambda node: node["erode"].setValue(-6.0),
    "feather": lambda node: node["feather"].setValue(9.0),
    "mix": lambda node: node["mix"].setValue(0.5),
    "gain": lambda node: linked(node, "face_gain").setValue(1.5),
    **{f"gain of {name}": lambda node, i=i: linked(node, "face_gain").setValue(1.5, i) for i, name in enumerate("rgb")},
    **{
        f"gamma of {name}": lambda node, i=i: linked(node, "face_gamma").setValue(1.2, i)
        for i, name in enumerate("rgb")
    },
    "saturation": lambda node: linked(node, "face_saturation").setValue(0.5),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_seen_inside_the_faces_box_and_nowhere_else(
    host: Host, shot: Group, swapped: Swapped, plate: Picture, change: str
) -> None:
    inside(shot, "FaceGrade")["add"].setValue(0.2)  # another face than the plate's, or no matte would show
    inside(shot, "Changed")["which"].setExpression("1")
    before = values_of(host.picture(shot))
    CHANGES[change](shot)
    after = values_of(host.picture(shot))
    outside = np.ones(before.shape[:2], bool)
    outside[swapped.face_box().slices(plate.box)] = False
    np.testing.assert_array_equal(after[outside], values_of(plate)[outside])
    assert np.abs(after - before)[..., :3].max() > 1e-3


@pytest.mark.parametrize("change", [name for name in CHANGES if name != "mix"])
def test_any_one_change_takes_the_reworked_face(host: Host, shot: Group, change: str) -> None:
    assert inside(shot, "Changed")["which"].value() == 0
    CHANGES[change](shot)
    assert inside(shot, "Changed")["which"].value() == 1


def test_the_result_is_read_raw_unless_the_plug_in_names_a_space(host: Host, shot: Group) -> None:
    assert inside(shot, "ResultRead")["raw"].value() is True


def matte_of(host: Host, shot: Group, box: Box, **knobs: float) -> np.ndarray:
    shot["output"].setValue("matte")
    for name in ("erode", "feather"):
        shot[name].setValue(float(knobs.get(name, 0)))
    return host.picture(shot).plane("rgba.alpha", box)


def test_eroding_shrinks_and_growing_grows_up_to_where_the_face_ends(host: Host, shot: Group, swapped: Swapped) -> None:
    box = swapped.face_box()
    untouched = matte_of(host, shot, box)
    shrunk, grown = matte_of(host, shot, box, erode=5), matte_of(host, shot, box, erode=-5)
    assert np.all(shrunk <= untouched) and shrunk.sum() < 0.95 * untouched.sum()
    assert np.all(grown >= untouched - 1e-6) and grown.sum() > 1.02 * untouched.sum()
    assert np.all(grown[untouched == 0] == 0)


def test_a_feathered_matte_never_darkens_the_plate_where_there_is_no_face(
    host: Host, shot: Group, swapped: Swapped
) -> None:
    box = swapped.face_box().grown(30)
    held = swapped.picture(swapped.result).plane("face.alpha", box)
    feathered = matte_of(host, shot, box, feather=25)
    assert np.all(feathered <= np.minimum(1, 8 * held) + 1e-6)
    assert feathered.max() > 0.5


def test_a_gain_doubles_the_face_and_leaves_its_matte(host: Host, shot: Group, swapped: Swapped) -> None:
    shot["output"].setValue("face")
    linked(shot, "face_gain").setValue(2.0)
    face, shown = swapped.picture(swapped.result), host.picture(shot)
    same(shown, face, ("rgba.alpha",))
    np.testing.assert_allclose(shown.layer(RGBA[:3], face.box), 2 * face.layer(RGBA[:3]), rtol=1e-6)


def test_values_below_0_and_above_1_survive_the_grade(host: Host, shot: Group, swapped: Swapped) -> None:
    shot["output"].setValue("face")
    linked(shot, "face_saturation").setValue(0.999)
    face, shown = swapped.picture(swapped.result), host.picture(shot)
    assert face.layer(RGBA[:3]).min() < -0.05 and face.layer(RGBA[:3]).max() > 20
    np.testing.assert_allclose(shown.layer(RGBA[:3], face.box), face.layer(RGBA[:3]), rtol=0.01, atol=0.02)


def test_a_round_trip_through_unpremult_changes_no_value_by_more_than_one_step_of_half(
    host: Host, shot: Group, swapped: Swapped
) -> None:
    plain = values_of(host.picture(shot)).astype(np.float16)
    inside(shot, "Changed")["which"].setExpression("1")
    shown = values_of(host.picture(shot)).astype(np.float16)
    steps = np.abs(plain.view(np.int16).astype(int) - shown.view(np.int16).astype(int))
    assert steps[np.sign(plain) == np.sign(shown)].max() <= 1
    assert (steps != 0).mean() < 0.001


def test_mix_0_is_the_plate(host: Host, shot: Group, plate: Picture) -> None:
    shot["mix"].setValue(0.0)
    same(host.picture(shot), plate)


def test_what_is_before_the_face_holds_it_out(
    host: Host, shot: Group, swapped: Swapped, plate: Picture, tmp_path: Path
) -> None:
    """An occlusion over the left 100 columns, soft in the 20 after them."""
    before = values_of(host.picture(shot))
    alpha = np.tile(np.clip((120 - np.arange(200)) / 20, 0, 1).astype(np.float16).astype(np.float32), (160, 1))
    write_frame(tmp_path / "roto.1001.exr", Frame.of(alpha))
    shot.setInput(1, read_node(host, str(tmp_path / "roto.####.exr")))
    after, left = values_of(host.picture(shot)), -plate.box.left
    np.testing.assert_array_equal(after[:, : left + 100], values_of(plate)[:, : left + 100])
    np.testing.assert_array_equal(after[:, left + 120 :], before[:, left + 120 :])
    soft = np.s_[6:166, left + 100 : left + 120]
    face = swapped.picture(swapped.result).layer(RGBA, plate.box)[soft] * (1 - alpha[:, 100:120, None])
    np.testing.assert_allclose(after[soft], face + values_of(plate)[soft] * (1 - face[..., 3:]), rtol=1e-6, atol=1e-6)
    assert np.abs(after - before).max() > 0.01


def test_a_script_without_the_plug_in_renders_the_comp_from_disk(
    host: Host, shot: Group, swapped: Swapped, tmp_path: Path
) -> None:
    write = host.create("Write")
    for name, value in {"file": str(tmp_path / "out.%04d.exr"), "file_type": "exr", "channels": "rgba"}.items():
        write[name].setValue(value)
    write["raw"].setValue(True)
    write.setInput(0, shot)
    text = host.text()
    host.has_window, host.plugin_paths = False, []
    host.open(text)
    loaded = host.root_node._child(write._name)
    assert loaded is not None
    host.render(loaded, [1001, 1002])
    for number in (1001, 1002):
        comp = read_frame(Path(swapped.comp.replace("####", str(number))))
        written = read_frame(tmp_path / f"out.{number}.exr")
        np.testing.assert_array_equal(written.layer(("R", "G", "B", "A")), comp.layer(("R", "G", "B", "A")))


LINEAR_709 = "Linear Rec.709 (sRGB)"


def test_a_log_plate_read_in_its_space_gives_the_composite_in_the_working_space(
    host: Host, node: Group, tmp_path: Path
) -> None:
    swapped = swap(tmp_path, [coded_plate()], "ACEScct")
    read = read_node(host, swapped.plates)
    read["raw"].setValue(False)
    read["colorspace"].setValue("ACEScct")
    node.setInput(0, read)
    node["result"].setValue(swapped.result)
    node["last"].setValue(1001)
    shown, comp = host.picture(node, 1001), swapped.picture(swapped.comp)
    np.testing.assert_array_equal(values_of(shown).astype(np.float16), values_of(comp).astype(np.float16))


def test_a_result_in_another_space_is_brought_into_the_working_space(
    host: Host, node: Group, tmp_path: Path, color: ColorConfig
) -> None:
    """As the plug-in sets it up: raw off, and the space by name."""
    swapped = swap(tmp_path, [textured_plate()], LINEAR_709)
    read = read_node(host, swapped.plates)
    for one in (read, inside(node, "ResultRead")):
        one["raw"].setValue(False)
        one["colorspace"].setValue(LINEAR_709)
    node.setInput(0, read)
    node["result"].setValue(swapped.result)
    node["last"].setValue(1001)
    comp = swapped.picture(swapped.comp)
    wanted = color.converted(np.ascontiguousarray(comp.layer(RGBA[:3])), LINEAR_709, "ACEScg")
    shown = host.picture(node, 1001)
    np.testing.assert_allclose(shown.layer(RGBA[:3], comp.box), wanted, rtol=2e-3, atol=2e-3)
