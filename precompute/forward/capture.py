"""What a run keeps of a batch of images: the numbers of every layer and head, and all states."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from precompute.forward import attention
from precompute.forward.batches import by_image
from precompute.forward.layers import LayerEdit, LayerRecord, run_layers
from precompute.models import VisionTower

Columns = dict[str, Tensor]
"""Column name -> values. A value that is undefined is NaN; parts store it as NULL."""


@dataclass(frozen=True)
class Capture:
    """A batch of images after one pass through the tower, in float32 on the CPU but for `states`.

    Attributes:
        states: Z^0..Z^L on the model's device and in its dtype, for decoding.
        layer_stat: each [batch, layer], the columns of the table of that name.
        head_stat: each [batch, layer, head], likewise.
        cls_attention: the CLS row of every head's pattern, [batch, layer, head, token].
        contribution: |x_i^{l,h}|, the same shape.
        token_norm: |Z^l_i|, [batch, layer + 1, token].
        cls_state: Z^l of the CLS token, [batch, layer + 1, width].
    """

    states: list[Float[Tensor, "batch token width"]]
    layer_stat: Columns
    head_stat: Columns
    cls_attention: Float[Tensor, "batch layer head token"]
    contribution: Float[Tensor, "batch layer head token"]
    token_norm: Float[Tensor, "batch states token"]
    cls_state: Float[Tensor, "batch states width"]


@torch.inference_mode()
def capture(tower: VisionTower, pixels: Float[Tensor, "batch 3 y x"]) -> Capture:
    """Run a batch through the tower once and keep what a run keeps.

    Raises:
        ValueError: a state holds NaN or infinity; the message names the first such layer.
    """
    return _capture(tower, tower.embed(pixels), {}, 1, None)


@torch.inference_mode()
def capture_edited(tower: VisionTower, plain: Capture, edits: Mapping[int, LayerEdit]) -> Capture:
    """The same under edits, from the stored state below the lowest of them.

    Args:
        tower: the tower.
        plain: the batch without edits; what lies below is taken from it.
        edits: layer (1..L) -> how it is computed otherwise.

    Raises:
        ValueError: a state holds NaN or infinity; the message names the first such layer.
    """
    below = min(edits) - 1
    state = plain.states[below]
    previous = plain.cls_attention[:, below - 1].to(state.device) if below else None
    above = _capture(tower, state, edits, below + 1, previous)

    def join(plainly: Tensor, edited: Tensor) -> Tensor:
        return torch.cat([plainly[:, : plainly.shape[1] - edited.shape[1]], edited], 1)

    return Capture(
        states=plain.states[:below] + above.states,
        layer_stat={k: join(v, above.layer_stat[k]) for k, v in plain.layer_stat.items()},
        head_stat={k: join(v, above.head_stat[k]) for k, v in plain.head_stat.items()},
        cls_attention=join(plain.cls_attention, above.cls_attention),
        contribution=join(plain.contribution, above.contribution),
        token_norm=join(plain.token_norm, above.token_norm),
        cls_state=join(plain.cls_state, above.cls_state),
    )


def _capture(
    tower: VisionTower,
    state: Tensor,
    edits: Mapping[int, LayerEdit],
    first: int,
    previous: Tensor | None,
) -> Capture:
    """Blocks `first`..L from Z^{first-1}; `previous` is the CLS pattern of the layer below."""
    states = [state]
    norms = [state.float().norm(dim=-1)]
    layers: list[Columns] = []
    heads: list[Columns] = []
    patterns: list[Tensor] = []
    contributions: list[Tensor] = []
    for record in run_layers(tower, state, edits, first):
        norms.append(record.resid_post.float().norm(dim=-1))
        layers.append(layer_stats(record, norms[-1], patterns[-1] if patterns else previous))
        heads.append(head_stats(record))
        patterns.append(record.cls_pattern)
        contributions.append(record.contribution)
        states.append(record.resid_post)
    token_norm = torch.stack(norms, 1)
    finite = token_norm.isfinite().all(2).all(0)
    if not finite.all():
        raise ValueError(
            f"expected finite states; Z^{int((~finite).nonzero()[0]) + first - 1} holds NaN or "
            "infinity. Use dtype = 'float32' (or 'bfloat16'; never float16) under [model]."
        )
    return Capture(
        states=states,
        layer_stat=_by_layer(layers),
        head_stat=_by_layer(heads),
        cls_attention=torch.stack(patterns, 1).cpu(),
        contribution=torch.stack(contributions, 1).cpu(),
        token_norm=token_norm.cpu(),
        cls_state=torch.stack([state[:, 0].float() for state in states], 1).cpu(),
    )


def layer_stats(record: LayerRecord, token_norm: Tensor, previous: Tensor | None) -> Columns:
    """The columns of `layer_stat` at one layer, each [batch].

    Norms are of the CLS token's vectors but where the name says `patch`. `attn_share` is
    <MSA, dZ> / |dZ|^2: the part of the step that attention makes along the step itself; the MLP
    has the rest, and either may lie outside [0, 1] where the two pull apart.
    Where the residual connection carries a mean (`confuse`), that mean stands for Z^{l-1}: dZ is
    MSA + MLP, and `cos_prev` is against the mean.

    Args:
        record: the layer.
        token_norm: |Z^l_i|, [batch, token].
        previous: the CLS pattern [batch, head, token] of the layer below; None at l = 1, where
            dA and the map shift are undefined.
    """
    pattern = record.cls_pattern
    here = attention.attn_to_patches(pattern).mean(-1)
    before, after = record.resid_pre[:, 0].float(), record.resid_post[:, 0].float()
    length, share = by_image(_step, record.attn_out, record.mlp_out).unbind(1)
    undefined = torch.full_like(here, torch.nan)
    return {
        "attn_to_patches": here,
        "delta_attn": undefined
        if previous is None
        else here - attention.attn_to_patches(previous).mean(-1),
        "map_shift": undefined if previous is None else attention.map_shift(pattern, previous),
        "attn_entropy": attention.entropy(pattern.mean(-2)),
        "resid_norm": token_norm[:, 0],
        "update_norm": length[:, 0],
        "attn_norm": record.attn_out[:, 0].float().norm(dim=-1),
        "mlp_norm": record.mlp_out[:, 0].float().norm(dim=-1),
        "attn_share": share[:, 0],
        "patch_update_norm": length[:, 1:].mean(-1),
        "patch_attn_share": share[:, 1:].mean(-1),
        "cos_prev": torch.cosine_similarity(after, before, dim=-1),
        "n_outlier_tokens": attention.n_outliers(token_norm),
    }


def _step(attn_out: Tensor, mlp_out: Tensor) -> Tensor:
    """|dZ| and <MSA, dZ> / |dZ|^2 of every token, [batch, 2, token]."""
    update = (attn_out + mlp_out).float()
    length = update.norm(dim=-1)
    share = (attn_out.float() * update).sum(-1) / length.square()
    return torch.stack([length, share], 1)


def head_stats(record: LayerRecord) -> Columns:
    """The columns of `head_stat` at one layer, each [batch, head].

    `contribution_norm` is |sum_i x_i^{l,h}|, what the head gives to CLS; `contribution_share`
    its part of the step, <., dZ_cls> / |dZ_cls|^2. With those of b_O and the MLP they sum to 1.
    """
    given = record.head_out.float()
    update = (record.attn_out[:, 0] + record.mlp_out[:, 0]).float()
    return {
        "attn_to_patches": attention.attn_to_patches(record.cls_pattern),
        "attn_entropy": attention.entropy(record.cls_pattern),
        "contribution_norm": given.norm(dim=-1),
        "contribution_share": torch.einsum("bhd,bd->bh", given, update)
        / update.square().sum(-1, keepdim=True),
    }


def _by_layer(layers: list[Columns]) -> Columns:
    return {name: torch.stack([layer[name] for layer in layers], 1).cpu() for name in layers[0]}
