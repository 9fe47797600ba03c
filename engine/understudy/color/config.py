"""OCIO configs: found by name, loaded once, and asked to convert pixels between their spaces."""

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

from understudy.color.conversion import exact_processor, held_range, is_display_referred
from understudy.color.pixels import EXACT, Pixels, applied
from understudy.color.plate_space import PlateSpace, decided
from understudy.errors import ColorError, UnknownNameError, near_names

__all__ = ["DEFAULT_CONFIG", "ColorConfig", "config_names", "pinned_name"]

DEFAULT_CONFIG = "studio-config-v2.2.0_aces-v1.3_ocio-v2.4"
"""Pinned by name: the names that end in `latest` change with the library, and older hosts cannot read them."""

_AP1 = "ACEScg"
_AP1_CONFIG = "cg-config-v2.1.0_aces-v1.3_ocio-v2.3"
_BUILT_IN = "ocio://"


def config_names() -> list[str]:
    """Names of the OCIO configs that come with the library, without the moving `latest` and `default`."""
    return [str(entry[0] if isinstance(entry, tuple) else entry) for entry in ocio.BuiltinConfigRegistry()]


def pinned_name(name: str | None) -> str:
    """The name that means the same config tomorrow: variables such as $OCIO and moving names are resolved.

    Args:
        name: A built-in name, alone or after `ocio://` as `$OCIO` has it; a path; a variable; None is the default.

    Raises:
        ColorError: A variable is not set.
    """
    if name is None:
        return DEFAULT_CONFIG
    expanded = os.path.expandvars(name)
    if expanded.startswith("$") and not Path(expanded).exists():
        raise ColorError(
            f"The OCIO config is named by {expanded}, which is not set. Set it, or name a config: {DEFAULT_CONFIG}, "
            "or the path of an .ocio or .ocioz file.",
            config=name,
        )
    if expanded.startswith(_BUILT_IN):
        return str(ocio.ResolveConfigPath(expanded)).removeprefix(_BUILT_IN)
    return expanded


