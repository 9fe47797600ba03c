"""The demo: two synthetic performers, one shot, and the whole way from plate to EXR, measured against the truth."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from understudy.color import ColorConfig
from understudy.errors import ModelFileError
from understudy.faces.faceset import Faceset
from understudy.geometry import Box
from understudy.jobs.asked import choose_preset
from understudy.jobs.extract import run_extract
from understudy.jobs.swap import run_swap
from understudy.jobs.train import run_train
from understudy.model.snapshot import newest_snapshot
from understudy.plates import find_sequence, format_frames, parse_frames, read_frame
from understudy.progress import OnProgress
from understudy.settings.preset import Preset
from understudy.settings.project import ProjectFolder, create_project
from understudy.sheet import Picture, fitted, labelled_sheet, write_png
from understudy.synthetic.benchmark import write_set
from understudy.synthetic.render import COLOR_SPACE
from understudy.synthetic.score import Score, score_sequence

__all__ = ["SHOT", "SOURCE", "TARGET", "DemoResult", "project_of_set", "run_demo", "trained_minutes"]

_TARGET_SEED, _SOURCE_SEED = 6, 2
_FRAMES, _TRAIN_FRAMES, _TAKE = 48, 120, 12
_SIZE, _TRAIN_SIZE = (1920, 1080), (512, 512)
_FILL = 0.22
"""Of the picture's height, for 24 cm of head: a medium wide shot, as many are in which a face is replaced."""

SHOT, _MODEL = "demo", "demo"
TARGET, SOURCE = "target_performer", "source_performer"
_SHEET_ROWS, _SHEET_SIDE = 5, 320


@dataclass(frozen=True)
class DemoResult:
    """What the demo made.

    Attributes:
        project: The project folder.
        truth: The benchmark set with the plate and the ideal swap.
        results: Folder with the EXRs.
        sheet: Contact sheet: plate, swap, truth, matte.
        preview: Preview sheet of the training.
        score: How close the swap came to the truth.
    """

    project: Path
    truth: Path
    results: Path
    sheet: Path
    preview: Path
    score: Score

    def lines(self) -> list[str]:
        """What the user is told."""
        score, plate = self.score, self.score.plate
        return [
            f"plate and ideal swap   {self.truth}",
            f"project                {self.project}",
            f"swapped face (EXR)     {self.results / f'{SHOT}.####.exr'}",
            f"composite (EXR)        {self.results / 'comp' / f'{SHOT}_comp.####.exr'}",
            f"training preview       {self.preview}",
            f"contact sheet          {self.sheet}",
            f"PSNR in training space {_shown(score.psnr_training)} dB; no swap {_shown(plate.psnr_training)} dB; "
            f"gain {_shown(score.gain_db)} dB",
            f"SSIM in training space {_shown(score.ssim_training)}; no swap {_shown(plate.ssim_training)}",
        ]


def run_demo(folder: Path, minutes: float, preset_name: str, on_progress: OnProgress) -> DemoResult | None:
    """Makes everything in a folder; what is there from an earlier run is kept. None when it was stopped.

    Args:
        folder: Where to.
        minutes: How long the model trains in all.
        preset_name: What it trains.
        on_progress: Called often; False stops after what is in work.
    """
    truth = folder / "truth"
    written = write_set(
        truth,
        target_seed=_TARGET_SEED,
        source_seed=_SOURCE_SEED,
        frames=_FRAMES,
        train_frames=_TRAIN_FRAMES,
        size=_SIZE,
        train_size=_TRAIN_SIZE,
        fill=_FILL,
        occluder=False,
        target_footage=False,
        on_progress=on_progress,
    )
    if not written.completed:
        return None
    project = project_of_set(folder / "project", truth)
    preset = choose_preset(project, None, preset_name, ())
    for shot in project.project.shots:
        identity = SOURCE if shot.startswith("source") else TARGET
        if not run_extract(project, shot, identity, preset, on_progress=on_progress).completed:
            return None
    if not _train(project, preset, minutes, on_progress):
        return None
    swapped = run_swap(project, SHOT, _MODEL, with_comp=True, on_progress=on_progress)
    if not swapped.completed:
        return None
    results = project.swaps(SHOT)
    score = score_sequence(str(results / f"{SHOT}.####.exr"), truth, on_progress=on_progress)
    if not score.completed:
        return None
    sheet = folder / "contact_sheet.png"
    write_png(sheet, _contact_sheet(project, truth))
    return DemoResult(project.path, truth, results, sheet, project.model(_MODEL) / "preview.png", score)


