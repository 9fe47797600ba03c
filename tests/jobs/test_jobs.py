"""The whole way with the identity model, which returns its input: plates, colour and compositing without training."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.conftest import write_portrait_project
from understudy.color import DEFAULT_CONFIG
from understudy.errors import (
    ConsentError,
    FacesetError,
    MissingFrameError,
    NoFaceError,
    ProjectError,
    SettingsError,
    UnknownNameError,
)
from understudy.faces.cuts import look_change
from understudy.faces.face import read_found_frames
from understudy.faces.faceset import Faceset
from understudy.jobs.extract import run_extract
from understudy.jobs.faceset_sheet import write_faceset_sheet
from understudy.jobs.inspect import describe
from understudy.jobs.preview import preview_frame
from understudy.jobs.swap import open_swapper, read_manifest, run_swap
from understudy.jobs.train import run_train
from understudy.jobs.verify import verify_folder
from understudy.plates import Frame, read_frame, write_frame
from understudy.progress import OnProgress
from understudy.settings.preset import load_preset
from understudy.settings.project import ProjectFolder, create_project

IDENTITY = load_preset("identity", ["model.size=128"])


def stop_after(count: int) -> OnProgress:
    calls = []

    def on_progress(progress: object) -> bool:
        calls.append(progress)
        return len(calls) < count

    return on_progress


@pytest.fixture(scope="module")
def made_swappable(tmp_path_factory: pytest.TempPathFactory, portrait_plate: Callable[..., np.ndarray]) -> Path:
    path = tmp_path_factory.mktemp("swappable")
    folder = write_portrait_project(path, portrait_plate)
    run_extract(folder, "sh010", "eileen", IDENTITY)
    run_extract(folder, "sh010", "double", IDENTITY)
    run_train(folder, "m", IDENTITY)
    return path


@pytest.fixture
def swappable(made_swappable: Path, tmp_path: Path) -> ProjectFolder:
    """The portrait's project, extracted, with identity model `m`."""
    shutil.copytree(made_swappable, tmp_path, dirs_exist_ok=True)
    return ProjectFolder.open(tmp_path / "project")


def plate_of(folder: ProjectFolder, number: int) -> Frame:
    return read_frame(folder.path.parent / "plates" / f"sh010.{number}.exr")


def test_extract_makes_a_faceset(portrait_project: ProjectFolder) -> None:
    made = run_extract(portrait_project, "sh010", "eileen", IDENTITY)
    assert (made.completed, made.cropped, made.kept, made.without_face) == (True, 3, 0, ())
    faceset = Faceset.open(portrait_project.faceset("eileen"))
    assert [record.frame for record in faceset.records.values()] == [1001, 1002, 1003]
    assert read_frame(faceset.crop_path("sh010", 1001)).pixels.shape == (160, 160, 4)
    gains = np.array(faceset.shots["sh010"].training.gains)
    median = np.median([record.face_rgb for record in faceset.records.values()], axis=0)
    np.testing.assert_allclose(gains * median, 0.18, rtol=1e-5)
    looks = [found.look for found in read_found_frames(portrait_project.faces_file("sh010")).values()]
    assert {len(look) for look in looks} == {48} and look_change(looks[0], looks[1]) < 0.1


def test_extract_again_makes_nothing_new(portrait_project: ProjectFolder) -> None:
    run_extract(portrait_project, "sh010", "eileen", IDENTITY)
    before = {path: path.stat().st_mtime_ns for path in portrait_project.faceset("eileen").rglob("*.exr")}
    again = run_extract(portrait_project, "sh010", "eileen", IDENTITY)
    assert (again.cropped, again.kept) == (0, 3)
    assert before == {path: path.stat().st_mtime_ns for path in portrait_project.faceset("eileen").rglob("*.exr")}


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_extract_stopped_anywhere_ends_as_if_it_had_not_been(
    portrait_project: ProjectFolder, tmp_path: Path, count: int
) -> None:
    assert not run_extract(portrait_project, "sh010", "eileen", IDENTITY, on_progress=stop_after(count)).completed
    assert run_extract(portrait_project, "sh010", "eileen", IDENTITY).completed
    stopped = Faceset.open(portrait_project.faceset("eileen"))
    run_extract(portrait_project, "sh010", "double", IDENTITY)
    whole = Faceset.open(portrait_project.faceset("double"))
    assert [record.stamp for record in stopped.records.values()] == [record.stamp for record in whole.records.values()]
    assert stopped.shots == whole.shots


