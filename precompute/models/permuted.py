"""A captioner whose tower has forgotten what it learnt: every matrix's weights in another order."""

import copy
from dataclasses import replace
from typing import TypeVar

import torch

from precompute.models.captioner import Captioner
from precompute.models.tower import VisionTower, block

C = TypeVar("C", bound=Captioner)


def with_permuted_tower(captioner: C, seed: int, top: int | None = None) -> C:
    """The same captioner on a tower whose weights are permuted within each matrix.

    Each matrix keeps its numbers, and so their mean and spread, but not where they stand. Biases,
    norms and the CLS embedding, which are no matrices, stay; so does all that reads the tower's
    states. The tower is a copy: the captioner that is given, and the library's model under it, are
    as they were. Its `library_` methods go on running the library's own tower.

    Args:
        captioner: any; it is not changed.
        seed: of the permutations, which are drawn on the CPU: the same on every device, and for a
            model's weights in LAVIS and in transformers.
        top: how many blocks, from the last down, are permuted; every matrix, if not given. A block
            has the same permutation whatever the number.
    """
    return replace(captioner, tower=_permuted(captioner.tower, seed, top))  # type: ignore[type-var]


def _permuted(tower: VisionTower, seed: int, top: int | None) -> VisionTower:
    copied = copy.deepcopy(tower)
    generator, first = torch.Generator().manual_seed(seed), _first_of(copied, top)
    with torch.no_grad():
        for k, matrix in enumerate(copied.matrices):
            order = torch.randperm(matrix.numel(), generator=generator).to(matrix.device)
            if k >= first:
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


def _first_of(tower: VisionTower, top: int | None) -> int:
    """Where the matrices of the top blocks begin among all."""
    if top is None or top >= tower.n_layers:
        return 0 if top is None else _end_of(tower, 0)
    return _end_of(tower, tower.n_layers - top)


def _end_of(tower: VisionTower, n_blocks: int) -> int:
    """How many matrices there are below and in the first blocks; of 0, those of the embeddings."""
    outputs = [
        next(k for k, matrix in enumerate(tower.matrices) if matrix is one.proj.weight)
        for one in tower.blocks
    ]
    behind = len(tower.matrices) - outputs[-1]  # W_O and the MLP's
    if n_blocks:
        return outputs[n_blocks - 1] + behind
    before = outputs[1] - outputs[0] - behind if len(outputs) > 1 else None
    # One block alone: queries, keys and values are one matrix or three.
    if before is None:
        width = tower.width
        before = sum(tower.matrices[k].shape[0] in (width, 3 * width) for k in range(outputs[0]))
    return outputs[0] - before
