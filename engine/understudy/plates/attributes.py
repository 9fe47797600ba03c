"""What a picture says of itself: attributes as plain values, their types in an EXR, and which of them stay true.

Names are those of the EXR standard, except where DPX and EXR say the same thing: then the common name of OpenImageIO
(`smpte:TimeCode`, `FramesPerSecond`) is used for both.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Mapping
from typing import Any

from understudy.plates.exr_layout import Part, RawAttribute, string_vector
from understudy.plates.frame import Frame
from understudy.plates.timecode import packed_timecode, timecode_after

__all__ = [
    "TypedTuple",
    "carried_attributes",
    "metadata_of_part",
    "moved_timecode",
    "raw_attributes",
]

_COMMON_FROM_EXR = {
    "timeCode": "smpte:TimeCode",
    "keyCode": "smpte:KeyCode",
    "framesPerSecond": "FramesPerSecond",
    "capDate": "DateTime",
    "owner": "Copyright",
    "comments": "ImageDescription",
    "expTime": "ExposureTime",
    "aperture": "FNumber",
}
_EXR_FROM_COMMON = {common: name for name, common in _COMMON_FROM_EXR.items()}

_FORMATS = {
    "int": "<i",
    "float": "<f",
    "double": "<d",
    "v2i": "<2i",
    "v2f": "<2f",
    "v2d": "<2d",
    "v3i": "<3i",
    "v3f": "<3f",
    "v3d": "<3d",
    "box2i": "<4i",
    "box2f": "<4f",
    "m33f": "<9f",
    "m33d": "<9d",
    "m44f": "<16f",
    "m44d": "<16d",
    "rational": "<iI",
    "timecode": "<2I",
    "keycode": "<7i",
    "chromaticities": "<8f",
}
"""How the fixed types lie in the file."""

_OF_FLOATS = {2: "v2f", 3: "v3f", 4: "box2f", 9: "m33f", 16: "m44f"}
_OF_INTEGERS = {2: "v2i", 3: "v3i", 4: "box2i"}
_NAMED_KINDS = {
    "smpte:TimeCode": "timecode",
    "smpte:KeyCode": "keycode",
    "FramesPerSecond": "rational",
    "chromaticities": "chromaticities",
}
_STRUCTURE = frozenset(
    (
        *("channels", "compression", "dataWindow", "displayWindow", "lineOrder", "pixelAspectRatio", "tiles", "type"),
        *("chunkCount", "version", "name", "view", "multiView", "preview", "dwaCompressionLevel", "envmap"),
        *("maxSamplesPerPixel", "deepImageState", "idmanifest", "screenWindowCenter", "screenWindowWidth"),
    )
)
"""What describes the file rather than the picture: told by `Frame` itself, or by `inspect`, and never carried."""

_COLOR_PREFIXES = ("chromaticities", "colorInteropID", "adoptedNeutral", "whiteLuminance", "oiio:ColorSpace")
_CARRIED = frozenset(
    (
        *("smpte:TimeCode", "smpte:KeyCode", "FramesPerSecond", "reelName", "imageCounter", "DateTime", "utcOffset"),
        *("Copyright", "ImageDescription", "ExposureTime", "FNumber", "isoSpeed", "focus", "tStop", "shutterAngle"),
        *("longitude", "latitude", "altitude", "captureRate", "nominalFocalLength", "effectiveFocalLength"),
        *("pinholeFocalLength", "entrancePupilOffset", "sensorAcquisitionRectangle", "sensorCenterOffset"),
        *("sensorOverallDimensions", "sensorPhotositePitch", "worldToCamera", "worldToNDC", "nuke/version"),
    )
)
_CARRIED_PREFIXES = ("camera", "lens", "input/", "com.arri", "com.red", "interim.", "nuke/input")


class TypedTuple(tuple[Any, ...]):
    """Numbers of an attribute that know their type in the file, so that they are written as what they were.

    Attributes:
        kind: The EXR name of the type, such as "rational".
    """

    kind: str

    @staticmethod
    def of(kind: str, values: tuple[Any, ...]) -> TypedTuple:
        """The values with their type."""
        made = TypedTuple(values)
        made.kind = kind
        return made


def metadata_of_part(part: Part) -> dict[str, Any]:
    """What an EXR's part says of the picture, as plain values; types that we do not know are left out."""
    metadata: dict[str, Any] = {}
    for name, raw in part.attributes.items():
        value = _value_of(raw)
        if name not in _STRUCTURE and value is not None:
            metadata[_COMMON_FROM_EXR.get(name, name)] = value
    return metadata


