"""How full the memory of this machine's GPUs is, as the driver's own tool says."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass

__all__ = ["GpuMemory", "parse_gpus", "read_gpus"]

_QUERY = "--query-gpu=index,name,memory.used,memory.total,utilization.gpu"
_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class GpuMemory:
    """One GPU at one moment.

    Attributes:
        index: As PyTorch counts, unless CUDA_VISIBLE_DEVICES says otherwise.
        name: The product's name.
        used_mib: Memory in use, by all processes.
        total_mib: Memory in all.
        busy_percent: Share of the last moments in which it worked; None where the driver does not say.
    """

    index: int
    name: str
    used_mib: float
    total_mib: float
    busy_percent: float | None


def read_gpus() -> tuple[GpuMemory, ...]:
    """The GPUs that nvidia-smi knows; none when there is no such driver.

    The tool is asked and not PyTorch, which would take some hundred MiB of the memory that it is asked about.
    """
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ()
    try:
        command = [tool, _QUERY, "--format=csv,noheader,nounits"]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return ()
    return parse_gpus(answer.stdout)


def parse_gpus(text: str) -> tuple[GpuMemory, ...]:
    """The GPUs in nvidia-smi's lines; a line that is none is passed over."""
    found = []
    for line in text.splitlines():
        try:
            index, name, used, total, busy = (cell.strip() for cell in line.split(","))
            share = float(busy) if busy.replace(".", "", 1).isdigit() else None
            found.append(GpuMemory(int(index), name, float(used), float(total), share))
        except ValueError:
            continue
    return tuple(found)
