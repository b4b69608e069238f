"""One view of a pre-norm vision transformer over borrowed modules.

Everything below `models/` speaks of this view alone, so that no other file has to know how a
library names its layers. The view owns no weights: it points at the library's own modules.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Heads(NamedTuple):
    """Queries, keys and values of all heads of one block."""

    q: Float[Tensor, "batch head token head_width"]
    k: Float[Tensor, "batch head token head_width"]
    v: Float[Tensor, "batch head token head_width"]


@dataclass(frozen=True)
class Block:
    """One pre-norm block: `z + proj(attention(norm1(z)))`, then `+ mlp(norm2(.))`.

    Attributes:
        norm1: LayerNorm before attention.
        qkv: [*, d] -> [*, 3d], laid out as (3, head, head_width).
        proj: the output projection W_O with its bias b_O; takes the heads side by side.
        norm2: LayerNorm before the MLP.
        mlp: the MLP.
        w_o: W_O^h of every head, a view into `proj.weight`.
        w_o_short: R^T of W_O^h^T = Q R, of every head in float32. Q keeps lengths, so
            |v W_O^h| = |v R^T| and the length of a token's contribution needs no d-wide vector.
    """

    norm1: nn.Module
    qkv: Callable[[Tensor], Tensor]
    proj: nn.Linear
    norm2: nn.Module
    mlp: Callable[[Tensor], Tensor]
    w_o: Float[Tensor, "head head_width width"]
    w_o_short: Float[Tensor, "head head_width short"]


def block(
    *,
    norm1: nn.Module,
    qkv: Callable[[Tensor], Tensor],
    proj: nn.Linear,
    norm2: nn.Module,
    mlp: Callable[[Tensor], Tensor],
    n_heads: int,
) -> Block:
    """Borrow the modules of one block and derive what attribution needs from W_O."""
    width = proj.weight.shape[0]
    w_o = proj.weight.detach().T.reshape(n_heads, -1, width)
    short = torch.linalg.qr(w_o.float().transpose(1, 2), mode="r").R.transpose(1, 2).contiguous()
    return Block(norm1, qkv, proj, norm2, mlp, w_o, short)


@dataclass(frozen=True)
class VisionTower:
    """A vision transformer with a CLS token at index 0.

    Attributes:
        embed: pixels [batch, 3, height, width] -> Z^0 [batch, token, d].
        blocks: the L blocks in order; block l (1..L) maps Z^{l-1} to Z^l.
        final_norm: the LayerNorm that decoding applies once, to whichever state is decoded.
        n_heads: heads a block.
        grid: patches as (rows, columns).
        width: d.
        matrices: its weights that are matrices, in one order in all libraries: patches,
            positions, then queries to values, W_O and the MLP's two of each block.
    """

    embed: Callable[[Tensor], Tensor]
    blocks: tuple[Block, ...]
    final_norm: nn.Module
    n_heads: int
    grid: tuple[int, int]
    width: int
    matrices: tuple[nn.Parameter, ...]

    @property
    def n_layers(self) -> int:
        """L, the number of blocks; there are L + 1 states."""
        return len(self.blocks)

    @property
    def n_tokens(self) -> int:
        """N + 1: the CLS token and one token a patch."""
        return self.grid[0] * self.grid[1] + 1

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the weights."""
        return self.blocks[0].proj.weight.dtype

    def split_heads(self, block: Block, normed: Float[Tensor, "batch token width"]) -> Heads:
        """q, k and v of every head from the normalised residual stream."""
        qkv = block.qkv(normed)
        batch, token, _ = qkv.shape
        return Heads(*qkv.reshape(batch, token, 3, self.n_heads, -1).permute(2, 0, 3, 1, 4))