def raw_attributes(metadata: Mapping[str, Any]) -> dict[str, RawAttribute]:
    """The attributes as they stand in an EXR, by the EXR's name; values of no type that an EXR has are left out."""
    found: dict[str, RawAttribute] = {}
    for name, value in metadata.items():
        with contextlib.suppress(struct.error, OverflowError, ValueError, TypeError):
            raw = _raw_of(name, value)
            exr_name = _EXR_FROM_COMMON.get(name, name)
            if raw is not None and exr_name not in _STRUCTURE and 0 < len(exr_name.encode()) < 256:
                found[exr_name] = raw
    return found


def carried_attributes(frame: Frame) -> dict[str, Any]:
    """The plate's attributes that stay true for a picture made from it: timecode, rate, reel, camera, lens.

    Colour attributes (chromaticities, colorInteropID and kin) do not carry over: hosts write stale ones.
    """
    return {
        name: value
        for name, value in frame.metadata.items()
        if not name.startswith(_COLOR_PREFIXES) and (name in _CARRIED or name.casefold().startswith(_CARRIED_PREFIXES))
    }


def moved_timecode(metadata: Mapping[str, Any], frames: int) -> dict[str, Any]:
    """The attributes with the timecode some frames later; without it where the frame rate is not known."""
    moved = dict(metadata)
    told = moved.pop("smpte:TimeCode", None)
    start = packed_timecode(told) if isinstance(told, str) else told
    rate = metadata.get("FramesPerSecond")
    frames_per_second = rate[0] / rate[1] if isinstance(rate, tuple) and len(rate) == 2 and rate[1] else rate
    if isinstance(start, tuple) and len(start) == 2 and isinstance(frames_per_second, float | int):
        later = timecode_after((int(start[0]), int(start[1])), frames, float(frames_per_second))
        moved.update({"smpte:TimeCode": TypedTuple.of("timecode", later)} if later else {})
    return moved


def _value_of(raw: RawAttribute) -> Any:
    kind, data = raw
    if kind == "string":
        return data.decode("utf-8", "replace").rstrip("\0")
    if kind == "stringvector":
        return TypedTuple.of(kind, string_vector(data))
    if kind == "floatvector":
        return TypedTuple.of(kind, struct.unpack(f"<{len(data) // 4}f", data[: len(data) // 4 * 4]))
    layout = _FORMATS.get(kind)
    if layout is None or struct.calcsize(layout) != len(data):
        return None
    values = struct.unpack(layout, data)
    return values[0] if len(values) == 1 else TypedTuple.of(kind, values)


def _raw_of(name: str, value: Any) -> RawAttribute | None:
    if name == "smpte:TimeCode" and isinstance(value, str):
        packed = packed_timecode(value)
        return ("timecode", struct.pack("<2I", *packed)) if packed else None
    if isinstance(value, str):
        return "string", value.encode()
    if isinstance(value, int):
        return "int", struct.pack("<i", int(value))
    if isinstance(value, float):
        return "float", struct.pack("<f", value)
    if not isinstance(value, tuple) or not value:
        return None
    kind = getattr(value, "kind", None) or _NAMED_KINDS.get(name) or _kind_of(value)
    if kind == "stringvector":
        texts = [text.encode() for text in value]
        return kind, b"".join(struct.pack("<i", len(text)) + text for text in texts)
    if kind == "floatvector":
        return kind, struct.pack(f"<{len(value)}f", *value)
    return kind, struct.pack(_FORMATS[kind], *value)


def _kind_of(value: tuple[Any, ...]) -> str:
    """The type of numbers that do not know it: by how many they are."""
    if all(isinstance(item, str) for item in value):
        return "stringvector"
    if all(isinstance(item, int) for item in value):
        return _OF_INTEGERS.get(len(value), "floatvector")
    return _OF_FLOATS.get(len(value), "floatvector")
