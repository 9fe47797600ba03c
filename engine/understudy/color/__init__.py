"""Colour: plate spaces, the working space, and the bounded training space. The only importer of OCIO.

- *plate space*: whatever the plate is stored in; a name, role or alias of the project's OCIO config.
- *working space*: the config's `scene_linear` role, in which hosts composite and in which face crops are kept.
- *AP1*: scene-linear with ACEScg's primaries, which the training space is built on. In the ACES configs it is the
  working space itself.
- *training space*: a log curve on AP1, near 0..1 for what a face holds, with an exact inverse.

Nothing here clamps. Values far above 1 and below 0 go through every conversion and back, where the plate's own space
can hold them; where it cannot, `PlateSpace.losses` says so.

    config            OCIO configs by name, and pixels from one space to another
    conversion        how that is done exactly
    plate_space       which space a plate is in, why, and what is lost; `tags`: what files say
    training_space    gains and curve; `curve`: the constants, for PyTorch too
    host_config       a config for Nuke and Resolve that knows the training space
"""

from understudy.color.config import DEFAULT_CONFIG, ColorConfig, config_names, pinned_name
from understudy.color.pixels import Pixels
from understudy.color.plate_space import PlateSpace
from understudy.color.training_space import MIDDLE_GREY, TrainingSpace, luminance

__all__ = [
    "DEFAULT_CONFIG",
    "MIDDLE_GREY",
    "ColorConfig",
    "Pixels",
    "PlateSpace",
    "TrainingSpace",
    "config_names",
    "luminance",
    "pinned_name",
]
