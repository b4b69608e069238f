"""Projected gradient descent on the pixels, against a caption's log-probability or towards it."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

Objective = Callable[[Tensor], Tensor]
"""Values of a batch of pictures, 0..1 -> what is to fall, [batch]."""


def descend(
    values: Float[Tensor, "batch 3 y x"], objective: Objective, eps: float, step: float, n: int
) -> Float[Tensor, "batch 3 y x"]:
    """Pictures near the given ones of which the objective is less.

    Every step goes against the sign of the gradient and back into the ball and into 0..1. It
    begins at the picture itself, so that nothing is drawn. Of all pictures on the way, the start
    among them, each image keeps the one of least objective: it never rises.

    Args:
        values: 0..1.
        objective: differentiable, of every picture by itself.
        eps: how far a value may go.
        step: how far it goes a step.
        n: steps.
    """
    # A tensor that was made in inference mode could not be differentiated through: a copy can.
    with torch.inference_mode(False), torch.enable_grad():
        start = values.clone().detach()
        here, best = start.clone(), start.clone()
        least = torch.full((len(start),), torch.inf, device=start.device)
        for i in range(n + 1):
            here = here.detach().requires_grad_(i < n)
            value = objective(here)
            lower = value.detach() < least
            least = torch.where(lower, value.detach(), least)
            best = torch.where(lower[:, None, None, None], here.detach(), best)
            if i < n:
                (gradient,) = torch.autograd.grad(value.sum(), here)
                moved = here.detach() - step * gradient.sign()
                here = moved.clamp(start - eps, start + eps).clamp(0, 1)
    return best
