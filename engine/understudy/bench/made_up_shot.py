"""A shot for measurements of reading, resampling and writing: a texture with a face's landmarks, and no face.

What these steps cost depends on sizes and on how well pixels compress, not on what is to be seen. Nothing is searched
for: the landmarks are written down as if they had been found.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from understudy.color import ColorConfig
from understudy.faces.alignment import head_in_square
from understudy.faces.face import Face, FoundFrame, append_found_frame
from understudy.jobs.extract import run_extract, search_stamp
from understudy.jobs.shot import open_shot
from understudy.jobs.train import run_train
from understudy.plates import Frame, write_frame
from understudy.progress import OnProgress, Progress
from understudy.settings.preset import load_preset
from understudy.settings.project import ProjectFolder, create_project
from understudy.synthetic.template import load_template

__all__ = ["FIRST", "MODEL", "SHOT", "average_head", "make_shot", "texture"]

SHOT, MODEL, FIRST = "bench", "identity", 1001

_FACE_SHARE = 0.65
"""Side of the face's square of the picture's height: 1400 px at 2160."""

_ROLL = 0.2
_GRAIN = 0.05
_BRIGHTEST = 61.0


def make_shot(
    folder: Path, size: tuple[int, int], frames: int, compression: str, space: str, side: int, on_progress: OnProgress
) -> ProjectFolder | None:
    """A project with shot `SHOT` and model `MODEL`, which returns its input; None when it was stopped.

    Args:
        folder: Where to.
        size: Width and height of the plate.
        frames: Of the plate.
        compression: Of the plate's EXRs and of the results.
        space: Colour space that the plate is said to be in.
        side: Of the model.
        on_progress: Called after each frame; False stops.
    """
    picture = texture(size)
    for index in range(frames):
        frame = Frame.of(_with_grain(np.roll(picture, (index, 3 * index), (0, 1)), index))
        write_frame(folder / "plate" / f"plate.{FIRST + index}.exr", frame, compression)
        if not on_progress(Progress("making a plate", index + 1, frames, compression)):
            return None
    project = create_project(folder / "project", ColorConfig.load(None).name)
    project = project.save(project.with_shot(SHOT, {"plate": "../plate/plate.####.exr", "colorspace": space}))
    shot = open_shot(project, SHOT)
    for index, number in enumerate(shot.frames):
        face = _face(size, index, number)
        append_found_frame(project.faces_file(SHOT), FoundFrame(number, (face,), search_stamp(shot, number)))
    preset = load_preset("identity", [f"model.size={side}"])
    for identity, role in (("target", "target"), ("source", "source")):
        project = project.save(project.with_identity(identity, {"role": role, "synthetic": True}))
        run_extract(project, SHOT, identity, preset, frames=str(FIRST))
    run_train(project, MODEL, preset)
    return ProjectFolder(project.path, project.with_overrides((f"swap.compression={compression}",)))


def texture(size: tuple[int, int]) -> npt.NDArray[np.float32]:
    """(H, W, 4) float32 RGBA, scene-linear: detail of all sizes, as much of each as photographs have, and highlights.

    Octaves of noise, each twice as fine and half as strong as the one before: amplitudes fall with 1 / frequency.
    """
    width, height = size
    random = np.random.default_rng(7)
    stops = np.zeros((height, width, 3), np.float32)
    cells, strength = 4, 1.5
    while cells <= width // 2:
        rows = max(2, round(cells * height / width))
        noise = random.standard_normal((rows, cells, 3)).astype(np.float32)
        stops += strength * cv2.resize(noise, size, interpolation=cv2.INTER_CUBIC)
        cells, strength = cells * 2, strength / 2
    light = np.float32(0.18) * np.exp2(stops)
    lamps = random.uniform(0, 1, (24, 2)) * (height, width)
    for row, column in lamps.astype(int):
        cv2.circle(light, (int(column), int(row)), max(2, height // 200), (_BRIGHTEST,) * 3, -1, cv2.LINE_AA)
    return np.dstack([light, np.ones((height, width), np.float32)])


def _with_grain(picture: npt.NDArray[np.float32], seed: int) -> npt.NDArray[np.float32]:
    """The picture with noise of 5 % at grey, growing with the root of light as a sensor's does."""
    grain = np.random.default_rng(seed).standard_normal((*picture.shape[:2], 3), np.float32)
    light = picture[..., :3]
    grainy = light + grain * np.float32(_GRAIN) * np.sqrt(np.maximum(light, 0) * np.float32(0.18))
    return np.dstack([grainy, picture[..., 3]])


def average_head() -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """An average head that looks ahead: landmarks (478, 2) in the unit square, and depths (478,) in its sides.

    Its irises lie in the middle of the head.
    """
    head = np.zeros((478, 3))
    head[:468] = load_template().vertices
    left, right = head_in_square(np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]))[:, 0]
    return head_in_square(head), head[:, 2] * (right - left)


def _face(size: tuple[int, int], index: int, number: int) -> Face:
    """An average head, rolled a little, that drifts across the picture."""
    points, depths = average_head()
    side = _FACE_SHARE * size[1]
    rotation = np.array([[np.cos(_ROLL), -np.sin(_ROLL)], [np.sin(_ROLL), np.cos(_ROLL)]])
    middle = (size[0] / 2 + 0.37 * index, size[1] / 2 + 0.21 * index)
    return Face(number, (points - 0.5) @ rotation.T * side + middle, (depths * side).astype(np.float32), 0.9)
