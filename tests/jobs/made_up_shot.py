"""A project whose shot has made-up faces: everything that follows detection, in a second."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from understudy.bench.made_up_shot import average_head
from understudy.color import DEFAULT_CONFIG
from understudy.faces.face import Face, FoundFrame, append_found_frame, read_found_frames
from understudy.geometry import Box
from understudy.jobs import extract
from understudy.jobs.extract import run_extract
from understudy.jobs.train import run_train
from understudy.plates import Frame, write_frame
from understudy.settings.preset import load_preset
from understudy.settings.project import ProjectFolder, create_project

SIZE = 96


def textured_plate(seed: int = 1, **changes: object) -> Frame:
    """A half-float plate of 200x160 with an alpha, overscan, values from -0.1 to 60, as soft as a lens makes them."""
    random = np.random.default_rng(seed)
    light = cv2.GaussianBlur(random.normal(0.3, 0.9, (176, 216, 3)).astype(np.float32), (0, 0), 1.5)
    light[80:90, 100:110] += 60
    light = cv2.GaussianBlur(light, (0, 0), 1.2).clip(-0.1, None)
    pixels = np.dstack([light, np.ones(light.shape[:2])]).astype(np.float16).astype(np.float32)
    values = {"data_window": Box(-8, -6, 208, 170), "display_window": Box(0, 0, 200, 160), **changes}
    return Frame(pixels, ("R", "G", "B", "A"), **values)


def coded_plate() -> Frame:
    """The same plate as codes of a log or display-referred space: 0.1 to 0.9."""
    plate = textured_plate()
    return replace(plate, pixels=np.dstack([np.clip(plate.rgb() / 3, 0.1, 0.9), plate.channel("A")]))


def made_up_shot(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    plates: Sequence[Frame],
    colorspace: str = "ACEScg",
    pixel_aspect: float = 1.0,
) -> ProjectFolder:
    """A project with shot `s` of these frames from 1001, a face in each, and model `m`, which changes nothing.

    The face drifts by a pixel and a third from frame to frame, grows and turns; its square spans about 96 pixels.
    """
    head, depths = average_head()
    monkeypatch.setattr(extract, "find_faces", lambda *_: True)
    made = create_project(folder / "project", DEFAULT_CONFIG)
    for index, plate in enumerate(plates):
        write_frame(folder / "plates" / f"s.{1001 + index}.exr", plate)
        turn, side = np.radians(4.0 * index), 96.5 + index
        rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        square = (head - 0.5) * side @ rotation.T + (101.3 * pixel_aspect + 1.34 * index, 84.7)
        face = Face(1001 + index, square / (pixel_aspect, 1.0), (depths * side).astype(np.float32), 0.9)
        append_found_frame(made.faces_file("s"), FoundFrame(1001 + index, (face,), ""))
    made = made.save(made.with_shot("s", {"plate": "../plates/s.####.exr", "colorspace": colorspace}))
    made = made.save(made.with_identity("ben", {"role": "target"}))
    made = made.save(made.with_identity("anna", {"role": "source", "synthetic": True}))
    preset = load_preset("identity", [f"model.size={SIZE}"])
    for name in ("ben", "anna"):
        run_extract(made, "s", name, preset)
    run_train(made, "m", preset)
    return made


def second_person(folder: ProjectFolder) -> None:
    """A smaller face at the top right in each frame of the shot that was searched: its square spans about 60 pixels."""
    head, depths = average_head()
    for number, found in read_found_frames(folder.faces_file("s")).items():
        square = (head - 0.5) * 60.0 + (160.0 + 0.7 * (number - 1001), 44.0)
        other = Face(number, square, (depths * 60).astype(np.float32), 0.8)
        append_found_frame(folder.faces_file("s"), replace(found, faces=(*found.faces, other)))
