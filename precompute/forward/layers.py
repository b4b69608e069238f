"""The one instrumented forward: Eq. 1-6 of the paper over a borrowed vision tower.

The stream runs through fused attention, as in the library. The CLS row of the attention pattern is
computed beside it, one query a head, which is 1/(N+1) of the work of the full pattern. A tower
without CLS has no such row: there the mean over all queries is taken, image by image.
No hooks, no patched modules, no `output_attentions`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from precompute.config import require_layers
from precompute.forward.batches import by_image
from precompute.forward.put import Put, mixed
from precompute.models import Block, Heads, VisionTower


@dataclass(frozen=True)
class Attention:
    """What the heads of one block make of a state, before W_O and whatever their scales.

    Edits of the same block that start from the same state share it.
    """

    heads: Heads
    z: Float[Tensor, "batch head token head_width"]


@dataclass(frozen=True)
class Constant:
    """MSA(LN1(Zbar)) of one block: the same for every image, so it is computed once.

    Or of another image's state in place of Zbar, for every image of a batch.

    Attributes:
        attention: of Zbar, as a batch of one.
        attn_out: through W_O, scaled heads and b_O included.
    """

    attention: Attention
    attn_out: Float[Tensor, "#batch token width"]


@dataclass(frozen=True)
class LayerEdit:
    """How one block is computed otherwise than the library would.

    All but `skip` go together: the heads of a constant are scaled when it is made.

    Attributes:
        head_scale: factor of every head's output before W_O; ones leave the block as it is,
            0 removes a head. b_O stays. With a batch axis, every image has its own.
        constant: stands in for MSA(LN1(Z^{l-1})): the paper's "averaging".
        carried: Zbar, which the residual connection carries past MSA instead of Z^{l-1}: the
            paper's "confusion".
        skip: the block is left out: Z^l = Z^{l-1}.
        put: another picture's values in place of the block's own, after all else.
    """

    head_scale: Float[Tensor, "*batch head"] | None = None
    constant: Constant | None = None
    carried: Float[Tensor, "*batch token width"] | None = None
    skip: bool = False
    put: Put | None = None


NO_EDIT = LayerEdit()


@dataclass(frozen=True)
class LayerRecord:
    """Everything that block `layer` (1..L) read, added and left.

    Of a block that was skipped, `attn_out` and `mlp_out` are 0 and what heads did is NaN.

    Attributes:
        layer: index of the block, from 1.
        resid_pre: Z^{l-1}, or what an edit lets the residual connection carry in its place.
        attn_out: MSA(LN1(Z^{l-1})), b_O included.
        mlp_out: MLP(LN2(resid_mid)).
        resid_post: Z^l.
        pattern: attention of the CLS token after the softmax, float32, rows sum to 1; in a tower
            without CLS what each patch receives, the mean over queries, which sums to 1 as well.
            Of a picture in tiles, of the whole picture's tokens.
        contribution: |x_i^{l,h}|, the length of what token i gives through head h to CLS (Eq. 3),
            or to the mean patch.
        head_out: sum_i x_i^{l,h}, what head h gives to it; with b_O they sum to its MSA.
    """

    layer: int
    resid_pre: Float[Tensor, "batch token width"]
    attn_out: Float[Tensor, "batch token width"]
    mlp_out: Float[Tensor, "batch token width"]
    resid_post: Float[Tensor, "batch token width"]
    pattern: Float[Tensor, "batch head seen"]
    contribution: Float[Tensor, "batch head seen"]
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
    # k @ q and not q @ k: keys are multiplied as they lie, which takes half the time.
    return ((k @ q.transpose(2, 3)).squeeze(3) * scale).softmax(-1)


def full_pattern(
    heads: Heads, mask: Bool[Tensor, "token token"] | None
) -> Float[Tensor, "batch head token token2"]:
    """Every token's attention over all tokens, after the softmax, in float32: rows sum to 1."""
    q, k = heads.q.float(), heads.k.float()
    scale: float = q.shape[-1] ** -0.5
    scores = q @ k.transpose(2, 3) * scale
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    return scores.softmax(-1)


def received_pattern(
    heads: Heads, mask: Bool[Tensor, "token token"] | None
) -> Float[Tensor, "batch head token"]:
    """The attention that each token receives: the mean over queries."""
    return by_image(lambda q, k: full_pattern(Heads(q, k, k), mask).mean(2), heads.q, heads.k)


def pattern_of(tower: VisionTower, block: Block, heads: Heads) -> Float[Tensor, "batch head seen"]:
    """The attention that the summary is read from: CLS's own, or what each patch receives.

    Raises:
        ValueError: CLS of a tower with windows, which no family has.
    """
    heads = tower.seen(heads)
    if not tower.class_token:
        return received_pattern(heads, block.mask)
    if block.mask is not None:
        raise ValueError("expected a tower with CLS to attend without windows; got a mask.")
    return cls_pattern(heads)


