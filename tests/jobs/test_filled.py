"""Frames whose face was not found: the frames around say where it is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.jobs.made_up_shot import made_up_shot, textured_plate
from understudy.cli.app import main
from understudy.errors import FacesetError, ModelFileError
from understudy.faces.face import FoundFrame, append_found_frame
from understudy.faces.faceset import Faceset
from understudy.faces.track import Track
from understudy.jobs import found_tracks
from understudy.jobs.extract import run_extract
from understudy.jobs.faces import describe_faces
from understudy.jobs.found_tracks import read_found_tracks
from understudy.jobs.shot import open_shot
from understudy.jobs.swap import open_swapper, run_swap
from understudy.model import snapshot
from understudy.plates import read_frame
from understudy.settings.preset import load_preset
from understudy.settings.project import ProjectFolder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ProjectFolder:
    """Six frames; in the fourth no face was found any more when it was searched again."""
    folder = made_up_shot(tmp_path, monkeypatch, [textured_plate(seed) for seed in range(6)])
    append_found_frame(folder.faces_file("s"), FoundFrame(1004, (), ""))
    return folder


def test_a_filled_frame_is_swapped_with_little_confidence(folder: ProjectFolder) -> None:
    made = run_swap(folder, "s", "m")
    assert made.without_face == ()
    layers = [read_frame(Path(made.patterns[0].replace("####", str(number)))) for number in (1003, 1004)]
    found, filled = (each.channel("confidence.A").max() / each.channel("face.A").max() for each in layers)
    assert 0 < filled < 0.6 * found


def test_where_a_smaller_track_found_the_face_a_larger_one_does_not_fill_it_in(
    folder: ProjectFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = read_found_tracks(folder, open_shot(folder, "s"))
    whole = list(found.alignments(None).values())
    small = [replace(one, is_filled=False, confidence=0.7) for one in whole[2:4]]
    of_track = {1: whole, 2: small}
    monkeypatch.setattr(found_tracks, "aligned_track", lambda track, *_: of_track[track.number])
    monkeypatch.setattr(type(found), "of", lambda *_: (Track(1, ()), Track(2, ())))
    placed = found.alignments(None)
    assert [placed[number] is one for number, one in zip((1003, 1004), (whole[2], small[1]), strict=True)] == [True] * 2


def test_nothing_is_learned_from_a_filled_frame(folder: ProjectFolder, caplog: pytest.LogCaptureFixture) -> None:
    made = run_extract(folder, "s", "ben", load_preset("identity", ["model.size=96"]))
    assert made.faceset is not None
    assert [record.frame for record in made.faceset.records.values()] == [1001, 1002, 1003, 1005, 1006]
    assert "covered or was not found in frame 1004" in caplog.text
    assert made.without_face == ()


def test_faces_say_which_frames_were_filled(folder: ProjectFolder, capsys: pytest.CaptureFixture[str]) -> None:
    facts = describe_faces(folder, "s").to_json()
    assert (facts["without_face"], facts["filled"]) == ("1004", "1004")
    assert main(["-C", str(folder.path), "faces", "s"]) == 0
    assert "placed by the frames around: 1004" in capsys.readouterr().out


def test_faces_that_were_aligned_by_another_template_are_not_mixed(
    folder: ProjectFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder.faceset("anna") / "faceset.json"
    values = json.loads(path.read_text())
    path.write_text(json.dumps({**values, "template": values["template"][:7]}))
    with pytest.raises(FacesetError, match=r"aligned by an earlier version.*Delete"):
        Faceset.open(folder.faceset("anna"))
    monkeypatch.setattr("understudy.jobs.swap.template", lambda: np.zeros((35, 2)))
    monkeypatch.setattr("understudy.jobs.swap.is_template", lambda values: values == np.zeros((35, 2)).tolist())
    assert "alignment_template" in snapshot.read_snapshot(snapshot.newest_snapshot(folder.model("m"))).facts
    with pytest.raises(ModelFileError, match="Train it anew"):
        open_swapper(folder, "s", "m")
