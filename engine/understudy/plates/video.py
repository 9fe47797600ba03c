"""A decoded video picture as float RGB: from its own planes, with all their bits. Nothing passes through 8 bits.

Luma and chroma are scaled as ITU-T H.273 says, by matrix and range; what the file does not say is guessed, and told.
Chroma is widened linearly. Nothing is clamped: what lies below black and above white stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from understudy.geometry import Box
from understudy.plates.frame import Pixels

__all__ = ["MATRICES", "PRIMARIES", "RANGES", "TRANSFERS", "DecodedPicture", "UnknownPixels", "picture_of"]

PRIMARIES = {
    **{1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "film", 9: "bt2020"},
    **{10: "smpte428", 11: "smpte431", 12: "smpte432", 22: "ebu3213"},
}
TRANSFERS = {
    **{1: "bt709", 4: "gamma22", 5: "gamma28", 6: "smpte170m", 7: "smpte240m", 8: "linear", 9: "log100", 10: "log316"},
    **{11: "iec61966-2-4", 12: "bt1361e", 13: "iec61966-2-1", 14: "bt2020-10", 15: "bt2020-12", 16: "smpte2084"},
    **{17: "smpte428", 18: "arib-std-b67"},
}
MATRICES = {
    **{0: "rgb", 1: "bt709", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "ycgco", 9: "bt2020nc"},
    **{10: "bt2020c", 14: "ictcp"},
}
RANGES = {1: "tv", 2: "pc"}
"""Code points of ITU-T H.273 by the names that FFmpeg gives them; 2 and what is not here means that nothing is said."""

_LUMA = {
    "bt709": (0.2126, 0.0722),
    "fcc": (0.30, 0.11),
    "bt470bg": (0.299, 0.114),
    "smpte170m": (0.299, 0.114),
    "smpte240m": (0.212, 0.087),
    "bt2020nc": (0.2627, 0.0593),
}
"""Kr and Kb of each matrix."""

_PLANAR = {
    **{"nv12": "yuv420p", "nv21": "yuv420p", "nv16": "yuv422p", "nv24": "yuv444p", "nv42": "yuv444p"},
    **{"p010le": "yuv420p10le", "p012le": "yuv420p12le", "p016le": "yuv420p16le"},
    **{"p210le": "yuv422p10le", "p212le": "yuv422p12le", "p216le": "yuv422p16le"},
    **{"p410le": "yuv444p10le", "p412le": "yuv444p12le", "p416le": "yuv444p16le"},
    **{"nv20le": "yuv422p10le", "yuyv422": "yuv422p", "uyvy422": "yuv422p", "yvyu422": "yuv422p"},
    **{"y210le": "yuv422p10le", "y212le": "yuv422p12le", "y216le": "yuv422p16le"},
    **{"xv30le": "yuv444p10le", "xv36le": "yuv444p12le", "ayuv64le": "yuva444p16le", "uyyvyy411": "yuv411p"},
    **{"x2rgb10le": "gbrp10le", "x2bgr10le": "gbrp10le"},
}
"""Where samples are packed, the planar form with the same samples."""


_REACH = 8
"""Pixels beyond a window that are converted too: a multiple of every chroma step, and more than any sample reaches."""


class UnknownPixels(ValueError):  # noqa: N818  # not the user's error: the caller turns it into one
    """Pixels of a kind that cannot be turned into RGB exactly."""


@dataclass(frozen=True, eq=False)
class DecodedPicture:
    """A video picture.

    Attributes:
        pixels: (H, W, C) float32, RGB or RGBA, in the file's own transfer, 0..1 for its nominal range, unclamped.
        bits: Of a sample in the file.
        matrix: By which RGB was made, by FFmpeg's name.
        range: "tv" or "pc".
        guessed: Which of "matrix" and "range" the file does not say.
    """

    pixels: Pixels
    bits: int
    matrix: str
    range: str
    guessed: tuple[str, ...]


def picture_of(frame: Any, window: Box) -> DecodedPicture:
    """The float picture of a frame of PyAV's, or a part of it.

    Args:
        frame: The frame.
        window: Which pixels; none outside the frame. They are the same whatever is asked for beside them.

    Raises:
        UnknownPixels: Its pixels are of a kind that cannot be turned into RGB exactly.
    """
    planar = _as_planar(frame)
    components = planar.format.components
    bits = max(component.bits for component in components)
    is_rgb = bool(planar.format.is_rgb)
    is_grey = not is_rgb and len(components) - sum(component.is_alpha for component in components) == 1
    matrix, is_matrix_guessed = _matrix_of(frame, is_rgb)
    span, is_range_guessed = _range_of(frame, is_rgb or is_grey)
    outer = Box(
        max(0, window.left - _REACH) // _REACH * _REACH,
        max(0, window.top - _REACH) // _REACH * _REACH,
        min(frame.width, window.right + _REACH),
        min(frame.height, window.bottom + _REACH),
    )
    planes = [_plane(planar, component, outer) for component in components]
    colours = [plane for plane, component in zip(planes, components, strict=True) if not component.is_alpha]
    if is_rgb:
        mixed = [_luma(plane, bits, span) for plane in colours]
    elif is_grey:
        mixed = [_luma(colours[0], bits, span)] * 3
    else:
        mixed = _rgb_of(colours, bits, span, matrix)
    alpha = [plane for plane, component in zip(planes, components, strict=True) if component.is_alpha]
    mixed += [_luma(plane, bits, "pc") for plane in alpha]
    guessed = (("matrix",) if is_matrix_guessed else ()) + (("range",) if is_range_guessed else ())
    rows, columns = window.slices(outer)
    pixels = np.stack([plane[rows, columns] for plane in mixed], axis=2)
    return DecodedPicture(np.ascontiguousarray(pixels, np.float32), bits, matrix, span, guessed)


def _as_planar(frame: Any) -> Any:
    """The frame with each component in a plane of its own, in little-endian words."""
    name = frame.format.name
    target = _PLANAR.get(name)
    if target is None and (name.endswith("be") or not frame.format.is_planar) and "gray" not in name:
        is_deep = max(component.bits for component in frame.format.components) > 8
        has_alpha = any(component.is_alpha for component in frame.format.components)
        if frame.format.is_bayer or frame.format.is_bit_stream:
            raise UnknownPixels(name)
        if frame.format.is_rgb or frame.format.has_palette:
            target = ("gbrap" if has_alpha else "gbrp") + ("16le" if is_deep else "")
        else:
            target = ("yuva444p" if has_alpha else "yuv444p") + ("16le" if is_deep else "")
    if target is None and name.startswith("gray") and name.endswith("be"):
        target = name[:-2] + "le"
    if target is None or target == name:
        return frame
    return frame.reformat(format=target, src_colorspace=frame.colorspace, dst_colorspace=frame.colorspace)


def _matrix_of(frame: Any, is_rgb: bool) -> tuple[str, bool]:
    """The matrix and whether it is a guess: by primaries and transfer where they are BT.2020's, else by height."""
    if is_rgb:
        return "rgb", False
    said = MATRICES.get(int(frame.colorspace or 0) if frame.colorspace is not None else 2)
    if said in _LUMA:
        return said, False
    if said not in (None, "rgb"):
        raise UnknownPixels(f"matrix {said}")
    is_wide = int(frame.color_primaries or 2) == 9 or int(frame.color_trc or 2) in (14, 15, 16, 18)
    return ("bt2020nc" if is_wide else "bt709" if frame.height >= 720 else "smpte170m"), True


