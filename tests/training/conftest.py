"""Two tiny facesets, and a preset that learns them in a second."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from understudy.geometry import crop_side
from understudy.progress import Progress
from understudy.settings.network import DecoderSettings, EncoderSettings, InterSettings, ModelSettings
from understudy.settings.preset import Preset
from understudy.settings.training import TrainingSettings
from understudy.training.batches import FaceCodes, quantised
from understudy.training.preview import Look
from understudy.training.trainer import TrainingResult, train

Run = Callable[..., TrainingResult]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Networks this small wait longer for a second thread than they gain from it."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def preset() -> Preset:
    model = ModelSettings(
        size=64,
        underpainting=4,
        encoder=EncoderSettings(stem=4, widths=(8, 16)),
        inter=InterSettings(kind="convolutional", code=8, width=16),
        decoder=DecoderSettings(widths=(16, 8), head=4),
    )
    training = TrainingSettings(batch=2, learning_rate=3e-3, warm_up=2, iterations=6, cool_down=0.0)
    return Preset(name="tiny", description="For tests.", model=model, training=training)


def disc_faces(count: int, level: float, preset: Preset) -> FaceCodes:
    """Discs of one level on a dark ground, each a little further right."""
    side = crop_side(preset.model.size, preset.margin)
    y, x = np.mgrid[:side, :side]
    codes = np.full((count, side, side, 3), 0.2, np.float32)
    mattes = np.zeros((count, side, side), np.uint8)
    for index in range(count):
        inside = (x - side / 2 - index) ** 2 + (y - side / 2) ** 2 < (side / 3) ** 2
        codes[index][inside] = level
        mattes[index][inside] = 255
    return FaceCodes(quantised(codes), mattes)


@pytest.fixture
def target(preset: Preset) -> FaceCodes:
    return disc_faces(4, 0.4, preset)


@pytest.fixture
def source(preset: Preset) -> FaceCodes:
    return disc_faces(6, 0.5, preset)


@pytest.fixture
def with_poses(target: FaceCodes) -> FaceCodes:
    """The target's faces with a pose each and eyes at the top left."""
    areas = np.zeros((len(target), 20, 20, 2), np.uint8)
    areas[:, 4:10, 4:10, 0] = 255
    poses = np.array([[0, 0], [1, 1], [2, 2], [40, -15]], np.float32)
    return FaceCodes(target.codes, target.mattes, areas, poses)


def grey_picture(codes: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    return (np.clip(codes, 0.0, 1.0) * 255.0).astype(np.uint8)


LOOK = Look(grey_picture, lambda codes: codes, {"understudy/colorspace": "ACEScg"})


@pytest.fixture
def look() -> Look:
    return LOOK


@pytest.fixture
def run(tmp_path: Path, preset: Preset, target: FaceCodes, source: FaceCodes, look: Look) -> Run:
    """Trains the tiny preset in `tmp_path/NAME`."""

    def go(name: str = "model", **changes: Any) -> TrainingResult:
        training = {key: changes.pop(key) for key in list(changes) if key in type(preset.training).model_fields}
        end = changes.pop("until", 6)
        chosen = changes.pop("preset", preset)
        chosen = chosen.model_copy(update={"training": chosen.training.model_copy(update=training)})
        return train(
            tmp_path / name,
            chosen,
            changes.pop("target", target),
            changes.pop("source", source),
            {"made by": "a test"},
            iterations=end,
            device="cpu",
            look=look,
            **changes,
        )

    return go


def stop_after(count: int) -> Callable[[Progress], bool]:
    return lambda progress: progress.done < count


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("iteration-*")}
