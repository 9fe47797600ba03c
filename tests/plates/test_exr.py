"""EXRs of other writers, read; and ours, read by other readers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import OpenImageIO as oiio  # noqa: N813
import pytest

import understudy
from understudy.errors import BrokenFrameError, PlateError
from understudy.geometry import Box
from understudy.plates import (
    COMPRESSIONS,
    Frame,
    carried_attributes,
    read_frame,
    read_header,
    rgb_layer,
    stored_as,
    write_frame,
)
from understudy.plates import exr as exr_module

LOSSLESS = ("none", "rle", "zips", "zip", "piz", "pxr24", "htj2k256", "htj2k32", "zstd")


def gradient(height: int = 70, width: int = 50, channels: int = 4) -> np.ndarray:
    """(height, width, channels) float16, smooth with noise, -1 to 60."""
    random = np.random.default_rng(3)
    y, x = np.mgrid[0:height, 0:width]
    base = (x * 0.7 + y * 0.2)[..., None] - 1 + random.normal(0, 0.05, (height, width, channels))
    return base.astype(np.float16)


def write_with_openexr(path: Path, header: dict[str, Any], channels: dict[str, Any]) -> None:
    OpenEXR.File({"type": OpenEXR.scanlineimage, **header}, channels, 0).write(str(path))


def window(box: Box) -> tuple[np.ndarray, np.ndarray]:
    return np.array([box.left, box.top], np.int32), np.array([box.right - 1, box.bottom - 1], np.int32)


@pytest.fixture
def count_chunks(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How many chunks were read since it was asked last."""
    read: list[object] = []
    real = exr_module._places_on_disk

    def counted(*arguments: Any) -> Any:
        starts, ends = real(*arguments)
        read.extend(starts)
        return starts, ends

    def count() -> int:
        found = len(read)
        read.clear()
        return found

    monkeypatch.setattr(exr_module, "_places_on_disk", counted)
    return count


@pytest.mark.parametrize("compression", LOSSLESS)
def test_every_lossless_compression_gives_the_bits_that_were_written(tmp_path: Path, compression: str) -> None:
    pixels = gradient()
    kind = getattr(OpenEXR, f"{'NO' if compression == 'none' else compression.upper()}_COMPRESSION")
    write_with_openexr(tmp_path / "a.exr", {"compression": kind}, {"RGBA": pixels})
    np.testing.assert_array_equal(read_frame(tmp_path / "a.exr").pixels, pixels.astype(np.float32))
    assert stored_as(tmp_path / "a.exr").compression == compression


@pytest.mark.parametrize("compression", ["b44", "b44a", "dwaa", "dwab"])
def test_every_lossy_compression_reads_as_its_own_library_reads_it(tmp_path: Path, compression: str) -> None:
    kind = getattr(OpenEXR, f"{compression.upper()}_COMPRESSION")
    write_with_openexr(tmp_path / "a.exr", {"compression": kind}, {"RGBA": gradient()})
    theirs = OpenEXR.File(str(tmp_path / "a.exr")).channels()["RGBA"].pixels
    np.testing.assert_array_equal(read_frame(tmp_path / "a.exr").pixels, theirs.astype(np.float32))


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_every_compression_that_we_write_is_read_back_and_named(tmp_path: Path, compression: str) -> None:
    frame = Frame.of(gradient().astype(np.float32))
    write_frame(tmp_path / "a.exr", frame, compression)
    assert stored_as(tmp_path / "a.exr").compression == compression
    atol = 3.0 if compression in ("b44", "b44a", "dwaa", "dwab") else 0
    np.testing.assert_allclose(read_frame(tmp_path / "a.exr").pixels, frame.pixels, atol=atol)


