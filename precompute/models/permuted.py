"""A captioner whose tower has forgotten what it learnt: every matrix's weights in another order."""

import copy
from dataclasses import replace
from typing import TypeVar

import torch

from precompute.models.captioner import Captioner
from precompute.models.tower import VisionTower, block

C = TypeVar("C", bound=Captioner)


def with_permuted_tower(captioner: C, seed: int) -> C:
    """The same captioner on a tower whose weights are permuted within each matrix.

    Each matrix keeps its numbers, and so their mean and spread, but not where they stand. Biases,
    norms and the CLS embedding, which are no matrices, stay; so does all that reads the tower's
    states. The tower is a copy: the captioner that is given, and the library's model under it, are
    as they were. Its `library_` methods go on running the library's own tower.

    Args:
        captioner: any; it is not changed.
        seed: of the permutations, which are drawn on the CPU: the same on every device, and for a
            model's weights in LAVIS and in transformers.
    """
    return replace(captioner, tower=_permuted(captioner.tower, seed))  # type: ignore[type-var]


def _permuted(tower: VisionTower, seed: int) -> VisionTower:
    copied = copy.deepcopy(tower)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for matrix in copied.matrices:
            order = torch.randperm(matrix.numel(), generator=generator).to(matrix.device)
            matrix.copy_(matrix.flatten()[order].reshape(matrix.shape))
    # What blocks derive from W_O is that of the copy before.
    return replace(
        copied,
        blocks=tuple(
            block(
                norm1=one.norm1,
                qkv=one.qkv,
                proj=one.proj,
                norm2=one.norm2,
                mlp=one.mlp,
                n_heads=copied.n_heads,
                turn=one.turn,
                mask=one.mask,
                gain=one.gain,
            )
            for one in copied.blocks
        ),
    )
