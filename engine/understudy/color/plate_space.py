"""Which colour space a plate is taken to be in, why, and what is lost on the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from understudy.color.tags import CHROMATICITIES, FileTag, interop_parts, tag_of
from understudy.errors import ColorError

if TYPE_CHECKING:
    from understudy.color.config import ColorConfig

__all__ = ["PlateSpace", "decided"]

_NAMES: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("srgb", "rec709"): ("srgb_rec709_scene", "srgb_tx", "sRGB - Texture", "srgb_display", "sRGB"),
    ("g22", "rec709"): ("g22_rec709_scene", "g22_rec709", "g22_rec709_display"),
    ("g24", "rec709"): ("g24_rec709", "g24_rec709_scene", "rec1886_rec709_display", "g24_rec709_display"),
    ("g24", "rec2020"): ("rec1886_rec2020_display", "g24_rec2020_display", "g24_rec2020_scene"),
    ("srgb", "p3d65"): ("srgb_p3d65_scene", "srgb_displayp3", "displayp3_display", "srgb_p3d65_display"),
    ("g26", "p3d65"): ("p3d65_display", "g26_p3d65_display"),
    ("g22", "adobergb"): ("g22_adobergb_scene", "adobergb"),
    ("pq", "rec2020"): ("rec2100_pq_display", "pq_rec2020_display", "Rec.2100-PQ"),
    ("hlg", "rec2020"): ("rec2100_hlg_display", "hlg_rec2020_display", "Rec.2100-HLG"),
    ("pq", "p3d65"): ("st2084_p3d65_display", "pq_p3d65_display"),
}
"""What configs call the space of a curve and its primaries, the likeliest name first."""

_MATRIX_TOLERANCE = 2e-3
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_LOG_ROLE = "compositing_log"
_INTERCHANGE_ROLE = "aces_interchange"

_Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PlateSpace:
    """Which colour space a plate is taken to be in, and why.

    Attributes:
        name: The canonical name in the project's config.
        reason: Who decided, in words for the artist.
        is_guess: True when nobody said so; worth a warning.
        losses: What the file has lost already, and what the space will not hold of a result: one sentence each.
    """

    name: str
    reason: str
    is_guess: bool
    losses: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values, for `inspect`."""
        return {"name": self.name, "reason": self.reason, "is_guess": self.is_guess, "losses": list(self.losses)}


def decided(
    color: ColorConfig, said: str | None, metadata: Mapping[str, Any], is_integer: bool, host: str | None
) -> PlateSpace:
    """As `ColorConfig.decide_plate_space`."""
    for name, who in ((said, "the shot"), (host, "the host")):
        if name is not None:
            space = color.space(name)
            by = f" ('{name}')" if name != space else ""
            return _with_losses(color, PlateSpace(space, f"as {who} says{by}", is_guess=False), metadata, is_integer)
    found = _by_identifier(color, metadata)
    tag = tag_of(metadata, is_integer)
    if found is None and tag is not None:
        found = _by_tag(color, tag)
    if found is None:
        found = _guessed(color, metadata, is_integer, tag)
    return _with_losses(color, found, metadata, is_integer)


def _by_identifier(color: ColorConfig, metadata: Mapping[str, Any]) -> PlateSpace | None:
    """By `colorInteropID`, which is a name that the config may know, or one that says curve and primaries."""
    identifier = metadata.get("colorInteropID")
    if not isinstance(identifier, str) or identifier in ("", "unknown", "data"):
        return None
    found = color.config.getColorSpace(identifier)
    parts = interop_parts(identifier)
    name = str(found.getName()) if found is not None else _named(color, *parts) if parts else None
    return PlateSpace(name, f"tagged '{identifier}' in the file", is_guess=False) if name else None


def _by_tag(color: ColorConfig, tag: FileTag) -> PlateSpace | None:
    if tag.curve == "log":
        found = color.config.getColorSpace(_LOG_ROLE)
        name = str(found.getName()) if found is not None else None
    elif tag.curve == "lin" and not (tag.chromaticities or tag.primaries):
        name = color.working if tag.doubt else None
    elif tag.curve == "lin":
        name = _linear_space(color, tag.chromaticities or CHROMATICITIES[tag.primaries])
    else:
        name = _named(color, tag.curve, tag.primaries)
    if name is None:
        return None
    losses = (tag.loss,) if tag.loss else ()
    if tag.doubt:
        return PlateSpace(name, f"guessed: tagged {tag.words}, but {tag.doubt}", is_guess=True, losses=losses)
    return PlateSpace(name, f"tagged {tag.words}", is_guess=False, losses=losses)


def _guessed(color: ColorConfig, metadata: Mapping[str, Any], is_integer: bool, tag: FileTag | None) -> PlateSpace:
    """Floats are scene-linear in the working space, stills of integers sRGB, movies of integers Rec.709."""
    unused = f" (tagged {tag.words}, for which the config has no space)" if tag is not None else ""
    if tag is not None and not tag.curve:
        unused = f" (tagged {tag.words})"
    is_movie = any(name.startswith("video:") for name in metadata)
    curve, kind = ("g24", "a movie is taken for Rec.709") if is_movie else ("srgb", "integers are taken for sRGB")
    name = _named(color, curve, "rec709") if is_integer else None
    if name is not None:
        return PlateSpace(name, f"guessed: no tag that can be used{unused}, and {kind}", is_guess=True)
    reason = f"guessed: no tag that can be used{unused}, so the scene_linear role"
    return PlateSpace(color.working, reason, is_guess=True)


