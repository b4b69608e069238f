"""A random tower of the paper's depth."""

import torch
from torch import nn

from precompute.models.tower import VisionTower, block

N_LAYERS = 39
N_HEADS = 8
WIDTH = 128
GRID = (8, 8)


def random_tower() -> VisionTower:
    """As deep as EVA-CLIP ViT-g, narrower: blocks of equal cost are what matters."""
    torch.manual_seed(0)
    with torch.no_grad():
        return VisionTower(
            embed=nn.Identity(),
            blocks=tuple(
                block(
                    norm1=nn.LayerNorm(WIDTH),
                    qkv=nn.Linear(WIDTH, 3 * WIDTH).requires_grad_(False),
                    proj=nn.Linear(WIDTH, WIDTH).requires_grad_(False),
                    norm2=nn.LayerNorm(WIDTH),
                    mlp=nn.Sequential(
                        nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH)
                    ),
                    n_heads=N_HEADS,
                )
                for _ in range(N_LAYERS)
            ),
            final_norm=nn.LayerNorm(WIDTH),
            n_heads=N_HEADS,
            grid=GRID,
            width=WIDTH,
            matrices=(),
        )
