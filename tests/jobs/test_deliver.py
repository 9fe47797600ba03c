from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.jobs.made_up_shot import SIZE, made_up_shot, textured_plate
from understudy.cli.app import main
from understudy.errors import FacesetError, NoFaceError
from understudy.geometry import inverse
from understudy.jobs.deliver import read_patch_move
from understudy.jobs.swap import run_swap
from understudy.plates import read_frame
from understudy.settings.project import ProjectFolder


def test_the_move_is_that_of_the_swaps_crops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = made_up_shot(tmp_path, monkeypatch, [textured_plate(), textured_plate(2)])
    with_crops = ProjectFolder(folder.path, folder.with_overrides(("swap.crops=true",)))
    made = run_swap(with_crops, "s", "m")
    for move in (read_patch_move(folder, "s"), read_patch_move(folder, "s", "m")):
        assert (move.side, tuple(move.plate_from_crop)) == (SIZE, (1001, 1002))
        for number, plate_from_crop in move.plate_from_crop.items():
            header = read_frame(made.folder / "crop" / f"s_crop.{number}.exr").metadata["understudy/cropFromPlate"]
            numbers = [float(word) for word in header.split()]
            np.testing.assert_allclose(inverse(plate_from_crop).ravel(), numbers, rtol=1e-9, atol=1e-9)


def test_deliver_writes_three_files_and_its_dry_run_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = made_up_shot(tmp_path, monkeypatch, [textured_plate()])
    command = ["-C", str(folder.path), "deliver", "s", "--out", str(tmp_path / "out"), "--fusion-first", "0"]
    assert main([*command, "--dry-run"]) == 0
    assert f"1 keys of a {SIZE} px crop" in capsys.readouterr().out and not (tmp_path / "out").exists()
    assert main(command) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["s.setting", "s_cornerpin.nk", "s_tracker.nk"]
    assert "[0] = {" in (tmp_path / "out" / "s.setting").read_text()


def test_without_faces_or_without_a_size_the_next_command_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = made_up_shot(tmp_path, monkeypatch, [textured_plate()])
    folder = folder.save(folder.with_shot("new", {"plate": "../plates/s.####.exr", "colorspace": "ACEScg"}))
    with pytest.raises(NoFaceError, match="understudy extract new --identity NAME"):
        read_patch_move(folder, "new")
    folder.faces_file("new").parent.mkdir()
    folder.faces_file("new").write_bytes(folder.faces_file("s").read_bytes())
    with pytest.raises(FacesetError, match=r"no faceset holds shot 'new'.*--model"):
        read_patch_move(folder, "new")
