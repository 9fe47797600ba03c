"""The bounded encoding that the network sees: gains, then a log curve, on AP1 primaries."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import PyOpenColorIO as ocio  # noqa: N813

from understudy.color.curve import LARGEST_KEPT, SLOPE, SMALLEST_KEPT, TOE, ZERO_CODE, light_from_code
from understudy.color.pixels import EXACT, Pixels, applied
from understudy.errors import ColorError

__all__ = ["MIDDLE_GREY", "TrainingSpace", "curve_transform", "luminance"]

MIDDLE_GREY = 0.18
"""Scene-linear value that a shot's faces are normalised to."""

_SCHEMA = "training-space-1"
_CURVE = "facelog"
_AP1_LUMINANCE = np.array([0.2722287168, 0.6740817658, 0.0536895174], dtype=np.float32)
_LEAST_LEVEL = 1e-7


def luminance(pixels: Pixels) -> npt.NDArray[np.float32]:
    """Relative luminance (...) float32 of AP1 scene-linear pixels (..., 3): the Y row of ACES' AP1 to XYZ matrix."""
    return np.asarray(pixels @ _AP1_LUMINANCE, dtype=np.float32)


@dataclass(frozen=True)
class TrainingSpace:
    """The bounded encoding that the network sees: gains, then the log curve of `curve`, on AP1 primaries.

    Grey (0.18) is 0.40, 64 is 1.0, 0 is 0.114; below 0 the curve goes on as its tangent. Nothing is clamped, and the
    inverse is exact in float32. The curve is OCIO's own LogCameraTransform, so that a config can show codes as
    pictures. Codes must stay in float32: half precision is wrong by a part in 300 and bfloat16 bands
    (docs/decisions/0002-training-space.md).

    Attributes:
        gains: What R, G and B are multiplied by first: the shot's exposure (and white balance) normalised on the face.
    """

    gains: tuple[float, float, float] = (1.0, 1.0, 1.0)

    @staticmethod
    def normalising(
        face_rgb: tuple[float, float, float],
        white_balance: bool,
        exposure: float | None = None,
        balance: tuple[float, float, float] | None = None,
    ) -> TrainingSpace:
        """The space in which a shot's faces come out middle grey, or as somebody says by hand.

        Args:
            face_rgb: The faces' median colour over the shot: AP1, scene-linear.
            white_balance: True to make each channel grey, where `balance` is not given; False for luminance alone.
            exposure: Stops by which the faces' luminance is raised; measured when None.
            balance: Gains of R, G and B by hand, before the exposure; with an exposure by hand too they are used as
                they stand, and nothing is measured.

        Raises:
            ColorError: What must be measured is not positive, so that no exposure could make it grey.
        """
        if exposure is not None and (balance is not None or not white_balance):
            return TrainingSpace(_scaled(balance or (1.0, 1.0, 1.0), 2.0**exposure))
        if balance is None:
            balance = _balance_of(face_rgb) if white_balance else (1.0, 1.0, 1.0)
        level = _positive(_level(np.multiply(balance, face_rgb)), face_rgb)
        wanted = MIDDLE_GREY if exposure is None else _positive(_level(face_rgb), face_rgb) * 2.0**exposure
        return TrainingSpace(_scaled(balance, wanted / level))

    @property
    def exposure(self) -> float:
        """Stops by which the gains raise the luminance of a grey."""
        return math.log2(_level(self.gains))

    @property
    def kept_light(self) -> tuple[float, float]:
        """Scene-linear values, of a grey, between which codes are kept for learning; beyond, they are clipped there."""
        gain = 2.0**self.exposure
        return light_from_code(SMALLEST_KEPT) / gain, light_from_code(LARGEST_KEPT) / gain

    def encode(self, pixels: Pixels) -> Pixels:
        """Codes (H, W, 3) float32, mostly 0..1 and never clamped, of AP1 scene-linear pixels (H, W, 3) float32."""
        return applied(_curve_processor(self.gains, ocio.TRANSFORM_DIR_FORWARD), pixels)

    def decode(self, codes: Pixels) -> Pixels:
        """AP1 scene-linear pixels (H, W, 3) float32 of codes; inverse of `encode`."""
        return applied(_curve_processor(self.gains, ocio.TRANSFORM_DIR_INVERSE), codes)

    def to_json(self) -> dict[str, Any]:
        """Plain values, as every faceset and snapshot stores them."""
        return {"schema": _SCHEMA, "curve": _CURVE, "primaries": "AP1", "gains": list(self.gains)}

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> TrainingSpace:
        """The space that `to_json` wrote.

        Raises:
            ColorError: Written by a version that this one does not know.
        """
        if values.get("schema") != _SCHEMA or values.get("curve") != _CURVE:
            raise ColorError(
                f"Training space '{values.get('schema')}/{values.get('curve')}' is unknown to this version; update it."
            )
        red, green, blue = (float(gain) for gain in values["gains"])
        return TrainingSpace((red, green, blue))


def curve_transform() -> Any:
    """OCIO's transform from AP1 light, after the gains, to codes; written as by `conversion.from_one`, for float32."""
    return ocio.LogCameraTransform(
        linSideBreak=[0.0] * 3,
        base=2.0,
        logSideSlope=[SLOPE] * 3,
        logSideOffset=[ZERO_CODE] * 3,
        linSideSlope=[1.0 / TOE] * 3,
        linSideOffset=[1.0] * 3,
    )


def _balance_of(face_rgb: tuple[float, float, float]) -> tuple[float, float, float]:
    red, green, blue = (1.0 / _positive(value, face_rgb) for value in face_rgb)
    return red, green, blue


def _level(rgb: Any) -> float:
    return float(np.asarray(rgb, np.float64) @ _AP1_LUMINANCE.astype(np.float64))


def _positive(level: float, face_rgb: tuple[float, float, float]) -> float:
    if not math.isfinite(level) or level <= _LEAST_LEVEL:
        shown = ", ".join(f"{value:.3g}" for value in face_rgb)
        raise ColorError(
            f"The faces' median colour is ({shown}), which no exposure can normalise. Check the plate's colour space, "
            "or give the shot `exposure` and `white_balance` in understudy.yaml.",
            face_rgb=tuple(float(value) for value in face_rgb),
        )
    return level


def _scaled(balance: tuple[float, float, float], factor: float) -> tuple[float, float, float]:
    red, green, blue = (float(gain * factor) for gain in balance)
    return red, green, blue


@lru_cache(maxsize=256)
def _curve_processor(gains: tuple[float, float, float], direction: Any) -> Any:
    red, green, blue = gains
    gain = ocio.MatrixTransform(matrix=[red, 0, 0, 0, 0, green, 0, 0, 0, 0, blue, 0, 0, 0, 0, 1])
    group = ocio.GroupTransform([gain, curve_transform()])
    return ocio.Config.CreateRaw().getProcessor(group, direction).getOptimizedCPUProcessor(EXACT)
