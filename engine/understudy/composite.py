"""From the swapped face back into the plate: the layers of the result, and the full-frame composite.

Nothing outside the face's matte is touched: there a composite is the plate, bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from understudy.color import ColorConfig
from understudy.faces.crop import SwappedFace
from understudy.faces.matte import Mattes, draw_mattes
from understudy.geometry import (
    Box,
    Transform,
    apply_transform,
    bounds_of_points,
    inverse,
    st_from_points,
)
from understudy.plates import Frame, carried_attributes
from understudy.resample import resample

__all__ = ["LAYER_CHANNELS", "ST_CHANNELS", "PlacedFace", "composite_face", "empty_layers", "layers_of", "place_face"]

LAYER_CHANNELS = ("R", "G", "B", "A", "face.A", "core.A", "edge.A", "confidence.A")
"""Channels of a result: the swapped face premultiplied by its matte, then the mattes."""

ST_CHANNELS = ("st.U", "st.V")
"""Where each pixel lies in the unblended crop: 0..1, origin bottom left, pixel centres; 32-bit float."""

_UNIT_PLATE: Transform = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


@dataclass(frozen=True, eq=False)
class PlacedFace:
    """A swapped face in plate geometry, not yet blended.

    Attributes:
        pixels: (H, W, 3) float32 RGB of `box`, scene-linear AP1.
        mattes: Soft and core matte (H, W).
        st: (H, W, 2) float32: where each pixel lies in the crop, 0..1, origin bottom left.
        box: The plate's pixels that the face may change.
        confidence: 0..1.
    """

    pixels: npt.NDArray[np.float32]
    mattes: Mattes
    st: npt.NDArray[np.float32]
    box: Box
    confidence: float


def place_face(swapped: SwappedFace, frame: Frame) -> PlacedFace | None:
    """The swapped face, sampled once into the pixels of its plate; None when it lies outside the plate's pixels."""
    plate_from_crop = inverse(swapped.crop_from_plate)
    crop = Box(0, 0, swapped.pixels.shape[1], swapped.pixels.shape[0])
    corners = [(crop.left, crop.top), (crop.right, crop.top), (crop.left, crop.bottom), (crop.right, crop.bottom)]
    square = bounds_of_points(apply_transform(plate_from_crop, corners)).intersect(frame.data_window)
    if square.is_empty:
        return None
    alignment = swapped.alignment
    mattes = draw_mattes(alignment.landmarks_plate, alignment.aligned_from_plate, _UNIT_PLATE, square)
    rows, columns = np.nonzero(mattes.soft)
    if not len(rows):
        return None
    box = Box(
        square.left + int(columns.min()),
        square.top + int(rows.min()),
        square.left + int(columns.max()) + 1,
        square.top + int(rows.max()) + 1,
    )
    inner = box.slices(square)
    pixels = resample(swapped.pixels, crop, swapped.crop_from_plate, box)
    return PlacedFace(
        pixels=pixels,
        mattes=Mattes(mattes.soft[inner], mattes.core[inner]),
        st=_st_map(swapped, crop, box),
        box=box,
        confidence=alignment.confidence,
    )


def layers_of(
    placed: PlacedFace,
    frame: Frame,
    space: str,
    color: ColorConfig,
    attributes: Mapping[str, Any],
    with_st: bool = False,
) -> Frame:
    """The result as one picture: premultiplied swapped face and mattes, as large as the face, in the plate's space.

    Args:
        placed: The face.
        frame: The plate; gives display window, pixel aspect and the attributes that stay true.
        space: The plate's colour space in `color`.
        color: The project's OCIO config.
        attributes: What the result says of itself.
        with_st: Add `ST_CHANNELS`.
    """
    face = color.converted(color.working_from_ap1(placed.pixels), color.working, space)
    soft, core = placed.mattes.soft, placed.mattes.core
    planes = [face * soft[..., None], soft, soft, core, placed.mattes.edge, soft * np.float32(placed.confidence)]
    channels: tuple[str, ...] = LAYER_CHANNELS
    if with_st:
        planes.append(placed.st)
        channels = LAYER_CHANNELS + ST_CHANNELS
    return _result_frame(np.dstack(planes), channels, placed.box, frame, attributes)


def empty_layers(frame: Frame, attributes: Mapping[str, Any], with_st: bool = False) -> Frame:
    """The result of a frame without a face: one empty pixel, so that the sequence has no hole."""
    channels = LAYER_CHANNELS + (ST_CHANNELS if with_st else ())
    corner = Box(
        frame.display_window.left,
        frame.display_window.top,
        frame.display_window.left + 1,
        frame.display_window.top + 1,
    )
    return _result_frame(np.zeros((1, 1, len(channels)), np.float32), channels, corner, frame, attributes)


def composite_face(
    placed: PlacedFace | None,
    frame: Frame,
    space: str,
    color: ColorConfig,
    attributes: Mapping[str, Any],
    layer: str | None = None,
) -> Frame:
    """The whole plate with the face blended in, in linear light; other channels and pixels are the plate's own bits.

    Args:
        placed: The face; None gives the plate back.
        frame: The plate.
        space: Its colour space in `color`.
        color: The project's OCIO config.
        attributes: What the result says of itself.
        layer: The layer of the plate that the face was taken from; None for the root.
    """
    metadata = {**carried_attributes(frame), **attributes}
    if placed is None:
        return replace(frame, metadata=metadata)
    rows, columns = placed.box.slices(frame.data_window)
    seen = np.ascontiguousarray(frame.rgb(layer)[rows, columns])
    soft = placed.mattes.soft[..., None]
    face = color.working_from_ap1(placed.pixels)
    blended = np.asarray(color.to_working(seen, space) * (1 - soft) + face * soft, np.float32)
    mixed = np.where(soft > 0, color.converted(blended, color.working, space), seen)
    pixels = frame.pixels.copy()
    prefix = f"{layer}." if layer else ""
    is_grey = not layer and "R" not in frame.channels
    names = frame.channels[:1] if is_grey else tuple(f"{prefix}{name}" for name in "RGB")
    for index, name in enumerate(names):
        pixels[rows, columns, frame.channels.index(name)] = mixed.mean(axis=2) if is_grey else mixed[..., index]
    return replace(frame, pixels=pixels, metadata=metadata)


def _result_frame(
    pixels: npt.NDArray[np.float32], channels: tuple[str, ...], box: Box, frame: Frame, attributes: Mapping[str, Any]
) -> Frame:
    return Frame(
        pixels=pixels.astype(np.float32),
        channels=channels,
        data_window=box,
        display_window=frame.display_window,
        pixel_aspect=frame.pixel_aspect,
        metadata={**carried_attributes(frame), **attributes},
        float_channels=frozenset(ST_CHANNELS),
    )


def _st_map(swapped: SwappedFace, crop: Box, box: Box) -> npt.NDArray[np.float32]:
    x, y = np.meshgrid(np.arange(box.left, box.right) + 0.5, np.arange(box.top, box.bottom) + 0.5)
    points = np.column_stack([x.ravel(), y.ravel()])
    st = st_from_points(apply_transform(swapped.crop_from_plate, points), crop)
    return np.asarray(st.reshape(box.height, box.width, 2), np.float32)
