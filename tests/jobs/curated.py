"""Facesets with made-up records and small crops of noise: everything about curating, without extracting anything."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from tests.faces.conftest import made_up_landmarks
from understudy.color import DEFAULT_CONFIG, TrainingSpace
from understudy.faces.face import Alignment
from understudy.faces.faceset import CropRecord, Faceset, ShotOfFaceset
from understudy.faces.quality import Measures
from understudy.plates import Frame, write_frame
from understudy.settings.project import Project, ProjectFolder

SIZE = 64


def project(path: Path, **identities: Mapping[str, object]) -> ProjectFolder:
    """A project with shots `sh010` and `sh020`, target identity `ben` and synthetic source identity `anna`."""
    known = {"ben": {"role": "target"}, "anna": {"role": "source", "synthetic": True}, **identities}
    folder = ProjectFolder(path, Project(ocio=DEFAULT_CONFIG))
    for shot in ("sh010", "sh020"):
        values = {"plate": f"plates/{shot}.####.exr", "colorspace": "ACEScg"}
        folder = replace(folder, project=folder.with_shot(shot, values))
    for name, entry in known.items():
        folder = replace(folder, project=folder.with_identity(name, entry))
    return folder.save(folder.project)


def record(
    frame: int,
    shot: str = "sh010",
    yaw: float = 0.0,
    pitch: float = 0.0,
    native_px: float = 100.0,
    sharpness: float | None = 0.9,
    light: float = 0.18,
    look: int | None = None,
    stamp: str = "made",
) -> CropRecord:
    """A crop as it is known; its look is that of its frame when none is given."""
    placed = np.array([[1 / native_px, 0, 0], [0, 1 / native_px, 0]])
    alignment = Alignment(frame, placed, made_up_landmarks() * native_px, 0.9, (yaw, pitch, 0.0))
    own = np.random.default_rng(frame if look is None else look).integers(90, 160, (16, 16)).astype(np.uint8)
    measures = None if sharpness is None else Measures(sharpness, own)
    return CropRecord(shot, alignment, native_px, (light, light, light), stamp, measures)


def faceset(
    folder: ProjectFolder, identity: str, records: Sequence[CropRecord], exposure: float = 0.0, size: int = SIZE
) -> Faceset:
    """The faceset on disk instead of what was there, its crops flat pictures of their light."""
    shutil.rmtree(folder.faceset(identity), ignore_errors=True)
    entry = ShotOfFaceset("ACEScg", TrainingSpace((2.0**exposure,) * 3))
    shots, known = {one.shot: entry for one in records}, {one.key: one for one in records}
    made = Faceset(folder.faceset(identity), identity, size, 0.125, folder.project.ocio, shots, known)
    side = round(size * 1.25)
    pictures: dict[float, Path] = {}
    for one in records:
        light, path = one.face_rgb[0], made.crop_path(*one.key)
        if light not in pictures:
            pixels = np.dstack([np.full((side, side, 3), light), np.ones((side, side))])
            write_frame(path, Frame.of(pixels, ("R", "G", "B", "face.A")))
            pictures[light] = path
        elif path != pictures[light]:
            shutil.copyfile(pictures[light], path)
    made.save()
    return made.on_disk()
