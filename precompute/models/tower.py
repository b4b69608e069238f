"""One view of a pre-norm vision transformer over borrowed modules.

Everything below `models/` speaks of this view alone, so that no other file has to know how a
library names its layers. The view owns no weights: it points at the library's own modules.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn


class Heads(NamedTuple):
    """Queries, keys and values of all heads of one block."""

    q: Float[Tensor, "batch head token head_width"]
    k: Float[Tensor, "batch head token head_width"]
    v: Float[Tensor, "batch head token head_width"]


@dataclass(frozen=True)
class Block:
    """One pre-norm block: `z + project(attention(norm1(z)))`, then `+ mlp(norm2(.))`.

    Attributes:
        norm1: the norm before attention.
        qkv: [*, d] -> [*, 3d], laid out as (3, head, head_width).
        proj: the output projection W_O with its bias b_O; takes the heads side by side.
        norm2: the norm before the MLP.
        mlp: the MLP.
        w_o: W_O^h of every head; a view into `proj.weight` where there is no gain.
        w_o_short: R^T of W_O^h^T = Q R, of every head in float32. Q keeps lengths, so
            |v W_O^h| = |v R^T| and the length of a token's contribution needs no d-wide vector.
        turn: what positions (a rotation) or norms make of queries and keys; None where nothing.
        mask: which keys a query sees, true where it does: windows. None where it sees all.
        gain: factors of what attention adds (LayerScale); `w_o` holds them. None where none.
    """

    norm1: nn.Module
    qkv: Callable[[Tensor], Tensor]
    proj: nn.Linear
    norm2: nn.Module
    mlp: Callable[[Tensor], Tensor]
    w_o: Float[Tensor, "head head_width width"]
    w_o_short: Float[Tensor, "head head_width short"]
    turn: Callable[[Heads], Heads] | None = None
    mask: Bool[Tensor, "token token"] | None = None
    gain: Float[Tensor, " width"] | None = None

    def project(self, heads: Float[Tensor, "batch token width"]) -> Tensor:
        """Heads side by side through W_O and b_O."""
        out: Tensor = self.proj(heads)
        return out if self.gain is None else out * self.gain

    @property
    def b_o(self) -> Float[Tensor, " width"]:
        """What attention adds where all heads are off."""
        return self.proj.bias if self.gain is None else self.proj.bias * self.gain


def block(
    *,
    norm1: nn.Module,
    qkv: Callable[[Tensor], Tensor],
    proj: nn.Linear,
    norm2: nn.Module,
    mlp: Callable[[Tensor], Tensor],
    n_heads: int,
    turn: Callable[[Heads], Heads] | None = None,
    mask: Bool[Tensor, "token token"] | None = None,
    gain: Float[Tensor, " width"] | None = None,
) -> Block:
    """Borrow the modules of one block and derive what attribution needs from W_O."""
    width = proj.weight.shape[0]
    w_o = proj.weight.detach().T.reshape(n_heads, -1, width)
    if gain is not None:
        w_o = w_o * gain.detach()
    short = torch.linalg.qr(w_o.float().transpose(1, 2), mode="r").R.transpose(1, 2).contiguous()
    return Block(norm1, qkv, proj, norm2, mlp, w_o, short, turn, mask, gain)


@dataclass(frozen=True)
class VisionTower:
    """A vision transformer, with a class token (CLS) at index 0 or without one.

    What is read at one token is read at the **summary**: CLS where there is one, otherwise the
    mean over the patches.

    Attributes:
        embed: pixels [batch, 3, height, width] -> Z^0 [batch, token, d].
        blocks: the L blocks that the model reads, in order; block l (1..L) maps Z^{l-1} to Z^l.
        final_norm: what decoding applies once, to whichever state is decoded.
        n_heads: heads a block.
        grid: patches as (rows, columns), which follow each other row by row.
        width: d.
        matrices: its weights that are matrices, in one order in all libraries: patches,
            positions, then queries to values, W_O and the MLP's two of each block.
        class_token: whether token 0 is CLS; without, every token is a patch.
        n_dead: blocks that the library computes above the L, whose states the model never reads.
        tiles: how many tiles an image has, whose tokens follow each other and do not see another
            tile's. What is read of an image is read of the first, the whole picture.
    """

    embed: Callable[[Tensor], Tensor]
    blocks: tuple[Block, ...]
    final_norm: nn.Module
    n_heads: int
    grid: tuple[int, int]
    width: int
    matrices: tuple[nn.Parameter, ...]
    class_token: bool = True
    n_dead: int = 0
    tiles: int = 1

    @property
    def n_layers(self) -> int:
        """L, the number of blocks; there are L + 1 states."""
        return len(self.blocks)

    @property
    def n_tokens(self) -> int:
        """Of all tiles: of each, N or, with CLS, N + 1: one token a patch, and CLS."""
        return self.tiles * self.n_seen

    @property
    def n_seen(self) -> int:
        """The tokens of the whole picture, of which maps are."""
        return self.grid[0] * self.grid[1] + self.class_token

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the weights."""
        return self.blocks[0].proj.weight.dtype

    def summary(self, tokens: Float[Tensor, "batch token width"]) -> Float[Tensor, "batch width"]:
        """The CLS token's vectors, or the mean patch's, which is taken in float32."""
        if self.class_token:
            return tokens[:, 0]
        return tokens[:, : self.n_seen].mean(1, dtype=torch.float32)

    def patches(self, tokens: Float[Tensor, "*batch token"]) -> Float[Tensor, "*batch patch"]:
        """What there is of the patches alone."""
        return tokens[..., int(self.class_token) : self.n_seen]

    def seen(self, heads: Heads) -> Heads:
        """Queries, keys and values of the whole picture alone."""
        return Heads(*(part[:, :, : self.n_seen] for part in heads))

    def split_heads(self, block: Block, normed: Float[Tensor, "batch token width"]) -> Heads:
        """q, k and v of every head from the normalised residual stream, positions included."""
        qkv = block.qkv(normed)
        batch, token, _ = qkv.shape
        heads = Heads(*qkv.reshape(batch, token, 3, self.n_heads, -1).permute(2, 0, 3, 1, 4))
        return heads if block.turn is None else block.turn(heads)
