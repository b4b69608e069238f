"""A random tower of the paper's depth, and times that stand next to each other."""

import statistics
import time
from collections.abc import Callable

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
        )


def times_faster(
    slow: Callable[[], object], fast: Callable[[], object], repeats: int
) -> tuple[float, float, float]:
    """Run two ways of the same work in turns.

    Returns:
        Median seconds of the slow and of the fast one; the median of the ratios of neighbours,
        which a machine that is busy for a while changes least.
    """
    slow(), fast()
    pairs = [(_seconds(slow), _seconds(fast)) for _ in range(repeats)]
    return (
        statistics.median(a for a, _ in pairs),
        statistics.median(b for _, b in pairs),
        statistics.median(a / b for a, b in pairs),
    )


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
