from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from understudy.color import DEFAULT_CONFIG
from understudy.faces.face import read_found_frames
from understudy.jobs.finding import find_faces
from understudy.jobs.shot import open_shot
from understudy.plates import Frame, write_frame
from understudy.progress import ignore_progress
from understudy.settings.project import ProjectFolder, create_project

FIRST, CAME, LAST = 1008, 1010, 1012


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, portrait: np.ndarray) -> ProjectFolder:
    """Shot `s`, 1008-1012, 400x300: from 1010 on somebody hangs head down in it, too small and dark to be a cut."""
    folder = tmp_path_factory.mktemp("finding")
    head_down = cv2.resize(portrait, (180, 180), interpolation=cv2.INTER_AREA)[::-1, ::-1] * 0.3
    for number in range(FIRST, LAST + 1):
        plate = np.full((300, 400, 3), 0.1, np.float32)
        if number >= CAME:
            plate[60:240, 100 + 2 * (number - CAME) :][:, :180] = head_down
        write_frame(folder / "plates" / f"s.{number}.exr", Frame.of(plate))
    made = create_project(folder / "project", DEFAULT_CONFIG)
    return made.save(made.with_shot("s", {"plate": "../plates/s.####.exr", "colorspace": "ACEScg"}))


def found(project: ProjectFolder) -> dict[int, int]:
    return {number: len(each.faces) for number, each in read_found_frames(project.faces_file("s")).items()}


def test_a_newcomer_is_followed_back_to_where_it_came_in(project: ProjectFolder) -> None:
    """Turned faces are looked for once in a cycle: this one is seen some frames after it came."""
    shot = open_shot(project, "s")
    assert find_faces(project, shot, shot.frames, ignore_progress)
    assert found(project) == {1008: 0, 1009: 0, 1010: 1, 1011: 1, 1012: 1}
    assert len(project.faces_file("s").read_text().splitlines()) > len(shot.frames)


def test_a_search_that_goes_on_follows_what_was_found_before(project: ProjectFolder, tmp_path: Path) -> None:
    shot = open_shot(project, "s")
    find_faces(project, shot, shot.frames, ignore_progress)
    whole = read_found_frames(project.faces_file("s"))
    kept = [line for line in project.faces_file("s").read_text().splitlines() if '"frame":1012' not in line]
    project.faces_file("s").write_text("\n".join(kept) + "\n")
    find_faces(project, shot, shot.frames, ignore_progress)
    before, after = (
        each[LAST].faces[0].landmarks_plate for each in (whole, read_found_frames(project.faces_file("s")))
    )
    eyes = np.linalg.norm(before[33] - before[263])
    assert np.sqrt(((after - before) ** 2).sum(axis=1).mean()) < 0.002 * eyes
