"""Colour: plate spaces, the working space, and the bounded training space. The only importer of OCIO.

- *plate space*: whatever the plate is stored in; a name, role or alias of the project's OCIO config.
- *working space*: the config's `scene_linear` role, in which hosts composite and in which face crops are kept.
- *AP1*: scene-linear with ACEScg's primaries, which the training space is built on. In the ACES configs it is the
  working space itself.
- *training space*: a log curve on AP1, near 0..1 for what a face holds, with an exact inverse.

Nothing here clamps. Values far above 1 and below 0 go through every conversion and back.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import PyOpenColorIO as ocio  # noqa: N813

from understudy.errors import ColorError, UnknownNameError

__all__ = [
    "DEFAULT_CONFIG",
    "MIDDLE_GREY",
    "ColorConfig",
    "Pixels",
    "PlateSpace",
    "TrainingSpace",
    "config_names",
    "luminance",
]

Pixels = npt.NDArray[np.float32]
"""(..., 3) float32, RGB."""

DEFAULT_CONFIG = "studio-config-v2.2.0_aces-v1.3_ocio-v2.4"
"""Pinned by name: the names that end in `latest` change with the library, and older hosts cannot read them."""

MIDDLE_GREY = 0.18
"""Scene-linear value that a shot's faces are normalised to."""

_AP1 = "ACEScg"
_AP1_CONFIG = "cg-config-v2.1.0_aces-v1.3_ocio-v2.3"
_AP1_LUMINANCE = np.array([0.2722287168, 0.6740817658, 0.0536895174], dtype=np.float32)
_EXACT = ocio.OPTIMIZATION_LOSSLESS


def luminance(pixels: Pixels) -> npt.NDArray[np.float32]:
    """Relative luminance (...) float32 of AP1 scene-linear pixels (..., 3): the Y row of ACES' AP1 to XYZ matrix."""
    return np.asarray(pixels @ _AP1_LUMINANCE, dtype=np.float32)


def config_names() -> list[str]:
    """Names of the OCIO configs that come with the library, without the moving `latest` and `default`."""
    return [str(entry[0] if isinstance(entry, tuple) else entry) for entry in ocio.BuiltinConfigRegistry()]


@dataclass(frozen=True)
class PlateSpace:
    """Which colour space a plate is taken to be in, and why.

    Attributes:
        name: The canonical name in the project's config.
        reason: Who decided, in words for the artist.
        is_guess: True when nobody said so; worth a warning.
    """

    name: str
    reason: str
    is_guess: bool


