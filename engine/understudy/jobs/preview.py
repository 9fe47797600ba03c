"""One frame, quickly: the result of a frame as EXR, and a picture of it to look at."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from understudy.durable import sweep
from understudy.errors import NoFaceError
from understudy.faces.face import read_found_frames
from understudy.jobs.swap import Swapper, open_swapper
from understudy.plates import Frame, write_frame
from understudy.settings.project import ProjectFolder
from understudy.sheet import Picture, fitted, labelled_sheet, write_png

__all__ = ["matte_picture", "preview_frame"]

_WIDTH = 960


def preview_frame(
    folder: ProjectFolder, shot_name: str, model_name: str, number: int, swapper: Swapper | None = None
) -> tuple[Path, Path]:
    """Writes `swaps/SHOT/preview/SHOT.MODEL.####.exr`, the layers, and `.png`: plate, composite and matte.

    Args:
        folder: The project.
        shot_name: The shot.
        model_name: The model.
        number: Which frame.
        swapper: Of this project, shot and model, when the caller keeps one warm; opened when None.

    Raises:
        NoFaceError: The frame was not searched, or holds no face.
        UnderstudyError: Whatever else `run_swap` would say.
    """
    swapper = swapper or open_swapper(folder, shot_name, model_name)
    swapper.shot.choose(str(number))
    if number not in swapper.alignments:
        found = read_found_frames(folder.faces_file(shot_name)).get(number)
        if found is None:
            reason = "was not searched for faces yet; run understudy extract"
        elif found.faces:
            reason = f"holds no face of '{swapper.target}'; its tracks are listed by: understudy faces {shot_name}"
        else:
            reason = "holds no face"
        raise NoFaceError(f"Frame {number} of shot '{shot_name}' {reason}.", shot=shot_name, frame=number)
    frame = swapper.shot.read(number)
    pictures = swapper.results(number, frame, with_comp=True)
    base = folder.swaps(shot_name) / "preview" / f"{shot_name}.{model_name}.{number:04d}"
    exr, png = base.with_name(f"{base.name}.exr"), base.with_name(f"{base.name}.png")
    sweep(exr.parent)
    write_frame(exr, pictures["face"], swapper.settings.compression)
    color, layer = swapper.shot.color, swapper.shot.layer
    stops = float(np.log2(np.mean(swapper.training.gains)))
    light = color.converted(frame.rgb(layer), swapper.shot.space.name, swapper.result_space)
    shown = [
        color.display(fitted(picture, _WIDTH, frame.pixel_aspect), swapper.result_space, stops)
        for picture in (light, pictures["comp"].rgb(layer))
    ]
    row = [*shown, matte_picture(pictures["face"], frame)]
    write_png(png, labelled_sheet(("plate", "composite", "matte"), [row]))
    return exr, png


def matte_picture(layers: Frame, plate: Frame) -> Picture:
    """(H, W, 3) uint8: the soft matte of a result over the plate's data window, in square pixels."""
    whole = np.zeros(plate.pixels.shape[:2], np.float32)
    shown = layers.data_window.intersect(plate.data_window)
    whole[shown.slices(plate.data_window)] = layers.channel("face.A")[shown.slices(layers.data_window)]
    small = fitted(whole, _WIDTH, plate.pixel_aspect)
    return np.repeat((np.clip(small, 0, 1) * 255 + 0.5).astype(np.uint8)[..., None], 3, axis=2)
