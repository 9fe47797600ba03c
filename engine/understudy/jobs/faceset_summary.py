"""What a set of crops amounts to, in numbers: sizes in the plate, poses, sharpness, exposure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from understudy.faces.coverage import PoseCell, pose_grid
from understudy.faces.faceset import CropRecord

__all__ = ["CropSummary", "Spread", "size_edges"]

_SIZES = (64, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048)


@dataclass(frozen=True)
class Spread:
    """The least, the middle and the greatest of some values."""

    low: float
    median: float
    high: float

    @staticmethod
    def of(values: Sequence[float]) -> Spread | None:
        """Of these values; None when there are none."""
        return Spread(min(values), float(np.median(values)), max(values)) if values else None

    def to_json(self, digits: int) -> dict[str, float]:
        """Plain values, rounded."""
        return {name: round(value, digits) for name, value in vars(self).items()}


@dataclass(frozen=True, eq=False)
class CropSummary:
    """Some crops of one size, counted.

    Attributes:
        size: Side of the model's square in pixels of the crop.
        records: The crops.
    """

    size: int
    records: tuple[CropRecord, ...]

    @property
    def full_quality(self) -> int:
        """Crops that span at least as many plate pixels as the model has: sampled, not enlarged."""
        return sum(record.native_px >= self.size for record in self.records)

    @property
    def unmeasured(self) -> int:
        """Crops from before sharpness was kept."""
        return sum(record.measures is None for record in self.records)

    @cached_property
    def native(self) -> Spread | None:
        """Plate pixels that the model's square spans."""
        return Spread.of([record.native_px for record in self.records])

    @cached_property
    def sharpness(self) -> Spread | None:
        """0..1, of those crops that were measured."""
        return Spread.of([record.measures.sharpness for record in self.records if record.measures])

    @cached_property
    def exposure(self) -> Spread | None:
        """Stops of the faces above middle grey, in the plate's light."""
        return Spread.of([record.exposure for record in self.records])

    @cached_property
    def sizes(self) -> tuple[tuple[int, int | None, int], ...]:
        """Histogram of native sizes: from, below which (None: without end), how many crops."""
        edges = size_edges(self.size)
        native = [record.native_px for record in self.records]
        ends: tuple[int | None, ...] = (*edges[1:], None)
        return tuple(
            (low, high, sum(low <= value and (high is None or value < high) for value in native))
            for low, high in zip(edges, ends, strict=True)
        )

    @cached_property
    def poses(self) -> dict[PoseCell, tuple[CropRecord, ...]]:
        """The crops by cell of yaw and pitch, every cell from the top left on."""
        grid = pose_grid([record.alignment.pose for record in self.records])
        return {cell: tuple(self.records[index] for index in indices) for cell, indices in grid.items()}

    def to_json(self) -> dict[str, Any]:
        """Plain values; empty bins and cells are left out."""
        facts: dict[str, Any] = {"enlarged": len(self.records) - self.full_quality, "full_quality": self.full_quality}
        if self.native and self.exposure:
            names = ("smallest", "median", "largest")
            facts["native_px"] = dict(zip(names, self.native.to_json(1).values(), strict=True))
            facts["sizes"] = [{"from": low, "below": high, "crops": count} for low, high, count in self.sizes if count]
            for index, angle in enumerate(("yaw", "pitch", "roll")):
                turned = [record.alignment.pose[index] for record in self.records]
                facts[angle] = {"from": min(turned), "to": max(turned)}
            facts["poses"] = [
                {"yaw": cell.yaw, "pitch": cell.pitch, "crops": len(own)} for cell, own in self.poses.items() if own
            ]
            facts["sharpness"] = self.sharpness.to_json(3) if self.sharpness else None
            facts["exposure"] = self.exposure.to_json(2)
        if self.unmeasured:
            facts["unmeasured"] = self.unmeasured
        return facts


def size_edges(size: int) -> tuple[int, ...]:
    """Lower edges of the histogram of native sizes; the model's size is one of them."""
    return tuple(sorted({0, *_SIZES, size}))
