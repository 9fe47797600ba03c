"""Losses of pictures that keep one gradient for the backward pass, whatever they compute on their way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

__all__ = ["cost_of_each"]

_PIXELS_AT_ONCE = 1 << 20
"""How much is worked on at once: one face of 1024 px, or as many smaller ones as have no more pixels, so that they too
keep a GPU busy."""


def cost_of_each(cost: Callable[[Tensor, Tensor, Tensor], Tensor], painted: Tensor, *given: Tensor) -> Tensor:
    """What each painted face costs: (B,) of the type of `painted`, with a gradient to that alone.

    A few faces after the other, value and gradient are computed together, and the gradient is all that is kept. So the
    memory that losses take is one picture for each face, and what they need on their way for a few faces; nothing is
    computed twice.

    Args:
        cost: Of faces and what was given with them, (B,): of each face by itself. Differentiable once.
        painted: (B, 3, H, W), training space.
        given: (B, ...) each, which `cost` takes beside the faces.
    """
    costs: Tensor = _CostOfEach.apply(painted, cost, *given)  # type: ignore[no-untyped-call]
    return costs


class _CostOfEach(torch.autograd.Function):
    """`cost_of_each`."""

    @staticmethod
    def forward(ctx: Any, painted: Tensor, cost: Callable[..., Tensor], *given: Tensor) -> Tensor:
        """(B,), of arguments as of `cost_of_each`."""
        has_gradient = bool(ctx.needs_input_grad[0])
        gradient = torch.empty_like(painted) if has_gradient else None
        at_once = max(1, _PIXELS_AT_ONCE // (painted.shape[2] * painted.shape[3]))
        costs = []
        for first in range(0, len(painted), at_once):
            rows = slice(first, first + at_once)
            faces = painted[rows].detach().requires_grad_(has_gradient)
            with torch.set_grad_enabled(has_gradient):
                each = cost(faces, *(one[rows] for one in given))
                if gradient is not None:
                    gradient[rows] = torch.autograd.grad(each.sum(), faces)[0]
            costs.append(each.detach())
        if gradient is not None:
            ctx.save_for_backward(gradient)
        ctx.others = 1 + len(given)
        return torch.cat(costs)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of the arguments, of that of the result, (B,)."""
        (gradient,) = ctx.saved_tensors
        return gradient * slope[:, None, None, None], *[None] * ctx.others
