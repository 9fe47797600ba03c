"""Plates as jobs meet them: holes, movies, anamorphic pixels, pixels that are no numbers, layers."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from understudy.cli import main
from understudy.errors import MissingFrameError, PlateError, SettingsError
from understudy.faces.alignment import fit_alignment
from understudy.faces.face import read_found_frames
from understudy.faces.faceset import Faceset
from understudy.geometry import apply_transform
from understudy.jobs.extract import run_extract
from understudy.jobs.inspect import describe
from understudy.jobs.preview import preview_frame
from understudy.jobs.shot import open_shot
from understudy.jobs.swap import run_swap
from understudy.jobs.train import run_train
from understudy.plates import Frame, read_frame, timecode_text, write_frame
from understudy.settings.preset import load_preset
from understudy.settings.project import ProjectFolder

IDENTITY = load_preset("identity", ["model.size=128"])


def plate_path(folder: ProjectFolder, number: int) -> Path:
    return folder.path.parent / "plates" / f"sh010.{number}.exr"


def with_shot(folder: ProjectFolder, name: str = "sh010", **values: object) -> ProjectFolder:
    entry = {"plate": "../plates/sh010.####.exr", "colorspace": "ACEScg", "frames": "1001-1005", **values}
    return folder.save(folder.with_shot(name, entry))


def crops(folder: ProjectFolder, identity: str = "eileen") -> dict[int, np.ndarray]:
    faceset = Faceset.open(folder.faceset(identity))
    return {frame: read_frame(faceset.crop_path(shot, frame)).pixels for shot, frame in faceset.records}


@pytest.fixture
def holed(portrait_project: ProjectFolder) -> ProjectFolder:
    """Frame 1002 is gone, and the shot goes on to 1005, two frames beyond what is on disk."""
    plate_path(portrait_project, 1002).unlink()
    return portrait_project


def test_a_hole_stops_the_job_unless_the_shot_says_more(holed: ProjectFolder) -> None:
    with pytest.raises(MissingFrameError, match=r"lacks frame 1002,1004-1005.*--missing hold"):
        open_shot(with_shot(holed), "sh010")


def test_held_frames_show_the_nearest_earlier_one(holed: ProjectFolder, caplog: pytest.LogCaptureFixture) -> None:
    folder = with_shot(holed, frames="1000-1005", missing="hold")
    with caplog.at_level(logging.WARNING):
        shot = open_shot(folder, "sh010")
    assert [shot.plate.source(number) for number in shot.frames] == [1001, 1001, 1001, 1003, 1003, 1003]
    assert [record.message for record in caplog.records if "is held" in record.message] == [
        "Shot sh010: frame 1000-1004x2,1005 is not on disk; the nearest earlier frame is held."
    ]
    np.testing.assert_array_equal(shot.read(1002).pixels, read_frame(plate_path(folder, 1001)).pixels)
    assert timecode_text(shot.read(1005).metadata["smpte:TimeCode"]) == "01:00:00:04"
    assert shot.stamp(1002) == shot.stamp(1001) != shot.stamp(1003)


def test_held_frames_go_the_whole_way_under_their_own_numbers(holed: ProjectFolder) -> None:
    folder = with_shot(holed, frames="1001-1004", missing="hold")
    made = [run_extract(folder, "sh010", identity, IDENTITY) for identity in ("eileen", "double")]
    assert made[0].cropped == 4
    assert list(crops(folder)) == [1001, 1002, 1003, 1004]
    run_train(folder, "m", IDENTITY)
    swapped = run_swap(folder, "sh010", "m", with_comp=True)
    assert swapped.written == (1001, 1002, 1003, 1004)
    held = read_frame(swapped.folder / "comp" / "sh010_comp.1004.exr")
    assert held.metadata["understudy/frame"] == 1004
    hashes = [
        read_frame(swapped.folder / f"sh010.{number}.exr").metadata["understudy/plateHash"] for number in (1003, 1004)
    ]
    assert hashes[0] == hashes[1]
    exr, _ = preview_frame(folder, "sh010", "m", 1002)
    assert read_frame(exr).channel("face.A").max() == 1


def test_skipped_frames_are_left_out(holed: ProjectFolder) -> None:
    folder = with_shot(holed, missing="skip")
    shot = open_shot(folder, "sh010")
    assert shot.frames == (1001, 1003)
    assert shot.choose("1002-1004") == (1003,)
    with pytest.raises(SettingsError, match=r"Frame 1002 .* is skipped"):
        shot.choose("1002")
    with pytest.raises(SettingsError, match="has the frames 1001,1003, not 1009"):
        shot.choose("1009")
    assert run_extract(folder, "sh010", "eileen", IDENTITY).searched == 2


def test_shot_add_takes_what_missing_frames_do(holed: ProjectFolder, capsys: pytest.CaptureFixture[str]) -> None:
    pattern = str(plate_path(holed, 0)).replace(".0.", ".####.")
    assert main(["-C", str(holed.path), "shot", "add", "a", "--plate", pattern, "--missing", "hold"]) == 0
    assert "added shot a: 3 frames" in capsys.readouterr().out
    assert ProjectFolder.open(holed.path).shot("a").missing == "hold"
    assert main(["-C", str(holed.path), "shot", "add", "b", "--plate", pattern, "--frames", "1-9"]) == 1
    assert "--missing hold" in capsys.readouterr().err


def test_an_anamorphic_plate_gives_the_crop_of_the_square_one(
    portrait_project: ProjectFolder, portrait_plate: Callable[..., np.ndarray]
) -> None:
    """The same picture, once squeezed to half its width with pixels twice as wide."""
    square = portrait_plate(1280, 960, 840, 120, 40)
    squeezed = cv2.resize(square, (640, 960), interpolation=cv2.INTER_AREA)
    plates = portrait_project.path.parent / "plates"
    write_frame(plates / "square.1.exr", Frame.of(square))
    write_frame(plates / "squeezed.1.exr", replace(Frame.of(squeezed), pixel_aspect=2.0))
    alignments, found = {}, {}
    for name, identity in (("square", "eileen"), ("squeezed", "double")):
        folder = with_shot(portrait_project, name, plate=f"../plates/{name}.1.exr", frames="1")
        run_extract(folder, name, identity, IDENTITY)
        (record,) = (one for one in Faceset.open(folder.faceset(identity)).records.values() if one.shot == name)
        alignments[name] = record.alignment
        (found[name],) = read_found_frames(folder.faces_file(name))[1].faces
        portrait_project = folder
    points = np.array([[500.0, 200.0], [600.0, 320.0], [480.0, 330.0]])
    there = apply_transform(alignments["squeezed"].aligned_from_plate, points * (0.5, 1))
    np.testing.assert_allclose(there, apply_transform(alignments["square"].aligned_from_plate, points), atol=0.01)
    depths = [found[name].depths.std() for name in ("square", "squeezed")]
    assert depths[1] == pytest.approx(depths[0], rel=0.05)
    np.testing.assert_allclose(alignments["squeezed"].pose, alignments["square"].pose, atol=2.5)
    one, other = (crops(portrait_project, identity)[1] for identity in ("eileen", "double"))
    inside = one[..., 3] > 0.99
    assert np.abs(one - other)[..., :3][inside].mean() < 0.02 * one[..., :3][inside].mean()
    linear = fit_alignment(found["squeezed"].landmarks_plate, 2.0)[:, :2]
    assert np.linalg.norm(linear[:, 0]) == pytest.approx(2 * np.linalg.norm(linear[:, 1]))


def test_an_anamorphic_swap_goes_back_into_the_plates_own_pixels(
    portrait_project: ProjectFolder, portrait_plate: Callable[..., np.ndarray]
) -> None:
    squeezed = cv2.resize(portrait_plate(1280, 960, 840, 120, 40), (640, 960), interpolation=cv2.INTER_AREA)
    path = portrait_project.path.parent / "plates" / "wide.1.exr"
    write_frame(path, replace(Frame.of(squeezed), pixel_aspect=2.0))
    folder = with_shot(portrait_project, "wide", plate="../plates/wide.1.exr", frames="1")
    for identity in ("eileen", "double"):
        run_extract(folder, "wide", identity, load_preset("identity", ["model.size=256"]))
    run_train(folder, "w", load_preset("identity", ["model.size=256"]))
    made = run_swap(folder, "wide", "w", with_comp=True)
    comp = read_frame(made.folder / "comp" / "wide_comp.0001.exr")
    assert (comp.pixel_aspect, read_frame(made.folder / "wide.0001.exr").pixel_aspect) == (2.0, 2.0)
    plate = read_frame(path).pixels
    assert np.abs(comp.pixels - plate).max() < 0.2 and np.abs(comp.pixels - plate).mean() < 0.002


def test_pixels_that_are_no_numbers_spoil_no_crop_and_are_told(
    portrait_project: ProjectFolder, caplog: pytest.LogCaptureFixture
) -> None:
    run_extract(portrait_project, "sh010", "double", IDENTITY)
    path = plate_path(portrait_project, 1002)
    plate = read_frame(path)
    pixels = plate.pixels.copy()
    pixels[110:113, 240, 1], pixels[110:113, 241, 1] = np.nan, np.inf
    write_frame(path, replace(plate, pixels=pixels))
    with caplog.at_level(logging.WARNING):
        run_extract(portrait_project, "sh010", "eileen", IDENTITY)
    assert "6 pixels around the face are no numbers (NaN or infinite), in frame 1002" in caplog.text
    clean, mended = crops(portrait_project, "double")[1002], crops(portrait_project)[1002]
    assert np.isfinite(mended).all()
    assert np.abs(clean - mended).mean() < 0.01


@pytest.fixture
def movie_project(portrait_project: ProjectFolder) -> ProjectFolder:
    """The shot's frames as a lossless 10-bit movie, in sRGB's curve."""
    path = portrait_project.path.parent / "plates" / "sh010.mkv"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("ffv1", rate=Fraction(24))
        stream.width, stream.height, stream.pix_fmt = 640, 480, "gbrp10le"
        for number in (1001, 1002, 1003):
            linear = np.clip(read_frame(plate_path(portrait_project, number)).pixels, 0, 1)
            coded = np.rint(np.power(linear, 1 / 2.2) * 65535).astype(np.uint16)
            frame = av.VideoFrame.from_ndarray(coded, "rgb48le").reformat(format="gbrp10le")
            frame.pts = number - 1001
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return with_shot(
        portrait_project, "movie", plate="../plates/sh010.mkv", frames=None, colorspace="srgb_rec709_scene"
    )


def test_a_movie_is_extracted_frame_by_frame(movie_project: ProjectFolder) -> None:
    shot = open_shot(movie_project, "movie")
    assert shot.frames == (1, 2, 3)
    assert len({shot.stamp(number) for number in shot.frames}) == 3
    assert shot.source_hash(1) == shot.source_hash(3)
    assert run_extract(movie_project, "movie", "eileen", IDENTITY).cropped == 3
    assert run_extract(movie_project, "movie", "eileen", IDENTITY).kept == 3
    assert list(crops(movie_project)) == [1, 2, 3]


def test_inspect_tells_everything_about_a_movie(movie_project: ProjectFolder) -> None:
    facts = describe(str(movie_project.path.parent / "plates" / "sh010.mkv"))
    assert (facts["format"], facts["bits"], facts["frames"], facts["rate"]) == ("MKV", "10 integer", "1-3", "24")
    assert facts["metadata"]["video:matrix"] == "rgb"


def test_inspect_tells_holes_timecode_and_storage(holed: ProjectFolder, capsys: pytest.CaptureFixture[str]) -> None:
    pattern = str(plate_path(holed, 0)).replace(".0.", ".####.")
    assert main(["inspect", pattern, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["frames"], facts["holes"], facts["timecode"]) == ("1001,1003", "1002", "01:00:00:00")
    assert (facts["format"], facts["compression"], facts["storage"]) == ("EXR", "zips", "scanlines")
    assert (facts["bits"], facts["pixel_aspect"]) == ("16 float", 1.0)


def test_a_layer_is_extracted_and_its_plate_keeps_every_channel(portrait_project: ProjectFolder) -> None:
    for number in (1001, 1002, 1003):
        plate = read_frame(plate_path(portrait_project, number)).pixels
        pixels = np.dstack([np.zeros_like(plate), np.ones(plate.shape[:2], np.float32), plate])
        names = ("R", "G", "B", "A", "beauty.R", "beauty.G", "beauty.B")
        write_frame(plate_path(portrait_project, number), Frame.of(pixels, names))
    folder = with_shot(portrait_project, frames="1001-1003", layer="beauty")
    for identity in ("eileen", "double"):
        assert run_extract(folder, "sh010", identity, IDENTITY).cropped == 3
    run_train(folder, "m", IDENTITY)
    made = run_swap(folder, "sh010", "m", frames="1001", with_comp=True)
    comp = read_frame(made.folder / "comp" / "sh010_comp.1001.exr")
    assert comp.channels == ("R", "G", "B", "A", "beauty.R", "beauty.G", "beauty.B")
    assert comp.rgb().max() == 0 and comp.channel("A").min() == 1
    with pytest.raises(PlateError, match="no layer 'key'; its layers are beauty"):
        open_shot(with_shot(folder, frames="1001-1003", layer="key"), "sh010")
