"""What a run leaves to look at: its log, its previews, and, when asked for, TensorBoard's events and a timelapse."""

from __future__ import annotations

import importlib.util
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from understudy.durable import append_line
from understudy.errors import SettingsError
from understudy.plates import Frame, write_frame
from understudy.settings.training import TrainingSettings
from understudy.sheet import Picture, write_png
from understudy.training.preview import Shown, wiped

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

__all__ = ["LOG_NAME", "PREVIEW_NAME", "Watch"]

LOG_NAME = "log.jsonl"
PREVIEW_NAME = "preview.png"
_NATIVE, _WIPE = "preview.exr", "preview_wipe.png"
_TIMELAPSE, _EVENTS = "timelapse", "tensorboard"
_LOGGER = logging.getLogger(__name__)


class Watch:
    """Everything that is written for people who watch a model learn; close it after use.

    Args:
        folder: The model's.
        settings: Say whether there are TensorBoard's events and a timelapse.
        attributes: What the native preview says of itself, its colour space above all.
        iteration: Where this run begins: what TensorBoard was told of later iterations, lost in a kill, is hidden.

    Raises:
        SettingsError: TensorBoard was asked for and is not installed.
    """

    def __init__(
        self, folder: Path, settings: TrainingSettings, attributes: Mapping[str, object], iteration: int
    ) -> None:
        self._folder, self._settings, self._attributes = folder, settings, attributes
        self._iteration = iteration
        self._events: SummaryWriter | None = None
        if settings.tensorboard:
            _expect_tensorboard()

    def close(self) -> None:
        """Writes out what TensorBoard has not got yet."""
        if self._events is not None:
            self._events.close()

    def _writer(self) -> SummaryWriter | None:
        """Where TensorBoard's events go; made when there is the first one, so that who never reports writes nothing."""
        if self._events is None and self._settings.tensorboard:
            self._events = _event_writer(self._folder / _EVENTS, self._iteration)
        return self._events

    def report(self, line: Mapping[str, object]) -> None:
        """Adds a line to the log, and its numbers to TensorBoard.

        Args:
            line: Plain values by name, as `report_line` returns them.

        Raises:
            WriteError: The log cannot be written.
        """
        append_line(self._folder / LOG_NAME, json.dumps(line))
        events = self._writer()
        if events is None:
            return
        for name, value in line.items():
            if isinstance(value, (int, float)) and name != "iteration":
                events.add_scalar(f"training/{name}", value, line["iteration"])

    def show(self, iteration: int, shown: Shown) -> None:
        """Writes the sheet, the native preview, and the wipe of the last sheet against this one.

        Raises:
            WriteError: A file cannot be written.
        """
        before = _picture_in(self._folder / PREVIEW_NAME)
        write_png(self._folder / PREVIEW_NAME, shown.sheet)
        if before is not None:
            write_png(self._folder / _WIPE, wiped(before, shown.sheet))
        if self._settings.native_preview:
            frame = Frame.of(shown.native.astype(np.float32), metadata={**self._attributes, _AT: iteration})
            write_frame(self._folder / _NATIVE, frame)
        if self._settings.timelapse:
            self._add_to_timelapse(iteration, shown.sheet)
        events = self._writer()
        if events is not None:
            events.add_image("preview", shown.sheet, iteration, dataformats="HWC")

    def _add_to_timelapse(self, iteration: int, sheet: Picture) -> None:
        """The next frame of the timelapse; a host reads it as a sequence, since its numbers have no gaps."""
        folder = self._folder / _TIMELAPSE
        last = max((_number_in(path) for path in folder.glob("timelapse.*.png")), default=0)
        write_png(folder / f"timelapse.{last + 1:04d}.png", sheet)
        append_line(folder / "frames.jsonl", json.dumps({"frame": last + 1, "iteration": iteration}))


_AT = "understudy/iteration"


def _expect_tensorboard() -> None:
    if importlib.util.find_spec("tensorboard") is None:
        raise SettingsError(
            "training.tensorboard=true needs TensorBoard, which is not installed. Run: pip install tensorboard, or "
            "train without it.",
            field="training.tensorboard",
        )


def _event_writer(folder: Path, iteration: int) -> SummaryWriter:
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder), purge_step=iteration or None)


def _picture_in(path: Path) -> Picture | None:
    """The PNG's picture, or None when there is none that can be read: a wipe is not worth stopping for."""
    if not path.is_file():
        return None
    pixels = cv2.imread(str(path), cv2.IMREAD_COLOR)
    return None if pixels is None else pixels[..., ::-1].astype(np.uint8)


def _number_in(path: Path) -> int:
    number = path.name.split(".")[1]
    return int(number) if number.isdecimal() else 0
