"""A picture with its windows: what reading gives and writing takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from understudy.errors import PlateError
from understudy.geometry import Box

__all__ = ["Frame", "Pixels"]

Pixels = npt.NDArray[np.float32]
"""(H, W, C) float32, rows top down."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture with its windows.

    Attributes:
        pixels: (H, W, C) float32 of the data window, rows top down, in the file's own colour space, unbounded.
        channels: Names of the C channels, such as ("R", "G", "B", "A", "face.A").
        data_window: Where `pixels` lie: the file's whole data window, or the part of it that was read.
        display_window: The agreed picture area.
        pixel_aspect: Width of a pixel over its height; 2.0 for an anamorphic plate.
        metadata: Attributes of the file: str, int, float or tuples of them, by name.
        is_integer: True when the file holds integers, which are scaled to 0..1 here.
        float_channels: Channels that are 32-bit float in the file; the others are half float when written.
        bits: Bits of a sample in the file: 8 to 16 for integers, 16 for half, 32 for float.
        whole_window: The file's whole data window; None when `data_window` is all of it.
    """

    pixels: Pixels
    channels: tuple[str, ...]
    data_window: Box
    display_window: Box
    pixel_aspect: float = 1.0
    metadata: Mapping[str, Any] = field(default_factory=dict)
    is_integer: bool = False
    float_channels: frozenset[str] = frozenset()
    bits: int = 32
    whole_window: Box | None = None

    @staticmethod
    def of(
        pixels: npt.NDArray[Any],
        channels: tuple[str, ...] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Frame:
        """A frame whose windows are the whole array; channels are A, RGB or RGBA when not said.

        Args:
            pixels: (H, W) or (H, W, C), any float type.
            channels: Names of the C channels.
            metadata: Attributes.
        """
        array = np.asarray(pixels, dtype=np.float32)
        array = array[..., None] if array.ndim == 2 else array
        names = channels or {1: ("A",), 3: ("R", "G", "B"), 4: ("R", "G", "B", "A")}[array.shape[2]]
        window = Box(0, 0, array.shape[1], array.shape[0])
        return Frame(array, names, window, window, metadata=dict(metadata or {}))

    def channel(self, name: str) -> Pixels:
        """(H, W) float32 of one channel.

        Raises:
            PlateError: There is no such channel; the names that exist are listed.
        """
        return self.layer((name,))[..., 0]

    def layer(self, names: tuple[str, ...]) -> Pixels:
        """(H, W, len(names)) float32 of these channels, in this order; a view where they lie side by side.

        Raises:
            PlateError: One of them is missing; the names that exist are listed.
        """
        missing = [name for name in names if name not in self.channels]
        if missing:
            raise PlateError(
                f"The picture has no channel {', '.join(missing)}; it has {', '.join(self.channels)}.",
                missing=tuple(missing),
                channels=self.channels,
            )
        places = [self.channels.index(name) for name in names]
        if places == list(range(places[0], places[0] + len(places))):
            return self.pixels[..., places[0] : places[0] + len(places)]
        return self.pixels[..., places]

    def rgb(self, layer: str | None = None) -> Pixels:
        """(H, W, 3) float32 of the root RGB, or of a named layer; a picture with one channel is shown as grey."""
        prefix = f"{layer}." if layer else ""
        if not layer and "R" not in self.channels:
            return np.repeat(self.layer(self.channels[:1]), 3, axis=2)
        return self.layer((f"{prefix}R", f"{prefix}G", f"{prefix}B"))
