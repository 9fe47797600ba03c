"""Colour through whole jobs: what the project says of a shot reaches the faceset, and video plates come back."""

from __future__ import annotations

import numpy as np

from understudy.color import ColorConfig
from understudy.faces.faceset import Faceset
from understudy.jobs.extract import run_extract
from understudy.jobs.inspect import describe_faceset
from understudy.jobs.swap import run_swap
from understudy.jobs.train import run_train
from understudy.plates import Frame, read_frame, write_frame
from understudy.settings.preset import load_preset
from understudy.settings.project import ProjectFolder

IDENTITY = load_preset("identity", ["model.size=64"])


def test_gains_by_hand_take_effect_and_keep_the_crops(portrait_project: ProjectFolder) -> None:
    run_extract(portrait_project, "sh010", "eileen", IDENTITY, frames="1001")
    values = portrait_project.shot("sh010").model_dump(mode="json")
    values |= {"exposure": 1.0, "white_balance": [1.0, 1.0, 1.5]}
    folder = ProjectFolder.open(portrait_project.save(portrait_project.with_shot("sh010", values)).path)
    again = run_extract(folder, "sh010", "eileen", IDENTITY, frames="1001")
    assert (again.cropped, again.kept) == (0, 1)
    shot = Faceset.open(folder.faceset("eileen")).shots["sh010"]
    assert shot.training.gains == (2.0, 2.0, 3.0)
    said = describe_faceset(folder.faceset("eileen"))["normalised"]
    assert said == {"sh010": "exposure +1 by hand, white balance by hand"}


def test_a_pq_plate_gives_the_same_light_as_the_linear_one(portrait_project: ProjectFolder, color: ColorConfig) -> None:
    space, beside = "Rec.2100-PQ - Display", portrait_project.path.parent
    linear = read_frame(beside / "plates" / "sh010.1001.exr").rgb()
    write_frame(beside / "pq.1001.exr", Frame.of(color.converted(linear, "ACEScg", space)))
    folder = portrait_project.save(portrait_project.with_shot("pq", {"plate": "../pq.1001.exr", "colorspace": space}))
    comps = {}
    for shot, identity in (("sh010", "eileen"), ("pq", "eileen"), ("sh010", "double")):
        run_extract(folder, shot, identity, IDENTITY, frames="1001")
    run_train(folder, "m", IDENTITY)
    for shot in ("sh010", "pq"):
        made = run_swap(folder, shot, "m", frames="1001", with_comp=True)
        comps[shot] = read_frame(made.folder / "comp" / f"{shot}_comp.1001.exr").rgb()
    plate = color.to_working(read_frame(beside / "pq.1001.exr").rgb(), space)
    outside = read_frame(folder.swaps("pq") / "pq.1001.exr")
    changed = np.any(np.abs(comps["pq"] - plate) > 2e-3 * np.abs(plate) + 1e-4, axis=2)
    assert 0.005 < changed.mean() < 0.5 and outside.channel("core.A").max() == 1.0
    np.testing.assert_allclose(comps["pq"], comps["sh010"], rtol=0.02, atol=0.01)
