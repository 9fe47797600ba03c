"""The matte that a shot has learned from painted frames: its file, and what it says of a frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from understudy.color import TrainingSpace
from understudy.color.curve import LARGEST_KEPT, SMALLEST_KEPT
from understudy.errors import ModelFileError
from understudy.faces.crop import FaceCrop, crop_face, crop_region
from understudy.faces.face import Alignment
from understudy.faces.matte import PlateMatte
from understudy.faces.refine import guided_matte
from understudy.geometry import Box, apply_transform, bounds_of_points, inverse, scale_of
from understudy.jobs.shot import OpenedShot
from understudy.model.matte_net import MATTE_SIZE_STEP, MatteNet
from understudy.model.tensor_file import read_record, read_tensors, write_tensors
from understudy.plates import Frame, repaired
from understudy.provenance import file_hash
from understudy.resample import resample

__all__ = ["LearnedMatte", "codes_of", "read_learned_facts", "read_learned_matte", "write_learned_matte"]

_SCHEMA = "matte-1"
_RADIUS = 1.5
"""Pixels of the network's crop by which its edges may err: the refinement looks so far for the plate's own."""


@dataclass(frozen=True, eq=False)
class LearnedMatte:
    """A network that knows one face's coverage in one shot.

    Attributes:
        net: In evaluation mode, on `device`.
        size: Side of the crops that it sees, in pixels.
        training: The space of these crops.
        sha256: Of its file.
        device: Where it is.
        facts: What its file says of it, plain values.
    """

    net: MatteNet
    size: int
    training: TrainingSpace
    sha256: str
    device: torch.device
    facts: Mapping[str, Any] = field(default_factory=dict)

    def region(self, alignment: Alignment, region: Box) -> Box:
        """The smallest box that holds a region and the plate's pixels that the matte is made of."""
        own = crop_region(alignment, self.size)
        return Box(
            min(own.left, region.left),
            min(own.top, region.top),
            max(own.right, region.right),
            max(own.bottom, region.bottom),
        )

    def matte_of(self, shot: OpenedShot, frame: Frame, alignment: Alignment) -> PlateMatte:
        """The coverage of the face over the plate's pixels of the model's square, at the plate's resolution.

        Args:
            shot: Gives colour and layer.
            frame: The plate, or at least the part of it that `region` names.
            alignment: Of the face in this frame.
        """
        crop = crop_face(frame, shot.space.name, shot.color, alignment, self.size, 0.0, shot.layer)
        codes, drawn = codes_of(crop, self.training), crop.mattes.soft
        with torch.inference_mode():
            seen = torch.from_numpy(codes.transpose(2, 0, 1).copy())[None].to(self.device)
            logits = self.net(seen, torch.from_numpy(drawn)[None, None].to(self.device))
            coarse = torch.sigmoid(logits)[0, 0].float().cpu().numpy()
        plate_from_crop = inverse(crop.crop_from_plate)
        corners = [(0, 0), (self.size, 0), (0, self.size), (self.size, self.size)]
        box = bounds_of_points(apply_transform(plate_from_crop, corners)).intersect(frame.data_window)
        if box.is_empty:
            return PlateMatte(np.zeros((0, 0), np.float32), Box(0, 0, 0, 0))
        square = Box(0, 0, self.size, self.size)
        values = np.clip(resample(coarse[..., None], square, crop.crop_from_plate, box)[..., 0], 0, 1)
        seen_plate, _ = repaired(frame.rgb(shot.layer)[box.slices(frame.data_window)])
        light = shot.color.ap1_from_working(shot.color.to_working(seen_plate, shot.space.name))
        radius_px = max(1, round(_RADIUS * scale_of(plate_from_crop)))
        guide = np.clip(self.training.encode(light), SMALLEST_KEPT, LARGEST_KEPT)
        return PlateMatte(guided_matte(values, guide, radius_px), box)


def codes_of(crop: FaceCrop, training: TrainingSpace) -> npt.NDArray[np.float32]:
    """(S, S, 3) float32: a crop as the network sees it, in training space, within what any network learns from."""
    return np.clip(training.encode(crop.pixels), SMALLEST_KEPT, LARGEST_KEPT)


def write_learned_matte(
    path: Path, net: MatteNet, size: int, training: TrainingSpace, facts: Mapping[str, Any]
) -> None:
    """Writes a learned matte, whole or not at all.

    Args:
        path: Where to.
        net: What was learned.
        size: Side of the crops that it sees.
        training: The space of these crops.
        facts: What it was learned from, plain values.

    Raises:
        WriteError: The file cannot be written.
    """
    record = {**facts, "size": size, "training_space": training.to_json()}
    write_tensors(path, _SCHEMA, net.state_dict(), record)


def read_learned_facts(path: Path) -> dict[str, Any]:
    """What a learned matte's file says of it; quick.

    Raises:
        ModelFileError: It is damaged, or something else.
    """
    return read_record(path, _SCHEMA, "learned matte")


def read_learned_matte(path: Path, device: torch.device | None = None) -> LearnedMatte:
    """A learned matte, ready to be asked.

    Args:
        path: Its file.
        device: Where it shall be computed; None for the processor.

    Raises:
        ModelFileError: It is damaged, or something else.
    """
    place = device or torch.device("cpu")
    tensors, record = read_tensors(path, _SCHEMA, "learned matte")
    net = MatteNet()
    try:
        net.load_state_dict(tensors)
        size, training = int(record["size"]), TrainingSpace.from_json(record["training_space"])
        if size < MATTE_SIZE_STEP or size % MATTE_SIZE_STEP:
            raise ValueError(f"its crops have {size} px")
    except (RuntimeError, KeyError, ValueError, TypeError) as error:
        raise ModelFileError(
            f"The learned matte {path} is damaged ({error}). Remove it with understudy matte SHOT --identity NAME "
            "--remove, and learn it again.",
            path=str(path),
        ) from error
    return LearnedMatte(net.to(place).eval().requires_grad_(False), size, training, file_hash(path), place, record)
