"""What a file says of its own colour, in the words of each format, as one curve and one set of primaries.

Read are, by the names under which `plates` hands on the attributes of a file:

    colorInteropID                       the Color Interop Forum's name of a space (EXR, and others)
    CICP                                 PNG's cICP chunk: primaries, transfer, matrix and range by ITU-T H.273
    video:transfer, video:primaries      of a movie's stream, by FFmpeg's names: smpte2084, bt2020 and so on
    ICCProfile:profile_description       the name of an embedded ICC profile
    dpx:Transfer                         of a DPX, in words
    chromaticities                       of a scene-linear EXR: x and y of red, green, blue and white

Never read is `oiio:ColorSpace`: it is the reading library's own guess, sRGB for every PNG and Rec.709 for every EXR.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["CHROMATICITIES", "FileTag", "interop_parts", "tag_of"]

CHROMATICITIES: Mapping[str, tuple[float, ...]] = {
    "rec709": (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290),
    "rec2020": (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, 0.3127, 0.3290),
    "p3d65": (0.68, 0.32, 0.265, 0.69, 0.15, 0.06, 0.3127, 0.3290),
    "adobergb": (0.64, 0.33, 0.21, 0.71, 0.15, 0.06, 0.3127, 0.3290),
    "ap0": (0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.077, 0.32168, 0.33767),
    "ap1": (0.713, 0.293, 0.165, 0.830, 0.128, 0.044, 0.32168, 0.33767),
}
"""x and y of red, green, blue and white, by the names that colour interop identifiers use."""

_LABELS = {
    "rec709": "Rec.709",
    "rec2020": "Rec.2020",
    "p3d65": "P3-D65",
    "adobergb": "Adobe RGB",
    "ap0": "ACES2065-1",
    "ap1": "ACEScg",
}
_H273_PRIMARIES = {1: "rec709", 5: "rec709", 6: "rec709", 9: "rec2020", 12: "p3d65"}
_H273_TRANSFERS = {1: "g24", 4: "g22", 6: "g24", 8: "lin", 13: "srgb", 14: "g24", 15: "g24", 16: "pq", 18: "hlg"}
_VIDEO_PRIMARIES = {
    "bt709": "rec709",
    "bt470bg": "rec709",
    "smpte170m": "rec709",
    "smpte240m": "rec709",
    "bt2020": "rec2020",
    "smpte432": "p3d65",
}
_VIDEO_TRANSFERS = {
    "bt709": "g24",
    "smpte170m": "g24",
    "smpte240m": "g24",
    "bt2020-10": "g24",
    "bt2020-12": "g24",
    "iec61966-2-4": "g24",
    "bt1361e": "g24",
    "gamma22": "g22",
    "iec61966-2-1": "srgb",
    "linear": "lin",
    "smpte2084": "pq",
    "arib-std-b67": "hlg",
}
_STANDARD_DEFINITION = ("bt470bg", "smpte170m", "smpte240m")
_UNSAID = ("", "unknown", "unspecified", "reserved")
_ICC_NAMES = (
    ("display p3", "srgb", "p3d65"),
    ("adobe rgb", "g22", "adobergb"),
    ("2100 pq", "pq", "rec2020"),
    ("2100 hlg", "hlg", "rec2020"),
    ("srgb", "srgb", "rec709"),
    ("rec. 709", "g24", "rec709"),
    ("rec.709", "g24", "rec709"),
)
_DPX_VIDEO = ("ITU-R 709-4", "SMPTE 274M")
_DPX_LOG = ("Printing density", "Logarithmic")
_CLOSE = 0.002


@dataclass(frozen=True)
class FileTag:
    """What a file says.

    Attributes:
        words: What it says and where, to stand after "tagged".
        curve: lin, srgb, g22, g24, g26, pq or hlg; "log" for a logarithm of which nothing says whose; "" when unknown.
        primaries: A name of `CHROMATICITIES`; "" when nothing says.
        chromaticities: Where the file gives them as numbers.
        doubt: Why the tag is followed but not trusted; empty when it is trusted.
        loss: What following it leaves out; empty when nothing.
    """

    words: str
    curve: str
    primaries: str
    chromaticities: tuple[float, ...] = ()
    doubt: str = ""
    loss: str = ""


def tag_of(metadata: Mapping[str, Any], is_integer: bool) -> FileTag | None:
    """What a file's attributes say of its colour; None when they say nothing. `colorInteropID` is not asked here.

    Args:
        metadata: The file's attributes.
        is_integer: True for files of integers; chromaticities count in files of floats only.
    """
    found = _cicp(metadata) or _video(metadata) or _icc(metadata) or _dpx(metadata)
    return found or (None if is_integer else _chromaticities(metadata))


def interop_parts(identifier: str) -> tuple[str, str] | None:
    """Curve and primaries of a colour interop identifier such as `pq_rec2020_display`; None when it names others."""
    parts = identifier.split("_")
    if len(parts) != 3 or parts[2] not in ("scene", "display"):
        return None
    return parts[0], parts[1]


def _cicp(metadata: Mapping[str, Any]) -> FileTag | None:
    values = _numbers(metadata.get("CICP"), 4)
    if values is None:
        return None
    primaries, transfer = int(values[0]), int(values[1])
    if 2 in (primaries, transfer):
        return None
    words = f"cICP {primaries}, {transfer} in the file"
    return FileTag(words, _H273_TRANSFERS.get(transfer, ""), _H273_PRIMARIES.get(primaries, ""))


def _video(metadata: Mapping[str, Any]) -> FileTag | None:
    transfer, primaries = (str(metadata.get(f"video:{name}", "")) for name in ("transfer", "primaries"))
    if transfer in _UNSAID:
        return None
    curve = _VIDEO_TRANSFERS.get(transfer, "")
    named = _VIDEO_PRIMARIES.get(primaries, "")
    if primaries in _UNSAID:
        named = "rec2020" if curve in ("pq", "hlg") else "rec709"
    loss = ""
    if primaries in _STANDARD_DEFINITION:
        loss = f"the stream's {primaries} primaries are taken for Rec.709's, which are nearly the same"
    said = transfer if primaries in _UNSAID else f"{transfer}, {primaries}"
    return FileTag(f"{said} in the stream", curve, named, loss=loss)


def _icc(metadata: Mapping[str, Any]) -> FileTag | None:
    name = str(metadata.get("ICCProfile:profile_description", ""))
    if not name and metadata.get("ICCProfile") is None:
        return None
    for part, curve, primaries in _ICC_NAMES:
        if part in name.casefold():
            return FileTag(f"with the ICC profile '{name}'", curve, primaries)
    return FileTag(f"with the ICC profile '{name or 'without a name'}', which is not applied", "", "")


def _dpx(metadata: Mapping[str, Any]) -> FileTag | None:
    transfer = str(metadata.get("dpx:Transfer", ""))
    words = f"'{transfer}' in the DPX"
    if transfer in _DPX_VIDEO:
        return FileTag(words, "g24", "rec709")
    if transfer == "Unspecified video":
        return FileTag(words, "g24", "rec709", doubt="which video is not said")
    if transfer in _DPX_LOG:
        return FileTag(words, "log", "", doubt="whose log it is, a scanner's or a camera's, is not said")
    if transfer == "Linear":
        return FileTag(words, "lin", "", doubt="its primaries are not said")
    return None


def _chromaticities(metadata: Mapping[str, Any]) -> FileTag | None:
    numbers = _numbers(metadata.get("chromaticities"), 8)
    if numbers is None:
        return None
    for name, known in CHROMATICITIES.items():
        if all(abs(value - wanted) < _CLOSE for value, wanted in zip(numbers, known, strict=True)):
            doubt = "writers put Rec.709's there when they know nothing" if name == "rec709" else ""
            return FileTag(f"with the chromaticities of {_LABELS[name]} in the file", "lin", name, numbers, doubt)
    return FileTag("with chromaticities in the file", "lin", "", numbers)


def _numbers(value: Any, count: int) -> tuple[float, ...] | None:
    """An attribute of so many finite numbers; None when it is something else, as in a damaged file."""
    try:
        numbers = tuple(float(item) for item in value)
    except (TypeError, ValueError):
        return None
    return numbers if len(numbers) == count and all(math.isfinite(number) for number in numbers) else None
