from __future__ import annotations

import json
import shutil

import pytest

from understudy.errors import ConsentError
from understudy.jobs.faces import describe_faces
from understudy.jobs.train import run_train
from understudy.scheduler.warm import WarmSwappers
from understudy.settings.project import ProjectFolder

from .conftest import SMALL


def test_a_shot_stays_loaded(project: ProjectFolder) -> None:
    warm = WarmSwappers("cpu")
    assert warm.swapper(project, "sh010", "m") is warm.swapper(ProjectFolder.open(project.path), "sh010", "m")


def test_a_new_snapshot_is_seen(project: ProjectFolder) -> None:
    warm = WarmSwappers("cpu")
    before = warm.swapper(project, "sh010", "m")
    snapshots = project.model("m") / "snapshots"
    shutil.copy(snapshots / "iteration-000000000.safetensors", snapshots / "iteration-000000005.safetensors")
    assert warm.swapper(project, "sh010", "m") is not before


def test_other_settings_and_another_project_file_are_seen(project: ProjectFolder) -> None:
    warm = WarmSwappers("cpu")
    before = warm.swapper(project, "sh010", "m")
    with_st = ProjectFolder(project.path, project.with_overrides(("swap.st_map=true",)))
    assert warm.swapper(with_st, "sh010", "m").settings.st_map and not before.settings.st_map
    saved = project.save(project.with_overrides(("white_balance=false",)))
    assert warm.swapper(saved, "sh010", "m") is not before


def test_faces_found_anew_are_seen(project: ProjectFolder) -> None:
    warm = WarmSwappers("cpu")
    before = warm.swapper(project, "sh010", "m")
    path = project.faces_file("sh010")
    lines = path.read_text().splitlines(keepends=True)
    assert json.loads(lines[-1])["frame"] in before.alignments
    path.write_text("".join(lines[:-1]))
    assert json.loads(lines[-1])["frame"] not in warm.swapper(project, "sh010", "m").alignments


def test_a_track_given_to_another_is_seen(project: ProjectFolder) -> None:
    warm = WarmSwappers("cpu")
    assert warm.swapper(project, "sh010", "m").alignments
    describe_faces(project, "sh010", assign={1: "-"})
    assert not warm.swapper(project, "sh010", "m").alignments


def test_consent_taken_back_stops_a_loaded_shot(project: ProjectFolder) -> None:
    warm = WarmSwappers("cpu")
    warm.swapper(project, "sh010", "m")
    revoked = project.save(project.with_identity("double", {"role": "source"}))
    with pytest.raises(ConsentError):
        warm.swapper(revoked, "sh010", "m")


def test_few_are_kept(project: ProjectFolder) -> None:
    warm = WarmSwappers("cpu", most=2)
    for name in ("m", "n", "o"):
        run_train(project, name, SMALL)
        warm.swapper(project, "sh010", name)
    assert len(warm) == 2
