"""What a frame costs from plate to result, the network left out: each step alone, the floor, and the whole job."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from understudy.bench.made_up_shot import FIRST, MODEL, SHOT, make_shot
from understudy.composite import layers_of, place_face
from understudy.durable import write_bytes
from understudy.faces.alignment import native_px
from understudy.faces.crop import SwappedFace, crop_face
from understudy.faces.matte import draw_mattes, matte_bounds
from understudy.geometry import Box, apply_transform, bounds_of_points, inverse
from understudy.jobs.pipeline import cores
from understudy.jobs.swap import Swapper, open_swapper, run_swap
from understudy.plates import read_frame, write_frame
from understudy.progress import OnProgress, Progress, ignore_progress
from understudy.provenance import file_hash
from understudy.resample import source_region
from understudy.settings.project import ProjectFolder

__all__ = ["STEPS", "Cost", "IoResult", "measure_io"]

T = TypeVar("T")

STEPS = ("decode", "colour", "crop", "mattes", "uncrop", "layers", "encode", "records")
"""What is done to a frame, in order; `records` are hashes for header and manifest."""

_SIDE = 1024
_ROUNDS = 5


@dataclass(frozen=True)
class Cost:
    """Time of one frame, the median of all frames.

    Attributes:
        wall_ms: By the clock.
        cpu_ms: Of all cores together; to be trusted where other programs use the machine.
    """

    wall_ms: float
    cpu_ms: float


@dataclass(frozen=True)
class IoResult:
    """What one compression costs.

    Attributes:
        size: Width and height of the plate.
        frames: How many were measured.
        compression: Of plate and results.
        space: Colour space of the plate.
        cores: That this process may use.
        face_px: Side of the face's square in the plate.
        plate_mb: Size of a plate's file.
        result_mb: Size of a result's file.
        steps: By the names of `STEPS`, one after another on an idle pool.
        floor: Raw bytes read and written, a copy of the frame in memory, and the codec alone.
        job: One frame of `run_swap`, with everything at once: wall time of the whole by the number of frames.
        others_cores: That other programs kept busy meanwhile; where this is not near 0, only CPU times mean anything.
        largest_mb: Most memory that the process held.
    """

    size: tuple[int, int]
    frames: int
    compression: str
    space: str
    cores: int
    face_px: float
    plate_mb: float
    result_mb: float
    steps: dict[str, Cost]
    floor: dict[str, Cost]
    job: Cost
    others_cores: float
    largest_mb: float

    @property
    def total(self) -> Cost:
        """All steps together."""
        return Cost(sum(cost.wall_ms for cost in self.steps.values()), sum(cost.cpu_ms for cost in self.steps.values()))

    @property
    def bound_ms(self) -> float:
        """What a frame must take at least: its slowest step, or all its processor time on all cores."""
        return max(max(cost.wall_ms for cost in self.steps.values()), self.job.cpu_ms / self.cores)

    @property
    def ratio(self) -> float:
        """Wall time of the job's frame, of that bound."""
        return self.job.wall_ms / self.bound_ms

    @property
    def ratio_of_the_rest(self) -> float:
        """The same with the cores that other programs left: what the ratio would be on a machine of that size."""
        left = max(self.cores - self.others_cores, 0.1)
        return self.job.wall_ms / max(max(cost.cpu_ms for cost in self.steps.values()), self.job.cpu_ms / left)

    def to_json(self) -> dict[str, Any]:
        """Plain values by the names of the attributes, the total, the bound and the ratios."""
        derived = {name: getattr(self, name) for name in ("bound_ms", "ratio", "ratio_of_the_rest")}
        return asdict(self) | {"total": asdict(self.total)} | derived


