"""Another picture's values in place of a block's own: activation patching, in shares."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class Put:
    """Another picture's values in place of a block's own, in shares: activation patching.

    A share of 0 leaves the block as it is and 1 puts the other's in its place, both to the last
    bit; what lies between is for gradients. Every row of a batch has shares of its own, or all one.

    Attributes:
        z: what the other's heads give, before W_O.
        heads: share of it, of every head.
        attn_out: MSA of the other, b_O included.
        attention: share of it.
        mlp_out: MLP of the other.
        mlp: share of it.
        state: Z^l of the other, if any of it is put in, after the block.
        tokens: share of it, of every token.
    """

    z: Float[Tensor, "#batch head token head_width"]
    heads: Float[Tensor, "#batch head"]
    attn_out: Float[Tensor, "#batch token width"]
    attention: Float[Tensor, " #batch"]
    mlp_out: Float[Tensor, "#batch token width"]
    mlp: Float[Tensor, " #batch"]
    state: Float[Tensor, "#batch token width"] | None = None
    tokens: Float[Tensor, "#batch token"] | None = None


def mixed(
    own: Float[Tensor, "batch ..."],
    other: Float[Tensor, "#batch ..."],
    share: Float[Tensor, "#batch ..."],
) -> Float[Tensor, "batch ..."]:
    """Another's values in place of one's own, in shares of the first axes."""
    share = share.to(own).reshape(*share.shape, *[1] * (own.ndim - share.ndim))
    return torch.lerp(own, other.expand_as(own), share)