@pytest.mark.parametrize("data", [Box(-20, -7, 30, 63), Box(5, 5, 55, 75), Box(-3, 2, 47, 72)])
@pytest.mark.parametrize("tile", [None, (16, 24)])
def test_a_region_is_that_part_of_the_whole(tmp_path: Path, data: Box, tile: tuple[int, int] | None) -> None:
    """Overscan, a small data window and an odd origin; rows and tiles."""
    header: dict[str, Any] = {"compression": OpenEXR.ZIP_COMPRESSION, "dataWindow": window(data)}
    header["displayWindow"] = window(Box(0, 0, 48, 64))
    if tile:
        header["type"] = OpenEXR.tiledimage
        header["tiles"] = OpenEXR.TileDescription()
        header["tiles"].xSize, header["tiles"].ySize = tile
    pixels = gradient()
    write_with_openexr(tmp_path / "a.exr", header, {"RGBA": pixels, "mask": pixels[..., 0].copy()})
    whole = read_frame(tmp_path / "a.exr")
    assert (whole.data_window, whole.display_window, whole.whole_window) == (data, Box(0, 0, 48, 64), None)
    np.testing.assert_array_equal(whole.pixels[..., :4], pixels.astype(np.float32))
    for region in (Box(10, 20, 21, 33), Box(-100, -100, 8, 12), Box(29, 40, 999, 999), Box(12, 30, 13, 31)):
        part = read_frame(tmp_path / "a.exr", region=region)
        assert part.data_window == data.intersect(region)
        assert part.whole_window == data
        np.testing.assert_array_equal(part.pixels, whole.pixels[part.data_window.slices(data)])


def test_only_the_rows_and_tiles_of_a_region_are_decoded(tmp_path: Path, count_chunks: Callable[[], int]) -> None:
    pixels = gradient(64, 64, 3)
    write_with_openexr(tmp_path / "rows.exr", {"compression": OpenEXR.ZIPS_COMPRESSION}, {"RGB": pixels})
    tiles = OpenEXR.TileDescription()
    tiles.xSize = tiles.ySize = 16
    write_with_openexr(tmp_path / "tiles.exr", {"type": OpenEXR.tiledimage, "tiles": tiles}, {"RGB": pixels})
    read_frame(tmp_path / "rows.exr", region=Box(5, 20, 20, 30))
    assert count_chunks() == 10
    read_frame(tmp_path / "tiles.exr", region=Box(17, 20, 30, 40))
    assert count_chunks() == 2


def test_a_region_beside_the_picture_is_empty(tmp_path: Path) -> None:
    write_frame(tmp_path / "a.exr", Frame.of(gradient()))
    beside = read_frame(tmp_path / "a.exr", region=Box(500, 0, 510, 10))
    assert beside.data_window.is_empty and beside.pixels.size == 0
    assert beside.whole_window == Box(0, 0, 50, 70)


def test_a_mipmapped_file_gives_its_full_resolution(tmp_path: Path) -> None:
    pixels = gradient(64, 64).astype(np.float32)
    buffer = oiio.ImageBuf(pixels)
    assert oiio.ImageBufAlgo.make_texture(oiio.MakeTxTexture, buffer, str(tmp_path / "a.exr"), oiio.ImageSpec())
    assert stored_as(tmp_path / "a.exr").storage.endswith("mipmap")
    np.testing.assert_allclose(read_frame(tmp_path / "a.exr").pixels, pixels, rtol=1e-3, atol=1e-3)


def test_mixed_kinds_of_channels_keep_their_values(tmp_path: Path) -> None:
    ids = np.arange(12, dtype=np.uint32).reshape(3, 4) * 1_000_003
    depth = np.linspace(0, 1e6, 12, dtype=np.float32).reshape(3, 4)
    planes = {"RGB": gradient(3, 4, 3), "id": ids, "depth.Z": depth, "A": np.ones((3, 4), np.float16)}
    write_with_openexr(tmp_path / "a.exr", {}, planes)
    frame = read_frame(tmp_path / "a.exr")
    assert frame.channels == ("R", "G", "B", "A", "id", "depth.Z")
    assert (frame.is_integer, frame.float_channels, frame.bits) == (False, {"id", "depth.Z"}, 32)
    np.testing.assert_array_equal(frame.channel("id"), ids)
    np.testing.assert_array_equal(frame.channel("depth.Z"), depth)
    write_frame(tmp_path / "b.exr", frame)
    np.testing.assert_array_equal(read_frame(tmp_path / "b.exr").pixels, frame.pixels)


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    """Depth first, then beauty of two views, then a light whose channels bear its name; each with another grey."""

    def part(name: str, view: str, channels: dict[str, Any]) -> Any:
        return OpenEXR.Part({"type": OpenEXR.scanlineimage, **({"view": view} if view else {})}, channels, name)

    def grey(value: float, prefix: str = "") -> dict[str, Any]:
        return {f"{prefix}{name}": np.full((8, 6), value, np.float16) for name in "RGB"}

    path = tmp_path / "parts.exr"
    listed = [
        part("depth", "left", {"Z": np.full((8, 6), 9, np.float32)}),
        part("beauty.left", "left", {**grey(1), "A": np.ones((8, 6), np.float16)}),
        part("beauty.right", "right", grey(2)),
        part("key", "left", grey(3, "key.")),
    ]
    OpenEXR.File(listed, 0).write(str(path))
    return path