@dataclass(frozen=True)
class ColorConfig:
    """One OCIO config, loaded.

    Attributes:
        name: What the project file calls it: a built-in config's pinned name, or a path.
        config: The library's object; used only in this file.
    """

    name: str
    config: Any

    @staticmethod
    def load(name: str | None = None) -> ColorConfig:
        """The config of this name: a built-in name, or the path of an .ocio or .ocioz file; None is the default.

        Raises:
            UnknownNameError: There is no such built-in config and no such file.
            ColorError: The file is there and cannot be used.
        """
        return _load_config(name or DEFAULT_CONFIG)

    @property
    def working(self) -> str:
        """Canonical name of the scene-linear space in which hosts composite.

        Raises:
            ColorError: The config has no `scene_linear` role.
        """
        space = self.config.getColorSpace(ocio.ROLE_SCENE_LINEAR)
        if space is None:
            raise ColorError(
                f"OCIO config '{self.name}' has no scene_linear role, so it has no working space. "
                "Add the role, or choose another config.",
                config=self.name,
            )
        return str(space.getName())

    def space(self, name: str) -> str:
        """The canonical name of a colour space, role or alias.

        Raises:
            UnknownNameError: The config knows no such name; the near ones are listed.
        """
        found = self.config.getColorSpace(name)
        if found is None:
            known = [str(space) for space in self.config.getColorSpaceNames()]
            raise UnknownNameError("colour space", name, known, where=f"OCIO config '{self.name}'")
        return str(found.getName())

    def spaces(self) -> list[str]:
        """Canonical names of all colour spaces, in the config's order."""
        return [str(name) for name in self.config.getColorSpaceNames()]

    def decide_plate_space(self, said: str | None, metadata: Mapping[str, Any], is_integer: bool = False) -> PlateSpace:
        """Which space a plate is in: what the user said, else a tag that can be trusted, else a stated guess.

        A file rule is never asked: the ACES configs answer ACES2065-1 for every EXR, which is nearly always wrong.

        Args:
            said: What the user or the host said, or None.
            metadata: The attributes of the plate's first frame.
            is_integer: True for 8- and 16-bit files, which are display-referred unless somebody says otherwise.
        """
        if said is not None:
            return PlateSpace(self.space(said), "as the shot says", is_guess=False)
        tag = metadata.get("colorInteropID")
        if isinstance(tag, str) and tag not in ("", "unknown", "data"):
            found = self.config.getColorSpace(tag)
            if found is not None:
                return PlateSpace(str(found.getName()), f"tagged '{tag}' in the file", is_guess=False)
        if is_integer:
            texture = self.config.getColorSpace("srgb_rec709_scene") or self.config.getColorSpace("sRGB")
            if texture is not None:
                reason = "guessed: an integer file without a tag is taken for sRGB"
                return PlateSpace(str(texture.getName()), reason, is_guess=True)
        return PlateSpace(self.working, "guessed: no tag, so the scene_linear role", is_guess=True)

    def converted(self, pixels: Pixels, from_space: str, to_space: str) -> Pixels:
        """The pixels in another space of this config.

        Args:
            pixels: (H, W, 3) float32 RGB in `from_space`, unbounded; not changed.
            from_space: Any name, role or alias.
            to_space: Any name, role or alias.

        Returns:
            (H, W, 3) float32 RGB in `to_space`; the same array, bit for bit, when both are one space.

        Raises:
            UnknownNameError: No such space.
            ColorError: The config cannot convert between the two.
        """
        start, end = self.space(from_space), self.space(to_space)
        if start == end:
            return pixels
        return _applied(_processor(self, start, end), pixels)

    def to_working(self, pixels: Pixels, from_space: str) -> Pixels:
        """`converted` to the working space."""
        return self.converted(pixels, from_space, self.working)

    def ap1_from_working(self, pixels: Pixels) -> Pixels:
        """(H, W, 3) float32 scene-linear pixels with AP1 primaries, from the working space."""
        return _applied(_ap1_processor(self, ocio.TRANSFORM_DIR_FORWARD), pixels)

    def working_from_ap1(self, pixels: Pixels) -> Pixels:
        """(H, W, 3) float32 pixels in the working space, from AP1; inverse of `ap1_from_working`."""
        return _applied(_ap1_processor(self, ocio.TRANSFORM_DIR_INVERSE), pixels)

    def display(self, pixels: Pixels, from_space: str, stops: float = 0.0) -> npt.NDArray[np.uint8]:
        """A picture for the screen, through the config's default display and view. For looking only.

        Args:
            pixels: (H, W, 3) float32 RGB in `from_space`.
            from_space: Any name, role or alias.
            stops: Exposure added in the working space.

        Returns:
            (H, W, 3) uint8 RGB, display-encoded.
        """
        exposed = self.to_working(pixels, from_space) * np.float32(2.0**stops)
        shown = _applied(_display_processor(self), exposed)
        return (np.clip(np.nan_to_num(shown), 0, 1) * 255 + 0.5).astype(np.uint8)


@dataclass(frozen=True)
class TrainingSpace:
    """The bounded encoding that the network sees: gains, then a log curve, on AP1 primaries.

    `code = 0.0715897 * log2(max(gain * x, 0) + 0.012) + 0.570442`, continued below 0 as the straight line with the
    slope at 0. Grey (0.18) is 0.40, 64 is 1.0, 0 is 0.114; the inverse is exact in float32. It is OCIO's own
    LogCameraTransform, so that a config can show codes as pictures. Codes must stay in float32: half precision is
    wrong by a part in 300 and bfloat16 bands (docs/decisions/0002-training-space.md).

    Attributes:
        gains: What R, G and B are multiplied by first: the shot's exposure (and white balance) normalised on the face.
    """

    gains: tuple[float, float, float] = (1.0, 1.0, 1.0)

    @staticmethod
    def normalising(face_rgb: tuple[float, float, float], white_balance: bool) -> TrainingSpace:
        """The space in which a shot's faces come out middle grey.

        Args:
            face_rgb: The faces' median colour over the shot: AP1, scene-linear.
            white_balance: True to make each channel grey; False to bring only the luminance there.

        Raises:
            ColorError: The median is not positive, so that no exposure could make it grey.
        """
        measured = np.asarray(face_rgb, dtype=np.float64)
        level = measured if white_balance else np.full(3, float(luminance(measured.astype(np.float32))))
        if not np.all(np.isfinite(level)) or np.any(level <= 1e-7):
            shown = ", ".join(f"{value:.3g}" for value in face_rgb)
            raise ColorError(
                f"The faces' median colour is ({shown}), which no exposure can normalise. "
                "Check the plate's colour space.",
                face_rgb=tuple(float(value) for value in face_rgb),
            )
        red, green, blue = (MIDDLE_GREY / level).tolist()
        return TrainingSpace((red, green, blue))

    def encode(self, pixels: Pixels) -> Pixels:
        """Codes (H, W, 3) float32, mostly 0..1 and never clamped, of AP1 scene-linear pixels (H, W, 3) float32."""
        return _applied(_curve_processor(self.gains, ocio.TRANSFORM_DIR_FORWARD), pixels)

    def decode(self, codes: Pixels) -> Pixels:
        """AP1 scene-linear pixels (H, W, 3) float32 of codes; inverse of `encode`."""
        return _applied(_curve_processor(self.gains, ocio.TRANSFORM_DIR_INVERSE), codes)

    def to_json(self) -> dict[str, Any]:
        """Plain values, as every faceset and snapshot stores them."""
        return {
            "schema": "training-space-1",
            "curve": "facelog",
            "primaries": "AP1",
            "gains": list(self.gains),
        }

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> TrainingSpace:
        """The space that `to_json` wrote.

        Raises:
            ColorError: Written by a version that this one does not know.
        """
        if values.get("schema") != "training-space-1" or values.get("curve") != "facelog":
            raise ColorError(
                f"Training space '{values.get('schema')}/{values.get('curve')}' is unknown to this version; update it."
            )
        red, green, blue = (float(gain) for gain in values["gains"])
        return TrainingSpace((red, green, blue))


