"""Hostile and broken pictures, made from a seed; and a process that reads them with little memory.

Run as a program (`python hostile.py FOLDER`) it makes the cases, reads each, and prints two JSON lines for it, before
and after: its name, and how it ended. The last line says how much memory the process came to.
"""

from __future__ import annotations

import json
import resource
import struct
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import OpenImageIO as oiio  # noqa: N813

from understudy.errors import UnderstudyError
from understudy.plates import Frame, find_sequence, read_frame, read_header, stored_as, write_frame

MEMORY_BYTES = 6 << 30
"""Of address space, libraries and their threads included."""

Case = tuple[str, Callable[[Path], None]]
"""A file's name, and what makes it."""

_EXR_KINDS = ("none", "rle", "zips", "zip", "piz", "pxr24", "b44a", "dwaa", "htj2k32")
_OTHER_KINDS = ("dpx", "tif", "png", "jpg")
_CUTS = (0.0, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.995)


def picture() -> np.ndarray:
    """(48, 40, 3) float32, 0..1."""
    y, x = np.mgrid[0:48, 0:40].astype(np.float32)
    noise = np.random.default_rng(5).normal(0, 0.02, (48, 40, 3))
    return np.clip(np.dstack([x / 40, y / 48, (x + y) / 88]) + noise, 0, 1).astype(np.float32)


def good_files(folder: Path) -> dict[str, bytes]:
    """A whole file of each kind, by a name that ends as it should."""
    folder.mkdir(parents=True, exist_ok=True)
    files: dict[str, bytes] = {}
    for kind in _EXR_KINDS:
        write_frame(folder / "good.exr", Frame.of(picture()), kind)
        files[f"{kind}.exr"] = (folder / "good.exr").read_bytes()
    for ending in _OTHER_KINDS:
        spec = oiio.ImageSpec(40, 48, 3, oiio.UINT8 if ending == "jpg" else oiio.UINT16)
        if ending == "dpx":
            spec.attribute("oiio:BitsPerSample", 10)
        if ending == "tif":
            spec.attribute("compression", "lzw")
        output = oiio.ImageOutput.create(f"good.{ending}")
        assert output.open(str(folder / f"good.{ending}"), spec) and output.write_image(picture()) and output.close()
        files[f"plain.{ending}"] = (folder / f"good.{ending}").read_bytes()
    for name, codec, pixels in (("all_key.mov", "prores_ks", "yuv422p10le"), ("long.mkv", "mpeg4", "yuv420p")):
        container = av.open(str(folder / name), "w")
        stream = container.add_stream(codec, rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pixels
        for number in range(6):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), number * 40, np.uint8), "rgb24")
            container.mux(stream.encode(frame.reformat(format=pixels)))
        container.mux(stream.encode(None))
        container.close()
        files[name] = (folder / name).read_bytes()
    return files


def cases(files: dict[str, bytes], seed: int = 7) -> Iterator[Case]:
    """Every case, in the same order each time."""
    yield from _cut_short(files)
    yield from _bits_turned(files, np.random.default_rng(seed))
    yield from _lying_exr(files["zip.exr"], files["none.exr"])
    yield from _lying_others(files)
    yield from _renamed(files)
    yield from _no_numbers()