def _named(color: ColorConfig, curve: str, primaries: str) -> str | None:
    """Canonical name of the config's space with this curve and these primaries; None when it has none."""
    if curve == "lin":
        return _linear_space(color, CHROMATICITIES[primaries]) if primaries in CHROMATICITIES else None
    for name in _NAMES.get((curve, primaries), ()):
        found = color.config.getColorSpace(name)
        if found is not None:
            return str(found.getName())
    return None


def _linear_space(color: ColorConfig, chromaticities: tuple[float, ...]) -> str | None:
    """Canonical name of the config's scene-linear space with these primaries; None when it has none.

    Names are not asked, but matrices: any config that knows ACES2065-1 can answer.
    """
    if color.config.getColorSpace(_INTERCHANGE_ROLE) is None:
        return None
    wanted = _aces_from_rgb(chromaticities)
    if wanted is None:
        return None
    unit = np.eye(3, dtype=np.float32)[None]
    linear = [name for name in color.spaces() if color.config.getColorSpace(name).getEncoding() == "scene-linear"]
    for name in (color.working, *(name for name in linear if name != color.working)):
        try:
            matrix = color.converted(unit, name, _INTERCHANGE_ROLE)[0].T
        except ColorError:
            continue
        if np.abs(matrix - wanted).max() < _MATRIX_TOLERANCE:
            return name
    return None


def _aces_from_rgb(chromaticities: tuple[float, ...]) -> _Matrix | None:
    """(3, 3) float64 from linear RGB of these primaries to ACES2065-1, white to white by Bradford's cones.

    None when the numbers describe no colour space.
    """
    try:
        source, target = _xyz_from_rgb(chromaticities), _xyz_from_rgb(CHROMATICITIES["ap0"])
        cones, target_cones = _BRADFORD @ source.sum(axis=1), _BRADFORD @ target.sum(axis=1)
        adapted = np.linalg.inv(_BRADFORD) @ np.diag(target_cones / cones) @ _BRADFORD
        matrix = np.linalg.inv(target) @ adapted @ source
    except (np.linalg.LinAlgError, FloatingPointError):
        return None
    return matrix if np.isfinite(matrix).all() else None


def _xyz_from_rgb(chromaticities: tuple[float, ...]) -> _Matrix:
    """(3, 3) float64 from linear RGB to CIE XYZ, white at Y = 1."""
    points = np.asarray(chromaticities, np.float64).reshape(4, 2)
    with np.errstate(divide="raise", invalid="raise", over="raise"):
        columns = np.stack([points[:, 0] / points[:, 1], np.ones(4), (1 - points.sum(axis=1)) / points[:, 1]])
        return np.asarray(columns[:, :3] * np.linalg.solve(columns[:, :3], columns[:, 3]), np.float64)


def _with_losses(color: ColorConfig, found: PlateSpace, metadata: Mapping[str, Any], is_integer: bool) -> PlateSpace:
    losses = (*found.losses, *_losses_of_file(color, found.name, metadata, is_integer), *_losses_of_space(color, found))
    return PlateSpace(found.name, found.reason, found.is_guess, losses)


def _losses_of_file(color: ColorConfig, space: str, metadata: Mapping[str, Any], is_integer: bool) -> list[str]:
    """What a file of integers cannot hold, in terms of light."""
    if not is_integer:
        return []
    ends = np.array([[[0.0] * 3, [1.0] * 3]], np.float32)
    black, white = (float(value) for value in color.to_working(ends, space)[0].mean(axis=1))
    bits = metadata.get("oiio:BitsPerSample")
    depth = f"{bits}-bit integers" if isinstance(bits, int) else "integers"
    losses = [f"{depth}: light above {white:.4g} or below {black:.2g} was clipped when the file was made"]
    if isinstance(bits, int) and bits <= 8:
        losses.append("8 bits have steps that show as bands when a grade pulls them apart")
    return losses


def _losses_of_space(color: ColorConfig, found: PlateSpace) -> list[str]:
    """What a plate in this space has gone through, and what of a result it will not hold."""
    name = found.name
    if color.config.getColorSpace(name).isData():
        return [f"'{name}' is no colour space: values are used as they stand, as if in {color.working}"]
    losses = []
    if color.is_display_referred(name):
        encoding = str(color.config.getColorSpace(name).getEncoding())
        white = " and 1.0 is 100 nits" if encoding == "hdr-video" else ""
        losses.append(f"display-referred: its tone mapping and grade stay in it; light is what a display shows{white}")
    low, high = color.held_range(name)
    if low is not None:
        losses.append(
            f"results below {low:.2g} are clipped in '{name}', strong colours outside its primaries with them"
        )
    if high is not None:
        losses.append(f"results above {high:.3g} are clipped in '{name}'")
    return losses
