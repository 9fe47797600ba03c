"""Plates for all tests: small, with an offset data window, values above 1 and below 0; and a photograph of a person."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import skimage.data

from understudy.color import DEFAULT_CONFIG, ColorConfig
from understudy.geometry import Box
from understudy.plates import Frame, write_frame
from understudy.settings.project import ProjectFolder, create_project

Pixels = npt.NDArray[np.float32]


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """The command line configures the package's logger; the next test must not see that."""
    logger = logging.getLogger("understudy")
    before = list(logger.handlers), logger.level, logger.propagate
    yield
    logger.handlers, logger.level, logger.propagate = before


@pytest.fixture(scope="session")
def color() -> ColorConfig:
    return ColorConfig.load(DEFAULT_CONFIG)


@pytest.fixture
def frame() -> Frame:
    """48x32 pixels at (-4, 10) of a 64x64 picture, -0.1 to 200, with one layer beside the root."""
    random = np.random.default_rng(1)
    pixels = random.uniform(0, 1, (32, 48, 5)).astype(np.float32)
    pixels[3, 5, :3], pixels[4, 6, :3] = 200.0, -0.1
    channels = ("R", "G", "B", "A", "depth.Z")
    metadata = {
        "FramesPerSecond": (24, 1),
        "reelName": "A001",
        "chromaticities": (0.7, 0.3, 0.2, 0.7, 0.1, 0.1, 0.3, 0.3),
    }
    return Frame(
        pixels, channels, Box(-4, 10, 44, 42), Box(0, 0, 64, 64), 1.0, metadata, float_channels=frozenset(["depth.Z"])
    )


@pytest.fixture(scope="session")
def portrait(color: ColorConfig) -> Pixels:
    """(512, 512, 3) float32 RGB, ACEScg: the astronaut Eileen Collins, photographed by NASA, public domain."""
    encoded = skimage.data.astronaut().astype(np.float32) / 255
    return color.converted(encoded, "srgb_rec709_scene", "ACEScg")


@pytest.fixture(scope="session")
def portrait_plate(portrait: Pixels) -> Callable[..., Pixels]:
    """Makes a plate (H, W, 3) ACEScg with the portrait in it."""

    def make(
        width: int = 640, height: int = 480, side: int = 420, left: int = 60, top: int = 20, gain: float = 1.0
    ) -> Pixels:
        plate = np.full((height, width, 3), 0.1, np.float32)
        interpolation = cv2.INTER_AREA if side < 512 else cv2.INTER_CUBIC
        small = np.clip(cv2.resize(portrait, (side, side), interpolation=interpolation), 0, None)
        bottom, right = min(top + side, height), min(left + side, width)
        plate[top:bottom, left:right] = small[: bottom - top, : right - left] * gain
        return plate

    return make


@pytest.fixture
def portrait_project(tmp_path: Path, portrait_plate: Callable[..., Pixels]) -> ProjectFolder:
    """A project with shot `sh010` of three frames, target identity `eileen` and synthetic source identity `double`."""
    return write_portrait_project(tmp_path, portrait_plate)


def write_portrait_project(path: Path, portrait_plate: Callable[..., Pixels]) -> ProjectFolder:
    """What `portrait_project` is, in `path`, with its plates."""
    for index in range(3):
        plate = portrait_plate(left=60 + 4 * index, top=20 + index)
        metadata = {"FramesPerSecond": (24, 1), "smpte:TimeCode": f"01:00:00:{index:02d}"}
        write_frame(path / "plates" / f"sh010.{1001 + index}.exr", Frame.of(plate, metadata=metadata))
    folder = create_project(path / "project", DEFAULT_CONFIG)
    folder = folder.save(
        folder.with_shot("sh010", {"plate": "../plates/sh010.####.exr", "colorspace": "ACEScg", "frames": "1001-1003"})
    )
    folder = folder.save(folder.with_identity("eileen", {"role": "target"}))
    return folder.save(folder.with_identity("double", {"role": "source", "synthetic": True}))


@pytest.fixture(scope="session")
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where all tests keep painted identities: what `XDG_CACHE_HOME=<its grandparent>` makes the default.

    Processes that share the tests share it too: what one has painted none paints again.
    """
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    return shared / "cache" / "understudy" / "synthetic"
