"""A face in a frame, as a record without pixels, and the file that keeps a shot's faces."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from understudy.durable import append_line
from understudy.errors import FaceError
from understudy.faces.view import FaceView
from understudy.geometry import Points, Transform

__all__ = ["Alignment", "Face", "FoundFrame", "append_found_frame", "read_found_frames"]


@dataclass(frozen=True, eq=False)
class Face:
    """One face that was found in one frame.

    Attributes:
        frame: The frame's number.
        landmarks_plate: (478, 2) float64 plate pixels, in the order of mediapipe's face mesh with irises.
        depths: (478,) float32, square pixels towards the camera from the head's middle; rough.
        score: 0..1, how far the landmarks can be believed (`mesh.Measured.score`).
        view: What the face looks like, by which its motion is measured; None where nobody looked.
    """

    frame: int
    landmarks_plate: Points
    depths: npt.NDArray[np.float32]
    score: float
    view: FaceView | None = None

    @cached_property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom of the landmarks, in plate pixels."""
        low, high = self.landmarks_plate.min(axis=0), self.landmarks_plate.max(axis=0)
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])

    def to_json(self) -> dict[str, Any]:
        """Plain values, points rounded to a thousandth of a pixel."""
        values = {
            "landmarks": np.round(self.landmarks_plate, 3).tolist(),
            "depths": np.round(self.depths.astype(np.float64), 1).tolist(),
            "score": round(self.score, 4),
        }
        return values if self.view is None else {**values, "view": self.view.to_json()}

    @staticmethod
    def from_json(frame: int, values: Mapping[str, Any]) -> Face:
        """The face that `to_json` wrote."""
        landmarks = np.asarray(values["landmarks"], dtype=np.float64)
        depths = np.asarray(values["depths"], dtype=np.float32)
        if landmarks.shape != (478, 2) or depths.shape != (478,):
            raise ValueError("a face has 478 landmarks")
        view = FaceView.from_json(values["view"]) if "view" in values else None
        return Face(frame, landmarks, depths, float(values["score"]), view)


@dataclass(frozen=True, eq=False)
class Alignment:
    """How one face lies in its plate: takes plate pixels to the unit square in which all faces look alike.

    Attributes:
        frame: The frame's number.
        aligned_from_plate: (2, 3) transform; x and y are 0..1 in the model's square.
        landmarks_plate: (478, 2) float64 plate pixels.
        confidence: 0..1.
        pose: Yaw, pitch and roll of the head in degrees: looking to the picture's right, up, and tilting clockwise are
            positive.
        is_filled: True where the face was not found, or is covered, and the rest of its track says where it must be.
            Such a frame is swapped, with little confidence; nothing is learned from it.
    """

    frame: int
    aligned_from_plate: Transform
    landmarks_plate: Points
    confidence: float
    pose: tuple[float, float, float]
    is_filled: bool = False


@dataclass(frozen=True, eq=False)
class FoundFrame:
    """What was found in one frame: no face, one, or several.

    Attributes:
        frame: The frame's number.
        faces: The faces, most certain first.
        stamp: What the frame's file and the settings were; another stamp means that it must be searched again.
        look: How the picture looks from afar (`cuts.frame_look`), by which cuts are told; empty when it is not known.
    """

    frame: int
    faces: tuple[Face, ...]
    stamp: str
    look: tuple[float, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "frame": self.frame,
            "stamp": self.stamp,
            "look": list(self.look),
            "faces": [face.to_json() for face in self.faces],
        }

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> FoundFrame:
        """The frame that `to_json` wrote; early ones have no look.

        Raises:
            ValueError, KeyError, TypeError: The values are damaged.
        """
        frame = int(values["frame"])
        faces = tuple(Face.from_json(frame, face) for face in values["faces"])
        return FoundFrame(frame, faces, str(values["stamp"]), tuple(float(cell) for cell in values.get("look", ())))


def append_found_frame(path: Path, found: FoundFrame) -> None:
    """Adds one line to a shot's `faces.jsonl`; a line cut short by a kill is ignored when the file is read.

    Raises:
        WriteError: The file cannot be written.
    """
    append_line(path, json.dumps(found.to_json(), separators=(",", ":")))


def read_found_frames(path: Path) -> dict[int, FoundFrame]:
    """A shot's frames that were searched, by number; the last line of a frame counts. Empty when there is no file.

    Raises:
        FaceError: A line in the middle of the file is damaged.
    """
    if not path.is_file():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    found: dict[int, FoundFrame] = {}
    for number, line in enumerate(lines, start=1):
        try:
            one = FoundFrame.from_json(json.loads(line))
            found[one.frame] = one
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            if _was_torn(lines, number):
                continue
            raise FaceError(
                f"{path} line {number} is damaged. Delete the file and run extract again; it is made from the plate.",
                path=str(path),
                line=number,
            ) from error
    return dict(sorted(found.items()))


def _was_torn(lines: Iterable[str], number: int) -> bool:
    """A kill cuts a line short, so that it does not end in the brace that closes it."""
    return not list(lines)[number - 1].endswith("}")
