"""Movie files: any frame, exactly, as float RGB. The only importer of PyAV.

Frames count from 1, in the order in which they are shown, as Nuke counts them. Each is found by its own presentation
time, so that a seek can never give a neighbour: the container is asked for the keyframe before it, and decoded from
there. The movie that a thread read last stays open in that thread, and frames that follow each other are decoded once.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import av
import numpy as np

from understudy.errors import BrokenFrameError, MissingFrameError, PlateError
from understudy.geometry import Box
from understudy.plates.attributes import TypedTuple
from understudy.plates.frame import Frame
from understudy.plates.limits import check_size
from understudy.plates.timecode import packed_timecode, timecode_after
from understudy.plates.video import PRIMARIES, TRANSFERS, UnknownPixels, picture_of

__all__ = ["MOVIE_ENDINGS", "count_pictures", "read_picture_of_movie"]

MOVIE_ENDINGS = {
    ".mov": "mov",
    ".mp4": "mov",
    ".m4v": "mov",
    ".mxf": "mxf",
    ".mkv": "matroska",
    ".webm": "matroska",
    ".avi": "avi",
}
"""The reader of a movie by the ending of its name. None is guessed from a file's content: playlists are movies too."""

_MOST_FRAMES = 1_000_000
_MOST_AHEAD = 32
"""Frames that are rather decoded and dropped than sought."""

_THREAD = threading.local()


def count_pictures(path: Path) -> int:
    """How many frames a movie has.

    Raises:
        BrokenFrameError: It is no movie, or holds no picture.
    """
    return len(_times_of(path, *_identity(path)))


def read_picture_of_movie(path: Path, number: int, region: Box | None, with_pixels: bool = True) -> Frame:
    """A frame of a movie, in the transfer that the file says, 0..1 for its nominal range, unclamped.

    The metadata hold what the file says of its colour under `video:primaries`, `video:transfer`, `video:matrix`,
    `video:range`, by FFmpeg's names, and `video:guessed`, what of these it does not say.

    Args:
        path: The movie.
        number: Of the frame, from 1.
        region: What to turn into RGB; everything when None. The whole frame is decoded either way.
        with_pixels: False for windows and metadata alone; one frame is decoded for them.

    Raises:
        MissingFrameError: The movie is shorter.
        BrokenFrameError: It cannot be decoded there.
        PlateError: Its pixels are of a kind that is not read.
    """
    movie = _opened(path)
    try:
        decoded = movie.decoded(number)
        whole = Box(0, 0, decoded.width, decoded.height)
        window = whole if region is None else whole.intersect(region)
        window = Box(window.left, window.top, window.left + window.width, window.top + window.height)
        picture = picture_of(decoded, window if with_pixels and not window.is_empty else Box(0, 0, 1, 1))
    except UnknownPixels as error:
        name = movie.stream.codec_context.pix_fmt
        raise PlateError(
            f"{path} holds pixels of the kind '{name}' ({error}), which Understudy does not turn into RGB. "
            "Convert it to ProRes, DNxHR, or an image sequence.",
            path=str(path),
        ) from error
    except MemoryError as error:
        raise _broken(path, f"there is not enough memory for frame {number}") from error
    shape = (0, whole.width) if not with_pixels else (window.height, window.width)
    pixels = (
        picture.pixels if picture.pixels.shape[:2] == shape else np.zeros((*shape, picture.pixels.shape[2]), np.float32)
    )
    channels = ("R", "G", "B", "A")[: picture.pixels.shape[2]]
    guessed = {"video:guessed": ", ".join(picture.guessed)} if picture.guessed else {}
    return Frame(
        pixels=pixels,
        channels=channels,
        data_window=window if with_pixels else whole,
        display_window=whole,
        pixel_aspect=_pixel_aspect(movie.stream),
        metadata={
            **movie.metadata(number, decoded),
            "video:matrix": picture.matrix,
            "video:range": picture.range,
            **guessed,
        },
        is_integer=True,
        float_channels=frozenset(),
        bits=picture.bits,
        whole_window=None if window == whole else whole,
    )