def test_a_plate_that_was_rendered_again_is_extracted_again(portrait_project: ProjectFolder) -> None:
    run_extract(portrait_project, "sh010", "eileen", IDENTITY)
    path = portrait_project.path.parent / "plates" / "sh010.1002.exr"
    write_frame(path, Frame.of(plate_of(portrait_project, 1002).pixels * 1.5))
    os.utime(path, ns=(1, 1))
    assert run_extract(portrait_project, "sh010", "eileen", IDENTITY).cropped >= 1


def test_small_faces_are_left_out_or_reported(portrait_project: ProjectFolder) -> None:
    made = run_extract(portrait_project, "sh010", "eileen", load_preset("identity", ["model.size=512"]))
    assert made.enlarged == (1001, 1002, 1003)
    strict = ProjectFolder(portrait_project.path, portrait_project.with_overrides(("min_native=4000",)))
    with pytest.raises(NoFaceError, match="fewer than 4000 plate pixels"):
        run_extract(strict, "sh010", "double", IDENTITY)


def test_a_faceset_of_another_size_is_not_mixed(portrait_project: ProjectFolder) -> None:
    run_extract(portrait_project, "sh010", "eileen", IDENTITY)
    with pytest.raises(SettingsError, match="holds crops for 128 px"):
        run_extract(portrait_project, "sh010", "eileen", load_preset("identity", ["model.size=64"]))


def test_pixels_outside_the_matte_of_a_composite_are_bit_identical(swappable: ProjectFolder) -> None:
    made = run_swap(swappable, "sh010", "m", with_comp=True)
    assert made.completed and made.written == (1001, 1002, 1003)
    for number in made.written:
        plate = plate_of(swappable, number)
        comp = read_frame(made.folder / "comp" / f"sh010_comp.{number}.exr")
        layers = read_frame(made.folder / f"sh010.{number}.exr")
        matte = np.zeros(plate.pixels.shape[:2], np.float32)
        matte[layers.data_window.slices(plate.data_window)] = layers.channel("face.A")
        np.testing.assert_array_equal(comp.pixels[matte == 0], plate.pixels[matte == 0])
        assert (comp.pixels[matte > 0] != plate.pixels[matte > 0]).any()


def test_200_and_below_zero_come_back_within_a_thousandth(
    tmp_path: Path, portrait_project: ProjectFolder, portrait_plate
) -> None:
    """A face with a lamp of 200 and a dip to -0.1 on it, as soft as a lens makes them, the whole way and back."""
    preset = load_preset("identity", ["model.size=256"])
    y, x = np.mgrid[0:960, 0:1280].astype(np.float32)

    def spot(column: float, row: float, width: float) -> np.ndarray:
        return np.exp(-((x - column) ** 2 + (y - row) ** 2) / (2 * width**2))[..., None]

    face = cv2.GaussianBlur(portrait_plate(1280, 960, 860, 100, 40), (0, 0), 4)
    hdr = face + (210.0 * spot(430, 280, 9) - 0.55 * spot(520, 260, 12)).astype(np.float32)
    assert hdr.max() > 200 and hdr.min() < -0.1
    write_frame(
        tmp_path / "hdr.1.exr",
        Frame(
            hdr, ("R", "G", "B"), Frame.of(hdr).data_window, Frame.of(hdr).data_window, float_channels=frozenset("RGB")
        ),
    )
    folder = portrait_project.save(
        portrait_project.with_shot("hdr", {"plate": str(tmp_path / "hdr.1.exr"), "colorspace": "ACEScg"})
    )
    for identity in ("eileen", "double"):
        run_extract(folder, "hdr", identity, preset)
    run_train(folder, "hdr", preset)
    made = run_swap(folder, "hdr", "hdr", with_comp=True)
    layers = read_frame(made.folder / "hdr.0001.exr")
    core = np.zeros(hdr.shape[:2], bool)
    core[layers.data_window.slices(Frame.of(hdr).data_window)] = layers.channel("core.A") == 1
    comp = read_frame(made.folder / "comp" / "hdr_comp.0001.exr").rgb()
    assert hdr[core].max() > 200 and hdr[core].min() < -0.1
    error = np.abs(comp - hdr)[core] / np.maximum(np.abs(hdr[core]), 0.05)
    assert error.max() < 1e-3


