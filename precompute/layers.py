"""The one instrumented forward: Eq. 1-6 of the paper over a borrowed vision tower.

The stream runs through fused attention, as in the library. The CLS row of the attention pattern is
computed beside it, one query a head, which is 1/(N+1) of the work of the full pattern.
No hooks, no patched modules, no `output_attentions`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from precompute.models.tower import Block, Heads, VisionTower


@dataclass(frozen=True)
class LayerEdit:
    """How one block is computed otherwise than the library would.

    Attributes:
        head_scale: factor of every head's output before W_O; ones leave the block as it is,
            0 removes a head. b_O stays.
    """

    head_scale: Float[Tensor, " head"] | None = None


NO_EDIT = LayerEdit()


@dataclass(frozen=True)
class LayerRecord:
    """Everything that block `layer` (1..L) read, added and left.

    Attributes:
        layer: index of the block, from 1.
        resid_pre: Z^{l-1}.
        attn_out: MSA(LN1(Z^{l-1})), b_O included.
        mlp_out: MLP(LN2(resid_mid)).
        resid_post: Z^l.
        cls_pattern: attention of the CLS token after the softmax, float32, rows sum to 1.
        contribution: |x_i^{l,h}|, the length of what token i gives to CLS through head h (Eq. 3).
        head_out: sum_i x_i^{l,h}, what head h gives to CLS; with b_O they sum to MSA_cls.
    """

    layer: int
    resid_pre: Float[Tensor, "batch token width"]
    attn_out: Float[Tensor, "batch token width"]
    mlp_out: Float[Tensor, "batch token width"]
    resid_post: Float[Tensor, "batch token width"]
    cls_pattern: Float[Tensor, "batch head token"]
    contribution: Float[Tensor, "batch head token"]
    head_out: Float[Tensor, "batch head width"]

    @property
    def resid_mid(self) -> Float[Tensor, "batch token width"]:
        """Z^{l-1} + MSA: the residual stream between attention and MLP."""
        return self.resid_pre + self.attn_out

    @property
    def update(self) -> Float[Tensor, "batch token width"]:
        """dZ^l = Z^l - Z^{l-1} = MSA + MLP, at every token (Eq. 4-6)."""
        return self.attn_out + self.mlp_out


def cls_pattern(heads: Heads) -> Float[Tensor, "batch head token"]:
    """The CLS token's attention over all tokens, after the softmax, in float32."""
    q, k = heads.q[:, :, :1].float(), heads.k.float()
    scale: float = q.shape[-1] ** -0.5
    return ((q @ k.transpose(2, 3)).squeeze(2) * scale).softmax(-1)


def contribution_norms(
    block: Block,
    pattern: Float[Tensor, "batch head token"],
    values: Float[Tensor, "batch head token head_width"],
) -> Float[Tensor, "batch head token"]:
    """|alpha_i (LN1(z_i) W_V^h + b_V^h) W_O^h| for every token and head (Eq. 3).

    Through the head's Gram matrix, hence without a vector of the model's width.
    """
    v = values.float()
    squared = ((v @ block.gram) * v).sum(-1)
    return pattern * squared.clamp_min(0).sqrt()


def run_layers(
    tower: VisionTower,
    state: Float[Tensor, "batch token width"],
    edits: Mapping[int, LayerEdit] | None = None,
    first: int = 1,
) -> Iterator[LayerRecord]:
    """Run blocks `first`..L from Z^{first-1}, yielding a record a block.

    Records are made one at a time: memory is one block's worth unless the caller keeps them.

    Args:
        tower: the borrowed tower.
        state: Z^{first-1}; `tower.embed(pixels)` where `first` is 1.
        edits: layer (1..L) -> how it is computed otherwise.
        first: the first block to run, 1..L. Starting above 1 reuses a stored state.

    Raises:
        ValueError: an edit or `first` names a layer that the tower does not have.
    """
    edits = edits or {}
    wrong = sorted(layer for layer in {first, *edits} if not 1 <= layer <= tower.n_layers)
    if wrong:
        raise ValueError(
            f"layers run 1..{tower.n_layers} in this tower; got {wrong}. "
            "Layer l names the block that makes Z^l from Z^(l-1)."
        )
    return _run(tower, state, edits, first)


def _run(
    tower: VisionTower, state: Tensor, edits: Mapping[int, LayerEdit], first: int
) -> Iterator[LayerRecord]:
    for layer in range(first, tower.n_layers + 1):
        record = _run_block(tower, layer, state, edits.get(layer, NO_EDIT))
        yield record
        state = record.resid_post


def _run_block(tower: VisionTower, layer: int, state: Tensor, edit: LayerEdit) -> LayerRecord:
    block = tower.blocks[layer - 1]
    heads = tower.split_heads(block, block.norm1(state))
    z = scaled_dot_product_attention(heads.q, heads.k, heads.v)
    pattern = cls_pattern(heads)
    contribution = contribution_norms(block, pattern, heads.v)
    if edit.head_scale is not None:
        z = z * edit.head_scale.to(z)[:, None, None]
        contribution = contribution * edit.head_scale.to(contribution).abs()[:, None]
    attn_out = block.proj(z.transpose(1, 2).flatten(2))
    resid_mid = attn_out + state
    mlp_out = block.mlp(block.norm2(resid_mid))
    return LayerRecord(
        layer=layer,
        resid_pre=state,
        attn_out=attn_out,
        mlp_out=mlp_out,
        resid_post=mlp_out + resid_mid,
        cls_pattern=pattern,
        contribution=contribution,
        head_out=torch.einsum("bhe,hed->bhd", z[:, :, 0], block.w_o),
    )