def measure_io(
    size: tuple[int, int] = (4096, 2160),
    frames: int = 8,
    compression: str = "zip",
    space: str = "ACES2065-1",
    side: int = _SIDE,
    on_progress: OnProgress = ignore_progress,
) -> IoResult | None:
    """Makes a plate in a temporary folder and swaps it with a model that returns its input; None when stopped.

    Args:
        size: Width and height of the plate.
        frames: How many, at least 2.
        compression: Of the plate's EXRs and of the results.
        space: Colour space that the plate is said to be in.
        side: Of the model.
        on_progress: Called after each frame; False stops.
    """
    with tempfile.TemporaryDirectory(prefix="us-bench-") as name:
        folder = Path(name)
        project = make_shot(folder, size, frames, compression, space, side, on_progress)
        if project is None:
            return None
        _run(project, folder / "first", f"{FIRST}-{FIRST + 1}", on_progress)
        swapper = open_swapper(project, SHOT, MODEL, "cpu")
        steps = _steps(swapper, folder / "steps", compression, on_progress)
        if steps is None:
            return None
        floor = _floor(swapper, folder, compression)
        start, start_cpu, start_all = time.perf_counter(), time.process_time(), _busy_s()
        if not _run(project, folder / "all", None, on_progress):
            return None
        wall, cpu = time.perf_counter() - start, time.process_time() - start_cpu
        others = max(0.0, _busy_s() - start_all - cpu)
        result = next((folder / "all").glob("*.exr"))
        return IoResult(
            size=size,
            frames=frames,
            compression=compression,
            space=space,
            cores=cores(),
            face_px=native_px(swapper.alignments[FIRST].aligned_from_plate),
            plate_mb=swapper.shot.plate.path(FIRST).stat().st_size / 1e6,
            result_mb=result.stat().st_size / 1e6,
            steps=steps,
            floor=floor,
            job=Cost(wall * 1000 / frames, cpu * 1000 / frames),
            others_cores=others / wall,
            largest_mb=_largest_mb(),
        )


def _run(project: ProjectFolder, out: Path, frames: str | None, on_progress: OnProgress) -> bool:
    return run_swap(project, SHOT, MODEL, frames=frames, out=out, on_progress=on_progress, device="cpu").completed


class _Clock:
    """Collects what each step of each frame costs."""

    def __init__(self) -> None:
        self._times: dict[str, list[Cost]] = {}

    def timed(self, step: str, work: Callable[..., T], *arguments: Any) -> T:
        start, start_cpu = time.perf_counter(), time.process_time()
        answer = work(*arguments)
        cpu_ms, wall_ms = (time.process_time() - start_cpu) * 1000, (time.perf_counter() - start) * 1000
        self._times.setdefault(step, []).append(Cost(wall_ms, cpu_ms))
        return answer

    def cost(self, step: str) -> Cost:
        times = self._times[step]
        return Cost(statistics.median(cost.wall_ms for cost in times), statistics.median(cost.cpu_ms for cost in times))


def _steps(swapper: Swapper, out: Path, compression: str, on_progress: OnProgress) -> dict[str, Cost] | None:
    """Every step of every frame, one after another.

    A crop comes with its colour, and a placed face with its mattes. These are done once more beside them, and what they
    take is taken off.
    """
    clock = _Clock()
    for index, number in enumerate(swapper.shot.frames):
        _time_frame(swapper, number, clock, out / f"bench.{number}.exr", compression)
        if not on_progress(Progress("measuring steps", index + 1, len(swapper.shot.frames), compression)):
            return None
    costs = {step: clock.cost(step) for step in ("decode", "mattes", "layers", "encode", "records")}
    light = clock.cost("plate to light")
    costs["colour"] = _sum(light, clock.cost("codes and back"))
    costs["crop"] = _less(clock.cost("crop with colour"), light)
    costs["uncrop"] = _less(clock.cost("uncrop with mattes"), costs["mattes"])
    return {step: costs[step] for step in STEPS}


