"""EXR codecs: what our reading and writing cost beside the two libraries alone. `python -m understudy.bench.codecs`."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import OpenImageIO as oiio  # noqa: N813

from understudy.geometry import Box
from understudy.plates import Frame, read_frame, write_frame

__all__ = ["main", "measure_codec", "plate"]

CODECS = ("none", "zips", "zip", "htj2k256")
COLUMNS = ("MiB", "write", "OpenEXR write", "OIIO write", "read", "OpenEXR read", "OIIO read", "1400 rows")
_ROUNDS = 3
_ROWS = Box(0, 300, 1 << 20, 1700)


def plate(width: int = 4096, height: int = 2160) -> Frame:
    """RGBA in half: smooth light over four stops with 5 % of grain, opaque."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    light = 0.18 * np.exp2(2 * np.sin(x / 300) * np.cos(y / 200))
    grain = 1 + 0.05 * random.standard_normal((height, width, 3), dtype=np.float32)
    pixels = np.dstack([light[..., None] * grain, np.ones((height, width), np.float32)])
    return Frame.of(pixels.astype(np.float16).astype(np.float32))


def measure_codec(frame: Frame, codec: str, folder: Path) -> dict[str, float]:
    """Milliseconds of CPU time, the best of three, by `COLUMNS`; OIIO's are left out where it does not know the codec.

    Args:
        frame: RGBA.
        codec: An EXR compression.
        folder: Where to write.
    """
    path = folder / f"{codec}.exr"
    half = frame.pixels.astype(np.float16)
    kind = getattr(OpenEXR, f"{'NO' if codec == 'none' else codec.upper()}_COMPRESSION")
    header = {"compression": kind, "type": OpenEXR.scanlineimage}
    found: dict[str, float] = {
        "OpenEXR write": _cpu_ms(lambda: OpenEXR.File(header, {"RGBA": half}, 0).write(str(path))),
        "OpenEXR read": _cpu_ms(lambda: OpenEXR.File(str(path), num_threads=0)),
        "write": _cpu_ms(lambda: write_frame(path, frame, codec)),
        "read": _cpu_ms(lambda: read_frame(path)),
        "1400 rows": _cpu_ms(lambda: read_frame(path, region=_ROWS)),
        "MiB": path.stat().st_size / (1 << 20),
    }
    if not codec.startswith("htj2k"):
        oiio.attribute("threads", 1)
        found["OIIO write"] = _cpu_ms(lambda: _write_with_oiio(folder / "oiio.exr", frame, codec))
        found["OIIO read"] = _cpu_ms(lambda: _read_with_oiio(path))
    return found


def main() -> None:
    """Prints a table."""
    out = sys.stdout
    out.write("".join(f"{name:>15}" for name in ("codec", *COLUMNS)) + "\n")
    frame = plate()
    with tempfile.TemporaryDirectory() as folder:
        for codec in CODECS:
            found = measure_codec(frame, codec, Path(folder))
            cells = (f"{found[name]:.0f}" if name in found else "-" for name in COLUMNS)
            out.write("".join(f"{cell:>15}" for cell in (codec, *cells)) + "\n")


def _cpu_ms(work: Callable[[], Any]) -> float:
    def once() -> float:
        start = time.process_time()
        work()
        return time.process_time() - start

    return 1000 * min(once() for _ in range(_ROUNDS))


def _write_with_oiio(path: Path, frame: Frame, codec: str) -> None:
    height, width, count = frame.pixels.shape
    spec = oiio.ImageSpec(width, height, count, oiio.HALF)
    spec.attribute("compression", codec)
    output = oiio.ImageOutput.create("openexr")
    output.open(str(path), spec)
    output.write_image(frame.pixels)
    output.close()


def _read_with_oiio(path: Path) -> Any:
    source = oiio.ImageInput.open(str(path))
    pixels = source.read_image(0, 0, 0, source.spec().nchannels, oiio.FLOAT)
    source.close()
    return pixels


if __name__ == "__main__":
    main()
