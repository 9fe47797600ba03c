"""Frame numbers as the engine writes them: 1001-1010,1015."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["frames_text", "parsed_frames", "runs"]


def runs(frames: Iterable[int]) -> list[tuple[int, int]]:
    """Stretches without a hole, each as its first and last frame."""
    found: list[tuple[int, int]] = []
    for frame in sorted(set(frames)):
        if found and frame == found[-1][1] + 1:
            found[-1] = (found[-1][0], frame)
        else:
            found.append((frame, frame))
    return found


def frames_text(frames: Iterable[int]) -> str:
    """The frames as one text; empty for none."""
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs(frames))


def parsed_frames(text: str) -> list[int]:
    """The frames of a text that `frames_text` made; none where it is something else."""
    frames: list[int] = []
    for part in filter(None, text.split(",")):
        first, dash, last = part[1:].partition("-")
        try:
            begin = int(part[0] + first)
            frames += range(begin, (int(last) if dash else begin) + 1)
        except ValueError:
            return []
    return frames