@pytest.mark.parametrize(
    "layer,value", [(None, 1), ("beauty.left", 1), ("left", 1), ("right", 2), ("beauty.right", 2), ("key", 3)]
)
def test_a_part_is_chosen_by_its_name_its_view_or_its_layer(parts: Path, layer: str | None, value: int) -> None:
    frame = read_frame(parts, layer)
    assert frame.rgb(rgb_layer(frame, layer, parts)).mean() == value
    assert read_header(parts, layer).channels == frame.channels


def test_an_unknown_layer_is_answered_with_those_that_exist(parts: Path) -> None:
    with pytest.raises(PlateError, match=r"no layer 'fill'; its layers are depth, beauty\.left, left, .*right, key"):
        read_frame(parts, "fill")
    with pytest.raises(PlateError, match=r"no channels depth\.R"):
        rgb_layer(read_frame(parts, "depth"), "depth", parts)


def test_inspect_knows_parts_views_and_layers(parts: Path) -> None:
    stored = stored_as(parts)
    assert stored.parts == ("depth", "beauty.left", "beauty.right", "key")
    assert (stored.views, stored.layers[-1]) == (("left", "right"), "key")


def test_the_first_view_is_the_default_where_all_channels_bear_their_view(tmp_path: Path) -> None:
    planes = {
        f"{view}.{name}": np.full((4, 4), value, np.float16) for view, value in (("a", 1), ("b", 2)) for name in "RGB"
    }
    path = tmp_path / "a.exr"
    write_with_openexr(path, {"multiView": ["b", "a"]}, planes)
    frame = read_frame(path)
    assert frame.rgb(rgb_layer(frame, None, path)).mean() == 2
    assert frame.rgb(rgb_layer(frame, "a", path)).mean() == 1


def test_every_kind_of_attribute_comes_back_as_what_it_was(tmp_path: Path) -> None:
    time = OpenEXR.TimeCode(10, 11, 12, 13, True, False, False, False, False, False, 1, 2, 3, 4, 5, 6, 7, 8)
    told = {
        "timeCode": time,
        "keyCode": OpenEXR.KeyCode(1, 2, 3, 4, 5, 6, 20),
        "reelName": "A001",
        "cameraMatrix": np.arange(16, dtype=np.float32).reshape(4, 4),
        "lensMatrix": np.arange(9, dtype=np.float32).reshape(3, 3),
        "cameraViews": ["left", "right"],
        "lensCentre": np.array([1.5, -2.5], np.float32),
        "cameraGate": (np.array([1, 2], np.int32), np.array([3, 4], np.int32)),
        "cameraISO": 800,
        "lensFocus": 2.5,
        "chromaticities": (0.7, 0.3, 0.2, 0.7, 0.1, 0.1, 0.3, 0.3),
        "owner": "Ä studio",
    }
    write_with_openexr(tmp_path / "a.exr", told, {"RGBA": gradient()})
    frame = read_frame(tmp_path / "a.exr")
    assert frame.metadata["chromaticities"] == pytest.approx(told["chromaticities"])
    write_frame(tmp_path / "b.exr", replace(frame, metadata=carried_attributes(frame)))
    back = OpenEXR.File(str(tmp_path / "b.exr"), header_only=True).header()
    assert "chromaticities" not in back
    before = OpenEXR.File(str(tmp_path / "a.exr"), header_only=True).header()
    for name in told.keys() - {"chromaticities"}:
        assert str(back[name]) == str(before[name])


