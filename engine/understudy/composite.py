"""From the swapped face back into the plate: the layers of the result, and the full-frame composite.

A composite is *defined* by the layers as they stand in their file, rounded to half float: it is `RGBA over plate`,
computed in float32. A host that merges the layers over the plate therefore gets the composite, and outside the matte a
composite is the plate, bit for bit.

Over is meant in linear light. The layers and the composite are in the plate's own space where that is scene-linear, and
in the working space otherwise: `ColorConfig.result_space`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from understudy import cryptomatte
from understudy.color import ColorConfig
from understudy.faces.crop import SwappedFace
from understudy.faces.matte import DRAWN, MatteRule, Mattes
from understudy.geometry import (
    Box,
    Transform,
    apply_transform,
    bounds_of_points,
    compose,
    crop_from_aligned,
    inverse,
    st_from_points,
)
from understudy.plates import Frame, carried_attributes
from understudy.resample import resample

__all__ = [
    "LAYER_CHANNELS",
    "ST_CHANNELS",
    "PlacedFace",
    "composite_face",
    "crop_picture",
    "crypto_layers",
    "empty_layers",
    "layers_of",
    "place_face",
]

LAYER_CHANNELS = ("R", "G", "B", "A", "face.A", "core.A", "edge.A", "confidence.A")
"""Channels of a result: the swapped face premultiplied by its matte, then the mattes."""

ST_CHANNELS = ("st.U", "st.V")
"""Where each pixel lies in the unblended crop: 0..1, origin bottom left, pixel centres; 32-bit float."""

_UNIT_PLATE: Transform = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
_MOST_HALF = 65504.0


@dataclass(frozen=True, eq=False)
class PlacedFace:
    """A swapped face in plate geometry, not yet blended.

    Attributes:
        pixels: (H, W, 3) float32 RGB of `box`, scene-linear AP1.
        mattes: Soft and core matte (H, W).
        box: The plate's pixels that the face may change.
        confidence: 0..1.
        crop: The pixels of the crop that it came from.
        crop_from_plate: Takes plate pixels to pixels of the crop.
    """

    pixels: npt.NDArray[np.float32]
    mattes: Mattes
    box: Box
    confidence: float
    crop: Box
    crop_from_plate: Transform

    @property
    def st(self) -> npt.NDArray[np.float32]:
        """(H, W, 2) float32: where each pixel lies in the crop, 0..1, origin bottom left."""
        corners = apply_transform(self.crop_from_plate, [[0, 0], [1, 0], [0, 1]])
        origin, right, down = st_from_points(corners, self.crop)
        columns, rows = np.arange(self.box.left, self.box.right) + 0.5, np.arange(self.box.top, self.box.bottom) + 0.5
        across, along = np.outer(columns, right - origin), np.outer(rows, down - origin)
        return np.add(across[None], (along + origin)[:, None]).astype(np.float32)


def place_face(swapped: SwappedFace, frame: Frame, rule: MatteRule = DRAWN) -> PlacedFace | None:
    """The swapped face, sampled once into the pixels of its plate; None when nothing of it lies there.

    Args:
        swapped: The face, still in the crop, with the model's own matte where it has one.
        frame: The plate.
        rule: How its mattes come about.
    """
    plate_from_crop = inverse(swapped.crop_from_plate)
    crop = Box(0, 0, swapped.pixels.shape[1], swapped.pixels.shape[0])
    corners = [(crop.left, crop.top), (crop.right, crop.top), (crop.left, crop.bottom), (crop.right, crop.bottom)]
    square = bounds_of_points(apply_transform(plate_from_crop, corners)).intersect(frame.data_window)
    landmarks = swapped.alignment.landmarks_plate
    transform = compose(inverse(crop_from_aligned(crop.width)), swapped.crop_from_plate)  # of what is drawn
    drawn = rule.bounds(landmarks, transform).intersect(square)
    if drawn.is_empty:
        return None
    own = None
    if swapped.matte is not None:
        own = np.clip(resample(swapped.matte[..., None], crop, swapped.crop_from_plate, drawn)[..., 0], 0, 1)
    mattes = rule.mattes(landmarks, transform, _UNIT_PLATE, drawn, own)
    box = mattes.extent(drawn)
    if box.is_empty:
        return None
    inner = box.slices(drawn)
    pixels = resample(swapped.pixels, crop, swapped.crop_from_plate, box)
    return PlacedFace(
        pixels=pixels,
        mattes=Mattes(mattes.soft[inner], mattes.core[inner]),
        box=box,
        confidence=swapped.alignment.confidence,
        crop=crop,
        crop_from_plate=swapped.crop_from_plate,
    )


def layers_of(
    placed: PlacedFace,
    frame: Frame,
    space: str,
    color: ColorConfig,
    attributes: Mapping[str, Any],
    with_st: bool = False,
) -> Frame:
    """The result as one picture: premultiplied swapped face and mattes, as large as the face.

    RGB and the mattes are rounded to half float already, as they will stand in the file, and the face is premultiplied
    by the rounded matte: dividing by it gives the face back.

    Args:
        placed: The face.
        frame: The plate; gives display window, pixel aspect and the attributes that stay true.
        space: The plate's colour space in `color`.
        color: The project's OCIO config.
        attributes: What the result says of itself.
        with_st: Add `ST_CHANNELS`.
    """
    face = color.converted(color.working_from_ap1(placed.pixels), color.working, color.result_space(space))
    soft = _rounded_to_half(placed.mattes.soft)
    rgb = _rounded_to_half(face * soft[..., None])
    planes = [rgb, soft, soft, placed.mattes.core, placed.mattes.edge, soft * np.float32(placed.confidence)]
    channels = LAYER_CHANNELS + (ST_CHANNELS if with_st else ())
    stacked = np.asarray(cv2.merge([*planes, placed.st] if with_st else planes), np.float32)
    return _result_frame(stacked, channels, placed.box, frame, _with_color(attributes, space, color))


def empty_layers(
    frame: Frame, space: str, color: ColorConfig, attributes: Mapping[str, Any], with_st: bool = False
) -> Frame:
    """The result of a frame without a face: one empty pixel, so that the sequence has no hole.

    Args:
        frame: The plate.
        space: Its colour space in `color`.
        color: The project's OCIO config.
        attributes: What the result says of itself.
        with_st: Add `ST_CHANNELS`.
    """
    channels = LAYER_CHANNELS + (ST_CHANNELS if with_st else ())
    corner = Box(
        frame.display_window.left,
        frame.display_window.top,
        frame.display_window.left + 1,
        frame.display_window.top + 1,
    )
    pixels = np.zeros((1, 1, len(channels)), np.float32)
    return _result_frame(pixels, channels, corner, frame, _with_color(attributes, space, color))


def crypto_layers(layers: Frame, frame: Frame, identity: str, attributes: Mapping[str, Any]) -> Frame:
    """A Cryptomatte of the swapped face: its identity's number, and the soft matte as coverage, in 32-bit float.

    Args:
        layers: What `layers_of` or `empty_layers` gave; the coverage is its `face.A`, bit for bit.
        frame: The plate.
        identity: Name of the source identity.
        attributes: What the result says of itself.
    """
    planes = cryptomatte.ranked_planes(layers.channel("face.A"), identity)
    metadata = {**attributes, **cryptomatte.attributes_of([identity])}
    return _result_frame(planes, cryptomatte.CHANNELS, layers.data_window, frame, metadata)


def crop_picture(
    swapped: SwappedFace, frame: Frame, space: str, color: ColorConfig, attributes: Mapping[str, Any]
) -> Frame:
    """The unblended crop as a picture of its own, with the transform that puts it back in its header.

    Args:
        swapped: The face, still in the crop.
        frame: The plate; gives the attributes that stay true.
        space: The plate's colour space in `color`.
        color: The project's OCIO config.
        attributes: What the result says of itself.

    Returns:
        Square picture with RGB. Its attribute `understudy/cropFromPlate` holds the six numbers a b c d e f of
        x = a X + b Y + c, y = d X + e Y + f, where X, Y are pixels of the plate and x, y those of the crop, y down, the
        first pixel's centre at (0.5, 0.5), the plate's origin at that of its EXR windows.
    """
    face = color.converted(color.working_from_ap1(swapped.pixels), color.working, color.result_space(space))
    transform = " ".join(f"{value:.12g}" for value in swapped.crop_from_plate.ravel())
    own = {**_with_color(attributes, space, color), "understudy/cropFromPlate": transform}
    return Frame.of(face, metadata={**carried_attributes(frame), **own})


def composite_face(
    layers: Frame,
    frame: Frame,
    space: str,
    color: ColorConfig,
    attributes: Mapping[str, Any],
    layer: str | None = None,
) -> Frame:
    """The whole plate with the face over it; other channels, and every pixel outside the matte, are the plate's own.

    `RGBA + plate * (1 - A)` in float32, where RGBA are the layers as their file holds them and the plate is in
    `ColorConfig.result_space`. A plate in another space is brought there first, as a host does that reads it. Where a
    plate's pixel is no finite number and A is 1, the composite is the face.

    Args:
        layers: What `layers_of` or `empty_layers` gave.
        frame: The plate.
        space: Its colour space in `color`.
        color: The project's OCIO config.
        attributes: What the result says of itself.
        layer: The layer of the plate that the face was taken from; None for the root.
    """
    metadata = {**carried_attributes(frame), **_with_color(attributes, space, color)}
    pixels = frame.pixels.copy()
    prefix = f"{layer}." if layer else ""
    is_grey = not layer and "R" not in frame.channels
    colors = _columns(frame, frame.channels[:1] if is_grey else tuple(f"{prefix}{name}" for name in "RGB"))
    if color.result_space(space) != color.space(space):
        light = color.converted(np.ascontiguousarray(frame.rgb(layer)), space, color.result_space(space))
        pixels[..., colors] = light.mean(axis=2, keepdims=True) if is_grey else light
    shown = layers.data_window.intersect(frame.data_window)
    if shown.is_empty:
        return replace(frame, pixels=pixels, metadata=metadata)
    inside = shown.slices(frame.data_window)
    rgb, matte = (values[shown.slices(layers.data_window)] for values in (layers.rgb(), layers.layer(("A",))))
    under = pixels[inside]
    seen = np.repeat(under[..., colors], 3, axis=2) if is_grey else under[..., colors]
    mixed = _over(rgb, seen, matte)
    under[..., colors] = np.where(
        matte > 0, mixed.mean(axis=2, keepdims=True) if is_grey else mixed, under[..., colors]
    )
    if f"{prefix}A" in frame.channels and not is_grey:
        alpha = frame.channels.index(f"{prefix}A")
        under[..., alpha] = np.where(matte > 0, _over(matte, under[..., [alpha]], matte), under[..., [alpha]])[..., 0]
    return replace(frame, pixels=pixels, metadata=metadata)


def _over(
    front: npt.NDArray[np.float32], back: npt.NDArray[np.float32], matte: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """Premultiplied `front` over `back`, as every host computes it in float32; `front` alone where it hides `back`."""
    with np.errstate(invalid="ignore"):  # 0 * inf, where the next line takes the front
        blended = front + back * (np.float32(1) - matte)
    return np.asarray(np.where((matte == 1) & ~np.isfinite(back), front, blended), np.float32)


def _columns(frame: Frame, names: tuple[str, ...]) -> slice | list[int]:
    """Where channels stand in a frame's pixels: a slice when it can be, which NumPy reads and writes much faster."""
    places = [frame.channels.index(name) for name in names]
    first = places[0]
    return slice(first, first + len(places)) if places == list(range(first, first + len(places))) else places


def _rounded_to_half(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The nearest values that half float holds, ties to even; finite ones beyond its range become its largest."""
    if not max(values.max(), -values.min()) <= _MOST_HALF:
        values = np.where(np.isfinite(values), np.clip(values, -_MOST_HALF, _MOST_HALF), values)
    halves = cv2.convertFp16(np.ascontiguousarray(values))
    return np.asarray(cv2.convertFp16(halves), np.float32)


def _with_color(attributes: Mapping[str, Any], space: str, color: ColorConfig) -> dict[str, Any]:
    """The attributes, and which space the pixels are in, and which the plate's are."""
    own = color.attributes(color.result_space(space))
    return {**attributes, **own, "understudy/plateColorspace": color.space(space)}


def _result_frame(
    pixels: npt.NDArray[np.float32], channels: tuple[str, ...], box: Box, frame: Frame, attributes: Mapping[str, Any]
) -> Frame:
    return Frame(
        pixels=pixels,
        channels=channels,
        data_window=box,
        display_window=frame.display_window,
        pixel_aspect=frame.pixel_aspect,
        metadata={**carried_attributes(frame), **attributes},
        float_channels=frozenset((*ST_CHANNELS, *cryptomatte.CHANNELS)),
    )
