"""How far painted faces are from the wanted ones: each loss a function, and `FaceLoss`, which weighs and adds them."""

from understudy.training.losses.face_loss import FaceLoss

__all__ = ["FaceLoss"]
