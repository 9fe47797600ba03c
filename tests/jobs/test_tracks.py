"""An artist's tracks from the project's file to crops and results, in a shot with made-up faces."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from tests.jobs.made_up_shot import SIZE, made_up_shot, textured_plate
from understudy.cli.app import main
from understudy.errors import SettingsError
from understudy.faces.face import Alignment
from understudy.geometry import apply_transform, inverse
from understudy.jobs.adding import add_shot
from understudy.jobs.deliver import run_deliver
from understudy.jobs.extract import run_extract
from understudy.jobs.found_tracks import read_found_tracks
from understudy.jobs.shot import open_shot
from understudy.jobs.swap import run_swap
from understudy.settings.preset import load_preset
from understudy.settings.project import ProjectFolder

COUNT = 6
PRESET = load_preset("identity", [f"model.size={SIZE}"])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ProjectFolder:
    return made_up_shot(tmp_path, monkeypatch, [textured_plate(seed) for seed in range(COUNT)])


def aligned(folder: ProjectFolder) -> dict[int, Alignment]:
    return read_found_tracks(folder, open_shot(folder, "s")).alignments(None)


def tracked(folder: ProjectFolder, path: Path) -> ProjectFolder:
    add_shot(folder, "s", folder.plate_pattern("s"), colorspace="ACEScg", tracks=path)
    return ProjectFolder.open(folder.path)


def csv_of(points: Mapping[int, np.ndarray]) -> str:
    rows = [
        f"{frame},{name},{x:.6f},{y:.6f}"
        for frame, places in points.items()
        for name, (x, y) in zip("abc", places, strict=True)
    ]
    return "\n".join(["frame,point,x,y", *rows, ""])


def points_of(alignments: Mapping[int, Alignment], move: Callable[[int], tuple[float, float]]) -> dict[int, np.ndarray]:
    square = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.8]])
    return {
        frame: apply_transform(inverse(one.aligned_from_plate), square) + move(frame)
        for frame, one in alignments.items()
    }


@pytest.mark.parametrize("kind", ["cornerpin", "tracker", "fusion"])
def test_what_deliver_wrote_comes_in_and_changes_nothing(folder: ProjectFolder, tmp_path: Path, kind: str) -> None:
    before = aligned(folder)
    path = getattr(run_deliver(folder, "s", out=tmp_path / "out"), kind)
    for number, one in aligned(tracked(folder, path)).items():
        np.testing.assert_allclose(one.aligned_from_plate, before[number].aligned_from_plate, atol=1e-6)


def test_a_changed_file_crops_and_swaps_the_frames_anew(folder: ProjectFolder, tmp_path: Path) -> None:
    before = aligned(folder)
    run_swap(folder, "s", "m")
    path = tmp_path / "artist.csv"
    points = points_of(before, lambda frame: (2.0 * (frame - 1001), 0.0))
    path.write_text(csv_of(points))
    with_tracks = tracked(folder, path)
    moved = aligned(with_tracks)
    places = [apply_transform(moved[number].aligned_from_plate, points[number]) for number in before]
    np.testing.assert_allclose(places, np.tile(places[0], (COUNT, 1, 1)), atol=1e-6)
    for identity in ("ben", "anna"):
        assert run_extract(with_tracks, "s", identity, PRESET).cropped == COUNT
        assert run_extract(with_tracks, "s", identity, PRESET).cropped == 0
    assert run_swap(with_tracks, "s", "m").written == tuple(before)
    assert run_swap(with_tracks, "s", "m").kept == tuple(before)
    path.write_text(csv_of(points_of(before, lambda frame: (1.0 * (frame - 1001), 0.0))))
    assert run_extract(with_tracks, "s", "ben", PRESET).cropped == COUNT
    assert run_swap(with_tracks, "s", "m").written == tuple(before)


def test_what_the_tracks_lack_or_contradict_is_a_warning(
    folder: ProjectFolder, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    points = points_of(aligned(folder), lambda frame: (0.0, 0.0))
    points[1002] = points[1002] + (40.0, 0.0)
    points[1003] = points[1003] + ((0.0, 0.0), (0.0, 0.0), (0.0, 25.0))
    del points[1004]
    (tmp_path / "artist.csv").write_text(csv_of(points))
    with_tracks = tracked(folder, tmp_path / "artist.csv")
    with caplog.at_level(logging.INFO, "understudy"):
        aligned(with_tracks)
    text = caplog.text
    assert "the face moves with" in text and "artist.csv: 3 points (a, b, c)" in text
    assert (
        "has, in frame 1004, no point, or points that make the face four times too large or small: the landmarks alone"
        in text
    )
    assert "in frame 1002-1003, points that do not move with the face" in text
    assert "in frame 1003, points that move against each other" in text


def test_points_of_another_head_are_left_out_with_a_warning(
    folder: ProjectFolder, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = aligned(folder)
    (tmp_path / "artist.csv").write_text(csv_of(points_of(before, lambda frame: (250.0, 0.0))))
    after = aligned(tracked(folder, tmp_path / "artist.csv"))
    assert "artist.csv lie beside the face" in caplog.text
    for number, one in after.items():
        np.testing.assert_array_equal(one.aligned_from_plate, before[number].aligned_from_plate)


def test_a_file_that_cannot_be_used_changes_nothing_and_stops_extract_first(
    folder: ProjectFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "artist.csv"
    path.write_text("frame,point,x,y\n1,a,2,3\n2,a,2,4\n")
    with pytest.raises(SettingsError, match="from frame 1 to 2, and none in the shot's frames 1001-1006"):
        tracked(folder, path)
    assert ProjectFolder.open(folder.path).shot("s").tracks is None
    named = ProjectFolder(folder.path, folder.with_shot("s", {"plate": "../plates/s.####.exr", "tracks": str(path)}))
    monkeypatch.setattr("understudy.jobs.extract.find_faces", lambda *_: pytest.fail("searched"))
    with pytest.raises(SettingsError, match="none in the shot's frames"):
        run_extract(named, "s", "ben", PRESET)


def test_the_command_keeps_the_file_and_drops_it_when_it_names_none(
    folder: ProjectFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder.path / "tracks" / "artist.csv"
    path.parent.mkdir()
    path.write_text(csv_of(points_of(aligned(folder), lambda frame: (0.0, 0.0))))
    command = ["-C", str(folder.path), "shot", "add", "s", "--plate", str(folder.plate_pattern("s"))]
    assert main([*command, "--tracks", str(path)]) == 0
    kept = ProjectFolder.open(folder.path)
    assert (kept.shot("s").tracks, kept.tracks_file("s")) == ("tracks/artist.csv", path)
    assert add_shot(kept, "s", kept.plate_pattern("s"), tracks=path).to_json()["tracks"] == str(path)
    assert main([*command, "--tracks", str(tmp_path / "gone.nk")]) == 2
    assert "cannot be read (No such file" in capsys.readouterr().err
    assert main(command) == 0
    assert ProjectFolder.open(folder.path).shot("s").tracks is None
