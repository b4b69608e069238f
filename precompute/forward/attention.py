"""Pure functions on attention and on token norms: Eq. 7-8 of the paper, entropy, map shift.

A pattern is what CLS gives to every token, or, in a tower without CLS, what each patch receives;
but for `attn_to_patches` all take what there is of the patches alone.
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


def patch_map(patches: Float[Tensor, "*batch patch"]) -> Float[Tensor, "*batch patch"]:
    """The pattern over patches, normalised to sum 1."""
    return patches / patches.sum(-1, keepdim=True).clamp_min(torch.finfo(patches.dtype).tiny)


def entropy(patches: Float[Tensor, "*batch patch"]) -> Float[Tensor, "*batch"]:
    """Shannon entropy of the patch map in nats, in [0, ln N]: 0 is one patch, ln N all alike."""
    terms: Tensor = torch.special.entr(patch_map(patches))
    return terms.sum(-1)


def map_shift(
    patches: Float[Tensor, "*batch head patch"], previous: Float[Tensor, "*batch head patch"]
) -> Float[Tensor, "*batch"]:
    """Total variation distance between two layers' head-mean patch maps, in [0, 1].

    A^l is one number a layer and cannot show that the map moved; this does.
    """
    here, before = patch_map(patches.mean(-2)), patch_map(previous.mean(-2))
    return (here - before).abs().sum(-1) / 2


def n_outliers(patch_norm: Float[Tensor, "*batch patch"]) -> Int[Tensor, "*batch"]:
    """Number of patches whose norm lies `OUTLIER_MADS` scaled MADs above the median.

    The median and the MAD are those of the picture's own patches at this layer.
    """
    norms = patch_norm.float()
    median = norms.quantile(0.5, -1, keepdim=True)
    mad = (norms - median).abs().quantile(0.5, -1, keepdim=True)
    return (norms > median + OUTLIER_MADS * MAD_TO_SIGMA * mad).sum(-1)