def test_a_frame_that_is_there_is_kept_and_one_that_is_gone_is_made(swappable: ProjectFolder) -> None:
    made = run_swap(swappable, "sh010", "m", with_comp=True)
    (made.folder / "comp" / "sh010_comp.1002.exr").unlink()
    again = run_swap(swappable, "sh010", "m", with_comp=True)
    assert (again.written, again.kept) == ((1002,), (1001, 1003))


@pytest.mark.parametrize("count", [1, 2])
def test_swap_stopped_anywhere_goes_on(swappable: ProjectFolder, count: int) -> None:
    first = run_swap(swappable, "sh010", "m", on_progress=stop_after(count))
    assert (first.completed, len(first.written)) == (False, count)
    again = run_swap(swappable, "sh010", "m")
    assert again.completed and again.kept == first.written


def test_other_settings_write_again_and_skip_existing_does_not(swappable: ProjectFolder) -> None:
    run_swap(swappable, "sh010", "m")
    with_st = ProjectFolder(swappable.path, swappable.with_overrides(("swap.st_map=true",)))
    assert run_swap(with_st, "sh010", "m", skip_existing=True).written == ()
    assert run_swap(with_st, "sh010", "m").written == (1001, 1002, 1003)


def test_unblended_crops_are_written_on_request(swappable: ProjectFolder) -> None:
    folder = ProjectFolder(swappable.path, swappable.with_overrides(("swap.crops=true",)))
    made = run_swap(folder, "sh010", "m", frames="1002")
    assert read_frame(made.folder / "crop" / "sh010_crop.1002.exr").pixels.shape == (128, 128, 3)


def test_every_result_says_what_it_is_and_verify_notices_a_change(swappable: ProjectFolder) -> None:
    made = run_swap(swappable, "sh010", "m")
    metadata = read_frame(made.folder / "sh010.1001.exr").metadata
    assert metadata["understudy/digitalSourceType"].endswith("compositeWithTrainedAlgorithmicMedia")
    assert metadata["understudy/recipeHash"] == read_manifest(made.folder / "manifest.jsonl")[1001]["recipe"]
    assert verify_folder(made.folder).faults == ()
    path = made.folder / "sh010.1002.exr"
    path.write_bytes(path.read_bytes() + b"x")
    assert verify_folder(made.folder).faults == ("sh010.1002.exr: was changed after it was written",)


def test_a_frame_without_face_gives_an_empty_result(swappable: ProjectFolder) -> None:
    write_frame(swappable.path.parent / "plates" / "sh010.1004.exr", Frame.of(np.full((480, 640, 3), 0.18)))
    folder = swappable.save(
        swappable.with_shot(
            "sh010", {"plate": "../plates/sh010.####.exr", "colorspace": "ACEScg", "frames": "1001-1004"}
        )
    )
    assert run_extract(folder, "sh010", "eileen", IDENTITY).without_face == (1004,)
    made = run_swap(folder, "sh010", "m", frames="1004", with_comp=True)
    assert made.without_face == (1004,)
    assert read_frame(made.folder / "sh010.1004.exr").pixels.max() == 0
    comp = read_frame(made.folder / "comp" / "sh010_comp.1004.exr")
    np.testing.assert_array_equal(comp.pixels, read_frame(swappable.path.parent / "plates" / "sh010.1004.exr").pixels)


def test_a_plate_in_another_space_gives_its_result_in_that_space(swappable: ProjectFolder, color) -> None:
    rec709 = color.converted(plate_of(swappable, 1001).pixels, "ACEScg", "lin_rec709_scene")
    write_frame(swappable.path.parent / "rec709.1.exr", Frame.of(rec709))
    folder = swappable.save(
        swappable.with_shot("rec709", {"plate": "../rec709.1.exr", "colorspace": "lin_rec709_scene"})
    )
    run_extract(folder, "rec709", "eileen", IDENTITY)
    made = run_swap(folder, "rec709", "m", with_comp=True)
    comp = read_frame(made.folder / "comp" / "rec709_comp.0001.exr").rgb()
    acescg = read_frame(
        run_swap(folder, "sh010", "m", frames="1001", with_comp=True).folder / "comp" / "sh010_comp.1001.exr"
    )
    np.testing.assert_allclose(color.converted(comp, "lin_rec709_scene", "ACEScg"), acescg.rgb(), atol=0.02)