def _cut_short(files: dict[str, bytes]) -> Iterator[Case]:
    for name, data in files.items():
        for cut in _CUTS:
            yield f"cut_{cut:g}_{name}", _writing(data[: int(len(data) * cut)])
        yield f"zeroed_{name}", _writing(data[: len(data) // 2] + bytes(len(data) - len(data) // 2))


def _bits_turned(files: dict[str, bytes], random: np.random.Generator) -> Iterator[Case]:
    """A few bits in the first bytes, where headers are, and a few anywhere."""
    for name, data in files.items():
        for reach, count in ((64, 3), (400, 4), (len(data), 5)):
            for number in range(count):
                damaged = bytearray(data)
                for place in random.integers(4, min(reach, len(data)), size=int(random.integers(1, 6))):
                    damaged[place] ^= 1 << int(random.integers(0, 8))
                yield f"bits_{reach}_{number}_{name}", _writing(bytes(damaged))


def _lying_exr(packed: bytes, plain: bytes) -> Iterator[Case]:
    """Windows, channels, tables and attributes of EXRs that say what is not so."""
    windows = {
        "zero": (0, 0, -1, -1),
        "inside_out": (10, 10, 3, 3),
        "huge": (0, 0, 2**31 - 1, 2**31 - 1),
        "lowest": (-(2**31), -(2**31), 2**31 - 1, 2**31 - 1),
        "wide": (0, 0, 16383, 16383),
        "wider": (0, 0, 39_999_999, 0),
        "taller": (0, 0, 39, 9_999_999),
        "one_more_row": (0, 0, 39, 48),
        "one_row_less": (0, 0, 39, 46),
        "one_column_more": (0, 0, 40, 47),
    }
    for name, numbers in windows.items():
        for base, data in (("zip", packed), ("none", plain)):
            for kind in ("dataWindow", "displayWindow"):
                if kind == "dataWindow" or name not in ("wide", "wider", "taller", "one_more_row", "one_row_less"):
                    yield f"{kind}_{name}_{base}.exr", _writing(_with(data, kind, struct.pack("<4i", *numbers)))
    for number in (10, 12, 14, 77, 255):
        yield f"compression_{number}.exr", _writing(_with(packed, "compression", bytes([number])))
    for sampling in (0, -1, 2, 2**31 - 1):
        yield f"sampling_{sampling}.exr", _writing(packed.replace(b"\1\0\0\0\1\0\0\0\0", _sampled(sampling), 1))
    for kind in (3, -1, 2**31 - 1):
        start = packed.index(b"B\0\1\0\0\0") + 2
        yield f"kind_{kind}.exr", _writing(packed[:start] + struct.pack("<i", kind) + packed[start + 4 :])
    yield "pixel_aspect_nan.exr", _writing(_with(packed, "pixelAspectRatio", struct.pack("<f", float("nan"))))
    yield "pixel_aspect_zero.exr", _writing(_with(packed, "pixelAspectRatio", struct.pack("<f", 0)))
    for name, version in (("deep", 0x800), ("tiled", 0x200), ("multipart", 0x1000), ("deep_parts", 0x1800), ("new", 1)):
        yield f"version_{name}.exr", _writing(packed[:4] + struct.pack("<I", 2 | version) + packed[8:])
    for size in (-1, 2**31 - 1, 1 << 20, 0):
        start = packed.index(b"compression\0compression\0") + 24
        yield f"attribute_size_{size}.exr", _writing(packed[:start] + struct.pack("<i", size) + packed[start + 4 :])
    yield "no_end.exr", _writing(packed[:8] + b"x" * 4000)
    yield "many_attributes.exr", _writing(packed[:8] + b"a\0int\0\4\0\0\0\1\0\0\0" * 20000 + packed[8:])
    yield "many_channels.exr", _writing(_many_channels(packed, 20000))
    yield "same_channels.exr", _writing(packed.replace(b"\0G\0\1\0", b"\0B\0\1\0", 1))
    yield from _lying_tables(packed)


def _lying_tables(packed: bytes) -> Iterator[Case]:
    table = packed.index(b"type\0string\0") + 12 + 4 + len("scanlineimage") + 1
    if b"type\0string\0" in packed:
        table = _end_of_header(packed)
    for number in (0, 1, table, len(packed) - 1, len(packed), 2**62, 2**64 - 1):
        yield f"offset_{number}.exr", _writing(packed[:table] + struct.pack("<Q", number) + packed[table + 8 :])
    first = int.from_bytes(packed[table : table + 8], "little")
    for number in (0, -1, 7, 2**31 - 1):
        there = first + 4
        yield f"block_size_{number}.exr", _writing(packed[:there] + struct.pack("<i", number) + packed[there + 4 :])
    yield "block_row.exr", _writing(packed[:first] + struct.pack("<i", 16) + packed[first + 4 :])


def _lying_others(files: dict[str, bytes]) -> Iterator[Case]:
    """Sizes and depths in the headers of the other formats."""
    sizes = (0, 1, 49, 65535, 2**24, 2**31 - 1, 2**32 - 1)
    dpx, png, tif, jpg = (files[f"plain.{ending}"] for ending in _OTHER_KINDS[:1] + ("png", "tif", "jpg"))
    order = ">" if dpx[:4] == b"SDPX" else "<"
    for size in sizes:
        for name, place in (("width", 772), ("height", 776), ("offset", 4)):
            value = struct.pack(f"{order}I", size)
            yield f"{name}_{size}.dpx", _writing(dpx[:place] + value + dpx[place + 4 :])
        for name, place in (("width", 16), ("height", 20)):
            yield f"{name}_{size}.png", _writing(_png(png, place, struct.pack(">I", size)))
        for tag in (256, 257, 258, 273, 277, 278, 279):
            yield f"tag_{tag}_{size}.tif", _writing(_tiff(tif, tag, size))
        for name, place in (("height", 5), ("width", 7)):
            start = jpg.index(b"\xff\xc0") + place
            yield f"{name}_{size}.jpg", _writing(jpg[:start] + struct.pack(">H", size & 0xFFFF) + jpg[start + 2 :])
    for depth in (1, 7, 10, 12, 16, 32, 64, 255):
        yield f"depth_{depth}.dpx", _writing(dpx[:803] + bytes([depth]) + dpx[804:])
        yield f"depth_{depth}.png", _writing(_png(png, 24, bytes([depth])))
    for element in (0, 9, 255):
        yield f"elements_{element}.dpx", _writing(dpx[:770] + struct.pack(f"{order}H", element) + dpx[772:])
        yield f"descriptor_{element}.dpx", _writing(dpx[:800] + bytes([element]) + dpx[801:])


def _renamed(files: dict[str, bytes]) -> Iterator[Case]:
    chosen = ("zip.exr", "plain.dpx", "plain.tif", "plain.png", "plain.jpg", "all_key.mov")
    for name in chosen:
        for other in chosen:
            if name.split(".")[1] != other.split(".")[1]:
                yield f"was_{name.replace('.', '_')}.{other.split('.')[1]}", _writing(files[name])
    for ending in ("exr", "dpx", "tif", "png", "jpg", "mov", "mkv", "mp4", "avi", "mxf"):
        yield f"text.{ending}", _writing(b"this is not a picture\n" * 50)
        yield f"zeros.{ending}", _writing(bytes(5000))


def _no_numbers() -> Iterator[Case]:
    """Not broken: NaN and infinite values are read as they are."""
    for name, value in (("nan", np.nan), ("inf", np.inf), ("minus_inf", -np.inf)):
        pixels = picture()
        pixels[10:14, 7:9] = value

        def write(path: Path, pixels: np.ndarray = pixels) -> None:
            write_frame(path, Frame.of(pixels))

        yield f"whole_{name}.exr", write


def _writing(data: bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(data)

    return write


def _with(data: bytes, attribute: str, value: bytes) -> bytes:
    """An EXR with another value of an attribute of the same size."""
    start = data.index(attribute.encode() + b"\0") + len(attribute) + 1
    start = data.index(b"\0", start) + 5
    return data[:start] + value + data[start + len(value) :]


def _sampled(sampling: int) -> bytes:
    return struct.pack("<ii", sampling, sampling) + b"\0"


def _many_channels(data: bytes, count: int) -> bytes:
    entries = b"".join(b"c%05d\0" % number + struct.pack("<iB3xii", 1, 0, 1, 1) for number in range(count)) + b"\0"
    start = data.index(b"channels\0chlist\0") + 16
    length = int.from_bytes(data[start : start + 4], "little")
    return data[:start] + struct.pack("<i", len(entries)) + entries + data[start + 4 + length :]


def _end_of_header(data: bytes) -> int:
    """Where the table of offsets begins."""
    at = 8
    while data[at]:
        at = data.index(b"\0", data.index(b"\0", at) + 1) + 1
        at += 4 + int.from_bytes(data[at : at + 4], "little")
    return at + 1


def _png(data: bytes, place: int, value: bytes) -> bytes:
    """A PNG with other bytes in its first chunk, and the checksum that they need."""
    changed = data[:place] + value + data[place + len(value) :]
    return changed[:29] + struct.pack(">I", zlib.crc32(changed[12:29])) + changed[33:]


def _tiff(data: bytes, tag: int, value: int) -> bytes:
    """A TIFF with another value of a tag."""
    start = int.from_bytes(data[4:8], "little")
    for number in range(int.from_bytes(data[start : start + 2], "little")):
        entry = start + 2 + 12 * number
        if int.from_bytes(data[entry : entry + 2], "little") == tag:
            return data[: entry + 8] + struct.pack("<I", value) + data[entry + 12 :]
    return data[:start] + b"\xff\xff" + data[start + 2 :]


def outcome(path: Path) -> dict[str, object]:
    """How reading a file ends: "read", the name of our error, or what went wrong."""
    started = time.process_time()
    try:
        if path.suffix in (".mov", ".mkv", ".mp4", ".avi", ".mxf"):
            numbers = find_sequence(path).numbers
            read_frame(path, number=numbers[-1])
        read_header(path)
        stored_as(path)
        ended, said = "read", str(read_frame(path).pixels.shape)
    except UnderstudyError as error:
        ended, said = type(error).__name__, error.message
    except BaseException as error:  # everything else is a fault of ours
        ended, said = "fault", f"{type(error).__name__}: {error}"
    return {"ended": ended, "said": said, "seconds": round(time.process_time() - started, 2)}


def main() -> None:
    """Makes and reads the cases; stops at its own limit of memory rather than at the machine's."""
    folder = Path(sys.argv[1])
    files = good_files(folder / "good")
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    for number, (name, write) in enumerate(cases(files)):
        path = folder / f"{number}_{name}"
        write(path)
        say({"case": name})
        say({"case": name, **outcome(path)})
        path.unlink()
    say({"most_memory": most_memory()})


def most_memory() -> int:
    """Bytes of this program at its largest; getrusage would count what its parent was before it."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) << 10


def say(values: dict[str, object]) -> None:
    """Prints a line at once, so that it is there should the process die."""
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