def project_of_set(path: Path, truth: Path) -> ProjectFolder:
    """A project on a benchmark set: `SHOT`, and each take of the source identity, which has its own light, as a shot.

    Args:
        path: Where the project is made; one that is there already is opened.
        truth: The set, beside the project.
    """
    if (path / "understudy.yaml").is_file():
        return ProjectFolder.open(path)
    folder = create_project(path, ColorConfig.load(None).name)
    project = folder.with_identity(TARGET, {"role": "target", "synthetic": True})
    project = ProjectFolder(path, project).with_identity(SOURCE, {"role": "source", "synthetic": True})
    plate = {"plate": "../truth/plate/plate.####.exr", "colorspace": COLOR_SPACE}
    project = ProjectFolder(path, project).with_shot(SHOT, plate)
    numbers = find_sequence(truth / "train_source" / "train_source.####.exr").numbers
    for index, start in enumerate(range(0, len(numbers), _TAKE), start=1):
        take = {
            "plate": "../truth/train_source/train_source.####.exr",
            "frames": format_frames(numbers[start : start + _TAKE]),
            "colorspace": COLOR_SPACE,
        }
        project = ProjectFolder(path, project).with_shot(f"source_take{index}", take)
    return folder.save(project)


def _train(project: ProjectFolder, preset: Preset, minutes: float, on_progress: OnProgress) -> bool:
    """Trains for what is left of the minutes; False when stopped."""
    left = minutes - trained_minutes(project.model(_MODEL) / "log.jsonl")
    try:
        newest_snapshot(project.model(_MODEL))
    except ModelFileError:
        left = max(left, 0.05)
    if left < 0.05:
        return True
    result = run_train(project, _MODEL, preset, minutes=left, on_progress=on_progress)
    return result is not None and result.completed


def trained_minutes(log: Path) -> float:
    """How long earlier runs have trained, from the training log; each run counts its seconds from 0."""
    total = last = 0.0
    for line in log.read_text(encoding="utf-8").splitlines() if log.is_file() else ():
        try:
            seconds = float(json.loads(line)["seconds"])
        except (ValueError, KeyError, TypeError):
            continue
        total += seconds - last if seconds >= last else seconds
        last = seconds
    return total / 60


def _contact_sheet(project: ProjectFolder, truth: Path) -> Picture:
    """Five frames of the shot: plate, swap, truth and matte around the face, and the source performer beside."""
    color = ColorConfig.load(project.project.ocio)
    shot = project.project.shots[SHOT]
    plate = find_sequence(truth / "plate" / "plate.####.exr")
    numbers = parse_frames(shot.frames) if shot.frames else plate.numbers
    chosen = [numbers[round(index)] for index in np.linspace(0, len(numbers) - 1, _SHEET_ROWS)]
    target, source = Faceset.open(project.faceset(TARGET)), Faceset.open(project.faceset(SOURCE))
    stops = float(np.log2(np.mean(target.shots[SHOT].training.gains)))
    results = project.swaps(SHOT)
    rows: list[list[Picture]] = []
    looks = [record for index, record in enumerate(source.records.values()) if index % _TAKE == _TAKE // 2]
    for row, number in enumerate(chosen):
        frame = read_frame(plate.path(number))
        layers = read_frame(results / f"{SHOT}.{number:04d}.exr")
        box = _around(layers.data_window, frame.data_window)
        view = box.slices(frame.data_window)
        pictures: list[Any] = [
            frame,
            read_frame(results / "comp" / f"{SHOT}_comp.{number:04d}.exr"),
            read_frame(truth / "truth" / f"truth.{number:04d}.exr"),
        ]
        matte = np.zeros(frame.pixels.shape[:2], np.float32)
        matte[layers.data_window.slices(frame.data_window)] = layers.channel("face.A")
        seen = np.repeat((matte[view] * 255 + 0.5).astype(np.uint8)[..., None], 3, axis=2)
        look = source.read_crop(looks[row % len(looks)], color)
        gains = np.array(source.shots[looks[row % len(looks)].shot].training.gains, np.float32)
        performer = color.display(color.working_from_ap1(look.pixels * gains), color.working)
        shown = [color.display(np.ascontiguousarray(picture.rgb()[view]), COLOR_SPACE, stops) for picture in pictures]
        rows.append([_square(picture) for picture in (*shown, seen, performer)])
    columns = ("plate", "swap", "truth (ideal swap)", "matte", "source performer")
    return labelled_sheet(columns, rows, [f"frame {number}" for number in chosen])


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}" if abs(value) < 1 else f"{value:.2f}"


def _around(face: Box, plate: Box) -> Box:
    """A square around the face, half as large again, inside the plate."""
    side = min(round(1.5 * max(face.width, face.height)), plate.width, plate.height)
    left = min(max((face.left + face.right - side) // 2, plate.left), plate.right - side)
    top = min(max((face.top + face.bottom - side) // 2, plate.top), plate.bottom - side)
    return Box(left, top, left + side, top + side)


def _square(picture: Picture) -> Picture:
    """The picture as large as a cell of the sheet."""
    if picture.shape[1] >= _SHEET_SIDE:
        picture = fitted(picture, _SHEET_SIDE)
    resized = cv2.resize(picture, (_SHEET_SIDE, _SHEET_SIDE), interpolation=cv2.INTER_CUBIC)
    return np.asarray(resized, np.uint8)
