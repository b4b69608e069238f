"""Pure functions on attention and on token norms: Eq. 7-8 of the paper, entropy, map shift.

All take the CLS token's pattern [..., head, token], token 0 being CLS itself.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from store.schema import MAD_TO_SIGMA, OUTLIER_MADS


def attn_to_patches(pattern: Float[Tensor, "*batch head token"]) -> Float[Tensor, "*batch head"]:
    """What each head's CLS query gives to patches: sum over i >= 1, in [0, 1].

    Its mean over heads is A^l (Eq. 7).
    """
    return pattern[..., 1:].sum(-1)


def patch_map(pattern: Float[Tensor, "*batch token"]) -> Float[Tensor, "*batch patch"]:
    """The pattern over patches alone, normalised to sum 1."""
    patches = pattern[..., 1:]
    return patches / patches.sum(-1, keepdim=True).clamp_min(torch.finfo(patches.dtype).tiny)


def entropy(pattern: Float[Tensor, "*batch token"]) -> Float[Tensor, "*batch"]:
    """Shannon entropy of the patch map in nats, in [0, ln N]: 0 is one patch, ln N all alike."""
    terms: Tensor = torch.special.entr(patch_map(pattern))
    return terms.sum(-1)


def map_shift(
    pattern: Float[Tensor, "*batch head token"], previous: Float[Tensor, "*batch head token"]
) -> Float[Tensor, "*batch"]:
    """Total variation distance between two layers' head-mean patch maps, in [0, 1].

    A^l is one number a layer and cannot show that the map moved; this does.
    """
    here, before = patch_map(pattern.mean(-2)), patch_map(previous.mean(-2))
    return (here - before).abs().sum(-1) / 2


def n_outliers(token_norm: Float[Tensor, "*batch token"]) -> Int[Tensor, "*batch"]:
    """Number of patch tokens whose norm lies `OUTLIER_MADS` scaled MADs above the median.

    The median and the MAD are those of the picture's own patches at this layer.
    """
    norms = token_norm[..., 1:].float()
    median = norms.quantile(0.5, -1, keepdim=True)
    mad = (norms - median).abs().quantile(0.5, -1, keepdim=True)
    return (norms > median + OUTLIER_MADS * MAD_TO_SIGMA * mad).sum(-1)
