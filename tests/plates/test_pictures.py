"""DPX, TIFF, PNG and JPEG: every code comes as its exact share of 0..1."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio  # noqa: N813
import pytest
from PIL import Image, ImageCms

from understudy.errors import BrokenFrameError, PlateError
from understudy.geometry import Box
from understudy.plates import read_frame, read_header, stored_as


def write(path: Path, values: np.ndarray, kind: Any, **attributes: Any) -> None:
    height, width, count = values.shape
    spec = oiio.ImageSpec(width, height, count, kind)
    for name, value in attributes.items():
        spec.attribute(name.replace("__", ":"), value)
    if "tile" in attributes:
        spec.tile_width = spec.tile_height = attributes["tile"]
    output = oiio.ImageOutput.create(path.name)
    assert output.open(str(path), spec), output.geterror()
    whole = (
        output.write_tiles(0, width, 0, height, 0, 1, values) if "tile" in attributes else output.write_image(values)
    )
    assert whole and output.close(), output.geterror()


def codes(bits: int) -> np.ndarray:
    """(16, 64, 3) of every 1024th part of the codes, the first and the last too."""
    ramp = np.linspace(0, 2**bits - 1, 1024).round().astype(np.uint32)
    return np.repeat(ramp.reshape(16, 64, 1), 3, axis=2)


def widened(values: np.ndarray, bits: int) -> np.ndarray:
    """The codes as 16 bits, in the way in which the library narrows them again."""
    return np.rint(values * (65535 / (2**bits - 1))).astype(np.uint16)


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_a_dpx_gives_its_codes(tmp_path: Path, bits: int) -> None:
    values = codes(bits)
    stored = values.astype(np.uint8) if bits == 8 else widened(values, bits)
    kind = oiio.UINT8 if bits == 8 else oiio.UINT16
    write(tmp_path / "a.dpx", stored, kind, oiio__BitsPerSample=bits, dpx__Transfer="Logarithmic")
    frame = read_frame(tmp_path / "a.dpx")
    assert (frame.bits, frame.is_integer) == (bits, True)
    np.testing.assert_array_equal(frame.pixels, (values / np.float32(2**bits - 1)).astype(np.float32))
    assert frame.metadata["dpx:Transfer"] == "Logarithmic"


@pytest.mark.parametrize("ending,bits", [("tif", 8), ("tif", 16), ("png", 8), ("png", 16)])
def test_tiff_and_png_give_their_codes(tmp_path: Path, ending: str, bits: int) -> None:
    values = codes(bits).astype(f"u{bits // 8}")
    write(tmp_path / f"a.{ending}", values, oiio.UINT8 if bits == 8 else oiio.UINT16)
    frame = read_frame(tmp_path / f"a.{ending}")
    assert (frame.bits, frame.is_integer) == (bits, True)
    np.testing.assert_array_equal(frame.pixels, values.astype(np.float32) / np.float32(2**bits - 1))


@pytest.mark.parametrize("kind,bits", [("half", 16), ("float", 32)])
def test_a_float_tiff_keeps_values_above_one_and_below_zero(tmp_path: Path, kind: str, bits: int) -> None:
    values = np.linspace(-2, 200, 3 * 8 * 9, dtype=np.float32).reshape(8, 9, 3).astype(np.float16).astype(np.float32)
    oiio.attribute("tiff:half", 1)
    try:
        write(tmp_path / "a.tif", values, oiio.HALF if kind == "half" else oiio.FLOAT)
    finally:
        oiio.attribute("tiff:half", 0)
    frame = read_frame(tmp_path / "a.tif")
    assert (frame.bits, frame.is_integer) == (bits, False)
    np.testing.assert_array_equal(frame.pixels, values)


@pytest.mark.parametrize("name,options", [("a.png", {}), ("a.dpx", {}), ("a.tif", {}), ("tiles.tif", {"tile": 16})])
def test_a_region_is_that_part_of_the_whole(tmp_path: Path, name: str, options: dict[str, int]) -> None:
    values = np.random.default_rng(1).integers(0, 65536, (48, 64, 3)).astype(np.uint16)
    write(tmp_path / name, values, oiio.UINT16, **options)
    whole = read_frame(tmp_path / name)
    for region in (Box(10, 20, 30, 41), Box(-5, -5, 7, 3), Box(40, 33, 99, 99)):
        part = read_frame(tmp_path / name, region=region)
        assert (part.data_window, part.whole_window) == (whole.data_window.intersect(region), whole.data_window)
        np.testing.assert_array_equal(part.pixels, whole.pixels[part.data_window.slices(whole.data_window)])


def test_straight_alpha_stays_straight(tmp_path: Path) -> None:
    values = np.full((4, 4, 4), 40000, np.uint16)
    values[..., 3] = 1000
    write(tmp_path / "a.png", values, oiio.UINT16, oiio__UnassociatedAlpha=1)
    np.testing.assert_array_equal(read_frame(tmp_path / "a.png").pixels, values / np.float32(65535))


def test_a_jpeg_says_that_it_has_8_bits_and_no_layers(tmp_path: Path) -> None:
    write(tmp_path / "a.jpg", np.full((32, 32, 3), 128, np.uint8), oiio.UINT8)
    header = read_header(tmp_path / "a.jpg")
    assert (header.bits, header.is_integer, header.pixels.shape) == (8, True, (0, 32, 3))
    assert stored_as(tmp_path / "a.jpg").format == "JPEG"
    with pytest.raises(PlateError, match="no layer 'beauty'; its layers are none but the root"):
        read_frame(tmp_path / "a.jpg", "beauty")


@pytest.mark.parametrize("ending", ["tif", "png"])
def test_of_a_colour_profile_its_size_and_description_are_kept(tmp_path: Path, ending: str) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / f"a.{ending}", icc_profile=profile)
    metadata = read_header(tmp_path / f"a.{ending}").metadata
    assert metadata["ICCProfile"] == f"{len(profile)} bytes"
    assert "sRGB" in metadata["ICCProfile:profile_description"]


def test_a_png_tells_its_hdr_tag_and_its_gamma(tmp_path: Path) -> None:
    write(tmp_path / "plain.png", np.zeros((4, 4, 3), np.uint16), oiio.UINT16)
    data = (tmp_path / "plain.png").read_bytes()
    tags = b"".join(
        struct.pack(">I", len(value)) + kind + value + struct.pack(">I", zlib.crc32(kind + value))
        for kind, value in ((b"cICP", bytes([9, 16, 0, 1])), (b"gAMA", struct.pack(">I", 45455)))
    )
    (tmp_path / "a.png").write_bytes(data[:33] + tags + data[33:])
    metadata = read_header(tmp_path / "a.png").metadata
    assert (metadata["CICP"], metadata["png:gAMA"]) == ((9, 16, 0, 1), 0.45455)


@pytest.mark.parametrize("cut", [0.5, 0.9, 0.999])
def test_a_dpx_cut_short_is_not_filled_with_what_was_in_memory(tmp_path: Path, cut: float) -> None:
    path = tmp_path / "a.dpx"
    write(path, codes(16).astype(np.uint16), oiio.UINT16)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * cut)])
    with pytest.raises(BrokenFrameError, match=r"a\.dpx is broken: it is cut short"):
        read_frame(path)