class _Movie:
    """An open movie that remembers where it is."""

    def __init__(self, path: Path) -> None:
        self.path, self.identity = path, _identity(path)
        self.times = _times_of(path, *self.identity)
        self._container, self.stream = _container_of(path)
        self.stream.thread_type = "AUTO"
        self._frames: Iterator[Any] = iter(())
        self._number = -_MOST_AHEAD - 1

    def close(self) -> None:
        """Closes the file."""
        self._frames = iter(())
        self._container.close()

    def decoded(self, number: int) -> Any:
        """PyAV's frame of this number."""
        if not 1 <= number <= len(self.times):
            raise MissingFrameError(
                f"{self.path} has the frames 1-{len(self.times)}, not {number}.", pattern=str(self.path), frame=number
            )
        try:
            return self._decoded(number)
        except (av.FFmpegError, EOFError, ValueError) as error:
            self._number = -_MOST_AHEAD - 1
            raise _broken(self.path, f"frame {number} cannot be decoded ({_reason(error)})") from error

    def _decoded(self, number: int) -> Any:
        wanted = self.times[number - 1]
        if not 0 < number - self._number <= _MOST_AHEAD:
            self._container.seek(wanted, stream=self.stream, backward=True, any_frame=False)
            self._frames = iter(self._container.decode(self.stream))
        self._number = -_MOST_AHEAD - 1
        for frame in self._frames:
            time = frame.pts if frame.pts is not None else frame.dts
            if time == wanted:
                if frame.is_corrupt:
                    raise _broken(self.path, f"frame {number} is damaged")
                check_size(self.path, frame.width, frame.height, 4)
                self._number = number
                return frame
            if time is not None and time > wanted:
                break
        raise _broken(self.path, f"frame {number} is missing: the file is cut short, or its index lies")

    def metadata(self, number: int, frame: Any) -> dict[str, Any]:
        """What the movie says of a frame, as plain values."""
        told = {**self._container.metadata, **self.stream.metadata}
        context, rate = self.stream.codec_context, self.stream.average_rate
        found: dict[str, Any] = {
            "video:codec": str(context.codec.name),
            "video:pixel_format": str(context.pix_fmt),
            "video:primaries": PRIMARIES.get(int(frame.color_primaries or 2), "unknown"),
            "video:transfer": TRANSFERS.get(int(frame.color_trc or 2), "unknown"),
        }
        if frame.interlaced_frame:
            found["video:interlaced"] = 1
        if frame.rotation:
            found["video:rotation"] = int(frame.rotation)
        if rate:
            found["FramesPerSecond"] = TypedTuple.of("rational", (rate.numerator, rate.denominator))
        text = _told_timecode(self._container, told)
        start = packed_timecode(text) if text else None
        timecode = timecode_after(start, number - 1, float(rate)) if start and rate else None
        if timecode:
            found["smpte:TimeCode"] = TypedTuple.of("timecode", timecode)
        for name, key in (("reelName", "reel_name"), ("cameraModel", "com.apple.quicktime.model")):
            if told.get(key):
                found[name] = str(told[key])
        return found


def _opened(path: Path) -> _Movie:
    """This thread's open movie of a path; another one is closed for it."""
    movie: _Movie | None = getattr(_THREAD, "movie", None)
    if movie is not None and movie.path == path and movie.identity == _identity(path):
        return movie
    _THREAD.movie = None
    if movie is not None:
        movie.close()
    _THREAD.movie = _Movie(path)
    opened: _Movie = _THREAD.movie
    return opened


def _identity(path: Path) -> tuple[int, int]:
    """Size and time of change: another pair means another file."""
    try:
        status = path.stat()
    except OSError as error:
        raise MissingFrameError(f"{path} is not on disk.", path=str(path)) from error
    return status.st_size, status.st_mtime_ns


def _container_of(path: Path) -> tuple[Any, Any]:
    try:
        container = av.open(
            str(path),
            format=MOVIE_ENDINGS[path.suffix.lower()],
            metadata_errors="replace",
            options={"protocol_whitelist": "file"},
        )
    except (av.FFmpegError, OSError, ValueError) as error:
        raise _broken(path, f"it cannot be read as a movie ({_reason(error)})") from error
    if not container.streams.video or container.streams.video[0].codec_context is None:
        container.close()
        raise _broken(path, "it holds no picture that can be decoded")
    stream = container.streams.video[0]
    check_size(path, stream.codec_context.width or 1, stream.codec_context.height or 1, 4)
    return container, stream


@lru_cache(maxsize=16)
def _times_of(path: Path, size: int, changed: int) -> tuple[int, ...]:
    """Presentation time of every frame, ascending, in the stream's own unit.

    Where every frame is a keyframe, the index of the container has them; otherwise the packets are read through once,
    without decoding.
    """
    del size, changed
    container, stream = _container_of(path)
    try:
        times = _times_of_index(container, stream) or _times_of_packets(container, stream)
    except (av.FFmpegError, ValueError) as error:
        raise _broken(path, f"it cannot be read through ({_reason(error)})") from error
    finally:
        container.close()
    if not times or len(times) > _MOST_FRAMES:
        raise _broken(path, "it holds no frame" if not times else f"it holds more than {_MOST_FRAMES} frames")
    return tuple(sorted(set(times)))


def _times_of_index(container: Any, stream: Any) -> list[int]:
    """The times in the index, where every frame is a keyframe and they are those of presentation; else nothing.

    An index holds decoding times. Where no frame looks ahead they are the same, but for edits of the file; the first
    packet tells.
    """
    entries = stream.index_entries
    if len(entries) != (stream.frames or -1) or not all(entry.is_keyframe for entry in entries):
        return []
    first = next((packet for packet in container.demux(stream) if packet.size and not packet.is_discard), None)
    times = sorted(int(entry.timestamp) for entry in entries if not entry.is_discard)
    agrees = first is not None and times and first.pts == first.dts == times[0]
    container.seek(0, stream=stream)
    return times if agrees else []


def _times_of_packets(container: Any, stream: Any) -> list[int]:
    times: list[int] = []
    with suppress(av.EOFError):
        for packet in container.demux(stream):
            time = packet.pts if packet.pts is not None else packet.dts
            if time is not None and packet.size and not packet.is_discard:
                times.append(int(time))
            if len(times) > _MOST_FRAMES:
                break
    return times


def _told_timecode(container: Any, told: dict[str, str]) -> str:
    """The timecode of the first frame: of the picture, the file, or a timecode track."""
    tracks = [stream.metadata.get("timecode", "") for stream in container.streams]
    return str(told.get("timecode") or next((text for text in tracks if text), ""))


def _pixel_aspect(stream: Any) -> float:
    aspect = float(stream.sample_aspect_ratio or 0)
    return aspect if 0.01 <= aspect <= 100 else 1.0


def _reason(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error)
    return text.splitlines()[0].rstrip(".") if text else type(error).__name__


def _broken(path: Path, reason: str) -> BrokenFrameError:
    return BrokenFrameError(f"{path} is broken: {reason}. Copy or export it again.", path=str(path))
