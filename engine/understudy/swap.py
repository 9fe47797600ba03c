"""From a face crop to the swapped face: plate pixels in, scene-linear pixels of the source identity out."""

from __future__ import annotations

import logging

import numpy as np
import numpy.typing as npt
import torch

from understudy.color import TrainingSpace
from understudy.color.curve import LARGEST_KEPT, SMALLEST_KEPT
from understudy.errors import ModelFileError
from understudy.faces.crop import FaceCrop, SwappedFace
from understudy.geometry import compose, painted_from_crop
from understudy.model.swap_model import SwapModel

__all__ = ["codes_from_tensor", "swap_face", "tensor_from_codes", "within_light_of"]

_LOGGER = logging.getLogger(__name__)
_CODE_OF_MUCH_LIGHT = 1.0
_CODE_OF_NO_LIGHT = 0.0
_MANY = 1e-3


def swap_face(
    model: SwapModel, crop: FaceCrop, training: TrainingSpace, device: torch.device, face_scale: float = 1.0
) -> SwappedFace:
    """The source identity's face with the expression, pose and light of a crop.

    A trained model is shown codes as it has learned from, so that a strange pixel of the plate (a saturated lamp that
    is far below zero in one channel) cannot upset it; its answer is held `within_light_of` the crop. The identity
    model gives every value back.

    Args:
        model: On `device`, in evaluation mode.
        crop: Of the target identity, without margin, at the model's size.
        training: The training space of the crop's shot.
        device: Where the model is.
        face_scale: How large the answer is drawn against the crop; the identity model's always as it is.

    Raises:
        ModelFileError: The model answers with values that are no numbers.
    """
    codes = training.encode(crop.pixels)
    is_trained = model.settings.kind != "identity"
    shown = np.clip(codes, SMALLEST_KEPT, LARGEST_KEPT) if is_trained else codes
    with torch.inference_mode():
        painted = model.painted(tensor_from_codes(shown).to(device), "source")
        answer = codes_from_tensor(painted.codes)
        matte = None if painted.matte is None else painted.matte[0, 0].float().cpu().numpy()
    if not np.isfinite(answer).all():
        raise ModelFileError(
            f"The model answers frame {crop.alignment.frame} with values that are no numbers. "
            "Use an earlier snapshot, or train on from an earlier checkpoint.",
            frame=crop.alignment.frame,
        )
    held = within_light_of(codes, answer)
    changed = float(np.mean(np.any(held != answer, axis=2)))
    if changed > _MANY:
        _LOGGER.warning(
            "Frame %d: the model paints %.1f%% of the face brighter or darker than light can be there; held back. "
            "It is trained too little for this light.",
            crop.alignment.frame,
            100 * changed,
        )
    placed = crop.crop_from_plate
    if is_trained:
        placed = compose(painted_from_crop(crop.size, face_scale), placed)
    return SwappedFace(training.decode(held), crop.alignment, placed, matte)


def within_light_of(codes: npt.NDArray[np.float32], answer: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """A model's answer without runaway values: light of 64 after the gains, or as bright as the crop is.

    A code is an exponent: an answer of 1.3 instead of 1.0 is 1169 instead of 64. So no answer is brighter than code
    1.0, 8.5 stops over the face's grey, unless the crop itself holds brighter pixels; nor darker than code 0, a hair
    below no light, unless the crop itself does.

    Args:
        codes: (H, W, 3) float32, of the crop.
        answer: (H, W, 3) float32, the model's.

    Returns:
        (H, W, 3) float32, the answer itself where it lies within.
    """
    lowest = np.fmin.reduce(codes, axis=None, initial=_CODE_OF_NO_LIGHT)
    highest = np.fmax.reduce(codes, axis=None, initial=_CODE_OF_MUCH_LIGHT)
    return np.clip(answer, lowest, highest)


def tensor_from_codes(codes: npt.NDArray[np.float32]) -> torch.Tensor:
    """(1, 3, H, W) float32 RGB training-space tensor of codes (H, W, 3) float32."""
    return torch.from_numpy(np.ascontiguousarray(codes)).permute(2, 0, 1)[None]


def codes_from_tensor(tensor: torch.Tensor) -> npt.NDArray[np.float32]:
    """Codes (H, W, 3) float32 of a training-space tensor (1, 3, H, W); inverse of `tensor_from_codes`."""
    return np.ascontiguousarray(tensor[0].float().permute(1, 2, 0).cpu().numpy())
