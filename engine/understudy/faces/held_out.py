"""Which crops of a faceset to hold out of training, so that it can be measured on faces that it has not seen.

Frames beside each other are nearly the same picture. Every tenth frame held out would be known from its neighbours, and
a model that learns by heart would look good; so whole runs of frames, or whole shots, are held out.
"""

from __future__ import annotations

from collections.abc import Sequence

from understudy.faces.curation import CropKey

__all__ = ["held_out_blocks", "held_out_shots"]

_LONGEST_BLOCK = 24
"""A second of film: the middle of a block is half a second away from all that training sees."""

_FEWEST_BLOCKS = 4
"""Where so many fit, so that the held-out part is not one pose in one light."""

_GOLDEN = 0.6180339887498949
"""Steps of the golden ratio, modulo 1, come everywhere and fill the largest gap each time."""


def held_out_blocks(crops: Sequence[CropKey], count: int) -> tuple[CropKey, ...]:
    """Runs of neighbouring crops, spread evenly over the whole set; none goes across the end of a shot.

    Args:
        crops: Of the set, by shot and frame.
        count: How many to hold out; fewer than there are.
    """
    ordered = sorted(crops)
    length = min(_LONGEST_BLOCK, max(1, count // _FEWEST_BLOCKS))
    chosen: set[CropKey] = set()
    place = 0.5
    while len(chosen) < count:
        shot = ordered[int(place * len(ordered))][0]
        own = [one for one in ordered if one[0] == shot]
        middle = own.index(ordered[int(place * len(ordered))])
        first = max(0, min(middle - length // 2, len(own) - length))
        run = [one for one in own[first : first + length] if one not in chosen]
        chosen.update(run[: count - len(chosen)])
        place = (place + _GOLDEN) % 1.0
    return tuple(sorted(chosen))


def held_out_shots(crops: Sequence[CropKey], count: int) -> tuple[CropKey, ...]:
    """All crops of some shots, together as near to `count` as whole shots come; never of all shots.

    Args:
        crops: Of the set, by shot and frame; of two shots at least.
        count: How many to hold out, about.
    """
    if count <= 0:
        return ()
    sizes = {shot: sum(name == shot for name, _ in crops) for shot in sorted({shot for shot, _ in crops})}
    reached: dict[int, tuple[str, ...]] = {0: ()}  # which shots give so many crops, the fewest shots first
    for shot, size in sizes.items():
        for total, shots in sorted(reached.items(), reverse=True):
            if total + size not in reached or len(reached[total + size]) > len(shots) + 1:
                reached[total + size] = (*shots, shot)
    some = {total: shots for total, shots in reached.items() if 0 < len(shots) < len(sizes)}
    best = min(some, key=lambda total: (abs(total - count), total))
    return tuple(sorted(key for key in crops if key[0] in some[best]))