def _range_of(frame: Any, is_full_by_nature: bool) -> tuple[str, bool]:
    if frame.format.name.startswith("yuvj"):
        return "pc", False
    said = RANGES.get(int(frame.color_range or 0))
    return (said, False) if said else ("pc" if is_full_by_nature else "tv", not frame.format.is_rgb)


def _plane(frame: Any, component: Any, window: Box) -> npt.NDArray[Any]:
    """(H, W) of one component in this window of the frame, as its samples stand in the plane."""
    plane = frame.planes[component.plane]
    is_float = "f32" in frame.format.name or "f16" in frame.format.name
    kinds = {True: np.dtype("<f4" if "f32" in frame.format.name else "<f2"), False: None}
    kind = kinds[is_float] or np.dtype("u1" if component.bits <= 8 else "<u2")
    rows = np.frombuffer(plane, kind).reshape(plane.height, plane.line_size // kind.itemsize)
    high, wide = (round(whole / part) for whole, part in ((frame.height, plane.height), (frame.width, plane.width)))
    return rows[:, : plane.width][
        window.top // high : -(-window.bottom // high), window.left // wide : -(-window.right // wide)
    ]


def _luma(plane: npt.NDArray[Any], bits: int, span: str) -> Pixels:
    """Samples of luma, of red, green or blue, or of alpha: 0..1 for the nominal range."""
    if plane.dtype.kind == "f":
        return np.asarray(plane, np.float32)
    if span == "tv":
        step = 1 << (bits - 8)
        return (plane.astype(np.float32) - np.float32(16 * step)) / np.float32(219 * step)
    return np.asarray(plane / np.float32((1 << bits) - 1), np.float32)


def _chroma(plane: npt.NDArray[Any], bits: int, span: str) -> Pixels:
    """Samples of chroma: -0.5..0.5 for the nominal range."""
    middle = np.float32(1 << (bits - 1))
    whole = (224 << (bits - 8)) if span == "tv" else (1 << bits) - 1
    return (plane.astype(np.float32) - middle) / np.float32(whole)


def _rgb_of(planes: list[npt.NDArray[Any]], bits: int, span: str, matrix: str) -> list[Pixels]:
    """Red, green and blue planes of luma and two chroma planes."""
    height, width = planes[0].shape
    luma = _luma(planes[0], bits, span)
    blueness, redness = (_widened(_chroma(plane, bits, span), height, width) for plane in planes[1:3])
    red_share, blue_share = _LUMA[matrix]
    red = luma + np.float32(2 * (1 - red_share)) * redness
    blue = luma + np.float32(2 * (1 - blue_share)) * blueness
    green = luma - np.float32(red_share) * red - np.float32(blue_share) * blue
    green /= np.float32(1 - red_share - blue_share)
    return [red, green, blue]


def _widened(plane: Pixels, height: int, width: int) -> Pixels:
    """The chroma plane at the size of luma, linearly: columns lie on every second column, rows between two rows.

    That is where MPEG-2, H.264, HEVC and ProRes have them when nothing else is said.
    """
    while plane.shape[1] < width:
        following = np.concatenate([plane[:, 1:], plane[:, -1:]], axis=1)
        wide = np.empty((plane.shape[0], plane.shape[1] * 2), np.float32)
        wide[:, 0::2], wide[:, 1::2] = plane, (plane + following) * np.float32(0.5)
        plane = wide
    while plane.shape[0] < height:
        above = np.concatenate([plane[:1], plane[:-1]])
        below = np.concatenate([plane[1:], plane[-1:]])
        high = np.empty((plane.shape[0] * 2, plane.shape[1]), np.float32)
        high[0::2] = plane * np.float32(0.75) + above * np.float32(0.25)
        high[1::2] = plane * np.float32(0.75) + below * np.float32(0.25)
        plane = high
    return plane[:height, :width]
