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
        attention: the CLS row of every head's pattern, or what each patch receives in a tower
            without CLS, [batch, layer, head, token]; where there are tiles, of the whole picture.
        contribution: |x_i^{l,h}|, the same shape.
        token_norm: |Z^l_i|, [batch, layer + 1, token].
        summary_state: Z^l of the CLS token, or of the mean patch, [batch, layer + 1, width].
    """

    states: list[Float[Tensor, "batch token width"]]
    layer_stat: Columns
    head_stat: Columns
    attention: Float[Tensor, "batch layer head seen"]
    contribution: Float[Tensor, "batch layer head seen"]
    token_norm: Float[Tensor, "batch states seen"]
    summary_state: Float[Tensor, "batch states width"]


@torch.inference_mode()
def capture(
    tower: VisionTower,
    pixels: Float[Tensor, "batch 3 y x"],
    edits: Mapping[int, LayerEdit] | None = None,
) -> Capture:
    """Run a batch through the tower once and keep what a run keeps.

    Args:
        tower: the tower.
        pixels: as it takes them.
        edits: layer (1..L) -> how it is computed otherwise.

    Raises:
        ValueError: a state holds NaN or infinity; the message names the first such layer.
    """
    return _capture(tower, tower.embed(pixels), edits or {}, 1, None)


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
    previous = plain.attention[:, below - 1].to(state.device) if below else None
    above = _capture(tower, state, edits, below + 1, previous)

    def join(plainly: Tensor, edited: Tensor) -> Tensor:
        return torch.cat([plainly[:, : plainly.shape[1] - edited.shape[1]], edited], 1)

    return Capture(
        states=plain.states[:below] + above.states,
        layer_stat={k: join(v, above.layer_stat[k]) for k, v in plain.layer_stat.items()},
        head_stat={k: join(v, above.head_stat[k]) for k, v in plain.head_stat.items()},
        attention=join(plain.attention, above.attention),
        contribution=join(plain.contribution, above.contribution),
        token_norm=join(plain.token_norm, above.token_norm),
        summary_state=join(plain.summary_state, above.summary_state),
    )


def _capture(
    tower: VisionTower,
    state: Tensor,
    edits: Mapping[int, LayerEdit],
    first: int,
    previous: Tensor | None,
) -> Capture:
    """Blocks `first`..L from Z^{first-1}; `previous` is the pattern of the layer below."""
    states = [state]
    norms = [_norms(tower, state)]
    layers: list[Columns] = []
    heads: list[Columns] = []
    patterns: list[Tensor] = []
    contributions: list[Tensor] = []
    for record in run_layers(tower, state, edits, first):
        norms.append(_norms(tower, record.resid_post))
        below = patterns[-1] if patterns else previous
        layers.append(layer_stats(tower, record, norms[-1], below))
        heads.append(head_stats(tower, record))
        patterns.append(record.pattern)
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
        attention=torch.stack(patterns, 1).cpu(),
        contribution=torch.stack(contributions, 1).cpu(),
        token_norm=token_norm.cpu(),
        summary_state=torch.stack([tower.summary(state).float() for state in states], 1).cpu(),
    )


def _norms(tower: VisionTower, state: Tensor) -> Tensor:
    lengths: Tensor = state[:, : tower.n_seen].float().norm(dim=-1)
    return lengths


_WITHOUT_CLS = {
    "map_shift": "received_shift",
    "attn_entropy": "received_entropy",
    "resid_norm": "mean_resid_norm",
    "update_norm": "mean_update_norm",
    "attn_norm": "mean_attn_norm",
    "mlp_norm": "mean_mlp_norm",
    "attn_share": "mean_attn_share",
    "cos_prev": "mean_cos_prev",
    "contribution_norm": "mean_contribution_norm",
    "contribution_share": "mean_contribution_share",
}
"""What a column of CLS is called where it is taken of received attention or the mean patch: a
number of the one kind must not be compared with one of the other."""

_OF_CLS_ALONE = ("attn_to_patches", "delta_attn")
"""Of what patches receive, the part that patches have is 1."""


def _named(tower: VisionTower, columns: Columns) -> Columns:
    """Columns under the names that a tower's kind has for them."""
    if tower.class_token:
        return columns
    return {_WITHOUT_CLS.get(k, k): v for k, v in columns.items() if k not in _OF_CLS_ALONE}


