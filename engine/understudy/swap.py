"""From a face crop to the swapped face: plate pixels in, scene-linear pixels of the source identity out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from understudy.color import TrainingSpace
from understudy.errors import ModelFileError
from understudy.faces.crop import FaceCrop, SwappedFace
from understudy.model.swap_model import SwapModel

__all__ = ["codes_from_tensor", "swap_face", "tensor_from_codes"]


def swap_face(model: SwapModel, crop: FaceCrop, training: TrainingSpace, device: torch.device) -> SwappedFace:
    """The source identity's face with the expression, pose and light of a crop.

    Args:
        model: On `device`, in evaluation mode.
        crop: Of the target identity, without margin, at the model's size.
        training: The training space of the crop's shot.
        device: Where the model is.

    Raises:
        ModelFileError: The model answers with values that are no numbers.
    """
    codes = tensor_from_codes(training.encode(crop.pixels)).to(device)
    with torch.inference_mode():
        answer = codes_from_tensor(model(codes, "source"))
    if not np.isfinite(answer).all():
        raise ModelFileError(
            f"The model answers frame {crop.alignment.frame} with values that are no numbers. "
            "Use an earlier snapshot, or train on from an earlier checkpoint.",
            frame=crop.alignment.frame,
        )
    return SwappedFace(training.decode(answer), crop.alignment, crop.crop_from_plate)


def tensor_from_codes(codes: npt.NDArray[np.float32]) -> torch.Tensor:
    """(1, 3, H, W) float32 RGB training-space tensor of codes (H, W, 3) float32."""
    return torch.from_numpy(np.ascontiguousarray(codes)).permute(2, 0, 1)[None]


def codes_from_tensor(tensor: torch.Tensor) -> npt.NDArray[np.float32]:
    """Codes (H, W, 3) float32 of a training-space tensor (1, 3, H, W); inverse of `tensor_from_codes`."""
    return np.ascontiguousarray(tensor[0].float().permute(1, 2, 0).cpu().numpy())
