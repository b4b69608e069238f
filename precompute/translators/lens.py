"""The Jacobian lens of a tower: J_l = E[dZ^L / dZ^l], which learns nothing of captions.

J_l is the mean over images and tokens of how a token's Z^L moves with that same token's Z^l, all
other tokens' states at l held: the d x d blocks on the diagonal of the whole derivative. One
backward pass gives row i of it at all layers: its cotangent is a sign for every token at
coordinate i, and what comes back is multiplied by the same sign. What one token gives another is
multiplied by two independent signs and is 0 in the mean (Hutchinson 1990; Bekas, Kokiopoulou, Saad
2007). So the budget is d backward passes over `jacobian_images` images, with signs of their own.
"""

from collections.abc import Callable, Iterable

import torch
from jaxtyping import Float
from torch import Tensor

from precompute.forward import run_states
from precompute.models import VisionTower

Probes = Callable[[int, tuple[int, int]], Iterable[Float[Tensor, "batch token"]]]


def signs(seed: int) -> Probes:
    """For every coordinate of Z^L one random sign an image and token; each call draws others."""
    generator = torch.Generator().manual_seed(seed)

    def draw(_: int, shape: tuple[int, int]) -> Iterable[Tensor]:
        yield torch.randint(0, 2, shape, generator=generator).float() * 2 - 1

    return draw


@torch.enable_grad()
def sum_of_jacobians(
    tower: VisionTower, pixels: Float[Tensor, "batch 3 y x"], probes: Probes
) -> Float[Tensor, "layer width width2"]:
    """The sum over images and tokens of the diagonal blocks of dZ^L / dZ^l, by probes.

    Args:
        tower: the tower; its weights want no gradient.
        pixels: of a batch of images, whose activations are in memory together.
        probes: coordinate of Z^L and shape -> weights of tokens; what they return is summed, so
            that of one-hot probes for all tokens the sum is exact.

    Returns:
        Of layers 0..L-1; [l, i, j] is how coordinate i of Z^L moves with j of Z^l.
    """
    with torch.no_grad():
        embedded = tower.embed(pixels)
    states = [embedded.requires_grad_()]
    states += run_states(tower, embedded)
    last, below = states[-1], states[:-1]
    total = torch.zeros(len(below), tower.width, tower.width, device=last.device)
    for coordinate in range(tower.width):
        for drawn in probes(coordinate, (last.shape[0], last.shape[1])):
            probe = drawn.to(last)
            cotangent = torch.zeros_like(last)
            cotangent[..., coordinate] = probe
            gradients = torch.autograd.grad(last, below, cotangent, retain_graph=True)
            for layer, gradient in enumerate(gradients):
                weighed = gradient.float() * probe[..., None].float()
                total[layer, coordinate] += weighed.sum((0, 1))
    return total