def test_preview_writes_one_frame_to_look_at(swappable: ProjectFolder) -> None:
    exr, png = preview_frame(swappable, "sh010", "m", 1002)
    assert read_frame(exr).channel("face.A").max() == 1
    assert cv2.imread(str(png)).shape[1] == 3 * 640 + 8


def test_preview_uses_what_is_loaded_already(swappable: ProjectFolder) -> None:
    swapper = open_swapper(swappable, "sh010", "m")
    cold = preview_frame(swappable, "sh010", "m", 1002)[0].read_bytes()
    shutil.rmtree(swappable.model("m"))
    assert preview_frame(swappable, "sh010", "m", 1002, swapper)[0].read_bytes() == cold


def test_a_faceset_can_be_looked_at(swappable: ProjectFolder) -> None:
    facts = describe(str(swappable.faceset("eileen")))
    assert (facts["kind"], facts["crops"], facts["size"]) == ("faceset", 3, 128)
    assert cv2.imread(str(write_faceset_sheet(swappable, "eileen"))) is not None


def test_without_consent_nothing_is_trained_or_swapped(swappable: ProjectFolder) -> None:
    folder = swappable.save(swappable.with_identity("double", {"role": "source"}))
    with pytest.raises(ConsentError, match="understudy identity add double"):
        run_train(folder, "other", IDENTITY)
    with pytest.raises(ConsentError, match="understudy identity add double"):
        run_swap(folder, "sh010", "m")
    assert not folder.model("other").exists() and not folder.swaps("sh010").exists()


def test_a_missing_frame_is_named_before_anything_is_made(portrait_project: ProjectFolder) -> None:
    (portrait_project.path.parent / "plates" / "sh010.1002.exr").unlink()
    with pytest.raises(MissingFrameError, match="lacks frame 1002"):
        run_extract(portrait_project, "sh010", "eileen", IDENTITY)
    assert not portrait_project.faces_file("sh010").exists()


def test_a_plate_without_face_is_one_sentence(tmp_path: Path) -> None:
    write_frame(tmp_path / "a.1.exr", Frame.of(np.full((120, 160, 3), 0.18)))
    folder = create_project(tmp_path / "p", DEFAULT_CONFIG)
    folder = folder.save(folder.with_shot("empty", {"plate": "../a.1.exr", "colorspace": "ACEScg"}))
    folder = folder.save(folder.with_identity("nobody", {"role": "target"}))
    with pytest.raises(NoFaceError, match="No face was found in 1 frames of shot 'empty'"):
        run_extract(folder, "empty", "nobody", IDENTITY)


def test_an_unknown_space_names_the_near_ones(portrait_project: ProjectFolder) -> None:
    folder = portrait_project.save(
        portrait_project.with_shot("sh010", {"plate": "../plates/sh010.####.exr", "colorspace": "ACEScc g"})
    )
    with pytest.raises(UnknownNameError, match="ACEScg"):
        run_extract(folder, "sh010", "eileen", IDENTITY)


def test_a_shot_that_was_not_extracted_says_which_command_does_it(swappable: ProjectFolder) -> None:
    folder = swappable.save(swappable.with_shot("new", {"plate": "../plates/sh010.####.exr", "colorspace": "ACEScg"}))
    with pytest.raises(FacesetError, match="understudy extract new --identity eileen"):
        run_swap(folder, "new", "m")


def test_frames_that_are_not_the_shots_are_refused(swappable: ProjectFolder) -> None:
    with pytest.raises(SettingsError, match="1001-1003, not 1010"):
        run_swap(swappable, "sh010", "m", frames="1002,1010")


def test_a_model_stays_with_its_pair(swappable: ProjectFolder) -> None:
    folder = swappable.save(swappable.with_identity("other", {"role": "source", "synthetic": True}))
    with pytest.raises(ProjectError, match="trained with the source identity 'double'"):
        run_train(folder, "m", IDENTITY, source="other")
    with pytest.raises(ProjectError, match="several source identities"):
        run_train(folder, "m2", IDENTITY)


def test_a_manifest_cut_short_by_a_kill_costs_one_frame(swappable: ProjectFolder) -> None:
    made = run_swap(swappable, "sh010", "m")
    manifest = made.folder / "manifest.jsonl"
    manifest.write_text(manifest.read_text()[:-20])
    assert run_swap(swappable, "sh010", "m").written == (1003,)
    assert json.loads(manifest.read_text().splitlines()[-1])["frame"] == 1003
