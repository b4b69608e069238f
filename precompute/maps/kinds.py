"""The maps that pages show, and others that are known, of a batch of images at chosen layers."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from precompute.config import MAP_KINDS
from precompute.forward import (
    Attention,
    attend,
    by_image,
    contribution_norms,
    full_pattern,
    pattern_of,
    run_states,
)
from precompute.maps.gradients import times_state
from precompute.models import Captioner, Heads, VisionTower, as_read

KINDS = MAP_KINDS
"""attention: what CLS gives to every patch (without CLS, what it receives), mean over heads.
contribution: |x_i| of Eq. 3, mean over heads.
head: the attention of the layer's head in whose scale the final caption's log-probability has the
largest gradient, in this picture.
rollout: the product over this and all lower layers of (A + 1) / 2, A the mean over heads (Abnar and
Zuidema 2020), the row of CLS or the mean over rows.
gradient_attention: attention times its gradient, what is positive, summed over queries, mean over
heads (the layer's part in Chefer et al. 2021).
gradient_state: what `gradients` gives of a word, of the whole caption: the sum of all its tokens'
maps over their number."""

Maps = dict[str, Float[Tensor, "image at patch"]]


class _Passed(NamedTuple):
    """A pass with gradients: by layer 1..L what attended, and Z^l, and the gradients in both."""

    attention: list[Attention]
    states: list[Tensor]
    of_heads: list[Tensor]
    of_states: list[Tensor]


def maps_of(
    captioner: Captioner,
    pixels: Float[Tensor, "image 3 y x"],
    captions: Sequence[Sequence[int]],
    at: Sequence[int],
    prompt: str,
) -> Maps:
    """Every kind's maps at layers 1..L, on the CPU in float32.

    Args:
        captioner: the model.
        pixels: of a batch of images.
        captions: the token ids of each one's final caption.
        at: the layers.
        prompt: of the model.
    """
    tower = captioner.tower
    passed = _pass(captioner, pixels, captions, prompt)
    found: dict[str, list[Tensor]] = {kind: [] for kind in KINDS}
    rolled: Tensor | None = None
    with torch.no_grad():
        for layer in range(1, max(at) + 1):
            heads = Heads(*(part.detach() for part in passed.attention[layer - 1].heads))
            mask = tower.blocks[layer - 1].mask
            # A picture at a time: all pairs of tokens of all heads are many numbers.
            mean = by_image(partial(_mean_pattern, mask), heads.q, heads.k)
            step = (mean + torch.eye(tower.n_tokens, device=mean.device)) / 2
            rolled = step if rolled is None else step @ rolled
            if layer in at:
                of_layer = _of_layer(tower, layer, heads, passed)
                of_layer["rollout"] = tower.summary(rolled)
                for kind, tokens in of_layer.items():
                    found[kind].append(tower.patches(tokens).float().cpu())
    return {kind: torch.stack(layers, 1) for kind, layers in found.items()}


def _of_layer(tower: VisionTower, layer: int, heads: Heads, passed: _Passed) -> dict[str, Tensor]:
    """All kinds but rollout, of every token."""
    block, z = tower.blocks[layer - 1], passed.attention[layer - 1].z.detach()
    of_z, state = passed.of_heads[layer - 1], passed.states[layer - 1].detach()
    pattern = pattern_of(tower, block, heads)
    best = (of_z * z).float().sum((2, 3)).argmax(1)
    return {
        "attention": pattern.mean(1),
        "contribution": contribution_norms(block, pattern, heads.v).mean(1),
        "head": pattern[range(len(pattern)), best],
        "gradient_attention": by_image(partial(_used, block.mask), *heads, of_z),
        "gradient_state": times_state(tower, passed.of_states[layer - 1], state),
    }


@torch.enable_grad()
def _pass(
    captioner: Captioner,
    pixels: Float[Tensor, "image 3 y x"],
    captions: Sequence[Sequence[int]],
    prompt: str,
) -> _Passed:
    tower = captioner.tower
    with torch.no_grad():
        state = tower.embed(pixels)
    embedded = state = state.detach().requires_grad_()
    attention, states = list[Attention](), list[Tensor]()
    for layer in range(1, tower.n_layers + 1):
        attention.append(attend(tower, layer, state))
        state = next(run_states(tower, state, first=layer, attention=attention[-1]))
        states.append(state)
    last = as_read(captioner, tower.n_layers, [embedded, *states])
    logprob = captioner.logprob(captioner.read(last, prompt), captions)
    wanted = [*(one.z for one in attention), *states]
    given = torch.autograd.grad(logprob.sum(), wanted, allow_unused=True)
    gradients = [
        torch.zeros_like(one) if gradient is None else gradient
        for one, gradient in zip(wanted, given, strict=True)
    ]
    n = tower.n_layers
    return _Passed(attention, states, gradients[:n], gradients[n:])


def _mean_pattern(mask: Bool[Tensor, "token token"] | None, q: Tensor, k: Tensor) -> Tensor:
    return full_pattern(Heads(q, k, k), mask).mean(1)


def _used(mask: Tensor | None, q: Tensor, k: Tensor, v: Tensor, of_z: Tensor) -> Tensor:
    """sum_q max(0, alpha_qi * d logprob / d alpha_qi), mean over heads.

    A head's output at query q is sum_i alpha_qi v_i: its gradient in alpha_qi is that in the output
    times v_i.
    """
    pattern = full_pattern(Heads(q, k, v), mask)
    return (pattern * (of_z.float() @ v.float().transpose(2, 3))).clamp_min(0).sum(2).mean(1)
