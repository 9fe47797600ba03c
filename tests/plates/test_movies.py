"""Movies: the right frame, the right matrix and range, and all bits."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from understudy.errors import BrokenFrameError, MissingFrameError, PlateError
from understudy.geometry import Box
from understudy.plates import find_sequence, read_frame, read_header, stored_as, timecode_text
from understudy.plates.timecode import packed_timecode, timecode_after
from understudy.plates.video import picture_of

FRAMES = 14
Tags = tuple[int, int, int, int]
"""Primaries, transfer, matrix and range, as H.273 numbers them."""


def grey_of(number: int) -> float:
    """Signal of each frame, 0..1: another for each."""
    return 0.1 + 0.05 * number


@pytest.fixture
def movie(tmp_path: Path) -> Callable[..., Path]:
    """Makes a movie whose frames are grey, each another grey, written as exact 16-bit RGB before it is encoded."""

    def make(
        name: str, codec: str, pixels: str, options: dict[str, str] | None = None, tags: Tags | None = None
    ) -> Path:
        path = tmp_path / name
        with av.open(str(path), "w", options=options or {}) as container:
            stream: Any = container.add_stream(codec, rate=Fraction(24000, 1001), options=options or {})
            stream.width, stream.height, stream.pix_fmt = 96, 64, pixels
            stream.metadata["timecode"] = "01:00:59:20"
            context = stream.codec_context
            if tags:
                context.color_primaries, context.color_trc, context.colorspace, context.color_range = tags
            for number in range(1, FRAMES + 1):
                ramp = np.full((64, 96, 3), round(65535 * grey_of(number)), np.uint16)
                frame = av.VideoFrame.from_ndarray(ramp, "rgb48le")
                frame = frame.reformat(format=pixels, dst_colorspace=tags[2] if tags else 5, dst_color_range=1)
                if tags:
                    frame.color_primaries, frame.color_trc, frame.colorspace, frame.color_range = tags
                frame.pts = number - 1
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return path

    return make


KINDS = [
    ("prores.mov", "prores_ks", "yuv422p10le", {}),
    ("h264.mp4", "libx264", "yuv420p", {"g": "5", "bf": "2"}),
    ("hevc.mkv", "libx265", "yuv420p10le", {"x265-params": "log-level=none:keyint=6:bframes=3"}),
    ("vp9.webm", "libvpx-vp9", "yuv420p", {"g": "6"}),
    ("ffv1.mkv", "ffv1", "yuv444p12le", {}),
]


@pytest.mark.parametrize("name,codec,pixels,options", KINDS, ids=[kind[0] for kind in KINDS])
def test_every_frame_is_found_in_any_order(
    movie: Callable[..., Path], name: str, codec: str, pixels: str, options: dict[str, str]
) -> None:
    plate = find_sequence(movie(name, codec, pixels, options))
    assert plate.numbers == tuple(range(1, FRAMES + 1)) and plate.is_movie
    for number in (9, 1, 14, 8, 9, 10, 3, 13, 2):
        frame = read_frame(plate.path(number), number=number)
        assert frame.pixels.mean() == pytest.approx(grey_of(number), abs=0.012), number


def test_threads_read_the_same_movie_side_by_side(movie: Callable[..., Path]) -> None:
    path = movie("h264.mp4", "libx264", "yuv420p", {"g": "5"})
    with ThreadPoolExecutor(4) as pool:
        read = list(pool.map(lambda number: read_frame(path, number=number).pixels.mean(), range(1, FRAMES + 1)))
    np.testing.assert_allclose(read, [grey_of(number) for number in range(1, FRAMES + 1)], atol=0.012)


def test_a_lossless_rgb_movie_gives_its_codes(tmp_path: Path) -> None:
    """12 bits, through no fewer: 4095 different codes are told apart."""
    path = tmp_path / "a.mkv"
    values = np.arange(64 * 64 * 3, dtype=np.uint16).reshape(64, 64, 3) % 4096
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "gbrp12le"
        frame = av.VideoFrame(64, 64, "gbrp12le")
        for plane, index in zip(frame.planes, (1, 2, 0), strict=True):
            rows = np.zeros((64, plane.line_size // 2), np.uint16)
            rows[:, :64] = values[..., index]
            plane.update(rows.tobytes())
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    read = read_frame(path)
    assert (read.bits, read.is_integer) == (12, True)
    np.testing.assert_array_equal(read.pixels, values / np.float32(4095))


@pytest.mark.parametrize("matrix,name", [(1, "bt709"), (5, "bt470bg"), (9, "bt2020nc")])
@pytest.mark.parametrize("span,range_name", [(1, "tv"), (2, "pc")])
def test_luma_and_chroma_become_rgb_by_the_matrix_and_range_of_the_file(
    tmp_path: Path, matrix: int, name: str, span: int, range_name: str
) -> None:
    """Against the definition of H.273, not against another converter: Y'CbCr of one colour is computed by hand."""
    red, green, blue = 0.8, 0.3, 0.1
    share_red, share_blue = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 9: (0.2627, 0.0593)}[matrix]
    luma = share_red * red + (1 - share_red - share_blue) * green + share_blue * blue
    chroma = ((blue - luma) / (2 * (1 - share_blue)), (red - luma) / (2 * (1 - share_red)))
    coded = (
        [64 + 876 * luma, *(512 + 896 * value for value in chroma)]
        if span == 1
        else [1023 * luma, *(512 + 1023 * value for value in chroma)]
    )
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p10le"
        stream.codec_context.colorspace, stream.codec_context.color_range = matrix, span
        frame = av.VideoFrame(32, 32, "yuv420p10le")
        for plane, value in zip(frame.planes, coded, strict=True):
            plane.update(np.full(plane.buffer_size // 2, round(value), np.uint16).tobytes())
        frame.colorspace, frame.color_range = matrix, span
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    read = read_frame(path)
    assert (read.metadata["video:matrix"], read.metadata["video:range"]) == (name, range_name)
    assert "video:guessed" not in read.metadata
    np.testing.assert_allclose(read.pixels.reshape(-1, 3), [[red, green, blue]] * 1024, atol=0.002)


def test_colour_tags_rate_and_timecode_are_told(movie: Callable[..., Path]) -> None:
    path = movie("pq.mov", "prores_ks", "yuv422p10le", tags=(9, 16, 9, 1))
    frame = read_frame(path, number=6)
    told = {name: frame.metadata[f"video:{name}"] for name in ("primaries", "transfer", "matrix", "range")}
    assert told == {"primaries": "bt2020", "transfer": "smpte2084", "matrix": "bt2020nc", "range": "tv"}
    assert frame.metadata["FramesPerSecond"] == (24000, 1001)
    assert timecode_text(frame.metadata["smpte:TimeCode"]) == "01:01:00:01"
    assert (frame.bits, stored_as(path).compression) == (10, "prores")


def test_what_a_movie_does_not_say_is_guessed_and_told(movie: Callable[..., Path]) -> None:
    metadata = read_header(movie("h264.mp4", "libx264", "yuv420p")).metadata
    assert (metadata["video:matrix"], metadata["video:guessed"]) == ("smpte170m", "matrix, range")
    assert metadata["video:transfer"] == "unknown"


@pytest.mark.parametrize("pixels", ["yuv422p10le", "yuv420p", "yuv444p16le", "yuv411p", "gray12le", "nv12", "bgra"])
def test_a_region_of_a_movie_is_that_part(pixels: str) -> None:
    noise = np.random.default_rng(2).integers(0, 65536, (60, 94, 3)).astype(np.uint16)
    frame = av.VideoFrame.from_ndarray(noise, "rgb48le").reformat(format=pixels)
    whole = picture_of(frame, Box(0, 0, 94, 60)).pixels
    assert whole.shape == (60, 94, 4 if pixels == "bgra" else 3)
    for part in (Box(50, 40, 94, 60), Box(0, 0, 9, 5), Box(17, 21, 30, 34), Box(93, 59, 94, 60)):
        np.testing.assert_array_equal(picture_of(frame, part).pixels, whole[part.slices(Box(0, 0, 94, 60))])


def test_what_a_region_of_a_movie_has_is_read(movie: Callable[..., Path]) -> None:
    path = movie("prores.mov", "prores_ks", "yuv422p10le")
    part = read_frame(path, region=Box(50, 40, 400, 400), number=2)
    assert (part.data_window, part.whole_window) == (Box(50, 40, 96, 64), Box(0, 0, 96, 64))
    np.testing.assert_array_equal(part.pixels, read_frame(path, number=2).pixels[40:, 50:])
    beside = read_frame(path, region=Box(500, 0, 510, 10))
    assert beside.data_window.is_empty and beside.pixels.size == 0


def test_a_movie_cut_short_is_told_by_frame(movie: Callable[..., Path]) -> None:
    path = movie("a.mov", "prores_ks", "yuv422p10le", {"movflags": "+faststart"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    assert read_frame(path, number=2).pixels.mean() == pytest.approx(grey_of(2), abs=0.01)
    with pytest.raises(BrokenFrameError, match=r"a\.mov is broken: frame 13 "):
        read_frame(path, number=13)
    assert read_frame(path, number=3).pixels.mean() == pytest.approx(grey_of(3), abs=0.01)


def test_a_frame_beyond_the_end_and_a_layer_are_refused(movie: Callable[..., Path]) -> None:
    path = movie("a.mov", "prores_ks", "yuv422p10le")
    with pytest.raises(MissingFrameError, match=f"has the frames 1-{FRAMES}, not 99"):
        read_frame(path, number=99)
    with pytest.raises(PlateError, match="no layer 'beauty'"):
        read_frame(path, "beauty")


@pytest.mark.parametrize(
    "start,frames,rate,expected",
    [
        ("01:00:00:00", 25, 24.0, "01:00:01:01"),
        ("23:59:59:23", 1, 23.976, "00:00:00:00"),
        ("00:00:59;29", 1, 29.97, "00:01:00;02"),
        ("00:09:59;29", 1, 29.97, "00:10:00;00"),
        ("00:01:00;02", -1, 29.97, "00:00:59;29"),
        ("10:00:00:24", 1, 25.0, "10:00:01:00"),
    ],
)
def test_timecode_counts_on(start: str, frames: int, rate: float, expected: str) -> None:
    packed = packed_timecode(start)
    assert packed is not None
    later = timecode_after(packed, frames, rate)
    assert later is not None and timecode_text(later) == expected
    assert timecode_after(packed, frames, 50.0) is None