def _time_frame(swapper: Swapper, number: int, clock: _Clock, path: Path, compression: str) -> None:
    color, space, alignment = swapper.shot.color, swapper.shot.space.name, swapper.alignments[number]
    side = swapper.snapshot.preset.model.size
    frame = clock.timed("decode", swapper.shot.read, number, swapper.region(number))
    crop = clock.timed("crop with colour", crop_face, frame, space, color, alignment, side)
    light = clock.timed("codes and back", lambda: swapper.training.decode(swapper.training.encode(crop.pixels)))
    swapped = SwappedFace(light, alignment, crop.crop_from_plate)
    placed = clock.timed("uncrop with mattes", place_face, swapped, frame)
    if placed is None:
        raise AssertionError("the made-up face lies in its plate")
    layers = clock.timed("layers", layers_of, placed, frame, space, color, {})
    clock.timed("encode", write_frame, path, layers, compression)
    clock.timed(
        "records", lambda: (swapper.recipe(number), file_hash(swapper.shot.plate.path(number)), file_hash(path))
    )
    plate_from_crop, target = inverse(crop.crop_from_plate), Box(0, 0, side, side)
    region = source_region(plate_from_crop, target, frame.data_window)
    seen = frame.rgb()[region.slices(frame.data_window)]
    clock.timed("plate to light", lambda: color.ap1_from_working(color.to_working(seen, space)))
    transform, landmarks = alignment.aligned_from_plate, alignment.landmarks_plate
    corners = apply_transform(plate_from_crop, [(0, 0), (side, 0), (0, side), (side, side)])
    square = bounds_of_points(corners).intersect(frame.data_window)
    drawn = matte_bounds(landmarks, transform).intersect(square)
    clock.timed("mattes", draw_mattes, landmarks, transform, np.eye(3)[:2], drawn)


def _sum(*costs: Cost) -> Cost:
    return Cost(sum(cost.wall_ms for cost in costs), sum(cost.cpu_ms for cost in costs))


def _less(whole: Cost, *parts: Cost) -> Cost:
    taken = _sum(*parts)
    return Cost(max(0.0, whole.wall_ms - taken.wall_ms), max(0.0, whole.cpu_ms - taken.cpu_ms))


def _floor(swapper: Swapper, folder: Path, compression: str) -> dict[str, Cost]:
    """What no program can do without: bytes from and to the disk, and the codec.

    The codec is what reading and writing a frame take more than the same frame uncompressed.
    """
    clock = _Clock()
    number = swapper.shot.frames[0]
    path, layers_path = swapper.shot.plate.path(number), folder / "steps" / f"bench.{number}.exr"
    frame, layers = (replace(read_frame(file), metadata={}) for file in (path, layers_path))
    plain = folder / "plain.exr"
    copied = np.empty_like(frame.pixels)
    write_frame(plain, frame, "none")
    for _ in range(_ROUNDS):
        data = clock.timed("raw bytes of a plate read", path.read_bytes)
        result = layers_path.read_bytes()
        clock.timed("raw bytes of a result written", write_bytes, folder / "raw.bin", result)
        clock.timed("a frame copied in memory", np.copyto, copied, frame.pixels)
        clock.timed("read", read_frame, path)
        clock.timed("read plain", read_frame, plain)
        clock.timed("write", write_frame, folder / "again.exr", layers, compression)
        clock.timed("write plain", write_frame, folder / "again.exr", layers, "none")
        del data
    names = ("raw bytes of a plate read", "raw bytes of a result written", "a frame copied in memory")
    floor = {name: clock.cost(name) for name in names}
    floor["codec of a plate alone"] = _less(clock.cost("read"), clock.cost("read plain"))
    floor["codec of a result alone"] = _less(clock.cost("write"), clock.cost("write plain"))
    return floor


def _busy_s() -> float:
    """Seconds that all cores of the machine have worked since it started, together; 0 where the system does not say."""
    status = Path("/proc/stat")
    if not status.is_file():
        return 0.0
    user, nice, system, _, _, interrupts, soft = map(int, status.read_text().split()[1:8])
    return (user + nice + system + interrupts + soft) / os.sysconf("SC_CLK_TCK")


def _largest_mb() -> float:
    """Most memory that this process ever held; 0 where the system does not say."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.is_file() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)