def test_our_files_open_in_another_library_with_windows_and_values(tmp_path: Path, frame: Frame) -> None:
    tagged = replace(frame, pixel_aspect=2.0, metadata={"smpte:TimeCode": "01:02:03:04", "FramesPerSecond": (24, 1)})
    write_frame(tmp_path / "a.exr", tagged)
    source = oiio.ImageInput.open(str(tmp_path / "a.exr"))
    spec = source.spec()
    assert (spec.x, spec.y, spec.full_width, spec.full_height) == (-4, 10, 64, 64)
    assert spec.get_float_attribute("PixelAspectRatio") == 2.0
    assert spec.get_string_attribute("compression") == "zips"
    assert dict(zip(spec.channelnames, map(str, spec.channelformats), strict=True))["depth.Z"] == "float"
    values = source.read_image(0, 0, 0, 5, oiio.FLOAT)
    np.testing.assert_array_equal(values, read_frame(tmp_path / "a.exr").pixels)
    source.close()


@pytest.mark.skipif(shutil.which("exrheader") is None, reason="needs exrheader (apt-get install openexr)")
def test_the_reference_tool_reads_our_header(tmp_path: Path, frame: Frame) -> None:
    long_name = "a_layer_with_a_name_beyond_31_characters.A"
    wide = replace(frame, channels=("R", "G", "B", "A", long_name), float_channels=frozenset(), pixel_aspect=2.0)
    write_frame(tmp_path / "a.exr", wide)
    told = subprocess.run(["exrheader", str(tmp_path / "a.exr")], capture_output=True, text=True, check=True).stdout
    for line in ("(-4 10) - (43 41)", "(0 0) - (63 63)", "zip, individual scanlines", long_name, "24/1", "A001"):
        assert line in told


def test_a_damaged_block_is_one_error_and_prints_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.exr"
    write_frame(path, Frame.of(gradient()), "zip")
    data = bytearray(path.read_bytes())
    data[-400:-300] = bytes(100)
    path.write_bytes(data)
    with pytest.raises(BrokenFrameError, match=r"a\.exr is broken: its pixels cannot be decoded"):
        read_frame(path)
    assert capsys.readouterr().out == ""
    sys.stdout.write("on\n")
    assert capsys.readouterr().out == "on\n"


PRINTING = """
import io, sys, threading
from pathlib import Path
from understudy.errors import BrokenFrameError
from understudy.plates import read_frame

def read(path):
    for _ in range(40):
        try:
            read_frame(path)
        except BrokenFrameError:
            pass

threads = [threading.Thread(target=read, args=(Path(name),)) for name in sys.argv[1:] * 2]
screen = sys.stdout = io.StringIO()
[thread.start() for thread in threads]
count = 0
while any(thread.is_alive() for thread in threads):
    print("line")
    count += 1
[thread.join() for thread in threads]
assert sys.stdout is screen and screen.getvalue() == "line\\n" * count and count > 100
"""


def test_a_thread_prints_on_while_others_read_damaged_files(tmp_path: Path) -> None:
    """In a process of its own: a standard output that is freed under `print` ends the process."""
    write_frame(tmp_path / "a.exr", Frame.of(gradient()), "zip")
    data = bytearray((tmp_path / "a.exr").read_bytes())
    data[-400:-300] = bytes(100)
    (tmp_path / "b.exr").write_bytes(data)
    command = [sys.executable, "-c", PRINTING, str(tmp_path / "a.exr"), str(tmp_path / "b.exr")]
    environment = {**os.environ, "PYTHONPATH": str(Path(understudy.__file__).parents[1])}
    told = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert told.returncode == 0, told.stderr[-500:]


def test_a_file_cut_short_says_which_rows_are_missing(tmp_path: Path) -> None:
    path = tmp_path / "a.exr"
    write_frame(path, Frame.of(gradient()), "zips")
    path.write_bytes(path.read_bytes()[:-600])
    with pytest.raises(BrokenFrameError, match=r"cut short: .* of 70 blocks of rows are missing, the first at row 6\d"):
        read_frame(path)
    assert read_frame(path, region=Box(0, 0, 50, 30)).data_window == Box(0, 0, 50, 30)


def test_subsampled_and_deep_files_say_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "a.exr"
    write_frame(path, Frame.of(gradient()))
    data = path.read_bytes()
    place = data.index(b"R\0\x01\0\0\0") + 10
    path.write_bytes(data[:place] + b"\x02\0\0\0\x02\0\0\0" + data[place + 8 :])
    with pytest.raises(PlateError, match="Write it again as RGB"):
        read_frame(path)
    path.write_bytes(data[:5] + b"\x08" + data[6:])
    with pytest.raises(BrokenFrameError, match=r"deep data.*Flatten it"):
        read_frame(path)