def contribution_norms(
    block: Block,
    pattern: Float[Tensor, "batch head token"],
    values: Float[Tensor, "batch head token head_width"],
) -> Float[Tensor, "batch head token"]:
    """|alpha_i (LN1(z_i) W_V^h + b_V^h) W_O^h| for every token and head (Eq. 3).

    Without a vector of the model's width: see `Block.w_o_short`.
    """
    return pattern * by_image(
        lambda value: torch.linalg.vector_norm(value.float() @ block.w_o_short, dim=-1), values
    )


def attend(tower: VisionTower, layer: int, state: Float[Tensor, "batch token width"]) -> Attention:
    """Queries, keys, values of block `layer` on Z^{l-1}, and what attention makes of them."""
    block = tower.blocks[layer - 1]
    heads = tower.split_heads(block, block.norm1(state))
    # Of several tiles, each attends within itself.
    q, k, v = heads if tower.tiles == 1 else (_by_tile(x, tower.tiles) for x in heads)
    z = scaled_dot_product_attention(q, k, v, attn_mask=block.mask)
    return Attention(heads, z if tower.tiles == 1 else z.flatten(2, 3))


def _by_tile(of_heads: Tensor, n_tiles: int) -> Tensor:
    batch, head, token, width = of_heads.shape
    return of_heads.reshape(batch, head, n_tiles, token // n_tiles, width)


def constant(
    tower: VisionTower,
    layer: int,
    mean: Float[Tensor, "*batch token width"],
    head_scale: Float[Tensor, " head"] | None = None,
) -> Constant:
    """MSA(LN1(Zbar)) of block `layer`, for a `LayerEdit`."""
    attention = attend(tower, layer, mean if mean.ndim == 3 else mean[None])
    return Constant(attention, _project(tower.blocks[layer - 1], attention.z, head_scale))


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
        ValueError: an edit or `first` names a layer that the tower does not have, or a state has
            other tokens than the tower.
    """
    edits = edits or {}
    require_layers({first, *edits}, 1, tower.n_layers, "edited layers")
    require_tokens(tower, state)
    return _records(tower, state, edits, first)


def run_states(
    tower: VisionTower,
    state: Float[Tensor, "batch token width"],
    edits: Mapping[int, LayerEdit] | None = None,
    first: int = 1,
    attention: Attention | None = None,
) -> Iterator[Float[Tensor, "batch token width"]]:
    """Like `run_layers`, but for the states Z^first..Z^L alone: nothing beside them is computed.

    Args:
        tower: the borrowed tower.
        state: Z^{first-1}.
        edits: layer (1..L) -> how it is computed otherwise.
        first: the first block to run, 1..L.
        attention: of block `first` on `state`, where the caller has it already.

    Raises:
        ValueError: an edit or `first` names a layer that the tower does not have, or a state has
            other tokens than the tower.
    """
    edits = edits or {}
    require_layers({first, *edits}, 1, tower.n_layers, "edited layers")
    require_tokens(tower, state)
    return _states(tower, state, edits, first, attention)


def require_tokens(tower: VisionTower, state: Float[Tensor, "batch token width"]) -> None:
    """Hold a state against what its tower says of itself.

    A tower that is wrongly said to have CLS, or not to have it, would take a patch for CLS.

    Raises:
        ValueError: another number of tokens.
    """
    if state.shape[1] != tower.n_tokens:
        rows, columns = tower.grid
        raise ValueError(
            f"expected {rows} x {columns} patches and {'a' if tower.class_token else 'no'} class "
            f"token, {tower.n_tokens} tokens in {tower.tiles} tiles; got {state.shape[1]}. The "
            "view of this tower (precompute/models) says otherwise than its library computes."
        )


def _records(
    tower: VisionTower, state: Tensor, edits: Mapping[int, LayerEdit], first: int
) -> Iterator[LayerRecord]:
    for layer in range(first, tower.n_layers + 1):
        record = _record(tower, layer, state, edits.get(layer, NO_EDIT))
        yield record
        state = record.resid_post
        del record  # or the next block would run beside all of this one


def _states(
    tower: VisionTower,
    state: Tensor,
    edits: Mapping[int, LayerEdit],
    first: int,
    attention: Attention | None,
) -> Iterator[Tensor]:
    for layer in range(first, tower.n_layers + 1):
        edit, known = edits.get(layer, NO_EDIT), attention if layer == first else None
        resid_pre, attn_out = _run_attention(tower, layer, state, edit, known)[:2]
        _, state = _run_mlp(tower, layer, resid_pre, attn_out, edit)
        yield state


class _Attended(NamedTuple):
    """The first half of a block: what is carried past attention, what attention adds, and itself.

    A block that is skipped adds 0 and has no attention.
    """

    resid_pre: Tensor
    attn_out: Tensor
    attention: Attention | None


def _run_attention(
    tower: VisionTower, layer: int, state: Tensor, edit: LayerEdit, attention: Attention | None
) -> _Attended:
    if edit.skip:
        return _Attended(state, torch.zeros_like(state), None)
    if edit.constant is not None:
        attention, attn_out = edit.constant.attention, edit.constant.attn_out.expand_as(state)
    else:
        attention = attention or attend(tower, layer, state)
        if edit.put is not None:
            z = mixed(attention.z, edit.put.z, edit.put.heads)
            attention = replace(attention, z=z)
        attn_out = _project(tower.blocks[layer - 1], attention.z, edit.head_scale)
    if edit.put is not None:
        attn_out = mixed(attn_out, edit.put.attn_out, edit.put.attention)
    resid_pre = state if edit.carried is None else edit.carried.expand_as(state)
    return _Attended(resid_pre, attn_out, attention)


def _run_mlp(
    tower: VisionTower, layer: int, resid_pre: Tensor, attn_out: Tensor, edit: LayerEdit
) -> tuple[Tensor, Tensor]:
    """The second half: what the MLP adds, and Z^l."""
    if edit.skip:
        return torch.zeros_like(resid_pre), resid_pre
    block = tower.blocks[layer - 1]
    resid_mid = attn_out + resid_pre
    mlp_out = block.mlp(block.norm2(resid_mid))
    if edit.put is not None:
        mlp_out = mixed(mlp_out, edit.put.mlp_out, edit.put.mlp)
    if edit.put is not None and edit.put.state is not None and edit.put.tokens is not None:
        return mlp_out, mixed(mlp_out + resid_mid, edit.put.state, edit.put.tokens)
    return mlp_out, mlp_out + resid_mid


def _project(block: Block, z: Tensor, head_scale: Tensor | None) -> Tensor:
    """Heads side by side through W_O and b_O."""
    return block.project(_scaled(z, head_scale).transpose(1, 2).flatten(2))


def _scaled(z: Tensor, head_scale: Tensor | None) -> Tensor:
    return z if head_scale is None else z * head_scale.to(z)[..., None, None]


def _record(tower: VisionTower, layer: int, state: Tensor, edit: LayerEdit) -> LayerRecord:
    seen = _attend_and_observe(tower, layer, state, edit)
    mlp_out, resid_post = _run_mlp(tower, layer, seen.resid_pre, seen.attn_out, edit)
    n_images = len(state)
    return LayerRecord(
        layer=layer,
        resid_pre=seen.resid_pre,
        attn_out=seen.attn_out,
        mlp_out=mlp_out,
        resid_post=resid_post,
        # A constant is a batch of one, whatever the number of images.
        pattern=seen.pattern.expand(n_images, -1, -1),
        contribution=seen.contribution.expand(n_images, -1, -1),
        head_out=seen.head_out.expand(n_images, -1, -1),
    )


class _Observed(NamedTuple):
    """The first half of a block as `LayerRecord` has it; what heads did may be a batch of one."""

    resid_pre: Tensor
    attn_out: Tensor
    pattern: Tensor
    contribution: Tensor
    head_out: Tensor


def _attend_and_observe(
    tower: VisionTower, layer: int, state: Tensor, edit: LayerEdit
) -> _Observed:
    """The first half of a block and what is seen in it; queries, keys and values end with it."""
    resid_pre, attn_out, attention = _run_attention(tower, layer, state, edit, None)
    if attention is None:
        unknown = state.new_full((1, tower.n_heads, 1), torch.nan)
        over_tokens = unknown.float().expand(-1, -1, tower.n_seen)
        over_width = unknown.expand(-1, -1, tower.width)
        return _Observed(resid_pre, attn_out, over_tokens, over_tokens, over_width)
    block = tower.blocks[layer - 1]
    pattern = pattern_of(tower, block, attention.heads)
    contribution = contribution_norms(block, pattern, tower.seen(attention.heads).v)
    if edit.head_scale is not None:
        contribution = contribution * edit.head_scale.to(contribution).abs()[..., None]
    z = attention.z[:, :, : tower.n_seen]
    z = z[:, :, :1] if tower.class_token else z.mean(2, keepdim=True)
    z = _scaled(z, edit.head_scale)[:, :, 0]
    head_out = torch.einsum("bhe,hed->bhd", z, block.w_o)
    return _Observed(resid_pre, attn_out, pattern, contribution, head_out)