def layer_stats(
    tower: VisionTower, record: LayerRecord, token_norm: Tensor, previous: Tensor | None
) -> Columns:
    """The columns of `layer_stat` at one layer, each [batch].

    Norms are of the CLS token's vectors (without CLS: the mean patch's) but where the name says
    `patch`. `attn_share` is <MSA, dZ> / |dZ|^2: the part of the step that attention makes along
    the step itself; the MLP has the rest, and either may lie outside [0, 1] where the two pull
    apart.
    Where the residual connection carries a mean (`confuse`), that mean stands for Z^{l-1}: dZ is
    MSA + MLP, and `cos_prev` is against the mean.

    Args:
        tower: whose layer it is.
        record: the layer.
        token_norm: |Z^l_i|, [batch, token].
        previous: the pattern [batch, head, token] of the layer below; None at l = 1, where
            dA and the map shift are undefined.
    """
    here, patches = (
        attention.attn_to_patches(record.pattern).mean(-1),
        tower.patches(record.pattern),
    )
    before, after = (
        tower.summary(record.resid_pre).float(),
        tower.summary(record.resid_post).float(),
    )
    attn, mlp = tower.summary(record.attn_out), tower.summary(record.mlp_out)
    update, attn, mlp = (attn + mlp).float(), attn.float(), mlp.float()
    length, share = (
        tower.patches(x) for x in by_image(_step, record.attn_out, record.mlp_out).unbind(1)
    )
    undefined = torch.full_like(here, torch.nan)
    return _named(
        tower,
        {
            "attn_to_patches": here,
            "delta_attn": undefined
            if previous is None
            else here - attention.attn_to_patches(previous).mean(-1),
            "map_shift": undefined
            if previous is None
            else attention.map_shift(patches, tower.patches(previous)),
            "attn_entropy": attention.entropy(patches.mean(-2)),
            "resid_norm": after.norm(dim=-1),
            "update_norm": update.norm(dim=-1),
            "attn_norm": attn.norm(dim=-1),
            "mlp_norm": mlp.norm(dim=-1),
            "attn_share": _share(attn, update),
            "patch_update_norm": length.mean(-1),
            "patch_attn_share": share.mean(-1),
            "cos_prev": torch.cosine_similarity(after, before, dim=-1),
            "n_outlier_tokens": attention.n_outliers(tower.patches(token_norm)),
        },
    )


def _step(attn_out: Tensor, mlp_out: Tensor) -> Tensor:
    """|dZ| and attention's share of it, of every token, [batch, 2, token]."""
    update = (attn_out + mlp_out).float()
    return torch.stack([update.norm(dim=-1), _share(attn_out.float(), update)], 1)


def _share(part: Tensor, update: Tensor) -> Tensor:
    """<part, dZ> / |dZ|^2: how much of a step one of its parts makes."""
    share: Tensor = (part * update).sum(-1) / update.norm(dim=-1).square()
    return share


def head_stats(tower: VisionTower, record: LayerRecord) -> Columns:
    """The columns of `head_stat` at one layer, each [batch, head].

    `contribution_norm` is |sum_i x_i^{l,h}|, what the head gives to CLS (without CLS: to the mean
    patch); `contribution_share` its part of the step there, <., dZ> / |dZ|^2. With those of b_O
    and the MLP they sum to 1.
    """
    given = record.head_out.float()
    update = (tower.summary(record.attn_out) + tower.summary(record.mlp_out)).float()
    return _named(
        tower,
        {
            "attn_to_patches": attention.attn_to_patches(record.pattern),
            "attn_entropy": attention.entropy(tower.patches(record.pattern)),
            "contribution_norm": given.norm(dim=-1),
            "contribution_share": torch.einsum("bhd,bd->bh", given, update)
            / update.square().sum(-1, keepdim=True),
        },
    )


def _by_layer(layers: list[Columns]) -> Columns:
    return {name: torch.stack([layer[name] for layer in layers], 1).cpu() for name in layers[0]}