@dataclass(frozen=True, eq=False)
class ColorConfig:
    """One OCIO config, loaded.

    Attributes:
        name: Its pinned name: a built-in config's, or a path.
        config: The library's object; used only in this package.
    """

    name: str
    config: Any

    @staticmethod
    def load(name: str | None = None) -> ColorConfig:
        """The config of this name: as `pinned_name`. A file that has changed since is loaded again.

        Raises:
            UnknownNameError: There is no such built-in config and no such file.
            ColorError: A variable is not set, or the file is there and cannot be used.
        """
        pinned = pinned_name(name)
        if pinned in config_names():
            return _load_built_in(pinned)
        path = Path(pinned).expanduser()
        if not path.is_file():
            cure = "Give a built-in name, or the path of an .ocio or .ocioz file."
            raise UnknownNameError("OCIO config", pinned, config_names(), cure=cure)
        status = path.stat()
        return _load_file(pinned, path, (status.st_mtime_ns, status.st_size))

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
        """The canonical name of a colour space, role or alias; spaces that menus hide count too.

        Raises:
            UnknownNameError: The config knows no such name; the near ones are listed.
        """
        found = self.config.getColorSpace(name)
        if found is None:
            raise UnknownNameError("colour space", name, self._known(name), where=f"OCIO config '{self.name}'")
        return str(found.getName())

    def spaces(self) -> list[str]:
        """Canonical names of all colour spaces that menus show, in the config's order."""
        return [str(name) for name in self.config.getColorSpaceNames()]

    def decide_plate_space(
        self,
        said: str | None,
        metadata: Mapping[str, Any],
        is_integer: bool = False,
        host: str | None = None,
    ) -> PlateSpace:
        """Which space a plate is in: what the user said, what the host says, a tag that can be trusted, or a guess.

        A file rule is never asked: the ACES configs answer ACES2065-1 for every EXR, which is nearly always wrong.

        Args:
            said: What the user said, or None.
            metadata: The attributes of the plate's first frame, as `plates` reads them; what counts is listed in
                `color.tags`.
            is_integer: True for files of integers.
            host: What the host says the plate is in, or None.

        Raises:
            UnknownNameError: The user or the host named a space that the config does not have.
        """
        return decided(self, said, metadata, is_integer, host)

    def is_display_referred(self, space: str) -> bool:
        """True when a space says what a display shows, and not what the scene sent out."""
        return is_display_referred(self.config, self.space(space))

    def held_range(self, space: str) -> tuple[float | None, float | None]:
        """Smallest and largest working-space grey that a space can hold; None where there is no end.

        Raises:
            UnknownNameError: No such space.
            ColorError: The config cannot convert to it and back.
        """
        return _held_range(self, self.space(space))

    def result_space(self, plate_space: str) -> str:
        """The scene-linear space that a plate's results are in: the plate's own, else the working space.

        A swapped face is premultiplied and goes over the plate in linear light; over codes of a log or display-referred
        plate would be another picture (docs/decisions/0008-results-are-scene-linear.md).

        Args:
            plate_space: Any name, role or alias.
        """
        name = self.space(plate_space)
        return name if self.config.isColorSpaceLinear(name, ocio.REFERENCE_SPACE_SCENE) else self.working

    def interop_id(self, space: str) -> str | None:
        """The Color Interop Forum's name of a space, such as `lin_ap1_scene`; None when the config has none.

        Args:
            space: Any name, role or alias.
        """
        found = self.config.getColorSpace(self.space(space))
        own = found.getInteropID() if hasattr(found, "getInteropID") else ""
        names = [own, *(str(alias) for alias in found.getAliases())]
        return next((name for name in names if name.startswith("lin_") and name.endswith("_scene")), own or None)

    def attributes(self, space: str) -> dict[str, str]:
        """What an EXR in this space says of it: our own words, and the interop name where there is one."""
        words = {"understudy/colorspace": self.space(space), "understudy/ocioConfig": self.name}
        interop_id = self.interop_id(space)
        return {**words, "colorInteropID": interop_id} if interop_id else words

    def converted(self, pixels: Pixels, from_space: str, to_space: str) -> Pixels:
        """The pixels in another space of this config: colorimetrically, as `color.conversion` says.

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
        return applied(_processor(self, start, end), pixels)

    def to_working(self, pixels: Pixels, from_space: str) -> Pixels:
        """`converted` to the working space."""
        return self.converted(pixels, from_space, self.working)

    def ap1_from_working(self, pixels: Pixels) -> Pixels:
        """(H, W, 3) float32 scene-linear pixels with AP1 primaries, from the working space."""
        return applied(_ap1_processor(self, is_forward=True), pixels)

    def working_from_ap1(self, pixels: Pixels) -> Pixels:
        """(H, W, 3) float32 pixels in the working space, from AP1; inverse of `ap1_from_working`."""
        return applied(_ap1_processor(self, is_forward=False), pixels)

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
        shown = applied(_display_processor(self), exposed)
        return (np.clip(np.nan_to_num(shown), 0, 1) * 255 + 0.5).astype(np.uint8)

    def _known(self, wanted: str) -> list[str]:
        """Names that may be given instead: of spaces, shown or hidden; aliases and roles when none of these is near."""
        names = self.config.getColorSpaceNames(ocio.SEARCH_REFERENCE_SPACE_ALL, ocio.COLORSPACE_ALL)
        spaces = [str(name) for name in names]
        aliases = [str(alias) for name in spaces for alias in self.config.getColorSpace(name).getAliases()]
        others = [*aliases, *(str(role) for role, _ in self.config.getRoles())]
        return spaces if near_names(wanted, spaces) or not near_names(wanted, others) else others


@lru_cache(maxsize=8)
def _load_built_in(name: str) -> ColorConfig:
    return ColorConfig(name, ocio.Config.CreateFromBuiltinConfig(name))


@lru_cache(maxsize=8)
def _load_file(name: str, path: Path, _stamp: tuple[int, int]) -> ColorConfig:
    try:
        config = ocio.Config.CreateFromFile(str(path))
        config.validate()
    except ocio.Exception as error:
        raise ColorError(f"OCIO config {path} cannot be used: {_line(error)}", path=str(path)) from error
    return ColorConfig(name, config)


@lru_cache(maxsize=64)
def _processor(config: ColorConfig, start: str, end: str) -> Any:
    try:
        return exact_processor(config.config, start, end)
    except ocio.Exception as error:
        raise ColorError(
            f"OCIO config '{config.name}' cannot convert '{start}' to '{end}': {_line(error)}",
            config=config.name,
        ) from error


@lru_cache(maxsize=64)
def _held_range(config: ColorConfig, space: str) -> tuple[float | None, float | None]:
    try:
        return held_range(config.config, space, config.working)
    except ocio.Exception as error:
        raise ColorError(
            f"OCIO config '{config.name}' cannot convert '{space}' to its working space and back: {_line(error)}",
            config=config.name,
        ) from error


@lru_cache(maxsize=16)
def _ap1_processor(config: ColorConfig, is_forward: bool) -> Any:
    reference = _load_built_in(_AP1_CONFIG)
    pair = (config.config, config.working, reference.config, _AP1)
    ordered = pair if is_forward else (pair[2], pair[3], pair[0], pair[1])
    try:
        return ocio.Config.GetProcessorFromConfigs(*ordered).getOptimizedCPUProcessor(EXACT)
    except ocio.Exception as error:
        raise ColorError(
            f"OCIO config '{config.name}' does not say what its primaries are: "
            f"it needs the role aces_interchange ({_line(error)}).",
            config=config.name,
        ) from error


@lru_cache(maxsize=8)
def _display_processor(config: ColorConfig) -> Any:
    display = config.config.getDefaultDisplay()
    view = config.config.getDefaultView(display)
    try:
        transform = ocio.DisplayViewTransform(src=config.working, display=display, view=view)
        return config.config.getProcessor(transform).getDefaultCPUProcessor()
    except ocio.Exception as error:
        raise ColorError(
            f"OCIO config '{config.name}' has no usable view '{view}' for '{display}': {_line(error)}",
            config=config.name,
        ) from error


def _line(error: Exception) -> str:
    """What the library says, on one line."""
    return " ".join(str(error).split())
