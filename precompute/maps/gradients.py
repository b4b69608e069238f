"""Which patches and heads carry a word: one backward pass a word, in full batches.

The map of word w in Z^l is the gradient of w's log-probability in each patch's state, times the
state, counted from the mean of the picture's patches: to first order, what the word would lose if
the patch were like the mean patch. Counted from 0 the map of the layer that is read would be 0
everywhere: the norm behind it takes no notice of a state's length. Attention runs fused, forward
and backward; no matrix among all tokens is ever made.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from precompute.forward import LayerEdit, run_states
from precompute.models import Captioner, HasTaps, VisionTower, as_read, logprobs_of


class Asked(NamedTuple):
    """A word that is asked for.

    Attributes:
        image: which of the batch.
        caption: token ids of the caption that it stands in.
        tokens: its tokens, from the first to behind the last.
    """

    image: int
    caption: Sequence[int]
    tokens: tuple[int, int]


class Carried(NamedTuple):
    """What carries some words, a row each.

    Attributes:
        maps: gradient times state, in the order of the layers that were asked for; 0 in those
            above the one that is read, at CLS, and at patches that nothing behind them reads.
        heads: gradient in the scale of every head at 1; 0 above the layer that is read.
        logprob: of each word, the sum over its tokens, in nats.
    """

    maps: Float[Tensor, "row at token"]
    heads: Float[Tensor, "row layer head"]
    logprob: Float[Tensor, " row"]


@torch.enable_grad()
def carried(
    captioner: Captioner,
    embedded: Float[Tensor, "image token width"],
    asked: Sequence[Asked],
    at: Sequence[int],
    layer: int,
    prompt: str,
) -> Carried:
    """What carries words of captions that are read from Z^layer.

    Args:
        captioner: the model.
        embedded: Z^0 of a batch of images.
        asked: the words; all rows go through the model together.
        at: layers 0..L in whose states the gradient is taken.
        layer: 0..L, whose caption it is; blocks above are not run.
        prompt: of the model.
    """
    tower = captioner.tower
    state = embedded[[row.image for row in asked]].detach().requires_grad_()
    scale = torch.ones(
        len(asked), tower.n_layers, tower.n_heads, device=state.device, requires_grad=True
    )
    edits = {k: LayerEdit(head_scale=scale[:, k - 1]) for k in range(1, layer + 1)}
    states, blocks = [state], run_states(tower, state, edits)
    # What taps keep of the whole tower lies above.
    states += blocks if isinstance(captioner, HasTaps) else [next(blocks) for _ in range(layer)]
    memory = captioner.read(as_read(captioner, layer, states), prompt)
    values = logprobs_of(*captioner.forced(memory, [row.caption for row in asked]))
    logprob = torch.stack(
        [value[slice(*row.tokens)].sum() for value, row in zip(values, asked, strict=True)]
    )
    below = [k for k in at if k <= layer]
    of_heads, *of_states = torch.autograd.grad(
        logprob.sum(), [scale, *(states[k] for k in below)], allow_unused=True
    )
    maps = state.new_zeros(len(asked), len(at), state.shape[1], dtype=torch.float32)
    for k, gradient in zip(below, of_states, strict=True):
        if gradient is not None:
            maps[:, at.index(k)] = times_state(tower, gradient, states[k].detach())
    heads = torch.zeros_like(scale) if of_heads is None else of_heads
    return Carried(maps.detach(), heads.detach(), logprob.detach())


def times_state(
    tower: VisionTower,
    gradient: Float[Tensor, "row token width"],
    state: Float[Tensor, "row token width"],
) -> Float[Tensor, "row token"]:
    """A gradient times each patch's state less the mean patch's, in float32; 0 at CLS."""
    first, state = int(tower.class_token), state.float()
    apart = state - state[:, first:].mean(1, keepdim=True)
    values = (gradient.float() * apart).sum(-1)
    values[:, :first] = 0
    return values
