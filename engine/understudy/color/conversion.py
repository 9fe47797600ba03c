"""From one space of an OCIO config to another: exactly, without tone mapping, and without needless clamping."""

from __future__ import annotations

from typing import Any

import numpy as np
import PyOpenColorIO as ocio  # noqa: N813

from understudy.color.pixels import EXACT, Pixels, applied

__all__ = ["exact_processor", "from_one", "held_range", "is_display_referred"]

_SCENE_ROLE = "aces_interchange"
_DISPLAY_ROLE = "cie_xyz_d65_interchange"
_XYZ_FROM_ACES = "UTILITY - ACES-AP0_to_CIE-XYZ-D65_BFD"
_PROBES = np.geomspace(1e-4, 60000.0, 118)
_PROBE_TOLERANCE = 1e-3
_PROBE_FLOOR = 1e-6


def exact_processor(config: Any, start: str, end: str) -> Any:
    """OCIO's CPU processor between two spaces of a config.

    Between a scene-referred and a display-referred space it goes through ACES2065-1 and CIE XYZ (D65), which is plain
    colorimetry: light that the display shows is scene-linear light, 1.0 its reference white (100 nits for PQ and HLG).
    A config's own view transform is never asked, since a tone mapping cannot be undone exactly.

    Power functions that clamp below 0 are mirrored there instead: colours outside a space's primaries come back.
    Logarithms are written so that they are exact near black in float32 too: see `from_one`.

    Args:
        config: The library's config.
        start: Canonical name.
        end: Canonical name.

    Raises:
        ocio.Exception: The config cannot do it.
    """
    processor = config.getProcessor(_transform(config, start, end))
    group = processor.createGroupTransform()
    logarithms = [step for step in group if isinstance(step, ocio.LogCameraTransform | ocio.LogAffineTransform)]
    clamped = [step for step in group if _clamps(step)]
    for step in logarithms:
        from_one(step)
    for step in clamped:
        step.setNegativeStyle(ocio.NEGATIVE_MIRROR)
    if logarithms or clamped:
        processor = config.getProcessor(group)
    return processor.getOptimizedCPUProcessor(EXACT)


def from_one(logarithm: Any) -> None:
    """Rewrites a log transform of OCIO, `slope * log(a x + b) + offset`, as the same function in `log(a / b x + 1)`.

    The logarithm of what is near black is then near 0, where float32 is finest, and not near log(b). LogC4, with
    b = 64, comes back from 0.001 six times more exactly (`python docs/figures/round_trips.py`).
    """
    offsets = np.array(logarithm.getLinSideOffsetValue())
    if not (offsets > 0).all():
        return
    moved = np.array(logarithm.getLogSideSlopeValue()) * np.log(offsets) / np.log(logarithm.getBase())
    logarithm.setLogSideOffsetValue((np.array(logarithm.getLogSideOffsetValue()) + moved).tolist())
    logarithm.setLinSideSlopeValue((np.array(logarithm.getLinSideSlopeValue()) / offsets).tolist())
    logarithm.setLinSideOffsetValue([1.0] * 3)


def is_display_referred(config: Any, space: str) -> bool:
    """True when a space, by its canonical name, says what a display shows and not what the scene sent out."""
    found = config.getColorSpace(space)
    encodings = ("sdr-video", "hdr-video", "edr-video")
    return _is_display(found) or str(found.getEncoding()) in encodings


def held_range(config: Any, space: str, working: str) -> tuple[float | None, float | None]:
    """Working-space greys that go into a space and come back; None where no end was met between -60000 and 60000.

    Args:
        config: The library's config.
        space: Canonical name.
        working: Canonical name of the working space.

    Raises:
        ocio.Exception: The config cannot do it.
    """
    greys = np.concatenate([-_PROBES[::-1], [0.0], _PROBES]).astype(np.float32)
    probe: Pixels = np.repeat(greys[:, None], 3, axis=1)[None]
    there = applied(exact_processor(config, working, space), probe)
    back = applied(exact_processor(config, space, working), there)
    error = np.abs(back - probe)[0].max(axis=1)
    lost = ~(error <= np.maximum(_PROBE_TOLERANCE * np.abs(greys), _PROBE_FLOOR))
    middle = int(np.searchsorted(greys, 0.18))
    below, above = np.flatnonzero(lost[:middle]), np.flatnonzero(lost[middle:])
    lowest = float(greys[below[-1] + 1]) if len(below) else None
    highest = float(greys[middle + above[0] - 1]) if len(above) else None
    return lowest, highest


def _transform(config: Any, start: str, end: str) -> Any:
    from_display, to_display = (_is_display(config.getColorSpace(name)) for name in (start, end))
    if from_display == to_display:
        return ocio.ColorSpaceTransform(src=start, dst=end)
    if from_display:
        steps = (start, _DISPLAY_ROLE, ocio.TRANSFORM_DIR_INVERSE, _SCENE_ROLE, end)
    else:
        steps = (start, _SCENE_ROLE, ocio.TRANSFORM_DIR_FORWARD, _DISPLAY_ROLE, end)
    first, first_role, direction, second_role, last = steps
    return ocio.GroupTransform(
        [
            ocio.ColorSpaceTransform(src=first, dst=first_role),
            ocio.BuiltinTransform(_XYZ_FROM_ACES, direction),
            ocio.ColorSpaceTransform(src=second_role, dst=last),
        ]
    )


def _is_display(space: Any) -> bool:
    return bool(space.getReferenceSpaceType() == ocio.REFERENCE_SPACE_DISPLAY)


def _clamps(step: Any) -> bool:
    return isinstance(step, ocio.ExponentTransform) and step.getNegativeStyle() == ocio.NEGATIVE_CLAMP
