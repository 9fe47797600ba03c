"""Face crops: aligned squares, sampled once from the plate."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from understudy.color import ColorConfig
from understudy.faces.face import Alignment
from understudy.faces.matte import DRAWN, Matte, MatteRule, Mattes
from understudy.geometry import Box, Transform, compose, crop_from_aligned, crop_side, inverse
from understudy.plates import Frame, repaired
from understudy.resample import resample, source_region

__all__ = ["FaceCrop", "SwappedFace", "crop_face", "crop_region"]

_EVERYWHERE = Box(-(1 << 24), -(1 << 24), 1 << 24, 1 << 24)


@dataclass(frozen=True, eq=False)
class FaceCrop:
    """A face as the model will see it, still scene-linear.

    Attributes:
        pixels: (S, S, 3) float32 RGB, scene-linear AP1, unbounded.
        alignment: Of the face in its plate.
        size: Side of the model's square, in pixels of the crop.
        margin: What the crop shows beyond it on each side, as a share of `size`.
        mended: Pixels of the plate that were no numbers and were replaced by their neighbours.
        rule: How its mattes come about.
    """

    pixels: npt.NDArray[np.float32]
    alignment: Alignment
    size: int
    margin: float
    mended: int = 0
    rule: MatteRule = DRAWN

    @property
    def crop_from_plate(self) -> Transform:
        """Takes plate pixels to pixels of this crop."""
        return compose(crop_from_aligned(self.size, self.margin), self.alignment.aligned_from_plate)

    @cached_property
    def mattes(self) -> Mattes:
        """Soft and core matte (S, S): drawn when they are asked for, which a swap never does."""
        side = self.pixels.shape[0]
        return self.rule.mattes(
            self.alignment.landmarks_plate,
            self.alignment.aligned_from_plate,
            inverse(self.crop_from_plate),
            Box(0, 0, side, side),
        )

    @property
    def face_rgb(self) -> tuple[float, float, float]:
        """Median colour inside the core matte, AP1 scene-linear: what a shot is normalised on."""
        chosen = self.pixels[self.mattes.core > 0.5]
        chosen = chosen if len(chosen) else self.pixels.reshape(-1, 3)
        red, green, blue = np.median(chosen, axis=0).tolist()
        return red, green, blue


@dataclass(frozen=True, eq=False)
class SwappedFace:
    """A crop whose face was replaced: the model's output, on its way back to the plate.

    Attributes:
        pixels: (S, S, 3) float32 RGB, scene-linear AP1, unbounded.
        alignment: Of the target identity's face in the plate.
        crop_from_plate: Takes plate pixels to pixels of the crop, as large as the face is to be drawn.
        matte: (S, S) float32 0..1, the model's own matte of the same picture; None when the model has none.
    """

    pixels: npt.NDArray[np.float32]
    alignment: Alignment
    crop_from_plate: Transform
    matte: Matte | None = None


def crop_face(
    frame: Frame,
    space: str,
    color: ColorConfig,
    alignment: Alignment,
    size: int,
    margin: float = 0.0,
    layer: str | None = None,
) -> FaceCrop:
    """A face, sampled once from the plate.

    Beyond the plate's pixels its border is repeated. Of pixels that are no numbers the nearest that is one is taken.

    Args:
        frame: The plate.
        space: Its colour space in `color`.
        color: The project's OCIO config.
        alignment: Of the face.
        size: Side of the model's square in pixels.
        margin: What to show beyond it on each side, as a share of `size`.
        layer: Layer of the plate; None for the root.
    """
    plate_from_crop = inverse(compose(crop_from_aligned(size, margin), alignment.aligned_from_plate))
    side = crop_side(size, margin)
    target = Box(0, 0, side, side)
    region = source_region(plate_from_crop, target, frame.data_window)
    if region.is_empty:
        return FaceCrop(np.zeros((side, side, 3), np.float32), alignment, size, margin)
    part = replace(frame, pixels=frame.pixels[region.slices(frame.data_window)], data_window=region)
    seen, mended = repaired(part.rgb(layer))
    light = color.ap1_from_working(color.to_working(seen, space))
    pixels = resample(light, region, plate_from_crop, target)
    return FaceCrop(pixels, alignment, size, margin, mended)


def crop_region(alignment: Alignment, size: int, margin: float = 0.0) -> Box:
    """The plate's pixels that `crop_face` looks at, if the plate has them: all of the frame that needs to be read."""
    plate_from_crop = inverse(compose(crop_from_aligned(size, margin), alignment.aligned_from_plate))
    side = crop_side(size, margin)
    return source_region(plate_from_crop, Box(0, 0, side, side), _EVERYWHERE)
