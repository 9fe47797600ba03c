"""An OCIO config that hosts can load, with the training space added, for looking at codes and face crops."""

from __future__ import annotations

import copy

import PyOpenColorIO as ocio  # noqa: N813

from understudy.color.config import ColorConfig
from understudy.color.training_space import curve_transform
from understudy.errors import ColorError

__all__ = ["HOST_BASE", "TRAINING_SPACE_NAME", "TRAINING_VIEW_NAME", "host_config_text"]

HOST_BASE = "studio-config-v1.0.0_aces-v1.3_ocio-v2.1"
"""The studio config that every host with OpenColorIO 2.2 or newer can load: its profile is 2.1."""

TRAINING_SPACE_NAME = "Understudy Training"
TRAINING_VIEW_NAME = "Understudy Codes"

_FAMILY = "Understudy"
_AP1_FROM_AP0 = "ACEScg_to_ACES2065-1"
_SPACE_DESCRIPTION = (
    "What Understudy's swap model sees: ACEScg light, times the gains of the shot (facesets/NAME/faceset.json), "
    "on a log curve. 0 is 0.114, grey (0.18) is 0.40, 64 is 1.0; never clamped; exact inverse."
)
_CONFIG_NOTE = (
    "With the space 'Understudy Training' and the view 'Understudy Codes', for looking at codes and face crops."
)


def host_config_text(base: str = HOST_BASE) -> str:
    """A config file: another one's spaces, roles and views, and the training space.

    Added are the space `Understudy Training` and, last in each display's menu, the view `Understudy Codes`, which puts
    codes on the screen as they are. What the base shows by default stays the default. Files for which no rule speaks
    are scene_linear, as crops and results are, and not ACES2065-1 as in the ACES configs.

    Args:
        base: The config to add to: its reference space must be ACES2065-1.

    Raises:
        UnknownNameError: There is no such config.
        ColorError: It cannot be used, or is built on another reference space.
    """
    color = ColorConfig.load(base)
    _check_reference(color)
    config = copy.deepcopy(color.config)
    config.addColorSpace(_training_space())
    for display in config.getDisplays():
        config.addDisplayView(display, TRAINING_VIEW_NAME, TRAINING_SPACE_NAME)
    active = [str(view) for view in config.getActiveViews()]
    if active:
        config.setActiveViews(", ".join([*dict.fromkeys(active), TRAINING_VIEW_NAME]))
    rules = config.getFileRules()
    rules.setDefaultRuleColorSpace(ocio.ROLE_SCENE_LINEAR)
    config.setFileRules(rules)
    config.setDescription(f"{config.getDescription().strip()}\n\n{_CONFIG_NOTE}")
    config.setName(f"understudy_{config.getName() or 'config'}")
    config.validate()
    return str(config.serialize())


def _training_space() -> ocio.ColorSpace:
    space = ocio.ColorSpace(
        ocio.REFERENCE_SPACE_SCENE,
        TRAINING_SPACE_NAME,
        aliases=["understudy_training"],
        family=_FAMILY,
        encoding="log",
        bitDepth=ocio.BIT_DEPTH_F32,
        description=_SPACE_DESCRIPTION,
        categories=["file-io"],
    )
    light = ocio.BuiltinTransform(_AP1_FROM_AP0, ocio.TRANSFORM_DIR_INVERSE)
    codes = ocio.GroupTransform([light, curve_transform()])
    space.setTransform(codes, ocio.COLORSPACE_DIR_FROM_REFERENCE)
    return space


def _check_reference(color: ColorConfig) -> None:
    """Returns when light in the reference space is ACES2065-1's, which the training space starts from."""
    aces = color.config.getColorSpace("aces_interchange")
    if aces is None or any(
        aces.getTransform(way) for way in (ocio.COLORSPACE_DIR_TO_REFERENCE, ocio.COLORSPACE_DIR_FROM_REFERENCE)
    ):
        raise ColorError(
            f"OCIO config '{color.name}' is not built on ACES2065-1, so the training space cannot be added to it. "
            "Choose one of the ACES configs.",
            config=color.name,
        )
