"""Which channels a layer's name means: layers, parts and views of an EXR."""

from __future__ import annotations

from pathlib import Path

from understudy.errors import PlateError
from understudy.plates.exr_layout import Layout, Part
from understudy.plates.frame import Frame

__all__ = ["layer_names", "part_of_layer", "rgb_layer"]


def layer_names(layout: Layout) -> tuple[str, ...]:
    """Every name that `part_of_layer` takes, in the file's order."""
    return tuple(dict.fromkeys(name for part in layout.parts for name in _names_of(layout, part)))


def part_of_layer(layout: Layout, layer: str | None, path: Path) -> Part:
    """The part that holds a layer.

    A layer is named by the beginning of its channels ("beauty" for beauty.R), by its part or by its view. Where nothing
    is named: the first part with R, G and B, else the first.

    Raises:
        PlateError: There is no such layer; the names that exist are listed.
    """
    if layer is None:
        full = (part for part in layout.parts if {"R", "G", "B"} <= {channel.name for channel in part.channels})
        return next(full, layout.parts[0])
    for part in layout.parts:
        if layer in _names_of(layout, part):
            return part
    raise unknown_layer(path, layer, layer_names(layout))


def rgb_layer(frame: Frame, layer: str | None, path: Path) -> str | None:
    """What `Frame.rgb` is to be asked for: the layer where its channels bear its name, None where they are the root.

    Some writers name the channels of the default view too: then it is that view where no layer is named.

    Args:
        frame: As `read_frame` or `read_header` gave it for this layer.
        layer: What was asked for.
        path: For messages.

    Raises:
        PlateError: The layer has no R, G and B.
    """
    candidates = [layer, None] if layer else [None, *frame.metadata.get("multiView", ())[:1]]
    for candidate in candidates:
        prefix = f"{candidate}." if candidate else ""
        if all(f"{prefix}{name}" in frame.channels for name in "RGB"):
            return candidate
    if layer is None and len(frame.channels) == 1:
        return None
    names = sorted({name.rpartition(".")[0] for name in frame.channels if "." in name})
    wanted = ", ".join(f"{layer}.{name}" if layer else name for name in "RGB")
    raise PlateError(
        f"{path} has no channels {wanted}; its layers are {', '.join(names) or 'none but the root'}. "
        "Choose one with: understudy shot add NAME --plate ... --layer LAYER",
        path=str(path),
        layer=layer or "",
    )


def unknown_layer(path: Path, layer: str, names: tuple[str, ...]) -> PlateError:
    """The error for a layer that is not there."""
    return PlateError(
        f"{path} has no layer '{layer}'; its layers are {', '.join(names) or 'none but the root'}. "
        "Choose one with: understudy shot add NAME --plate ... --layer LAYER",
        path=str(path),
        layer=layer,
    )


def _names_of(layout: Layout, part: Part) -> list[str]:
    """The names that lead to this part."""
    names = [channel.name.rpartition(".")[0] for channel in part.channels]
    found = list(dict.fromkeys(name for name in names if name))
    if "" not in names:
        return found
    if len(layout.parts) > 1:
        own = [part.name] if part.name else []
        is_first_of_view = part.view and all(
            other.view != part.view for other in layout.parts[: part.number] if _has_root_rgb(other)
        )
        return [*own, *([part.view] if is_first_of_view and _has_root_rgb(part) else []), *found]
    default_view = layout.views[:1] if layout.views[:1] and layout.views[0] not in found else ()
    return [*default_view, *found]


def _has_root_rgb(part: Part) -> bool:
    return {"R", "G", "B"} <= {channel.name for channel in part.channels}