@lru_cache(maxsize=8)
def _load_config(name: str) -> ColorConfig:
    if name in config_names():
        return ColorConfig(name, ocio.Config.CreateFromBuiltinConfig(name))
    path = Path(os.path.expandvars(name)).expanduser()
    if not path.is_file():
        cure = "Give a built-in name, or the path of an .ocio or .ocioz file."
        raise UnknownNameError("OCIO config", name, config_names(), cure=cure)
    try:
        config = ocio.Config.CreateFromFile(str(path))
        config.validate()
    except ocio.Exception as error:
        raise ColorError(f"OCIO config {path} cannot be used: {error}", path=str(path)) from error
    return ColorConfig(name, config)


@lru_cache(maxsize=64)
def _cached_processor(name: str, start: str, end: str) -> Any:
    config = _load_config(name)
    try:
        return config.config.getProcessor(start, end).getOptimizedCPUProcessor(_EXACT)
    except ocio.Exception as error:
        raise ColorError(f"OCIO config '{name}' cannot convert '{start}' to '{end}': {error}") from error


def _processor(config: ColorConfig, start: str, end: str) -> Any:
    return _cached_processor(config.name, start, end)


@lru_cache(maxsize=16)
def _cached_ap1_processor(name: str, forward: bool) -> Any:
    config, reference = _load_config(name), _load_config(_AP1_CONFIG)
    pair = (config.config, config.working, reference.config, _AP1)
    ordered = pair if forward else (pair[2], pair[3], pair[0], pair[1])
    try:
        return ocio.Config.GetProcessorFromConfigs(*ordered).getOptimizedCPUProcessor(_EXACT)
    except ocio.Exception as error:
        raise ColorError(
            f"OCIO config '{name}' does not say what its primaries are: it needs the role aces_interchange ({error})."
        ) from error


def _ap1_processor(config: ColorConfig, direction: Any) -> Any:
    return _cached_ap1_processor(config.name, direction == ocio.TRANSFORM_DIR_FORWARD)


@lru_cache(maxsize=8)
def _cached_display_processor(name: str) -> Any:
    config = _load_config(name)
    display = config.config.getDefaultDisplay()
    view = config.config.getDefaultView(display)
    try:
        transform = ocio.DisplayViewTransform(src=config.working, display=display, view=view)
        return config.config.getProcessor(transform).getDefaultCPUProcessor()
    except ocio.Exception as error:
        raise ColorError(f"OCIO config '{name}' has no usable view '{view}' for '{display}': {error}") from error


def _display_processor(config: ColorConfig) -> Any:
    return _cached_display_processor(config.name)


@lru_cache(maxsize=256)
def _curve_processor(gains: tuple[float, float, float], direction: Any) -> Any:
    red, green, blue = gains
    gain = ocio.MatrixTransform(matrix=[red, 0, 0, 0, 0, green, 0, 0, 0, 0, blue, 0, 0, 0, 0, 1])
    curve = ocio.LogCameraTransform(
        linSideBreak=[0.0] * 3,
        base=2.0,
        logSideSlope=[0.0715897142] * 3,
        logSideOffset=[0.5704423511] * 3,
        linSideSlope=[1.0] * 3,
        linSideOffset=[0.012] * 3,
    )
    group = ocio.GroupTransform([gain, curve])
    return ocio.Config.CreateRaw().getProcessor(group, direction).getOptimizedCPUProcessor(_EXACT)


def _applied(processor: Any, pixels: Pixels) -> Pixels:
    if processor.isNoOp():
        return pixels
    converted = np.array(pixels, dtype=np.float32, order="C", copy=True)
    packed = converted.reshape(1, -1, 3) if converted.ndim != 3 else converted
    if packed.size:
        processor.applyRGB(packed)
    return converted
